"""Defers a task to the trigger that watches the health of an application. Not for DAG files."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.operators.waiting import utc_now
from airflow_provider_sf.rest.json_values import iso
from airflow_provider_sf.sensors.wait_task import DEFERRAL_MARGIN
from airflow_provider_sf.triggers.health import ServiceFabricHealthTrigger
from airflow_provider_sf.wait.defaults import MIN_DEFERRAL_SECONDS

if TYPE_CHECKING:
    from datetime import datetime


def defer_to_health_trigger(
    task: Any,
    *,
    method_name: str,
    is_healthy: bool,
    until: datetime,
    deadline: datetime,
    next_domain: str | None = None,
) -> None:
    """
    Defer a task with the parameters of a bake time; see the trigger.

    If no triggerer runs, Airflow fails the task some minutes after the deadline.

    :param task: an operator with ``name``, ``health_policy`` and the parameters of the polls
    """
    trigger = ServiceFabricHealthTrigger(
        name=task.name,
        service_fabric_conn_id=task.service_fabric_conn_id,
        is_healthy=is_healthy,
        until=str(iso(until)),
        deadline=str(iso(deadline)),
        first_poll_at=str(iso(utc_now() + timedelta(seconds=MIN_DEFERRAL_SECONDS))),
        poke_interval=task.poke_interval,
        unreachable_timeout=task.unreachable_timeout,
        health_policy=None if task.health_policy is None else task.health_policy.body(),
        next_domain=next_domain,
    )
    remaining = max(timedelta(0), deadline - utc_now())
    task.defer(trigger=trigger, method_name=method_name, timeout=remaining + DEFERRAL_MARGIN)
