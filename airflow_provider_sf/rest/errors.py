"""The error classes, by what the caller can do. No I/O.

ServiceFabricError          a request to the cluster failed; this does not mean that the upgrade failed
|-- Unreachable             no usable answer now; a retry may help
|-- Rejected                the cluster refused the request; a retry will not help
|-- ResultUnknown           a change was sent, but its answer was lost; look it up before you send it again
`-- UnexpectedAnswer        an answer that this package does not understand; please report it
"""

from __future__ import annotations

from typing import Any, TypeVar

from airflow_provider_sf.rest.plain_text import hide_queries, plain_line
from airflow_provider_sf.rest.storage_limits import shorten

_MESSAGE_BYTES, _CODE_BYTES, _ENDPOINT_BYTES = 1_500, 256, 512
"""How much JSON these may take: an error travels in XComs."""

_STATUSES = range(1_000)


class ServiceFabricError(Exception):
    """
    A request to the cluster failed. This does not mean that the upgrade failed.

    ``status`` is the HTTP status (None without a response), ``code`` the ``Error.Code`` of a FabricError
    body, ``endpoint`` the address of the request. Pickle and copy keep all of them.

    ``context`` is what a wait knows about the upgrade. It comes first in the text and is not stored.

    Texts may come from a cluster. Each is put on one line, without control characters, and cut. URLs in the
    message lose their queries, which may be secrets.
    """

    context = ""

    def __init__(
        self,
        message: str,
        status: int | None = None,
        code: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        message = shorten(hide_queries(plain_line(message)), _MESSAGE_BYTES) or "no message"
        code = code and shorten(plain_line(code), _CODE_BYTES)
        endpoint = endpoint and shorten(plain_line(endpoint), _ENDPOINT_BYTES)
        super().__init__(message, status, code, endpoint)
        self.message = message
        self.status = status
        self.code = code
        self.endpoint = endpoint

    def __str__(self) -> str:
        """Return the context, then endpoint, status, code and message, on one line."""
        status = " ".join(part for part in (self.status and f"HTTP {self.status}", self.code) if part)
        text = ": ".join(part for part in (self.endpoint, status, self.message) if part)
        return f"{self.context} {text}" if self.context else text

    def to_dict(self) -> dict[str, Any]:
        """Return the error as JSON types."""
        return {
            "class": type(self).__name__,
            "status": self.status,
            "code": self.code,
            "message": self.message,
            "endpoint": self.endpoint,
        }

    @staticmethod
    def from_dict(data: object) -> ServiceFabricError:
        """
        Read what :meth:`to_dict` has written; an unknown class becomes UnexpectedAnswer.

        :raises ValueError: it is not an object, or a member has another type
        """
        if not isinstance(data, dict):
            msg = f"expected a JSON object for an error, got {type(data).__name__}"
            raise ValueError(msg)  # noqa: TRY004 - one error for all that cannot be read
        name, message, code, endpoint = (
            _text_in(data, member) for member in ("class", "message", "code", "endpoint")
        )
        status = data.get("status")
        if status is not None and (type(status) is not int or status not in _STATUSES):
            msg = "the member 'status' of an error is not an HTTP status"
            raise ValueError(msg)
        classes = {cls.__name__: cls for cls in _CLASSES}
        return classes.get(name or "", UnexpectedAnswer)(message or "", status, code, endpoint)

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """Return the JSON Schema of :meth:`to_dict`."""
        text = {"type": ["string", "null"]}
        properties = {
            "class": {"enum": [cls.__name__ for cls in _CLASSES]},
            "status": {"type": ["integer", "null"], "minimum": 0, "maximum": _STATUSES[-1]},
            "code": text,
            "message": {"type": "string"},
            "endpoint": text,
        }
        return {
            "type": "object",
            "additionalProperties": False,
            "required": list(properties),
            "properties": properties,
        }


class Unreachable(ServiceFabricError):
    """No usable answer now; a retry may help, after ``retry_after`` seconds if that is set."""

    def __init__(
        self,
        message: str,
        status: int | None = None,
        code: str | None = None,
        endpoint: str | None = None,
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status, code, endpoint)
        self.retry_after = retry_after


class Rejected(ServiceFabricError):
    """The cluster refused the request; a retry will not help."""


class ResultUnknown(ServiceFabricError):
    """
    A change was sent, but no answer came that says what became of it. It may have been made.

    Look it up before you send it again.
    """


def result_unknown(error: ServiceFabricError) -> ResultUnknown:
    """Return the error of a change for which there is no better answer than this error."""
    msg = (
        f"result unknown, the change may have been made: {error.message} (read the current state before you "
        "repeat it)"
    )
    return ResultUnknown(msg, error.status, error.code, error.endpoint)


class UnexpectedAnswer(ServiceFabricError):
    """An answer that this package does not understand; please report it."""


_CLASSES = (Unreachable, Rejected, ResultUnknown, UnexpectedAnswer)

_Advised = TypeVar("_Advised", Rejected, Unreachable)


def with_advice(error: _Advised, advice: str) -> _Advised:
    """Return an error with advice added."""
    advised = type(error)(f"{error.message} ({advice})", error.status, error.code, error.endpoint)
    if isinstance(advised, Unreachable):
        advised.retry_after = getattr(error, "retry_after", None)
    return advised


def _text_in(data: dict[str, Any], member: str) -> str | None:
    value = data.get(member)
    if value is not None and not isinstance(value, str):
        msg = f"the member {member!r} of an error must be a string, not {type(value).__name__}"
        raise ValueError(msg)
    return value
