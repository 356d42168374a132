"""
Tell whose upgrade is on record: Service Fabric gives upgrades no id. Pure; no I/O.

What identifies an upgrade is its start time, in every state; its version does so only while it goes forward,
since from the turn to rollback on Service Fabric reports the old version as the target.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from airflow_provider_sf.rest.json_values import iso, utc
from airflow_provider_sf.serialization import changed_fields
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.parameters import CLOCK_SKEW_SECONDS


class Match(Enum):
    """Match upgrade a record is about."""

    EXPECTED = auto()
    OTHER = auto()
    """Not the one that is meant, as far as can be told; ours may still come."""
    REPLACED = auto()
    """Another one, after ours was seen: it has taken the place of ours, which can have no end any more."""


@dataclass(frozen=True, slots=True)
class UpgradeIdentity:
    """What is known of our upgrade, once it was seen: when it started, and to which version it goes."""

    started_at: datetime | None
    target_version: str | None

    @classmethod
    def from_record(cls, record: UpgradeProgress) -> UpgradeIdentity:
        """Return what a record says of the upgrade that it is about."""
        return cls(record.started_at, record.new_version)

    def merged_with(self, record: UpgradeProgress) -> UpgradeIdentity:
        """Return the same identity with what a later record of the same upgrade adds."""
        return UpgradeIdentity(
            self.started_at or record.started_at, self.target_version or record.new_version
        )

    def has_same_start(self, record: UpgradeProgress) -> bool:
        """Whether a record has the same start."""
        return self.started_at is not None and self.started_at == record.started_at

    def differs_from(self, record: UpgradeProgress) -> bool:
        """Whether a record at rest has another start or, if none is said, another version."""
        if self.started_at is None and record.started_at is None:
            return self.target_version != record.new_version
        return self.started_at != record.started_at

    def contradicts(self, record: UpgradeProgress) -> bool:
        """
        Whether a record is certainly another upgrade's: another start, or another target going forward.

        A failed upgrade may have failed on its way back, so with the same start its target says nothing.
        """
        if self.has_same_start(record) and record.outcome is Outcome.FAILED:
            return False
        return _differ(self.started_at, record.started_at) or _differ(self.target_version, record.new_version)

    def to_dict(self) -> dict[str, Any]:
        """Return the identity as JSON types; :meth:`from_dict` undoes it."""
        return {"started_at": iso(self.started_at), "target_version": self.target_version}

    @classmethod
    def from_dict(cls, identity: dict[str, Any]) -> UpgradeIdentity:
        """Undo :meth:`to_dict`."""
        return cls(utc(identity["started_at"]), identity["target_version"])


@dataclass(frozen=True, slots=True)
class UpgradeSelector:
    """
    Which upgrade is meant: what is given must all hold. Nothing given means the latest.

    ``previous`` is the record from before the start, ``started_after`` an aware time that the start may
    precede by ``clock_skew`` seconds at most. With ``accept_current_version`` it is enough that
    ``target_version`` is there already and nothing moves, whoever brought it.
    """

    previous: UpgradeProgress | None = None
    started_after: datetime | None = None
    clock_skew: float = CLOCK_SKEW_SECONDS
    target_version: str | None = None
    accept_current_version: bool = False

    def match(
        self,
        record: UpgradeProgress,
        now: datetime,
        expected: UpgradeIdentity | None,
        before: UpgradeIdentity | None = None,
    ) -> Match:
        """
        Tell whose upgrade a record is about.

        ``ours`` is what was seen of ours so far, ``before`` what this wait found on record before it.
        """
        if record.outcome is Outcome.NOT_UPGRADED:
            return Match.OTHER
        if expected and expected.contradicts(record):
            return Match.REPLACED
        if expected and expected.has_same_start(record):
            return Match.EXPECTED
        proof = self.satisfied_by(record, now, before)
        if expected:
            return Match.OTHER if proof is False else Match.EXPECTED
        return Match.EXPECTED if proof else Match.OTHER

    def update_identity(
        self, record: UpgradeProgress, match: Match, expected: UpgradeIdentity | None
    ) -> UpgradeIdentity | None:
        """Return what is known of our upgrade after one more record; at rest it teaches nothing new."""
        if match is Match.EXPECTED and record.outcome.active:
            return expected.merged_with(record) if expected else UpgradeIdentity.from_record(record)
        mistaken = match is Match.OTHER and record.outcome is not Outcome.NOT_UPGRADED
        return None if mistaken else expected

    def satisfied_by(
        self, record: UpgradeProgress, now: datetime, before: UpgradeIdentity | None = None
    ) -> bool | None:
        """Tell whether the upgrade on record is the one that is meant; None if nothing says so or not."""
        said: list[bool | None] = []
        if self.previous is not None:
            said.append(_is_after(self.previous, record))
        if self.started_after is not None:
            earliest = self.started_after - timedelta(seconds=self.clock_skew)
            said.append(_starts_late_enough(earliest, record, now))
        if self.target_version is not None:
            said.append(_heads_for(self.target_version, record, before))
        if False in said:
            return False
        return True in said or not said or None

    def accepts_current(self, record: UpgradeProgress) -> bool:
        """Whether the version is there already and nothing moves, if that is enough."""
        is_there = record.outcome in {Outcome.SUCCEEDED, Outcome.NOT_UPGRADED}
        return self.accept_current_version and is_there and record.target_version == self.target_version

    def to_dict(self) -> dict[str, Any]:
        """Return what is not as by default, as JSON types; :meth:`from_dict` undoes it."""
        said = changed_fields(self)
        if self.previous is not None:
            said["previous"] = self.previous.to_dict()
        return said

    @classmethod
    def from_dict(cls, selector: dict[str, Any]) -> UpgradeSelector:
        """Undo :meth:`to_dict`."""
        said = {one.name: selector[one.name] for one in fields(cls) if one.name in selector}
        previous = selector.get("previous") and UpgradeProgress.from_dict(selector["previous"])
        return cls(**{**said, "previous": previous, "started_after": utc(selector.get("started_after"))})


def _is_after(previous: UpgradeProgress, record: UpgradeProgress) -> bool | None:
    """
    Tell whether an upgrade is another than the one that was on record before the start.

    If that one was under way without a start time, only a version can tell them apart: a rollback may well be
    its own, since Service Fabric rolls back what runs before it starts what is new. Where start times are not
    said at all, something else at rest than before means that an upgrade has come and gone.
    """
    if previous.started_at and record.started_at:
        return previous.started_at != record.started_at
    if previous.started_at is None and previous.outcome.finished and record.outcome.finished:
        return _at_rest(previous) != _at_rest(record) or record.started_at is not None or None
    if previous.started_at or previous.outcome.finished:
        return record.started_at is not None or record.outcome.active or None
    if previous.outcome is Outcome.UNKNOWN:
        return record.outcome.active or None
    if previous.new_version and record.new_version:
        return previous.new_version != record.new_version
    return None


def _starts_late_enough(earliest: datetime, record: UpgradeProgress, now: datetime) -> bool | None:
    """Compare start times; an upgrade under way without one has its start still before it."""
    start = record.started_at or (now if record.outcome.active else None)
    return None if start is None else start >= earliest


def _heads_for(version: str, record: UpgradeProgress, before: UpgradeIdentity | None) -> bool | None:
    """
    Compare versions going forward.

    At rest the right version satisfied_by something only if it has come since this wait began.
    """
    if record.new_version is None:
        return None
    if record.new_version != version:
        return False
    return record.outcome.active or (before is not None and before.differs_from(record)) or None


def _at_rest(record: UpgradeProgress) -> tuple[Outcome, str | None, str | None]:
    return record.outcome, record.target_version, record.config_version


def _differ(one: object, other: object) -> bool:
    return one is not None and other is not None and one != other
