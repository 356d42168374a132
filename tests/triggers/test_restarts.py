"""A trigger that continues the wait of another triggerer, and one that comes late."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.airflow_versions import XCOM_IN_TRIGGERS
from airflow_provider_sf.cluster.per_loop import loop_resources
from airflow_provider_sf.hooks import cluster_cache
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.triggers.poller import Poller
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import Verdict, WaitState
from airflow_provider_sf.wait.state_machine import step
from tests.triggers.stand_in import TI, until
from tests.triggers.test_service_fabric import run, trigger

if TYPE_CHECKING:
    from airflow_provider_sf.simulator import Simulator
    from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger
    from tests.triggers.stand_in import Supervisor

pytestmark = pytest.mark.usefixtures("short_pauses")

needs_airflow_3_3 = pytest.mark.skipif(
    not XCOM_IN_TRIGGERS.is_available, reason="before Airflow 3.3 a trigger cannot push XComs"
)

CONNECTION = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"
BEGAN = datetime.now(timezone.utc) - timedelta(hours=1)
FIRST = WaitState(polls=1, began_at=BEGAN, error=Unreachable("timed out", endpoint="http://c:19080"))
"""What the worker knew when it deferred: nothing, since the cluster did not answer."""


def with_task(name: str, state: WaitState, **keywords: Any) -> ServiceFabricUpgradeTrigger:
    created = trigger(name, wait_state=state.to_dict(), **keywords)
    created.task_instance = TI  # type: ignore[assignment]
    return created


async def event_of(waiting: ServiceFabricUpgradeTrigger) -> Any:
    return (await anext(waiting.run())).payload


def seen_at(name: str, clock: Any, *seconds: float) -> WaitState:
    """Return the state of a triggerer that polled so long after the upgrade had begun."""
    state, began = FIRST, clock.now
    for moment in seconds:
        clock.now = began + moment
        record = ServiceFabricHook().get_upgrade_progress(name)
        state, _ = step(Policy(15.0), state, record, BEGAN + timedelta(seconds=moment))
    return state


# The verdict after a restart.


@needs_airflow_3_3
@pytest.mark.parametrize("failing_reads", [0, 1, 2])
@pytest.mark.usefixtures("simulator")
def test_verdict_needs_the_earlier_state(failing_reads: int, clock: Any, supervisor: Supervisor) -> None:
    """The first triggerer saw v1. When the second one comes, v2 has replaced it and succeeded."""
    supervisor.store(seen_at("superseded-shop", clock, 0, 100), name="superseded-shop")
    supervisor.failing_reads = failing_reads
    clock.now += 3600
    (state,) = run(with_task("superseded-shop", FIRST))
    assert state.ended_by == "upgrade"
    assert state.verdict is Verdict.SUPERSEDED
    assert state.expected is not None
    assert state.expected.target_version == "v1"


@needs_airflow_3_3
def test_end_waits_for_the_earlier_state(simulator: Simulator, clock: Any, supervisor: Supervisor) -> None:
    """Airflow answers only after the poll that finds v2."""
    supervisor.store(seen_at("superseded-shop", clock, 0, 100), name="superseded-shop")
    supervisor.failing_reads = 1
    supervisor.may_read.clear()
    clock.now += 3600
    polls = len(simulator.requests)

    async def answer_late() -> None:
        await until(lambda: supervisor.reads)
        (poller,) = (found for found in loop_resources().values() if isinstance(found, Poller))
        await until(lambda: len(simulator.requests) > polls and not poller._open_subscriptions())
        supervisor.may_read.set()

    async def wait() -> WaitState:
        event, _ = await asyncio.gather(event_of(with_task("superseded-shop", FIRST)), answer_late())
        return WaitState.from_dict(event)

    assert asyncio.run(wait()).verdict is Verdict.SUPERSEDED


@needs_airflow_3_3
@pytest.mark.usefixtures("simulator")
def test_unreadable_state_does_not_block_the_end(
    clock: Any, supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.failing_reads = 1000
    ServiceFabricHook().get_upgrade_progress("good-shop")
    clock.now += 3600
    (state,) = run(with_task("good-shop", FIRST))
    assert state.verdict is Verdict.SUCCEEDED
    assert sum(line.startswith("State of the wait not readable") for line in caplog.messages) == 1


@needs_airflow_3_3
@pytest.mark.usefixtures("simulator")
def test_unchanged_polls_are_not_added_to_another_state(clock: Any, supervisor: Supervisor) -> None:
    """A state that was read late is older than the polls of this process."""
    supervisor.store(seen_at("superseded-shop", clock, 0, 100), name="superseded-shop")
    supervisor.failing_reads = 2
    clock.now += 3600
    (state,) = run(with_task("superseded-shop", FIRST))
    assert [stage.last_seen_at for stage in state.timeline[:-1]] == [
        BEGAN,
        BEGAN + timedelta(seconds=100),
    ]


# A trigger that comes late.


@needs_airflow_3_3
def test_late_trigger_neither_polls_nor_logs(
    simulator: Simulator, clock: Any, supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    end = seen_at("rolled_back-shop", clock, 0, 700).ended("upgrade", BEGAN + timedelta(seconds=700))
    supervisor.store(end, "It was rolled back.", name="rolled_back-shop")
    stored, polls = json.dumps(supervisor.xcoms), len(simulator.requests)

    async def wake_up() -> None:
        late = with_task("rolled_back-shop", seen_at("rolled_back-shop", clock, 0))
        running = asyncio.create_task(event_of(late))
        await until(lambda: len(simulator.requests) == polls + 2)
        await asyncio.sleep(0.05)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    with caplog.at_level(logging.INFO):
        asyncio.run(wake_up())
    assert len(simulator.requests) == polls + 2
    assert [line for line in caplog.messages if "rolling" in line or "completed" in line] == []
    assert json.dumps(supervisor.xcoms) == stored


# A connection that cannot be used.


def answered(clock: Any) -> WaitState:
    return seen_at("good-shop", clock, 0)


def break_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    As if the new certificate was there and its key was still the old one.

    The pause is shortened: a second load would follow after a second.
    """
    monkeypatch.setenv(CONNECTION, "service-fabric://c/ftp")
    monkeypatch.setattr(cluster_cache, "FIRST_RETRY_SECONDS", 0.0)


