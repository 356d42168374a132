"""
Whole waits over generated histories, against an oracle that knows nothing of how the wait decides.

The oracle reads the history of answers with the user's eyes: which upgrades were there, which of them fits what was
given, and how the last answer says that it ended.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import hypothesis.strategies as st
from hypothesis import assume, given, settings

from airflow_provider_sf.rest import Rejected, ServiceFabricError, UnexpectedAnswer, Unreachable
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import Ended, PollAgain, step

settings.register_profile("verdict", max_examples=400, deadline=None, derandomize=True)
settings.load_profile("verdict")

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
HOUR = 3600.0

FORWARD = [
    "ProvisioningTarget",
    "RollingForward",
    "RollingForwardInProgress",
    "RollingForwardPending",
    "UnprovisioningCurrent",
]
BACK = ["RollingBack", "RollingBackInProgress", "RollingBackPending", "UnprovisioningTarget"]
GOOD = ["CompletedRollforward", "RollingForwardCompleted"]
BAD = ["CompletedRollback", "RollingBackCompleted", "Failed"]
STRANGE = ["Invalid", "RollingSideways", None]
MOVING = FORWARD + BACK


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def answer(
    state: str | None,
    upgrade: int,
    *,
    started: bool = True,
    percent: float = 0.0,
    manual: bool = False,
    failed: bool = False,
) -> UpgradeProgress:
    """Return what is said of the n-th upgrade: from version v{n-1} to v{n}, started n hours after a fixed time."""
    backward = state in [*BACK, "CompletedRollback", "RollingBackCompleted"]
    return UpgradeProgress(
        "application_resource",
        "shop",
        state=state,
        target_version=f"v{upgrade - 1 if backward else upgrade}",
        started_at=at((upgrade - 2) * HOUR) if started else None,
        percent_completed=percent,
        services=(ServiceProgress("web", int(percent), 8),),
        rolling_upgrade_mode="UnmonitoredManual" if manual else "Monitored",
        failed_at=at(1) if failed else None,
    )


answers = st.builds(
    answer,
    st.sampled_from([*MOVING, *GOOD, *GOOD, *BAD, *STRANGE]),
    st.integers(1, 3),
    started=st.sampled_from([True, True, True, False]),
    percent=st.sampled_from([0.0, 10.0, 90.0]),
    manual=st.booleans(),
    failed=st.booleans(),
)
errors = st.sampled_from(
    [
        Unreachable("timed out"),
        Unreachable("busy", 503, retry_after=30.0),
        Rejected("no", 403, "E_ACCESSDENIED"),
        Rejected("not there", 500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND"),
        UnexpectedAnswer("what"),
    ]
)
passing_errors = st.sampled_from([Unreachable("timed out"), Unreachable("busy", 503, retry_after=30.0)])

meants = st.builds(
    UpgradeSelector,
    previous=st.none()
    | st.builds(answer, st.sampled_from([*MOVING, *GOOD, *BAD]), st.integers(1, 2), started=st.booleans()),
    started_after=st.none() | st.sampled_from([at(-1.5 * HOUR), at(-0.5 * HOUR), at(0.5 * HOUR)]),
    clock_skew=st.sampled_from([0.0, 60.0]),
    target_version=st.none() | st.sampled_from(["v1", "v2", "v3"]),
    accept_current_version=st.booleans(),
)
policies = st.builds(
    Policy,
    poke_interval=st.sampled_from([10.0, 15.0, 600.0]),
    unreachable_timeout=st.sampled_from([0.0, 60.0, 300.0]),
    start_timeout=st.sampled_from([0.0, 120.0, 900.0]),
    unknown_state_timeout=st.sampled_from([0.0, 600.0]),
    stall_timeout=st.none() | st.sampled_from([120.0, 1800.0]),
    on_paused=st.sampled_from(["wait", "fail"]),
    on_rollback=st.sampled_from(["wait", "fail_fast"]),
    wait_for_existence=st.booleans(),
    exponential_backoff=st.booleans(),
    max_wait=st.none() | st.just(60.0),
    deadline=st.sampled_from([at(0), at(700), at(4 * HOUR)]),
    selector=meants,
)

patient = st.builds(
    Policy,
    poke_interval=st.just(15.0),
    on_paused=st.sampled_from(["wait", "fail"]),
    on_rollback=st.sampled_from(["wait", "fail_fast"]),
    wait_for_existence=st.just(value=True),
    deadline=st.just(at(4 * HOUR)),
    selector=meants,
)
"""Policies that let most of a history happen."""

Observed = UpgradeProgress | ServiceFabricError
histories = st.lists(answers | answers | answers | passing_errors, min_size=1, max_size=8)


# The oracle.


def fits(selector: UpgradeSelector, seen: UpgradeProgress, before: list[UpgradeProgress]) -> bool:
    """Whether an upgrade that has succeeded is the one that was asked for, by the words of the documentation."""
    earlier_moves = [one for one in before if one.state in MOVING]
    proofs = []
    if selector.previous is not None:
        same_start = selector.previous.started_at == seen.started_at
        if same_start and selector.previous.started_at is not None:
            return False
        proofs.append(True)
    if selector.started_after is not None:
        if seen.started_at is None or seen.started_at < selector.started_after - timedelta(
            seconds=selector.clock_skew
        ):
            return False
        proofs.append(True)
    if selector.target_version is not None:
        if seen.target_version != selector.target_version:
            return False
        proofs.append(
            any(one.target_version == selector.target_version for one in earlier_moves)
            or any(one.started_at != seen.started_at for one in before)
        )
    return any(proofs) or not proofs


def is_success(selector: UpgradeSelector, history: list[Observed]) -> bool:
    last = history[-1]
    if not isinstance(last, UpgradeProgress) or last.state not in GOOD:
        return False
    if selector.accept_current_version and last.target_version == selector.target_version is not None:
        return True
    answers_before = [one for one in history[:-1] if isinstance(one, UpgradeProgress)]
    return last.started_at is not None and fits(selector, last, answers_before)


# The waits.


@dataclass
class Wait:
    """A wait that is driven from outside, and what it has seen."""

    policy: Policy
    memory: WaitState
    history: list[Observed]
    now: float = 0.0
    decision: PollAgain | Ended | None = None

    def look(self, observed: Observed, jitter: float = 1.0) -> None:
        self.history.append(observed)
        self.memory, self.decision = step(self.policy, self.memory, observed, at(self.now), jitter=jitter)

    @property
    def succeeded(self) -> bool:
        last = self.history[-1]
        return (
            self.decision == Ended("upgrade")
            and isinstance(last, UpgradeProgress)
            and self.memory.verdict is not None
            and not self.memory.verdict.bad
        )


def follow(policy: Policy, observations: list[Observed], *, through_json: bool = False) -> Wait:
    """Feed one observation after another, each when the wait asks for it, until it ends or there are no more."""
    wait = Wait(policy, WaitState(), [])
    for observed in observations:
        wait.look(observed)
        if isinstance(wait.decision, Ended):
            break
        assert isinstance(wait.decision, PollAgain)
        wait.now += wait.decision.seconds
        if through_json:
            wait.memory = WaitState.from_dict(json.loads(json.dumps(wait.memory.to_dict(), allow_nan=False)))
            wait.policy = Policy.from_dict(json.loads(json.dumps(wait.policy.to_dict(), allow_nan=False)))
    return wait


@settings(max_examples=2000)
@given(patient, histories)
def test_success_is_only_a_terminal_success_of_the_upgrade_that_is_meant(
    policy: Policy, seen: list[Observed]
) -> None:
    wait = follow(policy, seen)
    if wait.succeeded:
        assert is_success(policy.selector, wait.history)


@settings(max_examples=2000)
@given(patient, histories)
def test_nobody_else_ever_takes_the_place_of_an_upgrade_that_was_seen(
    policy: Policy, seen: list[Observed]
) -> None:
    """With nothing given, the first upgrade that is seen moving is ours; the end of another start is no success."""
    policy = replace(policy, selector=UpgradeSelector())
    wait = follow(policy, seen)
    if wait.succeeded:
        moving = [
            one.started_at for one in wait.history if isinstance(one, UpgradeProgress) and one.state in MOVING
        ]
        starts = [start for start in moving if start is not None]
        last = wait.history[-1]
        assert isinstance(last, UpgradeProgress)
        assert set(starts[:1]) <= {last.started_at}


@given(patient | policies, histories | st.lists(answers | errors, min_size=1, max_size=8))
def test_a_wait_that_moves_between_processes_decides_the_same(policy: Policy, seen: list[Observed]) -> None:
    stays, travels = follow(policy, seen), follow(policy, seen, through_json=True)
    assert (stays.decision, stays.now, len(stays.history)) == (
        travels.decision,
        travels.now,
        len(travels.history),
    )


@given(policies, st.lists(answers | passing_errors, min_size=1, max_size=4), st.floats(0.1, 1.0))
def test_every_wait_ends_within_its_clocks(policy: Policy, seen: list[Observed], jitter: float) -> None:
    """The last observation stays for ever: the wait ends at the deadline at the latest, or 2 s later to confirm."""
    wait = Wait(policy, WaitState(), [])
    for place in range(20_000):
        wait.look(seen[min(place, len(seen) - 1)], jitter)
        if isinstance(wait.decision, Ended):
            break
        assert isinstance(wait.decision, PollAgain)
        assert wait.decision.seconds > 0
        wait.now += wait.decision.seconds
    assert isinstance(wait.decision, Ended)
    assert policy.deadline is not None
    assert wait.now <= (policy.deadline - START).total_seconds() + 2.0


@given(policies, st.lists(answers | passing_errors, min_size=1, max_size=6))
def test_a_clock_is_never_late_and_never_early(policy: Policy, seen: list[Observed]) -> None:
    """Whatever a clock ends was so for exactly its time, as far as anybody could see."""
    wait = follow(policy, [*seen, *[seen[-1]] * 3000])
    assert isinstance(wait.decision, Ended)
    limits: dict[str, Any] = {
        "unknown_state_timeout": (policy.unknown_state_timeout, wait.memory.verdict_since),
        "start_timeout": (policy.start_timeout, wait.memory.verdict_since),
        "stall_timeout": (policy.stall_timeout, wait.memory.moved_at),
        "unreachable_timeout": (policy.unreachable_timeout, wait.memory.unreachable_since),
    }
    if wait.decision.by in limits:
        limit, since = limits[wait.decision.by]
        if (
            isinstance(wait.history[-2] if len(wait.history) > 1 else None, UpgradeProgress)
            or wait.decision.by == "unreachable_timeout"
        ):
            assert (at(wait.now) - since).total_seconds() == limit
        else:
            assert (at(wait.now) - since).total_seconds() >= limit


single = st.lists(
    st.builds(
        answer,
        st.sampled_from([*FORWARD, *BACK]),
        st.just(2),
        started=st.booleans(),
        percent=st.sampled_from([0.0, 10.0]),
    ),
    max_size=4,
)
ends = st.builds(answer, st.sampled_from([*GOOD, *BAD]), st.just(2))
telling = st.sampled_from(
    [
        UpgradeSelector(),
        UpgradeSelector(previous=answer("CompletedRollforward", 1)),
        UpgradeSelector(previous=answer("CompletedRollforward", 1, started=False)),
        UpgradeSelector(started_after=at(-0.5 * HOUR)),
        UpgradeSelector(previous=answer("Failed", 1), target_version="v2"),
    ]
)


def verdict_of(wait: Wait) -> object:
    assert isinstance(wait.decision, Ended)
    return wait.decision.by, wait.succeeded


@given(telling, st.booleans(), single, ends, st.integers(0, 6))
def test_a_restart_changes_nothing_about_one_upgrade(
    selector: UpgradeSelector,
    has_old: bool,  # noqa: FBT001 - hypothesis gives it by position
    moves: list[UpgradeProgress],
    end: UpgradeProgress,
    at_poll: int,
) -> None:
    """The triggerer goes on from the worker's first look, or from what the one before it knew last."""
    assume(not (has_old and selector == UpgradeSelector()))
    old: list[Observed] = [answer("CompletedRollforward", 1)] if has_old else []
    seen: list[Observed] = [*old, *moves, end, end]
    policy = Policy(15.0, selector=selector, deadline=at(4 * HOUR))
    expected = verdict_of(follow(policy, seen))
    for read_back in (False, True):
        assert verdict_of(follow_with_restart(policy, seen, at_poll, read_back=read_back)) == expected


