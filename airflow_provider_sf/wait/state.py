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

from airflow_provider_sf.rest.json_values import count, iso, number, of_schema, shortened, text, utc
from airflow_provider_sf.rest.protocol import error_from_dict
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.matching import Identity
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
class Forgiven:
    """The silences that are over: how many, of how many polls in all, how long the longest, why the last."""

    silences: int = 0
    polls: int = 0
    longest_seconds: float = 0.0
    last_error: str | None = None

    def and_one_more(self, polls: int, seconds: float, error: object) -> Forgiven:
        """Return what is forgiven after one more silence of so many polls has ended."""
        longest = max(self.longest_seconds, seconds)
        return Forgiven(
            self.silences + 1, self.polls + polls, longest, shortened(str(error), _LAST_ERROR_BYTES)
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
    def from_dict(cls, forgiven: dict[str, Any]) -> Forgiven:
        """Undo :meth:`to_dict`."""
        return cls(
            silences=count(forgiven["silences"]),
            polls=count(forgiven["polls"]),
            longest_seconds=number(forgiven["longest_seconds"]) or 0.0,
            last_error=text(forgiven["last_error"]),
        )


@dataclass(frozen=True, slots=True)
class Memory:
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
    ours: Identity | None = None
    before: Identity | None = None
    verdict: Verdict | None = None
    verdict_since: datetime | None = None
    moved_at: datetime | None = None
    timeline: tuple[Stage, ...] = ()
    error: ServiceFabricError | None = None
    silent_since: datetime | None = None
    silent_polls: int = 0
    forgiven: Forgiven = field(default_factory=Forgiven)
    began_at: datetime | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None
    reasons: tuple[str, ...] = ()
    forgetful: bool = False
    """Whether earlier looks of this wait are forgotten, so that what is at rest may have been so for long."""
    outdated: bool = False
    """Whether another process went on from here and has ended since: more has happened than this knows."""

    @property
    def doubted(self) -> bool:
        """Whether the last answer would end the wait badly, if one more confirms it."""
        return self.verdict is not None and self.verdict.bad

    def after_restart(self) -> Memory:
        """Return what can still be relied on after another process went on from this memory and has ended."""
        return replace(self, silent_since=None, silent_polls=0, outdated=True)

    def taken_up(self) -> Memory:
        """
        Return what can be relied on of the last memory of a process that has ended: all of it.

        But nobody has asked since, so a silence is looked into anew, though its time goes on.
        """
        return replace(self, silent_polls=0, outdated=True)

    def ended(self, by: str, now: datetime) -> Memory:
        """Return the story of a wait ended by ``upgrade``, ``error``, ``unreachable`` or a clock."""
        return replace(self, ended_by=by, ended_at=now)

    def to_dict(self) -> dict[str, Any]:
        """Return memory or story as JSON types; :meth:`from_dict` undoes it."""
        return {
            "schema": SCHEMA,
            "ended_by": self.ended_by,
            "began_at": iso(self.began_at),
            "ended_at": iso(self.ended_at),
            "upgrade": self.ours and self.ours.to_dict(),
            "record": self.record and self.record.to_dict(),
            "timeline": [stage.to_dict() for stage in self.timeline],
            "polls": self.polls,
            "forgiven": self.forgiven.to_dict(),
            "error": self.error and self.error.to_dict(),
            "reasons": list(self.reasons),
            "memory": {
                "answers": self.answers,
                "before": self.before and self.before.to_dict(),
                "verdict": self.verdict and self.verdict.value,
                "verdict_since": iso(self.verdict_since),
                "moved_at": iso(self.moved_at),
                "silent_since": iso(self.silent_since),
                "silent_polls": self.silent_polls,
            },
        }

    @classmethod
    def from_dict(cls, said: object) -> Memory:
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
            ours=said["upgrade"] and Identity.from_dict(said["upgrade"]),
            before=inner["before"] and Identity.from_dict(inner["before"]),
            verdict=inner["verdict"] and Verdict(inner["verdict"]),
            verdict_since=utc(inner["verdict_since"]),
            moved_at=utc(inner["moved_at"]),
            timeline=tuple(Stage.from_dict(stage) for stage in said["timeline"]),
            error=said["error"] and error_from_dict(said["error"]),
            silent_since=utc(inner["silent_since"]),
            silent_polls=count(inner["silent_polls"]),
            forgiven=Forgiven.from_dict(said["forgiven"]),
            began_at=utc(said["began_at"]),
            ended_by=said["ended_by"],
            ended_at=utc(said["ended_at"]),
            reasons=tuple(map(str, said.get("reasons", ()))),
        )


def xcoms(kind: str, name: str, story: Memory, message: str | None = None) -> dict[str, Any]:
    """Return what is pushed to XCom, by key: the story with what it is about, and the last record."""
    told = story.to_dict()
    wait = {"schema": told.pop("schema"), "kind": kind, "name": name, "message": message, **told}
    record = {} if told["record"] is None else {"upgrade_progress": told["record"]}
    return {"upgrade_wait": wait, **record}
