"""Many mapped waits. A file without other DAGs, since each process of a task parses its file."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG
from broken_waits import make_mistake  # type: ignore[import-not-found]  # Airflow imports it
from many_names import many_names  # type: ignore[import-not-found]  # Airflow imports it

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

for upgrades in (200, 5):
    with DAG(dag_id=f"many_{upgrades}", schedule=None, catchup=False) as many:
        ServiceFabricUpgradeSensor.partial(
            task_id=many.dag_id,
            service_fabric_conn_id="{{ dag_run.conf['connection'] }}",
            pre_execute=make_mistake,
            deferrable=True,
            poke_interval=10,
            retries=2,
            retry_delay=timedelta(seconds=60),
        ).expand(name=many_names(upgrades))
    globals()[many.dag_id] = many
