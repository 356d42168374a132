"""One HTTP exchange over requests. Imported when a request is sent."""

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
from airflow_provider_sf.cluster.network_errors import network_error
from airflow_provider_sf.cluster.strict_response import StrictResponse
from airflow_provider_sf.rest.bodies import rewound
from airflow_provider_sf.rest.protocol import MAX_BODY_BYTES, received_response, too_large_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sf.auth.server_verification import ServerVerification
    from airflow_provider_sf.auth.settings import Security
    from airflow_provider_sf.rest.protocol import Request, Response

_PIECE = 65_536


class Adapter(HTTPAdapter):
    """
    An adapter of requests that uses a TLS context unchanged and can close its connections.

    The adapter of requests would add public CAs to the context and change its verification. The timeouts of
    the libraries restart with every byte, so :meth:`abort` enforces the total timeout.
    """

    def __init__(self, context: Context | None) -> None:
        self.context = context
        self.opened: list[HTTPConnection] = []
        self.sockets: list[socket.socket] = []
        """Their sockets. A connection forgets its socket when its last response begins."""
        super().__init__()
        self.poolmanager.pool_classes_by_scheme = _pools(self.opened, self.sockets)

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Do nothing: the context verifies the server."""

    def build_connection_pool_key_attributes(self, *arguments: Any, **keywords: Any) -> Any:
        """Pass only the context to the pool, nothing that would change it."""
        where, how = super().build_connection_pool_key_attributes(*arguments, **keywords)
        if self.context is None:
            return where, how
        options: dict[str, Any] = {"ssl_context": self.context, "cert_reqs": self.context.verify_mode}
        return where, options if self.context.check_hostname else {**options, "assert_hostname": False}

    def disconnect(self) -> None:
        """Close and forget all connections, so that the next request opens one."""
        self.poolmanager.clear()
        self.opened.clear()
        self.sockets.clear()

    def close(self) -> None:
        """Close all connections, also those of unread responses, which the pools do not know."""
        self.abort()
        self.disconnect()

    def abort(self) -> None:
        """Shut down all open connections."""
        connecting = [connection.sock for connection in self.opened]
        for opened in filter(None, (*connecting, *self.sockets)):
            with suppress(OSError):  # closed already
                opened.shutdown(socket.SHUT_RDWR)


def _pools(opened: list[HTTPConnection], sockets: list[socket.socket]) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools that append their connections, and their sockets once they are connected, to lists."""

    class Plain(HTTPConnection):
        response_class = StrictResponse

        def connect(self) -> None:
            opened.append(self)
            super().connect()
            sockets.append(self.sock)

    class Secure(HTTPSConnection):
        response_class = StrictResponse

        def connect(self) -> None:
            opened.append(self)
            super().connect()
            sockets.append(self.sock)
            self.is_verified = True  # by the context, so the library need not warn

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


@contextmanager
def adapter_for(security: Security, *, is_secure: bool) -> Iterator[Adapter]:
    """
    Make an adapter with the server verification and the client certificate of a connection.

    It is used without a session, which would read bodies of redirects, cookies and proxy settings.
    """
    adapter = Adapter(context_for(security.trust, security.certificate) if is_secure else None)
    try:
        yield adapter
    finally:
        adapter.close()


def session_for(trust: ServerVerification) -> requests.Session:
    """Return a session that verifies servers like those of a cluster."""
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Adapter(context_for(trust)))
    return session


def fetch(adapter: Adapter, endpoint: str, request: Request, timeouts: tuple[float, float]) -> Response:
    """
    Send a request to a gateway and return its response, with any status.

    :param timeouts: seconds to wait for a connection, and for a response; the sum limits the whole exchange
    :raises Unreachable: there is no complete response
    :raises Rejected: the TLS handshake failed; a setting must change
    :raises UnexpectedAnswer: the response is too large
    """
    handled, is_over, context = sys.exc_info()[1], threading.Event(), adapter.context
    if request.is_change:
        adapter.disconnect()  # so that an open connection shows whether something was sent
    with _time_limit(sum(timeouts), adapter, is_over):
        try:
            prepared = requests.Request(
                request.method, endpoint + request.target, dict(request.headers), data=rewound(request.body)
            )
            with adapter.send(
                prepared.prepare(), stream=True, timeout=(timeouts[0], sum(timeouts))
            ) as answer:
                body = _body(answer, endpoint)
            if is_over.is_set():
                raise TimeoutError
        except (requests.RequestException, HTTPError, OSError) as error:
            reason = TimeoutError() if is_over.is_set() else error
            with_certificate = bool(context and context.has_client_certificate)
            raise network_error(
                reason,
                endpoint,
                timeouts,
                handled,
                with_certificate=with_certificate,
                was_sent=request.is_change and bool(adapter.sockets),
            ) from error
    presented = context.certificate_of(urlsplit(endpoint).hostname) if context else None
    return received_response(answer.status_code, body, answer.headers, endpoint, presented)


@contextmanager
def _time_limit(seconds: float, adapter: Adapter, is_over: threading.Event) -> Iterator[None]:
    def end() -> None:
        is_over.set()
        adapter.abort()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _body(answer: requests.Response, endpoint: str) -> bytes:
    """Read a body in pieces and limit its size."""
    body = bytearray()
    while piece := answer.raw.read1(_PIECE, decode_content=True):
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise too_large_error(endpoint)
    return bytes(body)
