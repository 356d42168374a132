"""What a wait does next, with the clock as a parameter."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.rest import Rejected, ServiceFabricError, UnexpectedAnswer, Unreachable
from airflow_provider_sf.upgrades import Outcome, UpgradeProgress
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeIdentity, UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import OutageStats, Verdict, WaitState
from airflow_provider_sf.wait.state_machine import Ended, PollAgain, judge, step

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
POLICY = Policy(poke_interval=15.0)
SILENT = Unreachable("timed out", endpoint="http://c:19080")
MISSING = Rejected("no such thing", 500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND")
MANUAL: dict[str, Any] = {"rolling_upgrade_mode": "UnmonitoredManual"}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


DEADLINE = Policy(15.0, deadline=at(60))


def record(state: str, percent: float = 0.0, **fields: Any) -> UpgradeProgress:
    fields = {"started_at": START, "target_version": "v1", **fields}
    return UpgradeProgress("application_resource", "shop", state=state, percent_completed=percent, **fields)


FORWARD, BACK, DONE = (
    record("RollingForward"),
    record("RollingBack", target_version="v0"),
    record("CompletedRollforward"),
)
FAILED, UNKNOWN = record("Failed"), record("RollingSideways")
NEVER = record("CompletedRollforward", started_at=None)
OLD = record("CompletedRollforward", started_at=at(-9000))
AFTER_OLD = UpgradeSelector(previous=OLD)


def watch(
    *observations: tuple[float, UpgradeProgress | ServiceFabricError],
    policy: Policy = POLICY,
    memory: WaitState | None = None,
    jitter: float = 1.0,
) -> tuple[WaitState, PollAgain | Ended]:
    """Step through observations; only the last may end the wait."""
    memory, decision = memory or WaitState(), None
    for seconds, observation in observations:
        assert not isinstance(decision, Ended), "the wait went on after its end"
        memory, decision = step(policy, memory, observation, at(seconds), jitter=jitter)
    assert decision is not None
    return memory, decision


# What an answer means.


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
    assert watch((0, record(state)))[1] == PollAgain(15.0)


def test_success_ends_the_wait_at_once() -> None:
    memory, decision = watch((0, DONE))
    assert decision == Ended("upgrade")
    assert memory.expected == UpgradeIdentity(START, "v1")


def test_nobody_ever_upgraded_is_no_success() -> None:
    assert watch((0, NEVER))[1] == PollAgain(15.0)
    assert watch((0, NEVER))[0].verdict is Verdict.NOT_STARTED


@pytest.mark.parametrize(
    ("expected", "seen", "policy", "verdict"),
    [
        (None, UNKNOWN, POLICY, Verdict.UNKNOWN),
        (UpgradeIdentity(at(-1), "v9"), UNKNOWN, POLICY, Verdict.UNKNOWN),
        (None, DONE, POLICY, Verdict.SUCCEEDED),
        (None, FAILED, POLICY, Verdict.FAILED),
        (None, record("CompletedRollback"), POLICY, Verdict.FAILED),
        (None, FORWARD, POLICY, Verdict.PENDING),
        (None, BACK, POLICY, Verdict.PENDING),
        (None, BACK, Policy(15.0, on_rollback="fail_fast"), Verdict.FAILED),
        (None, FORWARD, Policy(15.0, on_rollback="fail_fast"), Verdict.PENDING),
        (None, record("RollingForwardPending", **MANUAL), POLICY, Verdict.PENDING),
        (None, record("RollingForwardPending", **MANUAL), Policy(15.0, on_paused="fail"), Verdict.FAILED),
        (None, record("RollingForwardPending"), Policy(15.0, on_paused="fail"), Verdict.PENDING),
        (None, record("RollingBackPending", **MANUAL), Policy(15.0, on_paused="fail"), Verdict.FAILED),
        (None, record("RollingBackPending", **MANUAL), Policy(15.0, on_rollback="fail_fast"), Verdict.FAILED),
        (None, NEVER, POLICY, Verdict.NOT_STARTED),
        (None, OLD, Policy(15.0, selector=AFTER_OLD), Verdict.NOT_STARTED),
        (None, DONE, Policy(15.0, selector=AFTER_OLD), Verdict.SUCCEEDED),
        (
            None,
            record("RollingBack", started_at=at(-9000)),
            Policy(15.0, selector=AFTER_OLD, on_rollback="fail_fast"),
            Verdict.PENDING,
        ),
        (None, DONE, Policy(15.0, selector=UpgradeSelector(target_version="v1")), Verdict.NOT_STARTED),
        (
            UpgradeIdentity(START, "v1"),
            DONE,
            Policy(15.0, selector=UpgradeSelector(target_version="v1")),
            Verdict.SUCCEEDED,
        ),
        (
            None,
            DONE,
            Policy(15.0, selector=UpgradeSelector(target_version="v1", accept_current_version=True)),
            Verdict.SUCCEEDED,
        ),
        (
            None,
            NEVER,
            Policy(15.0, selector=UpgradeSelector(target_version="v1", accept_current_version=True)),
            Verdict.SUCCEEDED,
        ),
        (UpgradeIdentity(at(-1), "v1"), DONE, POLICY, Verdict.SUPERSEDED),
        (UpgradeIdentity(at(-1), "v1"), BACK, POLICY, Verdict.SUPERSEDED),
        (UpgradeIdentity(None, "v0"), FORWARD, POLICY, Verdict.SUPERSEDED),
    ],
)
def test_what_an_answer_means(
    expected: UpgradeIdentity | None, seen: UpgradeProgress, policy: Policy, verdict: Verdict
) -> None:
    assert judge(policy, policy.selector.match(seen, START, expected), seen) is verdict


def test_an_upgrade_without_a_start_has_it_still_before_it() -> None:
    fresh = record("ProvisioningTarget", started_at=None)
    policy = Policy(15.0, selector=UpgradeSelector(started_after=at(100), clock_skew=0.0))
    memory, _ = watch((99, fresh), policy=policy)
    assert memory.expected is None
    assert watch((100, fresh), policy=policy, memory=memory)[0].expected == UpgradeIdentity(None, "v1")


def test_what_is_ours_is_not_what_was_there_before() -> None:
    assert watch((0, FORWARD))[0].before is None
    memory, _ = watch((0, OLD), (15, FORWARD), policy=Policy(15.0, selector=AFTER_OLD))
    assert memory.before == UpgradeIdentity(at(-9000), "v1")


# Bad ends.


@pytest.mark.parametrize("seen", [FAILED, record("CompletedRollback")])
def test_a_bad_end_is_read_twice_before_it_is_believed(seen: UpgradeProgress) -> None:
    memory, decision = watch((0, seen))
    assert decision == PollAgain(2.0)
    assert memory.unconfirmed
    memory, decision = watch((2, seen), memory=memory)
    assert decision == Ended("upgrade")
    assert memory.expected == UpgradeIdentity.from_record(seen)


def test_a_bad_end_that_was_none_is_forgotten() -> None:
    memory, decision = watch((0, FAILED), (2, FORWARD))
    assert decision == PollAgain(15.0)
    assert not memory.unconfirmed
    assert watch((17, FAILED), memory=memory)[1] == PollAgain(2.0)


def test_a_silence_between_the_two_reads_changes_nothing() -> None:
    assert watch((0, FAILED), (2, SILENT), (17, FAILED))[1] == Ended("upgrade")


def test_being_overtaken_is_read_twice_too() -> None:
    other = record("RollingForward", started_at=at(30), target_version="v2")
    memory, decision = watch((0, FORWARD), (15, other))
    assert decision == PollAgain(2.0)
    assert watch((17, FORWARD), memory=memory)[1] == PollAgain(15.0)
    memory, decision = watch((17, other), memory=memory)
    assert decision == Ended("upgrade")
    assert memory.expected == UpgradeIdentity(START, "v1")
    assert [stage.expected for stage in memory.timeline] == [True, False]


def test_a_bad_end_that_gives_way_to_a_new_upgrade_was_not_ours() -> None:
    memory, decision = watch(
        (0, FAILED), (2, record("RollingForward", started_at=at(1), target_version="v2"))
    )
    assert decision == PollAgain(15.0)
    assert memory.expected == UpgradeIdentity(at(1), "v2")


def test_our_watcher_does_not_take_the_rollback_of_what_ours_replaced_for_its_own() -> None:
    policy = Policy(
        15.0,
        on_rollback="fail_fast",
        selector=UpgradeSelector(previous=record("RollingForward", target_version="v1")),
    )
    new: dict[str, Any] = {"started_at": at(100), "target_version": "v2"}
    memory, decision = watch(
        (0, BACK), (60, record("CompletedRollback", target_version="v0")), (90, record("ProvisioningTarget", started_at=None, target_version="v2")),
        (120, record("RollingForward", **new)), (300, record("CompletedRollforward", **new)), policy=policy
    )  # fmt: skip
    assert decision == Ended("upgrade")
    assert memory.verdict is Verdict.SUCCEEDED
    assert [stage.expected for stage in memory.timeline] == [False, False, True, True, True]


def test_an_upgrade_that_came_and_went_between_two_polls_is_ours_by_its_version() -> None:
    policy = Policy(600.0, selector=UpgradeSelector(target_version="v2"))
    new: dict[str, Any] = {"started_at": at(100), "target_version": "v2"}
    memory, _ = watch((0, OLD), policy=policy)
    assert watch((600, record("CompletedRollforward", **new)), policy=policy, memory=memory)[1] == Ended(
        "upgrade"
    )
    failed = record("Failed", **new)
    assert watch((600, failed), (602, failed), policy=policy, memory=memory)[1] == Ended("upgrade")
    same = record("CompletedRollforward", target_version="v2", started_at=at(-9000))
    assert watch((600, same), policy=policy, memory=memory)[1] == PollAgain(300.0)


def test_a_first_look_that_nobody_understands_is_no_record_of_before() -> None:
    """Yesterday's upgrade may stand behind it."""
    policy = Policy(15.0, selector=UpgradeSelector(target_version="v1"))
    strange = record("Invalid", started_at=None)
    assert watch((0, strange), (15, record("CompletedRollforward", started_at=at(-9000))), policy=policy)[
        1
    ] == PollAgain(15.0)


