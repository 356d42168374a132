"""HTTP responses: JSON, errors in the gateway's format, and faults. No I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response. ``reset`` resets the connection instead; ``slow`` delays it by ``slow_seconds``."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    reason: str | None = None
    reset: bool = False
    slow: bool = False


class Refusal(Exception):
    """The cluster refuses a command with this response, and nothing changes."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(response)
        self.response = response


OK = HttpResponse()
ACCEPTED = HttpResponse(202)
CREATED = HttpResponse(201)

NO_CONTENT = HttpResponse(204)
"""The gateway's response for the description of an application that does not exist."""

FAULTS: dict[str, HttpResponse] = {
    "unavailable": HttpResponse(
        503, b'{"Error":{"Code":"FABRIC_E_SERVICE_TOO_BUSY","Message":"The service is too busy."}}'
    ),
    "reset": HttpResponse(reset=True),
    "slow": HttpResponse(
        504, b'{"Error":{"Code":"FABRIC_E_TIMEOUT","Message":"Operation timed out."}}', slow=True
    ),
    "html": HttpResponse(
        502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", content_type="text/html"
    ),
    "empty": HttpResponse(503),
    "forbidden": HttpResponse(403),
}


def json_response(body: object) -> HttpResponse:
    """Return a successful response."""
    return HttpResponse(body=json.dumps(body).encode())


def fabric_error(status: int, code: str, message: str) -> HttpResponse:
    """Return an error in the gateway's format."""
    return HttpResponse(status, json.dumps({"Error": {"Code": code, "Message": message}}).encode())


INVALID = fabric_error(400, "E_INVALIDARG", "")
"""The response to a body that the gateway cannot read: it does not say why."""

NO_ROUTE = fabric_error(400, "E_INVALIDARG", "The route is not known.")

TIMED_OUT = fabric_error(504, "FABRIC_E_TIMEOUT", "Operation timed out.")
