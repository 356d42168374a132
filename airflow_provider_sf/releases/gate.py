"""What to do before each upgrade domain, by what is on record and what was found. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_sf.releases.gate_state import START, GateAction

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from airflow_provider_sf.releases.gate_state import GateState
    from airflow_provider_sf.upgrades import UpgradeProgress

APPROVALS = ("start", "second_domain", "each_domain")
"""When a person must approve: before the upgrade, before its second domain, or before each but the first."""

EACH_PAUSE = "each_pause"
"""A person must approve at each pause: ``on_paused="ask"`` of the operator without checks."""

FAILED_CHECK_ACTIONS = ("rollback", "pause", "ask")


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What must be true before an upgrade domain starts; see the operator."""

    bake_time: timedelta
    timeout: timedelta
    """The application must have been healthy for the bake time within this time."""
    health_check_retry: timedelta
    on_failed_check: str
    approve_before: str | None
    max_domains: int | None


@dataclass(frozen=True, slots=True)
class GateStep:
    """What to do now; ``seconds`` is the remaining time of BAKE, ``reason`` says why in all other cases."""

    action: GateAction
    reason: str = ""
    seconds: float = 0.0


def next_gate_step(policy: GatePolicy, state: GateState, record: UpgradeProgress, now: datetime) -> GateStep:
    """
    Return what to do while the upgrade is paused before an upgrade domain.

    The order: the application must be healthy for the bake time, then the checks must pass, then a person
    must approve if the policy wants that. A failure of Service Fabric's own health check counts as a check.
    If a person wants to wait longer, nothing is decided before that time.
    """
    if step := _step_without_checks(state, record, now):
        return step
    waiting = _bake_seconds(policy, state, now)
    problem = _failure_on_record(state, record) or _health_problem(policy, state, waiting, now)
    if not problem and waiting > 0:
        return GateStep(GateAction.BAKE, seconds=waiting)
    if not problem and state.checks is None:
        return GateStep(GateAction.CHECK)
    return _decision(policy, state, record, problem or _failed_checks(state))


def _step_without_checks(state: GateState, record: UpgradeProgress, now: datetime) -> GateStep | None:
    """Return what to do whatever health and checks say; None if they decide."""
    if record.going_back:
        return GateStep(GateAction.ROLLBACK, "another task or a person has started a rollback")
    if state.next_domain is None:
        return GateStep(GateAction.PAUSE, "Service Fabric names no next upgrade domain")
    if state.next_domain in state.approved:
        return GateStep(GateAction.RESUME, "a person has approved it")
    if state.ask_again_at is not None and now < state.ask_again_at:
        return GateStep(GateAction.BAKE, seconds=(state.ask_again_at - now).total_seconds())
    return None


def _decision(policy: GatePolicy, state: GateState, record: UpgradeProgress, problem: str) -> GateStep:
    """Return what to do after the bake time and the checks."""
    if problem:
        return GateStep(GateAction(policy.on_failed_check), problem)
    approval = _needs_approval(policy, state, record)
    return GateStep(GateAction.ASK if approval else GateAction.RESUME, approval)


def _failure_on_record(state: GateState, record: UpgradeProgress) -> str:
    """Return a failure of Service Fabric's own health check, unless a person has continued after it."""
    if record.failed_at is None or record.failed_at == state.failure_seen_at:
        return ""
    reason = f": {record.failure_reason}" if record.failure_reason else ""
    return f"Service Fabric has paused the upgrade after a failure{reason}"


def _health_problem(policy: GatePolicy, state: GateState, waiting: float, now: datetime) -> str:
    """Return that the application was unhealthy for too long, or not healthy for long enough in time."""
    reasons = "; ".join(state.unhealthy_because)
    because = f": {reasons}" if reasons else ""
    if state.unhealthy_since is not None and waiting <= 0:
        return f"the application is unhealthy{because}"
    if waiting > 0 and state.arrived_at is not None and now - state.arrived_at >= policy.timeout:
        return f"the application was not healthy for the bake time within {policy.timeout} (timeout){because}"
    return ""


def _bake_seconds(policy: GatePolicy, state: GateState, now: datetime) -> float:
    """Return for how long the health must be watched from now on; 0 if it was good for long enough."""
    if state.healthy_since is not None:
        return (state.healthy_since + policy.bake_time - now).total_seconds()
    since = state.unhealthy_since or now
    return (since + policy.health_check_retry - now).total_seconds()


def _failed_checks(state: GateState) -> str:
    failed = [check for check in state.checks or () if not check.passed]
    return "; ".join(f"{check.name}: {check.message}" if check.message else check.name for check in failed)


def _needs_approval(policy: GatePolicy, state: GateState, record: UpgradeProgress) -> str:
    """Return why a person must approve the next upgrade domain; empty if none must."""
    completed = sum(unit.completed for unit in record.domains.upgrade_domains)
    has_approved = any(approved != START for approved in state.approved)
    if policy.approve_before == EACH_PAUSE:
        return "Service Fabric waits before each upgrade domain (UnmonitoredManual mode)"
    if policy.approve_before == "each_domain":
        return "each upgrade domain needs an approval (approve_before)"
    if policy.approve_before == "second_domain" and not has_approved and completed <= 1:
        return "the second upgrade domain needs an approval (approve_before)"
    if policy.max_domains is not None and completed >= policy.max_domains and not has_approved:
        return f"{completed} upgrade domains are completed (max_domains)"
    return ""
