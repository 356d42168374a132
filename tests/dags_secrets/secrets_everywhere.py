"""Waits on secured clusters, good ones and bad ones; and a task and a wait that leak what looks like secrets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

HOW: dict[str, Any] = {
    "deferrable": True,
    "poke_interval": timedelta(seconds=10),
    "unreachable_timeout": timedelta(seconds=5),
    "retries": 0,
}

# Each waits over the connection of its own name.
WAITS = ("pem", "pfx", "client_secret", "client_certificate", "token")
REFUSED = ("stranger", "wrong_secret", "wrong_passphrase", "revoked", "unreachable")

with DAG(dag_id="secrets_everywhere", schedule=None, catchup=False):
    for connection in (*WAITS, *REFUSED):
        ServiceFabricUpgradeSensor(
            task_id=connection, name=f"good-{connection}", service_fabric_conn_id=connection, **HOW
        )
    for connection in ("pfx", "client_secret"):
        ServiceFabricUpgradeSensor(
            task_id=f"rolled_back_{connection}",
            name=f"rolled_back-{connection}",
            service_fabric_conn_id=connection,
            **HOW,
        )

    # The words are put together here, so that this file holds none of them.
    ServiceFabricUpgradeSensor(
        task_id="leaking_wait", name="good-{{ 'decoy' }}_rendered", service_fabric_conn_id="pem", **HOW
    )

    @task(retries=0)
    def leak(ti: Any = None) -> None:
        """Print, push and raise what nobody should."""
        decoy = "decoy"
        print(f"{decoy}_printed")  # noqa: T201 - it stands in the log
        ti.xcom_push(key="leaked", value=f"{decoy}_pushed")
        msg = f"{decoy}_raised"
        raise RuntimeError(msg)

    leak()
