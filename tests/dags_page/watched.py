"""Waits for upgrades with different ends, to look at in Airflow's pages."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

NAMES = {
    "stuck": "fabric:/stuck-shop/web",
    "rolled_back": "fabric:/rolled_back-shop/web",
    "good": "fabric:/good-shop/web",
    "hostile": "fabric:/stuck-<img src=x onerror=alert(1)>/web",
}

with DAG(dag_id="watched", schedule=None):
    for task_id, name in NAMES.items():
        ServiceFabricUpgradeSensor(
            task_id=task_id, name=name, deferrable=True, poke_interval=timedelta(seconds=10), retries=1
        )
