"""The journal of a simulated cluster: the commands that it has accepted. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.manifests import Package


@dataclass(frozen=True, slots=True)
class Command:
    """
    A command that the cluster accepted.

    ``at`` is the Unix time. ``call`` says what the command does, such as ``start_application_upgrade``, and
    ``name`` what it changes, such as ``fabric:/shop/web``. ``body`` is the JSON of the request, or the bytes
    of an uploaded file. ``endpoint`` is the gateway that received it, ``thumbprint`` the SHA-1 thumbprint of
    the client's certificate.
    """

    at: float
    call: str
    name: str
    body: Any = field(default=None, repr=False)  # may contain secrets
    query: dict[str, str] = field(default_factory=dict, repr=False)
    endpoint: str | None = None
    thumbprint: str | None = None
    package: Package | None = field(default=None, repr=False)
    """The package of a provision, as it was when the cluster accepted the command."""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; the size of a file stands for its bytes."""
        body = {"bytes": len(self.body)} if isinstance(self.body, bytes) else self.body
        return {
            "at": self.at,
            "call": self.call,
            "name": self.name,
            "body": body,
            "endpoint": self.endpoint,
            "thumbprint": self.thumbprint,
        }
