"""Results that a real scheduler must show: a pause, an earlier upgrade on record, a superseded upgrade."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

HOW: dict[str, Any] = {"deferrable": True, "poke_interval": timedelta(seconds=10), "retries": 1}

with DAG(dag_id="verdicts", schedule=None, catchup=False):
    ServiceFabricUpgradeSensor(task_id="paused", name="paused-live", on_paused="fail", **HOW)
    ServiceFabricUpgradeSensor(task_id="superseded", name="superseded-live", **HOW)
    snapshot = ServiceFabricUpgradeProgressOperator(task_id="snapshot", name="previous_first-live")
    ServiceFabricUpgradeSensor(task_id="after", name="previous_first-live", previous=snapshot.output, **HOW)
