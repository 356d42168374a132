"""What Service Fabric's words for the state of an upgrade mean, for every kind. Pure; no I/O."""

from __future__ import annotations

from enum import Enum


class Outcome(str, Enum):
    """How an upgrade stands, in the same words for every kind."""

    NOT_UPGRADED = "not_upgraded"
    """No upgrade is on record."""
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    """Nothing moves until a person acts."""
    ROLLING_BACK = "rolling_back"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Service Fabric said something that this package does not know. Never a success."""

    def __str__(self) -> str:
        """Return the word itself, as the record holds it."""
        return self.value

    @property
    def active(self) -> bool:
        """Whether an upgrade is under way, in whatever direction, a pause included."""
        return self in {Outcome.IN_PROGRESS, Outcome.PAUSED, Outcome.ROLLING_BACK}

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to what is on record."""
        return self in {Outcome.NOT_UPGRADED, Outcome.SUCCEEDED, Outcome.ROLLED_BACK, Outcome.FAILED}


# Every word of Service Fabric's vocabularies. Application resources:
#   ProvisioningTarget -> RollingForward -> UnprovisioningCurrent -> CompletedRollforward
#   ... or turned back:     RollingBack -> UnprovisioningTarget  -> CompletedRollback
# All other kinds; compose deployments have the Provisioning and Unprovisioning states, too:
#   RollingForwardInProgress <-> RollingForwardPending -> RollingForwardCompleted
#   ... or turned back: RollingBackInProgress <-> RollingBackPending -> RollingBackCompleted
# The two Unprovisioning states clean up after a decision; the record is not closed before they end.
# RollingBackPending stands in no specification, but the runtime says it. Failed means that Service Fabric
# gave up. What is not here is unknown.
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

# In manual mode nothing moves here unless a person lets it: between two upgrade domains, ...
BETWEEN_DOMAINS = frozenset({"RollingForwardPending", "RollingBackPending"})
# ... and after a failure whose FailureAction is Manual, even while the failed domain is still under way.
ROLLING_FORWARD = frozenset({"RollingForward", "RollingForwardInProgress"})


def is_rollback_state(state: str | None) -> bool:
    """Whether a state belongs to a rollback, under way or done."""
    return OUTCOMES.get(state or "") in {Outcome.ROLLING_BACK, Outcome.ROLLED_BACK}


def stage_state(state: str | None) -> str | None:
    """Return one word for the two states between which a monitored upgrade goes to and fro."""
    return state.replace("Pending", "InProgress") if state in BETWEEN_DOMAINS else state
