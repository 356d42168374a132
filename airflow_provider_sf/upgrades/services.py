"""Progress of the services of an upgrade, within the size limit of a record. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.json_values import count, first_objects, word
from airflow_provider_sf.rest.storage_limits import MAX_INTEGER, fitting_indices
from airflow_provider_sf.serialization import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

SERVICES_BYTES = 7_168
"""How many bytes of JSON the services of a record may take."""


@dataclass(frozen=True, slots=True)
class ServiceProgress(Record):
    """Replicas of one service that are upgraded, and that are not yet; None if not reported."""

    name: str
    completed_replicas: int | None
    pending_replicas: int | None

    @property
    def behind(self) -> bool:
        """Whether some replicas are not upgraded yet."""
        return bool(self.pending_replicas)


def services_of(listed: object) -> tuple[tuple[ServiceProgress, ...], dict[str, int]]:
    """Read the list of an answer: the services that fit, in their order, and counts of the omitted ones."""
    items, unread = first_objects(listed)
    services = [_service(item) for item in items]
    done = [not service.behind for service in services]
    room = fitting_indices([service.to_dict() for service in services], SERVICES_BYTES, omit_first=done)
    kept = tuple(services[place] for place in room)
    omitted = _counted([services[place] for place in set(range(len(services))).difference(room)])
    return kept, {**omitted, "services": omitted["services"] + unread}


def _service(item: dict[str, Any]) -> ServiceProgress:
    return ServiceProgress(
        name=word(item.get("ServiceName")) or "?",
        completed_replicas=count(item.get("CompletedReplicaCount")),
        pending_replicas=count(item.get("PendingReplicaCount")),
    )


def _counted(omitted: list[ServiceProgress]) -> dict[str, int]:
    """Count the omitted services, those that are behind, and their pending replicas."""
    pending = sum(service.pending_replicas or 0 for service in omitted)
    return {
        "services": len(omitted),
        "services_behind": sum(service.behind for service in omitted),
        "pending_replicas": min(MAX_INTEGER, pending),
    }


def replicas_done(services: Iterable[ServiceProgress]) -> tuple[int, int]:
    """Return how many replicas are upgraded, and how many there are, of the services that report both."""
    counts = [(service.completed_replicas, service.pending_replicas) for service in services]
    known = [(max(0, done), max(0, left)) for done, left in counts if done is not None and left is not None]
    done = sum(done for done, _ in known)
    return done, done + sum(left for _, left in known)
