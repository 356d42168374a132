"""What a task knows of the upgrade that it starts, as values. No I/O, no clock, no decisions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_sf.releases.parameters import sha256_of
from airflow_provider_sf.serialization import Record
from airflow_provider_sf.upgrades.observed_health import ObservedHealth
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.identity import UpgradeIdentity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.upgrades import UpgradeProgress


@dataclass(frozen=True, slots=True)
class StartOptions:
    """
    What the user wants, and what the task knows of itself.

    ``keeps_state`` is false if Airflow keeps nothing for a retry. ``max_tries`` is Airflow's number, which
    rises when a person clears the task. ``try_began_at`` is when this try began: an earlier one has sent
    nothing after that.
    """

    if_same_version: str = "succeed"
    if_upgrading: str = "fail"
    is_retry: bool = False
    keeps_state: bool = True
    max_tries: int = 0
    run_started_at: datetime | None = None
    try_began_at: datetime | None = None
    request_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What the cluster reports now: the latest upgrade, the deployed version, its parameters."""

    progress: UpgradeProgress
    version: str | None
    parameters: Mapping[str, str]
    now: datetime
    health: ObservedHealth | None = None


@dataclass(frozen=True, slots=True)
class Before(Record):
    """What was on record before the request was sent."""

    upgrade: UpgradeIdentity
    was_active: bool
    was_upgraded: bool
    version: str | None
    parameters_sha256: str
    health: ObservedHealth | None = None

    @classmethod
    def of(cls, seen: Seen) -> Before:
        """Return what is on record now."""
        outcome = seen.progress.outcome
        return cls(
            upgrade=UpgradeIdentity.from_record(seen.progress),
            was_active=outcome.active,
            was_upgraded=outcome is not Outcome.NOT_UPGRADED,
            version=seen.version,
            parameters_sha256=sha256_of(seen.parameters),
            health=seen.health,
        )


@dataclass(frozen=True, slots=True)
class StartState(Record):
    """What a task knows of its request. It is stored before the request is sent. It holds no parameters."""

    schema_id: ClassVar[str] = "service_fabric.start_state/1"

    name: str
    target_version: str
    description_sha256: str
    parameters_sha256: str
    """The hash of the parameters in the request: a person cannot change them while the upgrade runs."""
    max_tries: int
    before: Before
    sent_at: datetime
    answer_due_at: datetime
    """When the cluster has answered the request at the latest."""
    sends: int = 1
    is_accepted: bool = False
    started: UpgradeIdentity | None = None
    """The upgrade that the request has started, once it is on record."""

    def with_started(self, identity: UpgradeIdentity) -> StartState:
        """Return the state after the upgrade was found on record."""
        return replace(self, started=identity)
