"""
The practical limit: hand-made requests on a few open sockets in the event loop.

It supports one request and one form of response. It has no timeouts, no retries and no other encodings.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_sf.cluster.per_loop import MAX_CONCURRENT_REQUESTS
from benchmarks.answers import target_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from benchmarks.stub import Way

_AT_ONCE = 65536
_LENGTH = b"Content-Length: "


class RawConnection:
    """A socket that stays open and is read by the event loop."""

    __slots__ = ("_answer", "_loop", "_received", "_socket")

    def __init__(self, kept: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._socket = kept
        self._loop = loop
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None
        loop.add_reader(kept.fileno(), self._read)

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        """Send a request, and return a future of the response body."""
        self._answer = self._loop.create_future()
        self._socket.send(request)
        return self._answer

    def close(self) -> None:
        """Close it."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _read(self) -> None:
        try:
            received = self._received + self._socket.recv(_AT_ONCE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        body = body_in(received)
        if body is None:
            self._received = received
            return
        self._received = b""
        if self._answer is not None:
            self._answer.set_result(body)


class RawPool:
    """As many sockets as this provider opens to a cluster, and the requests, which are built once."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._requests: dict[str, bytes] = {}
        loop = asyncio.get_running_loop()
        self._free = [RawConnection(_connected(way), loop) for _ in range(MAX_CONCURRENT_REQUESTS)]

    async def poll(self, name: str) -> bytes:
        """Return the response body for a name."""
        request = self._requests.get(name)
        if request is None:
            request = self._requests[name] = request_about(name, self._way)
        connection = self._free.pop()
        try:
            return await connection.ask(request)
        finally:
            self._free.append(connection)

    def close(self) -> None:
        """Close the free connections."""
        while self._free:
            self._free.pop().close()


def body_in(received: bytes) -> bytes | None:
    """Return the body of a response; None if it is not complete."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return None
    begin = head.find(_LENGTH) + len(_LENGTH)
    return body if len(body) >= int(head[begin : head.find(b"\r\n", begin)]) else None


def request_about(name: str, way: Way) -> bytes:
    """Return the bytes of the request for a name."""
    host = urlsplit(way.origin).netloc
    return f"GET {target_of(name)} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\r\n".encode()


@asynccontextmanager
async def raw_pool(way: Way) -> AsyncIterator[Callable[[str], Awaitable[bytes]]]:
    """Open a pool, and close it at the end."""
    pool = RawPool(way)
    try:
        yield pool.poll
    finally:
        pool.close()


def _connected(way: Way) -> socket.socket:
    host = urlsplit(way.origin)
    kept = socket.create_connection((host.hostname or "", host.port or 0))
    kept.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if way.certificate:
        context = client_context(way)
        kept = context.wrap_socket(kept, server_hostname=host.hostname)
    kept.settimeout(0)
    return kept


def client_context(way: Way) -> ssl.SSLContext:
    """Return a context that verifies the stub and sends it the client certificate."""
    context = ssl.create_default_context(cafile=way.authority)
    context.load_cert_chain(way.certificate, way.key)
    return context
