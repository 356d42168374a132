"""What a cluster says about upgrades: the progress record and its outcome. Pure; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.json_values import (
    integer,
    iso,
    number,
    percentage,
    seconds,
    short_text,
    text,
    utc,
    value_at,
)
from airflow_provider_sf.rest.storage_limits import WORD_BYTES, is_storable, json_size
from airflow_provider_sf.serialization import of_schema
from airflow_provider_sf.upgrades.domains import Domains, domains_of
from airflow_provider_sf.upgrades.health_evaluations import unhealthy_sentences
from airflow_provider_sf.upgrades.kinds import KINDS, get_kind
from airflow_provider_sf.upgrades.outcomes import (
    BETWEEN_DOMAINS,
    OUTCOMES,
    ROLLING_FORWARD,
    Outcome,
    is_rollback_state,
)
from airflow_provider_sf.upgrades.services import ServiceProgress, services_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

SCHEMA = "service_fabric.upgrade_progress/1"

# A record is stored in XComs and in the event of a trigger, which must stay under 32 KiB whatever a cluster
# says. These are bytes of JSON; what else is stored with it has its limits in
# wire, services, domains, health, timeline, rest and story.
_NAME_BYTES, _DETAILS_BYTES, _RAW_BYTES = 512, 1_024, 16_384

__all__ = ["SCHEMA", "Outcome", "UpgradeProgress"]


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
    config_version: str | None = None
    upgrade_kind: str | None = None
    failure_reason: str | None = None
    health_check_phase: str | None = None
    health_check_elapsed_seconds: float | None = None
    domains: Domains = field(default_factory=Domains)
    unhealthy_evaluations: tuple[str, ...] = ()
    observed_at: datetime | None = None
    endpoint: str | None = None
    omitted: tuple[tuple[str, int], ...] = ()
    """How many items were cut from which list, and their part of what is counted; 0 is not said."""
    raw: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def outcome(self) -> Outcome:
        """
        How the upgrade stands: by its state, and by three rules for what the state does not say.

        What nobody ever upgraded calls itself completed; its kind can tell. In manual mode an upgrade waits
        for a person before each upgrade domain; a failed one whose FailureAction is Manual is put into that
        mode and does not end.
        """
        outcome = OUTCOMES.get(self.state or "", Outcome.UNKNOWN)
        if outcome is Outcome.SUCCEEDED and self._was_never_upgraded():
            return Outcome.NOT_UPGRADED
        if self.rolling_upgrade_mode != "UnmonitoredManual":
            return outcome
        if self.state in BETWEEN_DOMAINS or (self.state in ROLLING_FORWARD and self.failed_at):
            return Outcome.PAUSED
        return outcome

    def _was_never_upgraded(self) -> bool:
        never = get_kind(self.kind).never_upgraded
        return any(getattr(self, field) == value for field, value in never.items())

    @property
    def going_back(self) -> bool:
        """Whether the upgrade has turned to rollback; SF then reports the old version as the target."""
        return is_rollback_state(self.state)

    @property
    def new_version(self) -> str | None:
        """The version that the upgrade brings; None if that is not known."""
        is_upgrade = self.outcome not in {Outcome.NOT_UPGRADED, Outcome.UNKNOWN}
        return self.target_version if is_upgrade and not self.going_back else None

    @property
    def more_behind(self) -> int:
        """How many services are behind for which there is no room in the record."""
        return dict(self.omitted).get("services_behind", 0)

    @property
    def position(self) -> tuple[object, ...]:
        """Where the upgrade is: two equal positions mean that nothing has moved. Clocks are not in it."""
        omitted = tuple((what, count) for what, count in self.omitted if what not in _OF_NO_POSITION)
        return (
            self.outcome,
            self.state,
            self.started_at,
            self.percent_completed,
            self.health_check_phase,
            frozenset(self.services),
            self.domains.position,
            omitted,
        )

    @property
    def content(self) -> tuple[object, ...]:
        """All that it says but for clocks: two equal contents mean that only time has passed."""
        return _content(self)

    def with_clocks_of(self, later: UpgradeProgress) -> UpgradeProgress:
        """Return this record with the clocks of a later one of equal content."""
        return replace(self, **{name: getattr(later, name) for name in _CLOCKS})

    @property
    def domains_done(self) -> tuple[int, int] | None:
        """How many upgrade domains, or units, are completed, and of how many; None if that is not said."""
        return self.domains.done(dict(self.omitted))

    @property
    def place(self) -> str | None:
        """Where a rolling upgrade is: ``domain UD2 (2 of 5)`` or, between two, ``2 of 5 domains``."""
        return self.domains.place(dict(self.omitted))

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

        What would make the record too large for an XCom is cut: texts say so at their end, ``omitted`` says
        how many services are missing; those that wait for the upgrade are the last to go.

        :raises UnexpectedAnswer: the answer is not a JSON object
        :raises ValueError: there is no such kind
        """
        keys = get_kind(kind).keys
        if not isinstance(answer, dict):
            msg = f"expected a JSON object about {name!r}, got {type(answer).__name__}"
            raise UnexpectedAnswer(msg, endpoint=endpoint)
        said = {field: value_at(answer, keys[field]) if field in keys else None for field in _FIELDS}
        details = text(said["status_details"])
        services, more_services = services_of(said["services"])
        domains, more_domains = domains_of(said)
        evaluations, more_evaluations = unhealthy_sentences(said["unhealthy_evaluations"])
        omitted = {**more_services, **more_domains, "unhealthy_evaluations": more_evaluations}
        return cls(
            kind=kind,
            name=short_text(said["name"], _NAME_BYTES) or name,
            state=short_text(said["state"], WORD_BYTES),
            target_version=short_text(said["target_version"], WORD_BYTES),
            previous_version=short_text(_previous_version(details), WORD_BYTES),
            percent_completed=percentage(said["percent_completed"]),
            started_at=utc(said["started_at"]),
            failed_at=utc(said["failed_at"]),
            duration_seconds=seconds(said["duration_seconds"]),
            rolling_upgrade_mode=short_text(said["rolling_upgrade_mode"], WORD_BYTES),
            replica_check_timeout_seconds=_finite_timeout(said["replica_check_timeout_seconds"]),
            status_details=short_text(details, _DETAILS_BYTES),
            services=services,
            config_version=short_text(said["config_version"], WORD_BYTES),
            upgrade_kind=short_text(said["upgrade_kind"], WORD_BYTES),
            failure_reason=_failure(short_text(said["failure_reason"], WORD_BYTES)),
            health_check_phase=short_text(said["health_check_phase"], WORD_BYTES),
            health_check_elapsed_seconds=seconds(said["health_check_elapsed_seconds"]),
            domains=domains,
            unhealthy_evaluations=evaluations,
            observed_at=observed_at,
            endpoint=endpoint,
            omitted=tuple((what, count) for what, count in omitted.items() if count),
            raw=answer,
        )

    def to_dict(self, *, include_raw: bool = False) -> dict[str, Any]:
        """
        Return the record as JSON types, always with all of its keys; :meth:`from_dict` undoes it.

        With ``include_raw`` the untouched answer is there, too, unless it takes more than 16 KiB or Airflow
        could not store it: then ``raw`` is null and ``omitted`` says how many bytes it has.
        """
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
            "config_version": self.config_version,
            "upgrade_kind": self.upgrade_kind,
            "failure_reason": self.failure_reason,
            "health_check_phase": self.health_check_phase,
            "health_check_elapsed_seconds": self.health_check_elapsed_seconds,
            **self.domains.to_dict(),
            "unhealthy_evaluations": list(self.unhealthy_evaluations),
            "observed_at": iso(self.observed_at),
            "endpoint": self.endpoint,
            "omitted": dict(self.omitted),
        }
        if not include_raw:
            return record
        if is_storable(self.raw) and json_size(self.raw) <= _RAW_BYTES:
            return {**record, "raw": self.raw}
        omitted = {**dict(self.omitted), "raw": json_size(self.raw)}
        return {**record, "omitted": omitted, "raw": None}

    @classmethod
    def from_dict(cls, record: object) -> UpgradeProgress:
        """
        Read what :meth:`to_dict` wrote, now or in an earlier release. The outcome is worked out again.

        :raises ValueError: this is no record, or one of a schema that this version does not know
        """
        record = of_schema(SCHEMA, record)
        name = text(record["name"])
        if name is None:
            msg = "the field 'name' of a record cannot be read"
            raise ValueError(msg)
        return cls(
            kind=get_kind(record["kind"]).name,
            name=name,
            state=text(record["state"]),
            target_version=text(record["target_version"]),
            previous_version=text(record["previous_version"]),
            percent_completed=number(record["percent_completed"]),
            started_at=_time("started_at", record["started_at"]),
            failed_at=_time("failed_at", record["failed_at"]),
            duration_seconds=number(record["duration_seconds"]),
            rolling_upgrade_mode=text(record["rolling_upgrade_mode"]),
            replica_check_timeout_seconds=integer(record["replica_check_timeout_seconds"]),
            status_details=text(record["status_details"]),
            services=tuple(ServiceProgress(**service) for service in record["services"]),
            config_version=text(record.get("config_version")),
            upgrade_kind=text(record["upgrade_kind"]),
            failure_reason=text(record["failure_reason"]),
            health_check_phase=text(record["health_check_phase"]),
            health_check_elapsed_seconds=number(record.get("health_check_elapsed_seconds")),
            domains=Domains.from_dict(record),
            unhealthy_evaluations=tuple(map(str, record["unhealthy_evaluations"])),
            observed_at=_time("observed_at", record["observed_at"]),
            endpoint=text(record["endpoint"]),
            omitted=tuple(
                (what, count) for what, count in dict(record.get("omitted", {})).items() if what != "raw"
            ),
        )


