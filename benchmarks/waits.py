"""
A process full of waits, as a triggerer is: each is a trigger whose ``run`` has a task of its own.

``ours`` are real triggers of this package, ``nothing`` do nothing, ``http_event`` are real triggers of the
HTTP provider. The others are loops that poll and sleep: ``http_sensor`` with the body of that provider's
other trigger, which itself ends with the first answer; ``unbounded`` over aiohttp, with as many connections
as it likes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from benchmarks import peers
from benchmarks.answers import target_of
from benchmarks.child import answer_in_loop
from benchmarks.measuring import cpu_seconds, resident_bytes
from benchmarks.nothing import NothingTrigger
from benchmarks.provider import wait_for
from benchmarks.raw_pool import client_context
from benchmarks.stub import Way

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from airflow.triggers.base import BaseTrigger, TriggerEvent

    Poll = Callable[[str], Awaitable[object]]


class LoopTrigger(NothingTrigger):
    """Poll and sleep; what stops a poll is counted and forgotten."""

    failures = 0

    def __init__(self, name: str, interval: float, poll: Poll) -> None:
        super().__init__(interval=interval)
        self.name = name
        self.poll = poll

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll for ever."""
        while True:
            try:
                await self.poll(self.name)
            except Exception:  # noqa: BLE001 - whatever a peer raises
                LoopTrigger.failures += 1
            await asyncio.sleep(self.interval)
        yield


def _http_event(name: str, interval: float, way: Way) -> BaseTrigger:
    from airflow.providers.http.triggers.http import HttpEventTrigger  # noqa: PLC0415 - may be missing

    trigger: BaseTrigger = HttpEventTrigger(
        "benchmarks.response_check.has_completed",
        http_conn_id=peers.CONN_ID,
        endpoint=target_of(name),
        extra_options={"ssl": client_context(way)} if way.certificate else {},
        poll_interval=interval,
    )
    return trigger


class Waits:
    """All that wait in this process."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: dict[str, float] = {}

    async def start(
        self, kind: str, names: list[str], interval: float, way: dict[str, str], connections: list[str]
    ) -> dict[str, Any]:
        """Start a wait for each name, which may occur more than once; connections take turns."""
        make = await self._maker(kind, interval, Way(**way))
        for place, name in enumerate(names):
            trigger = make(name, connections[place % len(connections)])
            task = asyncio.create_task(self._drain(name, trigger))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return {}

    async def _maker(self, kind: str, interval: float, way: Way) -> Callable[[str, str], BaseTrigger]:
        if kind == "provider":
            now = datetime.now(timezone.utc)
            return lambda name, connection: wait_for(name, connection, interval, now)
        if kind == "nothing":
            return lambda _name, _connection: NothingTrigger(interval=interval)
        if kind == "http_event":
            return lambda name, _connection: _http_event(name, interval, way)
        polling = peers.http_sensor(way) if kind == "http_sensor" else peers.tuned_session(way, limit=0)
        poll = await self._stack.enter_async_context(polling)
        return lambda name, _connection: LoopTrigger(name, interval, poll)

    async def _drain(self, name: str, trigger: BaseTrigger) -> None:
        try:
            async for _ in trigger.run():
                self._ended[name] = time.monotonic()
        except Exception:
            logging.getLogger(__name__).exception("a wait on %s has failed", name)

    async def usage(self) -> dict[str, Any]:
        """Say what has been spent, and how many go on."""
        return {
            "at": time.monotonic(),
            "cpu": cpu_seconds(),
            "look_ups": CountedLookUps.many,
            "failures": LoopTrigger.failures,
            "waiting": len(self._tasks),
        }

    async def memory(self) -> dict[str, Any]:
        """Say how much memory the process holds."""
        return {"bytes": resident_bytes()}

    async def ended(self) -> dict[str, Any]:
        """Say which waits have fired their event, and when."""
        return {"ended": self._ended}


class CountedLookUps:
    """Stands before the hook's look-up, and counts."""

    many = 0
    look_up = ServiceFabricHook.get_conn

    @staticmethod
    def get_conn(hook: ServiceFabricHook) -> Any:
        """Count, and look up."""
        CountedLookUps.many += 1
        return CountedLookUps.look_up(hook)


def main() -> None:
    """Be such a process."""
    ServiceFabricHook.get_conn = CountedLookUps.get_conn  # type: ignore[method-assign,assignment]  # to count
    waits = Waits()
    answer_in_loop(start=waits.start, usage=waits.usage, memory=waits.memory, ended=waits.ended)


if __name__ == "__main__":
    main()
