"""One HTTP exchange over aiohttp, on a session that all in an event loop share. Imported when it is used."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import aiohttp
import yarl

from airflow_provider_sf.faults import fault
from airflow_provider_sf.rest import MOST_BYTES, Response, lower_case, too_large
from airflow_provider_sf.tls import Context, context_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_sf.rest import Request
    from airflow_provider_sf.security import Security

MOST_CONNECTIONS = 16
"""How many connections one event loop opens to one cluster, whatever the number of waits."""

_IDLE_SECONDS = 90
"""How long an idle connection is kept: less than the 120 s after which HTTP.sys drops it."""


@dataclass(slots=True)
class SharedSession:
    """
    What all who talk to a cluster in one event loop share.

    Who waits for one of the ``slots`` waits for us, not for the cluster: that does not count as its silence.
    """

    http: aiohttp.ClientSession
    context: Context | None
    patience: tuple[float, float]
    users: int = 0
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_CONNECTIONS))


_Key = tuple[tuple[str, ...], "Security", tuple[float, float]]
_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, SharedSession]] = WeakKeyDictionary()


@asynccontextmanager
async def shared_session(
    endpoints: tuple[str, ...], security: Security, patience: tuple[float, float]
) -> AsyncIterator[SharedSession]:
    """Share the running event loop's session for a cluster; the last one to leave closes it."""
    here, key = _shared.setdefault(asyncio.get_running_loop(), {}), (endpoints, security, patience)
    if key not in here:
        here[key] = _new_session(security, patience, is_secure=endpoints[0].startswith("https:"))
    shared = here[key]
    shared.users += 1
    try:
        yield shared
    finally:
        shared.users -= 1
        if not shared.users:
            del here[key]
            await shared.http.close()


def _new_session(security: Security, patience: tuple[float, float], *, is_secure: bool) -> SharedSession:
    context = context_for(security.trust, security.certificate) if is_secure else None
    http = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=MOST_CONNECTIONS, keepalive_timeout=_IDLE_SECONDS, ssl=context or True
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=sum(patience), sock_connect=patience[0], sock_read=patience[1]),
    )
    return SharedSession(http, context, patience)


async def fetch(shared: SharedSession, endpoint: str, request: Request) -> Response:
    """
    Send a request to a gateway and return its answer, whatever its status.

    :raises Unreachable: no whole answer came
    :raises Rejected: the TLS handshake failed for a reason that a setting must mend
    :raises UnexpectedAnswer: the answer is too large
    """
    handled = sys.exc_info()[1]
    url = yarl.URL(endpoint + request.target, encoded=True)
    try:
        async with shared.http.request(
            request.method, url, headers=dict(request.headers), allow_redirects=False
        ) as answer:
            body = await _body(answer, endpoint)
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise fault(error, endpoint, shared.patience, handled) from error
    shown = shared.context.shown_by(url.host) if shared.context else None
    return Response(answer.status, body, lower_case(answer.headers), endpoint, shown)


async def _body(answer: aiohttp.ClientResponse, endpoint: str) -> bytes:
    """Read a body as it comes, so that its size is not without a limit."""
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > MOST_BYTES:
            raise too_large(endpoint)
    return bytes(body)
