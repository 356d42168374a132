"""
Match the upgrade on record with the expected upgrade. No I/O.

Service Fabric gives upgrades no id. The start time identifies an upgrade in every state. The version does so
only while the upgrade goes forward: during and after a rollback Service Fabric reports the old version.

All criteria of the user must be proved. An unknown version does not satisfy ``target_version``, and an equal
start time does not excuse another version.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import ClassVar

from airflow_provider_sf.serialization import Record
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import get_kind
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.criteria import (
    CALLED_OFF,
    differs_from_previous,
    has_version,
    is_new,
    starts_late_enough,
)
from airflow_provider_sf.wait.defaults import CLOCK_SKEW_SECONDS
from airflow_provider_sf.wait.identity import History, UpgradeIdentity


class Match(Enum):
    """Whether a record is about the expected upgrade."""

    EXPECTED = auto()
    OTHER = auto()
    """Another upgrade, or not known; the expected upgrade may still start."""
    REPLACED = auto()
    """Another upgrade replaced the expected one, which was seen before: its result will never be reported."""


_NOTHING_SEEN = History()


@dataclass(frozen=True, slots=True)
class UpgradeSelector(Record):
    """
    The criteria for the expected upgrade: all that are set must hold. Without any, it is the latest.

    ``previous`` is the record from before the start. ``started_after`` is an aware time; the start may be
    up to ``clock_skew`` seconds earlier. ``target_version`` is the new version, for clusters the version of
    the code or of the configuration. With ``accept_current_version`` the wait also succeeds if
    ``target_version`` is deployed already and no upgrade is in progress.
    """

    omits_defaults: ClassVar[bool] = True

    previous: UpgradeProgress | None = None
    started_after: datetime | None = None
    clock_skew: float = CLOCK_SKEW_SECONDS
    target_version: str | None = None
    accept_current_version: bool = False

    def match(self, record: UpgradeProgress, now: datetime, history: History = _NOTHING_SEEN) -> Match:
        """Match a record with the expected upgrade."""
        expected = history.expected
        if record.outcome is Outcome.NOT_UPGRADED or self._is_earlier(record, history):
            return Match.OTHER
        satisfied = self.satisfied_by(record, now, history)
        if expected is None:
            is_expected = bool(satisfied)
        elif expected.contradicts(record):
            return Match.REPLACED
        else:
            is_expected = satisfied is not False or expected.goes_on_in(record)
        if is_expected and self._was_called_off(record, history):
            return Match.REPLACED
        return Match.EXPECTED if is_expected else Match.OTHER

    def update_identity(
        self, record: UpgradeProgress, match: Match, history: History
    ) -> UpgradeIdentity | None:
        """Return the identity of the expected upgrade after one more record; finished ones add nothing."""
        expected = history.expected
        if match is Match.EXPECTED and record.outcome.active:
            return expected.merged_with(record) if expected else UpgradeIdentity.from_record(record)
        is_upgrade = record.outcome is not Outcome.NOT_UPGRADED
        was_wrong = match is Match.OTHER and is_upgrade and not self._is_earlier(record, history)
        return None if was_wrong else expected

    def satisfied_by(
        self, record: UpgradeProgress, now: datetime, history: History = _NOTHING_SEEN
    ) -> bool | None:
        """Return whether the upgrade on record satisfies all criteria; None if one of them is not known."""
        results: list[bool | None] = []
        if self.previous is not None:
            results.append(differs_from_previous(self.previous, record))
        if self.started_after is not None:
            earliest = self.started_after - timedelta(seconds=self.clock_skew)
            results.append(starts_late_enough(earliest, record, now, history))
        if self.target_version is not None and not results:
            results.append(is_new(record, history.before))
            results.append(has_version(self.target_version, record))
        elif self.target_version is not None and not self._hides_version(record, history):
            results.append(has_version(self.target_version, record))
        if not results:
            return not self._was_refused(record, history) or None
        return False if False in results else None if None in results else True

    def lacks_version(self, record: UpgradeProgress, now: datetime) -> bool:
        """Whether a rollback may be that of the expected upgrade, but its new version is not known."""
        is_asked = self.target_version is not None and record.going_back
        return is_asked and self.satisfied_by(record, now) is None

    def accepts_current(self, record: UpgradeProgress) -> bool:
        """Whether the target version is deployed already and ``accept_current_version`` is set."""
        is_deployed = record.outcome in {Outcome.SUCCEEDED, Outcome.NOT_UPGRADED}
        return self.accept_current_version and is_deployed and self.target_version in record.versions

    def is_phase(self, record: UpgradeProgress, history: History) -> bool:
        """Whether only a phase has completed: the version is still the old one."""
        if record.outcome is not Outcome.SUCCEEDED or not get_kind(record.kind).is_multi_phase:
            return False
        old = self._old_version(history)
        return old is not None and old == record.new_version

    def _old_version(self, history: History) -> str | None:
        """Return the version of a multi-phase kind before the expected upgrade; None if it is not known."""
        if self.previous is not None:
            return next(iter(self.previous.versions), None)
        return history.before.target_version if history.before else None

    def _hides_version(self, record: UpgradeProgress, history: History) -> bool:
        """Whether this kind does not report the new version yet."""
        is_completed = record.outcome is Outcome.SUCCEEDED and not self.is_phase(record, history)
        return get_kind(record.kind).is_multi_phase and not is_completed

    def _was_refused(self, record: UpgradeProgress, history: History) -> bool:
        """
        Whether a completed record of a multi-phase kind has details: the reason why a start was refused.

        If the version has changed since an earlier poll, the details are no refusal.
        """
        is_completed = record.outcome is Outcome.SUCCEEDED and get_kind(record.kind).is_multi_phase
        has_changed = self._old_version(history) not in {None, record.new_version}
        return is_completed and bool(record.status_details) and not has_changed

    def _is_earlier(self, record: UpgradeProgress, history: History) -> bool:
        """
        Whether a record, read after the expected upgrade was seen, is about the upgrade before it.

        Such an answer is old, so it replaces nothing. A rollback is different: during provisioning some kinds
        report it with the start time of the upgrade before.
        """
        expected = history.expected
        if expected is None or record.started_at is None or expected.has_same_start(record):
            return False
        if record.going_back and expected.started_at is None:
            return False
        starts = [self.previous and self.previous.started_at, history.before and history.before.started_at]
        return record.started_at in starts

    def _was_called_off(self, record: UpgradeProgress, history: History) -> bool:
        """
        Whether a completed record shows that an upgrade to the old version replaced the expected upgrade.

        A rollback never completes forward, except on a cluster, where the record of the upgrade changes.
        """
        if record.outcome is not Outcome.SUCCEEDED or self.is_phase(record, history):
            return False
        if history.expected is not None and history.expected.rolled_back:
            return True
        if record.failure_reason != CALLED_OFF or self.target_version in record.new_versions:
            return False
        if history.expected is not None:
            return True
        if self.previous is not None:
            return self.previous.started_at != record.started_at
        return self.started_after is not None
