"""
Release an application to nine clusters in three waves. A bad version stops the later waves.

    wave_1 (canary: upgrade -> bake) -> wave_2 (two clusters) -> wave_3 (six clusters) -> report

Each cluster is a task group with its own connection. ``upgrade`` starts exactly one upgrade and waits for it;
``bake`` fails if the application does not stay healthy. A wave begins only after all clusters of the wave
before were good. ``report`` runs with any result and names the clusters that are untouched.

**Set up:** a connection for each cluster, ``service_fabric_canary``, ``service_fabric_west_1`` and so on, and
a provisioned version. To run the DAG without clusters, start the simulator for each connection:
``python -m airflow_provider_sf.simulator --port 19081 --speed 10 --scenario fabric:/shop/web=idle``.

**You will see:** if the upgrade in ``west_2`` rolls back (``--scenario fabric:/shop/web=idle_rolled_back``),
its wave fails and the six clusters of ``wave_3`` keep their version: their tasks are ``upstream_failed``.
After a fix, trigger the DAG again: clusters that have the version already are not upgraded again.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sf.task_groups.release_train import release_train

WAVES = [
    ["service_fabric_canary"],
    ["service_fabric_west_1", "service_fabric_west_2"],
    [f"service_fabric_east_{number}" for number in range(1, 7)],
]

with DAG(
    dag_id="release_waves",
    description="Release a Service Fabric application to nine clusters in three waves.",
    schedule=None,
    catchup=False,
    max_active_runs=1,  # two runs at once would start two upgrades
    params={"application": "fabric:/shop/web", "version": "v1"},
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:
    release_train(
        WAVES,
        name="{{ params.application }}",
        target_version="{{ params.version }}",
        bake_time=timedelta(seconds=10),
        max_parallel=3,
        upgrade_options={"poke_interval": timedelta(seconds=10), "timeout": timedelta(hours=2)},
    )

if __name__ == "__main__":
    dag.test()
