"""How a wait has ended, as a table: exceptions of tasks and exit codes follow from it. No I/O, no Airflow."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.state import Verdict

if TYPE_CHECKING:
    from airflow_provider_sf.rest import ServiceFabricError


class WaitEnd(Enum):
    """How a wait has ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    UNDONE = "undone"
    """A later phase of the upgrade failed, so that Service Fabric has undone the earlier ones."""
    SUPERSEDED = "superseded"
    PAUSED = "paused"
    """It waits for a person, and ``on_paused`` is ``"fail"``."""
    ROLLING_BACK = "rolling_back"
    """It has not finished, and ``on_rollback`` is ``"fail_fast"``."""
    TIMEOUT = "timeout"
    START_TIMEOUT = "start_timeout"
    STALL_TIMEOUT = "stall_timeout"
    UNKNOWN_STATE_TIMEOUT = "unknown_state_timeout"
    UNREACHABLE = "unreachable"
    REJECTED = "rejected"
    UNEXPECTED_ANSWER = "unexpected_answer"


TIMEOUTS = frozenset(
    {WaitEnd.TIMEOUT, WaitEnd.START_TIMEOUT, WaitEnd.STALL_TIMEOUT, WaitEnd.UNKNOWN_STATE_TIMEOUT}
)
"""The wait has ended, and the upgrade has not."""

_BY_OUTCOME = {
    Outcome.FAILED: WaitEnd.FAILED,
    Outcome.ROLLED_BACK: WaitEnd.ROLLED_BACK,
    Outcome.SUCCEEDED: WaitEnd.UNDONE,
    Outcome.PAUSED: WaitEnd.PAUSED,
    Outcome.ROLLING_BACK: WaitEnd.ROLLING_BACK,
}
"""What a failed upgrade has come to."""


def end_of_upgrade(verdict: Verdict, outcome: Outcome) -> WaitEnd | None:
    """Return the end of a wait that ended with this verdict on the last record; None if it ends no wait."""
    if verdict is Verdict.SUCCEEDED:
        return WaitEnd.SUCCEEDED
    if verdict is Verdict.SUPERSEDED:
        return WaitEnd.SUPERSEDED
    return _BY_OUTCOME.get(outcome, WaitEnd.FAILED) if verdict is Verdict.FAILED else None


def end_by_timeout(ended_by: str | None) -> WaitEnd | None:
    """Return the end of a wait that this timeout has ended; None if it is not one of :data:`TIMEOUTS`."""
    return next((end for end in TIMEOUTS if end.value == ended_by), None)


def end_by_error(error: ServiceFabricError) -> WaitEnd:
    """Return the end of a wait that an error has ended."""
    if isinstance(error, Unreachable):
        return WaitEnd.UNREACHABLE
    return WaitEnd.REJECTED if isinstance(error, Rejected) else WaitEnd.UNEXPECTED_ANSWER
