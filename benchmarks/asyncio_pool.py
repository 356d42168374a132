"""A hand-made pool on asyncio's transports: the minimum cost of any client that is built on them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_sf.cluster.per_loop import MAX_CONCURRENT_REQUESTS
from benchmarks.raw_pool import body_in, client_context, request_about

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from benchmarks.stub import Way


class _Connection(asyncio.Protocol):
    """A connection that stays open."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None
        self.transport = asyncio.Transport()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for mypy
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Complete the request when the body is complete."""
        self._received += data
        body = body_in(self._received)
        if body is not None and self._answer is not None:
            self._received = b""
            self._answer.set_result(body)

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        """Send a request, and return a future of the response body."""
        self._answer = self._loop.create_future()
        self.transport.write(request)
        return self._answer


@asynccontextmanager
async def asyncio_pool(way: Way) -> AsyncIterator[Callable[[str], Awaitable[bytes]]]:
    """Open a pool, and close it at the end."""
    host, loop = urlsplit(way.origin), asyncio.get_running_loop()
    tls = client_context(way) if way.certificate else None
    at = host.hostname or "", host.port or 0
    connecting = [loop.create_connection(_Connection, *at, ssl=tls) for _ in range(MAX_CONCURRENT_REQUESTS)]
    free = [connection for _, connection in await asyncio.gather(*connecting)]
    requests: dict[str, bytes] = {}

    async def poll(name: str) -> bytes:
        request = requests.get(name) or requests.setdefault(name, request_about(name, way))
        connection = free.pop()
        try:
            return await connection.ask(request)
        finally:
            free.append(connection)

    try:
        yield poll
    finally:
        for connection in free:
            connection.transport.abort()
