"""The one asynchronous loop: poll, take a step, log what changed, until the wait has ended."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from sys import intern
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_sf.cluster.per_loop import loop_time
from airflow_provider_sf.hooks.cluster_cache import cached_cluster
from airflow_provider_sf.messages.progress_log import LogState, changed_lines, quiet_for
from airflow_provider_sf.rest.json_values import utc
from airflow_provider_sf.serialization import packed, unpacked
from airflow_provider_sf.triggers.poller import Wish, shared_polls
from airflow_provider_sf.triggers.xcom_progress import XComProgress
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import PollAgain, may_rest, rested, step, until_a_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_sf.triggers.poller import Answer
    from airflow_provider_sf.wait.state_machine import Decision


class ServiceFabricUpgradeTrigger(BaseTrigger):
    """
    Poll an upgrade until it has ended or its wait has, then fire one event: the story of the wait.

    All keywords are JSON; they stand in Airflow's database in clear, so they name the connection and hold
    nothing of it. Their names are promises: rows written by one release are read by the next. Rows are kept
    short, since with SQLite every triggerer reads all of them each second: what is as by default is left out,
    and ``memory`` and ``previous`` are packed.

    :param name: the name of what is upgraded; empty for the kinds that are the cluster's own
    :param kind: a name of :data:`airflow_provider_sf.upgrades.kinds.KINDS`
    :param service_fabric_conn_id: the connection to the cluster
    :param first_poll_at: when to poll first, ISO 8601
    :param memory: what the worker's first look has brought, from ``WaitState.to_dict``, packed or not
    :param live_progress: push record and memory as XComs while the task is deferred, where Airflow can
    :param previous: the record from before the start, if one was given, packed or not
    :param policy: how to wait and for which upgrade, from ``Policy.to_dict``
    """

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        service_fabric_conn_id: str,
        first_poll_at: str,
        memory: dict[str, Any] | str,
        live_progress: bool = True,
        previous: dict[str, Any] | str | None = None,
        **policy: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow 3 leaves it untyped
        self.name = name
        self.kind = intern(kind)
        self.service_fabric_conn_id = intern(service_fabric_conn_id)
        self.first_poll_at = first_poll_at
        self.memory = WaitState.from_dict(unpacked(memory))
        """What the wait knows by now."""
        self.live_progress = live_progress
        self.policy = Policy.from_dict({**policy, "previous": unpacked(previous)})
        self._told = LogState()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keywords that make this trigger again."""
        keywords = {
            "name": self.name,
            "kind": self.kind,
            "service_fabric_conn_id": self.service_fabric_conn_id,
            "first_poll_at": self.first_poll_at,
            "memory": self.memory.to_dict(),
            "live_progress": self.live_progress,
            **self.policy.to_dict(),
        }
        return (
            "airflow_provider_sf.triggers.service_fabric.ServiceFabricUpgradeTrigger",
            {name: packed(value) if isinstance(value, dict) else value for name, value in keywords.items()},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire the story."""
        first_poll_at, connection = utc(self.first_poll_at) or _now(), self.service_fabric_conn_id
        ti = self.task_instance if self.live_progress else None
        async with (
            cached_cluster(connection) as cluster,
            shared_polls(cluster, connection, self.kind, self.name) as polls,
            XComProgress(self.kind, self.name, ti, self) as live,
        ):
            if _now() > first_poll_at:  # another triggerer has polled already, and perhaps for long
                self.memory = await live.recalled(self.memory)
            else:
                live.begin(self.memory)
            self._told = LogState.of(self.memory.record, _now())
            wish = polls.first_wish((first_poll_at - _now()).total_seconds(), self.policy.poke_interval)
            while isinstance(decision := self._take_in(await polls.next(wish), wish), PollAgain):
                live.show(self.memory, _now())
                wish = self._wish(wish.met.result(), decision, live, _now())
        yield TriggerEvent(self.memory.ended(decision.by, _now()).to_dict())

    def _take_in(self, answer: Answer, wish: Wish) -> Decision:
        """Take in what a poll has brought, and log what it has changed."""
        before, now = self.memory, _now()
        if quietly := wish.quietly:
            before = rested(before, wish.quiet, quietly)
        self.memory, decision = step(self.policy, before, answer.dated, now, jitter=answer.chance)
        self._told, lines = changed_lines(self._told, before, self.memory, self.policy, now)
        for level, line in (*((logging.WARNING, remark) for remark in answer.remarks), *lines):
            self.log.log(level, "%s", line)
        return decision

    def _wish(self, answer: Answer, decision: PollAgain, live: XComProgress, now: datetime) -> Wish:
        """Return what to wish for next, now that an answer has been taken in."""
        policy, memory, moment = self.policy, self.memory, loop_time()
        if memory.unconfirmed or policy.exponential_backoff:  # looks only when it wants to
            by = moment + decision.seconds
            return Wish(not_before=by, by=by)
        if memory.error is not None:
            return Wish(not_before=moment, by=moment + decision.seconds)
        clock = until_a_clock(policy, memory, now)
        quiet = min(clock, quiet_for(self._told, memory, policy, now), live.quiet_for(now))
        quiet_until = now + timedelta(seconds=quiet) if may_rest(policy, memory) else None
        return Wish(moment, moment + clock, policy.poke_interval, quiet_until, known=answer)


def _now() -> datetime:
    return datetime.now(timezone.utc)