def test_what_did_not_exist_and_is_at_the_right_version_after_an_upgrade_is_ours() -> None:
    policy = Policy(15.0, selector=UpgradeSelector(target_version="v1"), wait_for_existence=True)
    assert watch((0, MISSING), (15, NEVER), policy=policy)[1] == PollAgain(15.0)
    assert watch((0, MISSING), (15, DONE), policy=policy)[1] == Ended("upgrade")


# Errors and silences.


@pytest.mark.parametrize("error", [Rejected("no"), UnexpectedAnswer("what"), MISSING])
def test_what_asking_cannot_mend_ends_the_wait(error: ServiceFabricError) -> None:
    memory, decision = watch((0, FORWARD), (15, error))
    assert decision == Ended("error")
    assert memory.error is error
    assert memory.record is not None


def test_silence_is_forgiven_while_it_is_shorter_than_its_budget() -> None:
    memory, decision = watch((0, FORWARD), (15, SILENT), (100, SILENT), (310, SILENT))
    assert decision == PollAgain(4.0)
    assert (memory.unreachable_since, memory.error) == (at(15), SILENT)
    assert watch((314, SILENT), memory=memory)[1] == PollAgain(1.0)
    memory, decision = watch((315, SILENT), memory=memory)
    assert decision == Ended("unreachable_timeout")
    assert memory.polls == 5


