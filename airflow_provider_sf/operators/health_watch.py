"""Makes the trigger that watches the health of an application for a task. Not for DAG files."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.operators.waiting import utc_now
from airflow_provider_sf.rest.json_values import iso
from airflow_provider_sf.triggers.health import ServiceFabricHealthTrigger
from airflow_provider_sf.wait.defaults import MIN_DEFERRAL_SECONDS

if TYPE_CHECKING:
    from datetime import datetime


def health_trigger(
    task: Any, *, is_healthy: bool, until: datetime, deadline: datetime, next_domain: str | None = None
) -> ServiceFabricHealthTrigger:
    """
    Return the trigger for a task with the parameters of a bake time; see the trigger.

    :param task: an operator with ``name``, ``health_policy`` and the parameters of the polls
    """
    return ServiceFabricHealthTrigger(
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
