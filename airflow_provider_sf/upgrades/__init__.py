"""Upgrades as a cluster reports them: the kinds, the progress record, its outcome. No I/O, no Airflow."""

from __future__ import annotations

from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.upgrades.progress import UpgradeProgress

__all__ = ["Outcome", "UpgradeProgress"]
