"""The ways to poll of this provider, each as a context manager, like those of the peers."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.rest.protocol import request_for
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import get_kind
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState, xcom_values
from airflow_provider_sf.wait.state_machine import step
from benchmarks.answers import answer_about

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from airflow_provider_sf.rest.protocol import Response
    from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger
    from benchmarks.stub import Way

KIND = "application_resource"
CONN_ID = "bench"
HOURS_TO_GO = 6


@asynccontextmanager
async def asend(way: Way) -> AsyncIterator[Callable[[str], Awaitable[Response]]]:
    """Send requests to a cluster, and do not read the responses."""
    cluster, call = Cluster.at(way.origin, extra=way.extra), get_kind(KIND).progress
    async with cluster.session():
        yield lambda name: cluster.asend(request_for(call, name))


@asynccontextmanager
async def hook(_way: Way) -> AsyncIterator[Callable[[str], Awaitable[UpgradeProgress]]]:
    """Read records with a hook. Its Airflow connection names the cluster."""
    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - imports Airflow

    client = ServiceFabricHook(CONN_ID)
    async with client.cached_cluster():
        yield lambda name: client.aget_upgrade_progress(name, kind=KIND)


def wait_for(
    name: str, connection: str, interval: float, first_poll_at: datetime
) -> ServiceFabricUpgradeTrigger:
    """Return the trigger of a task after the worker's first poll, as the sensor creates it."""
    from airflow_provider_sf.triggers.service_fabric import (  # noqa: PLC0415 - imports Airflow
        ServiceFabricUpgradeTrigger,
    )

    now = datetime.now(timezone.utc)
    policy = Policy(poke_interval=interval, deadline=now + timedelta(hours=HOURS_TO_GO))
    answer = json.loads(answer_about(name).partition(b"\r\n\r\n")[2])
    record = UpgradeProgress.from_answer(KIND, name, answer, observed_at=now)
    state, _ = step(policy, WaitState(began_at=now), record, now)
    return ServiceFabricUpgradeTrigger(
        name=name,
        kind=KIND,
        service_fabric_conn_id=connection,
        first_poll_at=first_poll_at.isoformat(),
        wait_state=state.to_dict(),
        **policy.to_dict(),
    )


def stored_xcoms(trigger: ServiceFabricUpgradeTrigger) -> dict[str, Any]:
    """Return the XComs that the worker stores before it defers a task to the trigger."""
    return xcom_values(trigger.kind, trigger.name, trigger.wait_state)