def test_an_answer_ends_a_silence() -> None:
    memory, _ = watch((0, SILENT), (299, SILENT), (300, FORWARD))
    assert (memory.unreachable_since, memory.unreachable_polls, memory.error) == (None, 0, None)
    assert watch((301, SILENT), (580, SILENT), memory=memory)[1] == PollAgain(2.0)


def test_pauses_double_with_each_unanswered_poll_up_to_a_fifth_of_the_budget() -> None:
    pauses, memory = [], WaitState()
    for second in range(9):
        memory, decision = watch((second, SILENT), memory=memory)
        assert isinstance(decision, PollAgain)
        pauses.append(decision.seconds)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert POLICY.backoff(10**6) == 60.0


def test_a_pause_in_a_silence_is_thrown_within_its_longest() -> None:
    assert watch((0, SILENT), (1, SILENT), (2, SILENT), jitter=0.25)[1] == PollAgain(1.0)
    assert watch((0, SILENT), jitter=0.0)[1] == PollAgain(0.0)


def test_a_cluster_that_says_when_to_come_back_is_obeyed_within_the_budget() -> None:
    busy = Unreachable("busy", 503, retry_after=40.0)
    assert watch((0, busy))[1] == PollAgain(40.0)
    assert watch((0, SILENT), (280, busy))[1] == PollAgain(20.0)
    assert watch((0, Unreachable("busy", 503, retry_after=0.5)))[1] == PollAgain(1.0)
    assert watch((30, busy), policy=DEADLINE)[1] == PollAgain(30.0)


