"""The one asynchronous loop, from serialised keywords to one event."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.cluster import per_loop as sharing
from airflow_provider_sf.rest.storage_limits import json_size
from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.timeline import Stage
from tests.wait.test_state_machine import OLD, POLICIES

pytestmark = pytest.mark.usefixtures("asked_again_at_once")

NOW = datetime.now(timezone.utc)


def trigger(name: str, **keywords: Any) -> ServiceFabricUpgradeTrigger:
    """Return a trigger as the triggerer makes it: from keywords that have been JSON."""
    given = {
        "name": name,
        "kind": "application_resource",
        "service_fabric_conn_id": "service_fabric_default",
        "first_poll_at": "2020-01-01T00:00:00Z",
        "memory": WaitState().to_dict(),
        "live_progress": True,
        **Policy(0.01, unreachable_timeout=60.0, deadline=NOW + timedelta(hours=1)).to_dict(),
        **keywords,
    }
    _, kept = ServiceFabricUpgradeTrigger(**given).serialize()
    made = ServiceFabricUpgradeTrigger(**json.loads(json.dumps(kept)))
    assert made.serialize()[1] == kept
    made._log = logging.getLogger("trigger")  # type: ignore[assignment]  # where pytest can see it, whatever this Airflow logs with
    return made


async def _events(*triggers: ServiceFabricUpgradeTrigger) -> list[Any]:
    async def drain(one: ServiceFabricUpgradeTrigger) -> Any:
        events = [event.payload async for event in one.run()]
        assert len(events) == 1
        return json.loads(json.dumps(events[0], allow_nan=False))

    return await asyncio.gather(*(drain(one) for one in triggers))


def run(*triggers: ServiceFabricUpgradeTrigger) -> list[WaitState]:
    return [WaitState.from_dict(event) for event in asyncio.run(_events(*triggers))]


def test_the_class_path_is_a_promise() -> None:
    """All that a row can name; what is as by default it does not name."""
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
        "memory",
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
    ]
    assert {type(value) for value in keywords.values()} <= {str, bool, float}, "JSON that is quickly read"


def test_a_row_is_short_and_says_what_it_was_made_from() -> None:
    """With SQLite a triggerer's supervisor reads through all rows each second."""
    memory = WaitState(polls=1, record=OLD, timeline=(Stage.of(OLD, NOW, expected=True),))
    made = trigger("good-shop", memory=memory.to_dict(), previous=OLD.to_dict())
    assert made.memory == memory
    assert made.policy.selector.previous == OLD
    _, keywords = made.serialize()
    assert len(keywords["memory"]) < json_size(memory.to_dict()) / 2
    assert set(keywords) == {
        "deadline",
        "first_poll_at",
        "kind",
        "live_progress",
        "memory",
        "name",
        "poke_interval",
        "previous",
        "service_fabric_conn_id",
        "unreachable_timeout",
    }


def test_a_row_that_was_cut_is_refused() -> None:
    _, keywords = trigger("good-shop").serialize()
    with pytest.raises(ValueError, match="expected packed JSON, got"):
        ServiceFabricUpgradeTrigger(**{**keywords, "memory": keywords["memory"][:-9]})


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
def test_an_upgrade_is_watched_to_its_end(scenario: str, outcome: str, states: list[str], clock: Any) -> None:
    clock.step = 25.0
    (story,) = run(trigger(f"{scenario}-shop"))
    assert story.ended_by == "upgrade"
    assert story.record is not None
    assert story.record.outcome.value == outcome
    assert [stage.state for stage in story.timeline] == states
    assert story.polls >= 20


