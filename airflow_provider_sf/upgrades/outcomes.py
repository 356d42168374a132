"""The outcome of each upgrade state of Service Fabric, for all kinds. No I/O."""

from __future__ import annotations

from enum import Enum


class Outcome(str, Enum):
    """The result or the progress of an upgrade, the same for all kinds."""

    NOT_UPGRADED = "not_upgraded"
    """There is no upgrade on record."""
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    """Service Fabric waits for a person."""
    ROLLING_BACK = "rolling_back"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Service Fabric reported a state that this package does not know. Never a success."""

    def __str__(self) -> str:
        """Return the value, as it is in the record."""
        return self.value

    @property
    def active(self) -> bool:
        """Whether an upgrade is in progress, forward, back or paused."""
        return self in {Outcome.IN_PROGRESS, Outcome.PAUSED, Outcome.ROLLING_BACK}

    @property
    def finished(self) -> bool:
        """Whether the upgrade on record will not change any more."""
        return self in {Outcome.NOT_UPGRADED, Outcome.SUCCEEDED, Outcome.ROLLED_BACK, Outcome.FAILED}


# All states of Service Fabric. Application resources:
#   ProvisioningTarget -> RollingForward -> UnprovisioningCurrent -> CompletedRollforward
#   with a rollback:        RollingBack -> UnprovisioningTarget  -> CompletedRollback
# All other kinds; compose deployments also have the Provisioning and Unprovisioning states:
#   RollingForwardInProgress <-> RollingForwardPending -> RollingForwardCompleted
#   with a rollback:    RollingBackInProgress <-> RollingBackPending -> RollingBackCompleted
# The two Unprovisioning states clean up; the upgrade is complete only after them. The specification does not
# have RollingBackPending, but the runtime reports it. Failed means that Service Fabric stopped the upgrade.
# Every other state is unknown.
OUTCOMES: dict[str, Outcome] = {
    "ProvisioningTarget": Outcome.IN_PROGRESS,
    "RollingForward": Outcome.IN_PROGRESS,
    "RollingForwardInProgress": Outcome.IN_PROGRESS,
    "RollingForwardPending": Outcome.IN_PROGRESS,
    "UnprovisioningCurrent": Outcome.IN_PROGRESS,
    "CompletedRollforward": Outcome.SUCCEEDED,
    "RollingForwardCompleted": Outcome.SUCCEEDED,
    "RollingBack": Outcome.ROLLING_BACK,
    "RollingBackInProgress": Outcome.ROLLING_BACK,
    "RollingBackPending": Outcome.ROLLING_BACK,
    "UnprovisioningTarget": Outcome.ROLLING_BACK,
    "CompletedRollback": Outcome.ROLLED_BACK,
    "RollingBackCompleted": Outcome.ROLLED_BACK,
    "Failed": Outcome.FAILED,
    "Invalid": Outcome.UNKNOWN,
}

# In the mode UnmonitoredManual an upgrade waits for a person in these states: between two upgrade domains,
# and after a failure if its FailureAction is Manual. When the person resumes it, mode and failure time stay,
# but the state is InProgress: ProcessUpgradeContextAsyncOperationBase.cpp of microsoft/service-fabric.
BETWEEN_DOMAINS = frozenset({"RollingForwardPending", "RollingBackPending"})

# Application resources have no Pending state. There, only the failure time shows the pause, and it stays
# after the person has resumed the upgrade.
WITHOUT_PENDING = frozenset({"RollingForward"})


def is_rollback_state(state: str | None) -> bool:
    """Whether a state belongs to a rollback, in progress or finished."""
    return OUTCOMES.get(state or "") in {Outcome.ROLLING_BACK, Outcome.ROLLED_BACK}


def stage_state(state: str | None) -> str | None:
    """Return the state; the two between which a monitored upgrade alternates become one."""
    return state.replace("Pending", "InProgress") if state in BETWEEN_DOMAINS else state
