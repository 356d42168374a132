"""
Complete waits over generated histories, compared with an oracle that does not use the code under test.

The oracle reads the history of answers as a user would: which upgrades were there, which of them satisfies the
selector, and what the last answer reports.
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

# At least this many examples; the thorough profile may run more.
MANY = settings(max_examples=max(100, settings().max_examples))

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
    """Return a record of the n-th upgrade: from version v{n-1} to v{n}, started n hours after a fixed time."""
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
transient_errors = st.sampled_from([Unreachable("timed out"), Unreachable("busy", 503, retry_after=30.0)])

selectors = st.builds(
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
    selector=selectors,
)

patient = st.builds(
    Policy,
    poke_interval=st.just(15.0),
    on_paused=st.sampled_from(["wait", "fail"]),
    on_rollback=st.sampled_from(["wait", "fail_fast"]),
    wait_for_existence=st.just(value=True),
    deadline=st.just(at(4 * HOUR)),
    selector=selectors,
)
"""Policies with long timeouts, so that most of a history is read."""

Observed = UpgradeProgress | ServiceFabricError
histories = st.lists(answers | answers | answers | transient_errors, min_size=1, max_size=8)


# The oracle.


def fits(selector: UpgradeSelector, observed: UpgradeProgress, before: list[UpgradeProgress]) -> bool:
    """Whether a successful upgrade satisfies the selector, as the documentation defines it."""
    running_before = [record for record in before if record.state in MOVING]
    proofs = []
    if selector.previous is not None:
        same_start = selector.previous.started_at == observed.started_at
        if same_start and selector.previous.started_at is not None:
            return False
        proofs.append(True)
    if selector.started_after is not None:
        if observed.started_at is None or observed.started_at < selector.started_after - timedelta(
            seconds=selector.clock_skew
        ):
            return False
        proofs.append(True)
    if selector.target_version is not None:
        if observed.target_version != selector.target_version:
            return False
        proofs.append(
            any(record.target_version == selector.target_version for record in running_before)
            or any(record.started_at != observed.started_at for record in before)
        )
    return any(proofs) or not proofs


def is_possible(history: list[Observed]) -> bool:
    """Whether no upgrade goes forward again after its rollback: Service Fabric never does that."""
    rolled_back = set()
    for item in history:
        if isinstance(item, UpgradeProgress) and item.going_back:
            rolled_back.add(item.started_at)
        elif isinstance(item, UpgradeProgress) and item.started_at in rolled_back:
            return False
    return True


def is_success(selector: UpgradeSelector, history: list[Observed]) -> bool:
    last = history[-1]
    if not isinstance(last, UpgradeProgress) or last.state not in GOOD:
        return False
    if selector.accept_current_version and last.target_version == selector.target_version is not None:
        return True
    answers_before = [item for item in history[:-1] if isinstance(item, UpgradeProgress)]
    return last.started_at is not None and fits(selector, last, answers_before)


# The waits.


@dataclass
class Wait:
    """A wait that the test drives, and its history."""

    policy: Policy
    state: WaitState
    history: list[Observed]
    now: float = 0.0
    decision: PollAgain | Ended | None = None

    def poll(self, observed: Observed, jitter: float = 1.0) -> None:
        self.history.append(observed)
        self.state, self.decision = step(self.policy, self.state, observed, at(self.now), jitter=jitter)

    @property
    def succeeded(self) -> bool:
        last = self.history[-1]
        return (
            self.decision == Ended("upgrade")
            and isinstance(last, UpgradeProgress)
            and self.state.verdict is not None
            and not self.state.verdict.bad
        )


def follow(policy: Policy, observations: list[Observed], *, through_json: bool = False) -> Wait:
    """Apply the observations at the times that the wait asks for, until it ends or there are no more."""
    wait = Wait(policy, WaitState(), [])
    for observed in observations:
        wait.poll(observed)
        if isinstance(wait.decision, Ended):
            break
        assert isinstance(wait.decision, PollAgain)
        wait.now += wait.decision.seconds
        if through_json:
            wait.state = WaitState.from_dict(json.loads(json.dumps(wait.state.to_dict(), allow_nan=False)))
            wait.policy = Policy.from_dict(json.loads(json.dumps(wait.policy.to_dict(), allow_nan=False)))
    return wait


@MANY
@given(patient, histories)
def test_success_needs_success_of_the_expected_upgrade(policy: Policy, observed: list[Observed]) -> None:
    assume(is_possible(observed))
    wait = follow(policy, observed)
    if wait.succeeded:
        assert is_success(policy.selector, wait.history)


@MANY
@given(patient, histories)
def test_other_upgrade_never_replaces_a_seen_one(policy: Policy, observed: list[Observed]) -> None:
    """By default the first running upgrade is expected; the success of another start is not a success."""
    policy = replace(policy, selector=UpgradeSelector())
    wait = follow(policy, observed)
    if wait.succeeded:
        running = [
            item.started_at
            for item in wait.history
            if isinstance(item, UpgradeProgress) and item.state in MOVING
        ]
        starts = [start for start in running if start is not None]
        last = wait.history[-1]
        assert isinstance(last, UpgradeProgress)
        assert set(starts[:1]) <= {last.started_at}


@given(patient | policies, histories | st.lists(answers | errors, min_size=1, max_size=8))
def test_stored_state_gives_the_same_decisions(policy: Policy, observed: list[Observed]) -> None:
    stays, travels = follow(policy, observed), follow(policy, observed, through_json=True)
    assert (stays.decision, stays.now, len(stays.history)) == (
        travels.decision,
        travels.now,
        len(travels.history),
    )


@given(policies, st.lists(answers | transient_errors, min_size=1, max_size=4), st.floats(0.1, 1.0))
def test_every_wait_ends_by_its_deadline(policy: Policy, observed: list[Observed], jitter: float) -> None:
    """The last observation repeats: the wait ends by the deadline, or 2 s later to confirm a failure."""
    wait = Wait(policy, WaitState(), [])
    for index in range(20_000):
        wait.poll(observed[min(index, len(observed) - 1)], jitter)
        if isinstance(wait.decision, Ended):
            break
        assert isinstance(wait.decision, PollAgain)
        assert wait.decision.seconds > 0
        wait.now += wait.decision.seconds
    assert isinstance(wait.decision, Ended)
    assert policy.deadline is not None
    assert wait.now <= (policy.deadline - START).total_seconds() + 2.0


@given(policies, st.lists(answers | transient_errors, min_size=1, max_size=6))
def test_timeout_is_never_late_or_early(policy: Policy, observed: list[Observed]) -> None:
    """The condition of the timeout held for exactly its time, as far as the answers show."""
    wait = follow(policy, [*observed, *[observed[-1]] * 3000])
    assert isinstance(wait.decision, Ended)
    limits: dict[str, Any] = {
        "unknown_state_timeout": (policy.unknown_state_timeout, wait.state.verdict_since),
        "start_timeout": (policy.start_timeout, wait.state.verdict_since),
        "stall_timeout": (policy.stall_timeout, wait.state.moved_at),
        "unreachable_timeout": (policy.unreachable_timeout, wait.state.unreachable_since),
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


def moves_of_one_upgrade(forward: list[str], back: list[str], unstarted: int) -> list[UpgradeProgress]:
    """Return answers that go forward, then back; the first ones have no start time yet."""
    return [
        answer(state, 2, started=place >= unstarted, percent=10.0 * (place % 2))
        for place, state in enumerate([*forward, *back])
    ]


single = st.builds(
    moves_of_one_upgrade,
    st.lists(st.sampled_from(FORWARD), max_size=3),
    st.lists(st.sampled_from(BACK), max_size=2),
    st.integers(0, 2),
)
results = st.builds(answer, st.sampled_from([*GOOD, *BAD]), st.just(2))
complete = st.sampled_from(
    [
        UpgradeSelector(),
        UpgradeSelector(previous=answer("CompletedRollforward", 1)),
        UpgradeSelector(previous=answer("CompletedRollforward", 1, started=False)),
        UpgradeSelector(started_after=at(-0.5 * HOUR)),
        UpgradeSelector(previous=answer("Failed", 1), started_after=at(-0.5 * HOUR)),
    ]
)


def verdict_of(wait: Wait) -> object:
    assert isinstance(wait.decision, Ended)
    return wait.decision.by, wait.succeeded


@given(complete, st.booleans(), single, results, st.integers(0, 6))
def test_restart_does_not_change_the_verdict(
    selector: UpgradeSelector,
    has_previous: bool,  # noqa: FBT001 - Hypothesis passes it by position
    moves: list[UpgradeProgress],
    end: UpgradeProgress,
    restart_at: int,
) -> None:
    """The triggerer continues from the first poll of the worker, or from the last state of its predecessor."""
    assume(not (has_previous and selector == UpgradeSelector()))
    assume(end.state in BAD or not any(move.going_back for move in moves))
    old: list[Observed] = [answer("CompletedRollforward", 1)] if has_previous else []
    observed: list[Observed] = [*old, *moves, end, end]
    policy = Policy(15.0, selector=selector, deadline=at(4 * HOUR))
    expected = verdict_of(follow(policy, observed))
    for from_last_state in (False, True):
        assert (
            verdict_of(follow_with_restart(policy, observed, restart_at, from_last_state=from_last_state))
            == expected
        )


def follow_with_restart(
    policy: Policy, observations: list[Observed], restart_at: int, *, from_last_state: bool = False
) -> Wait:
    wait = Wait(policy, WaitState(), [])
    first = WaitState()
    for index, observed in enumerate([*observations, *observations[-1:]]):
        if index == restart_at and index:
            last = WaitState.from_dict(wait.state.to_dict())
            wait.state = last.resumed() if from_last_state else first.after_restart()
        wait.poll(observed)
        if index == 0:
            first = WaitState.from_dict(wait.state.to_dict())
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
def test_restart_delays_a_timeout_by_its_length(
    timeout: str,
    restart_at: int,
    changed: bool,  # noqa: FBT001 - Hypothesis passes it by position
) -> None:
    limit = 300.0
    policy = Policy(
        10.0, unreachable_timeout=limit, start_timeout=limit, unknown_state_timeout=limit, stall_timeout=limit,
        deadline=at(4 * HOUR), selector=UpgradeSelector(previous=answer("CompletedRollforward", 1)),
    )  # fmt: skip
    unchanging: dict[str, Observed] = {
        "start_timeout": answer("CompletedRollforward", 1),
        "unknown_state_timeout": answer("RollingSideways", 2),
        "stall_timeout": answer("RollingForward", 2),
        "unreachable_timeout": Unreachable("timed out"),
    }
    moving = answer("RollingForward", 1 if timeout == "start_timeout" else 2, percent=90.0)
    first: list[Observed] = [moving] if changed else []
    observed = [*first, *[unchanging[timeout]] * 200]
    undisturbed, restarted = follow(policy, observed), follow_with_restart(policy, observed, restart_at)
    assert undisturbed.decision == restarted.decision == Ended(timeout)
    assert undisturbed.now <= restarted.now <= undisturbed.now + limit
    exact = follow_with_restart(policy, observed, restart_at, from_last_state=True)
    assert exact.decision == Ended(timeout)
    # The outage needs five new polls, 1, 2, 4 and 8 seconds apart.
    assert (
        undisturbed.now <= exact.now <= undisturbed.now + (15.0 if timeout == "unreachable_timeout" else 0.0)
    )


@given(complete, single, results)
def test_reschedule_mode_reaches_the_same_verdict(
    selector: UpgradeSelector, moves: list[UpgradeProgress], end: UpgradeProgress
) -> None:
    """Each poke begins with an empty state and confirms a failure at once."""
    assume(end.state in BAD or not any(move.going_back for move in moves))
    policy = Policy(15.0, selector=selector, deadline=at(4 * HOUR))
    continuous = follow(policy, [*moves, end, end])
    poke = Wait(policy, WaitState(), [])
    for index, observed in enumerate([*moves, end]):
        poke = Wait(policy, WaitState(began_at=START, earlier_polls_unknown=True), [], now=15.0 * index)
        poke.poll(observed)
        if poke.state.unconfirmed:
            poke.poll(observed)
        if isinstance(poke.decision, Ended):
            break
    assert verdict_of(poke) == verdict_of(continuous)
