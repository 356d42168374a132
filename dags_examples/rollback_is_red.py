"""
A rollback is a red task that says why, and nothing after it runs.

    wait -> announce
       `--> explain    (only if wait failed)

The upgrade turns back on the way. ``wait`` waits for the end of the rollback, so that the record says how it
ended, and fails without a retry: to wait again cannot change it. ``announce`` never runs, so the run is red.
``explain`` shows where the story of the wait is, whatever its end: in the XCom ``upgrade_wait``.

It runs offline: ``make demo-rollback`` shows it on a simulated cluster.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

with DAG(
    dag_id="rollback_is_red",
    description="A Service Fabric upgrade is rolled back: the task is red and says why.",
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
        """Tell the world about the new version."""
        print("The new version is out.")

    @task(trigger_rule="one_failed")
    def explain(ti: Any = None) -> None:
        """Print what is known of an upgrade that did not succeed."""
        story = ti.xcom_pull(task_ids="wait", key="upgrade_wait")
        print(story["message"])
        for stage in story["timeline"]:
            print(f"  {stage['first_seen_at'][11:19]}  {stage['state']:22}  {stage['percent_completed']} %")

    wait >> [announce(), explain()]

if __name__ == "__main__":
    dag.test()
