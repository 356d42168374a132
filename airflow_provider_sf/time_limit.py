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
            if limit.has_ended(task): it took too long
        finally: limit.end(task)
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: dict[asyncio.Task[object], float] = {}
        self._ended: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[object]) -> None:
        """Let the time of a task begin."""
        loop = asyncio.get_running_loop()
        self._until[task] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(self._until[task], self._look)

    def end(self, task: asyncio.Task[object]) -> None:
        """Let the time of a task no longer matter."""
        self._until.pop(task, None)
        self._ended.discard(task)

    def has_ended(self, task: asyncio.Task[object]) -> bool:
        """Tell whether a task was cancelled because its time has run out, and for nothing else."""
        if task not in self._ended:
            return False
        return sys.version_info < (3, 11) or task.uncancel() == 0

    def close(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        """Cancel those whose time has run out, and look again when that of the next one does."""
        loop, self._timer = asyncio.get_running_loop(), None
        for task, until in list(self._until.items()):
            if until > loop.time():
                self._timer = loop.call_at(until, self._look)
                return
            del self._until[task]
            self._ended.add(task)
            task.cancel()
