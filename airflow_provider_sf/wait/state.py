"""
What a wait knows while it lasts, and tells when it is over. A value and its JSON, no decisions.

The memory is one JSON value, so that a wait can move from the worker to the triggerer, and from one triggerer
to the next. Once it says how the wait ended, it is the story: what the trigger's event and the XCom
``upgrade_wait`` hold. It takes less than 32 KiB whatever a cluster says.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.errors import error_from_dict
from airflow_provider_sf.rest.json_values import iso, number, text, utc
from airflow_provider_sf.rest.storage_limits import shorten
from airflow_provider_sf.serialization import count, of_schema
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.matching import UpgradeIdentity
from airflow_provider_sf.wait.timeline import Stage

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_sf.rest import ServiceFabricError

SCHEMA = "service_fabric.upgrade_wait/1"

_LAST_ERROR_BYTES = 600


class Verdict(Enum):
    """What an answer means for the wait."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It ended badly, or it stands where the policy does not want to wait on."""
    SUPERSEDED = "overtaken"
    """Another upgrade has taken the place of ours."""
    NOT_STARTED = "not_begun"
    """What is on record is at rest and not ours."""
    UNKNOWN = "unknown"
    """Service Fabric reports a state that this package does not know."""

    @property
    def bad(self) -> bool:
        """Whether it would end the wait badly."""
        return self in {Verdict.FAILED, Verdict.SUPERSEDED}


@dataclass(frozen=True, slots=True)
class OutageStats:
    """The silences that are over: how many, of how many polls in all, how long the longest, why the last."""

    silences: int = 0
    polls: int = 0
    longest_seconds: float = 0.0
    last_error: str | None = None

    def and_one_more(self, polls: int, seconds: float, error: object) -> OutageStats:
        """Return what is forgiven after one more silence of so many polls has ended."""
        longest = max(self.longest_seconds, seconds)
        return OutageStats(
            self.silences + 1, self.polls + polls, longest, shorten(str(error), _LAST_ERROR_BYTES)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types; the keys are the constructor's names."""
        return {
            "silences": self.silences,
            "polls": self.polls,
            "longest_seconds": self.longest_seconds,
            "last_error": self.last_error,
        }

    @classmethod
    def from_dict(cls, outages: dict[str, Any]) -> OutageStats:
        """Undo :meth:`to_dict`."""
        return cls(
            silences=count(outages["silences"]),
            polls=count(outages["polls"]),
            longest_seconds=number(outages["longest_seconds"]) or 0.0,
            last_error=text(outages["last_error"]),
        )


@dataclass(frozen=True, slots=True)
class WaitState:
    """
    All that a wait knows.

    ``record`` is the last answer and ``error`` what came instead of one since. ``verdict`` is what the last
    answer meant, ``verdict_since`` when answers began to mean that, ``moved_at`` when anything in them last
    changed. ``ours`` is what was seen of our upgrade while it moved, ``before`` what was found on record
    before it. ``began_at`` is the first look; ``ended_by`` and ``ended_at`` are None while the wait lasts.
    ``reasons`` are sentences that say why the upgrade failed, if it did.
    """

    polls: int = 0
    answers: int = 0
    record: UpgradeProgress | None = None
    expected: UpgradeIdentity | None = None
    before: UpgradeIdentity | None = None
    verdict: Verdict | None = None
    verdict_since: datetime | None = None
    moved_at: datetime | None = None
    timeline: tuple[Stage, ...] = ()
    error: ServiceFabricError | None = None
    unreachable_since: datetime | None = None
    unreachable_polls: int = 0
    outages: OutageStats = field(default_factory=OutageStats)
    began_at: datetime | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None
    reasons: tuple[str, ...] = ()
    earlier_polls_unknown: bool = False
    """Whether earlier looks of this wait are forgotten, so that what is at rest may have been so for long."""
    stale: bool = False
    """Whether another process went on from here and has ended since: more has happened than this knows."""

    @property
    def unconfirmed(self) -> bool:
        """Whether the last answer would end the wait badly, if one more confirms it."""
        return self.verdict is not None and self.verdict.bad

    def after_restart(self) -> WaitState:
        """Return what can still be relied on after another process went on from this memory and has ended."""
        return replace(self, unreachable_since=None, unreachable_polls=0, stale=True)

    def taken_up(self) -> WaitState:
        """
        Return what can be relied on of the last memory of a process that has ended: all of it.

        But nobody has asked since, so a silence is looked into anew, though its time goes on.
        """
        return replace(self, unreachable_polls=0, stale=True)

    def ended(self, by: str, now: datetime) -> WaitState:
        """Return the story of a wait ended by ``upgrade``, ``error``, ``unreachable`` or a clock."""
        return replace(self, ended_by=by, ended_at=now)

    def to_dict(self) -> dict[str, Any]:
        """Return memory or story as JSON types; :meth:`from_dict` undoes it."""
        return {
            "schema": SCHEMA,
            "ended_by": self.ended_by,
            "began_at": iso(self.began_at),
            "ended_at": iso(self.ended_at),
            "upgrade": self.expected and self.expected.to_dict(),
            "record": self.record and self.record.to_dict(),
            "timeline": [stage.to_dict() for stage in self.timeline],
            "polls": self.polls,
            "outages": self.outages.to_dict(),
            "error": self.error and self.error.to_dict(),
            "reasons": list(self.reasons),
            "memory": {
                "answers": self.answers,
                "before": self.before and self.before.to_dict(),
                "verdict": self.verdict and self.verdict.value,
                "verdict_since": iso(self.verdict_since),
                "moved_at": iso(self.moved_at),
                "unreachable_since": iso(self.unreachable_since),
                "unreachable_polls": self.unreachable_polls,
            },
        }

    @classmethod
    def from_dict(cls, said: object) -> WaitState:
        """
        Read what :meth:`to_dict` wrote.

        :raises ValueError: this is none, or one of a schema that this version does not know
        """
        said = of_schema(SCHEMA, said)
        inner = said["memory"]
        return cls(
            polls=count(said["polls"]),
            answers=count(inner["answers"]),
            record=said["record"] and UpgradeProgress.from_dict(said["record"]),
            expected=said["upgrade"] and UpgradeIdentity.from_dict(said["upgrade"]),
            before=inner["before"] and UpgradeIdentity.from_dict(inner["before"]),
            verdict=inner["verdict"] and Verdict(inner["verdict"]),
            verdict_since=utc(inner["verdict_since"]),
            moved_at=utc(inner["moved_at"]),
            timeline=tuple(Stage.from_dict(stage) for stage in said["timeline"]),
            error=said["error"] and error_from_dict(said["error"]),
            unreachable_since=utc(inner["unreachable_since"]),
            unreachable_polls=count(inner["unreachable_polls"]),
            outages=OutageStats.from_dict(said["outages"]),
            began_at=utc(said["began_at"]),
            ended_by=said["ended_by"],
            ended_at=utc(said["ended_at"]),
            reasons=tuple(map(str, said.get("reasons", ()))),
        )


def xcom_values(kind: str, name: str, story: WaitState, message: str | None = None) -> dict[str, Any]:
    """Return what is pushed to XCom, by key: the story with what it is about, and the last record."""
    told = story.to_dict()
    wait = {"schema": told.pop("schema"), "kind": kind, "name": name, "message": message, **told}
    record = {} if told["record"] is None else {"upgrade_progress": told["record"]}
    return {"upgrade_wait": wait, **record}
