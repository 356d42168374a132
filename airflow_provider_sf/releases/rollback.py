"""What to do so that an upgrade is rolled back, by what is on record. No I/O, no clock."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_sf.upgrades.outcomes import Outcome

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.identity import UpgradeIdentity


class RollbackStep(Enum):
    """The next step towards a rolled back upgrade."""

    REQUEST = "request"
    """Request the rollback. Service Fabric accepts a second request while it rolls back."""
    LEAVE_MANUAL_MODE = "leave_manual_mode"
    """The rollback waits for a person before each upgrade domain: change its mode to UnmonitoredAuto."""
    LOOK_AGAIN = "look_again"
    """The request was accepted. It is not known yet whether the rollback will wait for a person."""
    WAIT = "wait"
    """The rollback runs, or starts soon."""
    DONE = "done"
    """The upgrade was rolled back."""
    FINISHED = "finished"
    """No upgrade is in progress, so none can be rolled back."""
    OTHER = "other"
    """Another upgrade than the expected one is on record."""
    UNKNOWN = "unknown"
    """The state is not known: do nothing."""


def next_rollback_step(
    record: UpgradeProgress, expected: UpgradeIdentity | None, *, is_accepted: bool = False
) -> RollbackStep:
    """
    Return the next step.

    :param expected: the only upgrade that may be rolled back; None for the upgrade on record
    :param is_accepted: whether the cluster has accepted a request of this task
    """
    if record.outcome is Outcome.UNKNOWN:
        return RollbackStep.UNKNOWN
    if expected is not None and (record.outcome is Outcome.NOT_UPGRADED or expected.contradicts(record)):
        return RollbackStep.OTHER
    if record.outcome.finished:
        return RollbackStep.DONE if record.outcome is Outcome.ROLLED_BACK else RollbackStep.FINISHED
    is_manual = record.rolling_upgrade_mode == "UnmonitoredManual"
    if record.going_back:
        return RollbackStep.LEAVE_MANUAL_MODE if is_manual else RollbackStep.WAIT
    if not is_accepted:
        return RollbackStep.REQUEST
    return RollbackStep.LOOK_AGAIN if is_manual else RollbackStep.WAIT
