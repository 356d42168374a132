"""Calls become requests, answers become JSON or a typed error. Pure; no I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_sf import __version__
from airflow_provider_sf.rest.error_codes import ADVICE, LASTING_CODES, MISSING_CODES, PASSING_CODES
from airflow_provider_sf.rest.errors import Rejected, ServiceFabricError, UnexpectedAnswer, Unreachable
from airflow_provider_sf.rest.storage_limits import make_storable, shorten
from airflow_provider_sf.rest.url_names import fill_path

if TYPE_CHECKING:
    from collections.abc import Mapping


_SAID_BYTES, _CODE_BYTES = 1_200, 256
"""How much JSON the cluster's part of a message, and a version, may take."""


@dataclass(frozen=True, slots=True)
class Call:
    """One REST call: where it is, since which api-version, and the page that documents it."""

    path: str
    api_version: str
    page: str


HEADERS = (
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip, deflate"),
    ("User-Agent", f"airflow-provider-sf/{__version__}"),
)
"""What is said with each request."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: a method, an origin-form target, already quoted, and all headers but Host."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(
        repr=False, default=HEADERS
    )  # there may be a token among them


@dataclass(frozen=True, slots=True)
class Response:
    """
    What came back, whichever transport fetched it; names of headers are in lower case.

    ``endpoint`` is the gateway that spoke, ``certificate`` the one that it showed, as DER.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    endpoint: str | None = None
    certificate: bytes | None = field(default=None, repr=False)


MAX_BODY_BYTES = 16 * 1024 * 1024
"""How large the body of a response may be, also after it was decompressed."""


def with_token(request: Request, token: str) -> Request:
    """Return a request with a bearer token, if there is one."""
    return (
        replace(request, headers=(*request.headers, ("Authorization", f"Bearer {token}")))
        if token
        else request
    )


def too_large_error(endpoint: str) -> UnexpectedAnswer:
    """Return the error for an answer that is larger than any that Service Fabric gives."""
    size = f"{MAX_BODY_BYTES // 1024 // 1024} MiB"
    msg = f"the answer is larger than {size}; is this address a Service Fabric cluster? check host"
    return UnexpectedAnswer(msg, endpoint=endpoint)


def normalize_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers as both libraries would tell them: a repeated one as a list with commas."""
    told: dict[str, str] = {}
    for name, value in headers.items():
        earlier = told.get(name.lower())
        told[name.lower()] = value.strip() if earlier is None else f"{earlier}, {value.strip()}"
    return told


CLUSTER_VERSION = Call(
    path="/$/GetClusterVersion",
    api_version="6.4",
    page="https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-getclusterversion",
)


def request_for(call: Call, name: str = "", *, api_version: str | None = None, **query: str) -> Request:
    """
    Return the request of a call; what its path has a parameter for is the name, quoted as that wants it.

    :raises ValueError: the name is none that the parameter can take, see :func:`names.filled`
    """
    said = {"api-version": api_version or call.api_version, **query}
    told = "&".join(f"{key}={quote(value, safe=':/')}" for key, value in said.items())
    return Request("GET", f"{fill_path(call.path, name)}?{told}")


def json_object(response: Response) -> dict[str, Any]:
    """
    Return the JSON object of a good answer.

    :raises Unreachable: the cluster or something before it cannot answer now
    :raises Rejected: the cluster refused, the thing asked for is missing, or the answer is a redirect
    :raises UnexpectedAnswer: a good status without a JSON object
    """
    if response.status != OK:
        raise error_from_response(response)
    document = _document(response.body)
    if isinstance(document, dict):
        return document
    msg = (
        f"expected a JSON object, got {_looks_like(response.body)}; is this address a Service Fabric "
        "cluster, and no login page or proxy before it? check host"
    )
    raise UnexpectedAnswer(msg, response.status, None, response.endpoint)


def error_from_response(response: Response) -> ServiceFabricError:
    """Return the error that an answer means. The FabricError code decides before the status does."""
    status = response.status
    code, message = _fabric_error(response.body)
    cls = _class_of(status, code)
    advice = _REDIRECT if status in range(300, 400) else ADVICE.get(code or "") or ADVICE.get(status)
    looks = _looks_like(response.body)
    if not advice and looks.startswith(_PAGE):
        advice = _NOT_THE_CLUSTER
    said = shorten(message or f"answered with {looks}", _SAID_BYTES)
    error = cls(f"{said} ({advice})" if advice else said, status, code, response.endpoint)
    if isinstance(error, Unreachable):
        error.retry_after = _retry_after(response.headers)
    return error


def runtime_version(answer: dict[str, Any]) -> str:
    """
    Return the version of the runtime in the answer of GetClusterVersion.

    :raises UnexpectedAnswer: there is none in it
    """
    version = answer.get("Version")
    if not isinstance(version, str) or not version:
        msg = "expected the version of the cluster, got an object without it"
        raise UnexpectedAnswer(msg)
    return shorten(make_storable(version), _CODE_BYTES)


def is_missing(error: ServiceFabricError) -> bool:
    """Tell whether the cluster says that what was asked about is not there."""
    return error.code in MISSING_CODES or error.status == _NO_CONTENT


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header; a date counts from the answer's own Date."""
    said = headers.get("retry-after", "").strip()
    if said.isdecimal() and said.isascii():
        return min(float(said), _LONGEST_PAUSE)
    try:
        pause = parsedate_to_datetime(said) - parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError, OverflowError):
        return None
    return max(0.0, min(pause.total_seconds(), _LONGEST_PAUSE))


OK = 200

UNKNOWN_CALL = "E_INVALIDARG"
"""What the gateway says of every route that it does not have, among much else."""

_LONGEST_PAUSE = 86_400.0
"""How many seconds a cluster may ask us to stay away."""

_NO_CONTENT = 204
_SERVER_FAULT = 500
_NOT_IMPLEMENTED = 501

_PAGE = "an HTML or XML page"
_PASSING_STATUSES = frozenset({408, 425, 429})

_REDIRECT = "redirects are not followed, nothing was sent there: set host to the cluster itself"
_NOT_THE_CLUSTER = (
    "perhaps a proxy or a load balancer speaks instead of the cluster: check host if this lasts"
)


def _class_of(status: int, code: str | None) -> type[ServiceFabricError]:
    if code in PASSING_CODES:
        return Unreachable
    if code in LASTING_CODES or status in {_NO_CONTENT, _NOT_IMPLEMENTED}:
        return Rejected
    if status >= _SERVER_FAULT or status in _PASSING_STATUSES:
        return Unreachable
    return Rejected if status >= 300 else UnexpectedAnswer  # noqa: PLR2004 - 300 to 499: redirects and refusals


def _fabric_error(body: bytes) -> tuple[str | None, str | None]:
    """Return code and message of a FabricError body, None where it is none."""
    document = _document(body)
    error = document.get("Error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return None, None
    code, message = error.get("Code"), error.get("Message")
    return code if isinstance(code, str) else None, message if isinstance(message, str) else None


def _document(body: bytes) -> object:
    """Return what the body says as JSON, None if that is nothing. A byte order mark is no fault."""
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _looks_like(body: bytes) -> str:
    """Describe a body that is no JSON object without repeating it: it may be a page with anything in it."""
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    words = {
        b"": "an empty body",
        b"<": _PAGE,
        b"[": "a JSON list",
        b"{": "unusual or broken JSON",
    }
    size = f" of {len(body)} bytes" if start else ""
    return words.get(start, "text") + size
