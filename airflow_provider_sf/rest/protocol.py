"""Build requests from calls, and read responses as JSON or as typed errors. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import quote

from airflow_provider_sf import __version__
from airflow_provider_sf.rest import bodies
from airflow_provider_sf.rest.error_codes import ADVICE, MISSING_CODES, PERMANENT_CODES, TRANSIENT_CODES
from airflow_provider_sf.rest.errors import (
    Rejected,
    ServiceFabricError,
    UnexpectedAnswer,
    Unreachable,
)
from airflow_provider_sf.rest.plain_text import plain_line
from airflow_provider_sf.rest.storage_limits import shorten
from airflow_provider_sf.rest.url_names import fill_path

if TYPE_CHECKING:
    from collections.abc import Mapping


_MESSAGE_BYTES, _VERSION_BYTES = 1_200, 256
"""How many bytes of JSON the message of a cluster, and its version, may take."""


@dataclass(frozen=True, slots=True)
class Call:
    """One REST call: its path, its lowest api-version, the page that documents it, and its method."""

    path: str
    api_version: str
    page: str
    method: str = "GET"
    is_read: bool = False
    """Whether it changes nothing, although its method is not GET."""


HEADERS = (
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip, deflate"),
    ("User-Agent", f"airflow-provider-sf/{__version__}"),
)
"""The headers of each request."""


@dataclass(frozen=True, slots=True)
class Request:
    """
    A request: its method, quoted origin-form target, headers except Host and Content-Length, and body.

    ``read_timeout`` is how many seconds the answer may take; None is the setting of the cluster.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(repr=False, default=HEADERS)  # may contain a token
    body: bytes | BinaryIO = field(repr=False, default=b"")  # may contain secrets
    read_timeout: float | None = None
    is_read: bool = False
    """Whether it changes nothing, although its method is not GET."""

    @property
    def is_change(self) -> bool:
        """Whether it may change the cluster. A change is never repeated by a transport."""
        return self.method != "GET" and not self.is_read


@dataclass(frozen=True, slots=True)
class Response:
    """
    A response of either transport. Header names are in lower case.

    ``endpoint`` is the gateway that answered, ``certificate`` its certificate as DER. Without ``has_length``
    the body ends where the connection ended, so it may be incomplete.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    endpoint: str | None = None
    certificate: bytes | None = field(default=None, repr=False)
    has_length: bool = True


MAX_BODY_BYTES = 4 * 1024 * 1024
"""
The maximum size of a response body, also after decompression.

By default, no larger message goes from a cluster to its clients: setting MaxMessageSize of NamingService.
"""


def with_token(request: Request, token: str) -> Request:
    """Return a request with a bearer token; an empty token is not added."""
    return (
        replace(request, headers=(*request.headers, ("Authorization", f"Bearer {token}")))
        if token
        else request
    )


def too_large_error(endpoint: str) -> UnexpectedAnswer:
    """Return the error for a response that is too large to come from Service Fabric."""
    size = f"{MAX_BODY_BYTES // 1024 // 1024} MiB"
    msg = f"the response is larger than {size}: {_CHECK_HOST}"
    return UnexpectedAnswer(msg, endpoint=endpoint)


def received_response(
    status: int, body: bytes, headers: Mapping[str, str], endpoint: str, certificate: bytes | None
) -> Response:
    """Return a response as a transport has received it."""
    normalized = normalize_headers(headers)
    has_length = "content-length" in normalized or "transfer-encoding" in normalized
    return Response(status, body, normalized, endpoint, certificate, has_length)


def normalize_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers with names in lower case; the values of a repeated header are joined by commas."""
    normalized: dict[str, str] = {}
    for name, value in headers.items():
        earlier = normalized.get(name.lower())
        normalized[name.lower()] = value.strip() if earlier is None else f"{earlier}, {value.strip()}"
    return normalized


CLUSTER_VERSION = Call(
    path="/$/GetClusterVersion",
    api_version="6.4",
    page="https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-getclusterversion",
)


def request_for(
    call: Call,
    name: str | None = "",
    *,
    api_version: str | None = None,
    timeout: int | None = None,
    body: object = None,
    **query: str,
) -> Request:
    """
    Return the request of a call for a name, with more query parameters if there are any.

    :param timeout: seconds until the cluster ends the request with its own error, see :func:`server_timeout`
    :param body: what to send as JSON, with the members in this order; bytes and files are sent as they are
    :raises ValueError: the name is invalid for this call, see :func:`fill_path`
    """
    parameters = {"api-version": api_version or call.api_version}
    if timeout is not None:
        parameters["timeout"] = str(timeout)
    parameters.update(query)
    target = _target(call.path, name, tuple(parameters.items()))
    kind, content = bodies.content_of(body)
    headers = (*HEADERS, ("Content-Type", kind)) if kind else HEADERS
    return Request(call.method, target, headers, content, is_read=call.is_read)


@lru_cache(maxsize=1_024)  # waits send the same requests again and again
def _target(path: str, name: str | None, parameters: tuple[tuple[str, str], ...]) -> str:
    quoted = "&".join(f"{key}={quote(value, safe=':/')}" for key, value in parameters)
    return f"{fill_path(path, name)}?{quoted}"


def server_timeout(read_timeout: float) -> int:
    """
    Return the time limit for the cluster: a little less than our own, so that its error still arrives.

    Without it a gateway waits for 60 s. It reads ``timeout`` for every call, also if the page of the call
    does not list it: RequestHandlerBase.HandlerAsyncOperation.h of microsoft/service-fabric.
    """
    margin = min(MAX_MARGIN_SECONDS, read_timeout / 5)
    return max(1, int(min(read_timeout - margin, MAX_SERVER_SECONDS)))


