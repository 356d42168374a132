"""What a cluster says about upgrades: the kinds (a table), the progress record, its outcome. Pure; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest import Call, UnexpectedAnswer, path_segment
from airflow_provider_sf.wire import integer, iso, number, objects, of_schema, seconds, text, utc

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SCHEMA = "service_fabric.upgrade_progress/1"


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


# The application resource's words are those of ApplicationResourceUpgradeState. An upgrade goes
#   ProvisioningTarget -> RollingForward -> UnprovisioningCurrent -> CompletedRollforward
# or turns back:          RollingBack    -> UnprovisioningTarget  -> CompletedRollback
# The two Unprovisioning states clean up after a decision; the record is not closed before they end.
# "Failed" means that Service Fabric gave up. "Invalid" and words that are not here are unknown.
OUTCOMES: dict[str, Outcome] = {
    "ProvisioningTarget": Outcome.IN_PROGRESS,
    "RollingForward": Outcome.IN_PROGRESS,
    "UnprovisioningCurrent": Outcome.IN_PROGRESS,
    "CompletedRollforward": Outcome.SUCCEEDED,
    "RollingBack": Outcome.ROLLING_BACK,
    "UnprovisioningTarget": Outcome.ROLLING_BACK,
    "CompletedRollback": Outcome.ROLLED_BACK,
    "Failed": Outcome.FAILED,
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of upgrade: its name, its progress call, and under which keys it says what all kinds say."""

    name: str
    title: str
    progress: Call
    keys: Mapping[str, str]
    """Field of the record -> key of the answer."""


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="application_resource",
            title="application resource",
            progress=Call(
                path="/Resources/Applications/{name}/$/GetUpgradeProgress",
                api_version="7.0",
                page="https://learn.microsoft.com/rest/api/servicefabric/"
                "sfclient-v80-api-meshapplication_getupgradeprogress",
            ),
            keys={
                "name": "Name",
                "state": "UpgradeState",
                "target_version": "TargetApplicationTypeVersion",
                "percent_completed": "PercentCompleted",
                "started_at": "StartTimestampUtc",
                "failed_at": "FailureTimestampUtc",
                "duration_seconds": "UpgradeDuration",
                "rolling_upgrade_mode": "RollingUpgradeMode",
                "replica_check_timeout_seconds": "UpgradeReplicaSetCheckTimeoutInSeconds",
                "status_details": "ApplicationUpgradeStatusDetails",
                "services": "ServiceUpgradeProgress",
            },
        ),
    )
}

DEFAULT_KIND = "application_resource"


def kind_named(name: str) -> Kind:
    """
    Return the row of a kind.

    :raises ValueError: there is no such kind; the message lists those that are
    """
    try:
        return KINDS[name]
    except KeyError:
        msg = f"kind {name!r} is not supported; choose one of: {', '.join(KINDS)}"
        raise ValueError(msg) from None


def check_name(kind: str, name: Any) -> None:
    """
    Check what a DAG file says, as far as it can be known before templates and XComArgs are resolved.

    :raises ValueError: there is no such kind, or the name could not be sent, see :func:`path_segment`
    """
    kind_named(kind)
    if not hasattr(name, "resolve") and not any(mark in str(name) for mark in ("{{", "{%", "{#")):
        path_segment(name)


@dataclass(frozen=True, slots=True)
class ServiceProgress:
    """How many replicas of one service are upgraded and how many are still to come; None if not said."""

    name: str
    completed_replicas: int | None
    pending_replicas: int | None

    @property
    def behind(self) -> bool:
        """Whether replicas of this service still wait for the upgrade."""
        return bool(self.pending_replicas)

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON types; the keys are the constructor's names."""
        return {
            "name": self.name,
            "completed_replicas": self.completed_replicas,
            "pending_replicas": self.pending_replicas,
        }


