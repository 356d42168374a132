"""
The criteria for the expected upgrade, each as a function of a record. No I/O.

Each returns True if the record satisfies it, False if not, and None if that is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.identity import differ

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.identity import History, UpgradeIdentity

CALLED_OFF = "Interrupted"
"""
The failure reason of a completed cluster upgrade that was called off by an upgrade to the old version. The
record keeps its start time: ClusterManagerReplica::BeginAcceptUpgradeFabric of microsoft/service-fabric.
"""


def differs_from_previous(previous: UpgradeProgress, record: UpgradeProgress) -> bool | None:
    """
    Return whether the upgrade on record is another one than the previous; None if that is not known.

    If the previous upgrade was running without a start time, only the version can distinguish the two. Then a
    rollback may be its own: Service Fabric rolls back a running upgrade before it starts a new one.
    """
    if previous.started_at is not None:
        return _differs_from_started(previous, record)
    if previous.outcome.finished:
        return _differs_from_finished(previous, record)
    if previous.outcome is Outcome.UNKNOWN:
        return record.outcome.active or None
    if previous.going_back and record.outcome.active and record.new_version:
        return True
    if not previous.new_version or not record.new_version:
        return None
    return previous.new_version != record.new_version


def _differs_from_started(previous: UpgradeProgress, record: UpgradeProgress) -> bool | None:
    """
    Compare start times. An upgrade never loses its start time, so a record without one is about another.

    With the same start time there are two ways to see another upgrade: it was rolled back before it had its
    own start time; or a running upgrade of a cluster was called off by one to the old version.
    """
    if record.started_at is None:
        return record.outcome is not Outcome.UNKNOWN or None
    if previous.started_at != record.started_at:
        return True
    if previous.outcome is Outcome.SUCCEEDED and record.going_back:
        return True
    return record.failure_reason == CALLED_OFF and differ(previous.new_version, record.new_version)


def _differs_from_finished(previous: UpgradeProgress, record: UpgradeProgress) -> bool | None:
    """
    Compare with a finished upgrade without a known start time.

    Some kinds never report a start time. There, another result means that an upgrade ran in between.
    """
    if record.started_at is not None or record.outcome.active:
        return True
    return (record.outcome.finished and _result(previous) != _result(record)) or None


def starts_late_enough(
    earliest: datetime, record: UpgradeProgress, now: datetime, history: History
) -> bool | None:
    """
    Compare start times; a running upgrade without one has not started before now.

    A finished upgrade without one started during this wait if another was on record before.
    """
    start = record.started_at or (now if record.outcome.active else None)
    if start is None and history.before is not None and history.before.differs_from(record):
        start = history.began_at if history.began_at and history.began_at >= earliest else None
    return None if start is None else start >= earliest


def has_version(version: str, record: UpgradeProgress) -> bool | None:
    """Compare the new version; None for a rollback."""
    return version in record.new_versions if record.new_versions else None


def is_new(record: UpgradeProgress, before: UpgradeIdentity | None) -> bool | None:
    """Return whether an upgrade is running or finished during this wait; None if that is not known."""
    return record.outcome.active or (before is not None and before.differs_from(record)) or None


def _result(record: UpgradeProgress) -> tuple[Outcome, str | None, str | None]:
    return record.outcome, record.target_version, record.config_version
