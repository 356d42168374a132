"""The contenders of the closed loop, and the process of one of them."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.cluster.per_loop import MAX_CONCURRENT_REQUESTS
from benchmarks import peers, provider
from benchmarks.answers import names
from benchmarks.asyncio_pool import asyncio_pool
from benchmarks.child import answer_in_loop
from benchmarks.measuring import cpu_seconds
from benchmarks.raw_pool import raw_pool
from benchmarks.stub import Way

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    Poll = Callable[[str], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to poll: a context manager, the package it needs, and how many times fewer polls it makes."""

    title: str
    polling: Callable[[Way], AbstractAsyncContextManager[Poll]]
    needs: str = "aiohttp"
    slower: int = 1

    @property
    def is_installed(self) -> bool:
        """Whether its package is installed."""
        parts = self.needs.split(".")
        return all(find_spec(".".join(parts[:end])) for end in range(1, len(parts) + 1))


_HTTP = "airflow.providers.http"

CONTENDERS = {
    "raw_pool": Contender("bare sockets, hand-made", raw_pool),
    "asyncio_pool": Contender("hand-made pool of asyncio connections", asyncio_pool),
    "asend": Contender("this provider: Cluster.asend", provider.asend, slower=2),
    "hook": Contender("this provider: ServiceFabricHook.aget_upgrade_progress", provider.hook, slower=2),
    "tuned_session": Contender("aiohttp, one tuned session", peers.tuned_session, slower=2),
    "session_per_poll": Contender("aiohttp, session per poll", peers.session_per_poll, slower=20),
    "http_sensor": Contender("HttpSensorTrigger's body", peers.http_sensor, _HTTP, slower=20),
    "http_event": Contender("HttpEventTrigger's poll", peers.http_event, _HTTP, slower=40),
    "sdk": Contender("azure-servicefabric in threads", peers.microsoft_sdk, "azure.servicefabric", slower=20),
    "requests": Contender(
        "requests in threads, session per thread", peers.requests_session_per_thread, "requests", slower=20
    ),
    "requests_per_poll": Contender(
        "requests in threads, session per poll", peers.requests_session_per_poll, "requests", slower=40
    ),
}


class Polling:
    """One running contender."""

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._context: AbstractAsyncContextManager[Poll] | None = None
        self._poll: Poll | None = None

    async def open(self, way: dict[str, str]) -> dict[str, Any]:
        """Open its context."""
        self._context = self._contender.polling(Way(**way))
        self._poll = await self._context.__aenter__()
        return {}

    async def poll(self, polls: int, workers: int = MAX_CONCURRENT_REQUESTS) -> dict[str, Any]:
        """Poll as fast as possible. Each worker polls one name."""
        each = polls // workers
        gc.collect()
        cpu, began = cpu_seconds(), time.perf_counter()
        await asyncio.gather(*(self._work(name, each) for name in names(workers)))
        took, cpu = time.perf_counter() - began, cpu_seconds() - cpu
        return {"polls": each * workers, "cpu": cpu, "seconds": took}

    async def _work(self, name: str, polls: int) -> None:
        assert self._poll is not None  # noqa: S101 - for mypy
        for _ in range(polls):
            await self._poll(name)


def main() -> None:
    """Run the contender that the command line names."""
    polling = Polling(CONTENDERS[sys.argv[1]])
    answer_in_loop(open=polling.open, poll=polling.poll)


if __name__ == "__main__":
    main()
