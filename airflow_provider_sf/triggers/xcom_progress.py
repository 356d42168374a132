"""Progress that can be read while the task is deferred: the XComs of a wait, pushed by its trigger."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import XCom

from airflow_provider_sf.cluster.per_loop import loop_time
from airflow_provider_sf.wait.state import WaitState, xcom_values

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

MIN_PAUSE = timedelta(seconds=30)
"""The shortest time between two pushes of one wait."""

RETRY_AFTER = timedelta(seconds=15)
"""When a wait tries again for which the next free turn was too far away."""

TURN_SECONDS = 1.0
"""
The time between two pushes of a triggerer. Its waits take turns.

A push costs the supervisor about 50 ms of CPU time. This one process serves all triggers.
"""

TIMEOUT_SECONDS = 30.0
"""The longest time for a response of Airflow, and the longest wait for a turn."""


class XComProgress:
    """
    Push the record and the state of a wait after changes, and read the state back after a restart.

    A push never delays a poll, and its errors do not fail the wait: they are logged once. Without a task
    instance nothing is pushed.
    """

    __slots__ = (
        "_has_warned",
        "_is_pushing",
        "_key",
        "_latest",
        "_next_push_at",
        "_pushed",
        "_trigger",
        "_turn",
        "_upgrade",
    )

    def __init__(self, kind: str, name: str, ti: Any, trigger: Any) -> None:
        self._upgrade = kind, name
        self._trigger = trigger
        self._key: dict[str, Any] = {}
        """The task instance in the database; empty if nothing is pushed."""
        self._pushed: object = None
        self._next_push_at: datetime | None = None
        self._latest = WaitState()
        self._turn: asyncio.Task[None] | None = None
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
        if self._turn is None:
            return
        if kind is not None or not self._is_pushing:
            self._turn.cancel()
        await asyncio.wait([self._turn], timeout=TIMEOUT_SECONDS)
        self._turn.cancel()

    def begin(self, state: WaitState) -> None:
        """Start with a state that was pushed already. In an outage push it again: its start time is new."""
        self._latest = state
        self._pushed = None if state.unreachable_since else _relevant_parts(state)

    async def recalled(self, state: WaitState) -> WaitState:
        """Return the state that the previous triggerer pushed last. All timeouts continue from there."""
        if not self._key:
            return state.after_restart()
        try:
            read = XCom.aget_one(key="upgrade_wait", **self._key)
            last = WaitState.from_dict(await asyncio.wait_for(read, TIMEOUT_SECONDS))
        except Exception as error:  # noqa: BLE001 - the wait goes on, whatever Airflow raises
            self._warn("The state of this wait could not be read back", error)
            return state.after_restart()
        if last.began_at != state.began_at:  # the state of another wait
            return state.after_restart()
        self.begin(last)
        if last.polls <= state.polls:  # the worker pushed it
            return state.after_restart()
        self._trigger.log.info("Resumed with the state of the previous triggerer, after poll %s", last.polls)
        return last.resumed()

    def show(self, state: WaitState, now: datetime) -> None:
        """Push the state in the background if it has changed, but not too often."""
        self._latest = state
        has_turn = self._turn is not None and not self._turn.done()
        is_early = self._next_push_at is not None and now < self._next_push_at
        if not self._key or has_turn or is_early or _relevant_parts(state) == self._pushed:
            return
        pause = _turns.pause_before_next()
        if pause is None:
            self._next_push_at = now + RETRY_AFTER
        else:
            self._next_push_at = now + MIN_PAUSE
            self._turn = asyncio.create_task(self._push_after(pause))

    async def _push_after(self, pause: float) -> None:
        await asyncio.sleep(pause)
        self._is_pushing = True
        self._pushed = _relevant_parts(self._latest)
        try:
            for key, value in xcom_values(*self._upgrade, self._latest).items():
                await XCom.aset(key=key, value=value, **self._key)
        except Exception as error:  # noqa: BLE001 - the wait goes on, whatever Airflow raises
            self._pushed = None
            self._warn("Progress could not be pushed as XCom", error)
        finally:
            self._is_pushing = False

    def _warn(self, text: str, error: Exception) -> None:
        if not self._has_warned:
            self._trigger.log.warning("%s; the wait goes on: %r", text, error)
        self._has_warned = True


class _Turns:
    """The turns in which the waits of one triggerer push."""

    def __init__(self) -> None:
        self.free_at = 0.0

    def pause_before_next(self) -> float | None:
        """Take the next turn and return the seconds until then; None if it is too far away."""
        now = loop_time()
        pause = max(0.0, self.free_at - now)
        if pause > TIMEOUT_SECONDS:
            return None
        self.free_at = now + pause + TURN_SECONDS
        return pause


_turns = _Turns()


def _obstacle() -> str | None:
    """Return why a trigger cannot push XComs, or not without blocking the event loop of all triggers."""
    if not hasattr(XCom, "aset"):
        return "before Airflow 3.3 a trigger cannot push it"
    from airflow.sdk.bases.xcom import BaseXCom  # noqa: PLC0415 - not in Airflow 2

    return None if XCom is BaseXCom else "a custom XCom backend would block all triggers"


def _relevant_parts(state: WaitState) -> object:
    """Return the parts of a state that readers and timeouts need."""
    times = state.verdict, state.verdict_since, state.moved_at, state.unreachable_since
    return state.record and state.record.content, state.expected, state.outages.count, times
