"""What a person answers to a task, and what the cluster then has accepted."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.simulator import Simulator


class Asked(BaseException):
    """Stands for the signal with which a task leaves the worker until a person answers."""


def asked(step: Callable[[], Any]) -> None:
    """Run a step that must ask a person."""
    with pytest.raises(Asked):
        step()


def answer(option: str, *, by: str | None = "kim", at: datetime | None = None) -> dict[str, Any]:
    """Return the event with which Airflow resumes the task."""
    user = None if by is None else {"id": "1", "name": by}
    return {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": at or datetime(2026, 3, 1, tzinfo=timezone.utc),
        "responded_by_user": user,
        "timedout": by is None,
    }


def calls(simulator: Simulator) -> list[str]:
    """Return the accepted commands: ``start``, ``resume UD2``."""
    return [
        f"{command.call.removesuffix('_application_upgrade')} {(command.body or {}).get('UpgradeDomainName', '')}".strip()
        for command in simulator.journal
    ]


def started_domains(simulator: Simulator) -> list[str]:
    """Return the upgrade domains that commands have started."""
    return [call.removeprefix("resume ") for call in calls(simulator) if call.startswith("resume")]
