"""The trigger, from stored keywords to one event."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.cluster import per_loop
from airflow_provider_sf.triggers.poller import Poller, Subscription
from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.timeline import Stage
from tests.wait.test_state_machine import OLD, POLICIES

pytestmark = pytest.mark.usefixtures("short_pauses")

NOW = datetime.now(timezone.utc)


def trigger(name: str, **keywords: Any) -> ServiceFabricUpgradeTrigger:
    """Return a trigger as the triggerer creates it: from keywords that have been JSON."""
    values = {
        "name": name,
        "kind": "application_resource",
        "service_fabric_conn_id": "service_fabric_default",
        "first_poll_at": "2020-01-01T00:00:00Z",
        "wait_state": WaitState().to_dict(),
        "live_progress": True,
        **Policy(0.01, unreachable_timeout=60.0, deadline=NOW + timedelta(hours=1)).to_dict(),
        **keywords,
    }
    _, stored = ServiceFabricUpgradeTrigger(**values).serialize()
    created = ServiceFabricUpgradeTrigger(**json.loads(json.dumps(stored, allow_nan=False)))
    assert created.serialize()[1] == stored
    # where pytest can see it, whatever this Airflow logs with
    created._log = logging.getLogger("trigger")  # type: ignore[assignment]
    return created


async def _events(*triggers: ServiceFabricUpgradeTrigger) -> list[Any]:
    async def event_of(wait: ServiceFabricUpgradeTrigger) -> Any:
        (event,) = [event.payload async for event in wait.run()]
        return json.loads(json.dumps(event, allow_nan=False))

    return await asyncio.gather(*map(event_of, triggers))


def run(*triggers: ServiceFabricUpgradeTrigger) -> list[WaitState]:
    return [WaitState.from_dict(event) for event in asyncio.run(_events(*triggers))]


def test_row_names_every_keyword_that_differs() -> None:
    path, keywords = trigger("good-shop", **POLICIES[-1].to_dict()).serialize()
    assert path == "airflow_provider_sf.triggers.service_fabric.ServiceFabricUpgradeTrigger"
    assert sorted(keywords) == [
        "accept_current_version",
        "clock_skew",
        "deadline",
        "exponential_backoff",
        "first_poll_at",
        "kind",
        "live_progress",
        "max_wait",
        "name",
        "on_paused",
        "on_rollback",
        "poke_interval",
        "previous",
        "service_fabric_conn_id",
        "stall_timeout",
        "start_timeout",
        "started_after",
        "target_version",
        "unknown_state_timeout",
        "unreachable_timeout",
        "wait_for_existence",
        "wait_state",
    ]


def test_row_is_readable_json_without_defaults() -> None:
    state = WaitState(polls=1, record=OLD, timeline=(Stage.from_record(OLD, NOW, expected=True),))
    created = trigger("good-shop", wait_state=state.to_dict(), previous=OLD.to_dict())
    assert created.wait_state == state
    assert created.policy.selector.previous == OLD
    _, keywords = created.serialize()
    assert keywords["wait_state"] == state.to_dict()
    assert keywords["previous"] == OLD.to_dict()
    assert set(keywords) == {
        "deadline",
        "first_poll_at",
        "kind",
        "live_progress",
        "name",
        "poke_interval",
        "previous",
        "service_fabric_conn_id",
        "unreachable_timeout",
        "wait_state",
    }


def test_unknown_row_is_refused() -> None:
    _, keywords = trigger("good-shop").serialize()
    with pytest.raises(TypeError, match="schema"):
        ServiceFabricUpgradeTrigger(**{**keywords, "wait_state": {"schema": "other/1"}})


@pytest.mark.parametrize(
    ("scenario", "outcome", "states"),
    [
        (
            "good",
            "succeeded",
            ["ProvisioningTarget", "RollingForward", "UnprovisioningCurrent", "CompletedRollforward"],
        ),
        (
            "rolled_back",
            "rolled_back",
            [
                "ProvisioningTarget",
                "RollingForward",
                "RollingBack",
                "UnprovisioningTarget",
                "CompletedRollback",
            ],
        ),
    ],
)
@pytest.mark.usefixtures("simulator")
def test_upgrade_is_polled_until_it_ends(scenario: str, outcome: str, states: list[str], clock: Any) -> None:
    clock.step = 25.0
    (state,) = run(trigger(f"{scenario}-shop"))
    assert state.ended_by == "upgrade"
    assert state.record is not None
    assert state.record.outcome.value == outcome
    assert [stage.state for stage in state.timeline] == states
    assert state.polls >= 20


@pytest.mark.usefixtures("simulator")
def test_unstable_gateway_does_not_end_the_wait(clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    clock.step = 20.0
    with caplog.at_level(logging.INFO):
        (state,) = run(trigger("flapping-shop"))
    assert state.ended_by == "upgrade"
    lines = [record.getMessage() for record in caplog.records]
    assert sum("cluster unreachable" in line for line in lines) == 1
    assert sum("reachable again" in line for line in lines) == 1


@pytest.mark.usefixtures("simulator")
def test_log_has_changes_and_no_polls(clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    clock.step = 1.0
    with caplog.at_level(logging.INFO):
        (state,) = run(trigger("good-shop", poke_interval=0.0))
    lines = [record for record in caplog.records if "rolling forward" in record.getMessage()]
    assert state.polls > 500
    assert 10 <= len(lines) <= 20
    assert len([record for record in caplog.records if record.name == "trigger"]) <= 30


@pytest.mark.usefixtures("simulator")
def test_rejected_poll_ends_the_wait() -> None:
    (state,) = run(trigger("not_found-shop"))
    assert state.ended_by == "error"
    assert state.error is not None
    assert state.error.code == "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND"


def test_long_outage_ends_the_wait(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{closed_port}")
    (state,) = run(trigger("good-shop", unreachable_timeout=0.03))
    assert state.ended_by == "unreachable_timeout"
    assert state.error is not None
    assert "Connection refused" in str(state.error)


@pytest.mark.usefixtures("simulator")
def test_deadline_ends_the_wait_after_one_poll() -> None:
    (state,) = run(trigger("good-shop", deadline="2020-01-01T00:00:00Z"))
    assert (state.ended_by, state.polls) == ("timeout", 1)
    assert state.record is not None


def test_no_poll_before_first_poll_at(simulator: Any) -> None:
    async def wait_a_little() -> None:
        far = trigger("good-shop", first_poll_at=(NOW + timedelta(hours=1)).isoformat())
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(_events(far), 0.05)

    asyncio.run(wait_a_little())
    assert simulator.requests == []


@pytest.mark.usefixtures("simulator")
def test_wait_continues_from_the_worker_state(clock: Any) -> None:
    clock.step = 25.0
    (first,) = run(trigger("good-shop", deadline="2020-01-01T00:00:00Z"))
    before = WaitState(polls=first.polls, record=first.record, timeline=first.timeline)
    (state,) = run(trigger("good-shop", wait_state=before.to_dict()))
    assert state.timeline[0].first_seen_at == first.timeline[0].first_seen_at
    assert state.polls > first.polls


def test_many_waits_share_few_connections(recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'{"UpgradeState": "CompletedRollforward", "StartTimestampUtc": "2026-03-01T03:00:00Z"}'
    recorder.answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", recorder.url.replace("http", "service-fabric"))
    states = run(*(trigger(f"shop-{place}") for place in range(200)))
    assert len(recorder.requests) == len(states) == 200
    assert recorder.connections <= per_loop.MAX_CONCURRENT_REQUESTS
    assert not any(per_loop._resources.values())


@pytest.mark.usefixtures("simulator")
def test_cancelled_wait_closes_its_resources() -> None:
    async def cancel() -> None:
        task = asyncio.create_task(_events(trigger("good-shop", poke_interval=60.0)))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not per_loop.loop_resources()

    asyncio.run(cancel())


@pytest.mark.usefixtures("simulator")
def test_keywords_of_later_releases_have_defaults(clock: Any) -> None:
    """Keywords that did not exist then have their defaults."""
    clock.step = 25.0
    row: dict[str, Any] = {
        "name": "good-shop",
        "kind": "application_resource",
        "service_fabric_conn_id": "service_fabric_default",
        "poke_interval": 0.01,
        "exponential_backoff": False,
        "max_wait": None,
        "unreachable_timeout": 60.0,
        "deadline": (NOW + timedelta(hours=1)).isoformat(),
        "first_poll_at": "2020-01-01T00:00:00Z",
        "wait_state": WaitState().to_dict(),
    }
    assert run(ServiceFabricUpgradeTrigger(**row))[0].ended_by == "upgrade"


def test_unknown_keyword_is_refused() -> None:
    with pytest.raises(TypeError, match="patience"):
        trigger("good-shop", patience=3)


@pytest.mark.parametrize(
    ("polls", "first_poll_in", "spread"), [(1, 3600, [True]), (2, 3600, [False]), (2, -3600, [True])]
)
def test_wait_that_is_deferred_again_is_not_spread(
    polls: int, first_poll_in: int, spread: list[bool], closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It has a schedule, unless a triggerer restarts with many others.

    A method of the poller is replaced, because only time would show it, and the test need not wait for an hour.
    """
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{closed_port}")
    seen, first_subscription = [], Poller.first_subscription

    def without_pause(self: Poller, _pause: float, interval: float, *, is_spread: bool) -> Subscription:
        seen.append(is_spread)
        return first_subscription(self, 0.0, interval, is_spread=is_spread)

    monkeypatch.setattr(Poller, "first_subscription", without_pause)
    first_poll_at = (NOW + timedelta(seconds=first_poll_in)).isoformat()
    state = WaitState(polls=polls).to_dict()
    run(trigger("good-shop", unreachable_timeout=0.0, first_poll_at=first_poll_at, wait_state=state))
    assert seen == spread


def test_outage_continues_unless_a_triggerer_restarted(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restarted trigger does not know the polls of the previous one."""
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{closed_port}")
    unreachable = WaitState(
        polls=1, unreachable_since=NOW - timedelta(hours=1), unreachable_polls=1
    ).to_dict()
    soon = (datetime.now(timezone.utc) + timedelta(seconds=1)).isoformat()
    (first,) = run(trigger("good-shop", wait_state=unreachable, first_poll_at=soon))
    assert (first.ended_by, first.polls) == ("unreachable_timeout", 2)
    (restarted,) = run(trigger("good-shop", wait_state=unreachable, unreachable_timeout=0.03))
    assert restarted.ended_by == "unreachable_timeout"
    assert restarted.polls > 2


def test_cancellation_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Airflow 3.3 calls this if a task is cleared or marked, or if another triggerer has taken the wait."""
    with caplog.at_level("INFO"):
        asyncio.run(trigger("good-shop").on_kill())
    (line,) = caplog.messages
    assert line.startswith("Airflow has cancelled this trigger: a person has cleared or marked the task, or ")
