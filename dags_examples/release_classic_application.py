"""
Release a classic application, unless it is unhealthy already, and say why if it is rolled back.

    healthy -> snapshot -> start -> wait -> announce
                                      `--> explain    (only if wait failed)

Service Fabric rolls a monitored upgrade back if the application is unhealthy, be it from before: ``healthy``
looks first, and fails with what is wrong. ``snapshot`` reads what is on record before the start. ``start`` is
yours: whatever starts the upgrade. ``wait`` follows it from upgrade domain to upgrade domain, deferred.
``explain`` prints the reasons that Service Fabric gives for a rollback: upgrade domain, safety checks, what
is unhealthy.

It runs offline on a simulated cluster (``python -m airflow_provider_sf.simulator --speed 10``), whose
application upgrades itself; try ``rolled_back-shop``, too. For an application of yours:

    airflow dags trigger release_classic_application --conf '{"application": "fabric:/shop/web"}'
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

APPLICATION = "{{ params.application }}"

with DAG(
    dag_id="release_classic_application",
    description="Release a classic Service Fabric application that is healthy, and explain a rollback.",
    schedule=None,
    catchup=False,
    params={"application": "fabric:/previous_first-shop/web"},
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:

    @task
    def healthy(application: str) -> None:
        """Fail if the application is in error before the release has begun."""
        health = ServiceFabricHook().get_application_health(application)
        if health.aggregated_health_state == "Error":
            raise AirflowFailException(
                "\n".join([f"{application} is unhealthy:", *health.unhealthy_evaluations])
            )
        print(f"{application} is {health.aggregated_health_state}")

    snapshot = ServiceFabricUpgradeProgressOperator(task_id="snapshot", name=APPLICATION, kind="application")

    @task
    def start(application: str) -> None:
        """Start the upgrade: put your deployment here, for example POST /Applications/{id}/$/Upgrade."""
        print(f"The upgrade of {application} starts here.")

    wait = ServiceFabricUpgradeSensor(
        task_id="wait",
        name=APPLICATION,
        kind="application",
        previous=snapshot.output,
        deferrable=True,
        poke_interval=timedelta(seconds=10),
        timeout=timedelta(hours=2),
        stall_timeout=timedelta(hours=1),
    )

    @task
    def announce(record: dict[str, Any]) -> None:
        """Tell the world about the new version."""
        print(f"{record['name']} is at {record['target_version']}")

    @task(trigger_rule="one_failed")
    def explain(ti: Any = None) -> None:
        """Print why the upgrade did not succeed."""
        story = ti.xcom_pull(task_ids="wait", key="upgrade_wait") or {"message": "", "reasons": []}
        print("\n".join([str(story["message"]), *story["reasons"]]))

    healthy(APPLICATION) >> snapshot >> start(APPLICATION) >> wait >> explain()
    announce(wait.output)  # type: ignore[arg-type]  # an XComArg stands for what it will hold

if __name__ == "__main__":
    dag.test()
