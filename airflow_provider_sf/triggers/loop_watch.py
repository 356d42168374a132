"""Notice that the event loop was held: by a stopped process, a busy machine or a moved virtual machine."""

from __future__ import annotations

import asyncio
import time
from contextvars import Context
from typing import TYPE_CHECKING

from airflow_provider_sf.cluster.per_loop import LoopResource, loop_resource

if TYPE_CHECKING:
    from collections.abc import Callable

TICK_SECONDS = 5.0
"""How often the watch looks at the clock."""

HELD_SECONDS = 20.0
"""
A loop that is late by more than this was held.

After 30 s without a heartbeat, Airflow gives the triggers to another triggerer.
"""


class LoopWatch(LoopResource):
    """
    Counts how often the event loop was held.

    It needs the wall clock: the clock of the event loop stops while a virtual machine is suspended.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._seen_at = clock()
        self._times_held = 0
        self._context = Context()
        self._timer = self._start_timer()

    def times_held(self) -> int:
        """Return how often the event loop was held so far."""
        now = self._clock()
        if now - self._seen_at > TICK_SECONDS + HELD_SECONDS:
            self._times_held += 1
        self._seen_at = now
        return self._times_held

    async def close(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _start_timer(self) -> asyncio.TimerHandle:
        loop = asyncio.get_running_loop()
        return loop.call_later(TICK_SECONDS, self._on_timer, context=self._context)

    def _on_timer(self) -> None:
        self.times_held()
        self._timer = self._start_timer()


def loop_watch() -> LoopWatch:
    """Return the watch of the running event loop. Enter it at once."""
    return loop_resource(LoopWatch, LoopWatch)
