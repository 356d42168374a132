"""Progress that can be read while the task is deferred: the XComs of a wait, pushed by its trigger."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import XCom

from airflow_provider_sf.cluster.per_loop import loop_time
from airflow_provider_sf.wait.state import WaitState, xcom_values

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

LEAST_PAUSE = timedelta(seconds=30)
"""Between two pushes of one wait."""

AGAIN_AFTER = timedelta(seconds=15)
"""When a wait for which there was no turn tries again."""

SECONDS_APART = 1.0
"""
Between two pushes of all waits of a triggerer, which take turns: each costs its supervisor about 50
milliseconds of CPU time, and that one process has all triggers to serve.
"""

MOST_SECONDS = 30.0
"""For an answer of Airflow's, and for a turn: if it is further away, a wait does not queue up."""


_NOTHING = WaitState()


class XComProgress:
    """
    Push record and memory of a wait when something has changed, and read the memory back after a restart.

    No push ever keeps the wait from its polls or is a fault of it: what goes wrong is said once. Without a
    task instance nothing is pushed.
    """

    __slots__ = (
        "_about",
        "_again_at",
        "_has_complained",
        "_is_pushing",
        "_latest",
        "_shown",
        "_trigger",
        "_turn",
        "_where",
    )

    def __init__(self, kind: str, name: str, ti: Any, trigger: Any) -> None:
        self._about = kind, name
        self._trigger = trigger
        self._where: dict[str, Any] = {}
        self._shown: object = None
        self._again_at: datetime | None = None
        self._latest = _NOTHING
        self._turn: asyncio.Task[None] | None = None
        self._is_pushing = False
        self._has_complained = False
        if ti is None:
            return
        obstacle = _obstacle()
        if obstacle:
            self._trigger.log.info("No progress in XCom while deferred: %s", obstacle)
        else:
            self._where = {key: getattr(ti, key) for key in ("dag_id", "task_id", "run_id", "map_index")}

    async def __aenter__(self) -> Self:
        """Do nothing yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Make sure that nothing is pushed any more: the worker pushes the end, if there is one."""
        if self._turn is None:
            return
        if kind is not None or not self._is_pushing:
            self._turn.cancel()
        await asyncio.wait([self._turn], timeout=MOST_SECONDS)
        self._turn.cancel()

    def begin(self, memory: WaitState) -> None:
        """Begin with what has been pushed, but show again since when there is a silence: clocks count it."""
        self._latest = memory
        self._shown = None if memory.unreachable_since else _what_matters(memory)

    async def recalled(self, memory: WaitState) -> WaitState:
        """Return the memory as the triggerer before this one pushed it last; all clocks go on from there."""
        if not self._where:
            return memory.after_restart()
        try:
            read = XCom.aget_one(key="upgrade_wait", **self._where)
            last = WaitState.from_dict(await asyncio.wait_for(read, MOST_SECONDS))
        except Exception as error:  # noqa: BLE001 - whatever Airflow raises, the wait goes on without
            self._complain("The memory of this wait could not be read back", error)
            return memory.after_restart()
        if last.began_at != memory.began_at:  # another wait's
            return memory.after_restart()
        self.begin(last)
        if last.polls <= memory.polls:  # the worker's own
            return memory.after_restart()
        log = self._trigger.log
        log.info("Taken up again with the memory of the triggerer before, of poll %s", last.polls)
        return last.resumed()

    def show(self, memory: WaitState, now: datetime) -> None:
        """Push in the background, if something has changed; but not too often."""
        self._latest = memory
        has_a_turn = self._turn is not None and not self._turn.done()
        if has_a_turn or self.quiet_for(now) > 0.0:
            return
        pause = _queue.pause_before_the_next_turn()
        if pause is None:
            self._again_at = now + AGAIN_AFTER
        else:
            self._again_at = now + LEAST_PAUSE
            self._turn = asyncio.create_task(self._push_after(pause))

    def quiet_for(self, now: datetime) -> float:
        """Return for how many seconds there is no need to show what was shown last once more."""
        if not self._where or _what_matters(self._latest) == self._shown:
            return inf
        return 0.0 if self._again_at is None else (self._again_at - now).total_seconds()

    async def _push_after(self, pause: float) -> None:
        await asyncio.sleep(pause)
        self._is_pushing = True
        self._shown = _what_matters(self._latest)
        try:
            for key, value in xcom_values(*self._about, self._latest).items():
                await XCom.aset(key=key, value=value, **self._where)
        except Exception as error:  # noqa: BLE001 - whatever Airflow raises, the wait goes on without
            self._shown = None
            self._complain("Progress could not be pushed as XCom", error)
        finally:
            self._is_pushing = False

    def _complain(self, what: str, error: Exception) -> None:
        if not self._has_complained:
            self._trigger.log.warning("%s, which does not matter to the wait itself: %r", what, error)
        self._has_complained = True


class _Queue:
    """In which the waits of one triggerer stand for their turns."""

    def __init__(self) -> None:
        self.free_at = 0.0

    def pause_before_the_next_turn(self) -> float | None:
        """Take the next turn and return how many seconds it is away; None if that is too far."""
        now = loop_time()
        pause = max(0.0, self.free_at - now)
        if pause > MOST_SECONDS:
            return None
        self.free_at = now + pause + SECONDS_APART
        return pause


_queue = _Queue()


def _obstacle() -> str | None:
    """Say why a trigger cannot push XComs, or not without blocking the event loop of all triggers."""
    if not hasattr(XCom, "aset"):
        return "before Airflow 3.3 a trigger cannot push it"
    from airflow.sdk.bases.xcom import BaseXCom  # noqa: PLC0415 - Airflow 2 has none

    return None if XCom is BaseXCom else "a custom XCom backend would hold up all triggers"


def _what_matters(memory: WaitState) -> object:
    """Return what makes one memory differ from another to a reader, and to its clocks."""
    clocks = memory.verdict, memory.verdict_since, memory.moved_at, memory.unreachable_since
    return memory.record and memory.record.content, memory.expected, memory.outages.count, clocks
