"""A retry expects the same upgrade as the tries before, a cleared task does not. Airflow's store is a stand-in."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from airflow.exceptions import AirflowRescheduleException
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.sensors.service_fabric import UpgradeFailed
from tests.sensors.running import fire, sensor

if TYPE_CHECKING:
    from airflow_provider_sf.simulator import Simulator

pytestmark = [
    pytest.mark.filterwarnings("ignore:poke_interval is 0.01 s"),
    pytest.mark.usefixtures("short_pauses", "simulator"),
]

NAME = "superseded-shop"
V1_RUNS, V2_COMPLETED = 100.0, 3600.0
"""Seconds after the start of v1: it is running; v2 has replaced it and succeeded."""

RETRY_WARNING = "Retry: Airflow has no state of the tries before"


class TaskStateStore:
    """Keeps JSON like Airflow's store, which survives tries and clears."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.writes = 0
        self.error: Exception | None = None

    def get(self, key: str, default: Any = None) -> Any:
        if self.error:
            raise self.error
        return self.values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        if self.error:
            raise self.error
        assert value is not None
        self.writes += 1
        self.values[key] = json.loads(json.dumps(value, allow_nan=False))


@pytest.fixture
def store() -> TaskStateStore:
    return TaskStateStore()


@pytest.fixture
def began(clock: Any) -> float:
    """When v1 began, by the simulator's clock."""
    ServiceFabricHook().get_upgrade_progress(NAME)
    return float(clock.now)


def context(ti: Any, store: TaskStateStore | None) -> Any:
    return {"ti": ti} if store is None else {"ti": ti, "task_state_store": store}


def retry(ti: Any) -> None:
    """Start the next try, as Airflow does after an error or for a task that lost its worker."""
    ti.try_number += 1
    ti.xcoms.clear()


def clear(ti: Any) -> None:
    """Start the next try, as Airflow does when a person clears the task."""
    ti.max_tries = ti.try_number
    retry(ti)