@dataclass(frozen=True, slots=True)
class UpgradeProgress:
    """
    One answer about one upgrade: what Service Fabric said, no more. None means "not said" or "not set".

    Durations are seconds, times are aware datetimes in UTC, percent goes from 0.0 to 100.0. A
    ``replica_check_timeout_seconds`` of None means infinite. ``raw`` is the untouched answer.
    """

    kind: str
    name: str
    state: str | None = None
    target_version: str | None = None
    previous_version: str | None = None
    percent_completed: float | None = None
    started_at: datetime | None = None
    failed_at: datetime | None = None
    duration_seconds: float | None = None
    rolling_upgrade_mode: str | None = None
    replica_check_timeout_seconds: int | None = None
    status_details: str | None = None
    services: tuple[ServiceProgress, ...] = ()
    observed_at: datetime | None = None
    endpoint: str | None = None
    raw: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def outcome(self) -> Outcome:
        """
        How the upgrade stands.

        Completed without a start time is what Service Fabric answers for something nobody ever upgraded.
        A failed upgrade whose FailureAction is Manual does not end: it waits, in manual mode, for a person.
        """
        outcome = OUTCOMES.get(self.state or "", Outcome.UNKNOWN)
        if outcome is Outcome.SUCCEEDED and self.started_at is None:
            return Outcome.NOT_UPGRADED
        if (
            outcome is Outcome.IN_PROGRESS
            and self.failed_at
            and self.rolling_upgrade_mode == "UnmonitoredManual"
        ):
            return Outcome.PAUSED
        return outcome

    @classmethod
    def from_answer(
        cls,
        kind: str,
        name: str,
        answer: object,
        *,
        observed_at: datetime | None = None,
        endpoint: str | None = None,
    ) -> UpgradeProgress:
        """
        Read the answer of the kind's progress call. Unknown fields and states are kept, odd values are None.

        :raises UnexpectedAnswer: the answer is not a JSON object
        :raises ValueError: there is no such kind
        """
        keys = kind_named(kind).keys
        if not isinstance(answer, dict):
            msg = f"expected a JSON object about {name!r}, got {type(answer).__name__}"
            raise UnexpectedAnswer(msg, endpoint=endpoint)
        said = {ours: answer.get(theirs) for ours, theirs in keys.items()}
        details = text(said["status_details"])
        return cls(
            kind=kind,
            name=text(said["name"]) or name,
            state=text(said["state"]),
            target_version=text(said["target_version"]),
            previous_version=_previous_version(details),
            percent_completed=number(said["percent_completed"]),
            started_at=utc(said["started_at"]),
            failed_at=utc(said["failed_at"]),
            duration_seconds=seconds(said["duration_seconds"]),
            rolling_upgrade_mode=text(said["rolling_upgrade_mode"]),
            replica_check_timeout_seconds=_finite_timeout(said["replica_check_timeout_seconds"]),
            status_details=details,
            services=tuple(_service(item) for item in objects(said["services"])),
            observed_at=observed_at,
            endpoint=endpoint,
            raw=answer,
        )

    def to_dict(self, *, include_raw: bool = False) -> dict[str, Any]:
        """Return the record as JSON types, always with all of its keys; :meth:`from_dict` undoes it."""
        record = {
            "schema": SCHEMA,
            "kind": self.kind,
            "name": self.name,
            "outcome": self.outcome.value,
            "state": self.state,
            "target_version": self.target_version,
            "previous_version": self.previous_version,
            "percent_completed": self.percent_completed,
            "started_at": iso(self.started_at),
            "failed_at": iso(self.failed_at),
            "duration_seconds": self.duration_seconds,
            "rolling_upgrade_mode": self.rolling_upgrade_mode,
            "replica_check_timeout_seconds": self.replica_check_timeout_seconds,
            "status_details": self.status_details,
            "services": [service.to_dict() for service in self.services],
            # No kind in the table says these yet; the record's shape is a promise, so they are always there.
            "upgrade_kind": None,
            "failure_reason": None,
            "failure_domain": None,
            "health_check_phase": None,
            "upgrade_domains": [],
            "current_domain": None,
            "unhealthy_evaluations": [],
            "pending_safety_checks": [],
            "observed_at": iso(self.observed_at),
            "endpoint": self.endpoint,
        }
        return {**record, "raw": self.raw} if include_raw else record

    @classmethod
    def from_dict(cls, record: object) -> UpgradeProgress:
        """
        Read what :meth:`to_dict` wrote, now or in an earlier release. The outcome is worked out again.

        :raises ValueError: this is no record, or one of a schema that this version does not know
        """
        record = of_schema(SCHEMA, record)
        return cls(
            kind=record["kind"],
            name=record["name"],
            state=record["state"],
            target_version=record["target_version"],
            previous_version=record["previous_version"],
            percent_completed=record["percent_completed"],
            started_at=utc(record["started_at"]),
            failed_at=utc(record["failed_at"]),
            duration_seconds=record["duration_seconds"],
            rolling_upgrade_mode=record["rolling_upgrade_mode"],
            replica_check_timeout_seconds=record["replica_check_timeout_seconds"],
            status_details=record["status_details"],
            services=tuple(ServiceProgress(**service) for service in record["services"]),
            observed_at=utc(record["observed_at"]),
            endpoint=record["endpoint"],
        )


_VERSIONS = re.compile(r"from version:\s*(?P<previous>\S+)\s+to version:", re.IGNORECASE)

# 2^32 - 1 seconds is how the runtime writes "no limit"; the specification's default has one digit more.
_NO_LIMIT = 4_294_967_295


def _previous_version(status_details: str | None) -> str | None:
    """Return the version that "Deployment upgrading from version: v0 to version: v1." starts from."""
    said = _VERSIONS.search(status_details or "")
    return said["previous"] if said else None


def _finite_timeout(value: object) -> int | None:
    read = integer(value)
    return None if read is None or read >= _NO_LIMIT else read


def _service(item: dict[str, Any]) -> ServiceProgress:
    return ServiceProgress(
        name=text(item.get("ServiceName")) or "?",
        completed_replicas=integer(item.get("CompletedReplicaCount")),
        pending_replicas=integer(item.get("PendingReplicaCount")),
    )
