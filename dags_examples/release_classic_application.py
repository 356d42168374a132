"""
Release a classic application: start exactly one upgrade, wait for it, and log the reasons of a rollback.

    upgrade -> announce
       `-----> explain    (only if upgrade failed)

``upgrade`` fails before it changes anything if the application is unhealthy: Service Fabric would roll back
the upgrade. Then it starts the upgrade to the new version and is deferred until the upgrade has ended. The
parameters that the DAG does not set keep their values. If a worker dies or an answer is lost, a retry finds
the upgrade and does not start another one.

**Set up:** the connection ``service_fabric_default``, and a provisioned version. To run the DAG without a
cluster, start the simulator: ``python -m airflow_provider_sf.simulator --speed 10``. For your own
application, trigger the DAG with its name and the new version:

    airflow dags trigger release_classic_application --conf '{"application": "fabric:/shop/web",
        "version": "2.0.0"}'

**You will see:** ``upgrade`` logs a line for each change, and ``announce`` logs the new version. Trigger it
also with ``{"application": "fabric:/idle_rolled_back-shop/web"}``: ``upgrade`` fails, and ``explain`` logs
the reasons that Service Fabric reports for the rollback: upgrade domain, safety checks, unhealthy parts.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeApplicationOperator
from airflow_provider_sf.releases import MonitoringPolicy

log = logging.getLogger("airflow.task")

with DAG(
    dag_id="release_classic_application",
    description="Release a classic Service Fabric application, and explain a rollback.",
    schedule=None,
    catchup=False,
    max_active_runs=1,  # two runs at once would start two upgrades
    params={"application": "fabric:/idle-shop/web", "version": "v1"},
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:
    upgrade = ServiceFabricUpgradeApplicationOperator(
        task_id="upgrade",
        name="{{ params.application }}",
        target_version="{{ params.version }}",
        parameters={"Web_LogLevel": "Debug"},
        monitoring_policy=MonitoringPolicy(
            health_check_stable=timedelta(minutes=1),
            health_check_retry=timedelta(minutes=5),
            upgrade_timeout=timedelta(hours=1),
        ),
        require_healthy=True,
        deferrable=True,
        poke_interval=timedelta(seconds=10),
        timeout=timedelta(hours=2),
    )

    @task
    def announce(record: dict[str, Any] | None) -> None:
        """Announce the new version. There is no record if a person marked the upgrade as success."""
        if record is None:
            log.warning("The task 'upgrade' was ended by hand, so the result of the upgrade is not known")
        else:
            log.info("%s is at %s", record["name"], record["target_version"])

    @task(trigger_rule="one_failed")
    def explain(ti: Any = None) -> None:
        """Log why the upgrade did not succeed. There is no message if the task was ended by hand."""
        state = ti.xcom_pull(task_ids="upgrade", key="upgrade_wait") or {}
        log.warning("%s", state.get("message") or "The upgrade has no result; see the log of task 'upgrade'")
        for reason in state.get("reasons") or []:
            log.warning("Why: %s", reason)

    upgrade >> explain()
    announce(upgrade.output)  # type: ignore[arg-type]  # an XComArg stands for its value

if __name__ == "__main__":
    dag.test()
