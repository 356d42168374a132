"""
Release a classic application if it is healthy, and print the reasons of a rollback.

    healthy -> snapshot -> start -> wait -> announce
                                      `--> explain    (only if wait failed)

Service Fabric rolls back a monitored upgrade if the application is unhealthy, even if it was unhealthy
before. So ``healthy`` checks it first and fails with the problems. ``snapshot`` reads the latest upgrade
before the start. Replace ``start`` by your own task that starts the upgrade. ``wait`` is deferred.
``explain`` prints the reasons that Service Fabric reports for a rollback: upgrade domain, safety checks,
unhealthy parts.

To run it without a cluster, start the simulator: ``python -m airflow_provider_sf.simulator --speed 10``.
Its application upgrades itself. Try also ``fabric:/rolled_back-shop/web``. For your own application:

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
        """Fail if the health state of the application is Error."""
        health = ServiceFabricHook().get_application_health(application)
        if health.aggregated_health_state == "Error":
            raise AirflowFailException(
                "\n".join([f"{application} is unhealthy:", *health.unhealthy_evaluations])
            )
        print(f"{application} is {health.aggregated_health_state}")

    snapshot = ServiceFabricUpgradeProgressOperator(task_id="snapshot", name=APPLICATION, kind="application")

    @task
    def start(application: str) -> None:
        """Start the upgrade: replace this by your code, for example POST /Applications/{id}/$/Upgrade."""
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
        """Announce the new version."""
        print(f"{record['name']} is at {record['target_version']}")

    @task(trigger_rule="one_failed")
    def explain(ti: Any = None) -> None:
        """Print why the upgrade did not succeed."""
        state = ti.xcom_pull(task_ids="wait", key="upgrade_wait") or {"message": "", "reasons": []}
        print("\n".join([str(state["message"]), *state["reasons"]]))

    healthy(APPLICATION) >> snapshot >> start(APPLICATION) >> wait >> explain()
    announce(wait.output)  # type: ignore[arg-type]  # an XComArg stands for its value

if __name__ == "__main__":
    dag.test()
