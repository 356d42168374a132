"""What a wait does next, with the clock as a parameter."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.rest import Rejected, ServiceFabricError, UnexpectedAnswer, Unreachable
from airflow_provider_sf.upgrades import Outcome, ServiceProgress, UpgradeProgress
from airflow_provider_sf.watching import AskAgain, Ended, Memory, Policy, Stage, Story, step

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
POLICY = Policy(poke_interval=15.0, unreachable_timeout=300.0)
SILENT = Unreachable("timed out", endpoint="http://c:19080")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


DEADLINE = Policy(15.0, 300.0, deadline=at(60))


def record(state: str, percent: float = 0.0, **fields: Any) -> UpgradeProgress:
    fields = {"started_at": START, "target_version": "v1", **fields}
    return UpgradeProgress("application_resource", "shop", state=state, percent_completed=percent, **fields)


def watch(
    *observations: tuple[float, UpgradeProgress | ServiceFabricError],
    policy: Policy = POLICY,
    memory: Memory | None = None,
) -> tuple[Memory, AskAgain | Ended]:
    """Step through observations; only the last may end the wait."""
    memory, decision = memory or Memory(), None
    for seconds, observation in observations:
        assert not isinstance(decision, Ended), "the wait went on after its end"
        memory, decision = step(policy, memory, observation, at(seconds))
    assert decision is not None
    return memory, decision


@pytest.mark.parametrize(
    "state",
    [
        "ProvisioningTarget",
        "RollingForward",
        "UnprovisioningCurrent",
        "RollingBack",
        "UnprovisioningTarget",
        "Invalid",
        "New",
    ],
)
def test_a_state_that_is_no_end_is_asked_again(state: str) -> None:
    assert watch((0, record(state)))[1] == AskAgain(15.0)


def test_success_ends_the_wait_at_once() -> None:
    assert watch((0, record("CompletedRollforward", 100)))[1] == Ended("upgrade")


def test_nobody_ever_upgraded_is_no_success() -> None:
    assert watch((0, record("CompletedRollforward", 100, started_at=None)))[1] == AskAgain(15.0)


@pytest.mark.parametrize("state", ["Failed", "CompletedRollback"])
def test_a_bad_end_is_read_twice_before_it_is_believed(state: str) -> None:
    memory, decision = watch((0, record(state)))
    assert decision == AskAgain(2.0)
    assert memory.doubted
    assert watch((2, record(state)), memory=memory)[1] == Ended("upgrade")


def test_a_bad_end_that_was_none_is_forgotten() -> None:
    memory, decision = watch((0, record("Failed")), (2, record("RollingForward")))
    assert decision == AskAgain(15.0)
    assert not memory.doubted
    assert watch((17, record("Failed")), memory=memory)[1] == AskAgain(2.0)


def test_a_silence_between_the_two_reads_changes_nothing() -> None:
    assert watch((0, record("Failed")), (2, SILENT), (17, record("Failed")))[1] == Ended("upgrade")


@pytest.mark.parametrize("error", [Rejected("no"), UnexpectedAnswer("what")])
def test_what_asking_cannot_mend_ends_the_wait(error: ServiceFabricError) -> None:
    memory, decision = watch((0, record("RollingForward")), (15, error))
    assert decision == Ended("error")
    assert memory.error is error
    assert memory.record is not None


def test_silence_is_forgiven_while_it_is_shorter_than_its_budget() -> None:
    memory, decision = watch((0, record("RollingForward")), (15, SILENT), (100, SILENT), (310, SILENT))
    assert decision == AskAgain(5.0)
    assert memory.silent_since == at(15)
    assert watch((315, SILENT), memory=memory) == (memory_after(memory), Ended("unreachable"))


def memory_after(memory: Memory) -> Memory:
    return Memory(
        memory.polls + 1, memory.record, memory.timeline, SILENT, memory.silent_since, memory.doubted
    )


def test_an_answer_ends_a_silence() -> None:
    memory, _ = watch((0, SILENT), (299, SILENT), (300, record("RollingForward")))
    assert memory.silent_since is None
    assert memory.error is None
    assert watch((301, SILENT), (580, SILENT), memory=memory)[1] == AskAgain(15.0)


def test_a_silence_is_looked_into_more_closely_than_an_upgrade() -> None:
    rare = Policy(poke_interval=600.0, unreachable_timeout=300.0, exponential_backoff=True)
    assert watch((0, SILENT), policy=rare)[1] == AskAgain(60.0)
    assert watch((0, SILENT), (60, SILENT), (270, SILENT), policy=rare)[1] == AskAgain(30.0)


def test_a_bad_end_that_could_not_be_confirmed_by_the_deadline_is_believed() -> None:
    assert watch((50, record("Failed")), (60, SILENT), policy=DEADLINE)[1] == Ended("upgrade")


def test_a_budget_of_nothing_forgives_nothing() -> None:
    assert watch((0, SILENT), policy=Policy(15.0, unreachable_timeout=0.0))[1] == Ended("unreachable")


def test_the_last_look_is_at_the_deadline() -> None:
    assert watch((50, record("RollingForward")), policy=DEADLINE)[1] == AskAgain(10.0)
    assert watch((60, record("RollingForward")), policy=DEADLINE)[1] == Ended("timeout")
    assert watch((60, SILENT), policy=DEADLINE)[1] == Ended("timeout")


def test_an_end_at_the_deadline_is_an_end() -> None:
    assert watch((60, record("CompletedRollforward")), policy=DEADLINE)[1] == Ended("upgrade")
    assert watch((60, record("Failed")), (62, record("Failed")), policy=DEADLINE)[1] == Ended("upgrade")
    assert watch((60, Rejected("no")), policy=DEADLINE)[1] == Ended("error")


def test_without_a_deadline_a_wait_has_no_end_of_its_own() -> None:
    assert watch((1e8, record("RollingForward")))[1] == AskAgain(15.0)


def test_the_interval_is_constant_or_doubles_up_to_its_limit() -> None:
    assert [POLICY.interval(polls) for polls in (1, 2, 99)] == [15.0, 15.0, 15.0]
    growing = Policy(15.0, 300.0, exponential_backoff=True)
    assert [growing.interval(polls) for polls in (1, 2, 3, 4)] == [15.0, 30.0, 60.0, 120.0]
    assert growing.interval(10**6) == growing.interval(31)
    limited = Policy(15.0, 300.0, exponential_backoff=True, max_wait=50.0)
    assert [limited.interval(polls) for polls in (1, 2, 3, 4)] == [15.0, 30.0, 50.0, 50.0]


def test_the_timeline_has_one_stage_for_each_state_with_the_last_progress_in_it() -> None:
    behind = ServiceProgress("api", 2, 3)
    memory, _ = watch(
        (0, record("ProvisioningTarget")),
        (15, record("RollingForward", 10, services=(behind,))),
        (30, record("RollingForward", 62, services=(behind, ServiceProgress("web", 8, 0)))),
        (45, record("RollingBack", 40, target_version="v0")),
    )
    assert [(stage.state, stage.percent_completed) for stage in memory.timeline] == [
        ("ProvisioningTarget", 0.0),
        ("RollingForward", 62.0),
        ("RollingBack", 40.0),
    ]
    assert memory.timeline[1] == Stage(
        "RollingForward", Outcome.IN_PROGRESS, at(15), at(30), "v1", 62.0, (behind,)
    )


def test_a_pause_is_a_stage_of_its_own() -> None:
    paused: dict[str, Any] = {"failed_at": START, "rolling_upgrade_mode": "UnmonitoredManual"}
    memory, decision = watch((0, record("RollingForward")), (15, record("RollingForward", **paused)))
    assert decision == AskAgain(15.0)
    assert [stage.outcome for stage in memory.timeline] == [Outcome.IN_PROGRESS, Outcome.PAUSED]


STORIES = [
    ((0.0, record("CompletedRollforward", 100)),),
    ((0.0, record("RollingForward", 10, services=(ServiceProgress("api", 2, 3),))), (15.0, SILENT)),
    ((0.0, record("RollingForward", 10)), (15.0, record("Failed", 10))),
    ((0.0, SILENT),),
    ((0.0, Rejected("no", 403, "E_ACCESSDENIED", "http://c")),),
]


@pytest.mark.parametrize("observations", STORIES)
def test_memory_and_story_are_json_and_survive_it(observations: tuple[Any, ...]) -> None:
    memory, _ = watch(*observations)
    written = json.loads(json.dumps(memory.to_dict(), allow_nan=False))
    assert Memory.from_dict(written).to_dict() == memory.to_dict()
    story = Story.of(memory, Ended("upgrade"))
    told = json.loads(json.dumps(story.to_dict(), allow_nan=False))
    assert set(told) == {"schema", "record", "ended_by", "error", "timeline", "polls"}
    assert Story.from_dict(told).to_dict() == story.to_dict()
    assert story.summary() == {key: value for key, value in told.items() if key != "record"}


def test_a_wait_goes_on_from_a_memory_that_went_through_json() -> None:
    memory, _ = watch((0, record("RollingForward")), (15, SILENT))
    moved = Memory.from_dict(json.loads(json.dumps(memory.to_dict())))
    assert watch((314, SILENT), memory=moved)[1] == AskAgain(1.0)
    assert watch((315, SILENT), memory=moved)[1] == Ended("unreachable")


@pytest.mark.parametrize("other", [None, True, {}, {"schema": "service_fabric.upgrade_wait/9"}])
def test_what_is_no_story_is_refused(other: object) -> None:
    with pytest.raises(ValueError, match="expected an object of schema"):
        Story.from_dict(other)


def test_a_stage_without_its_times_is_refused() -> None:
    stage = Stage("Failed", Outcome.FAILED, START, START, None, None, ()).to_dict()
    with pytest.raises(ValueError, match="expected an ISO 8601 time, got None"):
        Stage.from_dict({**stage, "first_seen_at": None})
