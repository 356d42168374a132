"""
Wait for the upgrade of the cluster itself in a maintenance window, if no other one runs before.

    before -> idle -> wait -> report

``before`` reads the latest upgrade of the cluster. A cluster has only one upgrade at a time, so it needs no
name. ``idle`` skips the other tasks if an upgrade is running or paused. Azure, or your own task after
``idle``, starts the upgrade. ``wait`` is deferred. It fails in these cases:

- The upgrade is paused: at night there is no person to resume it.
- The upgrade makes no progress for an hour. The error names the safety checks that are pending.
- The window ends. The upgrade itself goes on.

Gateways restart while their nodes are upgraded, so ``unreachable_timeout`` is longer than the default.

**Set up:** the connection ``service_fabric_default``, and a schedule for your window. To run the DAG
without a cluster, start the simulator:

    python -m airflow_provider_sf.simulator --speed 10 --scenario cluster=previous_good

**You will see:** ``wait`` ignores yesterday's upgrade and follows the new one through the upgrade domains.
``report`` logs the new version and how long the upgrade took.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

log = logging.getLogger("airflow.task")

with DAG(
    dag_id="cluster_patch_window",
    description="Wait for the upgrade of a Service Fabric cluster in a maintenance window.",
    schedule=None,  # for example "0 1 * * SUN"
    catchup=False,
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:
    before = ServiceFabricUpgradeProgressOperator(task_id="before", kind="cluster")

    @task.short_circuit
    def idle(record: dict[str, Any]) -> bool:
        """Return whether no upgrade of the cluster is running or paused."""
        log.info("The cluster is at %s: %s", record["target_version"], record["outcome"])
        return record["outcome"] in {"not_upgraded", "succeeded", "rolled_back"}

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
    def report(record: dict[str, Any] | None) -> None:
        """Log the new version of the cluster. There is no record if a person marked the wait as success."""
        if record is None:
            log.warning("The wait was ended by hand, so the result of the upgrade is not known")
        else:
            duration = record["duration_seconds"]
            log.info("The cluster went to %s in %s s", record["target_version"], duration)
        log.info("Its gateway runs %s", ServiceFabricHook().get_cluster_version())

    idle(before.output) >> wait  # type: ignore[arg-type]  # an XComArg stands for its value
    report(wait.output)  # type: ignore[arg-type]

if __name__ == "__main__":
    dag.test()
