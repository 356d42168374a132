"""What a plan reads from the cluster, in which order, and what it makes of a refusal. No I/O."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.releases.manifests import ApplicationManifest, ServiceManifest
from airflow_provider_sf.releases.plan import plan_of
from airflow_provider_sf.releases.upgrade_plan import (
    HEALTH,
    MANIFESTS,
    NODES,
    SERVICE_MANIFESTS,
    SETTING,
    TARGET_TYPE,
    PlanInputs,
    UpgradePlan,
)
from airflow_provider_sf.rest import ServiceFabricError, UnexpectedAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
    from airflow_provider_sf.upgrades.application_types import ApplicationType

MAX_SERVICE_MANIFESTS = 50
"""How many service manifests of each version are read: one request each."""


@dataclass(frozen=True, slots=True)
class Read:
    """A call of the hook. Its answer is sent back: a value, or the error if the cluster refused it."""

    method: str
    arguments: tuple[str, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


Reads = Generator[Read, Any, Any]


def plan_reads(upgrade: ApplicationUpgrade) -> Generator[Read, Any, UpgradePlan]:
    """
    Yield the reads of a plan; return the plan.

    :raises ServiceFabricError: the application or its progress may not be read, or has no type
    """
    unread: dict[str, str] = {}
    progress = yield from _required(Read("get_upgrade_progress", (upgrade.name,), {"kind": "application"}))
    application = yield from _required(Read("get_application", (upgrade.name,)))
    type_name, target = application.type_name, upgrade.target_version
    if not type_name or not application.type_version:
        msg = f"the application {upgrade.full_name!r} was returned without its type or version"
        raise UnexpectedAnswer(msg)
    found = yield from _optional(Read("get_application_type", (type_name, target)), TARGET_TYPE, unread)
    versions = (application.type_version, target)
    manifests = yield from _manifests(type_name, versions, found, unread)
    services = yield from _service_manifests(type_name, versions, manifests, unread)
    nodes = yield from _optional(Read("list_nodes"), NODES, unread)
    health_read = Read("get_application_health", (upgrade.name,), {"policy": upgrade.health_policy})
    health = yield from _optional(health_read, HEALTH, unread)
    setting_read = Read("get_cluster_setting", ("ClusterManager", "EnableDefaultServicesUpgrade"))
    setting = yield from _optional(setting_read, SETTING, unread)
    inputs = PlanInputs(
        upgrade=upgrade,
        application=application,
        progress=progress,
        target_type=found,
        manifests=manifests,
        service_manifests=services,
        nodes=nodes or (),
        health=health,
        updates_default_services=None if setting is None else setting.strip().lower() == "true",
        unread=unread,
    )
    return plan_of(inputs)


def _manifests(
    type_name: str, versions: tuple[str, str], found: ApplicationType | None, unread: dict[str, str]
) -> Reads:
    """Return both application manifests; None if one cannot be read. Only an available version has one."""
    if TARGET_TYPE not in unread and (found is None or found.status != "Available"):
        unread[MANIFESTS] = ""  # another problem says why
        return None
    texts = []
    for version in versions:
        read = Read("get_application_manifest", (type_name, version))
        text = yield from _optional(read, MANIFESTS, unread)
        if text is None or not _is_readable(ApplicationManifest, text, MANIFESTS, unread):
            return None
        texts.append(text)
    return tuple(texts)


def _service_manifests(
    type_name: str,
    versions: tuple[str, str],
    manifests: tuple[str, str] | None,
    unread: dict[str, str],
) -> Reads:
    """Return the service manifests of both versions; one that is unread in one version is in neither."""
    if manifests is None:
        unread[SERVICE_MANIFESTS] = ""  # the problem of the application manifests says why
        return {}, {}
    names = [ApplicationManifest.from_xml(text).service_manifests for text in manifests]
    every = sorted(names[0].keys() | names[1].keys())
    if len(every) > MAX_SERVICE_MANIFESTS:
        unread[SERVICE_MANIFESTS] = f"the limit is {MAX_SERVICE_MANIFESTS} of {len(every)}"
    result: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for name in every[:MAX_SERVICE_MANIFESTS]:
        pair = [(index, versions[index]) for index in (0, 1) if name in names[index]]
        texts = yield from _service_manifest(type_name, name, pair, unread)
        for index, text in texts.items():
            result[index][name] = text
    return result


def _service_manifest(
    type_name: str, name: str, versions: list[tuple[int, str]], unread: dict[str, str]
) -> Reads:
    texts = {}
    for index, version in versions:
        read = Read("get_service_manifest", (type_name, version, name))
        text = yield from _optional(read, SERVICE_MANIFESTS, unread)
        if text is None or not _is_readable(ServiceManifest, text, SERVICE_MANIFESTS, unread):
            return {}
        texts[index] = text
    return texts


def _is_readable(
    manifest: type[ApplicationManifest | ServiceManifest], text: str, what: str, unread: dict[str, str]
) -> bool:
    try:
        manifest.from_xml(text)
    except UnexpectedAnswer as error:
        unread.setdefault(what, str(error))
        return False
    return True


def _required(read: Read) -> Reads:
    answer = yield read
    if isinstance(answer, ServiceFabricError):
        raise answer
    return answer


def _optional(read: Read, what: str, unread: dict[str, str]) -> Reads:
    """Return an answer; None if it was refused. Then it is noted why."""
    answer = yield read
    if isinstance(answer, ServiceFabricError):
        unread.setdefault(what, str(answer))
        return None
    return answer
