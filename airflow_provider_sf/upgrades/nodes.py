"""Nodes and repair tasks as a cluster reports them. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_sf.rest.json_values import text


@dataclass(frozen=True, slots=True)
class Node:
    """
    A node; None means "not reported".

    ``status`` is a word of Service Fabric such as ``Up``, ``Down`` or ``Disabled``; ``health_state`` is
    ``Ok``, ``Warning`` or ``Error``. ``raw`` is the original answer.
    """

    name: str | None
    type_name: str | None = None
    status: str | None = None
    health_state: str | None = None
    upgrade_domain: str | None = None
    fault_domain: str | None = None
    raw: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Node:
        """Read NodeInfo."""
        return cls(
            name=text(answer.get("Name")),
            type_name=text(answer.get("Type")),
            status=text(answer.get("NodeStatus")),
            health_state=text(answer.get("HealthState")),
            upgrade_domain=text(answer.get("UpgradeDomain")),
            fault_domain=text(answer.get("FaultDomain")),
            raw=answer,
        )


@dataclass(frozen=True, slots=True)
class RepairTask:
    """
    A repair task: it may take down nodes while an upgrade runs. None means "not reported".

    ``state`` is a word of Service Fabric such as ``Preparing``, ``Executing`` or ``Completed``.
    """

    id: str | None
    state: str | None = None
    action: str | None = None
    raw: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> RepairTask:
        """Read RepairTask."""
        return cls(
            id=text(answer.get("TaskId")),
            state=text(answer.get("State")),
            action=text(answer.get("Action")),
            raw=answer,
        )
