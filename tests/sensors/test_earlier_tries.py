"""A retry expects the same upgrade as the tries before, a cleared task does not. Airflow's store is a stand-in."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from airflow.exceptions import AirflowRescheduleException
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.rest.json_values import utc
from airflow_provider_sf.sensors.service_fabric import UpgradeFailed
from tests.sensors.running import fire, sensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.simulator import Simulator

    SetTime = Callable[[float], None]

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*poke_interval is 0.01 s"),
    pytest.mark.usefixtures("short_pauses", "simulator"),
]

NAME = "superseded-shop"
STARTS_LATE = "previous_superseded-shop"
"""An upgrade to v1 is on record; that to v2 starts 60 seconds after the first request."""
V1_RUNS, V2_COMPLETED = 100.0, 3600.0
"""Seconds after the start of v1: it is running; v2 has replaced it and succeeded."""

RETRY_WARNING = "Retry: it is not known which upgrade the tries before have found (Airflow keeps that from "


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


class Task:
    """A task instance, and what Airflow keeps of it. Before Airflow 3.3 there is no store."""

    def __init__(self, ti: Any) -> None:
        self.ti = ti
        self.store = TaskStateStore()
        self.has_store = True

    @property
    def context(self) -> Any:
        return {"ti": self.ti, **({"task_state_store": self.store} if self.has_store else {})}

    def retry(self) -> None:
        """Start the next try, as Airflow does after an error or for a task that lost its worker."""
        self.ti.try_number += 1
        self.ti.xcoms.clear()

    def restart(self) -> None:
        """Start the same try again, as Airflow does if the task resumes while its DAG file is missing."""
        self.ti.xcoms.clear()

    def clear(self) -> None:
        """Start the next try, as Airflow does when a person clears the task."""
        self.ti.max_tries = self.ti.try_number
        self.retry()

    def defer(self, name: str = NAME, **keywords: Any) -> TaskDeferred:
        with pytest.raises(TaskDeferred) as deferred:
            sensor(name, "deferrable", **keywords).execute(self.context)
        return deferred.value

    def complete(self, event: Any, name: str = NAME, **keywords: Any) -> Any:
        return sensor(name, "deferrable", **keywords).execute_complete(self.context, event)

    def finish(self, name: str = NAME, **keywords: Any) -> Any:
        """Run a deferrable task to its end."""
        try:
            return sensor(name, "deferrable", **keywords).execute(self.context)
        except TaskDeferred as deferred:
            return self.complete(fire(deferred), name, **keywords)


@pytest.fixture
def task(ti: Any) -> Task:
    return Task(ti)


@pytest.fixture
def wait_until(clock: Any) -> SetTime:
    """Set the time since v1 began."""
    ServiceFabricHook().get_upgrade_progress(NAME)
    began = clock.now

    def set_time(seconds: float) -> None:
        clock.now = began + seconds

    return set_time


# A task that loses its worker.


@pytest.mark.parametrize("selected_by", ["nothing", "previous", "started_after"])
def test_retry_notices_the_replaced_upgrade(selected_by: str, wait_until: SetTime, task: Task) -> None:
    """The worker of the first try is killed after its deferral, or when it resumes."""
    previous = ServiceFabricHook().get_upgrade_progress(NAME).to_dict()
    previous |= {
        "started_at": "2026-02-01T00:00:00Z",
        "state": "CompletedRollforward",
        "outcome": "succeeded",
    }
    values: dict[str, Any] = {
        "nothing": {},
        "previous": {"previous": previous},
        "started_after": {"started_after": "2026-02-02T00:00:00Z"},
    }
    wait_until(V1_RUNS)
    task.defer(**values[selected_by])
    task.retry()
    wait_until(V2_COMPLETED)
    with pytest.raises(
        UpgradeFailed,
        match=r"^Superseded by another upgrade: upgrade of application resource 'superseded-shop'",
    ):
        task.finish(**values[selected_by])


def test_event_is_stored_before_it_is_judged(wait_until: SetTime, task: Task) -> None:
    """As if only the triggerer had seen v1. The worker is killed while it ends the task."""
    deferred = task.defer()
    task.store.values.clear()
    wait_until(V1_RUNS)
    event = fire(deferred, deadline="2020-01-01T00:00:00Z")

    class KilledError(BaseException):
        pass

    def kill(**_: Any) -> None:
        raise KilledError

    task.ti.xcom_push = kill
    with pytest.raises(KilledError):
        task.complete(event)
    del task.ti.xcom_push
    task.retry()
    wait_until(V2_COMPLETED)
    with pytest.raises(UpgradeFailed, match="superseded"):
        task.finish()


def defer_early(task: Task) -> TaskDeferred:
    return task.defer(STARTS_LATE, previous=ServiceFabricHook().get_upgrade_progress(STARTS_LATE).to_dict())


def found_by_trigger(task: Task, clock: Any) -> tuple[TaskDeferred, Any]:
    """Defer before the upgrade starts; return the deferral, and the event of the trigger that finds it."""
    deferred = defer_early(task)
    clock.now += 60.0 + V1_RUNS
    return deferred, fire(deferred)


def defer_again(task: Task, event: Any, **keywords: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as again:
        task.complete(event, STARTS_LATE, **keywords)
    return again.value


def test_retry_knows_what_the_trigger_found(clock: Any, task: Task) -> None:
    """The trigger fires when it finds v2, which v3 replaces. The worker is killed when it resumes for the end."""
    _, event = found_by_trigger(task, clock)
    assert (event["ended_by"], event["expected"]["target_version"]) == (None, "v2")
    defer_again(task, event)
    task.retry()
    clock.now += V2_COMPLETED
    with pytest.raises(UpgradeFailed, match="Superseded"):
        task.finish(STARTS_LATE)


def test_second_deferral_ends_at_the_same_time(clock: Any, task: Task) -> None:
    first, event = found_by_trigger(task, clock)
    again = defer_again(task, event)
    before, after = (deferred.trigger.serialize()[1] for deferred in (first, again))
    assert before["stop_when_found"]
    assert "stop_when_found" not in after
    assert after["deadline"] == before["deadline"]
    assert after["wait_state"]["began_at"] == before["wait_state"]["began_at"]


def test_second_deferral_keeps_the_schedule(clock: Any, task: Task) -> None:
    _, event = found_by_trigger(task, clock)
    polled_at = datetime.now(timezone.utc) - timedelta(minutes=20)
    event["record"]["observed_at"] = polled_at.isoformat()
    again = defer_again(task, event, poke_interval=3600.0)
    first_poll_at = utc(again.trigger.serialize()[1]["first_poll_at"])
    assert first_poll_at is not None
    assert abs(first_poll_at - polled_at - timedelta(hours=1)) < timedelta(minutes=10)


def test_task_logs_again_what_the_trigger_found(
    clock: Any, task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    """Airflow overwrites the lines of the trigger with those of the next one."""
    _, event = found_by_trigger(task, clock)
    with caplog.at_level(logging.INFO):
        defer_again(task, event)
    assert any(": the expected upgrade to v2, started at " in line for line in caplog.messages)


def test_wait_with_a_second_deferral_ends(clock: Any, task: Task) -> None:
    _, event = found_by_trigger(task, clock)
    again = defer_again(task, event)
    clock.now += V2_COMPLETED
    with pytest.raises(UpgradeFailed, match="Superseded"):
        task.complete(fire(again), STARTS_LATE)


def test_restarted_try_notices_the_replaced_upgrade(
    clock: Any, task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    """Airflow has lost the event with the end, and starts the try again. The task has no retries."""
    _, event = found_by_trigger(task, clock)
    defer_again(task, event)
    task.restart()
    clock.now += V2_COMPLETED
    with caplog.at_level(logging.INFO), pytest.raises(UpgradeFailed, match="Superseded"):
        task.finish(STARTS_LATE)
    assert any(
        line.startswith("Airflow has started this try again: it still expects the upgrade to v2, started at ")
        for line in caplog.messages
    )


def test_restart_before_the_upgrade_needs_no_line(task: Task, caplog: pytest.LogCaptureFixture) -> None:
    defer_early(task)
    task.restart()
    with caplog.at_level(logging.INFO):
        defer_early(task)
    assert "Airflow has started" not in caplog.text


def test_trigger_does_not_stop_without_a_store(task: Task) -> None:
    task.has_store = False
    assert "stop_when_found" not in defer_early(task).trigger.serialize()[1]


def test_trigger_does_not_stop_for_a_known_upgrade(wait_until: SetTime, task: Task) -> None:
    wait_until(V1_RUNS)
    assert "stop_when_found" not in task.defer().trigger.serialize()[1]


def test_poke_mode_stores_what_it_finds(
    wait_until: SetTime, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause is replaced, because the process of the tests cannot die there and need not wait."""

    class KilledError(BaseException):
        pass

    def kill(seconds: float) -> None:  # noqa: ARG001 - replaces time.sleep
        raise KilledError

    monkeypatch.setattr("time.sleep", kill)
    wait_until(V1_RUNS)
    with pytest.raises(KilledError):
        sensor(NAME).execute(task.context)
    task.retry()
    wait_until(V2_COMPLETED)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(UpgradeFailed, match="superseded"):
        sensor(NAME).execute(task.context)


