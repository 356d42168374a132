"""A wait that only counts polls with the same record, compared with one that takes a step for each."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_sf.messages.log_state import LogState
from airflow_provider_sf.messages.progress_log import changed_lines
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import (
    Ended,
    PollAgain,
    seconds_unchanged,
    step,
    with_unchanged_polls,
)
from tests.wait.test_verdict import Observed, answer, answers, at, histories, policies


def last_state(policy: Policy, observations: list[Observed], pause: float) -> tuple[WaitState, float]:
    """Return the state after these polls, and the time. Observations that would end the wait are left out."""
    state, now = WaitState(), 0.0
    for observation in observations:
        after, decision = step(policy, state, observation, at(now + pause))
        if isinstance(decision, PollAgain):
            state, now = after, now + pause
    return state, now


def comparable(state: WaitState) -> WaitState:
    """Leave out what unchanged polls do not update until the next step."""
    return replace(state, answers=0, record=state.record and replace(state.record, observed_at=None))


@settings(max_examples=max(100, settings().max_examples))
@given(
    policy=policies,
    history=histories,
    pause=st.floats(1.0, 700.0),
    polls=st.integers(1, 30),
    then=answers | st.just(Unreachable("timed out")),
)
def test_unchanged_polls_equal_steps(
    *,
    policy: Policy,
    history: list[Observed],
    pause: float,
    polls: int,
    then: Observed,
) -> None:
    state, now = last_state(policy, history, pause)
    until = now + seconds_unchanged(policy, state, at(now))
    stepped, counted = state, 0
    while counted < polls and now + pause < until:
        now, counted = now + pause, counted + 1
        assert state.record is not None
        stepped, decision = step(policy, stepped, state.record, at(now))
        assert isinstance(decision, PollAgain)
    if not counted:
        return
    skipped = with_unchanged_polls(state, counted, at(now))
    assert comparable(skipped) == comparable(stepped)
    after_skipped, decision = step(policy, skipped, then, at(now + pause))
    after_stepped, same_decision = step(policy, stepped, then, at(now + pause))
    assert comparable(after_skipped) == comparable(after_stepped)
    assert decision == same_decision


@settings(max_examples=max(75, settings().max_examples))
@given(policy=policies, history=histories, pause=st.floats(1.0, 700.0))
def test_timeout_ends_the_unchanged_time(*, policy: Policy, history: list[Observed], pause: float) -> None:
    state, now = last_state(policy, history, pause)
    seconds = seconds_unchanged(policy, state, at(now))
    if state.record is not None and 0.0 < seconds < inf:
        assert isinstance(step(policy, state, state.record, at(now + seconds))[1], Ended)


def after(policy: Policy, *observations: Observed) -> WaitState:
    state = WaitState()
    for poll, observation in enumerate(observations):
        state, _ = step(policy, state, observation, at(15.0 * poll))
    return state


FORWARD = answer("RollingForward", 2)
POLICY = Policy(15.0)


def test_record_without_timeout_is_unchanged_forever() -> None:
    assert seconds_unchanged(POLICY, after(POLICY, FORWARD), at(0)) == inf


def test_time_may_decide_without_a_start_time() -> None:
    policy = Policy(15.0, selector=UpgradeSelector(started_after=at(30), clock_skew=0.0))
    without_start = answer("RollingForward", 2, started=False)
    state = after(policy, without_start)
    assert state.expected is None
    assert seconds_unchanged(policy, state, at(0)) == 0.0
    assert step(policy, state, without_start, at(31))[0].expected is not None
    assert seconds_unchanged(policy, after(policy, FORWARD), at(0)) == inf


def test_uncertain_states_need_every_step() -> None:
    timed_out = Unreachable("timed out")
    assert seconds_unchanged(POLICY, WaitState(), at(0)) == 0.0
    assert seconds_unchanged(POLICY, after(POLICY, FORWARD, timed_out), at(15)) == 0.0
    assert seconds_unchanged(POLICY, after(POLICY, FORWARD, answer("Failed", 2)), at(15)) == 0.0


def test_backoff_needs_every_step() -> None:
    policy = replace(POLICY, exponential_backoff=True)
    assert seconds_unchanged(policy, after(policy, FORWARD), at(0)) == 0.0


def test_stall_warning_survives_unchanged_polls() -> None:
    """It is due between two steps: the first step after that logs it."""
    policy = Policy(15.0, stall_timeout=1000.0)
    before = after(policy, FORWARD)
    state = with_unchanged_polls(before, 35, at(525))
    later, _ = step(policy, state, FORWARD, at(540))
    log_state = LogState.from_record(FORWARD, at(0))
    _, lines = changed_lines(log_state, before, later, policy, at(540))
    assert sum("stall_timeout" in line for _, line in lines) == 1
