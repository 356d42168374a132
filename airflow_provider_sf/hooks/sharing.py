"""What all waits of one event loop on one connection share: one look-up, one cluster, one session."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from airflow_provider_sf.cluster import Cluster

LOOK_UP_EVERY_SECONDS = 300.0
"""How long what a look-up of a connection has brought is good for."""

AGAIN_AFTER_SECONDS = 10.0
"""How long after a look-up for refused credentials the next may be: many waits are refused at once."""


@dataclass(slots=True)
class SharedCluster:
    """The cluster behind a connection, as it was looked up last."""

    users: int = 0
    cluster: Cluster | None = None
    looked_up_at: float = 0.0
    refused_at: float = float("-inf")
    looking_up: asyncio.Lock = field(default_factory=asyncio.Lock)
    lease: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def current(self, load: Callable[[Cluster | None], Awaitable[Cluster]]) -> Cluster:
        """Return the cluster; if it is time, one looks it up, and the others go on with what is known."""
        if self.cluster is not None and self.looking_up.locked():
            return self.cluster
        async with self.looking_up:
            if self.cluster is None or _now() - self.looked_up_at >= LOOK_UP_EVERY_SECONDS:
                self.cluster = await self._moved_to(await load(self.cluster))
            return self.cluster

    async def instead_of(
        self, refused: Cluster, load: Callable[[Cluster | None], Awaitable[Cluster]]
    ) -> Cluster:
        """Return what the connection says now that credentials were refused; one of many looks it up."""
        async with self.looking_up:
            is_known = self.cluster is refused and _now() - self.refused_at >= AGAIN_AFTER_SECONDS
            if is_known:
                self.refused_at = _now()
                self.cluster = await self._moved_to(await load(refused))
            return self.cluster or refused

    async def _moved_to(self, cluster: Cluster) -> Cluster:
        """Hold this cluster's session open; the one before it closes after its last answer."""
        self.looked_up_at = _now()
        if self.cluster == cluster:
            return self.cluster
        before, self.lease = self.lease, AsyncExitStack()
        await self.lease.enter_async_context(cluster.session())
        await before.aclose()
        return cluster


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SharedCluster]] = WeakKeyDictionary()


@asynccontextmanager
async def joined(connection: str) -> AsyncIterator[None]:
    """Share what this connection needs with all in this event loop; the last one to leave closes it."""
    here = _shared.setdefault(asyncio.get_running_loop(), {})
    shared = here.setdefault(connection, SharedCluster())
    shared.users += 1
    try:
        yield
    finally:
        shared.users -= 1
        if not shared.users:
            del here[connection]
            await shared.lease.aclose()


def shared_by(connection: str) -> SharedCluster | None:
    """Return what is shared in this event loop, None if nobody has joined."""
    return _shared.get(asyncio.get_running_loop(), {}).get(connection)


def _now() -> float:
    return asyncio.get_running_loop().time()
