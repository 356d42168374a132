"""Airflow provider for Azure Service Fabric: wait for upgrades and know how they ended."""

from __future__ import annotations

__version__ = "0.1.0"
