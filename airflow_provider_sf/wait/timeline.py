"""The stages of a wait: which states an upgrade was seen in, from when to when, and how far. Pure; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.json_values import iso, number, text, utc
from airflow_provider_sf.rest.storage_limits import json_size
from airflow_provider_sf.serialization import count
from airflow_provider_sf.upgrades.outcomes import Outcome, is_rollback_state, stage_state
from airflow_provider_sf.upgrades.services import ServiceProgress

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from airflow_provider_sf.upgrades import UpgradeProgress

MOST_BEHIND = 5
"""How many of the services that are behind a stage names."""

TIMELINE_BYTES = 8_192
"""How much JSON a timeline may take, but for its last stage: it travels in events and XComs."""

_MUST_STAY = 3
"""The first stage, the last one forward and the last; limits of the record make them fit."""

_FORWARD = frozenset({Outcome.IN_PROGRESS, Outcome.PAUSED})


@dataclass(frozen=True, slots=True)
class Stage:
    """
    A stretch of the wait in which one upgrade was reported in one state, with the last progress seen in it.

    ``failed_at`` and ``failure_reason`` are the failure that Service Fabric reported in it; it forgets that
    when it tries again. ``place`` is where a rolling upgrade was last. ``more_behind`` says how many services
    are behind and not named, ``skipped`` how many stages were between the one before and this one and are not
    kept.
    """

    state: str | None
    outcome: Outcome
    expected: bool
    started_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    target_version: str | None
    percent_completed: float | None
    services_behind: tuple[ServiceProgress, ...] = ()
    more_behind: int = 0
    failed_at: datetime | None = None
    failure_reason: str | None = None
    place: str | None = None
    skipped: int = 0

    @classmethod
    def of(cls, record: UpgradeProgress, now: datetime, *, expected: bool) -> Stage:
        """Return the stage that begins with a record."""
        behind = tuple(service for service in record.services if service.behind)
        return cls(
            state=record.state,
            outcome=record.outcome,
            expected=expected,
            started_at=record.started_at,
            first_seen_at=now,
            last_seen_at=now,
            target_version=record.target_version,
            percent_completed=record.percent_completed,
            services_behind=behind[:MOST_BEHIND],
            more_behind=len(behind[MOST_BEHIND:]) + record.more_behind,
            failed_at=record.failed_at,
            failure_reason=record.failure_reason,
            place=record.place,
        )

    def goes_on_in(self, later: Stage) -> bool:
        """Whether a later look shows the same upgrade in the same state."""
        same_start = None in {self.started_at, later.started_at} or self.started_at == later.started_at
        mine, theirs = ((stage_state(stage.state), stage.outcome, stage.expected) for stage in (self, later))
        return same_start and mine == theirs

    def to_dict(self) -> dict[str, Any]:
        """Return the stage as JSON types; :meth:`from_dict` undoes it."""
        return {
            "state": self.state,
            "outcome": self.outcome.value,
            "expected": self.expected,
            "started_at": iso(self.started_at),
            "first_seen_at": iso(self.first_seen_at),
            "last_seen_at": iso(self.last_seen_at),
            "target_version": self.target_version,
            "percent_completed": self.percent_completed,
            "services_behind": [service.to_dict() for service in self.services_behind],
            "more_behind": self.more_behind,
            "failed_at": iso(self.failed_at),
            "failure_reason": self.failure_reason,
            "place": self.place,
            "skipped": self.skipped,
        }

    @classmethod
    def from_dict(cls, stage: dict[str, Any]) -> Stage:
        """Undo :meth:`to_dict`."""
        return cls(
            state=stage["state"],
            outcome=Outcome(stage["outcome"]),
            expected=stage["expected"],
            started_at=utc(stage["started_at"]),
            first_seen_at=_time(stage["first_seen_at"]),
            last_seen_at=_time(stage["last_seen_at"]),
            target_version=stage["target_version"],
            percent_completed=number(stage["percent_completed"]),
            services_behind=tuple(ServiceProgress(**service) for service in stage["services_behind"]),
            more_behind=count(stage["more_behind"]),
            failed_at=utc(stage["failed_at"]),
            failure_reason=text(stage.get("failure_reason")),
            place=text(stage.get("place")),
            skipped=count(stage["skipped"]),
        )


def extend_timeline(
    timeline: tuple[Stage, ...], record: UpgradeProgress, now: datetime, *, expected: bool
) -> tuple[Stage, ...]:
    """Return a timeline after one more answer: its last stage goes on, or a new one begins."""
    new = Stage.of(record, now, expected=expected)
    last = timeline[-1] if timeline else None
    if last is None or not last.goes_on_in(new):
        return (*_cut(timeline), new)
    merged = replace(
        new,
        started_at=new.started_at or last.started_at,
        first_seen_at=last.first_seen_at,
        failed_at=new.failed_at or last.failed_at,
        failure_reason=new.failure_reason or last.failure_reason,
        place=new.place or last.place,
        skipped=last.skipped,
    )
    return (*timeline[:-1], merged)


def last_forward(timeline: Iterable[Stage]) -> Stage | None:
    """Return the stage in which our upgrade was last seen on its way forward."""
    forward = [
        stage
        for stage in timeline
        if stage.expected and stage.outcome in _FORWARD and not is_rollback_state(stage.state)
    ]
    return forward[-1] if forward else None


def _cut(timeline: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Leave out early stages if all take too much, but neither the first nor the last one forward."""
    kept = list(timeline)
    sizes = [json_size(stage.to_dict()) for stage in kept]
    while sum(sizes) > TIMELINE_BYTES and len(kept) > _MUST_STAY:
        out = 2 if kept[1] is last_forward(kept) else 1
        after = kept[out + 1]
        kept[out : out + 2] = [replace(after, skipped=after.skipped + kept[out].skipped + 1)]
        del sizes[out]
    return tuple(kept)


def _time(written: str) -> datetime:
    read = utc(written)
    if read is None:
        msg = f"expected an ISO 8601 time, got {written!r}"
        raise ValueError(msg)
    return read
