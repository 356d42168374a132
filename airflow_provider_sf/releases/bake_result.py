"""How a bake time has ended: the XCom ``bake_result``. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from airflow_provider_sf.serialization import Record
from airflow_provider_sf.upgrades.observed_health import ObservedHealth


@dataclass(frozen=True, slots=True)
class BakeResult(Record):
    """For how long an application had to be healthy, and whether it was."""

    schema_id: ClassVar[str] = "service_fabric.bake_result/1"

    kind: str
    name: str
    result: str
    """Either healthy, unhealthy (for health_check_retry) or timeout (the health has changed too often)."""
    bake_seconds: float
    """How long the application had to be healthy."""
    began_at: datetime
    ended_at: datetime
    health: ObservedHealth
    """The last health."""
