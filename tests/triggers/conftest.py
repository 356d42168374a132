from __future__ import annotations

import pytest

from airflow_provider_sf.triggers import push_turns, xcom_progress
from tests.triggers.stand_in import Supervisor


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """
    Replace Airflow's supervisor, which only a real triggerer has.

    Turns and retries are shortened: a test would take seconds.
    """
    from airflow.sdk.execution_time import task_runner  # noqa: PLC0415 - only Airflow 3 has it

    monkeypatch.setattr(push_turns, "TURN_SECONDS", 0.001)
    monkeypatch.setattr(xcom_progress, "RETRY_PAUSES", (0.001, 0.001))
    stand_in = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", stand_in, raising=False)
    return stand_in
