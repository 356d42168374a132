"""The plan of an upgrade as lines of a log: a table. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import (
    capitalize_first,
    format_duration,
    format_version,
    list_names,
    one_line,
    pluralize,
    upgrade_subject,
)
from airflow_provider_sf.releases.upgrade_plan import SERVICE_MANIFESTS, SETTING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sf.releases.upgrade_plan import PackageChange, UpgradePlan

_MAX_ROWS = 20
"""How many rows of one kind the table has."""

_MAX_PROBLEM_LENGTH = 400


def plan_lines(plan: UpgradePlan) -> Iterator[str]:
    """Yield the lines of a plan: the verdict first, then a table."""
    subject = upgrade_subject("application", plan.name)
    versions = f"from {format_version(plan.current_version)} to {format_version(plan.target_version)}"
    count = pluralize(len(plan.problems), "problem") if plan.problems else "no problems found"
    yield f"Plan of {subject} {versions}: {count}; nothing was changed"
    for problem in plan.problems:
        yield f"  problem           {capitalize_first(one_line(problem, _MAX_PROBLEM_LENGTH))}"
    for title, text in _rows(plan):
        yield f"  {title:<17} {text}"
    if plan.omitted:
        items = pluralize(plan.omitted, "more item")
        yield f"  {'omitted':<17} {items}, which the XCom does not have either"


def _rows(plan: UpgradePlan) -> Iterator[tuple[str, str]]:
    yield "type", f"{one_line(plan.type_name or '')}, mode {plan.mode}"
    yield from _parameter_rows(plan)
    yield from _package_rows(plan)
    yield from _service_rows(plan)
    yield from _domain_rows(plan)
    for what in plan.not_read:
        yield "not read", what
    if plan.health_state:
        yield "health now", one_line(plan.health_state)
    if plan.minimum_seconds:
        yield (
            "shortest duration",
            f"{format_duration(plan.minimum_seconds)} for health checks, without the upgrade",
        )


def _parameter_rows(plan: UpgradePlan) -> Iterator[tuple[str, str]]:
    changes = plan.parameters
    groups = {
        "added": changes.added,
        "changed": changes.changed,
        "set to their defaults": changes.reset,
        "unknown": changes.unknown,
    }
    texts = [f"{what}: {list_names(names)}" for what, names in groups.items() if names]
    yield "parameters", "; ".join(texts) or "unchanged"


def _package_rows(plan: UpgradePlan) -> Iterator[tuple[str, str]]:
    nothing = "not known" if SERVICE_MANIFESTS in plan.not_read else "no processes"
    yield "restart", list_names(plan.restarts) or nothing
    for item in plan.packages[:_MAX_ROWS]:
        yield f"{item.kind} package", _package(item)
    if len(plan.packages) > _MAX_ROWS:
        yield "packages", f"and {len(plan.packages) - _MAX_ROWS} more"


def _package(item: PackageChange) -> str:
    name = f"{one_line(item.service_manifest)}/{one_line(item.name)}"
    if item.old_version is None:
        return f"{name} is new: {format_version(item.new_version)}"
    if item.new_version is None:
        return f"{name} is removed: {format_version(item.old_version)}"
    return f"{name} from {format_version(item.old_version)} to {format_version(item.new_version)}"


def _service_rows(plan: UpgradePlan) -> Iterator[tuple[str, str]]:
    changes = plan.default_services
    groups = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
    texts = [f"{what}: {list_names(names)}" for what, names in groups.items() if names]
    if texts:
        allowed = "true" if plan.updates_default_services else "false"
        allowed = "not known" if SETTING in plan.not_read else allowed
        yield "default services", f"{'; '.join(texts)} (EnableDefaultServicesUpgrade is {allowed})"


def _domain_rows(plan: UpgradePlan) -> Iterator[tuple[str, str]]:
    for number, domain in enumerate(plan.domains[:_MAX_ROWS], 1):
        yield f"domain {number}", f"{one_line(domain.name)}: {list_names(domain.nodes)}"
    if len(plan.domains) > _MAX_ROWS:
        yield "domains", f"and {len(plan.domains) - _MAX_ROWS} more"
