"""What to do before each upgrade domain, by what is on record and what was found. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_sf.serialization import REQUIRED, Record

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades import UpgradeProgress

SCHEMA = "service_fabric.upgrade_gate/1"

APPROVALS = ("start", "second_domain", "each_domain")
"""When a person must approve: before the upgrade, before its second domain, or before each but the first."""

FAILED_CHECK_ACTIONS = ("rollback", "pause", "ask")

CONTINUE, LONGER, ROLL_BACK, LEAVE = "Continue", "Wait longer", "Roll back", "Leave it"

OPTIONS = (CONTINUE, LONGER, ROLL_BACK, LEAVE)
"""The answers to each question: Airflow shows the options of the first question of a task again."""

ANSWERS = {"continue": CONTINUE, "rollback": ROLL_BACK, "leave": LEAVE}
"""The answers that can be a default, by the value of the parameter."""

START = "start"
"""Stands for the start of the upgrade where else the name of an upgrade domain stands."""

MAX_DECISIONS, MAX_ANSWERS = 200, 50
"""The latest ones are kept: a cluster has at most some dozens of upgrade domains."""


class GateAction(str, Enum):
    """What the task does before an upgrade domain."""

    BAKE = "bake"
    """Wait until the application has been healthy, or unhealthy, for long enough."""
    CHECK = "check"
    """Run the checks of the user."""
    RESUME = "resume"
    """Start the next upgrade domain."""
    ASK = "ask"
    """Ask a person."""
    ROLLBACK = "rollback"
    PAUSE = "pause"
    """Fail, and leave the upgrade paused."""

    def __str__(self) -> str:
        """Return the value, as it is in the XCom."""
        return self.value


@dataclass(frozen=True, slots=True)
class CheckResult(Record):
    """The result of one check."""

    name: str
    passed: bool
    message: str = ""
    """Why it failed."""


@dataclass(frozen=True, slots=True)
class GateDecision(Record):
    """A decision before an upgrade domain, and what it is based on."""

    at: datetime
    upgrade_domain: str | None = field(metadata=REQUIRED)
    """The upgrade domain that was completed last."""
    next_upgrade_domain: str | None = field(metadata=REQUIRED)
    healthy_seconds: float | None = None
    """For how long the application was healthy; None if it was not."""
    checks: tuple[CheckResult, ...] = ()
    action: str = ""
    """resume, rollback, pause or ask"""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Question(Record):
    """A question to a person, and the answer."""

    asked_at: datetime
    next_upgrade_domain: str | None = field(metadata=REQUIRED)
    """The upgrade domain that the answer Continue starts; ``start`` for the upgrade itself."""
    question: str = ""
    answer: str | None = None
    answered_at: datetime | None = None
    answered_by: str | None = None
    timed_out: bool = False
    """Whether there was no answer in time, so that the default answer counts."""
    acted: bool = False
    refused_because: str | None = None
    """Why the answer was not followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PausedUpgrade:
    """What a check of the user gets: an upgrade that is paused before an upgrade domain."""

    name: str
    target_version: str | None
    upgrade_domain: str | None
    """The upgrade domain that was completed last."""
    next_upgrade_domain: str
    progress: UpgradeProgress
    """What Service Fabric reports, as in the XCom ``upgrade_progress``."""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What must be true before an upgrade domain starts; see the operator."""

    bake_time: timedelta
    health_check_retry: timedelta
    on_failed_check: str
    approve_before: str | None
    max_domains: int | None


@dataclass(frozen=True, slots=True)
class GateState(Record):
    """What a task knows of its upgrade, also after it was deferred or retried: the XCom ``upgrade_gate``."""

    schema_id: ClassVar[str] = SCHEMA

    kind: str
    name: str
    target_version: str | None = field(default=None, metadata=REQUIRED)
    started_at: datetime | None = None
    """The start time of the upgrade."""
    decisions: tuple[GateDecision, ...] = ()
    questions: tuple[Question, ...] = ()
    """The last one may be open: without an answer."""
    next_domain: str | None = None
    """The upgrade domain before which the upgrade is paused, as far as the task has seen."""
    last_domain: str | None = None
    """The upgrade domain that was completed last."""
    healthy_since: datetime | None = None
    unhealthy_since: datetime | None = None
    unhealthy_because: tuple[str, ...] = ()
    checks: tuple[CheckResult, ...] | None = None
    """The results before ``next_domain``; None if they have not run."""
    approved: tuple[str, ...] = ()
    """The upgrade domains that a person has approved, and ``start``."""
    resumed_domain: str | None = None
    """The upgrade domain that this task has started last."""
    failure_seen_at: datetime | None = None
    """The failure of Service Fabric's own health check that a person has seen."""
    rollback_reason: str | None = None
    """Why the task has decided to roll back: it does nothing else from then on."""
    max_tries: int = 0
    """It grows when a person clears the task: then the task begins again without this state."""

    @property
    def open_question(self) -> Question | None:
        """The question that has no answer yet."""
        last = self.questions[-1] if self.questions else None
        return last if last is not None and last.answered_at is None else None

    def at(self, record: UpgradeProgress) -> GateState:
        """Return the state for a pause; before another upgrade domain, everything is checked again."""
        following = record.domains.next_domain
        if following == self.next_domain:
            return self
        return replace(
            self,
            next_domain=following,
            last_domain=_completed_last(self, record),
            healthy_since=None,
            unhealthy_since=None,
            unhealthy_because=(),
            checks=None,
        )

    def with_health(self, problems: tuple[str, ...] | None, now: datetime) -> GateState:
        """
        Add what the cluster says about the health of the application.

        :param problems: the reasons of bad health; None for good health
        """
        if problems is None:
            return replace(
                self, healthy_since=self.healthy_since or now, unhealthy_since=None, unhealthy_because=()
            )
        since = self.unhealthy_since or now
        return replace(
            self, healthy_since=None, unhealthy_since=since, unhealthy_because=problems, checks=None
        )

    def decided(self, action: GateAction, reason: str, now: datetime) -> GateState:
        """Add a decision."""
        decision = GateDecision(
            at=now,
            upgrade_domain=self.last_domain,
            next_upgrade_domain=self.next_domain,
            healthy_seconds=self.healthy_seconds(now),
            checks=self.checks or (),
            action=action.value,
            reason=reason,
        )
        return replace(self, decisions=(*self.decisions, decision)[-MAX_DECISIONS:])

    def healthy_seconds(self, now: datetime) -> float | None:
        """Return for how long the application has been healthy; None if it is not."""
        return None if self.healthy_since is None else (now - self.healthy_since).total_seconds()

    def asking(self, question: Question) -> GateState:
        """Add a question."""
        return replace(self, questions=(*self.questions, question)[-MAX_ANSWERS:])

    def answered(self, question: Question) -> GateState:
        """Replace the open question by the answered one."""
        return replace(self, questions=(*self.questions[:-1], question))

    def baking_again(self, now: datetime) -> GateState:
        """Return the state for another bake time: a person wants to wait longer."""
        healthy_since = None if self.healthy_since is None else now
        unhealthy_since = None if self.unhealthy_since is None else now
        return replace(self, healthy_since=healthy_since, unhealthy_since=unhealthy_since, checks=None)


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
    """
    if record.going_back:
        return GateStep(GateAction.ROLLBACK, "another task or a person has started a rollback")
    if state.next_domain is None:
        return GateStep(GateAction.PAUSE, "Service Fabric names no next upgrade domain")
    if state.next_domain in state.approved:
        return GateStep(GateAction.RESUME, "a person has approved it")
    waiting = _bake_seconds(policy, state, now)
    problem = _failure_on_record(state, record) or (_unhealthy(state) if waiting <= 0 else "")
    if not problem and waiting > 0:
        return GateStep(GateAction.BAKE, seconds=waiting)
    if not problem and state.checks is None:
        return GateStep(GateAction.CHECK)
    return _decision(policy, state, record, problem or _failed_checks(state))


def _decision(policy: GatePolicy, state: GateState, record: UpgradeProgress, problem: str) -> GateStep:
    """Return what to do after the bake time and the checks."""
    if problem:
        return GateStep(GateAction(policy.on_failed_check), problem)
    approval = _needs_approval(policy, state, record)
    return GateStep(GateAction.ASK if approval else GateAction.RESUME, approval)


def _failure_on_record(state: GateState, record: UpgradeProgress) -> str:
    """Return a failure of Service Fabric's own health check that no person has seen yet."""
    if record.failed_at is None or record.failed_at == state.failure_seen_at:
        return ""
    reason = f": {record.failure_reason}" if record.failure_reason else ""
    return f"Service Fabric has paused the upgrade after a failure{reason}"


def _unhealthy(state: GateState) -> str:
    if state.unhealthy_since is None:
        return ""
    reasons = "; ".join(state.unhealthy_because)
    return f"the application is unhealthy{f': {reasons}' if reasons else ''}"


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
    if policy.approve_before == "each_domain":
        return "each upgrade domain needs an approval (approve_before)"
    if policy.approve_before == "second_domain" and not has_approved and completed <= 1:
        return "the second upgrade domain needs an approval (approve_before)"
    if policy.max_domains is not None and completed >= policy.max_domains and not has_approved:
        return f"{completed} upgrade domains are completed (max_domains)"
    return ""


def _completed_last(state: GateState, record: UpgradeProgress) -> str | None:
    """Return the upgrade domain that was completed last: the one that the task has started, if possible."""
    completed = [unit.name for unit in record.domains.upgrade_domains if unit.completed]
    if state.resumed_domain in completed:
        return state.resumed_domain
    return completed[-1] if completed else None
