"""Operators that change a simulated cluster, with a clock that a pause moves."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.operators.answers import Asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.simulator import Simulator

MODULES = (
    "operators.start_task",
    "operators.waiting",
    "operators.bake",
    "operators.resume_task",
    "operators.rollback_task",
    "operators.deciding",
    "operators.generated_version",
    "sensors.wait_task",
)
LOOKING = (
    "releases.start_once",
    "operators.generated_version",
    "operators.resume_task",
    "operators.rollback_task",
)
"""The modules that look again while an answer may still arrive, which takes minutes."""


class Store:
    """Airflow's task state store: JSON values that survive a retry."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = json.loads(json.dumps(value, allow_nan=False))

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture(autouse=True)
def short_pauses_of_triggers(short_pauses: None) -> None:
    """Triggers wait by the real clock."""


@pytest.fixture(autouse=True)
def moving_clock(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Let pauses move the clock of the simulator, which is also that of the task.

    Code is replaced, because the tasks read the clock of the machine, and a real task takes minutes.
    """

    def sleep(seconds: float) -> None:
        clock.now += seconds

    def now() -> datetime:
        return datetime.fromtimestamp(clock.now, timezone.utc)

    for module in LOOKING:
        monkeypatch.setattr(f"airflow_provider_sf.{module}.LOOK_AGAIN_SECONDS", 20.0)
    for module in MODULES:
        monkeypatch.setattr(f"airflow_provider_sf.{module}.time", SimpleNamespace(sleep=sleep))
    for module in (
        "operators.gate_questions",
        "operators.gate_task",
        "operators.start_task",
        "polling.upgrade_wait",
        "sensors.wait_task",
    ):
        monkeypatch.setattr(f"airflow_provider_sf.{module}._now", now)
    for module in (
        "operators.bake",
        "operators.health_watch",
        "operators.waiting",
        "operators.deciding",
        "operators.generated_version",
    ):
        monkeypatch.setattr(f"airflow_provider_sf.{module}.utc_now", now)


@pytest.fixture
def context(ti: Any, store: Store, simulator: Simulator) -> dict[str, Any]:  # noqa: ARG001 - the cluster
    """The context of a task in an Airflow that keeps state for a retry."""
    return {"ti": ti, "task_state_store": store}


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The questions that were asked. Airflow's own part needs a database: see the live tests."""
    asked: list[dict[str, Any]] = []

    def ask(_: Any, **question: Any) -> None:
        asked.append(question)
        raise Asked

    monkeypatch.setattr("airflow_provider_sf.operators.gate_questions.ask", ask)
    monkeypatch.setattr("airflow_provider_sf.operators.gate_parameters.check_can_ask", lambda _: None)
    return asked


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is masked: a list in place of the filter of this process, which no test can undo."""
    found: list[str] = []
    monkeypatch.setattr("airflow_provider_sf.operators.masking.mask_secret", found.append)
    return found


@pytest.fixture
def starts(simulator: Simulator) -> Callable[[], list[str]]:
    """Return the target versions of the upgrades that the cluster has accepted."""

    def accepted() -> list[str]:
        calls = [command for command in simulator.journal if command.call == "start_application_upgrade"]
        return [command.body["TargetApplicationTypeVersion"] for command in calls]

    return accepted
