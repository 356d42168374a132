"""
Run a smoke test after each upgrade of an application. Any tool may start the upgrade.

    (end of an upgrade) -> ends -> smoke_test[0..n]

The DAG is scheduled on an asset with a watch. Airflow's triggerer reads the upgrade every 15 seconds, and no
worker waits. When the upgrade has succeeded or was rolled back, the DAG runs: ``ends`` logs how it has
ended, and ``smoke_test`` is mapped, one task for each end. Usually that is one. A pipeline, a person with
PowerShell or another DAG may have started the upgrade. It needs Airflow 3.

**Set up:** the connection ``service_fabric_default``, and your own name in ``APPLICATION``. To run the DAG
without a cluster: ``make airflow`` starts a simulated cluster, in which this application waits for commands.
Unpause this DAG, and trigger ``release_classic_application``, which upgrades the application:

    airflow dags unpause after_upgrade
    airflow dags trigger release_classic_application

**You will see:** a run of this DAG when the upgrade has ended. Its page names the asset event. The log of
``ends`` has a line for each end, with outcome and version. If you trigger the DAG by hand, there is no
event, and ``smoke_test`` is skipped.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.assets.service_fabric import upgrade_asset

log = logging.getLogger("airflow.task")

APPLICATION = "fabric:/idle-shop/web"

upgrades = upgrade_asset(APPLICATION, outcomes=["succeeded", "rolled_back"])

with DAG(
    dag_id="after_upgrade",
    description="Test an application after each Service Fabric upgrade, also of another tool.",
    schedule=[upgrades],
    catchup=False,
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:

    @task
    def ends(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        """Return the ends that started this run: Airflow may put several events into one run."""
        found = [event.extra["payload"] for event in triggering_asset_events[upgrades]]
        for end in found:
            log.info("%s: %s, version %s", end["name"], end["outcome"], end["target_version"])
        if not found:
            log.info("No upgrade has ended: this run was started by hand")
        return found

    @task(map_index_template="{{ task.op_kwargs['end']['outcome'] }}")
    def smoke_test(end: dict[str, Any]) -> None:
        """Test the application: put your own checks here."""
        version = end["target_version"] if end["outcome"] == "succeeded" else end["previous_version"]
        log.info("%s should answer with version %s", end["name"], version)

    smoke_test.expand(end=ends())

if __name__ == "__main__":
    dag.test()
