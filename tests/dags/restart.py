"""Three waits with timeouts that continue after a restart of the triggerer: start, stall, outage. One is mapped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

OPTIONS: dict[str, Any] = {"deferrable": True, "poke_interval": timedelta(seconds=10), "retries": 0}
TIMEOUT = timedelta(seconds=45)

with DAG(dag_id="restart", schedule=None, catchup=False):
    ServiceFabricUpgradeSensor(
        task_id="start",
        name="never_upgraded-live",
        service_fabric_conn_id="fast",
        start_timeout=TIMEOUT,
        **OPTIONS,
    )
    ServiceFabricUpgradeSensor.partial(
        task_id="stall", service_fabric_conn_id="fast", stall_timeout=TIMEOUT, **OPTIONS
    ).expand(name=["stuck-live"])
    ServiceFabricUpgradeSensor(
        task_id="outage",
        name="good-live",
        service_fabric_conn_id="nowhere",
        unreachable_timeout=TIMEOUT,
        **OPTIONS,
    )
