"""What we ask a cluster to do: typed descriptions and pure decisions. No I/O, no Airflow."""

from __future__ import annotations

from airflow_provider_sf.releases.gate_state import PausedUpgrade
from airflow_provider_sf.releases.packages import ExternalPackage, ImageStorePackage
from airflow_provider_sf.releases.policies import (
    ApplicationHealthPolicy,
    MonitoringPolicy,
    ServiceTypeHealthPolicy,
)

__all__ = [
    "ApplicationHealthPolicy",
    "ExternalPackage",
    "ImageStorePackage",
    "MonitoringPolicy",
    "PausedUpgrade",
    "ServiceTypeHealthPolicy",
]
