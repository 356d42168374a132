"""
What a wait knows, as one value with a JSON form. No I/O, no decisions.

The state moves from the worker to the triggerer and from one triggerer to the next. Its final form, with
``ended_by``, is the trigger's event and the XCom ``upgrade_wait``. It takes less than 32 KiB of JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_sf.rest import ServiceFabricError
from airflow_provider_sf.rest.protocol import is_missing
from airflow_provider_sf.rest.storage_limits import shorten
from airflow_provider_sf.serialization import REQUIRED, TRANSIENT, Record
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.failure_reasons import FailureDetails, failure_reasons
from airflow_provider_sf.upgrades.kinds import get_kind
from airflow_provider_sf.wait.identity import History, UpgradeIdentity
from airflow_provider_sf.wait.timeline import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "service_fabric.upgrade_wait/1"

_LAST_ERROR_BYTES = 600


class Verdict(Enum):
    """What the last answer means for the wait."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """The upgrade failed, or it is in a state that the policy does not wait for."""
    SUPERSEDED = "superseded"
    """Another upgrade replaced the expected one."""
    NOT_STARTED = "not_started"
    """The upgrade on record is not the expected one and no longer active."""
    PHASE_COMPLETED = "phase_completed"
    """A phase of the expected upgrade has completed. The next one follows, or the upgrade was undone."""
    UNKNOWN = "unknown"
    """Service Fabric reports a state that this package does not know."""

    @property
    def bad(self) -> bool:
        """Whether the verdict fails the task, once it is confirmed."""
        return self in {Verdict.FAILED, Verdict.SUPERSEDED}


@dataclass(frozen=True, slots=True)
class OutageStats(Record):
    """Statistics of past outages."""

    count: int = 0
    polls: int = 0
    """Failed polls of all outages."""
    longest_seconds: float = 0.0
    last_error: str | None = None

    def plus(self, polls: int, seconds: float, error: object) -> OutageStats:
        """Return the statistics after one more outage."""
        return OutageStats(
            count=self.count + 1,
            polls=self.polls + polls,
            longest_seconds=max(self.longest_seconds, seconds),
            last_error=shorten(str(error), _LAST_ERROR_BYTES),
        )


@dataclass(frozen=True, slots=True)
class WaitState(Record):
    """What a wait knows, and how it ended. While the wait goes on, ended_by and ended_at are null."""

    schema_id: ClassVar[str] = SCHEMA

    ended_by: str | None = field(default=None, metadata=REQUIRED)
    """
    Either upgrade, error, or the name of the parameter that ran out: timeout, start_timeout, stall_timeout,
    unknown_state_timeout, unreachable_timeout.
    """
    began_at: datetime | None = None
    """The time of the first poll."""
    ended_at: datetime | None = None
    expected: UpgradeIdentity | None = field(default=None, metadata=REQUIRED)
    """The identity of the expected upgrade, once it was seen while it was active."""
    record: UpgradeProgress | None = field(default=None, metadata=REQUIRED)
    """The last answer."""
    timeline: tuple[Stage, ...] = ()
    polls: int = 0
    outages: OutageStats = field(default_factory=OutageStats)
    error: ServiceFabricError | None = None
    """The error of the last poll, if it brought no answer."""
    reasons: tuple[str, ...] = ()
    """Sentences that explain why the upgrade failed or rolls back."""
    answers: int = 0
    """How many polls brought an answer."""
    before: UpgradeIdentity | None = None
    """The identity of the upgrade that was on record before the expected one."""
    old_version: str | None = None
    """The version from before the upgrade; null if the task did not start the upgrade itself."""
    verdict: Verdict | None = None
    """What the last answer means for the wait."""
    verdict_since: datetime | None = None
    """Since when answers have had this verdict."""
    moved_at: datetime | None = None
    """When the record last changed."""
    unreachable_since: datetime | None = None
    """The time of the first failed poll of the current outage."""
    unreachable_polls: int = 0
    """Failed polls of the current outage."""
    earlier_polls_unknown: bool = field(default=False, metadata=TRANSIENT)
    """True in reschedule mode: a finished upgrade may have finished long before the first known poll."""
    stale: bool = field(default=False, metadata=TRANSIENT)
    """True if another process continued this wait and ended; its progress is lost."""

    @property
    def unconfirmed(self) -> bool:
        """Whether the last answer fails the task if the next poll confirms it."""
        return self.verdict is not None and self.verdict.bad

    @property
    def is_confirming(self) -> bool:
        """Whether the last poll ends the wait if the next one confirms it: a bad result, or a deletion."""
        return self.unconfirmed or self.is_deleted

    @property
    def is_deleted(self) -> bool:
        """Whether the last poll did not find what an earlier one has found."""
        return self.record is not None and self.error is not None and is_missing(self.error)

    @property
    def is_upgrade_known(self) -> bool:
        """Whether the expected upgrade is known so well that no other one can be taken for it."""
        if self.expected is None or self.record is None:
            return False
        return self.expected.started_at is not None or get_kind(self.record.kind).is_multi_phase

    @property
    def history(self) -> History:
        """What the selector needs to match the next record."""
        return History(self.expected, self.before, self.began_at)

    def explained(self, details: Iterable[FailureDetails] = ()) -> WaitState:
        """
        Return the state with the reasons of a failure: of its record, other answers, and earlier records.

        Earlier ones count only if there were more of them: usually a later record says the same.
        """
        own = [] if self.record is None else [FailureDetails.from_record(self.record)]
        known = [*own, *details]
        reasons = failure_reasons(known)
        if len(self.reasons) > len(reasons):
            reasons = failure_reasons(known, self.reasons)
        return replace(self, reasons=reasons)

    def after_restart(self) -> WaitState:
        """Return what is still true after another process continued from this state and ended."""
        return replace(self, unreachable_since=None, unreachable_polls=0, stale=True)

    def resumed(self) -> WaitState:
        """
        Return this last state of a process that ended, for the process that continues.

        Nothing was polled in between: a current outage keeps its start, but its polls count from zero.
        """
        return replace(self, unreachable_polls=0, stale=True)

    def continued(self, interim: WaitState, *, since: WaitState) -> WaitState:
        """
        Return this last state of an earlier process, for a process that has polled without knowing it.

        ``interim`` is the state of the later process, which began with ``since``. Only what this does not
        know is taken from it: without this state, its timeline may be wrong.
        """
        if interim.polls == since.polls:
            return self.resumed()
        unreachable_since = interim.unreachable_since and (
            self.unreachable_since or interim.unreachable_since
        )
        return replace(
            self,
            polls=self.polls + interim.polls - since.polls,
            expected=self.expected or interim.expected,
            before=self.before or interim.before,
            unreachable_since=unreachable_since,
            unreachable_polls=interim.unreachable_polls,
            error=interim.error,
            stale=True,
        )

    def after_pause(self) -> WaitState:
        """Return this state of a wait that a pause has ended, for the next wait for the same upgrade."""
        return replace(self, ended_by=None, ended_at=None, verdict=None, verdict_since=None)

    def identified(self, record: UpgradeProgress) -> WaitState:
        """Return the final state; the last record completes the identity of the expected upgrade."""
        identity = self.expected or UpgradeIdentity.from_record(record)
        return replace(self, expected=identity.merged_with(record))

    def ended(self, by: str, now: datetime) -> WaitState:
        """Return the final state; see ``ended_by`` for the values of ``by``."""
        return replace(self, ended_by=by, ended_at=now)


def xcom_values(kind: str, name: str, state: WaitState, message: str | None = None) -> dict[str, Any]:
    """Return the XComs of a wait by key: its state with kind, name and final message, and the last record."""
    members = state.to_dict()
    wait = {"schema": members.pop("schema"), "kind": kind, "name": name, "message": message, **members}
    record = {} if members["record"] is None else {"upgrade_progress": members["record"]}
    return {"upgrade_wait": wait, **record}


def upgrade_wait_schema() -> dict[str, Any]:
    """Return the JSON Schema of the XCom ``upgrade_wait``."""
    schema = WaitState.json_schema()
    extra = {
        "kind": {"type": "string"},
        "name": {"type": "string"},
        "message": {"type": ["string", "null"], "description": "The final message of the task."},
    }
    properties = schema["properties"]
    merged = {"schema": properties.pop("schema"), **extra, **properties}
    return {**schema, "required": list(merged), "properties": merged}
