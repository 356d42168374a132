"""The end of an upgrade, as an event: what a DAG that it starts must know. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_sf.serialization import Record
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.identity import UpgradeIdentity

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades import UpgradeProgress

SCHEMA = "service_fabric.upgrade_end/1"

SUPERSEDED = "superseded"
"""The outcome of an upgrade that another one replaced: Service Fabric never reports its result."""

END_OUTCOMES = (Outcome.SUCCEEDED.value, Outcome.ROLLED_BACK.value, Outcome.FAILED.value, SUPERSEDED)


@dataclass(frozen=True, slots=True)
class UpgradeEnd(Record):
    """
    How an upgrade has ended: the payload of a watch's event, and the extra of an asset event of a task.

    It has only what Service Fabric reports, and no time of a poll: two equal ones are about the same end.
    """

    schema_id: ClassVar[str] = SCHEMA

    kind: str
    """The kind of upgrade, such as application_resource."""
    name: str
    """The name of what was upgraded, as Service Fabric reports it; empty for the cluster kinds."""
    outcome: str
    """
    Either succeeded, rolled_back, failed, or superseded: another upgrade replaced it, and its result is not
    known. In the event of a task it may also be not_upgraded, see accept_current_version.
    """
    target_version: str | None
    """The new version, also after a rollback. Null if it was not seen."""
    previous_version: str | None
    """The version before the upgrade. Null if Service Fabric does not report it."""
    config_version: str | None
    """The version of a cluster's configuration; other kinds have none."""
    started_at: datetime | None
    failed_at: datetime | None
    """When the upgrade failed. Null if it did not."""
    duration_seconds: float | None
    failure_reason: str | None
    """Service Fabric's word, such as HealthCheck."""

    @classmethod
    def of(
        cls, record: UpgradeProgress, identity: UpgradeIdentity | None = None, outcome: str | None = None
    ) -> UpgradeEnd:
        """
        Return the end of the upgrade on record.

        ``identity`` is what earlier records showed: during a rollback a record has only the old version.
        ``outcome`` replaces that of the record.
        """
        identity = (identity or UpgradeIdentity.from_record(record)).merged_with(record)
        version, old = identity.target_version, record.previous_version
        if record.outcome is Outcome.NOT_UPGRADED:
            version = next(iter(record.versions), None)
        return cls(
            kind=record.kind,
            name=record.name,
            outcome=outcome or record.outcome.value,
            target_version=version,
            previous_version=old or (record.target_version if record.going_back else None),
            config_version=record.config_version,
            started_at=identity.started_at,
            failed_at=record.failed_at,
            duration_seconds=record.duration_seconds if record.outcome.finished else None,
            failure_reason=record.failure_reason,
        )
