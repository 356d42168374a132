"""
Release a classic application domain by domain: a check of your own decides before each upgrade domain.

    upgrade -> announce

Service Fabric knows only its own health. Here Airflow also requests a page of the application after each
upgrade domain. If the page answers with an error, ``upgrade`` rolls back: the other upgrade domains never get
the new version. While the task waits, it holds no worker slot.

**Set up:** the connection ``service_fabric_default``, and a provisioned version. To run the DAG without a
cluster, start the simulator: ``python -m airflow_provider_sf.simulator --speed 10``. For your own
application, trigger the DAG with its name, the new version and the address of a page:

    airflow dags trigger release_by_domain --conf '{"application": "fabric:/shop/web", "version": "2.0.0",
        "page": "https://shop.example.com/health"}'

**You will see:** ``upgrade`` logs each upgrade domain, the check and the decision. Its last lines show the
time that this has added before each upgrade domain. Trigger it also with
``{"application": "fabric:/idle_http_errors-shop/web"}``: the check fails after the second upgrade domain, and
``upgrade`` fails with the words of the check. To let a person decide instead, set
``on_failed_check="ask"`` (Airflow 3.1 or later): the question is under "Required actions".
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import requests
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeGateOperator
from airflow_provider_sf.releases import PausedUpgrade  # noqa: TC001 - a DAG file needs no more than this

log = logging.getLogger("airflow.task")


def page_answers(upgrade: PausedUpgrade) -> str | None:
    """Request a page of the application. A text that is returned says why the check fails."""
    page = page_of(upgrade.name)
    answer = requests.get(page, timeout=10)
    return None if answer.ok else f"HTTP {answer.status_code} from {page}"


def page_of(name: str) -> str:
    """Return the page of an application of the simulator; replace it by the page of yours."""
    cluster = ServiceFabricHook().get_conn()
    return f"{cluster.endpoint}/simulator/page/{name.removeprefix('fabric:/').replace('/', '~')}"


with DAG(
    dag_id="release_by_domain",
    description="Release a classic Service Fabric application; a check decides before each upgrade domain.",
    schedule=None,
    catchup=False,
    max_active_runs=1,  # two runs at once would start two upgrades
    params={"application": "fabric:/idle-shop/web", "version": "v1"},
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:
    upgrade = ServiceFabricUpgradeGateOperator(
        task_id="upgrade",
        name="{{ params.application }}",
        target_version="{{ params.version }}",
        bake_time=timedelta(seconds=5),
        checks=[page_answers],
        on_failed_check="rollback",
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

    announce(upgrade.output)  # type: ignore[arg-type]  # an XComArg stands for its value

if __name__ == "__main__":
    dag.test()
