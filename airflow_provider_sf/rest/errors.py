"""The error classes, by what the caller can do. No I/O.

ServiceFabricError          a request to the cluster failed; this does not mean that the upgrade failed
|-- Unreachable             no usable answer now; a retry may help
|-- Rejected                the cluster refused the request; a retry will not help
`-- UnexpectedAnswer        an answer that this package does not understand; please report it
"""

from __future__ import annotations

from typing import Any

from airflow_provider_sf.rest.storage_limits import make_storable, shorten

_MESSAGE_BYTES, _CODE_BYTES = 1_500, 256
"""How much JSON a message and a code may take: an error travels in XComs."""


class ServiceFabricError(Exception):
    """
    A request to the cluster failed. This does not mean that the upgrade failed.

    ``status`` is the HTTP status (None without a response), ``code`` the ``Error.Code`` of a FabricError
    body, ``endpoint`` the address of the request. Pickle and copy keep all of them.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        code: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        message = shorten(make_storable(message), _MESSAGE_BYTES)
        code = code and shorten(make_storable(code), _CODE_BYTES)
        super().__init__(message, status, code, endpoint)
        self.message = message
        self.status = status
        self.code = code
        self.endpoint = endpoint

    def __str__(self) -> str:
        """Return endpoint, status, code and message on one line."""
        status = " ".join(part for part in (self.status and f"HTTP {self.status}", self.code) if part)
        return " ".join(": ".join(part for part in (self.endpoint, status, self.message) if part).split())

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
    def from_dict(data: dict[str, Any]) -> ServiceFabricError:
        """Read what :meth:`to_dict` has written; an unknown class becomes UnexpectedAnswer."""
        classes = {cls.__name__: cls for cls in (Unreachable, Rejected, UnexpectedAnswer)}
        cls = classes.get(data.get("class", ""), UnexpectedAnswer)
        message = data.get("message") or "no message"
        return cls(message, data.get("status"), data.get("code"), data.get("endpoint"))

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """Return the JSON Schema of :meth:`to_dict`."""
        text = {"type": ["string", "null"]}
        properties = {
            "class": {"enum": ["Unreachable", "Rejected", "UnexpectedAnswer"]},
            "status": {"type": ["integer", "null"]},
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


class UnexpectedAnswer(ServiceFabricError):
    """An answer that this package does not understand; please report it."""


def with_advice(error: Rejected, advice: str) -> Rejected:
    """Return an error with advice added."""
    return Rejected(f"{error.message} ({advice})", error.status, error.code, error.endpoint)
