"""Responses: good answers, errors in the gateway's format, and faults. No I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.scenarios import Scenario


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. ``reset`` cuts the connection; ``slow`` delays the response by the server's pause."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    reason: str | None = None
    reset: bool = False
    slow: bool = False


NOTHING = Answer(204)
"""The gateway's error for an application that does not exist."""

FAULTS: dict[str, Answer] = {
    "unavailable": Answer(
        503, b'{"Error":{"Code":"FABRIC_E_SERVICE_TOO_BUSY","Message":"The service is too busy."}}'
    ),
    "reset": Answer(reset=True),
    "slow": Answer(504, b'{"Error":{"Code":"FABRIC_E_TIMEOUT","Message":"Operation timed out."}}', slow=True),
    "html": Answer(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", content_type="text/html"),
    "empty": Answer(503),
    "forbidden": Answer(403),
}


def json_answer(body: object) -> Answer:
    """Return a good answer."""
    return Answer(body=json.dumps(body).encode())


def fabric_error(status: int, code: str, message: str) -> Answer:
    """Return an error in the gateway's format."""
    return Answer(status, json.dumps({"Error": {"Code": code, "Message": message}}).encode())


def fault_at(scenario: Scenario, second: float) -> Answer | None:
    """Return the fault at a second of a scenario; None without a fault."""
    for fault in scenario.faults:
        if fault.from_second <= second < fault.to_second:
            return FAULTS[fault.kind]
    return None
