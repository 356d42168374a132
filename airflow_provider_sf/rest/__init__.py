"""The REST protocol of Service Fabric: calls, requests, responses, errors, JSON. No I/O, no Airflow."""

from __future__ import annotations

from airflow_provider_sf.rest.errors import (
    Rejected,
    ResultUnknown,
    ServiceFabricError,
    UnexpectedAnswer,
    Unreachable,
)

__all__ = ["Rejected", "ResultUnknown", "ServiceFabricError", "UnexpectedAnswer", "Unreachable"]