def test_a_bad_end_that_could_not_be_confirmed_by_the_deadline_is_believed() -> None:
    memory, decision = watch((50, FAILED), (60, SILENT), policy=DEADLINE)
    assert decision == Ended("upgrade")
    assert memory.expected == UpgradeIdentity.from_record(FAILED)
    assert memory.error is SILENT
    assert watch((50, FAILED), (52, SILENT), policy=DEADLINE)[1] == PollAgain(1.0)


def test_a_bad_end_that_could_not_be_confirmed_within_the_budget_is_a_silence() -> None:
    assert watch((0, FAILED), (2, SILENT), (302, SILENT))[1] == Ended("unreachable_timeout")


def test_a_budget_of_nothing_forgives_nothing() -> None:
    assert watch((0, SILENT), policy=Policy(15.0, unreachable_timeout=0.0))[1] == Ended("unreachable_timeout")


# Clocks.


def test_the_last_look_is_at_the_deadline() -> None:
    assert watch((50, FORWARD), policy=DEADLINE)[1] == PollAgain(10.0)
    assert watch((60, FORWARD), policy=DEADLINE)[1] == Ended("timeout")
    assert watch((60, SILENT), policy=DEADLINE)[1] == Ended("timeout")


def test_an_end_at_the_deadline_is_an_end() -> None:
    assert watch((60, DONE), policy=DEADLINE)[1] == Ended("upgrade")
    assert watch((60, FAILED), (62, FAILED), policy=DEADLINE)[1] == Ended("upgrade")
    assert watch((60, Rejected("no")), policy=DEADLINE)[1] == Ended("error")


def test_without_a_deadline_an_upgrade_that_moves_is_waited_for() -> None:
    assert watch((0, FORWARD), (1e8, FORWARD))[1] == PollAgain(15.0)


@pytest.mark.parametrize(
    "seen", [OLD, record("CompletedRollback", started_at=at(-9000)), record("Failed", started_at=at(-9000))]
)
def test_an_end_that_cannot_be_ours_is_no_end_and_starts_a_clock(seen: UpgradeProgress) -> None:
    policy = Policy(15.0, selector=AFTER_OLD)
    memory, decision = watch((0, seen), (890, seen), policy=policy)
    assert decision == PollAgain(10.0)
    assert watch((900, seen), policy=policy, memory=memory)[1] == Ended("start_timeout")
    assert watch((900, DONE), policy=policy, memory=memory)[1] == Ended("upgrade")


def test_the_clock_of_the_start_runs_only_while_something_else_is_at_rest() -> None:
    policy = Policy(15.0, selector=AFTER_OLD)
    old_moving = record("RollingForward", started_at=at(-9000))
    memory, decision = watch((0, OLD), (800, old_moving), (5000, OLD), (5800, OLD), policy=policy)
    assert decision == PollAgain(15.0)
    assert watch((5900, OLD), policy=policy, memory=memory)[1] == Ended("start_timeout")
    memory, decision = watch((0, OLD), (800, FORWARD), (9000, FORWARD), policy=policy)
    assert decision == PollAgain(15.0)


def test_our_upgrade_may_vanish_from_the_record_and_the_clock_of_the_start_then_runs() -> None:
    memory, decision = watch((0, FORWARD), (15, NEVER), (914, NEVER))
    assert decision == PollAgain(1.0)
    assert memory.expected == UpgradeIdentity(START, "v1")
    assert watch((915, NEVER), memory=memory)[1] == Ended("start_timeout")


