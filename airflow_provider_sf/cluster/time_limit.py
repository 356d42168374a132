"""
A time limit for many exchanges at once, kept by one timer. Only asyncio.

All have the same time, so who began first is the first to run out of it. A timer for each, set and cancelled
with it, is what aiohttp would use: it costs a tenth of an exchange, and leaves garbage for half a minute.
"""

from __future__ import annotations

import asyncio
import sys


class TimeLimit:
    """
    Ends what takes longer than so many seconds; one task does one thing at a time.

        limit.begin(task)
        try: ...
        except asyncio.CancelledError:
            if limit.was_overdue(task): it took too long
        finally: limit.end(task)
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: dict[asyncio.Task[object], tuple[float, int]] = {}
        """When the time of a task is over, and how often it had been cancelled when that began."""
        self._overdue: dict[asyncio.Task[object], int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[object]) -> None:
        """Let the time of a task begin."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._seconds
        self._until[task] = until, int(sys.version_info >= (3, 11) and task.cancelling())
        if self._timer is None:
            self._timer = loop.call_at(until, self._look)

    def end(self, task: asyncio.Task[object]) -> None:
        """Let the time of a task no longer matter."""
        self._until.pop(task, None)
        self._overdue.pop(task, None)

    def was_overdue(self, task: asyncio.Task[object]) -> bool:
        """Take the cancellation of a task back if it was for its time alone, and tell whether it was."""
        before = self._overdue.pop(task, None)
        if before is None:
            return False
        return sys.version_info < (3, 11) or task.uncancel() <= before

    def close(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        """Cancel those whose time has run out, and look again when that of the next one does."""
        loop, self._timer = asyncio.get_running_loop(), None
        for task, (until, cancels) in list(self._until.items()):
            if until > loop.time():
                self._timer = loop.call_at(until, self._look)
                return
            del self._until[task]
            self._overdue[task] = cancels
            task.cancel()
