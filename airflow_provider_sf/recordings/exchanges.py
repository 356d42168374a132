"""The records of a recording, and how an exchange with a cluster becomes one. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_sf.recordings.redaction import redacted
from airflow_provider_sf.rest import bodies
from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, MAX_BODY_BYTES, Call
from airflow_provider_sf.serialization import REQUIRED, TRANSIENT, Record
from airflow_provider_sf.upgrades.applications import APPLICATION
from airflow_provider_sf.upgrades.kinds import APPLICATION_HEALTH, KINDS

if TYPE_CHECKING:
    from airflow_provider_sf.recordings.pseudonyms import Pseudonyms
    from airflow_provider_sf.rest.protocol import Response

SCHEMA = "service_fabric.recording/1"

CALLS: dict[str, Call] = {
    call.path: call
    for call in (
        CLUSTER_VERSION,
        *(kind.progress for kind in KINDS.values()),
        APPLICATION,
        APPLICATION_HEALTH,
    )
}
"""The calls that a recording can have, by path. All of them only read."""

BODIES = {"empty": b"", "page": b"<", "text": b"."}
"""What a body that is no JSON object was, and how it began."""

_STATUSES = range(100, 600)


@dataclass(frozen=True, slots=True)
class Header(Record):
    """The first line of a recording."""

    schema_id: ClassVar[str] = SCHEMA

    provider: str = field(metadata=REQUIRED)
    """The version of this package."""
    interval_seconds: float = field(metadata=REQUIRED)
    """The pause between two rounds of requests."""


@dataclass(frozen=True, slots=True)
class Exchange(Record):
    """A request and what came back; the other lines of a recording."""

    omits_defaults: ClassVar[bool] = True

    at: datetime
    call: str
    """The path of the call, without a name."""
    name: str = ""
    status: int | None = None
    """The HTTP status; None if there was no answer."""
    error: str = ""
    """The class of the error if there was no answer."""
    body: str = ""
    """A key of ``BODIES`` if the body was no JSON object; it is not kept."""
    size: int = 0
    """The size in bytes of a body that is not kept."""
    dropped: int = 0
    """How many members of the answer are not kept."""
    answer: dict[str, Any] | None = field(default=None, metadata=TRANSIENT)
    """The JSON object of the body, after redaction."""
    line: int = field(default=0, compare=False, metadata=TRANSIENT)

    def __post_init__(self) -> None:
        """
        Check the values that the types allow.

        :raises ValueError: the call is unknown, or status, body or size are not those of a response
        """
        if self.call not in CALLS:
            msg = f"unknown call {self.call[:80]!r}"
            raise ValueError(msg)
        if self.status is not None and self.status not in _STATUSES:
            msg = f"{self.status} is not an HTTP status"
            raise ValueError(msg)
        if self.body not in {"", *BODIES} or self.size > MAX_BODY_BYTES:
            msg = f"expected a body of {', '.join(BODIES)} and at most {MAX_BODY_BYTES} bytes"
            raise ValueError(msg)

    @property
    def code(self) -> str | None:
        """The code of a FabricError; None for any other answer."""
        return bodies.code_and_message(self.answer)[0]


def exchange_of(response: Response, call: Call, name: str, pseudonyms: Pseudonyms, at: datetime) -> Exchange:
    """Return what a recording keeps of a response."""
    document = bodies.json_document(response.body)
    shown = pseudonyms.name(name)
    if isinstance(document, dict):
        answer, dropped = redacted(document, pseudonyms)
        return Exchange(at, call.path, shown, response.status, dropped=dropped, answer=answer)
    start = response.body.lstrip()[:1]
    body = next(kind for kind, first in BODIES.items() if start == first or kind == "text")
    return Exchange(at, call.path, shown, response.status, body=body, size=len(response.body))
