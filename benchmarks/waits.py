"""
A process full of waits, like a triggerer: each trigger's ``run`` has its own task.

Kinds: ``provider`` is the trigger of this package, ``nothing`` does nothing, ``http_event`` is the event
trigger of the HTTP provider. The others are loops that poll and sleep: ``http_sensor`` with the body of the
HTTP provider's sensor trigger, which itself ends with the first response; ``unbounded`` with aiohttp and no
limit of connections.
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
    """Poll and sleep. Errors are only counted."""

    failures = 0

    def __init__(self, name: str, interval: float, poll: Poll) -> None:
        super().__init__(interval=interval)
        self.name = name
        self.poll = poll

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the task is cancelled."""
        while True:
            try:
                await self.poll(self.name)
            except Exception:  # noqa: BLE001 - a peer may raise anything
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
    """All waits of this process."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: dict[str, float] = {}

    async def start(
        self, kind: str, names: list[str], interval: float, way: dict[str, str], connections: list[str]
    ) -> dict[str, Any]:
        """Start a wait for each name. Names may repeat; the connections alternate."""
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
        """Return what has been used, and how many waits are running."""
        return {
            "at": time.monotonic(),
            "cpu": cpu_seconds(),
            "connection_loads": CountedLoads.count,
            "failures": LoopTrigger.failures,
            "waiting": len(self._tasks),
        }

    async def memory(self) -> dict[str, Any]:
        """Return the memory of the process."""
        return {"bytes": resident_bytes()}

    async def ended(self) -> dict[str, Any]:
        """Return which waits have fired their event, and when."""
        return {"ended": self._ended}


class CountedLoads:
    """Counts the connection loads of the hook."""

    count = 0
    load = ServiceFabricHook.get_conn

    @staticmethod
    def get_conn(hook: ServiceFabricHook) -> Any:
        """Count, and load the connection."""
        CountedLoads.count += 1
        return CountedLoads.load(hook)


def main() -> None:
    """Run the process."""
    ServiceFabricHook.get_conn = CountedLoads.get_conn  # type: ignore[method-assign,assignment]  # to count
    waits = Waits()
    answer_in_loop(start=waits.start, usage=waits.usage, memory=waits.memory, ended=waits.ended)


if __name__ == "__main__":
    main()
