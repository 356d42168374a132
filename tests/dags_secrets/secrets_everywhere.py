"""Waits on secured clusters with valid and invalid settings; a task and a wait that leak decoys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

OPTIONS: dict[str, Any] = {
    "deferrable": True,
    "poke_interval": timedelta(seconds=10),
    "unreachable_timeout": timedelta(seconds=5),
    "retries": 0,
}

# Each wait uses the connection with the name of its task.
WAITS = ("pem", "pfx", "client_secret", "client_certificate", "token")
REFUSED = ("stranger", "wrong_secret", "wrong_passphrase", "revoked", "unreachable")

with DAG(dag_id="secrets_everywhere", schedule=None, catchup=False):
    for connection in (*WAITS, *REFUSED):
        ServiceFabricUpgradeSensor(
            task_id=connection, name=f"good-{connection}", service_fabric_conn_id=connection, **OPTIONS
        )
    for connection in ("pfx", "client_secret"):
        ServiceFabricUpgradeSensor(
            task_id=f"rolled_back_{connection}",
            name=f"rolled_back-{connection}",
            service_fabric_conn_id=connection,
            **OPTIONS,
        )

    # The decoys are built here, so that this file contains no complete decoy.
    ServiceFabricUpgradeSensor(
        task_id="leaking_wait", name="good-{{ 'decoy' }}_rendered", service_fabric_conn_id="pem", **OPTIONS
    )

    @task(retries=0)
    def leak(ti: Any = None) -> None:
        """Print, push and raise decoys, as a task must not do with secrets."""
        decoy = "decoy"
        print(f"{decoy}_printed")  # noqa: T201 - for the log
        ti.xcom_push(key="leaked", value=f"{decoy}_pushed")
        msg = f"{decoy}_raised"
        raise RuntimeError(msg)

    leak()
