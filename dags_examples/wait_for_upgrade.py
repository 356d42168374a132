"""
Wait for an upgrade that another tool starts, and log an audit.

    snapshot -> wait -> audit

``snapshot`` reads the latest upgrade before the other tool starts its own. ``wait`` gets the snapshot as
``previous``, so that it never accepts the old upgrade as the new one. It is deferred until the new upgrade
ends. If the upgrade does not succeed, ``wait`` fails with the reason. If your tool is a task of the DAG,
put it between ``snapshot`` and ``wait``. To start the upgrade with this provider, see
``release_classic_application.py``.

**Set up:** the connection ``service_fabric_default``. To run the DAG without a cluster: ``make demo``
starts a simulated cluster, in which the application upgrades itself. For your own cluster, trigger the DAG
with the name of your application, and start its upgrade when ``snapshot`` has succeeded:

    export AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT='service-fabric://mycluster.example.com:19080'
    airflow dags trigger wait_for_upgrade --conf '{"application": "fabric:/shop/web"}'

**You will see:** a line for each change in the log of ``wait``. ``audit`` logs the versions, how long the
upgrade took, and how many replicas were upgraded.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

log = logging.getLogger("airflow.task")

APPLICATION = "{{ params.application }}"

with DAG(
    dag_id="wait_for_upgrade",
    description="Wait for a Service Fabric upgrade that another tool starts, and log an audit.",
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
    def audit(before: dict[str, Any], after: dict[str, Any] | None) -> None:
        """Log both records. There is no new record if a person marked the wait as success."""
        if after is None:
            log.warning("The wait for %s was ended by hand: its result is not known", before["name"])
            return
        replicas = sum(service["completed_replicas"] or 0 for service in after["services"])
        log.info("%s %s: %s", after["kind"], after["name"], after["outcome"])
        log.info("  version   %s -> %s", after["previous_version"], after["target_version"])
        for label, record in {"before": before, "now": after}.items():
            version, state, started = record["target_version"], record["state"], record["started_at"]
            log.info("  %-8s  %s, %s, started %s", label, version, state, started)
        log.info("  took      %s s", after["duration_seconds"])
        log.info("  replicas  %s in %s services", replicas, len(after["services"]))

    snapshot >> wait
    audit(snapshot.output, wait.output)  # type: ignore[arg-type]  # an XComArg stands for its value

if __name__ == "__main__":
    dag.test()
