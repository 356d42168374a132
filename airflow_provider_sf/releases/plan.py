"""What an upgrade of a classic application would do, from values that are read already. No I/O, no clock."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_sf.releases.manifests import ApplicationManifest, ServiceManifest
from airflow_provider_sf.releases.parameters import effective
from airflow_provider_sf.releases.plan_problems import problems_of
from airflow_provider_sf.releases.retention import version_order
from airflow_provider_sf.releases.upgrade_plan import (
    PackageChange,
    ParameterChanges,
    PlanInputs,
    PlannedDomain,
    ServiceChanges,
    UpgradePlan,
)
from airflow_provider_sf.rest.json_values import word
from airflow_provider_sf.rest.storage_limits import fitting_texts
from airflow_provider_sf.serialization import Record
from airflow_provider_sf.upgrades.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
    from airflow_provider_sf.upgrades.nodes import Node

_Record = TypeVar("_Record", bound=Record)

__all__ = ["PlanInputs", "UpgradePlan", "plan_of"]

_MAX_ITEMS = 100
"""How many items each list of a plan has: a plan is stored as an XCom."""

_PROBLEMS_BYTES = 8_192

_REVERSED = frozenset({"ReverseNumeric", "ReverseLexicographical"})
_BY_TEXT = frozenset({"Lexicographical", "ReverseLexicographical"})


def plan_of(inputs: PlanInputs) -> UpgradePlan:
    """
    Return the plan of an upgrade.

    :raises UnexpectedAnswer: a manifest cannot be read
    """
    upgrade, application = inputs.upgrade, inputs.application
    old, new = map(ApplicationManifest.from_xml, inputs.manifests) if inputs.manifests else (None, None)
    packages = _package_changes(*inputs.service_manifests)
    domains = _domains(inputs.nodes, upgrade.sort_order)
    plan = UpgradePlan(
        name=upgrade.full_name,
        type_name=application.type_name,
        current_version=application.type_version,
        target_version=upgrade.target_version,
        mode=upgrade.mode,
        is_deployed=_is_deployed(inputs, new),
        parameters=_parameter_changes(application.parameters, upgrade.parameters, new),
        packages=packages,
        restarts=_restarts(packages, inputs.service_manifests, is_forced=upgrade.force_restart),
        default_services=_service_changes(inputs, old, new),
        updates_default_services=bool(inputs.updates_default_services),
        domains=domains,
        health_state=inputs.health.aggregated_health_state if inputs.health else None,
        minimum_seconds=_minimum_seconds(upgrade, len(domains)),
        not_read=tuple(inputs.unread),
    )
    problems = tuple(fitting_texts(problems_of(plan, inputs), _PROBLEMS_BYTES))
    limited, omitted = _limited(replace(plan, problems=problems))
    return replace(limited, omitted=omitted)


def _is_deployed(inputs: PlanInputs, new: ApplicationManifest | None) -> bool:
    """Whether Service Fabric takes the upgrade for a repetition. After a failure it does not compare."""
    upgrade, application = inputs.upgrade, inputs.application
    if inputs.progress.outcome is Outcome.FAILED or upgrade.target_version != application.type_version:
        return False
    defaults = new.parameters if new else {}
    return effective(upgrade.parameters, defaults) == effective(application.parameters, defaults)


def _parameter_changes(
    old: Mapping[str, str], new: Mapping[str, str], manifest: ApplicationManifest | None
) -> ParameterChanges:
    return ParameterChanges(
        added=_sorted(new.keys() - old.keys()),
        changed=_sorted(name for name in new.keys() & old.keys() if new[name] != old[name]),
        reset=_sorted(old.keys() - new.keys()),
        unknown=_sorted(new.keys() - manifest.parameters.keys()) if manifest else (),
    )


def _package_changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[PackageChange, ...]:
    """Compare the packages in all service manifests of two versions."""
    before, after = _packages(old), _packages(new)
    return tuple(
        PackageChange(*key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )


def _packages(manifests: Mapping[str, str]) -> dict[tuple[str, str, str], str]:
    """Return the version of each package, by service manifest, kind and name."""
    return {
        (name, *key): version
        for name, manifest in manifests.items()
        for key, version in ServiceManifest.from_xml(manifest).packages.items()
    }


def _restarts(
    packages: Iterable[PackageChange],
    manifests: tuple[Mapping[str, str], Mapping[str, str]],
    *,
    is_forced: bool,
) -> tuple[str, ...]:
    """Return the service manifests of both versions with new code; if forced, all with a change."""
    old, new = manifests
    changed = {item.service_manifest for item in packages if is_forced or item.kind == "code"}
    return _sorted(changed & old.keys() & new.keys())


def _service_changes(
    inputs: PlanInputs, old: ApplicationManifest | None, new: ApplicationManifest | None
) -> ServiceChanges:
    """Compare the default services, with the values of their parameters, as Service Fabric does."""
    if old is None or new is None:
        return ServiceChanges()
    before = old.services_with(inputs.application.parameters)
    after = new.services_with(inputs.upgrade.parameters)
    return ServiceChanges(
        added=_sorted(after.keys() - before.keys()),
        changed=_sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
        removed=_sorted(before.keys() - after.keys()),
    )


def _domains(nodes: Sequence[Node], sort_order: str) -> tuple[PlannedDomain, ...]:
    """Return the domains in their order. The default is a setting of the cluster: numeric is assumed."""
    names = {node.upgrade_domain for node in nodes if node.upgrade_domain}
    key = str if sort_order in _BY_TEXT else version_order
    ordered = sorted(names, key=key, reverse=sort_order in _REVERSED)
    return tuple(
        PlannedDomain(name, _sorted(node.name or "?" for node in nodes if node.upgrade_domain == name))
        for name in ordered
    )


def _minimum_seconds(upgrade: ApplicationUpgrade, domains: int) -> float:
    policy = upgrade.monitoring_policy
    if policy is None:
        return 0.0
    return domains * (policy.health_check_wait + policy.health_check_stable).total_seconds()


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(word(name) or "" for name in names))


def _limited(record: _Record) -> tuple[_Record, int]:
    """Return a record with cut lists, and how many items are missing in all of them."""
    dataclass: Any = record
    changes: dict[str, object] = {}
    omitted = 0
    for item in fields(dataclass):
        value = getattr(record, item.name)
        parts = value if isinstance(value, tuple) else (value,)
        kept = [_limited(part) if isinstance(part, Record) else (part, 0) for part in parts[:_MAX_ITEMS]]
        changes[item.name] = tuple(part for part, _ in kept) if isinstance(value, tuple) else kept[0][0]
        omitted += len(parts) - len(kept) + sum(more for _, more in kept)
    return replace(dataclass, **changes), omitted
