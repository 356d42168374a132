"""What a gate between upgrade domains has found, decided and asked: the XCom ``upgrade_gate``. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_sf.serialization import REQUIRED, Record
from airflow_provider_sf.upgrades.observed_health import ObservedHealth
from airflow_provider_sf.wait.identity import UpgradeIdentity

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades import UpgradeProgress

SCHEMA = "service_fabric.upgrade_gate/1"

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
    bake_seconds: float = 0.0
    """How long the next upgrade domain has waited until now, except for checks and questions."""
    check_seconds: float = 0.0
    """How long the checks before it have taken."""
    question_seconds: float = 0.0
    """How long questions about it have waited for an answer."""


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
class GateState(Record):
    """What a task knows of its upgrade, also after it was deferred or retried: the XCom ``upgrade_gate``."""

    schema_id: ClassVar[str] = SCHEMA

    kind: str
    name: str
    target_version: str | None = field(default=None, metadata=REQUIRED)
    started_at: datetime | None = None
    """The start time of the upgrade."""
    before: UpgradeIdentity | None = None
    """What was on record, and which version was deployed, when a person was asked about the start."""
    decisions: tuple[GateDecision, ...] = ()
    questions: tuple[Question, ...] = ()
    """The last one may have no answer yet."""
    next_domain: str | None = None
    """The upgrade domain before which the upgrade is paused, as far as the task has seen."""
    last_domain: str | None = None
    """The upgrade domain that was completed last."""
    paused_at: datetime | None = None
    """When the task has found this pause."""
    arrived_at: datetime | None = None
    """The same, or when a person has asked to wait longer."""
    ask_again_at: datetime | None = None
    """A person has asked to wait longer: nothing is decided before this time."""
    healthy_since: datetime | None = None
    unhealthy_since: datetime | None = None
    unhealthy_because: tuple[str, ...] = ()
    health: ObservedHealth | None = None
    """The last health that the task has read."""
    checks: tuple[CheckResult, ...] | None = None
    """The results before ``next_domain``; None if they have not run."""
    check_seconds: float = 0.0
    """How long they have taken, with earlier ones before ``next_domain``."""
    approved: tuple[str, ...] = ()
    """The upgrade domains that a person has approved, and ``start``."""
    resumed_domain: str | None = None
    """The upgrade domain that this task has started last."""
    failure_seen_at: datetime | None = None
    """The failure of Service Fabric's own health check after which a person has continued."""
    rollback_reason: str | None = None
    """Why the task has decided to roll back: it does nothing else from then on."""
    max_tries: int = 0
    """It grows when a person clears the task: then the task begins again without this state."""

    @property
    def identity(self) -> UpgradeIdentity:
        """Which upgrade the task drives."""
        return UpgradeIdentity(self.started_at, self.target_version)

    def at(self, record: UpgradeProgress, now: datetime) -> GateState:
        """Return the state for a pause; before another upgrade domain, everything is checked again."""
        following = record.domains.next_domain
        if following == self.next_domain:
            return self
        return replace(
            self,
            next_domain=following,
            last_domain=_completed_last(self, record),
            paused_at=now,
            arrived_at=now,
            ask_again_at=None,
            healthy_since=None,
            unhealthy_since=None,
            unhealthy_because=(),
            checks=None,
            check_seconds=0.0,
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

    def with_changed_health(self) -> GateState:
        """Return the state after the trigger has seen other health: no time counts that began before."""
        return replace(self, healthy_since=None, unhealthy_since=None, unhealthy_because=(), checks=None)

    def decided(self, action: GateAction, reason: str, now: datetime) -> GateState:
        """Add a decision."""
        waited = (now - (self.paused_at or now)).total_seconds()
        answering = self.question_seconds(self.next_domain)
        decision = GateDecision(
            at=now,
            upgrade_domain=self.last_domain,
            next_upgrade_domain=self.next_domain,
            healthy_seconds=self.healthy_seconds(now),
            bake_seconds=max(0.0, waited - answering - self.check_seconds),
            check_seconds=self.check_seconds,
            question_seconds=answering,
            checks=self.checks or (),
            action=action.value,
            reason=reason,
        )
        return replace(self, decisions=(*self.decisions, decision)[-MAX_DECISIONS:])

    def healthy_seconds(self, now: datetime) -> float | None:
        """Return for how long the application has been healthy; None if it is not."""
        return None if self.healthy_since is None else (now - self.healthy_since).total_seconds()

    def question_seconds(self, domain: str | None) -> float:
        """Return how long the questions about an upgrade domain have waited for an answer."""
        return sum(
            max(0.0, (question.answered_at - question.asked_at).total_seconds())
            for question in self.questions
            if question.answered_at is not None and question.next_upgrade_domain == domain
        )

    def about_start(self, version: str | None, before: UpgradeIdentity) -> GateState:
        """
        Return the state before the start of an upgrade to this version.

        An approval counts only as long as nothing else was released since the question.
        """
        is_same = self.before == before and self.target_version == version
        approved = self.approved if is_same else tuple(item for item in self.approved if item != START)
        return replace(self, target_version=version, before=before, approved=approved)

    def asking(self, question: Question) -> GateState:
        """Add a question."""
        return replace(self, questions=(*self.questions, question)[-MAX_ANSWERS:])

    def answered(self, question: Question) -> GateState:
        """Replace the open question by the answered one."""
        return replace(self, questions=(*self.questions[:-1], question))

    def has_new_answer(self, domain: str) -> bool:
        """Whether a person has answered about this upgrade domain, and the task could not follow yet."""
        if not self.questions:
            return False
        last = self.questions[-1]
        is_followed = last.acted or last.refused_because is not None
        return last.next_upgrade_domain == domain and last.answer is not None and not is_followed

    def waiting_longer(self, now: datetime, ask_again_at: datetime) -> GateState:
        """Return the state for another bake time: a person wants to wait longer."""
        return replace(
            self,
            arrived_at=now,
            ask_again_at=ask_again_at,
            healthy_since=None if self.healthy_since is None else now,
            unhealthy_since=None if self.unhealthy_since is None else now,
            checks=None,
        )


def _completed_last(state: GateState, record: UpgradeProgress) -> str | None:
    """Return the upgrade domain that was completed last: the one that the task has started, if possible."""
    completed = [unit.name for unit in record.domains.upgrade_domains if unit.completed]
    if state.resumed_domain in completed:
        return state.resumed_domain
    return completed[-1] if completed else None