def test_what_does_not_exist_may_count_as_not_begun() -> None:
    policy = Policy(15.0, wait_for_existence=True)
    memory, decision = watch((0, MISSING), (890, MISSING), policy=policy)
    assert decision == PollAgain(10.0)
    assert (memory.record, memory.error) == (None, MISSING)
    assert watch((900, MISSING), policy=policy, memory=memory)[1] == Ended("start_timeout")
    memory, _ = watch((890, FORWARD), policy=policy, memory=memory)
    assert memory.error is None
    assert watch((0, Rejected("no", 403)), policy=policy)[1] == Ended("error")


def test_what_does_not_exist_any_more_is_not_on_record() -> None:
    memory, _ = watch((0, FORWARD), (15, SILENT), (30, MISSING), policy=Policy(15.0, wait_for_existence=True))
    assert (memory.record, memory.unreachable_since, memory.verdict) == (None, None, Verdict.NOT_STARTED)
    assert memory.verdict_since == at(30)


def test_an_unknown_state_is_waited_for_as_long_as_its_clock_allows() -> None:
    memory, decision = watch((0, FORWARD), (15, UNKNOWN), (600, record("Another", 50)))
    assert decision == PollAgain(15.0)
    assert watch((615, UNKNOWN), memory=memory)[1] == Ended("unknown_state_timeout")
    memory, _ = watch((601, FORWARD), memory=memory)
    assert watch((615, UNKNOWN), memory=memory)[1] == PollAgain(15.0)


STALL = Policy(15.0, stall_timeout=100.0)


@pytest.mark.parametrize(
    "moved",
    [
        record("RollingForward", 1.0),
        record("RollingForward", services=(ServiceProgress("web", 1, 7),)),
        record("UnprovisioningCurrent"),
        record("RollingBack"),
        record("RollingForward", started_at=None),
    ],
)
def test_any_movement_winds_the_clock_of_a_stall_up_again(moved: UpgradeProgress) -> None:
    memory, decision = watch((0, FORWARD), (90, FORWARD), policy=STALL)
    assert decision == PollAgain(10.0)
    assert watch((100, FORWARD), policy=STALL, memory=memory)[1] == Ended("stall_timeout")
    memory, decision = watch((100, moved), policy=STALL, memory=memory)
    assert decision == PollAgain(15.0)
    assert watch((199, moved), policy=STALL, memory=memory)[1] == PollAgain(1.0)
    assert watch((200, moved), policy=STALL, memory=memory)[1] == Ended("stall_timeout")


def test_only_what_should_move_can_stall() -> None:
    paused = record("RollingForward", failed_at=START, **MANUAL)
    old = Policy(15.0, stall_timeout=100.0, selector=AFTER_OLD)
    assert watch((0, paused), (1000, paused), policy=STALL)[1] == PollAgain(15.0)
    assert watch((0, OLD), (800, OLD), policy=old)[1] == PollAgain(15.0)
    assert watch((0, UNKNOWN), (500, UNKNOWN), policy=STALL)[1] == PollAgain(15.0)
    memory, _ = watch((0, paused), (1000, FORWARD), policy=STALL)
    assert watch((1099, FORWARD), policy=STALL, memory=memory)[1] == PollAgain(1.0)


def test_duration_and_observation_are_no_movement() -> None:
    later = record("RollingForward", duration_seconds=100.0, observed_at=at(100), endpoint="http://b")
    assert watch((0, FORWARD), (100, later), policy=STALL)[1] == Ended("stall_timeout")


def test_services_in_another_order_are_no_movement() -> None:
    web, api = ServiceProgress("web", 1, 7), ServiceProgress("api", 2, 3)
    looks = (
        (0, record("RollingForward", services=(web, api))),
        (100, record("RollingForward", services=(api, web))),
    )
    assert watch(*looks, policy=STALL)[1] == Ended("stall_timeout")


def test_of_two_clocks_that_have_run_out_the_first_ends_the_wait() -> None:
    both = Policy(15.0, stall_timeout=50.0, deadline=at(60))
    assert watch((0, FORWARD), (100, FORWARD), policy=both)[1] == Ended("stall_timeout")
    assert watch((20, FORWARD), (100, FORWARD), policy=both)[1] == Ended("timeout")
    short = Policy(15.0, unreachable_timeout=30.0, deadline=at(60))
    assert watch((0, SILENT), (100, SILENT), policy=short)[1] == Ended("unreachable_timeout")
    assert watch((50, SILENT), (100, SILENT), policy=short)[1] == Ended("timeout")


