"""One HTTP exchange over requests, for code that may block. Imported when it is used."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from airflow_provider_sf.faults import fault
from airflow_provider_sf.rest import MOST_BYTES, Response, lower_case, too_large
from airflow_provider_sf.tls import Context, context_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sf.rest import Request
    from airflow_provider_sf.security import Security
    from airflow_provider_sf.trust import Trust

_PIECE = 65_536


class _Connection(HTTPSConnection):
    """The context has looked at the server, so that the library need not warn of what it did not look at."""

    def connect(self) -> None:
        super().connect()
        self.is_verified = True


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection


class _Adapter(HTTPAdapter):
    """Uses a context as it is; requests would add public CAs to it and change how it verifies."""

    def __init__(self, context: Context) -> None:
        self.context = context
        super().__init__()
        self.poolmanager.pool_classes_by_scheme = {**self.poolmanager.pool_classes_by_scheme, "https": _Pool}

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Leave it to the context."""

    def build_connection_pool_key_attributes(self, *arguments: Any, **keywords: Any) -> Any:
        """Hand the context to the pool, and nothing that would change it."""
        where, _ = super().build_connection_pool_key_attributes(*arguments, **keywords)
        how: dict[str, Any] = {"ssl_context": self.context, "cert_reqs": self.context.verify_mode}
        return where, how if self.context.check_hostname else {**how, "assert_hostname": False}


@contextmanager
def adapter_for(security: Security, *, is_secure: bool) -> Iterator[HTTPAdapter]:
    """
    Make what talks to a cluster: it recognises the server and says who we are, and it keeps nothing.

    It is used without a session, which would read the bodies of redirects, and mind cookies and proxies.
    """
    adapter = _Adapter(context_for(security.trust, security.certificate)) if is_secure else HTTPAdapter()
    try:
        yield adapter
    finally:
        adapter.close()


def session_for(trust: Trust) -> requests.Session:
    """Return a session that recognises servers as those of a cluster are recognised."""
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _Adapter(context_for(trust)))
    return session


def fetch(adapter: HTTPAdapter, endpoint: str, request: Request, patience: tuple[float, float]) -> Response:
    """
    Send a request to a gateway and return its answer, whatever its status.

    :param patience: how many seconds to wait for a connection, and for an answer
    :raises Unreachable: no whole answer came
    :raises Rejected: the TLS handshake failed for a reason that a setting must mend
    :raises UnexpectedAnswer: the answer is too large
    """
    handled = sys.exc_info()[1]
    deadline = time.monotonic() + sum(patience)
    try:
        prepared = requests.Request(
            request.method, endpoint + request.target, dict(request.headers)
        ).prepare()
        with adapter.send(prepared, stream=True, timeout=patience) as answer:
            body = _body(answer, endpoint, deadline)
    except (requests.RequestException, HTTPError, OSError) as error:
        raise fault(error, endpoint, patience, handled) from error
    shown = adapter.context.server_certificate if isinstance(adapter, _Adapter) else None
    return Response(answer.status_code, body, lower_case(answer.headers), endpoint, shown)


def _body(answer: requests.Response, endpoint: str, deadline: float) -> bytes:
    """Read a body as it comes, so that neither its size nor its slowness is without a limit."""
    body = bytearray()
    while piece := answer.raw.read1(_PIECE, decode_content=True):
        body += piece
        if len(body) > MOST_BYTES:
            raise too_large(endpoint)
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(body)
