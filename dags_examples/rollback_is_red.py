"""
A rollback fails the task with the reason, and the tasks after it do not run.

    wait -> announce
       `--> explain    (only if wait failed)

``wait`` waits until the rollback ends, so that the record has its result. Then it fails and is not retried,
because a new wait cannot change the result. ``announce`` does not run, and the run fails. ``explain`` reads
the XCom ``upgrade_wait``, which describes the wait after every result.

**Set up:** the connection ``service_fabric_default``. To run the DAG without a cluster: ``make
demo-rollback`` starts a simulated cluster.

**You will see:** the task ``wait`` in red. The last lines of its log say in which upgrade domain the
upgrade failed and why. ``explain`` logs the message again, and a table of the states.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

log = logging.getLogger("airflow.task")

with DAG(
    dag_id="rollback_is_red",
    description="A Service Fabric upgrade is rolled back: the task fails with the reason.",
    schedule=None,
    catchup=False,
    params={"application": "rolled_back-shop"},
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:
    wait = ServiceFabricUpgradeSensor(
        task_id="wait",
        name="{{ params.application }}",
        # Not dag_run.start_date: that moves when a task is cleared. Airflow 2 has no run_after.
        started_after="{{ dag_run.run_after | default(dag_run.logical_date) }}",
        deferrable=True,
        poke_interval=timedelta(seconds=10),
        timeout=timedelta(hours=2),
        retries=3,
        retry_delay=timedelta(seconds=10),
    )

    @task
    def announce() -> None:
        """Announce the new version."""
        log.info("The new version is out.")

    @task(trigger_rule="one_failed")
    def explain(ti: Any = None) -> None:
        """Log the message and the states of an upgrade that did not succeed."""
        state = ti.xcom_pull(task_ids="wait", key="upgrade_wait") or {}
        log.warning("%s", state.get("message") or "The wait has no result; see the log of task 'wait'")
        for stage in state.get("timeline") or []:
            seen, percent = stage["first_seen_at"][11:19], stage["percent_completed"]
            log.info("  %s  %-22s  %s %%", seen, stage["state"], "-" if percent is None else percent)

    wait >> [announce(), explain()]

if __name__ == "__main__":
    dag.test()
