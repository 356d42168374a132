"""
Several applications are upgraded side by side; one is rolled back, the others finish, the summary tells.

    wait[0..n] -> summary

One mapped sensor waits for all of them, deferred, each in a task of its own: a rollback of one does not stop
the others. ``summary`` runs when all have ended, however they did, prints a line for each, and fails if one
did not succeed, so that the run is as red as the release.

It runs offline on a simulated cluster (``python -m airflow_provider_sf.simulator --speed 10``). For a cluster
of yours, trigger it with your applications, after or while your own tasks start their upgrades:

    airflow dags trigger release_train --conf '{"applications": ["shop", "cart"]}'
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

with DAG(
    dag_id="release_train",
    description="Wait for the Service Fabric upgrades of several applications and sum up how they went.",
    schedule=None,
    catchup=False,
    params={"applications": ["good-shop", "rolled_back-cart", "good-mail"]},
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:

    @task
    def applications(params: dict[str, Any] | None = None) -> list[str]:
        """Return the names of the applications on the train."""
        return list((params or {})["applications"])

    train = applications()

    wait = ServiceFabricUpgradeSensor.partial(
        task_id="wait",
        started_after="{{ dag_run.start_date.isoformat() }}",
        deferrable=True,
        poke_interval=timedelta(seconds=10),
        timeout=timedelta(hours=2),
    ).expand(name=train)

    @task(trigger_rule="all_done")
    def summary(names: list[str], ti: Any = None) -> None:
        """Print how each upgrade went; fail if one did not succeed."""
        stories = ti.xcom_pull(task_ids="wait", key="upgrade_wait", map_indexes=list(range(len(names))))
        late = []
        for name, story in zip(names, stories, strict=True):
            print(story["message"].splitlines()[0])
            if story["ended_by"] != "upgrade" or story["record"]["outcome"] != "succeeded":
                late.append(name)
        if late:
            msg = f"{len(late)} of {len(names)} upgrades did not succeed: {', '.join(late)}"
            raise AirflowFailException(msg)

    wait >> summary(train)  # type: ignore[arg-type]  # an XComArg stands for what it will hold

if __name__ == "__main__":
    dag.test()
