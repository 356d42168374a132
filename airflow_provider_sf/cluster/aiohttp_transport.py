"""One HTTP exchange over aiohttp, on a session that all in an event loop share. Imported when it is used."""

from __future__ import annotations

import asyncio
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

import aiohttp
import yarl

from airflow_provider_sf.auth.tls import Context, context_for
from airflow_provider_sf.cluster.network_errors import fault
from airflow_provider_sf.cluster.per_loop import MOST_AT_ONCE, Shared, shared
from airflow_provider_sf.cluster.time_limit import TimeLimit
from airflow_provider_sf.rest.protocol import (
    HEADERS,
    MAX_BODY_BYTES,
    Response,
    normalize_headers,
    too_large_error,
)

if TYPE_CHECKING:
    from airflow_provider_sf.auth.settings import Security
    from airflow_provider_sf.rest.protocol import Request

_IDLE_SECONDS = 90
"""How long an idle connection is kept: less than the 120 s after which HTTP.sys drops it."""


class SharedSession(Shared):
    """
    What all who talk to a cluster in one event loop share.

    Who waits for one of the ``slots`` waits for us, not for the cluster: that does not count as its silence.
    """

    def __init__(self, context: Context | None, patience: tuple[float, float]) -> None:
        super().__init__()
        self.context = context
        self.patience = patience
        self.limit = TimeLimit(sum(patience))
        self.http = _new_session(context, patience)
        self.slots = asyncio.Semaphore(MOST_AT_ONCE)

    async def close(self) -> None:
        """Close all connections."""
        self.limit.close()
        await self.http.close()


def shared_session(
    endpoints: tuple[str, ...], security: Security, patience: tuple[float, float]
) -> SharedSession:
    """Return the running event loop's session for a cluster, to be entered at once."""

    def make() -> SharedSession:
        is_secure = endpoints[0].startswith("https:")
        context = context_for(security.trust, security.certificate) if is_secure else None
        return SharedSession(context, patience)

    return shared((SharedSession, endpoints, security, patience), make)


def _new_session(context: Context | None, patience: tuple[float, float]) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=MOST_AT_ONCE, keepalive_timeout=_IDLE_SECONDS, ssl=context or True
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=HEADERS,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=patience[0]),
    )


async def fetch(shared: SharedSession, endpoint: str, request: Request) -> Response:
    """
    Send a request to a gateway and return its answer, whatever its status.

    :raises Unreachable: no whole answer came
    :raises Rejected: the TLS handshake failed for a reason that a setting must mend
    :raises UnexpectedAnswer: the answer is too large
    """
    handled, task = sys.exc_info()[1], asyncio.current_task()
    assert task is not None  # noqa: S101 - for mypy: aiohttp needs one, too
    shared.limit.begin(task)
    try:
        async with shared.http.request(
            request.method,
            _url(endpoint + request.target),
            headers=None if request.headers is HEADERS else request.headers,  # the session has these
            allow_redirects=False,
        ) as answer:
            body = await _body(answer, endpoint)
    except asyncio.CancelledError:
        if not shared.limit.was_overdue(task):
            raise
        raise fault(asyncio.TimeoutError(), endpoint, shared.patience) from None
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise fault(error, endpoint, shared.patience, handled) from error
    finally:
        shared.limit.end(task)
    shown = shared.context.shown_by(answer.url.host) if shared.context else None
    return Response(answer.status, body, normalize_headers(answer.headers), endpoint, shown)


@lru_cache(maxsize=1_024)  # waits ask the same again and again
def _url(quoted: str) -> yarl.URL:
    return yarl.URL(quoted, encoded=True)


async def _body(answer: aiohttp.ClientResponse, endpoint: str) -> bytes:
    """Read a body as it comes, so that its size is not without a limit."""
    pieces, size = [], 0
    while piece := await answer.content.readany():
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise too_large_error(endpoint)
    return b"".join(pieces)
