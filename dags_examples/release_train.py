"""
Wait for the upgrades of several applications, and print a summary. One of them is rolled back.

    wait[0..n] -> summary

The sensor is mapped: each application has its own deferred task, so a rollback of one does not stop the
others. ``summary`` runs when all waits have ended, with any result. It prints a line for each upgrade, and
fails if an upgrade did not succeed, so that the run fails, too.

To run it without a cluster, start the simulator: ``python -m airflow_provider_sf.simulator --speed 10``.
For your own cluster, trigger the DAG with the names of your applications when you start their upgrades:

    airflow dags trigger release_train --conf '{"applications": ["shop", "cart"]}'
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

with DAG(
    dag_id="release_train",
    description="Wait for the Service Fabric upgrades of several applications and print a summary.",
    schedule=None,
    catchup=False,
    params={"applications": ["good-shop", "rolled_back-cart", "good-mail"]},
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:

    @task
    def applications(params: dict[str, Any] | None = None) -> list[str]:
        """Return the names of the applications."""
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
        """Print the result of each upgrade; fail if an upgrade did not succeed."""
        states = ti.xcom_pull(task_ids="wait", key="upgrade_wait", map_indexes=list(range(len(names))))
        failed = []
        for name, state in zip(names, states, strict=True):
            print(state["message"].splitlines()[0])
            if state["ended_by"] != "upgrade" or state["record"]["outcome"] != "succeeded":
                failed.append(name)
        if failed:
            msg = f"{len(failed)} of {len(names)} upgrades did not succeed: {', '.join(failed)}"
            raise AirflowFailException(msg)

    wait >> summary(train)  # type: ignore[arg-type]  # an XComArg stands for its value

if __name__ == "__main__":
    dag.test()
