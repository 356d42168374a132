"""Each kind of upgrade once in a real scheduler: two rollbacks, two successes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

HOW: dict[str, Any] = {"deferrable": True, "poke_interval": timedelta(seconds=10), "retries": 1}

with DAG(dag_id="kinds", schedule=None, catchup=False):
    for kind, name in {
        "application": "fabric:/rolled_back-kinds/web",
        "application_resource": "rolled_back-resource",
        "compose_deployment": "good-compose",
        "cluster": "",
        "cluster_configuration": "",
    }.items():
        ServiceFabricUpgradeSensor(task_id=kind, kind=kind, name=name, **HOW)
