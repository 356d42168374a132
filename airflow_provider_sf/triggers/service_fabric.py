"""The one asynchronous loop: poll, take a step, log what changed, until the wait has ended."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.narration import change_lines
from airflow_provider_sf.rest import ServiceFabricError
from airflow_provider_sf.watching import AskAgain, Memory, Policy, Story, step
from airflow_provider_sf.wire import utc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_sf.watching import Observation


class ServiceFabricUpgradeTrigger(BaseTrigger):
    """
    Poll an upgrade until it has ended or its wait has, then fire one event: the story of the wait.

    All keywords are JSON; they stand in Airflow's database in clear, so they name the connection and hold
    nothing of it. Their names are promises: rows written by one release are read by the next.

    :param name: the application resource name
    :param kind: a name of :data:`airflow_provider_sf.upgrades.KINDS`
    :param service_fabric_conn_id: the connection to the cluster
    :param poke_interval: seconds between polls
    :param exponential_backoff: double the interval after each poll
    :param max_wait: seconds that the interval may reach at most; None for no limit
    :param unreachable_timeout: seconds for which a silent cluster is forgiven
    :param deadline: when the wait ends at the latest, ISO 8601
    :param first_poll_at: when to poll first, ISO 8601
    :param memory: what the worker's first look has brought, from ``Memory.to_dict``
    """

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        service_fabric_conn_id: str,
        poke_interval: float,
        exponential_backoff: bool,
        max_wait: float | None,
        unreachable_timeout: float,
        deadline: str,
        first_poll_at: str,
        memory: dict[str, Any],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow 3 leaves it untyped
        self.name = name
        self.kind = kind
        self.service_fabric_conn_id = service_fabric_conn_id
        self.poke_interval = poke_interval
        self.exponential_backoff = exponential_backoff
        self.max_wait = max_wait
        self.unreachable_timeout = unreachable_timeout
        self.deadline = deadline
        self.first_poll_at = first_poll_at
        self.memory = memory

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keywords that make this trigger again."""
        return (
            "airflow_provider_sf.triggers.service_fabric.ServiceFabricUpgradeTrigger",
            {
                "name": self.name,
                "kind": self.kind,
                "service_fabric_conn_id": self.service_fabric_conn_id,
                "poke_interval": self.poke_interval,
                "exponential_backoff": self.exponential_backoff,
                "max_wait": self.max_wait,
                "unreachable_timeout": self.unreachable_timeout,
                "deadline": self.deadline,
                "first_poll_at": self.first_poll_at,
                "memory": self.memory,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire the story."""
        policy = Policy(
            poke_interval=self.poke_interval,
            unreachable_timeout=self.unreachable_timeout,
            deadline=utc(self.deadline),
            exponential_backoff=self.exponential_backoff,
            max_wait=self.max_wait,
        )
        memory = Memory.from_dict(self.memory)
        hook = ServiceFabricHook(self.service_fabric_conn_id)
        async with hook.connected():
            await asyncio.sleep(_seconds_until(utc(self.first_poll_at)))
            while True:
                observation = await self._look(hook)
                before, now = memory, datetime.now(timezone.utc)
                memory, decision = step(policy, before, observation, now)
                for level, line in change_lines(before, memory, policy, now):
                    self.log.log(level, "%s", line)
                if not isinstance(decision, AskAgain):
                    break
                await asyncio.sleep(decision.after)
        yield TriggerEvent(Story.of(memory, decision).to_dict())

    async def _look(self, hook: ServiceFabricHook) -> Observation:
        try:
            return await hook.aget_upgrade_progress(self.name, kind=self.kind)
        except ServiceFabricError as error:
            return error


def _seconds_until(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())