def test_reschedule_mode_notices_the_replaced_upgrade(wait_until: SetTime, task: Task) -> None:
    wait_until(V1_RUNS)
    with pytest.raises(AirflowRescheduleException):
        sensor(NAME, "reschedule").execute(task.context)
    task.ti.first_leg_started_at = datetime.now(timezone.utc)
    wait_until(V2_COMPLETED)
    with pytest.raises(UpgradeFailed, match="superseded"):
        sensor(NAME, "reschedule").execute(task.context)


def test_success_after_a_retry_is_a_success(clock: Any, task: Task) -> None:
    ServiceFabricHook().get_upgrade_progress("good-shop")
    clock.now += 100
    task.defer("good-shop")
    task.retry()
    clock.now += 3600
    assert task.finish("good-shop")["outcome"] == "succeeded"


def test_retry_after_an_outage_expects_the_same_upgrade(
    wait_until: SetTime, task: Task, closed_port: int, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(V1_RUNS)
    deferred = task.defer()
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{closed_port}")
    event = fire(deferred, unreachable_timeout=0.01)
    with pytest.raises(Unreachable):
        task.complete(event)
    task.retry()
    wait_until(V2_COMPLETED)
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{simulator.port}")
    with pytest.raises(UpgradeFailed, match="superseded"):
        task.finish()


# A task that a person clears.


def test_cleared_task_expects_any_upgrade(
    wait_until: SetTime, task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    """The person may have started v2 to replace v1."""
    wait_until(V1_RUNS)
    task.defer()
    task.clear()
    wait_until(V2_COMPLETED)
    with caplog.at_level(logging.INFO):
        assert task.finish()["target_version"] == "v2"
    assert "The task was cleared or changed: what earlier tries have found is not used" in caplog.messages


def test_retry_after_a_clear_expects_the_newer_upgrade(clock: Any, task: Task) -> None:
    """Only what tries since the clear have found counts."""
    ServiceFabricHook().get_upgrade_progress("good-shop")
    clock.now += 100
    task.defer("good-shop")
    task.clear()
    task.defer("good-shop")
    assert task.store.values["expected_upgrade"]["target"]["max_tries"] == 1
    task.retry()
    clock.now += 3600
    assert task.finish("good-shop")["outcome"] == "succeeded"


# The store.


def test_retry_names_the_expected_upgrade(
    wait_until: SetTime, task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    wait_until(V1_RUNS)
    task.defer()
    task.retry()
    with caplog.at_level(logging.INFO):
        task.defer()
    lines = [line for line in caplog.messages if line.startswith("Retry")]
    assert len(lines) == 1
    assert lines[0].startswith(
        "Retry: an earlier try found the expected upgrade to v1, started at 2026-03-01 03:00:"
    )


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
def test_old_airflow_says_what_a_retry_cannot_know(
    mode: str, wait_until: SetTime, task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    task.has_store = False
    task.retry()
    wait_until(V2_COMPLETED)
    assert sensor(NAME, mode).execute(task.context)["target_version"] == "v2"
    assert [line for line in caplog.messages if line.startswith(RETRY_WARNING)] != []


def test_first_process_logs_no_retry_line(
    wait_until: SetTime, task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    wait_until(V2_COMPLETED)
    assert task.finish()["target_version"] == "v2"
    assert not any("Retry" in line or "try again" in line for line in caplog.messages)


def test_reschedule_mode_logs_no_retry_line(
    wait_until: SetTime, task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    """Each of its processes would repeat the line."""
    task.has_store = False
    task.retry()
    wait_until(V2_COMPLETED)
    assert sensor(NAME, "reschedule").execute(task.context)["target_version"] == "v2"
    assert [line for line in caplog.messages if "Retry" in line] == []


def test_unchanged_identity_is_stored_once(wait_until: SetTime, clock: Any, task: Task) -> None:
    wait_until(V1_RUNS)
    clock.step = 10.0
    with pytest.raises(UpgradeFailed):
        sensor(NAME).execute(task.context)
    assert task.store.writes == 1


def test_failing_store_does_not_fail_the_wait(
    wait_until: SetTime, task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    task.store.error = RuntimeError("API_SERVER_ERROR")
    wait_until(V2_COMPLETED)
    assert task.finish()["target_version"] == "v2"
    assert [line for line in caplog.messages if "API_SERVER_ERROR" in line] == [
        "State of earlier processes could not be read; the wait goes on: RuntimeError('API_SERVER_ERROR')"
    ]


def test_unwritable_store_does_not_fail_the_wait(
    wait_until: SetTime, task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    wait_until(V1_RUNS)
    deferred = task.defer()
    task.store.error = RuntimeError("API_SERVER_ERROR")
    wait_until(V2_COMPLETED)
    with pytest.raises(UpgradeFailed, match="Superseded"):
        task.complete(fire(deferred))
    assert [line for line in caplog.messages if "API_SERVER_ERROR" in line] == [
        "State for later processes could not be stored; the wait goes on: RuntimeError('API_SERVER_ERROR')"
    ]


def test_damaged_state_is_not_used(wait_until: SetTime, task: Task, caplog: pytest.LogCaptureFixture) -> None:
    task.store.values["expected_upgrade"] = {"schema": "other/1"}
    task.retry()
    wait_until(V2_COMPLETED)
    assert task.finish()["target_version"] == "v2"
    assert sum("could not be read; the wait goes on" in line for line in caplog.messages) == 1
