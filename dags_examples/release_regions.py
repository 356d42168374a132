"""
Release an application to several clusters, one after another. Stop at the first rollback.

    westeurope.upgrade -> westeurope.check -> northeurope.upgrade -> ... -> report

Each region is a task group with its own connection. ``upgrade`` starts exactly one upgrade in the cluster
of the region and waits for it. ``check`` fails if the application is not healthy after the upgrade. The
next region begins only if both have succeeded, so a bad version reaches one region and not all of them.
``report`` runs with any result: it logs the result of each region, and fails if a region did not succeed.

**Set up:** a connection for each region, ``service_fabric_westeurope`` and so on, and a provisioned
version. To run the DAG without clusters, start a simulator for each region, each in its own terminal. Add
``--speed 10`` if you do not want to wait:

    python -m airflow_provider_sf.simulator --port 19081 --scenario fabric:/shop/web=idle
    python -m airflow_provider_sf.simulator --port 19082 --scenario fabric:/shop/web=idle_rolled_back
    python -m airflow_provider_sf.simulator --port 19083 --scenario fabric:/shop/web=idle

and create the connections to them:

    export AIRFLOW_CONN_SERVICE_FABRIC_WESTEUROPE='service-fabric://127.0.0.1:19081'
    export AIRFLOW_CONN_SERVICE_FABRIC_NORTHEUROPE='service-fabric://127.0.0.1:19082'
    export AIRFLOW_CONN_SERVICE_FABRIC_EASTUS='service-fabric://127.0.0.1:19083'

**You will see:** westeurope is released. In northeurope the upgrade rolls back, and its task fails with the
reason. eastus is not touched: its tasks are ``upstream_failed``. ``report`` names both. When you have fixed
the version, trigger the DAG again: regions that have the version already are not upgraded again.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, TaskGroup, chain, task

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeApplicationOperator

log = logging.getLogger("airflow.task")

REGIONS = ("westeurope", "northeurope", "eastus")
"""In the order of the release; the smallest or least important region first."""


@task
def check(name: str, connection: str) -> None:
    """Fail if the application is not healthy. As in Service Fabric, a warning is no error by default."""
    health = ServiceFabricHook(connection).get_application_health(name)
    log.info("%s: the health of %s is %s", connection, name, health.aggregated_health_state)
    if health.aggregated_health_state not in {"Ok", "Warning"}:
        msg = f"{name} is not healthy after its upgrade: {'; '.join(health.unhealthy_evaluations)}"
        raise AirflowFailException(msg)


@task(trigger_rule="all_done")
def report(ti: Any = None) -> None:
    """Log the result of each region; fail if a region did not succeed."""
    results = {}
    for region in REGIONS:
        record = ti.xcom_pull(task_ids=f"{region}.upgrade")
        state = ti.xcom_pull(task_ids=f"{region}.upgrade", key="upgrade_wait") or {}
        message = state.get("message") or "no result: not started, or ended by hand"
        results[region] = bool(record)
        log.log(logging.INFO if record else logging.WARNING, "%s: %s", region, message.splitlines()[0])
    if not all(results.values()):
        failed = [region for region, has_succeeded in results.items() if not has_succeeded]
        msg = f"{len(failed)} of {len(REGIONS)} regions do not have the new version: {', '.join(failed)}"
        raise AirflowFailException(msg)


with DAG(
    dag_id="release_regions",
    description="Release a Service Fabric application region by region; stop at the first rollback.",
    schedule=None,
    catchup=False,
    max_active_runs=1,  # two runs at once would start two upgrades
    params={"application": "fabric:/shop/web", "version": "v1"},
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:
    groups = []
    for region in REGIONS:
        with TaskGroup(region) as group:
            upgrade = ServiceFabricUpgradeApplicationOperator(
                task_id="upgrade",
                service_fabric_conn_id=f"service_fabric_{region}",
                name="{{ params.application }}",
                target_version="{{ params.version }}",
                deferrable=True,
                poke_interval=timedelta(seconds=10),
                timeout=timedelta(hours=2),
            )
            upgrade >> check("{{ params.application }}", f"service_fabric_{region}")
        groups.append(group)
    chain(*groups, report())

if __name__ == "__main__":
    dag.test()