def test_the_interval_is_constant_or_doubles_up_to_its_limit() -> None:
    assert [POLICY.interval(polls) for polls in (1, 2, 99)] == [15.0, 15.0, 15.0]
    growing = Policy(15.0, exponential_backoff=True)
    assert [growing.interval(polls) for polls in (1, 2, 3, 4)] == [15.0, 30.0, 60.0, 120.0]
    assert growing.interval(10**6) == growing.interval(31) == 15.0 * 2.0**30
    assert Policy(15.0, max_wait=5.0).interval(9) == 15.0
    limited = Policy(15.0, exponential_backoff=True, max_wait=50.0)
    assert [limited.interval(polls) for polls in (1, 2, 3, 4)] == [15.0, 30.0, 50.0, 50.0]
    assert watch((0, FORWARD), (15, FORWARD), policy=growing)[1] == PollAgain(30.0)


def test_a_silence_does_not_count_for_a_growing_interval() -> None:
    growing = Policy(15.0, exponential_backoff=True)
    silence = [(float(second), SILENT) for second in range(1, 20)]
    memory, decision = watch((0, FORWARD), *silence, (20, FORWARD), policy=growing)
    assert decision == PollAgain(30.0)
    assert (memory.polls, memory.answers) == (21, 2)


# Memories that travel, and restarts.


def moved(memory: WaitState) -> WaitState:
    return WaitState.from_dict(json.loads(json.dumps(memory.to_dict(), allow_nan=False)))


def test_a_wait_goes_on_from_a_memory_that_went_through_json() -> None:
    memory = moved(watch((0, FORWARD), (15, SILENT))[0])
    assert watch((314, SILENT), memory=memory)[1] == PollAgain(1.0)
    assert watch((315, SILENT), memory=memory)[1] == Ended("unreachable_timeout")


def test_after_a_restart_a_clock_goes_on_if_nothing_has_changed_since() -> None:
    policy = Policy(15.0, stall_timeout=100.0, selector=AFTER_OLD)
    memory = watch((0, OLD), policy=policy)[0].after_restart()
    assert watch((900, OLD), memory=memory, policy=policy)[1] == Ended("start_timeout")
    memory = watch((0, FORWARD), policy=policy)[0].after_restart()
    assert watch((100, FORWARD), memory=memory, policy=policy)[1] == Ended("stall_timeout")
    memory = watch((0, UNKNOWN))[0].after_restart()
    assert watch((600, UNKNOWN), memory=memory)[1] == Ended("unknown_state_timeout")


def test_after_a_restart_a_clock_counts_anew_if_something_has_changed_since() -> None:
    """What was at rest before may have moved meanwhile: a clock must never be early."""
    policy = Policy(15.0, selector=AFTER_OLD)
    older = record("CompletedRollback", started_at=at(-9000))
    memory = watch((0, older), policy=policy)[0].after_restart()
    memory, decision = watch((900, OLD), (1799, OLD), memory=memory, policy=policy)
    assert decision == PollAgain(1.0)
    assert watch((1800, OLD), memory=memory, policy=policy)[1] == Ended("start_timeout")
    memory = watch((0, UNKNOWN))[0].after_restart()
    memory, decision = watch((600, record("Another")), memory=memory)
    assert decision == PollAgain(15.0)
    assert watch((1200, record("RollingSideways", 7)), memory=memory)[1] == Ended("unknown_state_timeout")


def test_after_a_restart_a_silence_counts_anew() -> None:
    memory = watch((0, SILENT))[0].after_restart()
    assert watch((1000, SILENT), memory=memory)[1] == PollAgain(1.0)


def test_a_silence_that_is_taken_up_goes_on_but_ends_the_wait_only_with_the_fifth_look_into_it() -> None:
    memory = watch((0, FORWARD), (15, SILENT))[0].taken_up()
    looks = [(1000.0 + second, SILENT) for second in range(4)]
    memory, decision = watch(*looks, memory=memory)
    assert (decision, memory.unreachable_since) == (PollAgain(8.0), at(15))
    assert watch((1004, SILENT), memory=memory)[1] == Ended("unreachable_timeout")