def defer(ti: Any, store: TaskStateStore | None, **keywords: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as deferred:
        sensor(NAME, "deferrable", **keywords).execute(context(ti, store))
    return deferred.value


def finish(ti: Any, store: TaskStateStore | None, **keywords: Any) -> Any:
    """Run a deferrable task to its end."""
    try:
        return sensor(NAME, "deferrable", **keywords).execute(context(ti, store))
    except TaskDeferred as deferred:
        return sensor(NAME, "deferrable", **keywords).execute_complete(context(ti, store), fire(deferred))


# A task that loses its worker.


@pytest.mark.parametrize("selected_by", ["nothing", "previous", "started_after"])
def test_retry_notices_the_replaced_upgrade(
    selected_by: str, clock: Any, began: float, ti: Any, store: TaskStateStore
) -> None:
    """The worker of the first try is killed after its deferral, or when it resumes."""
    previous = ServiceFabricHook().get_upgrade_progress(NAME).to_dict()
    previous |= {"started_at": "2026-02-01T00:00:00Z", "state": "CompletedRollforward", "outcome": "succeeded"}
    values = {"nothing": {}, "previous": {"previous": previous}, "started_after": {"started_after": "2026-02-02T00:00:00Z"}}
    clock.now = began + V1_RUNS
    defer(ti, store, **values[selected_by])
    retry(ti)
    clock.now = began + V2_COMPLETED
    with pytest.raises(UpgradeFailed, match="Upgrade of application resource 'superseded-shop'.* was superseded"):
        finish(ti, store, **values[selected_by])


def test_event_is_stored_before_it_is_judged(clock: Any, began: float, ti: Any, store: TaskStateStore) -> None:
    """The worker's first poll came before v1. The worker is killed while it ends the task."""
    deferred = defer(ti, store)
    store.values.clear()
    clock.now = began + V1_RUNS
    event = fire(deferred, deadline="2020-01-01T00:00:00Z")

    class KilledError(BaseException):
        pass

    def kill(**_: Any) -> None:
        raise KilledError

    ti.xcom_push = kill
    with pytest.raises(KilledError):
        sensor(NAME, "deferrable").execute_complete(context(ti, store), event)
    del ti.xcom_push
    retry(ti)
    clock.now = began + V2_COMPLETED
    with pytest.raises(UpgradeFailed, match="superseded"):
        finish(ti, store)


def test_poke_mode_stores_what_it_finds(
    clock: Any, began: float, ti: Any, store: TaskStateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def kill(seconds: float) -> None:
        raise KilledError

    monkeypatch.setattr("time.sleep", kill)
    clock.now = began + V1_RUNS
    with pytest.raises(KilledError):
        sensor(NAME).execute(context(ti, store))
    retry(ti)
    clock.now = began + V2_COMPLETED
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(UpgradeFailed, match="superseded"):
        sensor(NAME).execute(context(ti, store))


def test_reschedule_mode_notices_the_replaced_upgrade(
    clock: Any, began: float, ti: Any, store: TaskStateStore
) -> None:
    clock.now = began + V1_RUNS
    with pytest.raises(AirflowRescheduleException):
        sensor(NAME, "reschedule").execute(context(ti, store))
    ti.first_leg_started_at = datetime.now(timezone.utc)
    clock.now = began + V2_COMPLETED
    with pytest.raises(UpgradeFailed, match="superseded"):
        sensor(NAME, "reschedule").execute(context(ti, store))


def test_success_after_a_retry_is_a_success(clock: Any, ti: Any, store: TaskStateStore) -> None:
    ServiceFabricHook().get_upgrade_progress("good-shop")
    clock.now += 100
    with pytest.raises(TaskDeferred):
        sensor("good-shop", "deferrable").execute(context(ti, store))
    retry(ti)
    clock.now += 3600
    assert sensor("good-shop", "deferrable").execute(context(ti, store))["outcome"] == "succeeded"


def test_retry_after_an_outage_expects_the_same_upgrade(
    clock: Any,
    began: float,
    ti: Any,
    store: TaskStateStore,
    closed_port: int,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock.now = began + V1_RUNS
    deferred = defer(ti, store)
    monkeypatch.setenv(
        "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{closed_port}"
    )
    event = fire(deferred, unreachable_timeout=0.01)
    with pytest.raises(Unreachable):
        sensor(NAME, "deferrable").execute_complete(context(ti, store), event)
    retry(ti)
    clock.now = began + V2_COMPLETED
    monkeypatch.setenv(
        "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{simulator.port}"
    )
    with pytest.raises(UpgradeFailed, match="superseded"):
        finish(ti, store)


# A task that a person clears.


def test_cleared_task_expects_any_upgrade(
    clock: Any, began: float, ti: Any, store: TaskStateStore, caplog: pytest.LogCaptureFixture
) -> None:
    """The person may have started v2 to replace v1."""
    clock.now = began + V1_RUNS
    defer(ti, store)
    clear(ti)
    clock.now = began + V2_COMPLETED
    with caplog.at_level(logging.INFO):
        assert finish(ti, store)["target_version"] == "v2"
    assert "The task was cleared or changed: what earlier tries have found is not used" in caplog.messages


def test_retry_after_a_clear_expects_the_newer_upgrade(
    clock: Any, ti: Any, store: TaskStateStore
) -> None:
    """Only what tries since the clear have found counts."""
    ServiceFabricHook().get_upgrade_progress("good-shop")
    clock.now += 100
    with pytest.raises(TaskDeferred):
        sensor("good-shop", "deferrable").execute(context(ti, store))
    clear(ti)
    with pytest.raises(TaskDeferred):
        sensor("good-shop", "deferrable").execute(context(ti, store))
    assert store.values["expected_upgrade"]["target"]["max_tries"] == 1
    retry(ti)
    clock.now += 3600
    assert sensor("good-shop", "deferrable").execute(context(ti, store))["outcome"] == "succeeded"


# The store.


def test_retry_names_the_expected_upgrade(
    clock: Any, began: float, ti: Any, store: TaskStateStore, caplog: pytest.LogCaptureFixture
) -> None:
    clock.now = began + V1_RUNS
    defer(ti, store)
    retry(ti)
    with caplog.at_level(logging.INFO):
        defer(ti, store)
    lines = [line for line in caplog.messages if line.startswith("Retry")]
    assert len(lines) == 1
    assert lines[0].startswith(
        "Retry: the expected upgrade is the one that an earlier try found to v1, started at 2026-03-01 03:00:"
    )


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
def test_old_airflow_says_what_a_retry_cannot_know(
    mode: str, clock: Any, began: float, ti: Any, caplog: pytest.LogCaptureFixture
) -> None:
    retry(ti)
    clock.now = began + V2_COMPLETED
    assert sensor(NAME, mode).execute(context(ti, None))["target_version"] == "v2"
    assert [line for line in caplog.messages if line.startswith(RETRY_WARNING)] != []


def test_first_try_reads_nothing(
    clock: Any, began: float, ti: Any, store: TaskStateStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.values["expected_upgrade"] = "damaged"
    clock.now = began + V2_COMPLETED
    assert finish(ti, store)["target_version"] == "v2"
    assert caplog.messages == []


def test_reschedule_mode_logs_no_retry_line(
    clock: Any, began: float, ti: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Each of its processes would repeat the line."""
    retry(ti)
    clock.now = began + V2_COMPLETED
    assert sensor(NAME, "reschedule").execute(context(ti, None))["target_version"] == "v2"
    assert [line for line in caplog.messages if "Retry" in line] == []


def test_unchanged_identity_is_stored_once(clock: Any, began: float, ti: Any, store: TaskStateStore) -> None:
    clock.now = began + V1_RUNS
    clock.step = 1.0
    with pytest.raises(UpgradeFailed):
        sensor(NAME).execute(context(ti, store))
    assert store.writes == 1


@pytest.mark.parametrize("try_number", [1, 2])
def test_failing_store_does_not_fail_the_wait(
    try_number: int, clock: Any, began: float, ti: Any, store: TaskStateStore, caplog: pytest.LogCaptureFixture
) -> None:
    ti.try_number = try_number
    store.error = RuntimeError("API_SERVER_ERROR")
    clock.now = began + V2_COMPLETED
    assert finish(ti, store)["target_version"] == "v2"
    problems = [line for line in caplog.messages if "API_SERVER_ERROR" in line]
    assert problems == [
        "State for a retry could not be stored; the wait goes on: RuntimeError('API_SERVER_ERROR')"
        if try_number == 1
        else "State of the tries before could not be read; the wait goes on: RuntimeError('API_SERVER_ERROR')"
    ]


def test_damaged_state_is_not_used(
    clock: Any, began: float, ti: Any, store: TaskStateStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.values["expected_upgrade"] = {"schema": "other/1"}
    retry(ti)
    clock.now = began + V2_COMPLETED
    assert finish(ti, store)["target_version"] == "v2"
    assert sum("could not be read; the wait goes on" in line for line in caplog.messages) == 1
