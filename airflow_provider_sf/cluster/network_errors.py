"""
What it means that no whole answer came: the errors of sockets, TLS and both libraries, in words. Pure.

Whether to ask again is decided here: what a setting must mend is Rejected, what may pass is Unreachable.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_sf.auth.tls import ServerRefused
from airflow_provider_sf.cluster.endpoints import CLIENT_PORT, DEFAULT_PORT
from airflow_provider_sf.rest import Rejected, Unreachable

if TYPE_CHECKING:
    from airflow_provider_sf.rest import ServiceFabricError

# OpenSSL's numbers, X509_V_ERR_...
_NOT_YET, _ENDED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64
_NOBODY_KNOWN = frozenset({2, 18, 19, 20, 21})

_NO_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
)

_OLD = ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL")
_OF_CERTIFICATES = re.compile("ALERT_(.*CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)")
"""The alerts by which a server says that it does not take us; others, of a server in trouble, may pass."""

# Classes of http.client, urllib3 and aiohttp: they say the same in different words.
_NO_ANSWER = frozenset({"RemoteDisconnected", "ServerDisconnectedError"})
_NO_HTTP = frozenset({"BadStatusLine", "BadHttpMessage", "LineTooLong"})

_NOT_FOR_HOST = "the server's certificate is not for {host}: put a name that it has into server_common_name"
_ADVICE = {
    _NOT_YET: "the server's certificate is not valid yet: check it, and the clocks",
    _ENDED: "the server's certificate has ended: renew it on the cluster",
    _OTHER_NAME: _NOT_FOR_HOST,
    _OTHER_ADDRESS: _NOT_FOR_HOST,
}
_UNKNOWN_CA = (
    "no CA that is trusted here has issued the server's certificate: put the certificate of its CA into "
    "ca_bundle, or the thumbprint of the server's own into server_thumbprints"
)
_PLAIN = (
    "the server does not speak TLS on this port: check port, or write http:// in front of host if the "
    "cluster is not secured"
)
_REFUSED_BY_SERVER = (
    "the server refused the TLS handshake, perhaps for our certificate: check security and client_certificate"
)
_CUT_OFF_IN_CLEAR = "if the cluster is secured, write https:// in front of host and set security"


def fault(
    error: BaseException, endpoint: str, patience: tuple[float, float], handled: BaseException | None = None
) -> ServiceFabricError:
    """
    Return the error that the failure of a request means.

    :param patience: how many seconds one had to connect, and to answer
    :param handled: what the caller was handling before, which is not the cause
    """
    cause = _innermost(error, handled)
    if isinstance(cause, ServerRefused):
        return Rejected(cause.args[-1], endpoint=endpoint)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Rejected(_unverified(cause, urlsplit(endpoint).hostname), endpoint=endpoint)
    if isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS:
        return Rejected(_PLAIN + _of_port(endpoint), endpoint=endpoint)
    if isinstance(cause, ssl.SSLError) and (cause.reason or "").endswith(_OLD):
        return Rejected(
            "the server speaks no TLS of version 1.2 or newer: check host and port", endpoint=endpoint
        )
    if isinstance(cause, ssl.SSLError) and _OF_CERTIFICATES.search(cause.reason or ""):
        return Rejected(f"{_REFUSED_BY_SERVER} ({_words(cause.reason)})", endpoint=endpoint)
    return Unreachable(_reason(error, cause, patience) + _advice(cause, endpoint), endpoint=endpoint)


def _unverified(cause: ssl.SSLCertVerificationError, host: str | None) -> str:
    """Say why OpenSSL does not take the server's certificate."""
    if cause.verify_code in _NOBODY_KNOWN:
        return _UNKNOWN_CA
    said = _ADVICE.get(cause.verify_code)
    return said.format(host=host) if said else f"{cause.verify_message}: check ca_bundle"


def _innermost(error: BaseException, handled: BaseException | None) -> BaseException:
    """Return the innermost cause: both libraries wrap it deeply."""
    cause = error
    while (inner := cause.__cause__ or cause.__context__ or _wrapped(cause)) is not None:
        if inner is handled:
            break
        cause = inner
    return cause


def _wrapped(error: BaseException) -> BaseException | None:
    """Return the error that urllib3 has put into another as its argument."""
    first = error.args[0] if error.args else None
    return first if isinstance(first, BaseException) else None


def _reason(error: BaseException, cause: BaseException, patience: tuple[float, float]) -> str:
    if isinstance(error, asyncio.TimeoutError) or isinstance(cause, TimeoutError):
        return f"timed out ({patience[0]:g} s to connect, {patience[1]:g} s to answer)"
    if isinstance(cause, ssl.SSLError):
        return f"the TLS connection broke: {_words(cause.reason)}"
    if isinstance(cause, socket.gaierror):
        return "no address is known for this name"
    if type(cause).__name__ in _NO_ANSWER:
        return "the connection was closed without an answer"
    if type(cause).__name__ in _NO_HTTP:
        return "the answer is no HTTP"
    if isinstance(cause, OSError) and cause.errno:
        said = os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    else:
        said = str(cause) or type(cause).__name__
    return " ".join(said.split())


def _advice(cause: BaseException, endpoint: str) -> str:
    """Name the setting that may be wrong."""
    if isinstance(cause, socket.gaierror):
        return " (check host)"
    if of_port := _of_port(endpoint):
        return of_port
    if isinstance(cause, ConnectionRefusedError):
        return " (check host and port)"
    is_cut_off = not isinstance(cause, OSError) or isinstance(cause, ConnectionResetError)
    return f" ({_CUT_OFF_IN_CLEAR})" if is_cut_off and endpoint.startswith("http:") else ""


def _of_port(endpoint: str) -> str:
    is_client_port = urlsplit(endpoint).port == CLIENT_PORT
    said = (
        f" (port {CLIENT_PORT} is for native clients: set port to that of the HTTP gateway, {DEFAULT_PORT})"
    )
    return said if is_client_port else ""


def _words(reason: str | None) -> str:
    return (reason or "no reason given").replace("_", " ").lower()
