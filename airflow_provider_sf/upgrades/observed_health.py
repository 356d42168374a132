"""The health of an application or a cluster at one moment, as part of a record. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_sf.serialization import Record

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_provider_sf.upgrades.applications import ApplicationHealth
    from airflow_provider_sf.upgrades.cluster_health import ClusterHealth


@dataclass(frozen=True, slots=True)
class ObservedHealth(Record):
    """The health that Service Fabric has reported at one moment."""

    at: datetime
    state: str | None
    """Ok, Warning, Error or Unknown; null if it was not reported."""
    unhealthy_evaluations: tuple[str, ...] = ()

    @classmethod
    def of(cls, health: ApplicationHealth | ClusterHealth, at: datetime) -> Self:
        """Return what was reported at a time."""
        return cls(at, health.aggregated_health_state, health.unhealthy_evaluations)
