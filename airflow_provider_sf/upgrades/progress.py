"""The progress record of an upgrade and its outcome. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.json_values import (
    count,
    failure_word,
    percentage,
    seconds,
    short_text,
    text,
    utc,
    value_at,
    word,
)
from airflow_provider_sf.rest.storage_limits import is_storable, json_size
from airflow_provider_sf.serialization import INLINE, REQUIRED, TRANSIENT, Record
from airflow_provider_sf.upgrades.domains import Domains, domains_of
from airflow_provider_sf.upgrades.health_evaluations import unhealthy_sentences
from airflow_provider_sf.upgrades.kinds import get_kind
from airflow_provider_sf.upgrades.monitoring_policy import MonitoringPolicy, monitoring_policy_of
from airflow_provider_sf.upgrades.outcomes import (
    BETWEEN_DOMAINS,
    OUTCOMES,
    WITHOUT_PENDING,
    Outcome,
    is_rollback_state,
)
from airflow_provider_sf.upgrades.services import ServiceProgress, replicas_done, services_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from airflow_provider_sf.upgrades.kinds import Kind

SCHEMA = "service_fabric.upgrade_progress/1"

# Limits in bytes of JSON: a record is stored in XComs and in the event of a trigger, which must stay under
# 32 KiB whatever a cluster reports.
_NAME_BYTES, _DETAILS_BYTES, _RAW_BYTES = 512, 1_024, 16_384

__all__ = ["SCHEMA", "Outcome", "UpgradeProgress"]


_SEARCHED_LENGTH = 65_536
"""How many characters of the status details are searched for versions."""

_VERSIONS = re.compile(r"from version:\s*(?P<previous>\S+)\s+to version:", re.IGNORECASE)

# 2^32 - 1 seconds is how the runtime writes "no limit"; the specification's default has one digit more.
_NO_LIMIT = 4_294_967_295


def _answered(read: Callable[[object], Any], **metadata: bool) -> Any:
    """Declare a field that an answer holds under the key that its kind names, and how it is read."""
    return field(default=None, metadata={"read": read, **metadata})


def _details(value: object) -> str | None:
    return short_text(value, _DETAILS_BYTES)


def _previous_version(status_details: object) -> str | None:
    """Return the version that "Deployment upgrading from version: v0 to version: v1." starts from."""
    match = _VERSIONS.search((text(status_details) or "")[:_SEARCHED_LENGTH])
    return word(match["previous"]) if match else None


def _finite_timeout(value: object) -> int | None:
    timeout = count(value)
    return None if timeout is None or timeout >= _NO_LIMIT else timeout


@dataclass(frozen=True, slots=True)
class UpgradeProgress(Record):
    """
    One answer about one upgrade: what Service Fabric reports. None means "not reported" or "not set".

    Durations are seconds, times are aware datetimes in UTC, percent goes from 0.0 to 100.0.
    """

    schema_id: ClassVar[str] = SCHEMA

    kind: str
    """The kind of upgrade, such as application_resource."""
    name: str
    """The name in the request or in the answer; empty for the cluster kinds."""
    outcome: Outcome = field(init=False)
    """How the upgrade stands, computed from the other members."""
    state: str | None = _answered(word, **REQUIRED)
    """Service Fabric's word."""
    target_version: str | None = _answered(word, **REQUIRED)
    """The new version; during and after a rollback Service Fabric reports the old version here."""
    previous_version: str | None = None
    percent_completed: float | None = _answered(percentage)
    started_at: datetime | None = _answered(utc, **REQUIRED)
    failed_at: datetime | None = _answered(utc, **REQUIRED)
    duration_seconds: float | None = _answered(seconds)
    rolling_upgrade_mode: str | None = _answered(word, **REQUIRED)
    replica_check_timeout_seconds: int | None = _answered(_finite_timeout)
    """None is infinite."""
    status_details: str | None = _answered(_details)
    services: tuple[ServiceProgress, ...] = ()
    config_version: str | None = _answered(word)
    """The version of a cluster's configuration; other kinds have none."""
    upgrade_kind: str | None = _answered(word)
    failure_reason: str | None = _answered(failure_word)
    """Service Fabric's word; its word None is null."""
    failure_classification: str | None = _answered(failure_word)
    """More exact than the failure reason, for example PreUpgradeSafetyCheckTimeout; not in every runtime."""
    health_check_phase: str | None = _answered(word)
    health_check_elapsed_seconds: float | None = _answered(seconds)
    domain_duration_seconds: float | None = _answered(seconds)
    """How long the upgrade has been in its current domain."""
    monitoring_policy: MonitoringPolicy | None = _answered(monitoring_policy_of)
    domains: Domains = field(default_factory=Domains, metadata=INLINE)
    unhealthy_evaluations: tuple[str, ...] = ()
    """A sentence for each unhealthy part."""
    observed_at: datetime | None = None
    """When the answer arrived."""
    endpoint: str | None = None
    """The gateway that answered."""
    omitted: tuple[tuple[str, int], ...] = ()
    """How many items of which list did not fit into the record; ``raw`` is the size of an omitted answer."""
    raw: dict[str, Any] | None = field(default=None, compare=False, repr=False, metadata=TRANSIENT)

    def __post_init__(self) -> None:
        """
        Compute the outcome.

        :raises ValueError: the kind does not exist
        """
        object.__setattr__(self, "outcome", self._outcome(get_kind(self.kind)))

    def _outcome(self, kind: Kind) -> Outcome:
        """
        Return the outcome of the state, corrected by two rules for what the state does not show.

        Something that was never upgraded reports a completed state. In manual mode an upgrade waits for a
        person before each upgrade domain; a failed one with the FailureAction Manual is put into that mode.
        """
        outcome = OUTCOMES.get(self.state or "", Outcome.UNKNOWN)
        if outcome is Outcome.SUCCEEDED and self._was_never_upgraded(kind):
            return Outcome.NOT_UPGRADED
        if self.rolling_upgrade_mode != "UnmonitoredManual":
            return outcome
        if self.state in BETWEEN_DOMAINS or (self.state in WITHOUT_PENDING and self.failed_at):
            return Outcome.PAUSED
        return outcome

    def _was_never_upgraded(self, kind: Kind) -> bool:
        """
        Whether a completed state means that there was never an upgrade.

        A missing start time is not enough: an upgrade to the deployed version completes at once, without
        one. But it has a mode: see TryAcceptGoalStateUpgrade of microsoft/service-fabric.
        """
        if any(getattr(self, name) == value for name, value in kind.never_upgraded.items()):
            return True
        has_mode = self.rolling_upgrade_mode not in {None, "Invalid"}
        return "started_at" in kind.keys and self.started_at is None and not has_mode

    @property
    def going_back(self) -> bool:
        """Whether the upgrade rolls back or was rolled back; then the target is the old version."""
        return is_rollback_state(self.state)

    @property
    def versions(self) -> tuple[str, ...]:
        """The names of the version on record: the new one or, during and after a rollback, the old one."""
        named = (getattr(self, name) for name in get_kind(self.kind).versions)
        return tuple(version for version in named if version)

    @property
    def new_versions(self) -> tuple[str, ...]:
        """The names of the version that the upgrade brings; empty if they are not known."""
        if self.going_back or self.outcome in {Outcome.NOT_UPGRADED, Outcome.UNKNOWN}:
            return ()
        if get_kind(self.kind).is_multi_phase and self.outcome is not Outcome.SUCCEEDED:
            return ()  # still the old one
        return self.versions

    @property
    def new_version(self) -> str | None:
        """The version that the upgrade brings; None if it is not known."""
        return next(iter(self.new_versions), None)

    @property
    def more_behind(self) -> int:
        """How many services that are behind were omitted from the record."""
        return dict(self.omitted).get("services_behind", 0)

    @property
    def position(self) -> tuple[object, ...]:
        """Where the upgrade is; equal positions mean that nothing has moved. Times are not part of it."""
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
        """Everything but times and endpoint; equal contents mean that only time has passed."""
        return _content(self)

    @property
    def domains_done(self) -> tuple[int, int] | None:
        """Completed and total number of upgrade domains or units; None if not reported."""
        return self.domains.done(dict(self.omitted))

    @property
    def percent_done(self) -> float | None:
        """The percentage that Service Fabric reports, else that of upgrade domains, else of replicas."""
        if self.percent_completed is not None:
            return self.percent_completed
        completed, total = self.domains_done or replicas_done(self.services)
        return 100.0 * completed / total if total else None

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
        Read the answer of the kind's progress call. Unknown states are kept; odd values become None.

        Texts and lists that are too long for an XCom are cut. A cut text ends with the number of missing
        characters; ``omitted`` counts the missing items of lists. Services that are behind are kept first.

        :raises UnexpectedAnswer: the answer is not a JSON object
        :raises ValueError: there is no such kind
        """
        keys = get_kind(kind).keys
        if not isinstance(answer, dict):
            msg = f"expected a JSON object about {name!r}, got {type(answer).__name__}"
            raise UnexpectedAnswer(msg, endpoint=endpoint)
        values = {name: value_at(answer, key) for name, key in keys.items()}
        services, more_services = services_of(values.get("services"))
        domains, more_domains = domains_of(values)
        evaluations, more_evaluations = unhealthy_sentences(values.get("unhealthy_evaluations"))
        omitted = {**more_services, **more_domains, "unhealthy_evaluations": more_evaluations}
        return cls(
            kind=kind,
            name=short_text(values.get("name"), _NAME_BYTES) or name,
            previous_version=_previous_version(values.get("status_details")),
            services=services,
            domains=domains,
            unhealthy_evaluations=evaluations,
            observed_at=observed_at,
            endpoint=endpoint,
            omitted=tuple((name, count) for name, count in omitted.items() if count),
            raw=answer,
            **{name: read(values.get(name)) for name, read in _READERS},
        )

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """
        Read what :meth:`to_dict` has written, with or without the raw answer. The outcome is computed again.

        :raises ValueError: this is not such a record, or one of an unknown schema
        """
        record = super(UpgradeProgress, cls).from_dict(data)
        return replace(record, omitted=tuple(item for item in record.omitted if item[0] != "raw"))

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of :meth:`to_dict`, in which ``raw`` is optional."""
        schema = super(UpgradeProgress, cls).json_schema()
        raw = {"description": "The untouched answer; only with include_raw.", "type": ["object", "null"]}
        return {**schema, "properties": {**schema["properties"], "raw": raw}}

    def to_dict(self, *, include_raw: bool = False) -> dict[str, Any]:
        """
        Return the record as JSON types, always with all keys; :meth:`from_dict` reads it.

        With ``include_raw`` the unchanged answer is added as ``raw``. If it takes more than 16 KiB, or if
        Airflow cannot store it, ``raw`` is null and ``omitted`` has its size in bytes.
        """
        record = super(UpgradeProgress, self).to_dict()  # slots: super() needs arguments
        if not include_raw:
            return record
        if is_storable(self.raw) and json_size(self.raw) <= _RAW_BYTES:
            return {**record, "raw": self.raw}
        omitted = {**dict(self.omitted), "raw": json_size(self.raw)}
        return {**record, "omitted": omitted, "raw": None}


_READERS = tuple(
    (item.name, item.metadata["read"]) for item in fields(UpgradeProgress) if "read" in item.metadata
)
"""Fields that an answer holds under the key of its kind, and how each is read."""

_CLOCKS = {
    "duration_seconds",
    "domain_duration_seconds",
    "health_check_elapsed_seconds",
    "observed_at",
    "endpoint",
    "raw",
}
_content: Callable[[UpgradeProgress], tuple[object, ...]] = attrgetter(
    *(item.name for item in fields(UpgradeProgress) if item.name not in _CLOCKS)
)

_OF_NO_POSITION = frozenset({"unhealthy_evaluations", "nodes_at_failure", "safety_checks_at_failure"})