def follow_with_restart(
    policy: Policy, observations: list[Observed], at_poll: int, *, read_back: bool = False
) -> Wait:
    wait = Wait(policy, WaitState(), [])
    first = WaitState()
    for place, observed in enumerate([*observations, *observations[-1:]]):
        if place == at_poll and place:
            last = WaitState.from_dict(wait.memory.to_dict())
            wait.memory = last.taken_up() if read_back else first.after_restart()
        wait.look(observed)
        if place == 0:
            first = WaitState.from_dict(wait.memory.to_dict())
        if isinstance(wait.decision, Ended):
            break
        assert isinstance(wait.decision, PollAgain)
        wait.now += wait.decision.seconds
    return wait


@given(
    st.sampled_from(["start_timeout", "unknown_state_timeout", "stall_timeout", "unreachable_timeout"]),
    st.integers(0, 60),
    st.booleans(),
)
def test_a_restart_makes_a_clock_late_by_no_more_than_its_length(
    clock: str,
    at_poll: int,
    changed: bool,  # noqa: FBT001 - hypothesis gives it by position
) -> None:
    limit = 300.0
    policy = Policy(
        10.0, unreachable_timeout=limit, start_timeout=limit, unknown_state_timeout=limit, stall_timeout=limit,
        deadline=at(4 * HOUR), selector=UpgradeSelector(previous=answer("CompletedRollforward", 1)),
    )  # fmt: skip
    standing: dict[str, Observed] = {
        "start_timeout": answer("CompletedRollforward", 1),
        "unknown_state_timeout": answer("RollingSideways", 2),
        "stall_timeout": answer("RollingForward", 2),
        "unreachable_timeout": Unreachable("timed out"),
    }
    moving = answer("RollingForward", 1 if clock == "start_timeout" else 2, percent=90.0)
    first: list[Observed] = [moving] if changed else []
    seen = [*first, *[standing[clock]] * 200]
    calm, restarted = follow(policy, seen), follow_with_restart(policy, seen, at_poll)
    assert calm.decision == restarted.decision == Ended(clock)
    assert calm.now <= restarted.now <= calm.now + limit
    exact = follow_with_restart(policy, seen, at_poll, read_back=True)
    assert exact.decision == Ended(clock)
    # A silence is looked into anew: five looks, 1, 2, 4 and 8 seconds apart.
    assert calm.now <= exact.now <= calm.now + (15.0 if clock == "unreachable_timeout" else 0.0)


@given(telling, single, ends)
def test_legs_that_know_nothing_of_each_other_decide_the_same(
    selector: UpgradeSelector, moves: list[UpgradeProgress], end: UpgradeProgress
) -> None:
    """In reschedule mode each leg begins with an empty memory and confirms a bad end on the spot."""
    policy = Policy(15.0, selector=selector, deadline=at(4 * HOUR))
    remembering = follow(policy, [*moves, end, end])
    leg = Wait(policy, WaitState(), [])
    for place, observed in enumerate([*moves, end]):
        leg = Wait(policy, WaitState(began_at=START, earlier_polls_unknown=True), [], now=15.0 * place)
        leg.look(observed)
        if leg.memory.unconfirmed:
            leg.look(observed)
        if isinstance(leg.decision, Ended):
            break
    assert verdict_of(leg) == verdict_of(remembering)
