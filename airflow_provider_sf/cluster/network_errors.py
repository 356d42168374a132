"""
Map the errors of sockets, TLS and both HTTP libraries to our exceptions. No I/O.

An error that needs another setting becomes Rejected; an error that a retry may solve becomes Unreachable.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_sf.auth.tls import ServerNotVerified
from airflow_provider_sf.cluster.endpoints import CLIENT_PORT, DEFAULT_PORT
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.rest.errors import result_unknown
from airflow_provider_sf.rest.protocol import CUT

if TYPE_CHECKING:
    from airflow_provider_sf.rest import ServiceFabricError

# OpenSSL's numbers, X509_V_ERR_...
_NOT_YET, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64
_UNKNOWN_ISSUERS = frozenset({2, 18, 19, 20, 21})

_NO_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
)

_OLD = ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL")
_OF_CERTIFICATES = re.compile("ALERT_(.*CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)")
"""The alerts with which a server refuses a client; others may be temporary."""

# Classes of http.client, urllib3 and aiohttp.
_CUT = frozenset({"IncompleteRead", "ServerDisconnectedError", "ContentLengthError", "TransferEncodingError"})
_NO_HTTP = frozenset({"BadStatusLine", "BadHttpMessage", "LineTooLong"})

_NOT_FOR_HOST = "the server's certificate is not valid for {host}: set server_common_name to one of its names"
_ADVICE = {
    _NOT_YET: "the server's certificate is not valid yet: check it and the system clocks",
    _EXPIRED: "the server's certificate has expired: renew it on the cluster",
    _OTHER_NAME: _NOT_FOR_HOST,
    _OTHER_ADDRESS: _NOT_FOR_HOST,
}
_UNKNOWN_CA = (
    "the CA of the server's certificate is not trusted: set ca_bundle to its CA certificate, or "
    "server_thumbprints to its thumbprint"
)
_PLAIN = (
    "the server does not use TLS on this port: check port, or use http:// in host if the cluster is not "
    "secured"
)
_REFUSED_BY_SERVER = (
    "the server refused the TLS handshake, probably because of the client certificate: check security and "
    "client_certificate"
)
_CUT_OFF_IN_CLEAR = " (if the cluster is secured, use https:// in host and set security)"
_MAY_BE_REFUSED = " (the server may have refused the client certificate: check client_certificate)"


def network_error(
    error: BaseException,
    endpoint: str,
    timeouts: tuple[float, float],
    handled: BaseException | None = None,
    *,
    with_certificate: bool = False,
    was_sent: bool = False,
) -> ServiceFabricError:
    """
    Return our error for a failed request.

    :param timeouts: seconds to connect, and to answer
    :param handled: the exception that the caller was handling before; it is not the cause
    :param with_certificate: whether the request used a client certificate
    :param was_sent: whether the request is a change of which the cluster may have received a part
    """
    cause = _innermost(error, handled)
    wrong = None if was_sent else _wrong_setting(cause, endpoint)
    if wrong:
        return Rejected(wrong, endpoint=endpoint)
    if isinstance(cause, ssl.SSLError) and _OF_CERTIFICATES.search(cause.reason or ""):
        # Final even after a request was sent: such a server has read none.
        return Rejected(f"{_REFUSED_BY_SERVER} ({_words(cause.reason)})", endpoint=endpoint)
    advice = _advice(cause, endpoint, with_certificate=with_certificate)
    no_answer = Unreachable(_reason(error, cause, timeouts) + advice, endpoint=endpoint)
    return result_unknown(no_answer) if was_sent else no_answer


def _wrong_setting(cause: BaseException, endpoint: str) -> str | None:
    """Explain which setting is wrong, if a connection could not be opened because of one."""
    if isinstance(cause, ServerNotVerified):
        return str(cause.args[-1])
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _unverified(cause, urlsplit(endpoint).hostname)
    if isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS:
        return _PLAIN + _of_port(endpoint)
    if isinstance(cause, ssl.SSLError) and (cause.reason or "").endswith(_OLD):
        return "the server does not support TLS 1.2 or newer: check host and port"
    return None


def _unverified(cause: ssl.SSLCertVerificationError, host: str | None) -> str:
    """Explain why OpenSSL refused the server's certificate."""
    if cause.verify_code in _UNKNOWN_ISSUERS:
        return _UNKNOWN_CA
    advice = _ADVICE.get(cause.verify_code)
    return advice.format(host=host) if advice else f"{cause.verify_message}: check ca_bundle"


def _innermost(error: BaseException, handled: BaseException | None) -> BaseException:
    """Return the innermost cause; both libraries wrap it."""
    cause = error
    while (inner := cause.__cause__ or cause.__context__ or _wrapped(cause)) is not None:
        if inner is handled:
            break
        cause = inner
    return cause


def _wrapped(error: BaseException) -> BaseException | None:
    """Return the error that urllib3 has wrapped as an argument."""
    first = error.args[0] if error.args else None
    return first if isinstance(first, BaseException) else None


def _reason(error: BaseException, cause: BaseException, timeouts: tuple[float, float]) -> str:
    if isinstance(error, asyncio.TimeoutError) or isinstance(cause, TimeoutError):
        return f"timed out ({timeouts[0]:g} s to connect, {timeouts[1]:g} s to answer)"
    if isinstance(cause, ssl.SSLError):
        return f"the TLS connection broke: {_words(cause.reason)}"
    if isinstance(cause, socket.gaierror):
        return "the host name cannot be resolved"
    if type(cause).__name__ in _CUT:
        return CUT
    if type(cause).__name__ in _NO_HTTP:
        return "the answer is not HTTP"
    if isinstance(cause, OSError) and cause.errno:
        reason = os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    else:
        reason = str(cause) or type(cause).__name__
    return " ".join(reason.split())


def _advice(cause: BaseException, endpoint: str, *, with_certificate: bool) -> str:
    """
    Return which setting to check.

    With TLS 1.3 a client may send its request before the server refuses the certificate. Then a reset of the
    connection can arrive instead of the reason.
    """
    if isinstance(cause, socket.gaierror):
        return " (check host)"
    if of_port := _of_port(endpoint):
        return of_port
    if isinstance(cause, ConnectionRefusedError):
        return " (check host and port)"
    is_cut_off = not isinstance(cause, OSError) or isinstance(cause, (ConnectionError, ssl.SSLError))
    if not is_cut_off or isinstance(cause, asyncio.TimeoutError):
        return ""
    if endpoint.startswith("http:"):
        return _CUT_OFF_IN_CLEAR
    return _MAY_BE_REFUSED if with_certificate else ""


def _of_port(endpoint: str) -> str:
    if urlsplit(endpoint).port != CLIENT_PORT:
        return ""
    return f" (port {CLIENT_PORT} is for native clients: the HTTP gateway listens on {DEFAULT_PORT})"


def _words(reason: str | None) -> str:
    return (reason or "no reason given").replace("_", " ").lower()
