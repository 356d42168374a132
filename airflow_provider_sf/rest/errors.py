"""The typed errors, by what the caller can do. Pure; no I/O.

ServiceFabricError          the exchange with the cluster failed; not a statement about the upgrade
|-- Unreachable             no usable answer now; asking again may help
|-- Rejected                the cluster understood and refused; asking again will not help
`-- UnexpectedAnswer        an answer that this package does not understand; please report it
"""

from __future__ import annotations

from typing import Any

from airflow_provider_sf.rest.storage_limits import make_storable, shorten

_MESSAGE_BYTES, _CODE_BYTES = 1_500, 256
"""How much JSON a message and a code may take: an error travels in XComs."""


class ServiceFabricError(Exception):
    """
    What went wrong between us and the cluster; never a statement about the upgrade.

    ``status`` is the HTTP status (None if none came), ``code`` the ``Error.Code`` of a
    FabricError body, ``endpoint`` the address that spoke or stayed silent. Pickles and copies whole.
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
        """Say where, what and why on one line."""
        said = " ".join(str(part) for part in (self.status and f"HTTP {self.status}", self.code) if part)
        return " ".join(": ".join(part for part in (self.endpoint, said, self.message) if part).split())

    def to_dict(self) -> dict[str, Any]:
        """Return the error as JSON types; :func:`error_from_dict` undoes it."""
        return {
            "class": type(self).__name__,
            "status": self.status,
            "code": self.code,
            "message": self.message,
            "endpoint": self.endpoint,
        }


class Unreachable(ServiceFabricError):
    """No usable answer now; asking again may help, after ``retry_after`` seconds if the cluster said so."""

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
    """The cluster understood and refused; asking again will not help."""


class UnexpectedAnswer(ServiceFabricError):
    """An answer that this package does not understand; please report it."""


def error_from_dict(said: dict[str, Any]) -> ServiceFabricError:
    """Undo :meth:`ServiceFabricError.to_dict`; an unknown class becomes UnexpectedAnswer."""
    classes = {cls.__name__: cls for cls in (Unreachable, Rejected, UnexpectedAnswer)}
    cls = classes.get(said.get("class", ""), UnexpectedAnswer)
    return cls(
        said.get("message") or "no message", said.get("status"), said.get("code"), said.get("endpoint")
    )


def with_advice(error: Rejected, advice: str) -> Rejected:
    """Return an error with advice added."""
    return Rejected(f"{error.message} ({advice})", error.status, error.code, error.endpoint)
