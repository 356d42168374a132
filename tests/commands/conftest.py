"""Run ``sf-wait`` in this process, with a clock that pauses move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.commands.sf_wait import main

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Done:
    """What a command has returned and written."""

    code: int
    out: str
    err: str


@pytest.fixture
def sf_wait(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run a command line; a wrong one ends as a process does."""

    def run(*words: str) -> Done:
        capsys.readouterr()  # Airflow before 3.2 logs to the standard output
        try:
            code = main(words)
        except SystemExit as end:
            code = int(end.code or 0)
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture(autouse=True)
def no_other_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Hide the variables and the files of the machine."""
    monkeypatch.setenv("SFCTL_CONFIG_DIR", str(tmp_path / "no_sfctl"))
    for name in ("GITHUB_ACTIONS", "TF_BUILD", "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def moving_clock(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Let pauses move the clock of the simulator, which is also that of the wait.

    Code is replaced, because the commands read the clock of the machine, and a real wait takes minutes.
    """

    def sleep(seconds: float) -> None:
        clock.now += seconds

    def now(_zone: object = None) -> datetime:
        return datetime.fromtimestamp(clock.now, timezone.utc)

    for module in ("hooks.reading", "sensors.service_fabric"):
        monkeypatch.setattr(f"airflow_provider_sf.{module}.datetime", SimpleNamespace(now=now))
    for module in ("commands.signals", "sensors.wait_task"):
        monkeypatch.setattr(f"airflow_provider_sf.{module}.time", SimpleNamespace(sleep=sleep))
    for module in ("commands.wait", "polling.results", "polling.upgrade_wait", "sensors.wait_task"):
        monkeypatch.setattr(f"airflow_provider_sf.{module}._now", now)
    monkeypatch.setattr("airflow_provider_sf.polling.upgrade_wait.random", lambda: 1.0)
