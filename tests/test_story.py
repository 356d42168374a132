"""What a wait remembers and tells: values, their JSON, the timeline."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.identity import Identity
from airflow_provider_sf.rest import Rejected, ServiceFabricError, Unreachable
from airflow_provider_sf.story import Memory, Stage, Story, Verdict, continued
from airflow_provider_sf.upgrades import Outcome, ServiceProgress, UpgradeProgress

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
OURS = True
BEHIND = ServiceProgress("api", 2, 3)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def record(state: str, percent: float = 0.0, **fields: Any) -> UpgradeProgress:
    fields = {"started_at": START, "target_version": "v1", **fields}
    return UpgradeProgress("application_resource", "shop", state=state, percent_completed=percent, **fields)


def timeline(*looks: tuple[float, UpgradeProgress, bool]) -> tuple[Stage, ...]:
    stages: tuple[Stage, ...] = ()
    for seconds, look, ours in looks:
        stages = continued(stages, look, at(seconds), ours=ours)
    return stages


def test_the_timeline_has_one_stage_for_each_state_with_the_last_progress_in_it() -> None:
    stages = timeline(
        (0, record("ProvisioningTarget"), True),
        (15, record("RollingForward", 10, services=(BEHIND,)), True),
        (30, record("RollingForward", 62, services=(BEHIND, ServiceProgress("web", 8, 0))), True),
        (45, record("RollingBack", 40, target_version="v0"), True),
    )
    assert stages == (
        Stage("ProvisioningTarget", Outcome.IN_PROGRESS, OURS, START, at(0), at(0), "v1", 0.0),
        Stage("RollingForward", Outcome.IN_PROGRESS, OURS, START, at(15), at(30), "v1", 62.0, (BEHIND,)),
        Stage("RollingBack", Outcome.ROLLING_BACK, OURS, START, at(45), at(45), "v0", 40.0),
    )


PAUSED: dict[str, Any] = {"failed_at": at(5), "rolling_upgrade_mode": "UnmonitoredManual"}


@pytest.mark.parametrize(
    ("second", "ours"),
    [
        (record("RollingForward", **PAUSED), True),
        (record("RollingForward"), False),
        (record("RollingForward", started_at=at(600)), True),
        (record("RollingForwardInProgress"), True),
    ],
    ids=["a pause", "not ours", "another start", "another state"],
)
def test_a_new_stage_begins_with(second: UpgradeProgress, *, ours: bool) -> None:
    assert len(timeline((0, record("RollingForward"), True), (15, second, ours))) == 2


def test_a_start_time_that_is_set_late_does_not_begin_a_stage() -> None:
    (stage,) = timeline(
        (0, record("RollingForward", started_at=None), True),
        (15, record("RollingForward"), True),
        (30, record("RollingForward", started_at=None), True),
    )
    assert stage.started_at == START
    assert (stage.first_seen_at, stage.last_seen_at) == (at(0), at(30))


def test_a_failure_stays_with_its_stage_after_service_fabric_has_forgotten_it() -> None:
    (stage,) = timeline(
        (0, record("RollingForward"), True),
        (15, record("RollingForward", failed_at=at(5)), True),
        (30, record("RollingForward"), True),
    )
    assert stage.failed_at == at(5)
    (later,) = continued((stage,), record("RollingForward", failed_at=at(40)), at(45), ours=True)
    assert later.failed_at == at(40)


MEMORIES = [
    Memory(),
    Memory(
        polls=3,
        answers=2,
        record=record("RollingForward", 10, services=(BEHIND,)),
        ours=Identity(START, "v1"),
        before=Identity(at(-9000), "v0"),
        verdict=Verdict.PENDING,
        verdict_since=at(1),
        moved_at=at(2),
        timeline=timeline((0, record("RollingForward", 10, services=(BEHIND,), failed_at=at(0)), True)),
        error=Unreachable("timed out", endpoint="http://c:19080"),
        silent_since=at(3),
        silent_polls=2,
    ),
    Memory(polls=1, error=Rejected("no", 403, "E_ACCESSDENIED", "http://c")),
]


def comparable(memory: Memory) -> tuple[Memory, object]:
    return replace(memory, error=None), memory.error and memory.error.to_dict()


@pytest.mark.parametrize("memory", MEMORIES)
def test_a_memory_is_json_and_survives_it(memory: Memory) -> None:
    written = json.loads(json.dumps(memory.to_dict(), allow_nan=False))
    assert comparable(Memory.from_dict(written)) == comparable(memory)


def test_what_only_this_process_knows_does_not_travel() -> None:
    known = Memory(begun_at=START, outdated=True)
    assert Memory.from_dict(known.to_dict()) == Memory()


def test_after_a_restart_a_silence_counts_anew() -> None:
    again = MEMORIES[1].after_restart()
    assert (again.silent_since, again.silent_polls, again.outdated) == (None, 0, True)
    assert replace(again, silent_since=at(3), silent_polls=2, outdated=False) == MEMORIES[1]


@pytest.mark.parametrize(
    ("verdict", "doubted"),
    [
        (None, False),
        (Verdict.PENDING, False),
        (Verdict.SUCCEEDED, False),
        (Verdict.NOT_BEGUN, False),
        (Verdict.UNKNOWN, False),
        (Verdict.FAILED, True),
        (Verdict.OVERTAKEN, True),
    ],
)
def test_a_bad_verdict_is_doubted_until_it_is_confirmed(verdict: Verdict | None, *, doubted: bool) -> None:
    assert Memory(verdict=verdict).doubted is doubted


@pytest.mark.parametrize("memory", MEMORIES)
def test_a_story_is_json_and_survives_it(memory: Memory) -> None:
    story = Story.of(memory, "stall")
    told = json.loads(json.dumps(story.to_dict(), allow_nan=False))
    assert set(told) == {"schema", "record", "ended_by", "upgrade", "error", "timeline", "polls"}
    assert (told["schema"], told["ended_by"], told["polls"]) == (
        "service_fabric.upgrade_wait/1",
        "stall",
        memory.polls,
    )
    assert Story.from_dict(told).to_dict() == told
    assert story.summary() == {key: value for key, value in told.items() if key != "record"}


def test_a_story_holds_what_the_memory_knew() -> None:
    memory = MEMORIES[1]
    assert Story.of(memory, "upgrade") == Story(
        "upgrade", memory.record, memory.ours, memory.error, memory.timeline, 3
    )


@pytest.mark.parametrize("other", [None, True, {}, {"schema": "service_fabric.upgrade_wait/9"}])
def test_what_is_no_story_is_refused(other: object) -> None:
    with pytest.raises(ValueError, match="expected an object of schema"):
        Story.from_dict(other)


@pytest.mark.parametrize("time", ["first_seen_at", "last_seen_at"])
def test_a_stage_without_its_times_is_refused(time: str) -> None:
    (stage,) = timeline((0, record("Failed"), True))
    with pytest.raises(ValueError, match="expected an ISO 8601 time, got None"):
        Stage.from_dict({**stage.to_dict(), time: None})


def test_an_error_keeps_its_class() -> None:
    error: ServiceFabricError | None = Story.from_dict(Story.of(MEMORIES[2], "error").to_dict()).error
    assert isinstance(error, Rejected)
    assert (error.status, error.code, error.endpoint) == (403, "E_ACCESSDENIED", "http://c")


def test_the_words_of_a_verdict_are_promises() -> None:
    """They stand in the keywords of triggers, which the next release reads."""
    assert [verdict.value for verdict in Verdict] == [
        "pending",
        "succeeded",
        "failed",
        "overtaken",
        "not_begun",
        "unknown",
    ]


def test_a_wait_begins_with_a_memory_of_nothing() -> None:
    assert Memory() == Memory(
        polls=0,
        answers=0,
        record=None,
        ours=None,
        before=None,
        verdict=None,
        verdict_since=None,
        moved_at=None,
        timeline=(),
        error=None,
        silent_since=None,
        silent_polls=0,
        begun_at=None,
        outdated=False,
    )
