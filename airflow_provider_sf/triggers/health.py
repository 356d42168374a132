"""The trigger of a bake time: watch the health of an application until the task must decide again."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.messages.bake_times import changed_line
from airflow_provider_sf.releases.policies import health_policy_from_body
from airflow_provider_sf.rest import ServiceFabricError, Unreachable
from airflow_provider_sf.rest.json_values import utc
from airflow_provider_sf.upgrades.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class ServiceFabricHealthTrigger(BaseTrigger):
    """
    Fire one event when the health of an application has changed, or when ``until`` has come.

    The event only wakes the task, which reads the cluster itself: ``{"reason": "time", "is_healthy": true,
    "until": "...", "deadline": null}``; other reasons are ``health``, ``upgrade`` and ``error``. All keywords
    are JSON and their names must not change: they are the whole state, so a triggerer that is restarted goes
    on with the same bake time.

    :param name: the application
    :param service_fabric_conn_id: the connection to the cluster
    :param is_healthy: the health that the task has seen
    :param until: the time when the task must decide if nothing changes, ISO 8601
    :param first_poll_at: the time of the first poll, ISO 8601
    :param poke_interval: the time between polls, in seconds
    :param unreachable_timeout: after an outage of this many seconds, the event has the reason ``"error"``
    :param health_policy: ApplicationHealthPolicy as a body of a request; None is that of the manifest
    :param deadline: also fire at this time, ISO 8601; None is never
    :param next_domain: also fire when the upgrade is no longer paused before this upgrade domain
    """

    def __init__(
        self,
        *,
        name: str,
        service_fabric_conn_id: str,
        is_healthy: bool,
        until: str,
        first_poll_at: str,
        poke_interval: float,
        unreachable_timeout: float,
        health_policy: dict[str, Any] | None = None,
        next_domain: str | None = None,
        deadline: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow 3 leaves it untyped
        self.name = name
        self.service_fabric_conn_id = service_fabric_conn_id
        self.is_healthy = is_healthy
        self.until = until
        self.first_poll_at = first_poll_at
        self.poke_interval = poke_interval
        self.unreachable_timeout = unreachable_timeout
        self.health_policy = health_policy
        self.next_domain = next_domain
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keywords that make this trigger again."""
        names = (
            "name",
            "service_fabric_conn_id",
            "is_healthy",
            "until",
            "first_poll_at",
            "poke_interval",
            "unreachable_timeout",
            "health_policy",
            "next_domain",
            "deadline",
        )
        return (
            "airflow_provider_sf.triggers.health.ServiceFabricHealthTrigger",
            {name: getattr(self, name) for name in names},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch, and fire the event."""
        hook = ServiceFabricHook(self.service_fabric_conn_id)
        until, unreachable_since = self._wake_at(), None
        await asyncio.sleep(max(0.0, ((utc(self.first_poll_at) or _now()) - _now()).total_seconds()))
        async with hook.cached_cluster():
            while True:
                try:
                    reason = await self._change(hook)
                    unreachable_since = None
                except Unreachable as error:
                    if unreachable_since is None:
                        self.log.warning("cluster unreachable; the bake time goes on: %s", error)
                    unreachable_since = unreachable_since or _now()
                    silent_for = (_now() - unreachable_since).total_seconds()
                    reason = "error" if silent_for >= self.unreachable_timeout else ""
                except ServiceFabricError as error:
                    self.log.warning("the health cannot be read; the task reads it again: %s", error)
                    reason = "error"
                if not reason and unreachable_since is None and _now() >= until:
                    reason = "time"
                if reason:
                    break
                await asyncio.sleep(self._pause(until))
        state = {"is_healthy": self.is_healthy, "until": self.until, "deadline": self.deadline}
        yield TriggerEvent({"reason": reason, **state})

    async def _change(self, hook: ServiceFabricHook) -> str:
        """Return what has changed: ``health`` or ``upgrade``; empty if nothing has."""
        policy = None if self.health_policy is None else health_policy_from_body(self.health_policy)
        health = await hook.aget_application_health(self.name, policy=policy)
        if health.is_healthy is not self.is_healthy:
            self.log.warning("%s", changed_line(self.name, health))
            return "health"
        if self.next_domain is None:
            return ""
        record = await hook.aget_upgrade_progress(self.name, kind="application")
        is_waiting = record.outcome is Outcome.PAUSED and record.domains.next_domain == self.next_domain
        return "" if is_waiting else "upgrade"

    def _wake_at(self) -> datetime:
        times = [time for time in map(utc, (self.until, self.deadline)) if time is not None]
        return min(times, default=_now())

    def _pause(self, until: datetime) -> float:
        """Return the seconds to the next poll: the last one comes when the time has come."""
        remaining = (until - _now()).total_seconds()
        return min(self.poke_interval, remaining) if remaining > 0 else self.poke_interval


def _now() -> datetime:
    return datetime.now(timezone.utc)
