"""The cluster of a connection, cached for all waits of an event loop: one connection load, one session."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from copy import copy
from typing import TYPE_CHECKING

from airflow_provider_sf.cluster.per_loop import LoopResource, loop_resource, loop_resources, loop_time
from airflow_provider_sf.rest import ServiceFabricError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_sf.cluster import Cluster

    Load = Callable[[Cluster | None], Awaitable[Cluster]]
    """Loads the connection. The argument is the cached cluster, which it may return if loading fails."""

RELOAD_SECONDS = 300.0
"""How long a loaded connection is valid."""

RETRY_SECONDS = 30.0
"""The pause after a reload that failed, and between reloads in an outage. The cached cluster stays in use."""

FIRST_RETRY_SECONDS = 1.0
"""The pause after a first load that failed. All polls in this time get the same error."""


class CachedCluster(LoopResource):
    """The cluster of a connection, as it was loaded last."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster: Cluster | None = None
        self.reload_at = float("-inf")
        """When the connection is loaded again, by the event loop's clock."""
        self._failure: ServiceFabricError | None = None
        self._load_started_at = float("-inf")
        self._loading = asyncio.Lock()
        self.lease = AsyncExitStack()
        """Keeps the session of the cluster open."""

    async def current(self, load: Load) -> Cluster:
        """Return the cluster. If a reload is due, one caller does it; the others use the cached cluster."""
        if self.cluster is not None and (self._loading.locked() or loop_time() < self.reload_at):
            return self.cluster
        async with self._loading:
            if loop_time() < self.reload_at and self._failure is not None:
                raise copy(self._failure)
            if self.cluster is None or loop_time() >= self.reload_at:
                return await self._load(load)
            return self.cluster

    async def reloaded(self, refused: Cluster, sent_at: float, load: Load) -> Cluster:
        """
        Return the cluster after the gateway refused the credentials of a request that was sent at this time.

        Many requests may be refused together. The connection is reloaded only for a request that was sent
        after the latest load started.
        """
        async with self._loading:
            if self.cluster is None or (self.cluster is refused and self._load_started_at < sent_at):
                return await self._load(load)
            return self.cluster

    def note_outage(self, cluster: Cluster) -> None:
        """Make a reload due: no gateway of this cluster answered, so the connection may have been edited."""
        if cluster is self.cluster:
            self.reload_at = min(self.reload_at, self._load_started_at + RETRY_SECONDS)

    async def _load(self, load: Load) -> Cluster:
        """Load the connection. The previous session is closed after its last response."""
        self._load_started_at, known = loop_time(), self.cluster
        try:
            loaded = await load(known)
        except ServiceFabricError as error:
            self._failure, self.reload_at = copy(error), loop_time() + FIRST_RETRY_SECONDS
            raise
        self._failure = None
        self.reload_at = loop_time() + (RETRY_SECONDS if loaded is known else RELOAD_SECONDS)
        if known is not None and loaded == known:
            return known
        lease = AsyncExitStack()
        await lease.enter_async_context(loaded.session())
        # No await before the next line is complete: a cancellation must not lose the new lease.
        previous, self.lease, self.cluster = self.lease, lease, loaded
        await previous.aclose()
        return loaded

    async def close(self) -> None:
        """Leave the session."""
        await self.lease.aclose()


def cached_cluster(connection: str) -> CachedCluster:
    """Return the running event loop's cached cluster of a connection. Enter it at once."""
    return loop_resource((CachedCluster, connection), CachedCluster)


def cached_cluster_if_any(connection: str) -> CachedCluster | None:
    """Return the cached cluster of a connection if one is open in the running event loop."""
    cached: CachedCluster | None = loop_resources().get((CachedCluster, connection))
    return cached
