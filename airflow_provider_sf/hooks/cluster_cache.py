"""What all waits of one event loop on one connection share: one look-up, one cluster, one session."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from copy import copy
from typing import TYPE_CHECKING

from airflow_provider_sf.cluster.per_loop import Line, Shared, all_shared, loop_time, shared
from airflow_provider_sf.rest import ServiceFabricError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_sf.cluster import Cluster

LOOK_UP_EVERY_SECONDS = 300.0
"""How long what a look-up of a connection has brought is good for."""

AGAIN_AFTER_SECONDS = 30.0
"""How long after a look-up that has failed the next one is due, if an earlier one has brought something."""

FIRST_AGAIN_AFTER_SECONDS = 1.0
"""The same while none has brought anything: all who ask meanwhile share the failure."""


class CachedCluster(Shared):
    """The cluster behind a connection, as it was looked up last."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line()
        """In which the polls of waits stand."""
        self.cluster: Cluster | None = None
        self._failure: ServiceFabricError | None = None
        self.due_at = float("-inf")
        """When the next look-up is due, by the event loop's clock."""
        self._began_at = float("-inf")
        """When the latest one has begun."""
        self._looking_up = asyncio.Lock()
        self.lease = AsyncExitStack()

    async def current(self, load: Callable[[Cluster | None], Awaitable[Cluster]]) -> Cluster:
        """Return the cluster; if it is time, one looks it up, and the others go on with what is known."""
        if self.cluster is not None and (self._looking_up.locked() or loop_time() < self.due_at):
            return self.cluster
        async with self._looking_up:
            if loop_time() < self.due_at and self._failure is not None:
                raise copy(self._failure)
            if self.cluster is None or loop_time() >= self.due_at:
                return await self._look_up(load)
            return self.cluster

    async def instead_of(
        self, refused: Cluster, sent_at: float, load: Callable[[Cluster | None], Awaitable[Cluster]]
    ) -> Cluster:
        """
        Return what the connection says now that credentials were refused.

        Of many who are refused together one looks it up: not who sent his request before the latest look-up.
        """
        async with self._looking_up:
            if self.cluster is None or (self.cluster is refused and self._began_at < sent_at):
                return await self._look_up(load)
            return self.cluster

    async def _look_up(self, load: Callable[[Cluster | None], Awaitable[Cluster]]) -> Cluster:
        """Look the connection up; the session of before closes after its last answer."""
        self._began_at, known = loop_time(), self.cluster
        try:
            found = await load(known)
        except ServiceFabricError as error:
            self._failure, self.due_at = copy(error), loop_time() + FIRST_AGAIN_AFTER_SECONDS
            raise
        self._failure = None
        self.due_at = loop_time() + (AGAIN_AFTER_SECONDS if found is known else LOOK_UP_EVERY_SECONDS)
        if known is not None and found == known:
            return known
        lease = AsyncExitStack()
        await lease.enter_async_context(found.session())
        before, self.lease, self.cluster = self.lease, lease, found  # before the next chance to be cancelled
        await before.aclose()
        return found

    async def close(self) -> None:
        """Leave the session."""
        await self.lease.aclose()


def cached_cluster(connection: str) -> CachedCluster:
    """Return what is shared on a connection in this event loop, to be entered at once."""
    return shared((CachedCluster, connection), CachedCluster)


def cached_cluster_if_any(connection: str) -> CachedCluster | None:
    """Return what is shared on a connection in this event loop, None if nobody has entered it."""
    found: CachedCluster | None = all_shared().get((CachedCluster, connection))
    return found
