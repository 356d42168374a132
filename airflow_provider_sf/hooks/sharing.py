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

AGAIN_AFTER_SECONDS = 30.0
"""How long after a look-up that has failed the next one is due."""


@dataclass(slots=True)
class SharedCluster:
    """The cluster behind a connection, as it was looked up last."""

    users: int = 0
    cluster: Cluster | None = None
    due_at: float = 0.0
    """When the next look-up is due, by the event loop's clock."""
    began_at: float = float("-inf")
    """When the latest one has begun."""
    looking_up: asyncio.Lock = field(default_factory=asyncio.Lock)
    lease: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def current(self, load: Callable[[Cluster | None], Awaitable[Cluster]]) -> Cluster:
        """Return the cluster; if it is time, one looks it up, and the others go on with what is known."""
        if self.cluster is not None and self.looking_up.locked():
            return self.cluster
        async with self.looking_up:
            if self.cluster is None or _now() >= self.due_at:
                return await self._look_up(load)
            return self.cluster

    async def instead_of(
        self, refused: Cluster, sent_at: float, load: Callable[[Cluster | None], Awaitable[Cluster]]
    ) -> Cluster:
        """
        Return what the connection says now that credentials were refused.

        Of many who are refused together one looks it up: not who sent his request before the latest look-up.
        """
        async with self.looking_up:
            if self.cluster is None or (self.cluster is refused and self.began_at < sent_at):
                return await self._look_up(load)
            return self.cluster

    async def _look_up(self, load: Callable[[Cluster | None], Awaitable[Cluster]]) -> Cluster:
        """Look the connection up; the session of before closes after its last answer."""
        self.began_at = _now()
        found, known = await load(self.cluster), self.cluster
        self.due_at = _now() + (AGAIN_AFTER_SECONDS if found is known else LOOK_UP_EVERY_SECONDS)
        if known is not None and found == known:
            return known
        lease = AsyncExitStack()
        await lease.enter_async_context(found.session())
        before, self.lease, self.cluster = self.lease, lease, found  # before the next chance to be cancelled
        await before.aclose()
        return found


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
