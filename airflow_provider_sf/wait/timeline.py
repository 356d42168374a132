"""The timeline of a wait: the states of the upgrade, from when to when, and its progress. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_sf.rest.storage_limits import json_size
from airflow_provider_sf.serialization import Record
from airflow_provider_sf.upgrades.outcomes import Outcome, is_rollback_state, stage_state
from airflow_provider_sf.upgrades.services import ServiceProgress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_sf.upgrades import UpgradeProgress

MOST_BEHIND = 5
"""How many services that are behind a stage names."""

TIMELINE_BYTES = 8_192
"""How many bytes of JSON a timeline may take without its last stage."""

MAX_STATE_AGE = timedelta(seconds=30)
"""A process that continues a wait may miss the last changes of this time. A longer time is unseen."""

_MUST_STAY = 3
"""The first stage, the last forward stage and the last stage are always kept."""

_FORWARD = frozenset({Outcome.IN_PROGRESS, Outcome.PAUSED})


@dataclass(frozen=True, slots=True)
class Stage(Record):
    """A period in which one upgrade was in one state, with its last progress."""

    state: str | None
    outcome: Outcome
    expected: bool
    """Whether this is the expected upgrade."""
    started_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    target_version: str | None
    percent_completed: float | None
    """Reported by Service Fabric, else computed from upgrade domains or replicas."""
    services_behind: tuple[ServiceProgress, ...] = ()
    more_behind: int = 0
    """How many more services are behind."""
    failed_at: datetime | None = None
    """The failure in this stage; Service Fabric no longer reports it after a retry."""
    failure_reason: str | None = None
    place: str | None = None
    """The last upgrade domain or unit."""
    skipped: int = 0
    """How many stages before this one were omitted."""
    config_version: str | None = None
    """The version of a cluster's configuration."""
    unseen_before: bool = False
    """Whether the time right before this stage is unknown: the triggerer was replaced or started late."""

    @classmethod
    def from_record(cls, record: UpgradeProgress, now: datetime, *, expected: bool) -> Stage:
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
            percent_completed=record.percent_done,
            services_behind=behind[:MOST_BEHIND],
            more_behind=len(behind[MOST_BEHIND:]) + record.more_behind,
            failed_at=record.failed_at,
            failure_reason=record.failure_reason,
            place=record.place,
            config_version=record.config_version,
        )

    @property
    def percent_done(self) -> float | None:
        """The percentage, under the name that it has in a record."""
        return self.percent_completed

    def continues_in(self, later: Stage) -> bool:
        """Whether a later answer shows the same upgrade in the same state."""
        same_start = None in {self.started_at, later.started_at} or self.started_at == later.started_at
        first, second = ((stage_state(stage.state), stage.outcome, stage.expected) for stage in (self, later))
        return same_start and first == second


def extend_timeline(
    timeline: tuple[Stage, ...],
    record: UpgradeProgress,
    now: datetime,
    *,
    expected: bool,
    is_first: bool = False,
) -> tuple[Stage, ...]:
    """
    Return the timeline after one more answer: its last stage continues, or a new one begins.

    ``is_first`` is set for the first answer of a process that continues a wait.
    """
    new = Stage.from_record(record, now, expected=expected)
    last = timeline[-1] if timeline else None
    if last is None or not last.continues_in(new):
        is_gap = is_first and last is not None and now - last.last_seen_at > MAX_STATE_AGE
        return (*_cut(timeline), replace(new, unseen_before=is_gap))
    merged = replace(
        new,
        started_at=new.started_at or last.started_at,
        first_seen_at=last.first_seen_at,
        failed_at=new.failed_at or last.failed_at,
        failure_reason=new.failure_reason or last.failure_reason,
        place=new.place or last.place,
        skipped=last.skipped,
        unseen_before=last.unseen_before,
    )
    return (*timeline[:-1], merged)


def last_forward(timeline: Iterable[Stage]) -> Stage | None:
    """Return the last stage in which the expected upgrade went forward."""
    forward = [
        stage
        for stage in timeline
        if stage.expected and stage.outcome in _FORWARD and not is_rollback_state(stage.state)
    ]
    return forward[-1] if forward else None


def is_followed_by_gap(timeline: tuple[Stage, ...], stage: Stage) -> bool:
    """Whether the time right after a stage is unknown."""
    after = timeline[timeline.index(stage) + 1 :]
    return bool(after) and after[0].unseen_before


def _cut(timeline: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Omit early stages if all take too much, but keep the first and the last forward stage."""
    kept = list(timeline)
    sizes = [json_size(stage.to_dict()) for stage in kept]
    while sum(sizes) > TIMELINE_BYTES and len(kept) > _MUST_STAY:
        out = 2 if kept[1] is last_forward(kept) else 1
        after = kept[out + 1]
        kept[out : out + 2] = [replace(after, skipped=after.skipped + kept[out].skipped + 1)]
        del sizes[out]
    return tuple(kept)
