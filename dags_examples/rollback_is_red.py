"""
A rollback fails the task with the reason, and the tasks after it do not run.

    wait -> announce
       `--> explain    (only if wait failed)

The upgrade starts to roll back. ``wait`` waits until the rollback ends, so that the record has its result.
Then it fails and is not retried, because a new wait cannot change the result. ``announce`` does not run,
and the run fails. ``explain`` reads the XCom ``upgrade_wait``, which describes the wait after every result.

To run it without a cluster: ``make demo-rollback`` starts a simulated cluster.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

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
        started_after="{{ dag_run.start_date.isoformat() }}",
        deferrable=True,
        poke_interval=timedelta(seconds=10),
        timeout=timedelta(hours=2),
        retries=3,
        retry_delay=timedelta(seconds=10),
    )

    @task
    def announce() -> None:
        """Announce the new version."""
        print("The new version is out.")

    @task(trigger_rule="one_failed")
    def explain(ti: Any = None) -> None:
        """Print the message and the timeline of an upgrade that did not succeed."""
        state = ti.xcom_pull(task_ids="wait", key="upgrade_wait")
        print(state["message"])
        for stage in state["timeline"]:
            print(f"  {stage['first_seen_at'][11:19]}  {stage['state']:22}  {stage['percent_completed']} %")

    wait >> [announce(), explain()]

if __name__ == "__main__":
    dag.test()
