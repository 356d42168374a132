"""Build requests from calls, and read responses as JSON or as typed errors. No I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_sf import __version__
from airflow_provider_sf.rest.error_codes import ADVICE, MISSING_CODES, PERMANENT_CODES, TRANSIENT_CODES
from airflow_provider_sf.rest.errors import Rejected, ServiceFabricError, UnexpectedAnswer, Unreachable
from airflow_provider_sf.rest.storage_limits import make_storable, shorten
from airflow_provider_sf.rest.url_names import fill_path

if TYPE_CHECKING:
    from collections.abc import Mapping


_MESSAGE_BYTES, _VERSION_BYTES = 1_200, 256
"""How many bytes of JSON the message of a cluster, and its version, may take."""


@dataclass(frozen=True, slots=True)
class Call:
    """One REST call: its path, its lowest api-version, and the page that documents it."""

    path: str
    api_version: str
    page: str


HEADERS = (
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip, deflate"),
    ("User-Agent", f"airflow-provider-sf/{__version__}"),
)
"""The headers of each request."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its method, its quoted origin-form target, and all headers except Host."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(repr=False, default=HEADERS)  # may contain a token


@dataclass(frozen=True, slots=True)
class Response:
    """
    A response of either transport. Header names are in lower case.

    ``endpoint`` is the gateway that answered, ``certificate`` its certificate as DER.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    endpoint: str | None = None
    certificate: bytes | None = field(default=None, repr=False)


MAX_BODY_BYTES = 16 * 1024 * 1024
"""The maximum size of a response body, also after decompression."""


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
    msg = f"the response is larger than {size}: check that host is a Service Fabric cluster"
    return UnexpectedAnswer(msg, endpoint=endpoint)


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


def request_for(call: Call, name: str = "", *, api_version: str | None = None, **query: str) -> Request:
    """
    Return the request of a call for a name, with more query parameters if there are any.

    :raises ValueError: the name is invalid for this call, see :func:`fill_path`
    """
    parameters = {"api-version": api_version or call.api_version, **query}
    quoted = "&".join(f"{key}={quote(value, safe=':/')}" for key, value in parameters.items())
    return Request("GET", f"{fill_path(call.path, name)}?{quoted}")


def json_object(response: Response) -> dict[str, Any]:
    """
    Return the JSON object of a successful response.

    :raises Unreachable: the cluster, or a proxy in front of it, cannot answer now
    :raises Rejected: the cluster refused the request or has not found the name, or answered with a redirect
    :raises UnexpectedAnswer: the status is good, but the body is not a JSON object
    """
    if response.status != OK:
        raise error_from_response(response)
    document = _document(response.body)
    if isinstance(document, dict):
        return document
    msg = (
        f"expected a JSON object, got {_describe_body(response.body)}: check that host is a Service Fabric "
        "cluster, not a proxy or a login page"
    )
    raise UnexpectedAnswer(msg, response.status, None, response.endpoint)


def error_from_response(response: Response) -> ServiceFabricError:
    """Return the error of a response. The FabricError code decides before the HTTP status."""
    status = response.status
    code, message = _fabric_error(response.body)
    cls = _class_of(status, code)
    advice = _REDIRECT if status in range(300, 400) else ADVICE.get(code or "") or ADVICE.get(status)
    body = _describe_body(response.body)
    if not advice and body.startswith(_PAGE):
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
    return shorten(make_storable(version), _VERSION_BYTES)


def is_missing(error: ServiceFabricError) -> bool:
    """Whether the cluster reports that the name does not exist."""
    return error.code in MISSING_CODES or error.status == _NO_CONTENT


def is_about_connection(error: ServiceFabricError) -> bool:
    """
    Whether an error is about the connection: it says nothing about the upgrade, and not that a cluster is down.

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

_MAX_RETRY_AFTER_SECONDS = 86_400.0

_NO_CONTENT = 204
_SERVER_ERROR = 500
_NOT_IMPLEMENTED = 501

_PAGE = "an HTML or XML page"
_TRANSIENT_STATUSES = frozenset({408, 425, 429})

_REDIRECT = "redirects are not followed: set host to the cluster itself"
_NOT_THE_CLUSTER = "probably from a proxy or load balancer, not the cluster: check host if this continues"


def _class_of(status: int, code: str | None) -> type[ServiceFabricError]:
    if code in TRANSIENT_CODES:
        return Unreachable
    if code in PERMANENT_CODES or status in {_NO_CONTENT, _NOT_IMPLEMENTED}:
        return Rejected
    if status >= _SERVER_ERROR or status in _TRANSIENT_STATUSES:
        return Unreachable
    return Rejected if status >= 300 else UnexpectedAnswer  # noqa: PLR2004 - 300 to 499: redirects and refusals


def _fabric_error(body: bytes) -> tuple[str | None, str | None]:
    """Return code and message of a FabricError body, each None if it is not there."""
    document = _document(body)
    error = document.get("Error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return None, None
    code, message = error.get("Code"), error.get("Message")
    return code if isinstance(code, str) else None, message if isinstance(message, str) else None


def _document(body: bytes) -> object:
    """Return the body as JSON, None if it is not JSON. A byte order mark is allowed."""
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _describe_body(body: bytes) -> str:
    """Describe a body that is not a JSON object. Do not quote it: it may contain secrets."""
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    descriptions = {
        b"": "an empty body",
        b"<": _PAGE,
        b"[": "a JSON list",
        b"{": "unusual or broken JSON",
    }
    size = f" of {len(body)} bytes" if start else ""
    return descriptions.get(start, "text") + size
