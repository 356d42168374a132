"""The turns in which the waits of a triggerer push their XComs, and how many read at once. No Airflow."""

from __future__ import annotations

import asyncio
from contextvars import Context
from dataclasses import dataclass
from math import inf

from airflow_provider_sf.cluster.per_loop import LoopResource, loop_resource, loop_time

TURN_SECONDS = 1.0
"""
The time between two pushes of a triggerer.

A push costs the supervisor about 50 ms of CPU time. This one process serves all triggers.
"""

MAX_READS = 2
"""
How many waits read their states at the same time.

The supervisor answers one request after the other. With a thousand waits after a restart, it would answer the
last one after a minute, and in this time no request for a connection either.
"""


@dataclass(slots=True, eq=False)
class Turn:
    """The place of a wait in the queue: urgent ones come first, then those that are there longest."""

    since: float
    is_urgent: bool
    has_come: asyncio.Future[None]
    """The wait cancels it to leave the queue."""


class PushTurns(LoopResource):
    """
    The queue of an event loop.

    A wait keeps its place until its turn comes, so with many waits each is served equally often.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reads = asyncio.Semaphore(MAX_READS)
        """Acquire it to read a state."""
        self._queue: list[Turn] = []
        self._timer: asyncio.TimerHandle | None = None
        self._free_at = -inf
        self._context = Context()

    def take(self, *, is_urgent: bool) -> Turn:
        """Enter the queue."""
        turn = Turn(loop_time(), is_urgent, asyncio.get_running_loop().create_future())
        self._queue.append(turn)
        self._set_timer()
        return turn

    async def close(self) -> None:
        """Serve no more turns."""
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        if self._timer is None and self._queue:
            moment = max(self._free_at, loop_time())
            self._timer = asyncio.get_running_loop().call_at(moment, self._on_timer, context=self._context)

    def _on_timer(self) -> None:
        self._timer = None
        self._queue = [turn for turn in self._queue if not turn.has_come.done()]
        if self._queue:
            first = min(self._queue, key=lambda turn: (not turn.is_urgent, turn.since))
            self._queue.remove(first)
            first.has_come.set_result(None)
            self._free_at = loop_time() + TURN_SECONDS
        self._set_timer()


def push_turns() -> PushTurns:
    """Return the turns of the running event loop. Enter them at once."""
    return loop_resource(PushTurns, PushTurns)