@pytest.mark.usefixtures("simulator")
def test_new_triggerer_retries_an_invalid_connection(
    clock: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, simulator: Simulator
) -> None:
    state = answered(clock)
    clock.now += 3600
    break_connection(monkeypatch)

    async def repair() -> None:
        await until(lambda: any("connection cannot be used" in line for line in caplog.messages))
        monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{simulator.port}")

    async def wait() -> WaitState:
        event, _ = await asyncio.gather(event_of(trigger("good-shop", wait_state=state.to_dict())), repair())
        return WaitState.from_dict(event)

    with caplog.at_level(logging.INFO):
        state = asyncio.run(wait())
    assert state.verdict is Verdict.SUCCEEDED
    assert state.outages.count == 1
    assert str(state.outages.last_error).startswith(
        "connection 'service_fabric_default': invalid schema 'ftp'"
    )
    assert any("connection can be used again after" in line for line in caplog.messages)
    assert not any("cluster" in line and "reachable" in line for line in caplog.messages)


@pytest.mark.usefixtures("simulator")
def test_invalid_connection_ends_the_wait_later(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    state = answered(clock)
    break_connection(monkeypatch)
    (state,) = run(trigger("good-shop", wait_state=state.to_dict(), unreachable_timeout=0.03))
    assert state.ended_by == "unreachable_timeout"
    assert isinstance(state.error, Rejected)
    assert "invalid schema 'ftp'" in str(state.error)


def test_invalid_connection_without_answer_is_final(monkeypatch: pytest.MonkeyPatch) -> None:
    break_connection(monkeypatch)
    (state,) = run(trigger("good-shop", wait_state=FIRST.to_dict()))
    assert (state.ended_by, state.polls) == ("error", 2)
    assert isinstance(state.error, Rejected)
