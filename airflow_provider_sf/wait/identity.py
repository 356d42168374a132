"""The identity of an upgrade: its start time and its new version, as far as they are known. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_sf.serialization import Record
from airflow_provider_sf.upgrades.outcomes import Outcome

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades import UpgradeProgress


@dataclass(frozen=True, slots=True)
class UpgradeIdentity(Record):
    """The start time and the new version of an upgrade, as far as they are known."""

    started_at: datetime | None
    target_version: str | None
    rolled_back: bool = False
    """Whether its rollback was seen."""

    @classmethod
    def from_record(cls, record: UpgradeProgress) -> UpgradeIdentity:
        """Return the identity of the upgrade on record."""
        return cls(record.started_at, record.new_version, record.going_back)

    def merged_with(self, record: UpgradeProgress) -> UpgradeIdentity:
        """Return this identity, completed from a later record of the same upgrade."""
        return UpgradeIdentity(
            self.started_at or record.started_at,
            self.target_version or record.new_version,
            self.rolled_back or record.going_back,
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

        An upgrade does not lose its start time, but some kinds report none in the state Failed. A failed
        upgrade may have failed during its rollback: with the same start time its version is ignored.
        """
        if self.has_same_start(record) and record.outcome is Outcome.FAILED:
            return False
        has_lost_start = self.started_at is not None and record.started_at is None
        if has_lost_start and record.outcome not in {Outcome.FAILED, Outcome.UNKNOWN}:
            return True
        return differ(self.started_at, record.started_at) or differ(self.target_version, record.new_version)

    def goes_on_in(self, record: UpgradeProgress) -> bool:
        """
        Whether a record that is no success is about this upgrade, whatever the criteria.

        A rollback before the upgrade had a start time is reported with that of the upgrade before.
        """
        if record.outcome is Outcome.SUCCEEDED:
            return False
        return self.has_same_start(record) or (self.started_at is None and record.going_back)


@dataclass(frozen=True, slots=True)
class History:
    """
    What a wait has seen until now.

    ``expected`` is the identity of the expected upgrade, ``before`` that of the upgrade on record before it,
    each None if it was not seen. ``began_at`` is the time of the first poll. ``old_version`` was deployed
    before the task started the upgrade.
    """

    expected: UpgradeIdentity | None = None
    before: UpgradeIdentity | None = None
    began_at: datetime | None = None
    old_version: str | None = None


def differ(value: object, other: object) -> bool:
    """Whether two known values differ."""
    return value is not None and other is not None and value != other
