"""
Talk to a cluster: ``send`` over requests, ``asend`` over aiohttp. The only file that does network I/O.

Both send the same bytes and give the same response or error; neither follows redirects, keeps cookies, or
reads proxies or passwords from the environment. The libraries are imported where they are used, so that a DAG
file that imports a sensor pays for neither.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_sf.addresses import explorer, origin
from airflow_provider_sf.rest import Request, Response, Unreachable
from airflow_provider_sf.wire import number

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import aiohttp

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0

EXTRA_FIELDS = ("connect_timeout", "read_timeout", "explorer_url")

MOST_CONNECTIONS = 16
"""How many connections one event loop opens to one cluster, whatever the number of waits."""

_IDLE_SECONDS = 90
"""How long an idle connection is kept: less than the 120 s after which HTTP.sys drops it."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """
    Where a cluster is and how patient we are with it. A value: equal settings are the same cluster.

    ``endpoint`` is an origin without a slash at its end, such as ``http://localhost:19080``; timeouts are
    seconds; ``explorer`` is under which URL a browser reaches Service Fabric Explorer, None if nobody shall.
    """

    endpoint: str
    connect_timeout: float = CONNECT_TIMEOUT
    read_timeout: float = READ_TIMEOUT
    explorer: str | None = None

    @classmethod
    def at(
        cls, host: str | None, port: int | None = None, extra: Mapping[str, object] | None = None
    ) -> Cluster:
        """
        Return the cluster that the fields of a connection describe.

        :param host: a name, an address, ``host:port`` or ``http://host:port``
        :param port: used if the host names none; 19080 if neither does
        :param extra: ``connect_timeout`` (seconds, default 5), ``read_timeout`` (seconds, default 30) and
            ``explorer_url`` (default: the cluster's own; ``none`` for no link)
        :raises ValueError: a field is missing, wrong or unknown; the message names it
        """
        if not isinstance(extra or {}, dict):
            msg = f"extra must be a JSON object, not {type(extra).__name__}"  # its value may be a secret
            raise ValueError(msg)  # noqa: TRY004 - to the user it is one more wrong field
        given = extra or {}
        for name in given:
            if name not in EXTRA_FIELDS:
                msg = f"unknown extra field {name!r}; known are: {', '.join(EXTRA_FIELDS)}"
                raise ValueError(msg)
        endpoint = origin(host, port)
        return cls(
            endpoint,
            connect_timeout=_positive_seconds(given, "connect_timeout", CONNECT_TIMEOUT),
            read_timeout=_positive_seconds(given, "read_timeout", READ_TIMEOUT),
            explorer=explorer(given.get("explorer_url"), endpoint),
        )

    def explorer_page(self, path: str) -> str | None:
        """Return the URL of a page of Service Fabric Explorer; None if there is to be no link."""
        return None if self.explorer is None else f"{self.explorer}#{path}"

    def send(self, request: Request) -> Response:
        """
        Send a request and return the answer, whatever its status.

        :raises Unreachable: no whole answer came: refused, reset, cut off, timed out, no such host
        """
        import requests  # noqa: PLC0415 - see the module's docstring

        handled = sys.exc_info()[1]
        with requests.Session() as session:
            session.trust_env = False
            session.headers.clear()
            try:
                answer = session.request(
                    request.method,
                    self.endpoint + request.target,
                    headers=dict(request.headers),
                    timeout=(self.connect_timeout, self.read_timeout),
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                raise self._silence(error, handled) from error
        return Response(answer.status_code, answer.content, _lower_case(answer.headers))

    async def asend(self, request: Request) -> Response:
        """Do as :meth:`send` does, without blocking, on the session that all in this event loop share."""
        import aiohttp  # noqa: PLC0415 - see the module's docstring
        import yarl  # noqa: PLC0415 - comes with aiohttp

        handled = sys.exc_info()[1]
        url = yarl.URL(self.endpoint + request.target, encoded=True)
        headers = dict(request.headers)
        async with self.session() as shared, shared.slots:
            try:
                async with shared.http.request(
                    request.method, url, headers=headers, allow_redirects=False
                ) as answer:
                    return Response(answer.status, await answer.read(), _lower_case(answer.headers))
            except (aiohttp.ClientError, asyncio.TimeoutError) as error:
                raise self._silence(error, handled) from error

    @asynccontextmanager
    async def session(self) -> AsyncIterator[SharedSession]:
        """
        Share this cluster's session of the running event loop; the last one to leave closes it.

        A wait stays in for its whole life, so that its connections outlive the pauses between polls.
        """
        here = _shared.setdefault(asyncio.get_running_loop(), {})
        if self not in here:
            here[self] = SharedSession(self._new_session())
        shared = here[self]
        shared.users += 1
        try:
            yield shared
        finally:
            shared.users -= 1
            if not shared.users:
                del here[self]
                await shared.http.close()

    def _new_session(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415 - see the module's docstring

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS, keepalive_timeout=_IDLE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=self.connect_timeout + self.read_timeout,
                sock_connect=self.connect_timeout,
                sock_read=self.read_timeout,
            ),
        )

    def _silence(self, error: Exception, handled: BaseException | None) -> Unreachable:
        """
        Say why no answer came, in the words of the innermost cause: both libraries wrap it deeply.

        The chain goes on to what our caller was handling before; that is not the cause.
        """
        cause: BaseException = error
        while (inner := cause.__cause__ or cause.__context__) is not None and inner is not handled:
            cause = inner
        if isinstance(error, asyncio.TimeoutError) or isinstance(cause, TimeoutError):
            reason = f"timed out ({self.connect_timeout:g} s to connect, {self.read_timeout:g} s to answer)"
        elif isinstance(cause, OSError) and cause.errno:
            reason = os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
        else:
            reason = str(cause) or type(cause).__name__
        return Unreachable(" ".join(reason.split()), endpoint=self.endpoint)


@dataclass(slots=True)
class SharedSession:
    """
    What all who talk to a cluster in one event loop share.

    Who waits for a slot waits for us and not for the cluster, so that time does not count as its silence.
    """

    http: aiohttp.ClientSession
    users: int = 0
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_CONNECTIONS))


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Cluster, SharedSession]] = WeakKeyDictionary()


def _lower_case(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers as both libraries would tell them: a repeated one as a list with commas."""
    told: dict[str, str] = {}
    for name, value in headers.items():
        earlier = told.get(name.lower())
        told[name.lower()] = value.strip() if earlier is None else f"{earlier}, {value.strip()}"
    return told


def _positive_seconds(given: Mapping[str, object], field: str, default: float) -> float:
    value = given.get(field)
    if value is None or value == "":
        return default
    read = number(value)
    if read is None or read <= 0:
        msg = f"extra field {field!r} must be a positive number of seconds, not {value!r}"
        raise ValueError(msg)
    return read
