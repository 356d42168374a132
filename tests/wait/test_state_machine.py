"""The decisions of a wait; the time is a parameter."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.rest import Rejected, ServiceFabricError, UnexpectedAnswer, Unreachable
from airflow_provider_sf.upgrades import Outcome, UpgradeProgress
from airflow_provider_sf.upgrades.domains import Domains
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.identity import UpgradeIdentity
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import OutageStats, Verdict, WaitState
from airflow_provider_sf.wait.state_machine import Ended, PollAgain, step, verdict_of

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
POLICY = Policy(poke_interval=15.0)
UNREACHABLE = Unreachable("timed out", endpoint="http://c:19080")
MISSING = Rejected("not found", 500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND")
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
AFTER_RUNNING = UpgradeSelector(previous=record("RollingForward", started_at=at(-9000)))


def watch(
    *observations: tuple[float, UpgradeProgress | ServiceFabricError],
    policy: Policy = POLICY,
    state: WaitState | None = None,
    jitter: float = 1.0,
) -> tuple[WaitState, PollAgain | Ended]:
    """Apply one observation after another; only the last may end the wait."""
    state, decision = state or WaitState(), None
    for seconds, observation in observations:
        assert not isinstance(decision, Ended), "the wait continued after its end"
        state, decision = step(policy, state, observation, at(seconds), jitter=jitter)
    assert decision is not None
    return state, decision


# Verdicts.


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
def test_running_upgrade_is_polled_again(state: str) -> None:
    assert watch((0, record(state)))[1] == PollAgain(15.0)


def test_success_ends_the_wait_at_once() -> None:
    state, decision = watch((0, DONE))
    assert decision == Ended("upgrade")
    assert state.verdict is Verdict.SUCCEEDED


EVALUATIONS = ("node 'N1' is in Error", "replica 2 of 'web' is in Error")
TURN = record(
    "RollingBack", target_version="v0", failure_reason="HealthCheck", unhealthy_evaluations=EVALUATIONS
)
END = record("CompletedRollback", target_version="v0", failure_reason="HealthCheck")
REASON = "failure reason HealthCheck"


def test_reasons_of_the_turn_are_kept() -> None:
    state, _ = watch((0, FORWARD), (15, TURN), (30, BACK), (45, END), (50, END))
    assert state.reasons == (REASON, *EVALUATIONS)
    assert state.explained().reasons == (REASON, *EVALUATIONS)


def test_last_record_explains_first() -> None:
    later = replace(END, unhealthy_evaluations=("node 'N2' is in Error", *EVALUATIONS[1:]))
    state, _ = watch((0, FORWARD), (15, TURN), (45, later), (50, later))
    assert state.explained().reasons == (REASON, *later.unhealthy_evaluations)


def test_reasons_of_another_upgrade_are_not_kept() -> None:
    other = replace(TURN, started_at=at(9000))
    assert watch((0, FORWARD), (9015, other))[0].reasons == ()
    assert watch((0, replace(FORWARD, failure_reason="HealthCheck")))[0].reasons == ()


def test_never_upgraded_is_no_success() -> None:
    assert watch((0, NEVER))[1] == PollAgain(15.0)
    assert watch((0, NEVER))[0].verdict is Verdict.NOT_STARTED


@pytest.mark.parametrize(
    ("expected", "observed", "policy", "verdict"),
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
            Policy(15.0, selector=AFTER_RUNNING, on_rollback="fail_fast"),
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
def test_verdict_of_a_record(
    expected: UpgradeIdentity | None, observed: UpgradeProgress, policy: Policy, verdict: Verdict
) -> None:
    state = WaitState(expected=expected)
    assert verdict_of(policy, state, observed, START) is verdict


def test_missing_start_time_counts_as_now() -> None:
    fresh = record("ProvisioningTarget", started_at=None)
    policy = Policy(15.0, selector=UpgradeSelector(started_after=at(100), clock_skew=0.0))
    state, _ = watch((99, fresh), policy=policy)
    assert state.expected is None
    assert watch((100, fresh), policy=policy, state=state)[0].expected == UpgradeIdentity(None, "v1")


def test_expected_upgrade_is_not_the_earlier_one() -> None:
    assert watch((0, FORWARD))[0].before is None
    state, _ = watch((0, OLD), (15, FORWARD), policy=Policy(15.0, selector=AFTER_OLD))
    assert state.before == UpgradeIdentity(at(-9000), "v1")


# Failures.


@pytest.mark.parametrize("observed", [FAILED, record("CompletedRollback")])
def test_failure_is_read_twice(observed: UpgradeProgress) -> None:
    state, decision = watch((0, observed))
    assert decision == PollAgain(2.0)
    assert state.unconfirmed
    state, decision = watch((2, observed), state=state)
    assert decision == Ended("upgrade")


def test_unconfirmed_failure_is_dropped() -> None:
    state, decision = watch((0, FAILED), (2, FORWARD))
    assert decision == PollAgain(15.0)
    assert not state.unconfirmed
    assert watch((17, FAILED), state=state)[1] == PollAgain(2.0)


def test_outage_between_the_two_reads() -> None:
    assert watch((0, FAILED), (2, UNREACHABLE), (17, FAILED))[1] == Ended("upgrade")


def test_superseded_is_read_twice() -> None:
    other = record("RollingForward", started_at=at(30), target_version="v2")
    state, decision = watch((0, FORWARD), (15, other))
    assert decision == PollAgain(2.0)
    assert watch((17, FORWARD), state=state)[1] == PollAgain(15.0)
    state, decision = watch((17, other), state=state)
    assert decision == Ended("upgrade")
    assert state.expected == UpgradeIdentity(START, "v1")
    assert [stage.expected for stage in state.timeline] == [True, False]


def test_new_upgrade_after_an_unconfirmed_failure() -> None:
    state, decision = watch((0, FAILED), (2, record("RollingForward", started_at=at(1), target_version="v2")))
    assert decision == PollAgain(15.0)
    assert state.expected == UpgradeIdentity(at(1), "v2")


def test_rollback_of_the_previous_upgrade_is_ignored() -> None:
    policy = Policy(
        15.0,
        on_rollback="fail_fast",
        selector=UpgradeSelector(previous=record("RollingForward", target_version="v1")),
    )
    fields: dict[str, Any] = {"started_at": at(100), "target_version": "v2"}
    state, decision = watch(
        (0, BACK), (60, record("CompletedRollback", target_version="v0")), (90, record("ProvisioningTarget", started_at=None, target_version="v2")),
        (120, record("RollingForward", **fields)), (300, record("CompletedRollforward", **fields)), policy=policy
    )  # fmt: skip
    assert decision == Ended("upgrade")
    assert state.verdict is Verdict.SUCCEEDED
    assert [stage.expected for stage in state.timeline] == [False, False, True, True, True]


def test_upgrade_between_two_polls_matches_by_version() -> None:
    policy = Policy(600.0, selector=UpgradeSelector(target_version="v2"))
    fields: dict[str, Any] = {"started_at": at(100), "target_version": "v2"}
    state, _ = watch((0, OLD), policy=policy)
    assert watch((600, record("CompletedRollforward", **fields)), policy=policy, state=state)[1] == Ended(
        "upgrade"
    )
    failed = record("Failed", **fields)
    assert watch((600, failed), (602, failed), policy=policy, state=state)[1] == Ended("upgrade")
    same = record("CompletedRollforward", target_version="v2", started_at=at(-9000))
    assert watch((600, same), policy=policy, state=state)[1] == PollAgain(300.0)


def test_unknown_first_record_proves_nothing() -> None:
    """It may be an old upgrade."""
    policy = Policy(15.0, selector=UpgradeSelector(target_version="v1"))
    unknown = record("Invalid", started_at=None)
    assert watch((0, unknown), (15, record("CompletedRollforward", started_at=at(-9000))), policy=policy)[
        1
    ] == PollAgain(15.0)


def test_target_version_after_missing_is_expected() -> None:
    policy = Policy(15.0, selector=UpgradeSelector(target_version="v1"), wait_for_existence=True)
    assert watch((0, MISSING), (15, NEVER), policy=policy)[1] == PollAgain(15.0)
    assert watch((0, MISSING), (15, DONE), policy=policy)[1] == Ended("upgrade")


# Errors and outages.


REFUSED = Rejected("no", 403, endpoint="http://sf:19080")


@pytest.mark.parametrize("error", [Rejected("no", 400), UnexpectedAnswer("what"), Rejected("no", 501)])
def test_permanent_error_ends_the_wait(error: ServiceFabricError) -> None:
    state, decision = watch((0, FORWARD), (15, error))
    assert decision == Ended("error")
    assert state.error is error
    assert state.record is not None


@pytest.mark.parametrize("error", [REFUSED, Rejected("the key does not belong to the certificate")])
def test_connection_that_worked_is_retried(error: Rejected) -> None:
    """A certificate may be half rotated; without any answer before, the connection is just wrong."""
    assert watch((0, error))[1] == Ended("error")
    assert watch((0, UNREACHABLE), (15, error))[1] == Ended("error")
    state, decision = watch((0, FORWARD), (15, error))
    assert decision == PollAgain(1.0)
    assert (state.error, state.unreachable_since) == (error, at(15))
    assert watch((20, FORWARD), state=state)[1] == PollAgain(15.0)
    polls = [(second, error) for second in (20, 30, 60, 120, 315)]
    state, decision = watch(*polls, state=state)
    assert decision == Ended("unreachable_timeout")
    assert state.error is error


def test_deletion_is_confirmed() -> None:
    assert watch((0, MISSING))[1] == Ended("error")
    state, decision = watch((0, FORWARD), (15, MISSING))
    assert decision == PollAgain(2.0)
    assert state.is_confirming
    assert watch((17, FORWARD), state=state)[1] == PollAgain(15.0)
    later, decision = watch((17, MISSING), state=state)
    assert decision == Ended("error")
    assert later.error is MISSING
    assert later.record is FORWARD
    assert watch((17, UNREACHABLE), (20, MISSING), state=state)[1] == PollAgain(2.0)


def test_outage_ends_the_wait_after_unreachable_timeout() -> None:
    state, decision = watch((0, FORWARD), (15, UNREACHABLE), (100, UNREACHABLE), (310, UNREACHABLE))
    assert decision == PollAgain(4.0)
    assert (state.unreachable_since, state.error) == (at(15), UNREACHABLE)
    assert watch((314, UNREACHABLE), state=state)[1] == PollAgain(1.0)
    state, decision = watch((315, UNREACHABLE), state=state)
    assert decision == Ended("unreachable_timeout")
    assert state.polls == 5


def test_answer_ends_an_outage() -> None:
    state, _ = watch((0, UNREACHABLE), (299, UNREACHABLE), (300, FORWARD))
    assert (state.unreachable_since, state.unreachable_polls, state.error) == (None, 0, None)
    assert watch((301, UNREACHABLE), (580, UNREACHABLE), state=state)[1] == PollAgain(2.0)


def test_backoff_doubles_up_to_its_limit() -> None:
    pauses, state = [], WaitState()
    for second in range(9):
        state, decision = watch((second, UNREACHABLE), state=state)
        assert isinstance(decision, PollAgain)
        pauses.append(decision.seconds)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert POLICY.backoff(10**6) == 60.0


def test_jitter_shortens_the_pause() -> None:
    assert watch((0, UNREACHABLE), (1, UNREACHABLE), (2, UNREACHABLE), jitter=0.25)[1] == PollAgain(1.0)
    assert watch((0, UNREACHABLE), jitter=0.0)[1] == PollAgain(0.0)


def test_retry_after_is_respected() -> None:
    busy = Unreachable("busy", 503, retry_after=40.0)
    assert watch((0, busy))[1] == PollAgain(40.0)
    assert watch((0, UNREACHABLE), (280, busy))[1] == PollAgain(20.0)
    assert watch((0, Unreachable("busy", 503, retry_after=0.5)))[1] == PollAgain(1.0)
    assert watch((30, busy), policy=DEADLINE)[1] == PollAgain(30.0)


def test_unconfirmed_failure_counts_at_the_deadline() -> None:
    state, decision = watch((50, FAILED), (60, UNREACHABLE), policy=DEADLINE)
    assert decision == Ended("upgrade")
    assert state.verdict is Verdict.FAILED
    assert state.error is UNREACHABLE
    assert watch((50, FAILED), (52, UNREACHABLE), policy=DEADLINE)[1] == PollAgain(1.0)


def test_unreachable_timeout_before_a_failure_is_confirmed() -> None:
    assert watch((0, FAILED), (2, UNREACHABLE), (302, UNREACHABLE))[1] == Ended("unreachable_timeout")


def test_unreachable_timeout_of_zero() -> None:
    assert watch((0, UNREACHABLE), policy=Policy(15.0, unreachable_timeout=0.0))[1] == Ended(
        "unreachable_timeout"
    )


# Timeouts.


def test_last_poll_is_at_the_deadline() -> None:
    assert watch((50, FORWARD), policy=DEADLINE)[1] == PollAgain(10.0)
    assert watch((60, FORWARD), policy=DEADLINE)[1] == Ended("timeout")
    assert watch((60, UNREACHABLE), policy=DEADLINE)[1] == Ended("timeout")


def test_result_at_the_deadline_counts() -> None:
    assert watch((60, DONE), policy=DEADLINE)[1] == Ended("upgrade")
    assert watch((60, FAILED), (62, FAILED), policy=DEADLINE)[1] == Ended("upgrade")
    assert watch((60, Rejected("no", 400)), policy=DEADLINE)[1] == Ended("error")


def test_running_upgrade_without_a_deadline() -> None:
    assert watch((0, FORWARD), (1e8, FORWARD))[1] == PollAgain(15.0)


@pytest.mark.parametrize(
    "observed",
    [OLD, record("Failed", started_at=at(-9000))],
)
def test_start_timeout_after_another_upgrade(observed: UpgradeProgress) -> None:
    policy = Policy(15.0, selector=AFTER_OLD)
    state, decision = watch((0, observed), (890, observed), policy=policy)
    assert decision == PollAgain(10.0)
    assert watch((900, observed), policy=policy, state=state)[1] == Ended("start_timeout")
    assert watch((900, DONE), policy=policy, state=state)[1] == Ended("upgrade")


def test_start_timeout_pauses_while_another_upgrade_runs() -> None:
    policy = Policy(15.0, selector=AFTER_OLD)
    old_moving = record("RollingForward", started_at=at(-9000))
    state, decision = watch((0, OLD), (800, old_moving), (5000, OLD), (5800, OLD), policy=policy)
    assert decision == PollAgain(15.0)
    assert watch((5900, OLD), policy=policy, state=state)[1] == Ended("start_timeout")
    state, decision = watch((0, OLD), (800, FORWARD), (9000, FORWARD), policy=policy)
    assert decision == PollAgain(15.0)


def test_start_timeout_after_the_upgrade_has_vanished() -> None:
    state, decision = watch((0, FORWARD), (15, NEVER), (914, NEVER))
    assert decision == PollAgain(1.0)
    assert state.expected == UpgradeIdentity(START, "v1")
    assert watch((915, NEVER), state=state)[1] == Ended("start_timeout")


def test_missing_can_count_as_not_started() -> None:
    policy = Policy(15.0, wait_for_existence=True)
    state, decision = watch((0, MISSING), (890, MISSING), policy=policy)
    assert decision == PollAgain(10.0)
    assert (state.record, state.error) == (None, MISSING)
    assert watch((900, MISSING), policy=policy, state=state)[1] == Ended("start_timeout")
    state, _ = watch((890, FORWARD), policy=policy, state=state)
    assert state.error is None
    assert watch((0, Rejected("no", 403)), policy=policy)[1] == Ended("error")


def test_missing_removes_the_record() -> None:
    state, _ = watch(
        (0, FORWARD), (15, UNREACHABLE), (30, MISSING), policy=Policy(15.0, wait_for_existence=True)
    )
    assert (state.record, state.unreachable_since, state.verdict) == (None, None, Verdict.NOT_STARTED)
    assert state.verdict_since == at(30)


def test_unknown_state_timeout() -> None:
    state, decision = watch((0, FORWARD), (15, UNKNOWN), (600, record("Another", 50)))
    assert decision == PollAgain(15.0)
    assert watch((615, UNKNOWN), state=state)[1] == Ended("unknown_state_timeout")
    state, _ = watch((601, FORWARD), state=state)
    assert watch((615, UNKNOWN), state=state)[1] == PollAgain(15.0)


STALL = Policy(15.0, stall_timeout=100.0)


@pytest.mark.parametrize(
    "progressed",
    [
        record("RollingForward", 1.0),
        record("RollingForward", services=(ServiceProgress("web", 1, 7),)),
        record("UnprovisioningCurrent"),
        record("RollingBack"),
    ],
)
def test_progress_restarts_the_stall_timeout(progressed: UpgradeProgress) -> None:
    state, decision = watch((0, FORWARD), (90, FORWARD), policy=STALL)
    assert decision == PollAgain(10.0)
    assert watch((100, FORWARD), policy=STALL, state=state)[1] == Ended("stall_timeout")
    state, decision = watch((100, progressed), policy=STALL, state=state)
    assert decision == PollAgain(15.0)
    assert watch((199, progressed), policy=STALL, state=state)[1] == PollAgain(1.0)
    assert watch((200, progressed), policy=STALL, state=state)[1] == Ended("stall_timeout")


def test_only_a_running_upgrade_can_stall() -> None:
    paused = record("RollingForward", failed_at=START, **MANUAL)
    old = Policy(15.0, stall_timeout=100.0, selector=AFTER_OLD)
    assert watch((0, paused), (1000, paused), policy=STALL)[1] == PollAgain(15.0)
    assert watch((0, OLD), (800, OLD), policy=old)[1] == PollAgain(15.0)
    assert watch((0, UNKNOWN), (500, UNKNOWN), policy=STALL)[1] == PollAgain(15.0)
    state, _ = watch((0, paused), (1000, FORWARD), policy=STALL)
    assert watch((1099, FORWARD), policy=STALL, state=state)[1] == PollAgain(1.0)


def test_duration_and_observation_are_no_progress() -> None:
    later = record("RollingForward", duration_seconds=100.0, observed_at=at(100), endpoint="http://b")
    assert watch((0, FORWARD), (100, later), policy=STALL)[1] == Ended("stall_timeout")


def test_order_of_services_is_no_progress() -> None:
    web, api = ServiceProgress("web", 1, 7), ServiceProgress("api", 2, 3)
    polls = (
        (0, record("RollingForward", services=(web, api))),
        (100, record("RollingForward", services=(api, web))),
    )
    assert watch(*polls, policy=STALL)[1] == Ended("stall_timeout")


def test_first_expired_timeout_ends_the_wait() -> None:
    both = Policy(15.0, stall_timeout=50.0, deadline=at(60))
    assert watch((0, FORWARD), (100, FORWARD), policy=both)[1] == Ended("stall_timeout")
    assert watch((20, FORWARD), (100, FORWARD), policy=both)[1] == Ended("timeout")
    short = Policy(15.0, unreachable_timeout=30.0, deadline=at(60))
    assert watch((0, UNREACHABLE), (100, UNREACHABLE), policy=short)[1] == Ended("unreachable_timeout")
    assert watch((50, UNREACHABLE), (100, UNREACHABLE), policy=short)[1] == Ended("timeout")


def test_interval_is_constant_or_doubles() -> None:
    assert [POLICY.interval(polls) for polls in (1, 2, 99)] == [15.0, 15.0, 15.0]
    growing = Policy(15.0, exponential_backoff=True)
    assert [growing.interval(polls) for polls in (1, 2, 3, 4)] == [15.0, 30.0, 60.0, 120.0]
    assert growing.interval(10**6) == growing.interval(31) == 15.0 * 2.0**30
    assert Policy(15.0, max_wait=5.0).interval(9) == 15.0
    limited = Policy(15.0, exponential_backoff=True, max_wait=50.0)
    assert [limited.interval(polls) for polls in (1, 2, 3, 4)] == [15.0, 30.0, 50.0, 50.0]
    assert watch((0, FORWARD), (15, FORWARD), policy=growing)[1] == PollAgain(30.0)


def test_outage_does_not_lengthen_the_interval() -> None:
    growing = Policy(15.0, exponential_backoff=True)
    outage = [(float(second), UNREACHABLE) for second in range(1, 20)]
    state, decision = watch((0, FORWARD), *outage, (20, FORWARD), policy=growing)
    assert decision == PollAgain(30.0)
    assert (state.polls, state.answers) == (21, 2)


# Stored states and restarts.


def through_json(state: WaitState) -> WaitState:
    return WaitState.from_dict(json.loads(json.dumps(state.to_dict(), allow_nan=False)))


def test_wait_continues_from_a_stored_state() -> None:
    state = through_json(watch((0, FORWARD), (15, UNREACHABLE))[0])
    assert watch((314, UNREACHABLE), state=state)[1] == PollAgain(1.0)
    assert watch((315, UNREACHABLE), state=state)[1] == Ended("unreachable_timeout")


def test_timeout_continues_after_restart_if_unchanged() -> None:
    policy = Policy(15.0, stall_timeout=100.0, selector=AFTER_OLD)
    state = watch((0, OLD), policy=policy)[0].after_restart()
    assert watch((900, OLD), state=state, policy=policy)[1] == Ended("start_timeout")
    state = watch((0, FORWARD), policy=policy)[0].after_restart()
    assert watch((100, FORWARD), state=state, policy=policy)[1] == Ended("stall_timeout")
    state = watch((0, UNKNOWN))[0].after_restart()
    assert watch((600, UNKNOWN), state=state)[1] == Ended("unknown_state_timeout")


def test_timeout_restarts_after_restart_if_changed() -> None:
    """The upgrade may have moved in between: a timeout must never be early."""
    policy = Policy(15.0, selector=AFTER_OLD)
    older = record("CompletedRollback", started_at=at(-9000))
    state = watch((0, older), policy=policy)[0].after_restart()
    state, decision = watch((900, OLD), (1799, OLD), state=state, policy=policy)
    assert decision == PollAgain(1.0)
    assert watch((1800, OLD), state=state, policy=policy)[1] == Ended("start_timeout")
    state = watch((0, UNKNOWN))[0].after_restart()
    state, decision = watch((600, record("Another")), state=state)
    assert decision == PollAgain(15.0)
    assert watch((1200, record("RollingSideways", 7)), state=state)[1] == Ended("unknown_state_timeout")


def test_outage_restarts_after_a_restart() -> None:
    state = watch((0, UNREACHABLE))[0].after_restart()
    assert watch((1000, UNREACHABLE), state=state)[1] == PollAgain(1.0)


def test_continued_outage_needs_five_polls() -> None:
    state = watch((0, FORWARD), (15, UNREACHABLE))[0].resumed()
    polls = [(1000.0 + second, UNREACHABLE) for second in range(4)]
    state, decision = watch(*polls, state=state)
    assert (decision, state.unreachable_since) == (PollAgain(8.0), at(15))
    assert watch((1004, UNREACHABLE), state=state)[1] == Ended("unreachable_timeout")


@pytest.mark.parametrize(
    ("observed", "left"),
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
def test_reschedule_start_timeout_counts_from_the_end(observed: Any, left: float) -> None:
    """In reschedule mode each poke begins with an empty state that contains only the begin of the first."""
    policy = Policy(1000.0, wait_for_existence=True, selector=UpgradeSelector(started_after=at(60_000)))
    state, decision = watch(
        (500, observed), policy=policy, state=WaitState(began_at=START, earlier_polls_unknown=True)
    )
    assert decision == PollAgain(left)
    assert watch((500 + left, observed), policy=policy, state=state)[1] == Ended("start_timeout")


def test_reschedule_other_timeouts_count_from_the_poll() -> None:
    assert watch((5000, UNKNOWN), state=WaitState(began_at=START, earlier_polls_unknown=True))[
        1
    ] == PollAgain(15.0)
    assert watch((5000, FORWARD), (5001, NEVER), state=WaitState(began_at=START, earlier_polls_unknown=True))[
        1
    ] == PollAgain(15.0)


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
def test_policy_round_trip(policy: Policy) -> None:
    written = json.loads(json.dumps(policy.to_dict(), allow_nan=False))
    assert Policy.from_dict(written) == policy


def test_policy_omits_defaults() -> None:
    assert set(POLICIES[-1].to_dict()) == {
        "poke_interval", "unreachable_timeout", "start_timeout", "unknown_state_timeout", "stall_timeout", "on_paused",
        "on_rollback", "wait_for_existence", "exponential_backoff", "max_wait", "deadline", "previous", "started_after",
        "clock_skew", "target_version", "accept_current_version",
    }  # fmt: skip
    assert POLICY.to_dict() == {"poke_interval": 15.0}


def test_defaults_of_a_stored_policy_never_change() -> None:
    assert Policy.from_dict({"poke_interval": 15.0}) == Policy.from_dict({
        "poke_interval": 15.0, "unreachable_timeout": 300.0, "start_timeout": 900.0, "unknown_state_timeout": 600.0,
        "stall_timeout": None, "on_paused": "wait", "on_rollback": "wait", "wait_for_existence": False,
        "exponential_backoff": False, "max_wait": None, "deadline": None, "previous": None, "started_after": None,
        "clock_skew": 60.0, "target_version": None, "accept_current_version": False,
    })  # fmt: skip


def test_unknown_policy_field_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown settings of a wait: hope, patience$"):
        Policy.from_dict({"poke_interval": 15.0, "patience": 3, "hope": 1})


def test_timeline_contains_the_outcomes() -> None:
    paused = record("RollingForward", failed_at=START, **MANUAL)
    state, _ = watch((0, FORWARD), (15, paused), (30, BACK))
    assert [stage.outcome for stage in state.timeline] == [
        Outcome.IN_PROGRESS,
        Outcome.PAUSED,
        Outcome.ROLLING_BACK,
    ]


def test_pause_without_jitter_is_the_longest() -> None:
    assert step(POLICY, WaitState(), UNREACHABLE, START)[1] == PollAgain(1.0)


# The begin of a wait, and its outages.


@pytest.mark.parametrize("first", [FORWARD, UNREACHABLE, MISSING, NEVER])
def test_wait_begins_with_its_first_poll(first: UpgradeProgress | ServiceFabricError) -> None:
    state, _ = watch((7, first))
    assert state.began_at == at(7)


def test_later_polls_keep_the_begin() -> None:
    state, _ = watch((0, FORWARD), (15, UNREACHABLE), (30, FORWARD))
    assert state.began_at == at(0)
    assert through_json(state).began_at == at(0)
    assert (
        watch((500, FORWARD), state=WaitState(began_at=START, earlier_polls_unknown=True))[0].began_at
        == START
    )


def test_begin_alone_does_not_backdate_a_verdict() -> None:
    """Only if earlier polls are unknown, an upgrade may have finished before this poll."""
    assert watch((500, NEVER), state=WaitState(began_at=START))[1] == PollAgain(15.0)
    assert watch((500, NEVER), state=WaitState(began_at=START))[0].verdict_since == at(500)


def test_answer_adds_an_outage_to_the_statistics() -> None:
    state, _ = watch((0, FORWARD), (15, UNREACHABLE), (17, Unreachable("busy", 503)))
    assert state.outages == OutageStats()
    state, _ = watch((40, FORWARD), state=state)
    assert state.outages == OutageStats(count=1, polls=2, longest_seconds=25.0, last_error="HTTP 503: busy")


def test_outage_statistics() -> None:
    state, _ = watch(
        (0, UNREACHABLE), (60, UNREACHABLE), (100, FORWARD), (115, FORWARD), (130, Unreachable("busy", 503)), (131, FORWARD)
    )  # fmt: skip
    assert state.outages == OutageStats(2, 3, 100.0, "HTTP 503: busy")
    assert state.error is None
    state, _ = watch((146, UNREACHABLE), (150, FORWARD), state=through_json(state))
    assert state.outages == OutageStats(3, 4, 100.0, "http://c:19080: timed out")


def test_missing_ends_an_outage() -> None:
    state, _ = watch((0, UNREACHABLE), (9, MISSING), policy=Policy(15.0, wait_for_existence=True))
    assert state.outages == OutageStats(1, 1, 9.0, "http://c:19080: timed out")
    assert state.error is MISSING


def test_missing_is_no_outage() -> None:
    state, _ = watch((0, MISSING), (15, FORWARD), policy=Policy(15.0, wait_for_existence=True))
    assert state.outages == OutageStats()


@pytest.mark.parametrize(
    ("policy", "by"),
    [
        (Policy(15.0, unreachable_timeout=60.0), "unreachable_timeout"),
        (Policy(15.0, deadline=at(60)), "timeout"),
    ],
)
def test_final_outage_is_not_in_the_statistics(policy: Policy, by: str) -> None:
    state, decision = watch((0, UNREACHABLE), (60, UNREACHABLE), policy=policy)
    assert decision == Ended(by)
    assert state.outages == OutageStats()
    assert (state.unreachable_since, state.unreachable_polls, state.error) == (at(0), 2, UNREACHABLE)


def test_outage_before_a_refusal_is_not_counted() -> None:
    state, decision = watch((0, UNREACHABLE), (15, Rejected("no", 403)))
    assert decision == Ended("error")
    assert state.outages == OutageStats()


def test_outage_before_success_is_counted() -> None:
    state, decision = watch((0, UNREACHABLE), (20, DONE))
    assert decision == Ended("upgrade")
    assert state.outages == OutageStats(1, 1, 20.0, "http://c:19080: timed out")


def test_outage_of_an_earlier_process_is_not_counted() -> None:
    state = watch((0, UNREACHABLE))[0].after_restart()
    assert watch((1000, FORWARD), state=state)[0].outages == OutageStats()


# The phases of a cluster configuration.


def configuration(state: str, manifest: int, version: str) -> UpgradeProgress:
    return UpgradeProgress(
        "cluster_configuration", "", state=state, target_version=str(manifest), config_version=version
    )


CONFIGURED = configuration("RollingForwardCompleted", 1, "1.0.0")
PHASE = configuration("RollingForwardInProgress", 2, "1.0.0")
PHASE_DONE = configuration("RollingForwardCompleted", 2, "1.0.0")
PHASE_BACK = configuration("RollingBackInProgress", 2, "1.0.0")
ALL_DONE = configuration("RollingForwardCompleted", 3, "1.1.0")


@pytest.mark.parametrize(
    "selector",
    [UpgradeSelector(), UpgradeSelector(previous=CONFIGURED), UpgradeSelector(target_version="1.1.0")],
)
def test_phase_is_not_the_upgrade(selector: UpgradeSelector) -> None:
    policy = Policy(15.0, selector=selector)
    state, decision = watch((0, PHASE), (15, PHASE_DONE), policy=policy)
    assert decision == PollAgain(15.0)
    assert watch((30, ALL_DONE), policy=policy, state=state)[1] == Ended("upgrade")
    state, decision = watch((900, PHASE_DONE), policy=policy, state=state)
    assert decision == PollAgain(15.0)
    assert watch((915, PHASE_DONE), policy=policy, state=state)[1] == Ended("start_timeout")


def test_undone_phase_is_a_failure() -> None:
    state, decision = watch((0, PHASE), (15, PHASE_BACK), (30, PHASE), (45, PHASE_DONE))
    assert decision == PollAgain(2.0)
    state, decision = watch((47, PHASE_DONE), state=state)
    assert (state.verdict, decision) == (Verdict.FAILED, Ended("upgrade"))
    assert verdict_of(POLICY, state, PHASE_DONE, at(50)) is Verdict.FAILED


def test_latest_configuration_counts_at_once() -> None:
    state, decision = watch((0, ALL_DONE))
    assert decision == Ended("upgrade")
    assert verdict_of(POLICY, state, ALL_DONE, at(1)) is Verdict.SUCCEEDED


def test_first_configuration_upgrade_has_phases() -> None:
    never = configuration("RollingForwardCompleted", 0, "1.0.0")
    first = configuration("RollingForwardInProgress", 1, "1.0.0")
    done = configuration("RollingForwardCompleted", 1, "1.0.0")
    state, decision = watch((0, never), (15, first), (30, done))
    assert decision == PollAgain(15.0)
    assert state.verdict is Verdict.PHASE_COMPLETED


def test_first_answer_after_a_restart_shows_the_gap() -> None:
    state = watch((0, FORWARD))[0].after_restart()
    assert watch((90, BACK), state=state)[0].timeline[-1].unseen_before is True
    assert watch((0, FORWARD), (90, BACK))[0].timeline[-1].unseen_before is False


def test_more_reasons_are_kept_whatever_their_order() -> None:
    few = replace(TURN, failure_reason=None, unhealthy_evaluations=("replica 9 of 'web' is in Error",))
    state, _ = watch((0, FORWARD), (15, TURN), (30, few))
    assert state.reasons == (REASON, *EVALUATIONS)


def test_phase_without_a_version_is_read() -> None:
    unknown = UpgradeProgress("cluster_configuration", "", state="RollingForwardInProgress")
    assert watch((0, unknown))[0].before == UpgradeIdentity(None, None)


def test_verdict_of_a_running_upgrade_needs_the_time() -> None:
    policy = Policy(15.0, on_rollback="fail_fast", selector=UpgradeSelector(started_after=START))
    fresh = record("RollingBack", started_at=None)
    assert verdict_of(policy, WaitState(), fresh, at(30)) is Verdict.FAILED
    assert verdict_of(policy, WaitState(), fresh, at(-90)) is Verdict.PENDING


@pytest.mark.parametrize(
    ("settings", "next_domain", "unwanted"),
    [
        ({"on_paused": "wait"}, "UD2", False),
        ({}, "UD2", True),
        ({}, None, True),
        ({"resumed_domain": "UD2"}, "UD2", False),
        ({"resumed_domain": "UD2"}, "UD3", True),
        ({"resumed_domain": "UD2"}, None, True),
        ({"awaited_domain": "UD3"}, "UD2", False),
        ({"awaited_domain": "UD3"}, "UD3", True),
        ({"awaited_domain": "UD3"}, None, False),
    ],
)
def test_which_pause_ends_the_wait(
    settings: dict[str, Any], next_domain: str | None, *, unwanted: bool
) -> None:
    policy = Policy(**{"poke_interval": 1.0, "on_paused": "fail", **settings})
    assert policy.is_unwanted_pause(next_domain) is unwanted


@pytest.mark.parametrize(("resumed", "seconds"), [("UD2", 15.0), ("UD1", 2.0)])
def test_pause_before_a_started_domain_goes_on(resumed: str, seconds: float) -> None:
    domains = Domains(next_domain="UD2")
    paused = record("RollingForwardPending", rolling_upgrade_mode="UnmonitoredManual", domains=domains)
    policy = Policy(15.0, on_paused="fail", resumed_domain=resumed)
    assert step(policy, WaitState(), paused, START)[1] == PollAgain(seconds)


def test_no_domain_was_resumed_by_default() -> None:
    policy = Policy(poke_interval=1.0)
    assert (policy.resumed_domain, policy.awaited_domain) == (None, None)
