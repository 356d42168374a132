"""The record of a release: who started it, what changed, each state with its times. No I/O, no Airflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from airflow_provider_sf.serialization import Record
from airflow_provider_sf.upgrades.observed_health import ObservedHealth

SCHEMA = "service_fabric.release_record/1"


@dataclass(frozen=True, slots=True)
class Change(Record):
    """What a task has started, and what was deployed before. There are no values of parameters."""

    how: str | None
    """Either started, adopted (an earlier try has started it) or not_necessary (deployed already)."""
    posted_at: datetime | None = None
    """When the request was sent."""
    version_before: str | None = None
    version_after: str | None = None
    parameters_before: tuple[str, ...] = ()
    """The names of the parameters before the start."""
    parameters_after: tuple[str, ...] = ()
    """The names of the parameters of the request."""
    description_sha256: str | None = None
    """The SHA-256 hash of the whole request, with the values of the parameters."""
    policies: tuple[tuple[str, str], ...] = ()
    """The mode, the policies and the time limits of the request."""


@dataclass(frozen=True, slots=True)
class Phase(Record):
    """A period in which the upgrade was in one state."""

    state: str | None
    outcome: str | None
    expected: bool
    """Whether this was the expected upgrade."""
    first_seen_at: datetime
    last_seen_at: datetime
    percent_completed: float | None = None
    place: str | None = None
    """The last upgrade domain or unit."""
    failure_reason: str | None = None
    unseen_before: bool = False
    """Whether the time right before is unknown."""


@dataclass(frozen=True, slots=True)
class Check(Record):
    """A check between two upgrade domains, and its words."""

    name: str | None
    passed: bool | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Decision(Record):
    """What a gate has decided after an upgrade domain."""

    at: datetime | None
    upgrade_domain: str | None
    next_upgrade_domain: str | None
    healthy_seconds: float | None
    checks: tuple[Check, ...]
    action: str | None
    reason: str | None
    bake_seconds: float | None
    """How long the next upgrade domain has waited until then, except for checks and questions."""
    check_seconds: float | None
    """How long the checks before it have taken."""
    question_seconds: float | None
    """How long questions about it have waited for an answer."""


@dataclass(frozen=True, slots=True)
class Answer(Record):
    """A question of a gate, and the answer of a person."""

    asked_at: datetime | None
    next_upgrade_domain: str | None
    """What the answer Continue starts: an upgrade domain, or ``start`` for the upgrade."""
    question: str | None
    answer: str | None
    answered_at: datetime | None
    answered_by: str | None
    timed_out: bool | None
    acted: bool | None
    refused_because: str | None


@dataclass(frozen=True, slots=True)
class Bake(Record):
    """How a bake time after an upgrade has ended."""

    result: str | None
    """Either healthy, unhealthy or timeout (the health has changed too often)."""
    bake_seconds: float | None
    """How long the application had to be healthy."""


@dataclass(frozen=True, slots=True)
class TaskRecord(Record):
    """What one task of the release has done, and how it ended."""

    task_id: str
    map_index: int | None
    """The index of a mapped task."""
    state: str | None
    """Airflow's state of the task when the record was written; null if Airflow does not provide it."""
    connection: str | None = None
    """The id of the connection to the cluster; null if it is a template, or mapped."""
    kind: str | None = None
    name: str | None = None
    change: Change | None = None
    health_at_start: ObservedHealth | None = None
    """The health of the application before the request was sent."""
    health_at_end: ObservedHealth | None = None
    """The health when the task ended, or when it was read last."""
    bake: Bake | None = None
    outcome: str | None = None
    """The outcome of the upgrade: succeeded, rolled_back, paused, failed or another one; null if unknown."""
    upgrade_state: str | None = None
    """Service Fabric's word for it."""
    previous_version: str | None = None
    target_version: str | None = None
    ended_by: str | None = None
    """Either upgrade, error, or the parameter that ended the wait."""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    message: str | None = None
    """The final message of the task."""
    reasons: tuple[str, ...] = ()
    """Why the upgrade failed or rolls back."""
    unhealthy_at_end: tuple[str, ...] = ()
    """The unhealthy evaluations of the last record."""
    timeline: tuple[Phase, ...] = ()
    decisions: tuple[Decision, ...] = ()
    questions: tuple[Answer, ...] = ()
    unread: tuple[str, ...] = ()
    """The keys of XComs that could not be read."""


@dataclass(frozen=True, slots=True)
class ReleaseRecord(Record):
    """A release, which is one run of a DAG."""

    schema_id: ClassVar[str] = SCHEMA

    dag_id: str
    run_id: str
    run_type: str | None
    started_by: str | None
    """The user who has triggered the run; null if Airflow does not provide it."""
    started_at: datetime | None
    written_at: datetime
    outcome: str | None
    """
    Succeeded if each upgrade has succeeded; otherwise the outcome of the first one that has not.
    A failed task without an outcome counts as failed.
    """
    tasks: tuple[TaskRecord, ...]
    previous_sha256: str | None = None
    """The hash of the record before this one in the same folder; null in the first one."""
    page_sha256: str | None = None
    """The hash of the HTML page."""
    sha256: str | None = None
    """The hash of all other members, as JSON with sorted keys and without blanks."""
