"""Three waits and a release, with the connection and the names in the configuration of the run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DAG
from broken_waits import make_mistake  # type: ignore[import-not-found]  # Airflow imports it
from earlier_rows import write_rows_of_earlier_release  # type: ignore[import-not-found]  # as the one before
from kills import kill_where_configured  # type: ignore[import-not-found]  # as the one before

from airflow_provider_sf.operators.upgrade_application import ServiceFabricUpgradeApplicationOperator
from airflow_provider_sf.releases import MonitoringPolicy
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

CASE = "{{ dag_run.conf['case'] }}"
CONNECTION = "{{ dag_run.conf['connection'] }}"


def disturb(context: Context) -> None:
    """Do in the process of a task what the configuration of the run says."""
    kill_where_configured(context)
    write_rows_of_earlier_release(context)
    make_mistake(context)


COMMON: dict[str, Any] = {
    "service_fabric_conn_id": CONNECTION,
    "deferrable": True,
    "poke_interval": 10,
    "retries": 1,
    "retry_delay": timedelta(seconds=3),
    "pre_execute": disturb,
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
    options = {**common, **options}
    limit = timedelta(seconds=dagrun_timeout) if dagrun_timeout else None
    # Without auto_register=False the DAGs would also belong to the files that import this one.
    with DAG(dag_id=dag_id, schedule=None, catchup=False, dagrun_timeout=limit, auto_register=False) as dag:
        sensor(task_id="good", name=f"good-{CASE}", kind="application_resource", **options)
        for task_id in ("rolled_back", "superseded"):
            sensor(task_id=task_id, name=f"fabric:/{task_id}-{CASE}/web", **options)
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
    "waits_poke": {"deferrable": False, "retry_delay": timedelta(seconds=60)},
    "waits_reschedule": {"deferrable": False, "mode": "reschedule", "retry_delay": timedelta(seconds=60)},
}
TIMEOUT_SECONDS = 150.0


for name, variant in VARIANTS.items():
    globals()[name] = add_dag(name, *REAL, **variant)
with DAG(dag_id="timeouts", schedule=None, catchup=False, auto_register=False) as timeouts:
    ServiceFabricUpgradeSensor(
        task_id="stuck",
        name=f"stuck-{CASE}",
        kind="application_resource",
        timeout=timedelta(seconds=TIMEOUT_SECONDS),
        **{**COMMON, "retries": 0},
    )
