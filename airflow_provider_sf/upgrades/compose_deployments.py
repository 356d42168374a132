"""Compose deployments as a cluster reports them, without their upgrades. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_sf.rest.json_values import text


@dataclass(frozen=True, slots=True)
class ComposeDeployment:
    """
    A compose deployment; None means "not reported".

    ``status`` is a word of Service Fabric such as ``Ready``, ``Upgrading`` or ``Failed``.
    """

    name: str | None
    application_name: str | None = None
    status: str | None = None
    status_details: str | None = None
    raw: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> ComposeDeployment:
        """Read ComposeDeploymentStatusInfo."""
        return cls(
            name=text(answer.get("Name")),
            application_name=text(answer.get("ApplicationName")),
            status=text(answer.get("Status")),
            status_details=text(answer.get("StatusDetails")),
            raw=answer,
        )
