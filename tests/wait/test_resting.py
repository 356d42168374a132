"""A wait that sleeps through answers that bring nothing new, beside one that takes a step for each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import inf

import hypothesis.strategies as st
from hypothesis import assume, given, settings

from airflow_provider_sf.messages.progress_log import LogState, changed_lines, quiet_for
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import DomainProgress, Domains, NodeProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import Ended, PollAgain, may_rest, rested, step, until_a_clock
from tests.wait.test_verdict import GOOD, MOVING, answer, answers, at, histories, meants

HELD_UP = Domains(
    current=DomainProgress("UD1", (NodeProgress("node1", "PreUpgradeSafetyCheck"),), ("node1 waits",))
)

policies = st.builds(
    Policy,
    poke_interval=st.sampled_from([10.0, 15.0, 100.0, 600.0]),
    start_timeout=st.sampled_from([900.0, 4000.0]),
    unknown_state_timeout=st.sampled_from([600.0, 5000.0]),
    stall_timeout=st.none() | st.sampled_from([500.0, 1800.0]),
    on_paused=st.sampled_from(["wait", "fail"]),
    on_rollback=st.sampled_from(["wait", "fail_fast"]),
    wait_for_existence=st.booleans(),
    deadline=st.none() | st.sampled_from([at(3000), at(40_000)]),
    selector=meants,
)


def seen(record: UpgradeProgress, seconds: float) -> UpgradeProgress:
    return replace(record, observed_at=at(seconds), duration_seconds=seconds)


@settings(max_examples=300)
@given(
    policy=policies,
    history=histories,
    last=answers,
    held_up=st.booleans(),
    pause=st.floats(1.0, 700.0),
    polls=st.integers(1, 30),
    then=st.one_of(answers, st.just(Unreachable("timed out"))),
)
def test_to_rest_comes_to_the_same_as_a_step_for_each_poll(
    *,
    policy: Policy,
    history: list[UpgradeProgress],
    last: UpgradeProgress,
    held_up: bool,
    pause: float,
    polls: int,
    then: UpgradeProgress | Unreachable,
) -> None:
    memory, told, now = WaitState(), LogState(), 0.0
    last = replace(last, domains=HELD_UP) if held_up else last
    for observation in (*history, last):
        now += pause
        before = memory
        memory, decision = step(policy, before, observation, at(now))
        told, _ = changed_lines(told, before, memory, policy, at(now))
        assume(isinstance(decision, PollAgain))
    assume(may_rest(policy, memory))
    quiet = min(until_a_clock(policy, memory, at(now)), quiet_for(told, memory, policy, at(now)))
    began, resting, stepping, told_stepping, slept = now, memory, memory, told, 0
    while slept < polls and now + pause < began + quiet:
        now, slept = now + pause, slept + 1
        before = stepping
        stepping, decision = step(policy, before, seen(last, now), at(now))
        assert isinstance(decision, PollAgain)
        told_stepping, lines = changed_lines(told_stepping, before, stepping, policy, at(now))
        assert lines == []
    if slept:
        resting = rested(memory, slept, seen(last, now))
    assert replace(resting, answers=stepping.answers) == stepping
    observed_at = now + pause
    following = seen(then, observed_at) if isinstance(then, UpgradeProgress) else then
    after_rest, one = step(policy, resting, following, at(observed_at))
    after_steps, other = step(policy, stepping, following, at(observed_at))
    assert one == other
    assert replace(after_rest, answers=after_steps.answers) == after_steps
    assert (
        changed_lines(told, resting, after_rest, policy, at(observed_at))[1]
        == changed_lines(told_stepping, stepping, after_steps, policy, at(observed_at))[1]
    )


@settings(max_examples=150)
@given(
    policy=policies,
    state=st.sampled_from([*MOVING, *GOOD]),
    held_up=st.booleans(),
    polls=st.integers(0, 20),
)
def test_what_is_due_after_the_rest_comes_with_the_first_poll_then(
    *, policy: Policy, state: str, held_up: bool, polls: int
) -> None:
    """A line, or the end by a clock: the rest was not too short, and nothing was slept through."""
    last = replace(answer(state, 2, percent=10.0), domains=HELD_UP if held_up else Domains())
    memory, told = WaitState(), LogState()
    for poll in range(polls + 2):
        before = memory
        memory, decision = step(policy, before, seen(last, poll * 10.0), at(poll * 10.0))
        told, _ = changed_lines(told, before, memory, policy, at(poll * 10.0))
        assume(isinstance(decision, PollAgain))
    assume(may_rest(policy, memory))
    now = (polls + 1) * 10.0
    quiet = min(until_a_clock(policy, memory, at(now)), quiet_for(told, memory, policy, at(now)))
    assert 0.0 < quiet < inf
    after, decision = step(policy, memory, seen(last, now + quiet), at(now + quiet))
    lines = changed_lines(told, memory, after, policy, at(now + quiet))[1]
    assert lines or isinstance(decision, Ended)


def test_nobody_rests_whose_last_answer_decides_with_time() -> None:
    """What moves without a start is taken for ours as soon as the time has come."""
    soon = Policy(15.0, selector=UpgradeSelector(started_after=at(30), clock_skew=0.0))
    moving = answer("RollingForward", 2, started=False)
    memory, _ = step(soon, WaitState(), moving, at(0))
    assert not may_rest(soon, memory)
    assert memory.expected is None
    memory, _ = step(soon, memory, moving, at(31))
    assert memory.expected is not None


def test_who_has_seen_a_start_or_asks_for_none_may_rest() -> None:
    soon = Policy(15.0, selector=UpgradeSelector(started_after=at(30), clock_skew=0.0))
    memory, _ = step(soon, WaitState(), answer("RollingForward", 2), at(0))
    assert may_rest(soon, memory)
    memory, _ = step(Policy(15.0), WaitState(), answer("RollingForward", 2, started=False), at(0))
    assert may_rest(Policy(15.0), memory)


def test_nobody_rests_in_doubt_or_without_an_answer() -> None:
    policy = Policy(15.0)
    assert not may_rest(policy, WaitState())
    unconfirmed, _ = step(
        policy, step(policy, WaitState(), answer("RollingForward", 2), at(0))[0], answer("Failed", 2), at(9)
    )
    assert not may_rest(policy, unconfirmed)
    silent, _ = step(policy, WaitState(), Unreachable("timed out"), at(0))
    assert not may_rest(policy, silent)
    told = LogState()
    assert quiet_for(told, silent, policy, at(0)) == 0.0


def test_a_clock_that_nobody_has_set_is_never_due() -> None:
    policy = Policy(15.0)
    memory, _ = step(policy, WaitState(), answer("RollingForward", 2), at(0))
    assert until_a_clock(policy, memory, at(0) + timedelta(days=1)) == inf