_FIELDS = frozenset(field for kind in KINDS.values() for field in kind.keys)
"""All that a row may say where to find."""

_CLOCKS = {"duration_seconds", "health_check_elapsed_seconds", "observed_at", "endpoint", "raw"}
_content: Callable[[UpgradeProgress], tuple[object, ...]] = attrgetter(
    *(one.name for one in fields(UpgradeProgress) if one.name not in _CLOCKS)
)

_OF_NO_POSITION = frozenset({"unhealthy_evaluations", "nodes_at_failure", "safety_checks_at_failure"})

_VERSIONS = re.compile(r"from version:\s*(?P<previous>\S+)\s+to version:", re.IGNORECASE)

# 2^32 - 1 seconds is how the runtime writes "no limit"; the specification's default has one digit more.
_NO_LIMIT = 4_294_967_295


def _previous_version(status_details: str | None) -> str | None:
    """Return the version that "Deployment upgrading from version: v0 to version: v1." starts from."""
    said = _VERSIONS.search(status_details or "")
    return said["previous"] if said else None


def _failure(reason: str | None) -> str | None:
    """Service Fabric's word for "no failure" is no reason for one."""
    return None if reason == "None" else reason


def _finite_timeout(value: object) -> int | None:
    read = integer(value)
    return None if read is None or read >= _NO_LIMIT else read


def _time(field: str, written: object) -> datetime | None:
    """Read a time of ours: if it could be lost unseen, an old upgrade could pass for a new one."""
    read = utc(written)
    if read is None and written is not None:
        msg = f"the field {field!r} of a record cannot be read"
        raise ValueError(msg)
    return read
