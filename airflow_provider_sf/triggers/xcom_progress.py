"""
Progress that can be read while the task is deferred: the XComs of a wait, pushed by its trigger.

The XCom ``upgrade_wait`` has several writers: the worker before the deferral and at the end, this trigger,
and for some seconds a second trigger, if Airflow has given the wait to another triggerer. So it is read
before each push: its end, a newer state and another wait are never overwritten.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.providers.common.compat.sdk import XCom

from airflow_provider_sf.airflow_versions import XCOM_IN_TRIGGERS
from airflow_provider_sf.wait.state import WaitState, xcom_values

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from airflow_provider_sf.triggers.loop_watch import LoopWatch
    from airflow_provider_sf.triggers.push_turns import PushTurns, Turn

MIN_PAUSE = timedelta(seconds=30)
"""The shortest time between two pushes of one wait, except after a change that the verdict depends on."""

TIMEOUT_SECONDS = 30.0
"""The longest time for a response of Airflow."""

RETRY_PAUSES = (5.0, 10.0, 20.0, 40.0, 60.0)
"""
The pauses before the state is read again after a restart.

A triggerer that has just started imports Airflow's API server first. A slow machine needs up to a minute.
"""


_EMPTY = WaitState()


class XComProgress:
    """
    Push the record and the state of a wait after changes, and read the state back after a restart.

    A push never delays a poll, and its errors do not fail the wait: they are logged once. Without a task
    instance nothing is pushed.
    """

    __slots__ = (
        "_earlier",
        "_has_warned",
        "_is_closed",
        "_is_pushing",
        "_is_unread",
        "_key",
        "_latest",
        "_next_push_at",
        "_push",
        "_pushed",
        "_recall",
        "_start",
        "_times_held",
        "_trigger",
        "_turn",
        "_turns",
        "_upgrade",
        "_watch",
        "has_ended",
    )

    def __init__(
        self, upgrade: tuple[str, str], ti: Any, trigger: Any, turns: PushTurns, watch: LoopWatch
    ) -> None:
        self._upgrade = upgrade
        self._trigger = trigger
        self._turns = turns
        self._watch = watch
        self._times_held = watch.times_held()
        self._key: dict[str, Any] = {}
        """The task instance in the database; empty if nothing is pushed."""
        self._pushed: _RelevantParts | None = None
        """What is stored, as far as this process knows."""
        self._next_push_at: datetime | None = None
        self._start = self._latest = _EMPTY
        """The first state of this process is kept until it is compared with what is stored."""
        self._earlier: WaitState | None = None
        """A newer state that another process has pushed, until this one continues from it."""
        self._is_unread = False
        """Whether this process may not know all that an earlier process has pushed."""
        self._is_closed = False
        """Whether the XComs belong to another wait, or are final."""
        self.has_ended = False
        """Whether another process has ended this wait."""
        self._recall: asyncio.Task[None] | None = None
        self._turn: Turn | None = None
        self._push: asyncio.Task[None] | None = None
        self._is_pushing = False
        self._has_warned = False
        if ti is None:
            return
        obstacle = _obstacle()
        if obstacle:
            self._trigger.log.info("No progress in XCom while deferred: %s", obstacle)
        else:
            self._key = {key: getattr(ti, key) for key in ("dag_id", "task_id", "run_id", "map_index")}

    async def __aenter__(self) -> Self:
        """Do nothing yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop pushing. After a normal end the worker pushes the final XComs."""
        if self._recall is not None:
            self._recall.cancel()
        if self._push is None:
            return
        if kind is not None or not self._is_pushing:
            self._push.cancel()
        await asyncio.wait([self._push], timeout=TIMEOUT_SECONDS)
        self._push.cancel()

    def begin(self, state: WaitState) -> None:
        """Start with a state that was pushed already. In an outage push it again: its start time is new."""
        self._latest = state
        self._pushed = None if state.unreachable_since else _relevant_parts(state)

    async def resume(self, state: WaitState) -> WaitState:
        """
        Return the state that the previous triggerer pushed last. All timeouts continue from there.

        If Airflow does not answer in time, or many waits read before this one, return this state, and read
        on in the background.
        """
        state = state.after_restart()
        self._latest = state
        if self._key:
            self._start, self._is_unread = state, True
            first_read = asyncio.create_task(self._error_of_reading())
            self._recall = asyncio.create_task(self._read_again(first_read))
            await asyncio.wait([first_read], timeout=TIMEOUT_SECONDS)
        return self.newest(state)

    def newest(self, state: WaitState) -> WaitState:
        """Return the state to continue from: this one, unless another process has pushed a newer one."""
        earlier, self._earlier = self._earlier, None
        if earlier is None:
            return state
        text = "Resumed with the state of the previous triggerer, after poll %s"
        self._trigger.log.info(text, earlier.polls)
        self._latest, self._start = earlier.continued(state, since=self._start), _EMPTY
        return self._latest

    async def finish_reading(self) -> bool:
        """Wait until the state is read back or finally cannot be; return whether there is a newer one."""
        if self._recall is not None:
            await asyncio.wait([self._recall])
        return self._earlier is not None

    async def check_after_hold(self) -> None:
        """Read the state again if the event loop was held: another triggerer may have continued the wait."""
        times_held = self._watch.times_held()
        if self._key and times_held != self._times_held:
            await self._error_of_reading()
        self._times_held = times_held

    def show(self, state: WaitState, now: datetime) -> None:
        """Push the state in the background if it has changed, but not too often."""
        self._latest = state
        parts = _relevant_parts(state)
        if not self._key or self._is_closed or parts == self._pushed:
            return
        is_urgent = self._pushed is None or parts.verdict != self._pushed.verdict
        if self._turn is not None:
            self._turn.is_urgent |= is_urgent
        elif is_urgent or self._next_push_at is None or now >= self._next_push_at:
            self._next_push_at = now + MIN_PAUSE
            self._turn = self._turns.take(is_urgent=is_urgent)
            self._push = asyncio.create_task(self._push_in_turn(self._turn))

    async def _push_in_turn(self, turn: Turn) -> None:
        try:
            await turn.has_come
            await self._read()
            if not self._is_closed and self._earlier is None:
                self._is_pushing = True
                await asyncio.wait_for(self._push_latest(), TIMEOUT_SECONDS)
        except Exception as error:  # noqa: BLE001 - the wait goes on, whatever Airflow raises
            if not self._has_warned:
                self._trigger.log.warning("Progress could not be pushed as XCom; the wait goes on: %r", error)
            self._has_warned = True
        finally:
            self._turn, self._is_pushing = None, False

    async def _push_latest(self) -> None:
        """
        Send both XComs at once. A cancellation stores both or none.

        From Airflow 3.4 on a thread prepares each of them, so a cancellation could come between them.
        """
        state = self._latest
        values = reversed(xcom_values(*self._upgrade, state).items())
        pushes = asyncio.gather(*(XCom.aset(key=key, value=value, **self._key) for key, value in values))
        await asyncio.shield(pushes)
        self._pushed = _relevant_parts(state)

    async def _read(self) -> None:
        """
        Read the state that is stored, and note what it means for this process.

        :raises Exception: whatever Airflow raises; ValueError if the XCom is missing or not readable
        """
        async with self._turns.reads:
            value = XCom.aget_one(key="upgrade_wait", **self._key)
            stored = WaitState.from_dict(await asyncio.wait_for(value, TIMEOUT_SECONDS))
        known = self._start if self._is_unread else self._latest
        self._is_unread, self._start = False, _EMPTY if self._earlier is None else self._start
        is_same_wait = stored.began_at == known.began_at
        self._is_closed = not is_same_wait or stored.ended_by is not None
        self.has_ended = is_same_wait and stored.ended_by is not None
        if self._is_closed:
            return
        self._pushed = _relevant_parts(stored)
        if stored.polls > known.polls:
            self._earlier, self._start = stored, known

    async def _error_of_reading(self) -> Exception | None:
        try:
            await self._read()
        except Exception as error:  # noqa: BLE001 - the wait goes on, whatever Airflow raises
            return error
        return None

    async def _read_again(self, first_read: asyncio.Task[Exception | None]) -> None:
        """If the first read fails, try a few times more, unless a push has read the state."""
        error = await first_read
        if error is None:
            return
        for pause in RETRY_PAUSES:
            await asyncio.sleep(pause)
            if self._is_unread:
                error = await self._error_of_reading()
            if not self._is_unread:
                return
        self._trigger.log.warning(
            "State of the wait not readable after a restart: timeouts may start again. An upgrade that "
            "replaced the expected one after the worker's first poll cannot be noticed. The wait goes on: %r",
            error,
        )


class _RelevantParts(NamedTuple):
    """The parts of a state that readers and timeouts need; ``verdict`` is what the verdict depends on."""

    verdict: object
    progress: object


def _relevant_parts(state: WaitState) -> _RelevantParts:
    stage_began_at = state.timeline[-1].first_seen_at if state.timeline else None
    times = state.verdict_since, state.moved_at, state.unreachable_since
    return _RelevantParts(
        verdict=(state.verdict, state.expected, state.before, stage_began_at),
        progress=(state.record and state.record.content, state.outages.count, times),
    )


def _obstacle() -> str | None:
    """Return why a trigger cannot push XComs, or not without blocking the event loop of all triggers."""
    if not XCOM_IN_TRIGGERS.is_available:
        return "before Airflow 3.3 a trigger cannot push it"
    from airflow.sdk.bases.xcom import BaseXCom  # noqa: PLC0415 - not in Airflow 2

    return None if XCom is BaseXCom else "a custom XCom backend would block all triggers"
