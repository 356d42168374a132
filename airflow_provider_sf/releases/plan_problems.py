"""What would stop an upgrade, or make it fail, as sentences that end with the next step. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.releases.upgrade_plan import SETTING, TARGET_TYPE
from airflow_provider_sf.rest.json_values import iso
from airflow_provider_sf.rest.plain_text import plain_line, shorten_repr

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_sf.releases.upgrade_plan import PlanInputs, UpgradePlan

_MAX_NAMES = 6
"""How many names one sentence lists."""


def problems_of(plan: UpgradePlan, inputs: PlanInputs) -> Iterator[str]:
    """Return the problems, the most certain ones first."""
    yield from _problems_of_type(plan, inputs)
    yield from _problems_of_record(plan, inputs)
    yield from _problems_of_content(plan)
    yield from _problems_of_health(plan, inputs)
    for what, reason in inputs.unread.items():
        if reason:
            yield f"{what} could not be read, so the plan is not complete: {reason}"


def _problems_of_type(plan: UpgradePlan, inputs: PlanInputs) -> Iterator[str]:
    found = inputs.target_type
    if TARGET_TYPE in inputs.unread:
        return
    what = f"{plan.type_name} {plan.target_version!r}"
    if found is None:
        yield f"{what} is not provisioned, so Service Fabric refuses the upgrade; provision it first"
    elif found.status != "Available":
        details = f": {plain_line(found.status_details)}" if found.status_details else ""
        yield f"{what} is {found.status}, not Available{details}; wait until it is, or provision it again"


def _problems_of_record(plan: UpgradePlan, inputs: PlanInputs) -> Iterator[str]:
    progress = inputs.progress
    if progress.outcome.active:
        since = f", started at {iso(progress.started_at)}" if progress.started_at else ""
        yield (f"another upgrade is in progress ({progress.state}{since}); wait for its end, or roll it back")
    elif plan.is_deployed:
        yield "version and parameters are deployed already, so there is nothing to do; change one of them"


def _problems_of_content(plan: UpgradePlan) -> Iterator[str]:
    services = plan.default_services
    if plan.parameters.unknown:
        yield (
            f"{_names(plan.parameters.unknown)}: the manifest of {plan.target_version!r} does not declare "
            "such parameters, so Service Fabric refuses the upgrade; remove them"
        )
    if services.changed and not plan.updates_default_services and SETTING not in plan.not_read:
        yield (
            f"{_names(services.changed)}: default services may not change, so Service Fabric refuses the "
            "upgrade; set ClusterManager/EnableDefaultServicesUpgrade of the cluster to true, or keep their "
            "descriptions"
        )
    if services.removed and plan.updates_default_services:
        yield (
            f"{_names(services.removed)}: these default services are not in the new manifest, so Service "
            "Fabric deletes them and their state; keep them in the manifest if you need them"
        )


def _problems_of_health(plan: UpgradePlan, inputs: PlanInputs) -> Iterator[str]:
    if plan.health_state == "Error":
        reasons = inputs.health.unhealthy_evaluations[:1] if inputs.health else ()
        because = f" ({reasons[0]})" if reasons else ""
        yield (
            f"the application is in the health state Error{because}, so a monitored upgrade fails its first "
            "health check unless it repairs that; repair it first, or set health_policy"
        )
    down = [node.name or "?" for node in inputs.nodes if node.status != "Up"]
    if down:
        yield f"{_names(down)}: these nodes are not Up, so the upgrade may wait for them; repair them first"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(shorten_repr(name) for name in names[:_MAX_NAMES])
    more = len(names) - _MAX_NAMES
    return f"{shown}, and {more} more" if more > 0 else shown
