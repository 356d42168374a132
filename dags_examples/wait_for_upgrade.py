"""
Wait for an upgrade that another tool starts, and print an audit.

    snapshot -> wait -> audit

``snapshot`` reads the latest upgrade before the other tool starts its own. ``wait`` gets the snapshot as
``previous``, so that it never accepts the old upgrade as the new one. It is deferred until the new upgrade
ends. If the upgrade does not succeed, ``wait`` fails with the reason. ``audit`` prints a summary of both
records. If your tool is a task of the DAG, put it between ``snapshot`` and ``wait``. To start the upgrade
with this provider, see ``release_classic_application.py``.

To run it without a cluster: ``make demo`` starts a simulated cluster, in which the application upgrades
itself. For your own cluster, create the connection ``service_fabric_default`` and trigger the DAG with the
name of your application resource:

    export AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT='service-fabric://mycluster.example.com:19080'
    airflow dags trigger wait_for_upgrade --conf '{"application": "shop"}'
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

APPLICATION = "{{ params.application }}"

with DAG(
    dag_id="wait_for_upgrade",
    description="Wait for a Service Fabric upgrade that another tool starts, and print an audit.",
    schedule=None,
    catchup=False,
    params={"application": "previous_first-shop"},
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:
    snapshot = ServiceFabricUpgradeProgressOperator(task_id="snapshot", name=APPLICATION)

    wait = ServiceFabricUpgradeSensor(
        task_id="wait",
        name=APPLICATION,
        previous=snapshot.output,
        deferrable=True,
        poke_interval=timedelta(seconds=10),
        timeout=timedelta(hours=2),
    )

    @task
    def audit(before: dict[str, Any], after: dict[str, Any]) -> None:
        """Print both records and the difference."""
        replicas = sum(service["completed_replicas"] or 0 for service in after["services"])
        print(f"{after['kind']} {after['name']}: {after['outcome']}")
        print(f"  version   {after['previous_version']} -> {after['target_version']}")
        print(f"  before    {before['target_version']}, {before['state']}, started {before['started_at']}")
        print(f"  now       {after['target_version']}, {after['state']}, started {after['started_at']}")
        print(f"  took      {after['duration_seconds']} s")
        print(f"  replicas  {replicas} in {len(after['services'])} services")

    snapshot >> wait
    audit(snapshot.output, wait.output)  # type: ignore[arg-type]  # an XComArg stands for its value

if __name__ == "__main__":
    dag.test()