def json_object(response: Response) -> dict[str, Any]:
    """
    Return the JSON object of a successful response.

    :raises Unreachable: the cluster, or a proxy in front of it, cannot answer now, or the answer was cut
    :raises Rejected: the cluster refused the request or has not found the name, or answered with a redirect
    :raises UnexpectedAnswer: the status is good, but the body is not a JSON object
    """
    return _json(response, dict, "a JSON object")


def json_list(response: Response) -> list[Any]:
    """Return the JSON list of a successful response; see :func:`json_object`."""
    return _json(response, list, "a JSON list")


_Json = TypeVar("_Json", dict[str, Any], list[Any])


def _json(response: Response, cls: type[_Json], expected: str) -> _Json:
    if response.status != OK:
        raise error_from_response(response)
    body = response.body
    if body.count(b",") > bodies.MAX_COMMAS:
        msg = f"the response has more than {bodies.MAX_COMMAS} commas: {_CHECK_HOST}"
        raise UnexpectedAnswer(msg, response.status, None, response.endpoint)
    document = bodies.json_document(body)
    if isinstance(document, cls):
        return document
    if not response.has_length and bodies.is_beginning(body, document):
        raise Unreachable(CUT, endpoint=response.endpoint)
    msg = (
        f"expected {expected}, got {bodies.describe(body, document)}: check that host is a Service Fabric "
        "cluster, not a proxy or a login page"
    )
    raise UnexpectedAnswer(msg, response.status, None, response.endpoint)


def error_from_response(response: Response) -> ServiceFabricError:
    """Return the error of a response. The FabricError code decides before the HTTP status."""
    status, document = response.status, bodies.error_document(response.body)
    if response.body and not response.has_length and bodies.is_beginning(response.body, document):
        return Unreachable(CUT, endpoint=response.endpoint)
    code, message = bodies.code_and_message(document)
    cls = _class_of(status, code)
    advice = _REDIRECT if status in range(300, 400) else ADVICE.get(code or "") or ADVICE.get(status)
    body = "this code and no message" if code else bodies.describe(response.body, document)
    if not advice and body.startswith(bodies.PAGE):
        advice = _NOT_THE_CLUSTER
    message = shorten(message or f"answered with {body}", _MESSAGE_BYTES)
    error = cls(f"{message} ({advice})" if advice else message, status, code, response.endpoint)
    if isinstance(error, Unreachable):
        error.retry_after = _retry_after(response.headers)
    return error


def runtime_version(answer: dict[str, Any]) -> str:
    """
    Return the version of the runtime from the answer of GetClusterVersion.

    :raises UnexpectedAnswer: the answer contains no version
    """
    version = answer.get("Version")
    if not isinstance(version, str) or not version:
        msg = "expected the cluster version, got an object without Version"
        raise UnexpectedAnswer(msg)
    return shorten(plain_line(version), _VERSION_BYTES)


def is_missing(error: ServiceFabricError) -> bool:
    """Whether the cluster reports that the name does not exist."""
    return error.code in MISSING_CODES or error.status == _NO_CONTENT


def is_about_connection(error: ServiceFabricError) -> bool:
    """
    Whether an error is about the connection. It says nothing about the upgrade or a cluster that is down.

    The connection could not be read or used, the TLS handshake failed, or the credentials were refused. Every
    other refusal is the answer of a cluster and has its HTTP status; every other outage has its endpoint.
    """
    if isinstance(error, Rejected):
        return error.status is None or error.status in AUTH_FAILURES
    return isinstance(error, Unreachable) and error.endpoint is None and error.status is None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header; a date is compared with the Date header of the response."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal() and value.isascii():
        return min(float(value), _MAX_RETRY_AFTER_SECONDS)
    try:
        pause = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError, OverflowError):
        return None
    return max(0.0, min(pause.total_seconds(), _MAX_RETRY_AFTER_SECONDS))


OK = 200

AUTH_FAILURES = frozenset({401, 403})
"""The statuses with which a gateway refuses the credentials of a request."""

UNKNOWN_CALL = "E_INVALIDARG"
"""The gateway's code for a route that it does not have, and for other invalid requests."""

TIMED_OUT = "FABRIC_E_TIMEOUT"
"""The gateway's code for a request that the cluster did not complete in time."""

CUT = "the connection was closed before the answer was complete"

_MAX_RETRY_AFTER_SECONDS = 86_400.0

MAX_MARGIN_SECONDS = 5.0
MAX_SERVER_SECONDS = 600.0
"""A cluster refuses more: the setting MaxOperationTimeout of NamingService."""

_NO_CONTENT = 204
_SERVER_ERROR = 500
_NOT_IMPLEMENTED = 501

_TRANSIENT_STATUSES = frozenset({408, 425, 429})

_REDIRECT = "redirects are not followed: set host to the cluster itself"
_CHECK_HOST = "check that host is a Service Fabric cluster"
_NOT_THE_CLUSTER = "probably from a proxy or load balancer, not the cluster: check host if this continues"


def _class_of(status: int, code: str | None) -> type[ServiceFabricError]:
    if code in TRANSIENT_CODES:
        return Unreachable
    if code in PERMANENT_CODES or status in {_NO_CONTENT, _NOT_IMPLEMENTED}:
        return Rejected
    if status >= _SERVER_ERROR or status in _TRANSIENT_STATUSES:
        return Unreachable
    return Rejected if status >= 300 else UnexpectedAnswer  # noqa: PLR2004 - 300 to 499: redirects and refusals
