"""One HTTP exchange over aiohttp, on a session that an event loop shares. Imported when it is used."""

from __future__ import annotations

import asyncio
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

import aiohttp
import yarl

from airflow_provider_sf.auth.tls import Context, context_for
from airflow_provider_sf.cluster.network_errors import network_error
from airflow_provider_sf.cluster.per_loop import MAX_CONCURRENT_REQUESTS, LoopResource, loop_resource
from airflow_provider_sf.rest.protocol import (
    HEADERS,
    MAX_BODY_BYTES,
    received_response,
    rewound,
    too_large_error,
)

if TYPE_CHECKING:
    from airflow_provider_sf.auth.settings import Security
    from airflow_provider_sf.rest.protocol import Request, Response

_IDLE_SECONDS = 90
"""How long an idle connection is kept. HTTP.sys closes it after 120 s."""


_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""The connection was not opened, so nothing was sent."""


class SharedSession(LoopResource):
    """
    The session that one event loop uses for one cluster.

    Take one of the ``slots`` before a request: the time spent waiting for a slot is no outage of the cluster.
    """

    def __init__(
        self, context: Context | None, timeouts: tuple[float, float], *, keeps_connections: bool
    ) -> None:
        super().__init__()
        self.context = context
        self.timeouts = timeouts
        self.http = _new_session(context, timeouts, keeps_connections=keeps_connections)
        self.slots = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)

    async def close(self) -> None:
        """Close all connections."""
        await self.http.close()


def shared_session(
    endpoints: tuple[str, ...],
    security: Security,
    timeouts: tuple[float, float],
    *,
    keeps_connections: bool = True,
) -> SharedSession:
    """
    Return the running event loop's session for a cluster. Enter it at once.

    A change needs ``keeps_connections=False``: if a kept connection has been closed, aiohttp repeats some
    requests, and nothing shows whether the server has received the first one.
    """

    def create() -> SharedSession:
        is_secure = endpoints[0].startswith("https:")
        context = context_for(security.trust, security.certificate) if is_secure else None
        return SharedSession(context, timeouts, keeps_connections=keeps_connections)

    return loop_resource((SharedSession, endpoints, security, timeouts, keeps_connections), create)


def _new_session(
    context: Context | None, timeouts: tuple[float, float], *, keeps_connections: bool
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=MAX_CONCURRENT_REQUESTS,
            keepalive_timeout=_IDLE_SECONDS if keeps_connections else None,
            force_close=not keeps_connections,
            ssl=context or True,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=HEADERS,
        timeout=aiohttp.ClientTimeout(total=sum(timeouts), sock_connect=timeouts[0]),
    )


async def fetch(session: SharedSession, endpoint: str, request: Request) -> Response:
    """
    Send a request to a gateway and return its response, whatever its status.

    :raises Unreachable: no complete response came
    :raises Rejected: the TLS handshake failed because of a setting
    :raises UnexpectedAnswer: the response is too large
    """
    handled, context = sys.exc_info()[1], session.context
    try:
        async with session.http.request(
            request.method,
            _url(endpoint + request.target),
            headers=None if request.headers is HEADERS else request.headers,  # the session has these
            data=rewound(request.body),
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
            was_sent=request.is_change and not isinstance(error, _NOT_CONNECTED),
        ) from error
    certificate = context.certificate_of(answer.url.host) if context else None
    return received_response(answer.status, body, answer.headers, endpoint, certificate)


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
