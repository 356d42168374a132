"""One HTTP exchange over aiohttp, on a session that an event loop shares. Imported when it is used."""

from __future__ import annotations

import asyncio
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO

import aiohttp
import yarl

from airflow_provider_sf.auth.tls import Context, context_for
from airflow_provider_sf.cluster.network_errors import network_error
from airflow_provider_sf.cluster.per_loop import MAX_CONCURRENT_REQUESTS, LoopResource, loop_resource
from airflow_provider_sf.rest.bodies import rewound
from airflow_provider_sf.rest.protocol import (
    HEADERS,
    MAX_BODY_BYTES,
    received_response,
    too_large_error,
)

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

    from airflow_provider_sf.auth.settings import Security
    from airflow_provider_sf.rest.protocol import Request, Response

_IDLE_SECONDS = 90
"""How long an idle connection is kept. HTTP.sys closes it after 120 s."""


class OneConnection(aiohttp.TCPConnector):
    """
    A connector that connects once, so that a change leaves once.

    aiohttp repeats PUT and DELETE if a connection breaks, and a kept connection may have been closed already.
    """

    is_connected = False
    """Whether a connection was opened: a part of the request may have been sent."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """
        Open a connection, the first time.

        :raises ServerDisconnectedError: it was opened before
        """
        if self.is_connected:
            raise aiohttp.ServerDisconnectedError
        connection = await super().connect(req, traces, timeout)
        self.is_connected = True
        return connection


class SharedSession(LoopResource):
    """
    The session that one event loop uses for one cluster.

    Take one of the ``slots`` before a request: the time spent waiting for a slot is no outage of the cluster.
    """

    def __init__(self, context: Context | None, timeouts: tuple[float, float]) -> None:
        super().__init__()
        self.context = context
        self.timeouts = timeouts
        self.http = _new_session(
            aiohttp.TCPConnector(
                limit=MAX_CONCURRENT_REQUESTS, keepalive_timeout=_IDLE_SECONDS, ssl=context or True
            ),
            timeouts,
        )
        self.slots = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)

    async def close(self) -> None:
        """Close all connections."""
        await self.http.close()


def shared_session(
    endpoints: tuple[str, ...], security: Security, timeouts: tuple[float, float]
) -> SharedSession:
    """Return the running event loop's session for a cluster. Enter it at once."""

    def create() -> SharedSession:
        is_secure = endpoints[0].startswith("https:")
        context = context_for(security.trust, security.certificate) if is_secure else None
        return SharedSession(context, timeouts)

    return loop_resource((SharedSession, endpoints, security, timeouts), create)


def _new_session(connector: aiohttp.TCPConnector, timeouts: tuple[float, float]) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=HEADERS,
        skip_auto_headers=("Content-Type",),
        timeout=aiohttp.ClientTimeout(total=sum(timeouts), sock_connect=timeouts[0]),
    )


async def fetch(session: SharedSession, endpoint: str, request: Request) -> Response:
    """
    Send a request to a gateway and return its response, whatever its status.

    :raises Unreachable: no complete response came
    :raises ResultUnknown: the same for a change, if the gateway may have received a part of it
    :raises Rejected: the TLS handshake failed because of a setting
    :raises UnexpectedAnswer: the response is too large
    """
    if not request.is_change:
        return await _exchange(session, session.http, endpoint, request)
    connector = OneConnection(ssl=session.context or True)
    async with _new_session(connector, session.timeouts) as http:
        return await _exchange(session, http, endpoint, request)


async def _exchange(
    session: SharedSession, http: aiohttp.ClientSession, endpoint: str, request: Request
) -> Response:
    handled, context, connector = sys.exc_info()[1], session.context, http.connector
    try:
        async with http.request(
            request.method,
            _url(endpoint + request.target),
            headers=None if request.headers is HEADERS else request.headers,  # the session has these
            data=await _content(request.body),
            allow_redirects=False,
        ) as answer:
            body = await _body(answer, endpoint)
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        with_certificate = bool(context and context.has_client_certificate)
        raise network_error(
            error,
            endpoint,
            session.timeouts,
            handled,
            with_certificate=with_certificate,
            was_sent=isinstance(connector, OneConnection) and connector.is_connected,
        ) from error
    certificate = context.certificate_of(answer.url.host) if context else None
    return received_response(answer.status, body, answer.headers, endpoint, certificate)


async def _content(body: bytes | BinaryIO) -> bytes | None:
    """Return the content of a body. aiohttp would close a file, which may have to be sent again."""
    file = rewound(body)
    return file if file is None or isinstance(file, bytes) else await asyncio.to_thread(file.read)


@lru_cache(maxsize=1_024)  # waits send the same requests again and again
def _url(quoted: str) -> yarl.URL:
    return yarl.URL(quoted, encoded=True)


async def _body(answer: aiohttp.ClientResponse, endpoint: str) -> bytes:
    """Read a body in pieces, and stop when it is too large."""
    pieces, size = [], 0
    while piece := await answer.content.readany():
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise too_large_error(endpoint)
    return b"".join(pieces)
