"""Load a connection without blocking the event loop: once for all waits that share its cluster."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_sf.hooks.cluster_cache import cached_cluster_if_any
from airflow_provider_sf.rest import Rejected, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.cluster import Cluster

MAX_LOAD_SECONDS = 30.0
"""The time limit for loading a connection in the triggerer."""


@dataclass(frozen=True, slots=True)
class ConnectionLoader:
    """
    Returns the cluster of a connection to coroutines.

    ``get_conn`` loads the connection and may block; ``warn`` receives the warnings.
    """

    connection: str
    get_conn: Callable[[], Cluster]
    warn: Callable[[str], object]

    async def cluster(self) -> Cluster:
        """Return the cluster that the event loop shares, or load the connection if it shares none."""
        shared = cached_cluster_if_any(self.connection)
        if shared is None:
            return await self.load()
        async with shared:
            return await shared.current(self.load_or_keep)

    async def reloaded(self, refused: Cluster, sent_at: float) -> Cluster:
        """Return the cluster after it refused the credentials of a request that was sent at this time."""
        shared = cached_cluster_if_any(self.connection)
        if shared is None:
            return await self.load()
        async with shared:
            return await shared.reloaded(refused, sent_at, self.load_or_keep)

    async def load_or_keep(self, known: Cluster | None) -> Cluster:
        """Load the connection; if a reload fails, keep the previous settings."""
        if known is None:
            return await self.load()
        try:
            return await self.load()
        except Exception as error:  # noqa: BLE001 - a secrets backend may raise anything
            self.warn(f"Could not reload the connection; using the previous settings: {error}")
            return known

    async def load(self) -> Cluster:
        """
        Load the connection in a thread, since secrets backends may block.

        Since Airflow 3.1 a failed request to the API server is reported as "isn't defined". The worker has
        just read the connection, so it exists, and a retry may help. An invalid connection needs an edit.
        """
        from asgiref.sync import sync_to_async  # noqa: PLC0415 - 6 ms that no DAG file needs to pay

        load = sync_to_async(self.get_conn, thread_sensitive=False)
        try:
            return await asyncio.wait_for(load(), MAX_LOAD_SECONDS)
        except (AirflowNotFoundException, asyncio.TimeoutError) as error:
            reason = str(error) or f"no answer within {MAX_LOAD_SECONDS:g} s"
            msg = f"connection {self.connection!r} could not be read: {reason}"
            raise Unreachable(msg) from error
        except ValueError as error:
            raise Rejected(str(error)) from error