@pytest.mark.parametrize(
    ("seen", "left"),
    [
        (NEVER, 400.0),
        (MISSING, 400.0),
        (record("CompletedRollforward", started_at=at(-9000), duration_seconds=600.0), 400.0),
        (record("CompletedRollforward", started_at=at(-9000), duration_seconds=None), 400.0),
        (record("CompletedRollback", started_at=at(-9000), duration_seconds=9300.0), 700.0),
        (record("CompletedRollback", started_at=at(-9000), duration_seconds=99999.0), 900.0),
        (record("CompletedRollback", started_at=at(-9000), duration_seconds=9e11), 900.0),
    ],
)
def test_where_nothing_is_remembered_what_is_at_rest_has_been_since_its_end(seen: Any, left: float) -> None:
    """In reschedule mode each leg begins with an empty memory that knows only when the first one began."""
    policy = Policy(1000.0, wait_for_existence=True, selector=UpgradeSelector(started_after=at(60_000)))
    memory, decision = watch(
        (500, seen), policy=policy, memory=WaitState(began_at=START, earlier_polls_unknown=True)
    )
    assert decision == PollAgain(left)
    assert watch((500 + left, seen), policy=policy, memory=memory)[1] == Ended("start_timeout")


def test_where_nothing_is_remembered_other_clocks_count_from_the_look() -> None:
    assert watch((5000, UNKNOWN), memory=WaitState(began_at=START, earlier_polls_unknown=True))[
        1
    ] == PollAgain(15.0)
    assert watch(
        (5000, FORWARD), (5001, NEVER), memory=WaitState(began_at=START, earlier_polls_unknown=True)
    )[1] == PollAgain(15.0)


POLICIES = [
    POLICY,
    Policy(
        poke_interval=10.0,
        unreachable_timeout=1.0,
        start_timeout=2.0,
        unknown_state_timeout=3.0,
        stall_timeout=4.0,
        on_paused="fail",
        on_rollback="fail_fast",
        wait_for_existence=True,
        exponential_backoff=True,
        max_wait=5.0,
        deadline=START,
        selector=UpgradeSelector(OLD, START, 6.0, "v1", accept_current_version=True),
    ),
]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_is_flat_json_and_survives_it(policy: Policy) -> None:
    written = json.loads(json.dumps(policy.to_dict(), allow_nan=False))
    assert Policy.from_dict(written) == policy


def test_a_policy_names_what_is_not_as_by_default() -> None:
    assert set(POLICIES[-1].to_dict()) == {
        "poke_interval", "unreachable_timeout", "start_timeout", "unknown_state_timeout", "stall_timeout", "on_paused",
        "on_rollback", "wait_for_existence", "exponential_backoff", "max_wait", "deadline", "previous", "started_after",
        "clock_skew", "target_version", "accept_current_version",
    }  # fmt: skip
    assert POLICY.to_dict() == {"poke_interval": 15.0}


def test_what_a_row_does_not_name_means_for_ever_what_it_means_now() -> None:
    assert Policy.from_dict({"poke_interval": 15.0}) == Policy.from_dict({
        "poke_interval": 15.0, "unreachable_timeout": 300.0, "start_timeout": 900.0, "unknown_state_timeout": 600.0,
        "stall_timeout": None, "on_paused": "wait", "on_rollback": "wait", "wait_for_existence": False,
        "exponential_backoff": False, "max_wait": None, "deadline": None, "previous": None, "started_after": None,
        "clock_skew": 60.0, "target_version": None, "accept_current_version": False,
    })  # fmt: skip


def test_what_this_release_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="patience"):
        Policy.from_dict({"poke_interval": 15.0, "patience": 3})


def test_the_outcomes_of_the_stages_are_told() -> None:
    paused = record("RollingForward", failed_at=START, **MANUAL)
    memory, _ = watch((0, FORWARD), (15, paused), (30, BACK))
    assert [stage.outcome for stage in memory.timeline] == [
        Outcome.IN_PROGRESS,
        Outcome.PAUSED,
        Outcome.ROLLING_BACK,
    ]


