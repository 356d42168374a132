"""Three waits and a release, with the connection and the names in the configuration of the run."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DAG
from broken_waits import BROKEN, RelativeSensor  # type: ignore[import-not-found]  # Airflow imports it

from airflow_provider_sf.operators.upgrade_application import ServiceFabricUpgradeApplicationOperator
from airflow_provider_sf.releases import MonitoringPolicy
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
from airflow_provider_sf.sensors.wait_task import WaitTask

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

CASE = "{{ dag_run.conf['case'] }}"


def die(*_: object) -> None:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_where_configured(context: Context) -> None:
    """Kill the process of the first try where the run says: ``start``, ``resume``, or ``end``, after the event is read."""
    ti: Any = context["ti"]
    is_resumed = ti.xcom_pull(task_ids=ti.task_id, key="upgrade_wait", map_indexes=ti.map_index) is not None
    store: Any = context["task_state_store"]
    found = store.get("expected_upgrade")
    if found is not None and found["expected"] is None:
        is_resumed = False  # the sensor resumes to store which upgrade it expects; its end comes later
    dies_at = (context["dag_run"].conf or {}).get("dies_at")
    if ti.try_number > 1:
        return
    if dies_at == ("resume" if is_resumed else "start"):
        die()
    if dies_at == "end":
        setattr(WaitTask, WaitTask.end.__name__, die)  # in this process only


COMMON: dict[str, Any] = {
    "service_fabric_conn_id": "{{ dag_run.conf['case'] }}",
    "deferrable": True,
    "poke_interval": 10,
    "retries": 1,
    "retry_delay": timedelta(seconds=3),
    "pre_execute": die_where_configured,
}
RETRYING = {"retries", "retry_delay"}


def add_dag(
    dag_id: str,
    sensor: Any,
    operator: Any,
    *,
    dagrun_timeout: float | None = None,
    release: dict[str, Any] | None = None,
    **options: Any,
) -> DAG:
    """
    Return a DAG with a wait for each end of an upgrade, and a release.

    The options are for the sensors; those of retries are for the release, too. ``release`` has options of that.
    """
    common = COMMON | {name: options.pop(name) for name in RETRYING & options.keys()}
    limit = timedelta(seconds=dagrun_timeout) if dagrun_timeout else None
    # Without auto_register=False the DAGs would also belong to the files that import this one.
    with DAG(dag_id=dag_id, schedule=None, catchup=False, dagrun_timeout=limit, auto_register=False) as dag:
        sensor(task_id="good", name=f"good-{CASE}", kind="application_resource", **common, **options)
        for task_id in ("rolled_back", "superseded"):
            sensor(task_id=task_id, name=f"fabric:/{task_id}-{CASE}/web", **common, **options)
        operator(
            task_id="release",
            name=f"fabric:/idle-{CASE}/web",
            target_version="v1",
            monitoring_policy=MonitoringPolicy(),
            **{**common, **(release or {})},
        )
    return dag


REAL = ServiceFabricUpgradeSensor, ServiceFabricUpgradeApplicationOperator
VARIANTS: dict[str, dict[str, Any]] = {
    "waits": {},
    "waits_no_retry": {"retries": 0},
    "waits_short_outage": {"unreachable_timeout": 30, "retries": 0},
    "waits_refused": {
        "unreachable_timeout": 30,
        "retries": 0,
        "release": {"unreachable_timeout": 30, "retries": 1, "retry_delay": timedelta(seconds=60)},
    },
    "waits_late_retry": {"retry_delay": timedelta(seconds=60)},
    "waits_target_version": {"target_version": "v1", "start_timeout": 60},
    "waits_soft_fail": {"soft_fail": True},
    "waits_paused": {},
    "waits_run_timeout": {"dagrun_timeout": 60},
}
TIMEOUT_SECONDS = 150.0


def add_timeouts(dag_id: str, sensor: Any) -> DAG:
    """Return a DAG with a wait that a timeout ends."""
    with DAG(dag_id=dag_id, schedule=None, catchup=False, auto_register=False) as dag:
        sensor(
            task_id="stuck",
            name=f"stuck-{CASE}",
            kind="application_resource",
            timeout=timedelta(seconds=TIMEOUT_SECONDS),
            **{**COMMON, "retries": 0},
        )
    return dag


for name, variant in VARIANTS.items():
    globals()[name] = add_dag(name, *REAL, **variant)
for name, classes in BROKEN.items():
    globals()[name] = add_dag(name, *classes)
timeouts = add_timeouts("timeouts", ServiceFabricUpgradeSensor)
broken_deadline = add_timeouts("broken_deadline", RelativeSensor)
