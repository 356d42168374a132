"""How far the services of an upgrade are, as many of them as a record has room for. Pure; no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_sf.rest.json_values import integer, objects, short_text
from airflow_provider_sf.rest.storage_limits import MAX_INTEGER, WORD_BYTES, fitting_indices

SERVICES_BYTES = 7_168
"""How much JSON the services of a record may take."""


@dataclass(frozen=True, slots=True)
class ServiceProgress:
    """How many replicas of one service are upgraded and how many are still to come; None if not said."""

    name: str
    completed_replicas: int | None
    pending_replicas: int | None

    @property
    def behind(self) -> bool:
        """Whether replicas of this service still wait for the upgrade."""
        return bool(self.pending_replicas)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON types; the keys are the constructor's names."""
        return {
            "name": self.name,
            "completed_replicas": self.completed_replicas,
            "pending_replicas": self.pending_replicas,
        }


def services_of(listed: object) -> tuple[tuple[ServiceProgress, ...], dict[str, int]]:
    """Read the list of an answer: the services there is room for, in their order, and what is omitted."""
    services = [_service(item) for item in objects(listed)]
    done = [not service.behind for service in services]
    room = fitting_indices([service.to_dict() for service in services], SERVICES_BYTES, omit_first=done)
    kept = tuple(services[place] for place in room)
    return kept, _counted([service for place, service in enumerate(services) if place not in room])


def _service(item: dict[str, Any]) -> ServiceProgress:
    return ServiceProgress(
        name=short_text(item.get("ServiceName"), WORD_BYTES) or "?",
        completed_replicas=integer(item.get("CompletedReplicaCount")),
        pending_replicas=integer(item.get("PendingReplicaCount")),
    )


def _counted(omitted: list[ServiceProgress]) -> dict[str, int]:
    """Count what is omitted, and what of that is still to come."""
    pending = sum(max(0, service.pending_replicas or 0) for service in omitted)
    return {
        "services": len(omitted),
        "services_behind": sum(service.behind for service in omitted),
        "pending_replicas": min(MAX_INTEGER, pending),
    }
