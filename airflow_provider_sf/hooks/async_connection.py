"""A connection as coroutines use it: loaded in a thread, shared by all waits, reloaded if it may be stale."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_sf.cluster.failover import UNAVAILABLE
from airflow_provider_sf.cluster.per_loop import loop_time
from airflow_provider_sf.hooks.cluster_cache import cached_cluster_if_any
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.rest.plain_text import plain_line
from airflow_provider_sf.rest.protocol import AUTH_FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.rest.protocol import Request, Response

MAX_LOAD_SECONDS = 30.0
"""The time limit for loading a connection in the triggerer."""


@dataclass(frozen=True, slots=True)
class AsyncConnection:
    """
    Sends requests to the cluster of a connection.

    ``get_conn`` loads the connection and may block; ``warn`` receives the warnings. ``connection_errors`` are
    what it raises if the connection does not exist or is invalid.
    """

    conn_id: str
    get_conn: Callable[[], Cluster]
    warn: Callable[[str], object]
    connection_errors: tuple[type[Exception], ...]

    async def send(self, request_to: Callable[[Cluster], Request]) -> tuple[Cluster, Response]:
        """
        Send a request; return its response, and the cluster that reads it.

        If the credentials are refused, reload the connection and try once more. If no gateway answers, only
        make a reload due: the request has taken long enough.
        """
        cluster, sent_at = await self._cluster(), loop_time()
        try:
            response = await cluster.asend(request_to(cluster))
        except Unreachable:
            self._note_outage(cluster)
            raise
        except Rejected:  # in the TLS handshake, or by Entra ID
            reloaded = await self._reloaded(cluster, sent_at)
            if reloaded == cluster:
                raise
        else:
            if response.status in UNAVAILABLE:
                self._note_outage(cluster)
            is_refused = response.status in AUTH_FAILURES
            reloaded = await self._reloaded(cluster, sent_at) if is_refused else cluster
            if reloaded == cluster:
                return cluster, response
        return reloaded, await reloaded.asend(request_to(reloaded))

    async def load_or_keep(self, known: Cluster | None) -> Cluster:
        """Load the connection; if a reload fails, keep the previous settings."""
        if known is None:
            return await self._load()
        try:
            return await self._load()
        except Exception as error:  # noqa: BLE001 - a secrets backend may raise anything
            reason = plain_line(str(error))
            self.warn(f"Could not reload the connection; using the previous settings: {reason}")
            return known

    async def _cluster(self) -> Cluster:
        """Return the cluster that the event loop shares, or load the connection if it shares none."""
        shared = cached_cluster_if_any(self.conn_id)
        if shared is None:
            return await self._load()
        async with shared:
            return await shared.current(self.load_or_keep)

    async def _reloaded(self, refused: Cluster, sent_at: float) -> Cluster:
        """Return the cluster after it refused the credentials of a request that was sent at this time."""
        shared = cached_cluster_if_any(self.conn_id)
        if shared is None:
            return await self._load()
        async with shared:
            return await shared.reloaded(refused, sent_at, self.load_or_keep)

    def _note_outage(self, cluster: Cluster) -> None:
        shared = cached_cluster_if_any(self.conn_id)
        if shared is not None:
            shared.note_outage(cluster)

    async def _load(self) -> Cluster:
        """
        Load the connection in a thread, since secrets backends may block.

        Since Airflow 3.1 a failed request to the API server is reported as "isn't defined". The worker has
        just read the connection, so it exists, and a retry may help. An invalid connection needs an edit.
        """
        from asgiref.sync import sync_to_async  # noqa: PLC0415 - 6 ms that no DAG file needs to pay

        load = sync_to_async(self.get_conn, thread_sensitive=False)
        errors: tuple[type[Exception], ...] = (asyncio.TimeoutError, *self.connection_errors)
        try:
            return await asyncio.wait_for(load(), MAX_LOAD_SECONDS)
        except errors as error:
            raise connection_error(self.conn_id, error) from error


def connection_error(conn_id: str, error: Exception) -> Unreachable | Rejected:
    """Return the error of a connection that worked before: it cannot be loaded now, or it is invalid."""
    if isinstance(error, ValueError):
        return Rejected(str(error))
    reason = str(error) or f"Airflow did not return it within {MAX_LOAD_SECONDS:g} s"
    return Unreachable(f"connection {conn_id!r} could not be read: {reason}")
