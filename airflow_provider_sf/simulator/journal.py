"""The journal of a simulated cluster: the commands that it has accepted. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.url_names import normalized_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_sf.simulator.manifests import Package

RESET = "reset"
"""The call of an entry that undoes the commands before it about its name, or all without a name."""


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


def commands_in_force(journal: Iterable[Command]) -> tuple[Command, ...]:
    """Return the commands that no later reset has undone."""
    commands: list[Command] = []
    for command in journal:
        if command.call != RESET:
            commands.append(command)
            continue
        key = normalized_name(command.name)
        commands = [earlier for earlier in commands if key and normalized_name(earlier.name) != key]
    return tuple(commands)
