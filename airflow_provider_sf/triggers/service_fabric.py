"""The one asynchronous loop: poll, take a step, log what changed, until the wait has ended."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from random import random
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.narration import Told, news
from airflow_provider_sf.rest import ServiceFabricError
from airflow_provider_sf.story import Memory
from airflow_provider_sf.triggers.live_progress import LiveProgress
from airflow_provider_sf.watching import AskAgain, Policy, step
from airflow_provider_sf.wire import utc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_sf.watching import Observation


class ServiceFabricUpgradeTrigger(BaseTrigger):
    """
    Poll an upgrade until it has ended or its wait has, then fire one event: the story of the wait.

    All keywords are JSON; they stand in Airflow's database in clear, so they name the connection and hold
    nothing of it. Their names are promises: rows written by one release are read by the next.

    :param name: the name of what is upgraded; empty for the kinds that are the cluster's own
    :param kind: a name of :data:`airflow_provider_sf.kinds.KINDS`
    :param service_fabric_conn_id: the connection to the cluster
    :param first_poll_at: when to poll first, ISO 8601
    :param memory: what the worker's first look has brought, from ``Memory.to_dict``
    :param live_progress: push record and memory as XComs while the task is deferred, where Airflow can
    :param policy: how to wait and for which upgrade, from ``Policy.to_dict``
    """

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        service_fabric_conn_id: str,
        first_poll_at: str,
        memory: dict[str, Any],
        live_progress: bool = True,
        **policy: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow 3 leaves it untyped
        self.name = name
        self.kind = kind
        self.service_fabric_conn_id = service_fabric_conn_id
        self.first_poll_at = first_poll_at
        self.memory = memory
        self.live_progress = live_progress
        self.policy = Policy.from_dict(policy)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keywords that make this trigger again."""
        return (
            "airflow_provider_sf.triggers.service_fabric.ServiceFabricUpgradeTrigger",
            {
                "name": self.name,
                "kind": self.kind,
                "service_fabric_conn_id": self.service_fabric_conn_id,
                "first_poll_at": self.first_poll_at,
                "memory": self.memory,
                "live_progress": self.live_progress,
                **self.policy.to_dict(),
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire the story."""
        memory, first_poll_at = Memory.from_dict(self.memory), utc(self.first_poll_at) or _now()
        ti = self.task_instance if self.live_progress else None
        hook = ServiceFabricHook(self.service_fabric_conn_id)
        async with hook.connected(), LiveProgress(self.kind, self.name, ti, self.log) as live:
            if _now() > first_poll_at:  # another triggerer has polled already, and perhaps for long
                memory = await live.recalled(memory)
            told = Told.of(memory.record, _now())
            await asyncio.sleep((first_poll_at - _now()).total_seconds())
            while True:
                observation = await self._look(hook)
                before, now = memory, _now()
                memory, decision = step(self.policy, before, observation, now, chance=random())  # noqa: S311 - no secret
                told, lines = news(told, before, memory, self.policy, now)
                for level, line in lines:
                    self.log.log(level, "%s", line)
                if not isinstance(decision, AskAgain):
                    break
                live.show(memory, now)
                await asyncio.sleep(decision.after)
        yield TriggerEvent(memory.ended(decision.by, now).to_dict())

    async def _look(self, hook: ServiceFabricHook) -> Observation:
        try:
            return await hook.aget_upgrade_progress(self.name, kind=self.kind)
        except ServiceFabricError as error:
            return error


def _now() -> datetime:
    return datetime.now(timezone.utc)
