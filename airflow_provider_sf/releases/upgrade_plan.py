"""The plan of an upgrade of a classic application, and what it is made from: values. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_sf.serialization import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.upgrades.application_types import ApplicationType
    from airflow_provider_sf.upgrades.applications import Application, ApplicationHealth
    from airflow_provider_sf.upgrades.nodes import Node


TARGET_TYPE = "the new version of the application type"
MANIFESTS = "the application manifests"
SERVICE_MANIFESTS = "all service manifests"
NODES = "the nodes"
HEALTH = "the health of the application"
SETTING = "the setting ClusterManager/EnableDefaultServicesUpgrade"


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """What was read from the cluster for a plan. ``None`` and empty mappings mean "not read"."""

    upgrade: ApplicationUpgrade
    application: Application
    progress: UpgradeProgress
    target_type: ApplicationType | None
    """The version to upgrade to; None if it is not provisioned."""
    manifests: tuple[str, str] | None = None
    """The application manifests of the present and of the new version, as XML."""
    service_manifests: tuple[Mapping[str, str], Mapping[str, str]] = field(default_factory=lambda: ({}, {}))
    """The service manifests of both versions, by name, as XML."""
    nodes: Sequence[Node] = ()
    health: ApplicationHealth | None = None
    updates_default_services: bool | None = None
    """The setting ClusterManager/EnableDefaultServicesUpgrade; None is its default, false."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """What could not be read, and why; no reason if another problem says it."""


@dataclass(frozen=True, slots=True)
class ParameterChanges(Record):
    """The names of parameters. No values: they may be secrets."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()
    """They are not in the request, so they get their defaults."""
    unknown: tuple[str, ...] = ()
    """The new manifest does not declare them, so Service Fabric refuses the upgrade."""


@dataclass(frozen=True, slots=True)
class PackageChange(Record):
    """A package with a new version; a version of null is "not there"."""

    service_manifest: str
    kind: str
    """Either code, config or data."""
    name: str
    old_version: str | None
    new_version: str | None


@dataclass(frozen=True, slots=True)
class ServiceChanges(Record):
    """The names of default services that an upgrade changes."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedDomain(Record):
    """An upgrade domain, with its nodes. Service Fabric skips those without a part of the application."""

    name: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UpgradePlan(Record):
    """What an upgrade would do. A list has at most 100 items; ``omitted`` counts the others."""

    schema_id: ClassVar[str] = "service_fabric.upgrade_plan/1"

    name: str
    type_name: str | None
    current_version: str | None
    target_version: str
    mode: str
    is_deployed: bool
    """Whether version and parameters are deployed already, so that Service Fabric refuses the upgrade."""
    parameters: ParameterChanges
    packages: tuple[PackageChange, ...]
    restarts: tuple[str, ...]
    """The service manifests with processes that restart."""
    default_services: ServiceChanges
    updates_default_services: bool
    """Whether the cluster changes and deletes default services in an upgrade."""
    domains: tuple[PlannedDomain, ...]
    """In their probable order."""
    health_state: str | None
    minimum_seconds: float
    """The health checks of all domains; the upgrade of the nodes comes on top."""
    problems: tuple[str, ...] = ()
    not_read: tuple[str, ...] = ()
    """What could not be read, so that the plan says nothing about it."""
    omitted: int = 0
