"""One upgrade, and a wait for it in each of the three modes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

HOW: dict[str, dict[str, Any]] = {
    "poke": {"deferrable": False},
    "reschedule": {"deferrable": False, "mode": "reschedule"},
    "deferrable": {"deferrable": True},
}

with DAG(dag_id="three_modes", schedule=None, catchup=False):
    for mode, how in HOW.items():
        ServiceFabricUpgradeSensor(
            task_id=mode, name="good-modes", poke_interval=timedelta(seconds=10), retries=1, **how
        )