def test_unless_dice_are_thrown_a_pause_in_a_silence_is_its_longest() -> None:
    assert step(POLICY, WaitState(), SILENT, START)[1] == PollAgain(1.0)


# When a wait began, and what it has forgiven.


@pytest.mark.parametrize("first", [FORWARD, SILENT, MISSING, NEVER])
def test_a_wait_begins_with_its_first_look(first: UpgradeProgress | ServiceFabricError) -> None:
    memory, _ = watch((7, first))
    assert memory.began_at == at(7)


def test_later_looks_and_legs_do_not_change_when_a_wait_began() -> None:
    memory, _ = watch((0, FORWARD), (15, SILENT), (30, FORWARD))
    assert memory.began_at == at(0)
    assert moved(memory).began_at == at(0)
    assert (
        watch((500, FORWARD), memory=WaitState(began_at=START, earlier_polls_unknown=True))[0].began_at
        == START
    )


def test_what_remembers_when_it_began_is_not_forgetful_for_that() -> None:
    """Only where earlier looks are forgotten may what is at rest have been so for longer than this look."""
    assert watch((500, NEVER), memory=WaitState(began_at=START))[1] == PollAgain(15.0)
    assert watch((500, NEVER), memory=WaitState(began_at=START))[0].verdict_since == at(500)


def test_a_silence_is_forgiven_when_an_answer_comes() -> None:
    memory, _ = watch((0, FORWARD), (15, SILENT), (17, Unreachable("busy", 503)))
    assert memory.outages == OutageStats()
    memory, _ = watch((40, FORWARD), memory=memory)
    assert memory.outages == OutageStats(
        silences=1, polls=2, longest_seconds=25.0, last_error="HTTP 503: busy"
    )


def test_of_silences_all_are_counted_the_longest_and_the_last_error_are_told() -> None:
    memory, _ = watch(
        (0, SILENT), (60, SILENT), (100, FORWARD), (115, FORWARD), (130, Unreachable("busy", 503)), (131, FORWARD)
    )  # fmt: skip
    assert memory.outages == OutageStats(2, 3, 100.0, "HTTP 503: busy")
    assert memory.error is None
    memory, _ = watch((146, SILENT), (150, FORWARD), memory=moved(memory))
    assert memory.outages == OutageStats(3, 4, 100.0, "http://c:19080: timed out")


def test_that_nothing_is_there_is_an_answer_that_ends_a_silence() -> None:
    memory, _ = watch((0, SILENT), (9, MISSING), policy=Policy(15.0, wait_for_existence=True))
    assert memory.outages == OutageStats(1, 1, 9.0, "http://c:19080: timed out")
    assert memory.error is MISSING


def test_what_was_missing_before_was_no_silence() -> None:
    memory, _ = watch((0, MISSING), (15, FORWARD), policy=Policy(15.0, wait_for_existence=True))
    assert memory.outages == OutageStats()


@pytest.mark.parametrize(
    ("policy", "by"),
    [(Policy(15.0, unreachable_timeout=60.0), "unreachable"), (Policy(15.0, deadline=at(60)), "timeout")],
)
def test_a_silence_that_ends_the_wait_is_not_forgiven(policy: Policy, by: str) -> None:
    memory, decision = watch((0, SILENT), (60, SILENT), policy=policy)
    assert decision == Ended(by)
    assert memory.outages == OutageStats()
    assert (memory.unreachable_since, memory.unreachable_polls, memory.error) == (at(0), 2, SILENT)


def test_a_silence_that_a_refusal_ends_is_not_forgiven() -> None:
    memory, decision = watch((0, SILENT), (15, Rejected("no", 403)))
    assert decision == Ended("error")
    assert memory.outages == OutageStats()


def test_a_silence_before_a_good_end_is_forgiven() -> None:
    memory, decision = watch((0, SILENT), (20, DONE))
    assert decision == Ended("upgrade")
    assert memory.outages == OutageStats(1, 1, 20.0, "http://c:19080: timed out")


def test_a_silence_of_a_process_that_has_ended_is_not_counted() -> None:
    memory = watch((0, SILENT))[0].after_restart()
    assert watch((1000, FORWARD), memory=memory)[0].outages == OutageStats()
