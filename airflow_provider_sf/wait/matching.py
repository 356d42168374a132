"""
Match the upgrade on record with the expected upgrade. No I/O.

Service Fabric gives upgrades no id. The start time identifies an upgrade in every state. The version does so
only while the upgrade goes forward: during and after a rollback Service Fabric reports the old version.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import ClassVar

from airflow_provider_sf.serialization import Record
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.defaults import CLOCK_SKEW_SECONDS


class Match(Enum):
    """Whether a record is about the expected upgrade."""

    EXPECTED = auto()
    OTHER = auto()
    """Another upgrade, or not known; the expected upgrade may still start."""
    REPLACED = auto()
    """Another upgrade replaced the expected one, which was seen before: its result will never be reported."""


@dataclass(frozen=True, slots=True)
class UpgradeIdentity(Record):
    """The start time and the new version of an upgrade, as far as they are known."""

    started_at: datetime | None
    target_version: str | None

    @classmethod
    def from_record(cls, record: UpgradeProgress) -> UpgradeIdentity:
        """Return the identity of the upgrade on record."""
        return cls(record.started_at, record.new_version)

    def merged_with(self, record: UpgradeProgress) -> UpgradeIdentity:
        """Return this identity, completed from a later record of the same upgrade."""
        return UpgradeIdentity(
            self.started_at or record.started_at, self.target_version or record.new_version
        )

    def has_same_start(self, record: UpgradeProgress) -> bool:
        """Whether a record has the same, known start time."""
        return self.started_at is not None and self.started_at == record.started_at

    def differs_from(self, record: UpgradeProgress) -> bool:
        """Whether a finished record has another start time or, if both are unknown, another version."""
        if self.started_at is None and record.started_at is None:
            return self.target_version != record.new_version
        return self.started_at != record.started_at

    def contradicts(self, record: UpgradeProgress) -> bool:
        """
        Whether a record is certainly about another upgrade: another start time or another new version.

        A failed upgrade may have failed during its rollback: with the same start time its version is ignored.
        """
        if self.has_same_start(record) and record.outcome is Outcome.FAILED:
            return False
        return _differ(self.started_at, record.started_at) or _differ(self.target_version, record.new_version)


@dataclass(frozen=True, slots=True)
class UpgradeSelector(Record):
    """
    The criteria for the expected upgrade: all that are set must hold. Without any, it is the latest.

    ``previous`` is the record from before the start. ``started_after`` is an aware time; the start may be
    up to ``clock_skew`` seconds earlier. With ``accept_current_version`` the wait also succeeds if
    ``target_version`` is deployed already and no upgrade is in progress.
    """

    omits_defaults: ClassVar[bool] = True

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
        Match a record with the expected upgrade.

        ``expected`` is the identity of the expected upgrade, once it was seen. ``before`` is the identity of
        the upgrade that this wait found on record before it.
        """
        if record.outcome is Outcome.NOT_UPGRADED:
            return Match.OTHER
        if expected and expected.contradicts(record):
            return Match.REPLACED
        if expected and expected.has_same_start(record):
            return Match.EXPECTED
        satisfied = self.satisfied_by(record, now, before)
        if expected:
            return Match.OTHER if satisfied is False else Match.EXPECTED
        return Match.EXPECTED if satisfied else Match.OTHER

    def update_identity(
        self, record: UpgradeProgress, match: Match, expected: UpgradeIdentity | None
    ) -> UpgradeIdentity | None:
        """Return the identity of the expected upgrade after one more record; finished ones add nothing."""
        if match is Match.EXPECTED and record.outcome.active:
            return expected.merged_with(record) if expected else UpgradeIdentity.from_record(record)
        was_wrong = match is Match.OTHER and record.outcome is not Outcome.NOT_UPGRADED
        return None if was_wrong else expected

    def satisfied_by(
        self, record: UpgradeProgress, now: datetime, before: UpgradeIdentity | None = None
    ) -> bool | None:
        """Return whether the upgrade on record satisfies the criteria; None if that is not known."""
        results: list[bool | None] = []
        if self.previous is not None:
            results.append(_differs_from_previous(self.previous, record))
        if self.started_after is not None:
            earliest = self.started_after - timedelta(seconds=self.clock_skew)
            results.append(_starts_late_enough(earliest, record, now))
        if self.target_version is not None:
            results.append(_has_version(self.target_version, record, before))
        if False in results:
            return False
        return True in results or not results or None

    def accepts_current(self, record: UpgradeProgress) -> bool:
        """Whether the target version is deployed already and ``accept_current_version`` is set."""
        is_deployed = record.outcome in {Outcome.SUCCEEDED, Outcome.NOT_UPGRADED}
        return self.accept_current_version and is_deployed and record.target_version == self.target_version


def _differs_from_previous(previous: UpgradeProgress, record: UpgradeProgress) -> bool | None:
    """
    Return whether the upgrade on record is another one than the previous; None if that is not known.

    If the previous upgrade was running without a start time, only the version can distinguish the two. Then a
    rollback may be its own: Service Fabric rolls back a running upgrade before it starts a new one.
    """
    if previous.started_at is not None:
        return _differs_from_started(previous.started_at, record)
    if previous.outcome.finished:
        return _differs_from_finished(previous, record)
    if previous.outcome is Outcome.UNKNOWN:
        return record.outcome.active or None
    if not previous.new_version or not record.new_version:
        return None
    return previous.new_version != record.new_version


def _differs_from_started(previous_start: datetime, record: UpgradeProgress) -> bool | None:
    """Compare start times; a running upgrade without one is new."""
    if record.started_at is None:
        return record.outcome.active or None
    return previous_start != record.started_at


def _differs_from_finished(previous: UpgradeProgress, record: UpgradeProgress) -> bool | None:
    """
    Compare with a finished upgrade without a known start time.

    Some kinds never report a start time. There, another result means that an upgrade ran in between.
    """
    if record.started_at is not None or record.outcome.active:
        return True
    return (record.outcome.finished and _result(previous) != _result(record)) or None


def _starts_late_enough(earliest: datetime, record: UpgradeProgress, now: datetime) -> bool | None:
    """Compare start times; a running upgrade without one has not started before now."""
    start = record.started_at or (now if record.outcome.active else None)
    return None if start is None else start >= earliest


def _has_version(version: str, record: UpgradeProgress, before: UpgradeIdentity | None) -> bool | None:
    """
    Compare the new version; None for a rollback.

    A finished upgrade with this version counts only if it finished during this wait.
    """
    if record.new_version is None:
        return None
    if record.new_version != version:
        return False
    return record.outcome.active or (before is not None and before.differs_from(record)) or None


def _result(record: UpgradeProgress) -> tuple[Outcome, str | None, str | None]:
    return record.outcome, record.target_version, record.config_version


def _differ(value: object, other: object) -> bool:
    """Whether two known values differ."""
    return value is not None and other is not None and value != other
