"""Airflow provider for Azure Service Fabric: wait for upgrades and report their result."""

from __future__ import annotations

__version__ = "0.1.0"
