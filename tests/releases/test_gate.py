"""What a gate does before an upgrade domain: a pure decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.releases.gate import EACH_PAUSE, GatePolicy, GateStep, next_gate_step
from airflow_provider_sf.releases.gate_state import (
    MAX_DECISIONS,
    CheckResult,
    GateAction,
    GateState,
    Question,
)
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.identity import UpgradeIdentity

if TYPE_CHECKING:
    from collections.abc import Sequence

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
POLICY = GatePolicy(
    bake_time=timedelta(minutes=5),
    timeout=timedelta(hours=6),
    health_check_retry=timedelta(minutes=10),
    on_failed_check="rollback",
    approve_before=None,
    max_domains=None,
)
STATE = GateState("application", "fabric:/shop/web", "v1", next_domain="UD2", last_domain="UD1")
HEALTHY = replace(STATE, healthy_since=START, checks=())


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def paused(
    following: str | None = "UD2", completed: Sequence[str] = ("UD1",), **answer: Any
) -> UpgradeProgress:
    states = {f"UD{number}": "Pending" for number in range(1, 4)} | dict.fromkeys(completed, "Completed")
    body = {
        "UpgradeState": "RollingForwardPending",
        "RollingUpgradeMode": "UnmonitoredManual",
        "TargetApplicationTypeVersion": "v1",
        "NextUpgradeDomain": following or "",
        "UpgradeDomains": [{"Name": name, "State": state} for name, state in states.items()],
        **answer,
    }
    return UpgradeProgress.from_answer("application", "fabric:/shop/web", body)


def step(
    state: GateState, minutes: float = 5, record: UpgradeProgress | None = None, **policy: Any
) -> GateStep:
    return next_gate_step(replace(POLICY, **policy), state, record or paused(), at(minutes))


def test_health_must_be_good_for_the_bake_time() -> None:
    assert step(HEALTHY, 1) == GateStep(GateAction.BAKE, seconds=240)
    assert step(HEALTHY, 5) == GateStep(GateAction.RESUME)


def test_unknown_health_is_not_good() -> None:
    assert step(STATE, 99) == GateStep(GateAction.BAKE, seconds=600)


def test_bad_health_is_watched_for_some_time() -> None:
    unhealthy = replace(STATE, unhealthy_since=START, unhealthy_because=("a node is down",))
    assert step(unhealthy, 4) == GateStep(GateAction.BAKE, seconds=360)
    assert step(unhealthy, 10) == GateStep(
        GateAction.ROLLBACK, "the application is unhealthy: a node is down"
    )
    assert step(replace(unhealthy, unhealthy_because=()), 10).reason == "the application is unhealthy"


def test_checks_run_after_the_bake_time() -> None:
    assert step(replace(HEALTHY, checks=None), 4).action is GateAction.BAKE
    assert step(replace(HEALTHY, checks=None), 5) == GateStep(GateAction.CHECK)


@pytest.mark.parametrize("action", ["rollback", "pause", "ask"])
def test_failed_check_decides(action: str) -> None:
    failed = replace(
        HEALTHY,
        checks=(
            CheckResult("a", passed=True),
            CheckResult("b", passed=False, message="no"),
            CheckResult("c", passed=False),
        ),
    )
    assert step(failed, on_failed_check=action) == GateStep(GateAction(action), "b: no; c")


def test_failure_on_record_needs_no_bake_time() -> None:
    failed = paused(FailureTimestampUtc="2026-03-01T03:00:30Z", FailureReason="HealthCheck")
    why = "Service Fabric has paused the upgrade after a failure: HealthCheck"
    assert step(STATE, 0, failed) == GateStep(GateAction.ROLLBACK, why)
    seen = replace(STATE, failure_seen_at=failed.failed_at)
    assert step(seen, 0, failed).action is GateAction.BAKE
    without_reason = paused(FailureTimestampUtc="2026-03-01T03:00:30Z")
    assert step(STATE, 0, without_reason).reason == "Service Fabric has paused the upgrade after a failure"


def test_rollback_is_followed() -> None:
    record = paused(UpgradeState="RollingBackPending")
    assert step(HEALTHY, 5, record) == GateStep(
        GateAction.ROLLBACK, "another task or a person has started a rollback"
    )


def test_unnamed_domain_cannot_start() -> None:
    state = replace(HEALTHY, next_domain=None)
    assert step(state, 5, paused(None)) == GateStep(
        GateAction.PAUSE, "Service Fabric names no next upgrade domain"
    )


@pytest.mark.parametrize(
    ("policy", "completed", "approved", "asks"),
    [
        ({"approve_before": "each_domain"}, ("UD1",), (), True),
        ({"approve_before": "each_domain"}, ("UD1", "UD2"), ("UD2",), True),
        ({"approve_before": "second_domain"}, ("UD1",), (), True),
        ({"approve_before": "second_domain"}, ("UD1",), ("start",), True),
        ({"approve_before": "second_domain"}, ("UD1", "UD2"), (), False),
        ({"approve_before": "start"}, ("UD1",), ("start",), False),
        ({"max_domains": 1}, ("UD1",), (), True),
        ({"max_domains": 2}, ("UD1",), (), False),
        ({"max_domains": 2}, ("UD1", "UD2"), (), True),
        ({"max_domains": 1}, ("UD1", "UD2"), ("UD2",), False),
        ({}, ("UD1",), (), False),
    ],
)
def test_when_a_person_must_approve(
    policy: dict[str, Any], completed: tuple[str, ...], approved: tuple[str, ...], *, asks: bool
) -> None:
    following = f"UD{len(completed) + 1}"
    state = replace(HEALTHY, next_domain=following, approved=approved)
    action = step(state, 5, paused(following, completed), **policy).action
    assert action is (GateAction.ASK if asks else GateAction.RESUME)


def test_approved_domain_starts_whatever_was_found() -> None:
    state = replace(STATE, approved=("UD2",), checks=(CheckResult("b", passed=False),))
    assert step(state, 0) == GateStep(GateAction.RESUME, "a person has approved it")


def test_next_domain_is_examined_afresh() -> None:
    state = replace(HEALTHY, resumed_domain="UD2")
    assert state.at(paused(), at(9)) is state
    later = state.at(paused("UD3", ("UD1", "UD2")), at(9))
    assert later == replace(
        state,
        next_domain="UD3",
        last_domain="UD2",
        paused_at=at(9),
        arrived_at=at(9),
        healthy_since=None,
        checks=None,
    )
    assert replace(STATE, next_domain=None).at(paused("UD2", ()), at(9)).last_domain is None


def test_health_restarts_the_bake_time() -> None:
    bad = HEALTHY.with_health(("a node is down",), at(2))
    assert (bad.healthy_since, bad.unhealthy_since, bad.checks) == (None, at(2), None)
    assert bad.with_health(("two nodes are down",), at(3)).unhealthy_since == at(2)
    good = bad.with_health(None, at(4))
    assert (good.healthy_since, good.unhealthy_since, good.unhealthy_because) == (at(4), None, ())
    assert good.with_health(None, at(9)).healthy_since == at(4)


def test_longer_wait_restarts_what_is_watched() -> None:
    changes: dict[str, Any] = {"arrived_at": at(7), "ask_again_at": at(17)}
    longer = replace(HEALTHY, **changes, healthy_since=at(7), checks=None)
    assert HEALTHY.waiting_longer(at(7), at(17)) == longer
    unhealthy = replace(STATE, unhealthy_since=START)
    assert unhealthy.waiting_longer(at(7), at(17)) == replace(STATE, **changes, unhealthy_since=at(7))
    assert step(longer, 8) == GateStep(GateAction.BAKE, seconds=540)
    assert longer.at(paused("UD3", ("UD1", "UD2")), at(9)).ask_again_at is None


def test_decision_has_the_time_that_was_added() -> None:
    """Ten minutes, of which a check took one and a person three."""
    asked = Question(at(4), "UD2", answered_at=at(7))
    elsewhere = Question(at(1), "UD1", answered_at=at(2))
    state = replace(HEALTHY, paused_at=START, check_seconds=60.0, questions=(elsewhere, asked))
    (decision,) = state.decided(GateAction.RESUME, "", at(10)).decisions
    assert (decision.bake_seconds, decision.check_seconds, decision.question_seconds) == (360, 60, 180)
    assert state.at(paused("UD3", ("UD1", "UD2")), at(11)).check_seconds == 0


@pytest.mark.parametrize("seen", [False, True])
def test_pause_without_checks_asks(*, seen: bool) -> None:
    """The policy of ``on_paused="ask"``. A failure is the reason until a person has continued after it."""
    failed = paused(FailureTimestampUtc="2026-03-01T03:00:30Z", FailureReason="HealthCheck")
    state = replace(HEALTHY, failure_seen_at=failed.failed_at if seen else None)
    found = step(state, 0, failed, bake_time=timedelta(0), on_failed_check="ask", approve_before=EACH_PAUSE)
    assert found.action is GateAction.ASK
    waits = "Service Fabric waits before each upgrade domain (UnmonitoredManual mode)"
    fails = "Service Fabric has paused the upgrade after a failure: HealthCheck"
    assert found.reason == (waits if seen else fails)


def test_decisions_and_questions_are_kept() -> None:
    state = HEALTHY
    for _ in range(MAX_DECISIONS + 1):
        state = state.decided(GateAction.RESUME, "", at(5))
    assert len(state.decisions) == MAX_DECISIONS
    assert state.decisions[-1].healthy_seconds == 300.0
    assert STATE.decided(GateAction.PAUSE, "x", at(5)).decisions[0].healthy_seconds is None
    asked = state.asking(Question(at(5), "UD2"))
    answered = asked.answered(replace(asked.questions[0], answer="Continue", answered_at=at(6)))
    assert [question.answer for question in answered.questions] == ["Continue"]
    assert GateState.from_dict(answered.to_dict()) == answered


def test_changing_health_ends_by_the_timeout() -> None:
    state = replace(STATE, arrived_at=START, healthy_since=at(358))
    assert step(state, 359).action is GateAction.BAKE
    why = "the application was not healthy for the bake time within 6:00:00 (timeout)"
    assert step(state, 360) == GateStep(GateAction.ROLLBACK, why)
    unhealthy = replace(
        STATE, arrived_at=START, unhealthy_since=at(358), unhealthy_because=("a node is down",)
    )
    assert step(unhealthy, 360).reason == f"{why}: a node is down"
    assert step(replace(state, healthy_since=at(355), checks=()), 360).action is GateAction.RESUME


def test_approval_is_for_what_was_deployed() -> None:
    before, later = UpgradeIdentity(START, "v0"), UpgradeIdentity(at(5), "v0")
    asked = replace(STATE, approved=("start", "UD9")).about_start("v1", before)
    assert (asked.before, asked.target_version, asked.approved) == (before, "v1", ("UD9",))
    approved = replace(asked, approved=("start",))
    assert approved.about_start("v1", before) == approved
    assert approved.about_start("v1", later).approved == ()
    assert approved.about_start("v2", before).approved == ()


def test_actions_are_words() -> None:
    assert [str(action) for action in GateAction] == ["bake", "check", "resume", "ask", "rollback", "pause"]
