"""The trigger: poll, take a step, log what changed, until the wait has ended."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timezone
from math import inf
from sys import intern
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_sf.cluster.per_loop import loop_time
from airflow_provider_sf.hooks.cluster_cache import cached_cluster
from airflow_provider_sf.messages.log_state import LogState
from airflow_provider_sf.messages.progress_log import changed_lines
from airflow_provider_sf.rest.json_values import utc
from airflow_provider_sf.triggers.loop_watch import loop_watch
from airflow_provider_sf.triggers.poller import Subscription, poll_queue, poller_for
from airflow_provider_sf.triggers.push_turns import push_turns
from airflow_provider_sf.triggers.xcom_progress import XComProgress
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import (
    Ended,
    PollAgain,
    seconds_unchanged,
    step,
    with_unchanged_polls,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_sf.triggers.poller import Poller, PollResult
    from airflow_provider_sf.wait.state_machine import Decision

MAX_UNCHANGED_SECONDS = 60.0
"""
While nothing changes, a step is taken only this often: it costs as much as a poll.

Log lines and XComs that are due without a change may be late by this time. Timeouts are exact.
"""


class ServiceFabricUpgradeTrigger(BaseTrigger):
    """
    Poll an upgrade until it has ended or its wait has, then fire one event with the state of the wait.

    All keywords are JSON. Airflow's database holds them in clear text, so they name the connection and hold
    nothing of it. Their names must not change: rows that one release wrote are read by the next. Values that
    are the default are left out, since with SQLite a triggerer reads all rows every second.

    :param name: the name of what is upgraded; empty for the kinds that upgrade the cluster itself
    :param kind: a name of :data:`airflow_provider_sf.upgrades.kinds.KINDS`
    :param service_fabric_conn_id: the connection to the cluster
    :param first_poll_at: the time of the first poll, ISO 8601
    :param wait_state: the state after the worker's first poll, from ``WaitState.to_dict``
    :param live_progress: push record and state as XComs while the task is deferred, if Airflow can do that
    :param stop_when_found: also fire when the expected upgrade is first known, with a state that has not
        ended; the task stores it for its later processes, and defers again
    :param policy: how to wait and for which upgrade, from ``Policy.to_dict``

    :raises TypeError: the row cannot be read, because another release wrote it. Airflow then fails this
        trigger only, and ``retries`` of the task help
    """

    def __init__(
        self,
        *,
        name: str,
        kind: str,
        service_fabric_conn_id: str,
        first_poll_at: str,
        wait_state: dict[str, Any],
        live_progress: bool = True,
        stop_when_found: bool = False,
        **policy: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow 3 leaves it untyped
        self.name = name
        self.kind = intern(kind)
        self.service_fabric_conn_id = intern(service_fabric_conn_id)
        self.first_poll_at = first_poll_at
        try:
            self.wait_state, self.policy = WaitState.from_dict(wait_state), Policy.from_dict(policy)
        except (AttributeError, KeyError, ValueError) as error:
            msg = f"the stored wait for the {kind} {name!r} cannot be read; another release wrote it: {error}"
            raise TypeError(msg) from error  # after other errors Airflow's triggerer ends
        self.live_progress = live_progress
        self.stop_when_found = stop_when_found
        self._log_state = LogState()
        self._unchanged_polls = 0
        """How many polls since the last step found the same record again, and when the last of them did."""
        self._unchanged_at = _now()
        self._unchanged_until = -inf
        """When a step is due even if the record is the same, by the event loop's clock."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keywords that make this trigger again."""
        return (
            "airflow_provider_sf.triggers.service_fabric.ServiceFabricUpgradeTrigger",
            {
                "name": self.name,
                "kind": self.kind,
                "service_fabric_conn_id": self.service_fabric_conn_id,
                "first_poll_at": self.first_poll_at,
                "wait_state": self.wait_state.to_dict(),
                "live_progress": self.live_progress,
                **({"stop_when_found": True} if self.stop_when_found else {}),
                **self.policy.to_dict(),
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire the event."""
        state = await self._final_state()
        yield TriggerEvent(state.to_dict())

    async def _final_state(self) -> WaitState:
        first_poll_at, connection = utc(self.first_poll_at) or _now(), self.service_fabric_conn_id
        ti = self.task_instance if self.live_progress else None
        async with (
            cached_cluster(connection),
            poll_queue(connection) as queue,
            poller_for(queue, self.kind, self.name) as poller,
            push_turns() as turns,
            loop_watch() as watch,
            XComProgress((self.kind, self.name), ti, self, turns, watch) as xcoms,
        ):
            if _now() > first_poll_at:  # another triggerer may have polled already
                self.wait_state = await xcoms.resume(self.wait_state)
            else:
                xcoms.begin(self.wait_state)
            self._log_state = LogState.from_record(self.wait_state.record, _now())
            pause = (first_poll_at - _now()).total_seconds()
            # A wait that its task has deferred again in time keeps its own schedule.
            is_spread = pause <= 0 or self.wait_state.polls <= 1
            subscription = poller.first_subscription(pause, self.policy.poke_interval, is_spread=is_spread)
            while isinstance(decision := await self._next_step(poller, subscription, xcoms), PollAgain):
                xcoms.show(self.wait_state, _now())
                if self._must_stop():
                    return self.wait_state
                subscription = self._subscription(decision)
        return self.wait_state.ended(decision.by, _now())

    def _must_stop(self) -> bool:
        """Whether the task must store what was found. A result that is being confirmed follows soon."""
        state = self.wait_state
        return self.stop_when_found and state.is_upgrade_known and not state.is_confirming

    async def on_kill(self) -> None:
        """Log that Airflow has cancelled this trigger; Airflow calls it from 3.3 on."""
        self.log.info(
            "Airflow has cancelled this trigger: a person has cleared or marked the task, or another "
            "triggerer continues the wait. The upgrade was not changed."
        )

    async def _next_step(self, poller: Poller, subscription: Subscription, xcoms: XComProgress) -> Decision:
        """
        Wait for a result that needs a step, and take the step.

        A step that finds the end needs all that an earlier process knew: the upgrade on record may have
        replaced the expected one.
        """
        while self._is_unchanged(result := await poller.next_result(subscription)):
            self._unchanged_polls += 1
            self._unchanged_at = result.at
            subscription.earliest = loop_time()
        await xcoms.check_after_hold()
        if xcoms.has_ended:
            await _cancellation()
        self._continue_from(xcoms)
        after, decision = self._step(result)
        if decision == Ended("upgrade") and await xcoms.finish_reading():
            self._continue_from(xcoms)
            after, decision = self._step(result)
        self._log_changes(result, after)
        return decision

    def _continue_from(self, xcoms: XComProgress) -> None:
        """Take over a newer state if another process has pushed one."""
        newest = xcoms.newest(self.wait_state)
        if newest is not self.wait_state:
            self.wait_state, self._unchanged_polls = newest, 0

    def _is_unchanged(self, result: PollResult) -> bool:
        """Whether a poll found the same record again, and no step is due."""
        record, observation = self.wait_state.record, result.observation
        if loop_time() >= self._unchanged_until or result.warnings or record is None:
            return False
        return isinstance(observation, UpgradeProgress) and observation.content == record.content

    def _step(self, result: PollResult) -> tuple[WaitState, Decision]:
        """Return the state after the result of a poll, and the decision."""
        state, now, observation = self.wait_state, result.at, result.observation
        if self._unchanged_polls:
            state = with_unchanged_polls(state, self._unchanged_polls, self._unchanged_at)
        if isinstance(observation, UpgradeProgress):
            observation = replace(observation, observed_at=now)
        return step(self.policy, state, observation, now, jitter=result.jitter)

    def _log_changes(self, result: PollResult, after: WaitState) -> None:
        """Take the state after a poll, and log what the poll has changed."""
        before, self.wait_state, self._unchanged_polls = self.wait_state, after, 0
        self._log_state, lines = changed_lines(self._log_state, before, after, self.policy, result.at)
        for level, line in (*((logging.WARNING, warning) for warning in result.warnings), *lines):
            self.log.log(level, "%s", line)

    def _subscription(self, decision: PollAgain) -> Subscription:
        """Return when the next result is needed."""
        now, unchanged = loop_time(), seconds_unchanged(self.policy, self.wait_state, _now())
        self._unchanged_until = now + min(unchanged, MAX_UNCHANGED_SECONDS)
        due = now + decision.seconds
        if self.wait_state.is_confirming or self.policy.exponential_backoff:
            return Subscription(due, due)
        if self.wait_state.error is not None:
            return Subscription(now, due)
        return Subscription(now, max(due, now + unchanged), self.policy.poke_interval)


async def _cancellation() -> None:
    """Wait for Airflow to cancel the trigger. If it ended without an event, Airflow could fail a task."""
    await asyncio.get_running_loop().create_future()


def _now() -> datetime:
    return datetime.now(timezone.utc)