@pytest.mark.usefixtures("simulator")
def test_a_flapping_gateway_is_forgiven(clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    clock.step = 20.0
    with caplog.at_level(logging.INFO):
        (story,) = run(trigger("flapping-shop"))
    assert story.ended_by == "upgrade"
    said = [record.getMessage() for record in caplog.records]
    assert sum("no usable answer" in line for line in said) == 1
    assert sum("answers again" in line for line in said) == 1


@pytest.mark.usefixtures("simulator")
def test_it_logs_a_line_for_each_change_and_none_for_a_poll(
    clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    clock.step = 1.0
    with caplog.at_level(logging.INFO):
        (story,) = run(trigger("good-shop", poke_interval=0.0))
    lines = [record for record in caplog.records if "rolling forward" in record.getMessage()]
    assert story.polls > 500
    assert 10 <= len(lines) <= 20
    assert len([record for record in caplog.records if record.name == "trigger"]) <= 30


@pytest.mark.usefixtures("simulator")
def test_a_refusal_ends_the_wait_with_its_error() -> None:
    (story,) = run(trigger("not_found-shop"))
    assert story.ended_by == "error"
    assert story.error is not None
    assert story.error.code == "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND"


def test_a_silence_past_its_budget_ends_the_wait(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{closed_port}")
    (story,) = run(trigger("good-shop", unreachable_timeout=0.03))
    assert story.ended_by == "unreachable_timeout"
    assert story.error is not None
    assert "Connection refused" in str(story.error)


@pytest.mark.usefixtures("simulator")
def test_the_deadline_ends_the_wait_after_a_last_look() -> None:
    (story,) = run(trigger("good-shop", deadline="2020-01-01T00:00:00Z"))
    assert (story.ended_by, story.polls) == ("timeout", 1)
    assert story.record is not None


def test_nothing_is_asked_before_the_first_poll_is_due(simulator: Any) -> None:
    async def wait_a_little() -> None:
        far = trigger("good-shop", first_poll_at=(NOW + timedelta(hours=1)).isoformat())
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(_events(far), 0.05)

    asyncio.run(wait_a_little())
    assert simulator.requests == []


@pytest.mark.usefixtures("simulator")
def test_it_goes_on_from_the_workers_first_look(clock: Any) -> None:
    clock.step = 25.0
    (first,) = run(trigger("good-shop", deadline="2020-01-01T00:00:00Z"))
    memory = WaitState(polls=first.polls, record=first.record, timeline=first.timeline)
    (story,) = run(trigger("good-shop", memory=memory.to_dict()))
    assert story.timeline[0].first_seen_at == first.timeline[0].first_seen_at
    assert story.polls > first.polls


def test_many_waits_on_one_connection_keep_a_handful_of_connections(
    recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"UpgradeState": "CompletedRollforward", "StartTimestampUtc": "2026-03-01T03:00:00Z"}'
    recorder.answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", recorder.url.replace("http", "service-fabric"))
    stories = run(*(trigger(f"shop-{place}") for place in range(200)))
    assert len(recorder.heard) == len(stories) == 200
    assert recorder.connections <= sharing.MAX_CONCURRENT_REQUESTS
    assert not any(sharing._resources.values())


@pytest.mark.usefixtures("simulator")
def test_a_cancelled_wait_closes_what_it_opened() -> None:
    async def cancel() -> None:
        task = asyncio.create_task(_events(trigger("good-shop", poke_interval=60.0)))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not sharing.loop_resources()

    asyncio.run(cancel())


@pytest.mark.usefixtures("simulator")
def test_a_row_of_an_earlier_release_is_still_understood(clock: Any) -> None:
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
        "memory": WaitState().to_dict(),
    }
    assert run(ServiceFabricUpgradeTrigger(**row))[0].ended_by == "upgrade"


def test_a_keyword_that_this_release_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="patience"):
        trigger("good-shop", patience=3)


def test_a_silence_goes_on_from_the_workers_first_look_unless_another_triggerer_went_on_from_it(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restarted trigger cannot know what the one before it has seen."""
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{closed_port}")
    silent = WaitState(polls=1, unreachable_since=NOW - timedelta(hours=1), unreachable_polls=1).to_dict()
    soon = (datetime.now(timezone.utc) + timedelta(seconds=1)).isoformat()
    (first,) = run(trigger("good-shop", memory=silent, first_poll_at=soon))
    assert (first.ended_by, first.polls) == ("unreachable", 2)
    (restarted,) = run(trigger("good-shop", memory=silent, unreachable_timeout=0.03))
    assert restarted.ended_by == "unreachable_timeout"
    assert restarted.polls > 2
