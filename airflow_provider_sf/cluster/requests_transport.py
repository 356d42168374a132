"""One HTTP exchange over requests, for code that may block. Imported when it is used."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from airflow_provider_sf.auth.tls import Context, context_for
from airflow_provider_sf.cluster.network_errors import fault
from airflow_provider_sf.rest.protocol import MAX_BODY_BYTES, Response, normalize_headers, too_large_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sf.auth.server_verification import ServerVerification
    from airflow_provider_sf.auth.settings import Security
    from airflow_provider_sf.rest.protocol import Request

_PIECE = 65_536


class Adapter(HTTPAdapter):
    """
    Talks to a cluster, and keeps nothing.

    It uses a context as it is; requests would add public CAs to it and change how it verifies. It can cut
    what it has opened, as the libraries' time limits begin anew with every byte.
    """

    def __init__(self, context: Context | None) -> None:
        self.context = context
        self.opened: list[HTTPConnection] = []
        super().__init__()
        self.poolmanager.pool_classes_by_scheme = _pools(self.opened)

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Leave it to the context."""

    def build_connection_pool_key_attributes(self, *arguments: Any, **keywords: Any) -> Any:
        """Hand the context to the pool, and nothing that would change it."""
        where, how = super().build_connection_pool_key_attributes(*arguments, **keywords)
        if self.context is None:
            return where, how
        ours: dict[str, Any] = {"ssl_context": self.context, "cert_reqs": self.context.verify_mode}
        return where, ours if self.context.check_hostname else {**ours, "assert_hostname": False}

    def cut(self) -> None:
        """End all connections, whatever they wait for."""
        for connection in self.opened:
            with suppress(OSError, AttributeError):  # it may not be open yet, or no longer
                connection.sock.shutdown(socket.SHUT_RDWR)


def _pools(opened: list[HTTPConnection]) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools whose connections are told of."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            opened.append(self)
            super().connect()

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            opened.append(self)
            super().connect()
            self.is_verified = True  # the context has looked: the library need not warn

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


@contextmanager
def adapter_for(security: Security, *, is_secure: bool) -> Iterator[Adapter]:
    """
    Make what talks to a cluster: it recognises the server and says who we are.

    It is used without a session, which would read the bodies of redirects, and mind cookies and proxies.
    """
    adapter = Adapter(context_for(security.trust, security.certificate) if is_secure else None)
    try:
        yield adapter
    finally:
        adapter.close()


def session_for(trust: ServerVerification) -> requests.Session:
    """Return a session that recognises servers as those of a cluster are recognised."""
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Adapter(context_for(trust)))
    return session


def fetch(adapter: Adapter, endpoint: str, request: Request, patience: tuple[float, float]) -> Response:
    """
    Send a request to a gateway and return its answer, whatever its status.

    :param patience: how many seconds to wait for a connection, and for an answer; all of it ends after both
    :raises Unreachable: no whole answer came
    :raises Rejected: the TLS handshake failed for a reason that a setting must mend
    :raises UnexpectedAnswer: the answer is too large
    """
    handled, is_over = sys.exc_info()[1], threading.Event()
    with _time_limit(sum(patience), adapter, is_over):
        try:
            prepared = requests.Request(request.method, endpoint + request.target, dict(request.headers))
            with adapter.send(
                prepared.prepare(), stream=True, timeout=(patience[0], sum(patience))
            ) as answer:
                body = _body(answer, endpoint)
            if is_over.is_set():
                raise TimeoutError
        except (requests.RequestException, HTTPError, OSError) as error:
            reason = TimeoutError() if is_over.is_set() else error
            raise fault(reason, endpoint, patience, handled) from error
    shown = adapter.context.shown_by(urlsplit(endpoint).hostname) if adapter.context else None
    return Response(answer.status_code, body, normalize_headers(answer.headers), endpoint, shown)


@contextmanager
def _time_limit(seconds: float, adapter: Adapter, is_over: threading.Event) -> Iterator[None]:
    def end() -> None:
        is_over.set()
        adapter.cut()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _body(answer: requests.Response, endpoint: str) -> bytes:
    """Read a body as it comes, so that its size is not without a limit."""
    body = bytearray()
    while piece := answer.raw.read1(_PIECE, decode_content=True):
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise too_large_error(endpoint)
    return bytes(body)
