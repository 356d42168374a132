"""Three waits with timeouts that continue after a restart of the triggerer: start, stall, outage. One is mapped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

HOW: dict[str, Any] = {"deferrable": True, "poke_interval": timedelta(seconds=10), "retries": 0}
CLOCK = timedelta(seconds=45)

with DAG(dag_id="restart", schedule=None, catchup=False):
    ServiceFabricUpgradeSensor(
        task_id="start",
        name="never_upgraded-live",
        service_fabric_conn_id="fast",
        start_timeout=CLOCK,
        **HOW,
    )
    ServiceFabricUpgradeSensor.partial(
        task_id="stall", service_fabric_conn_id="fast", stall_timeout=CLOCK, **HOW
    ).expand(name=["stuck-live"])
    ServiceFabricUpgradeSensor(
        task_id="silence",
        name="good-live",
        service_fabric_conn_id="nowhere",
        unreachable_timeout=CLOCK,
        **HOW,
    )
