"""
Patch the cluster itself in a maintenance window, and only if nothing else is being upgraded there.

    before -> idle -> start -> wait -> report

``before`` reads the progress of the cluster's own upgrade; there is one in each cluster, so it has no name.
``idle`` skips the rest if one is under way, or waits for a person. ``start`` is yours: whatever starts the
upgrade. ``wait`` follows it from upgrade domain to upgrade domain, deferred. It fails if the upgrade is
paused, since nobody is there at night to resume it; if nothing moves for an hour, with the safety checks that
hold it up; and at the end of the window, though the upgrade goes on then. Gateways restart while their nodes
are upgraded, so a silent cluster is forgiven for longer.

It runs offline: ``python -m airflow_provider_sf.simulator --speed 10 --cluster-scenario previous_first``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

with DAG(
    dag_id="cluster_patch_window",
    description="Upgrade a Service Fabric cluster in a maintenance window.",
    schedule=None,  # yours may be "0 1 * * SUN"
    catchup=False,
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:
    before = ServiceFabricUpgradeProgressOperator(task_id="before", kind="cluster")

    @task.short_circuit
    def idle(record: dict[str, Any]) -> bool:
        """Tell whether nothing is being upgraded in the cluster itself."""
        print(f"The cluster is at {record['target_version']}: {record['outcome']}")
        return record["outcome"] in {"not_upgraded", "succeeded", "rolled_back"}

    @task
    def start() -> None:
        """Start the upgrade: put your tool here, for example POST /$/Upgrade."""
        print("The upgrade of the cluster starts here.")

    wait = ServiceFabricUpgradeSensor(
        task_id="wait",
        kind="cluster",
        previous=before.output,
        deferrable=True,
        poke_interval=timedelta(seconds=10),
        timeout=timedelta(hours=4),
        stall_timeout=timedelta(hours=1),
        unreachable_timeout=timedelta(minutes=20),
        on_paused="fail",
    )

    @task
    def report(record: dict[str, Any]) -> None:
        """Print what the window has brought."""
        version = ServiceFabricHook().get_cluster_version()
        print(f"The cluster went to {record['target_version']} in {record['duration_seconds']} s")
        print(f"Its gateway runs {version}")

    idle(before.output) >> start() >> wait  # type: ignore[arg-type]  # XComArgs stand for what they will hold
    report(wait.output)  # type: ignore[arg-type]

if __name__ == "__main__":
    dag.test()
