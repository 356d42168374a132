"""
What a wait knows while it lasts, and what it tells when it is over. Values and their JSON, no decisions.

The memory is one JSON value, so that a wait can move from the worker to the triggerer. The story is what the
trigger's event and the XCom ``upgrade_wait`` hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.identity import Identity
from airflow_provider_sf.rest import ServiceFabricError, error_from_dict
from airflow_provider_sf.upgrades import Outcome, ServiceProgress, UpgradeProgress
from airflow_provider_sf.wire import iso, of_schema, utc

if TYPE_CHECKING:
    from datetime import datetime

SCHEMA = "service_fabric.upgrade_wait/1"


class Verdict(Enum):
    """What an answer means for the wait."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It ended badly, or it stands where the policy does not want to wait on."""
    OVERTAKEN = "overtaken"
    """Another upgrade has taken the place of ours."""
    NOT_BEGUN = "not_begun"
    """What is on record is at rest and not ours."""
    UNKNOWN = "unknown"
    """Service Fabric reports a state that this package does not know."""

    @property
    def bad(self) -> bool:
        """Whether it would end the wait badly."""
        return self in {Verdict.FAILED, Verdict.OVERTAKEN}


@dataclass(frozen=True, slots=True)
class Stage:
    """
    A stretch of the wait in which one upgrade was reported in one state, with the last progress seen in it.

    ``failed_at`` is the failure that Service Fabric reported in it; it forgets that when it tries again.
    """

    state: str | None
    outcome: Outcome
    ours: bool
    started_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    target_version: str | None
    percent_completed: float | None
    services_behind: tuple[ServiceProgress, ...] = ()
    failed_at: datetime | None = None

    @classmethod
    def of(cls, record: UpgradeProgress, now: datetime, *, ours: bool) -> Stage:
        """Return the stage that begins with a record."""
        return cls(
            state=record.state,
            outcome=record.outcome,
            ours=ours,
            started_at=record.started_at,
            first_seen_at=now,
            last_seen_at=now,
            target_version=record.target_version,
            percent_completed=record.percent_completed,
            services_behind=tuple(service for service in record.services if service.behind),
            failed_at=record.failed_at,
        )

    def goes_on_in(self, later: Stage) -> bool:
        """Whether a later look shows the same upgrade in the same state."""
        same_start = None in {self.started_at, later.started_at} or self.started_at == later.started_at
        return same_start and (self.state, self.outcome, self.ours) == (
            later.state,
            later.outcome,
            later.ours,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the stage as JSON types; :meth:`from_dict` undoes it."""
        return {
            "state": self.state,
            "outcome": self.outcome.value,
            "ours": self.ours,
            "started_at": iso(self.started_at),
            "first_seen_at": iso(self.first_seen_at),
            "last_seen_at": iso(self.last_seen_at),
            "target_version": self.target_version,
            "percent_completed": self.percent_completed,
            "services_behind": [service.to_dict() for service in self.services_behind],
            "failed_at": iso(self.failed_at),
        }

    @classmethod
    def from_dict(cls, stage: dict[str, Any]) -> Stage:
        """Undo :meth:`to_dict`."""
        return cls(
            state=stage["state"],
            outcome=Outcome(stage["outcome"]),
            ours=stage["ours"],
            started_at=utc(stage["started_at"]),
            first_seen_at=_time(stage["first_seen_at"]),
            last_seen_at=_time(stage["last_seen_at"]),
            target_version=stage["target_version"],
            percent_completed=stage["percent_completed"],
            services_behind=tuple(ServiceProgress(**service) for service in stage["services_behind"]),
            failed_at=utc(stage["failed_at"]),
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """
    All that a wait knows.

    ``record`` is the last answer and ``error`` what came instead of one since. ``verdict`` is what the last
    answer meant, ``verdict_since`` when answers began to mean that, ``moved_at`` when anything in them last
    changed. ``ours`` is what was seen of our upgrade while it moved.
    """

    polls: int = 0
    answers: int = 0
    record: UpgradeProgress | None = None
    ours: Identity | None = None
    before: Identity | None = None
    verdict: Verdict | None = None
    verdict_since: datetime | None = None
    moved_at: datetime | None = None
    timeline: tuple[Stage, ...] = ()
    error: ServiceFabricError | None = None
    silent_since: datetime | None = None
    silent_polls: int = 0
    begun_at: datetime | None = None
    """When the wait began, where nothing remembers its earlier looks."""
    outdated: bool = False
    """Whether another process went on from here and has ended since: more has happened than this knows."""

    @property
    def doubted(self) -> bool:
        """Whether the last answer would end the wait badly, if one more confirms it."""
        return self.verdict is not None and self.verdict.bad

    def after_restart(self) -> Memory:
        """Return what can still be relied on after another process went on from this memory and has ended."""
        return replace(self, silent_since=None, silent_polls=0, outdated=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the memory as JSON types; :meth:`from_dict` undoes it."""
        return {
            "polls": self.polls,
            "answers": self.answers,
            "record": self.record and self.record.to_dict(),
            "ours": self.ours and self.ours.to_dict(),
            "before": self.before and self.before.to_dict(),
            "verdict": self.verdict and self.verdict.value,
            "verdict_since": iso(self.verdict_since),
            "moved_at": iso(self.moved_at),
            "timeline": [stage.to_dict() for stage in self.timeline],
            "error": self.error and self.error.to_dict(),
            "silent_since": iso(self.silent_since),
            "silent_polls": self.silent_polls,
        }

    @classmethod
    def from_dict(cls, memory: dict[str, Any]) -> Memory:
        """Undo :meth:`to_dict`."""
        return cls(
            polls=memory["polls"],
            answers=memory["answers"],
            record=memory["record"] and UpgradeProgress.from_dict(memory["record"]),
            ours=memory["ours"] and Identity.from_dict(memory["ours"]),
            before=memory["before"] and Identity.from_dict(memory["before"]),
            verdict=memory["verdict"] and Verdict(memory["verdict"]),
            verdict_since=utc(memory["verdict_since"]),
            moved_at=utc(memory["moved_at"]),
            timeline=tuple(Stage.from_dict(stage) for stage in memory["timeline"]),
            error=memory["error"] and error_from_dict(memory["error"]),
            silent_since=utc(memory["silent_since"]),
            silent_polls=memory["silent_polls"],
        )


@dataclass(frozen=True, slots=True)
class Story:
    """How a wait went and ended: what the trigger tells the worker, and what the XComs hold."""

    ended_by: str
    record: UpgradeProgress | None
    ours: Identity | None
    error: ServiceFabricError | None
    timeline: tuple[Stage, ...]
    polls: int

    @classmethod
    def of(cls, memory: Memory, ended_by: str) -> Story:
        """Return the story of a wait that has ended."""
        return cls(ended_by, memory.record, memory.ours, memory.error, memory.timeline, memory.polls)

    def summary(self) -> dict[str, Any]:
        """Return the story without the record, as JSON types."""
        return {
            "schema": SCHEMA,
            "ended_by": self.ended_by,
            "upgrade": self.ours and self.ours.to_dict(),
            "timeline": [stage.to_dict() for stage in self.timeline],
            "polls": self.polls,
            "error": self.error and self.error.to_dict(),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the whole story as JSON types; :meth:`from_dict` undoes it."""
        return {**self.summary(), "record": self.record and self.record.to_dict()}

    @classmethod
    def from_dict(cls, story: object) -> Story:
        """
        Read what :meth:`to_dict` wrote.

        :raises ValueError: this is no story, or one of a schema that this version does not know
        """
        story = of_schema(SCHEMA, story)
        return cls(
            ended_by=story["ended_by"],
            record=story["record"] and UpgradeProgress.from_dict(story["record"]),
            ours=story["upgrade"] and Identity.from_dict(story["upgrade"]),
            error=story["error"] and error_from_dict(story["error"]),
            timeline=tuple(Stage.from_dict(stage) for stage in story["timeline"]),
            polls=story["polls"],
        )


def continued(
    timeline: tuple[Stage, ...], record: UpgradeProgress, now: datetime, *, ours: bool
) -> tuple[Stage, ...]:
    """Return a timeline after one more answer: its last stage goes on, or a new one begins."""
    new = Stage.of(record, now, ours=ours)
    last = timeline[-1] if timeline else None
    if last is None or not last.goes_on_in(new):
        return (*timeline, new)
    merged = replace(
        new,
        started_at=new.started_at or last.started_at,
        first_seen_at=last.first_seen_at,
        failed_at=new.failed_at or last.failed_at,
    )
    return (*timeline[:-1], merged)


def _time(written: str) -> datetime:
    read = utc(written)
    if read is None:
        msg = f"expected an ISO 8601 time, got {written!r}"
        raise ValueError(msg)
    return read
