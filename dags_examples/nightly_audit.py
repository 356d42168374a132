"""
Read the upgrades of all clusters and applications once, and report which are bad and since when.

    read[0..n] -> summary

``read`` is mapped: one task for each cluster and each application. It reads the record of the latest
upgrade and never waits. A rollback is no error of the read, so the task succeeds with any outcome. It fails
only if the cluster does not answer or refuses the request. ``summary`` runs when all reads have ended. It
logs a line for each record, and fails if an upgrade is bad or could not be read, so that the run fails and
your callback for failed runs is called.

**Set up:** a connection for each cluster, and your own names in ``SUBJECTS``. All five kinds can be read
this way. For clusters only, ``.partial(kind="cluster").expand(service_fabric_conn_id=[...])`` is enough. To
run the DAG without clusters, start two simulators and create the connections to them:

    python -m airflow_provider_sf.simulator --speed 60 --port 19081 --scenario fabric:/shop/web=good
    python -m airflow_provider_sf.simulator --speed 60 --port 19082 --scenario fabric:/shop/web=rolled_back
    export AIRFLOW_CONN_SERVICE_FABRIC_WESTEUROPE='service-fabric://127.0.0.1:19081'
    export AIRFLOW_CONN_SERVICE_FABRIC_NORTHEUROPE='service-fabric://127.0.0.1:19082'

**You will see:** a line for each cluster and application. The simulated upgrades begin after the first
read, so trigger the DAG again half a minute later. The rollback is now a warning, with its version and the
time of the failure. The connection ``service_fabric_eastus`` does not exist: the summary names its two
reads.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator

log = logging.getLogger("airflow.task")

REGIONS = ("westeurope", "northeurope", "eastus")
SUBJECTS = [
    {"service_fabric_conn_id": f"service_fabric_{region}", "kind": kind, "name": name}
    for region in REGIONS
    for kind, name in (("cluster", ""), ("application", "fabric:/shop/web"))
]
"""What to read: the cluster of each region, and its applications."""

BAD = {"paused", "rolling_back", "rolled_back", "failed", "unknown"}
"""The outcomes that a person must look at. The others: succeeded, in_progress, not_upgraded."""


def describe(record: dict[str, Any]) -> str:
    """Return what the last upgrade did, and since when."""
    version, since = record["target_version"], record["failed_at"] or record["started_at"]
    return f"{record['outcome']}, version {version}, " + (
        f"since {since}" if since else "no upgrade on record"
    )


with DAG(
    dag_id="nightly_audit",
    description="Read the upgrades of all Service Fabric clusters and applications; report the bad ones.",
    schedule=None,  # for example "0 5 * * *"
    catchup=False,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:
    read = ServiceFabricUpgradeProgressOperator.partial(
        task_id="read",
        map_index_template="{{ task.service_fabric_conn_id }} {{ task.name or task.kind }}",
    ).expand_kwargs(SUBJECTS)

    @task(trigger_rule="all_done")
    def summary(ti: Any = None) -> None:
        """Log each record; fail if an upgrade is bad or was not read."""
        bad, unread = [], []
        for index, subject in enumerate(SUBJECTS):
            title = f"{subject['service_fabric_conn_id']} {subject['name'] or subject['kind']}"
            record = ti.xcom_pull(task_ids="read", map_indexes=index)
            if record is None:
                unread.append(title)
                log.warning("%s: not read; see the log of task 'read' with this name", title)
            elif record["outcome"] in BAD:
                bad.append(title)
                log.warning("%s: %s", title, describe(record))
            else:
                log.info("%s: %s", title, describe(record))
        if bad or unread:
            msg = f"{len(bad)} of {len(SUBJECTS)} upgrades are bad: {', '.join(bad) or '-'}; "
            msg += f"{len(unread)} were not read: {', '.join(unread) or '-'}"
            raise AirflowFailException(msg)

    read >> summary()

if __name__ == "__main__":
    dag.test()
