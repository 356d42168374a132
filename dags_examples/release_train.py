"""
Wait for the upgrades of several applications, and log a summary. One of them is rolled back.

    applications -> wait[0..n] -> summary

The sensor is mapped: each application has its own deferred task, so a rollback of one does not stop the
others. ``map_index_template`` shows the names of the applications in the grid, instead of numbers. The wait
ignores upgrades that started before the run. This time stays the same when you clear a task, so a cleared
wait finds its upgrade again, also if the upgrade has ended.

``summary`` runs when all waits have ended, with any result. It logs a line for each upgrade, and fails if
an upgrade did not succeed, so that the run fails, too. A wait that a person has ended has no message; the
summary names it.

**Set up:** the connection ``service_fabric_default``. To run the DAG without a cluster, start the
simulator: ``python -m airflow_provider_sf.simulator --speed 10``. For your own cluster, trigger the DAG
with the names of your applications, then start their upgrades:

    airflow dags trigger release_train --conf '{"applications": ["fabric:/shop/web", "cart"]}'

**You will see:** three waits at the same time. ``rolled_back-cart`` fails, the others succeed. ``summary``
fails and names ``rolled_back-cart``.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

log = logging.getLogger("airflow.task")

with DAG(
    dag_id="release_train",
    description="Wait for the Service Fabric upgrades of several applications and log a summary.",
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
        map_index_template="{{ task.name }}",
        # Not dag_run.start_date: that moves when a task is cleared. Airflow 2 has no run_after.
        started_after="{{ dag_run.run_after | default(dag_run.logical_date) }}",
        deferrable=True,
        poke_interval=timedelta(seconds=10),
        timeout=timedelta(hours=2),
    ).expand(name=train)

    @task(trigger_rule="all_done")
    def summary(names: list[str], ti: Any = None) -> None:
        """Log the result of each upgrade; fail if an upgrade is not known to have succeeded."""
        failed = []
        for index, name in enumerate(names):
            state = ti.xcom_pull(task_ids="wait", key="upgrade_wait", map_indexes=index) or {}
            message = state.get("message") or f"{name}: no result; the wait was ended by hand, or never began"
            record = state.get("record") or {}
            if state.get("ended_by") == "upgrade" and record.get("outcome") == "succeeded":
                log.info("%s", message.splitlines()[0])
            else:
                log.warning("%s", message.splitlines()[0])
                failed.append(name)
        if failed:
            msg = f"{len(failed)} of {len(names)} upgrades did not succeed: {', '.join(failed)}"
            raise AirflowFailException(msg)

    wait >> summary(train)  # type: ignore[arg-type]  # an XComArg stands for its value

if __name__ == "__main__":
    dag.test()
