"""A release with a rollback, and with retries that must not be used."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

with DAG(dag_id="rolled_back_release", schedule=None, catchup=False):
    ServiceFabricUpgradeSensor(
        task_id="wait",
        name="rolled_back-shop",
        deferrable=True,
        poke_interval=timedelta(seconds=10),
        retries=3,
        retry_delay=timedelta(seconds=1),
    )
