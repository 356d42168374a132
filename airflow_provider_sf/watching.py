"""
Decide what a wait does next. Pure; no clock, no I/O.

    step(policy, memory, observation, now) -> (memory, decision)

An observation is what one poll brought: a record or an error. The memory is all that a wait knows; it is one
JSON value, so that a wait can move from the worker to the triggerer and back.

    answer, upgrade moves           ask again after the interval
    answer, it ended well           ended by "upgrade"
    answer, it ended badly          ask once more 2 s later; ended by "upgrade" if the answer stays bad
    Unreachable                     ask again, more closely, while the silence is shorter than its budget;
                                    else ended by "unreachable"
    Rejected, UnexpectedAnswer      ended by "error"
    still pending at the deadline   ended by "timeout"; by "upgrade" if a bad end was all but confirmed
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest import ServiceFabricError, Unreachable, error_from_dict
from airflow_provider_sf.upgrades import Outcome, ServiceProgress, UpgradeProgress
from airflow_provider_sf.wire import iso, of_schema, utc

if TYPE_CHECKING:
    from datetime import datetime

SCHEMA = "service_fabric.upgrade_wait/1"

BAD_ENDS = frozenset({Outcome.ROLLED_BACK, Outcome.FAILED})
ENDS = BAD_ENDS | {Outcome.SUCCEEDED}

CONFIRM_AFTER_SECONDS = 2.0
"""A bad end is read once more this much later before it is believed."""

LOOKS_INTO_A_SILENCE = 5
"""A silence is looked into at least so often before its budget is spent, however long the interval."""

_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Policy:
    """How to wait. Durations are seconds; a deadline of None is somebody else's to keep."""

    poke_interval: float
    unreachable_timeout: float
    deadline: datetime | None = None
    exponential_backoff: bool = False
    max_wait: float | None = None

    def interval(self, polls: int) -> float:
        """Return the pause after that many polls: constant, or doubled each time up to ``max_wait``."""
        doublings = min(polls - 1, _MOST_DOUBLINGS) if self.exponential_backoff else 0
        pause = self.poke_interval * 2.0**doublings
        return pause if self.max_wait is None else min(pause, self.max_wait)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the wait in which Service Fabric reported one state, with the last progress seen in it."""

    state: str | None
    outcome: Outcome
    first_seen_at: datetime
    last_seen_at: datetime
    target_version: str | None
    percent_completed: float | None
    services_behind: tuple[ServiceProgress, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the stage as JSON types."""
        return {
            "state": self.state,
            "outcome": self.outcome.value,
            "first_seen_at": iso(self.first_seen_at),
            "last_seen_at": iso(self.last_seen_at),
            "target_version": self.target_version,
            "percent_completed": self.percent_completed,
            "services_behind": [service.to_dict() for service in self.services_behind],
        }

    @classmethod
    def from_dict(cls, stage: dict[str, Any]) -> Stage:
        """Undo :meth:`to_dict`."""
        return cls(
            state=stage["state"],
            outcome=Outcome(stage["outcome"]),
            first_seen_at=_time(stage["first_seen_at"]),
            last_seen_at=_time(stage["last_seen_at"]),
            target_version=stage["target_version"],
            percent_completed=stage["percent_completed"],
            services_behind=tuple(ServiceProgress(**service) for service in stage["services_behind"]),
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """All that a wait knows. ``error`` is set from an error until the next answer."""

    polls: int = 0
    record: UpgradeProgress | None = None
    timeline: tuple[Stage, ...] = ()
    error: ServiceFabricError | None = None
    silent_since: datetime | None = None
    doubted: bool = False
    """Whether the last answer was a bad end that is still to be confirmed."""

    def to_dict(self) -> dict[str, Any]:
        """Return the memory as JSON types; :meth:`from_dict` undoes it."""
        return {
            "polls": self.polls,
            "record": self.record and self.record.to_dict(),
            "timeline": [stage.to_dict() for stage in self.timeline],
            "error": self.error and self.error.to_dict(),
            "silent_since": iso(self.silent_since),
            "doubted": self.doubted,
        }

    @classmethod
    def from_dict(cls, memory: dict[str, Any]) -> Memory:
        """Undo :meth:`to_dict`."""
        return cls(
            polls=memory["polls"],
            record=memory["record"] and UpgradeProgress.from_dict(memory["record"]),
            timeline=tuple(Stage.from_dict(stage) for stage in memory["timeline"]),
            error=memory["error"] and error_from_dict(memory["error"]),
            silent_since=utc(memory["silent_since"]),
            doubted=memory["doubted"],
        )


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Nothing is decided; ask again after so many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The wait is over, ended by ``upgrade``, ``error``, ``unreachable`` or ``timeout``."""

    by: str


Observation = UpgradeProgress | ServiceFabricError
Decision = AskAgain | Ended


def step(policy: Policy, memory: Memory, observation: Observation, now: datetime) -> tuple[Memory, Decision]:
    """Take in what a poll brought and decide what is next."""
    memory = replace(memory, polls=memory.polls + 1)
    if isinstance(observation, ServiceFabricError):
        return _after_error(policy, memory, observation, now)
    return _after_answer(policy, memory, observation, now)


def _after_answer(
    policy: Policy, memory: Memory, record: UpgradeProgress, now: datetime
) -> tuple[Memory, Decision]:
    believed = memory.doubted or record.outcome not in BAD_ENDS
    memory = replace(
        memory,
        record=record,
        timeline=_continued(memory.timeline, record, now),
        error=None,
        silent_since=None,
        doubted=record.outcome in BAD_ENDS,
    )
    if not believed:
        return memory, AskAgain(CONFIRM_AFTER_SECONDS)
    if record.outcome in ENDS:
        return memory, Ended("upgrade")
    return memory, _while_pending(policy, memory, now)


def _after_error(
    policy: Policy, memory: Memory, error: ServiceFabricError, now: datetime
) -> tuple[Memory, Decision]:
    memory = replace(memory, error=error)
    if not isinstance(error, Unreachable):
        return memory, Ended("error")
    silent_since = memory.silent_since or now
    memory = replace(memory, silent_since=silent_since)
    left = policy.unreachable_timeout - (now - silent_since).total_seconds()
    if left <= 0:
        return memory, Ended("unreachable")
    decision = _while_pending(policy, memory, now)
    if isinstance(decision, AskAgain):
        closely = min(policy.poke_interval, policy.unreachable_timeout / LOOKS_INTO_A_SILENCE, left)
        return memory, AskAgain(min(decision.after, closely))
    return memory, Ended("upgrade") if memory.doubted else decision


def _while_pending(policy: Policy, memory: Memory, now: datetime) -> Decision:
    pause = policy.interval(memory.polls)
    if policy.deadline is None:
        return AskAgain(pause)
    left = (policy.deadline - now).total_seconds()
    return AskAgain(min(pause, left)) if left > 0 else Ended("timeout")


def _continued(timeline: tuple[Stage, ...], record: UpgradeProgress, now: datetime) -> tuple[Stage, ...]:
    last = timeline[-1] if timeline else None
    same = last is not None and (last.state, last.outcome) == (record.state, record.outcome)
    stage = Stage(
        state=record.state,
        outcome=record.outcome,
        first_seen_at=last.first_seen_at if last and same else now,
        last_seen_at=now,
        target_version=record.target_version,
        percent_completed=record.percent_completed,
        services_behind=tuple(service for service in record.services if service.behind),
    )
    return (*timeline[:-1], stage) if same else (*timeline, stage)


@dataclass(frozen=True, slots=True)
class Story:
    """How a wait went and ended: what the trigger tells the worker, and what the XComs hold."""

    ended_by: str
    record: UpgradeProgress | None
    error: ServiceFabricError | None
    timeline: tuple[Stage, ...]
    polls: int

    @classmethod
    def of(cls, memory: Memory, ended: Ended) -> Story:
        """Return the story of a wait that has ended."""
        return cls(ended.by, memory.record, memory.error, memory.timeline, memory.polls)

    def summary(self) -> dict[str, Any]:
        """Return the story without the record, as JSON types."""
        return {
            "schema": SCHEMA,
            "ended_by": self.ended_by,
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
            error=story["error"] and error_from_dict(story["error"]),
            timeline=tuple(Stage.from_dict(stage) for stage in story["timeline"]),
            polls=story["polls"],
        )


def _time(written: str) -> datetime:
    read = utc(written)
    if read is None:
        msg = f"expected an ISO 8601 time, got {written!r}"
        raise ValueError(msg)
    return read
