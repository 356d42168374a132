"""The classic applications of a simulated cluster and their health. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.body_values import parameter_list
from airflow_provider_sf.simulator.descriptions import MONITORED
from airflow_provider_sf.simulator.health import application_evaluations
from airflow_provider_sf.simulator.model import application_name, unhealthy_evaluations
from airflow_provider_sf.simulator.responses import HttpResponse, fabric_error
from airflow_provider_sf.simulator.timeline import FINISHED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.simulator.state import Deployment
    from airflow_provider_sf.simulator.timeline import Snapshot

_ALL = 100

ITEMS_PER_PAGE = 2
"""Applications or types per page: few, so that a short list has several pages."""


def application_id(name: str) -> str:
    """Return the id of an application: ``shop~web`` for ``fabric:/shop/web``."""
    return application_name(name).removeprefix("fabric:/").replace("/", "~")


def application_info(found: Deployment, now: float) -> dict[str, Any]:
    """Return ApplicationInfo at a Unix time."""
    name, snapshot = found.name, found.history.snapshot(now)
    identity = snapshot.deployed.identity
    return {
        "Id": application_id(name),
        "Name": application_name(name),
        "TypeName": found.type_name,
        "TypeVersion": snapshot.deployed_version,
        "Status": "Ready" if snapshot.phase.state in FINISHED else "Upgrading",
        "Parameters": parameter_list(snapshot.deployed.parameters),
        "HealthState": _health_state(_evaluations(found, snapshot)),
        "ApplicationDefinitionKind": found.definition,
        **({"ManagedApplicationIdentity": identity} if identity else {}),
    }


def application_health(
    found: Deployment, now: float, policy: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return ApplicationHealth at a Unix time, by a policy; None is that of the manifest, which is strict."""
    name, snapshot = found.name, found.history.snapshot(now)
    evaluations = [] if policy and _tolerates(policy) else _evaluations(found, snapshot)
    return {
        "AggregatedHealthState": _health_state(evaluations),
        "HealthEvents": [],
        "UnhealthyEvaluations": evaluations,
        "Name": application_name(name),
        "ServiceHealthStates": [],
        "DeployedApplicationHealthStates": [],
    }


def no_health_response(name: str) -> HttpResponse:
    """Return the error for the health of an application that does not exist."""
    code = "FABRIC_E_HEALTH_ENTITY_NOT_FOUND"
    return fabric_error(404, code, f"There is no health of {application_name(name)}.")


def page_after(
    token: str, items: Mapping[str, dict[str, Any]], *, size: int = ITEMS_PER_PAGE
) -> dict[str, Any]:
    """Return the page of a paged list, such as PagedApplicationInfoList, that follows the id in the token."""
    remaining = sorted(name for name in items if name > token)
    page = remaining[:size]
    return {
        "ContinuationToken": page[-1] if len(remaining) > len(page) else "",
        "Items": [items[name] for name in page],
    }


def _evaluations(found: Deployment, snapshot: Snapshot) -> list[dict[str, Any]]:
    """
    Return UnhealthyEvaluations: of a failed health check, or of a bad version that runs unchecked.

    In an unmonitored mode, a version that would fail its health check makes the application unhealthy.
    """
    course, phase = found.history.course, snapshot.phase
    is_unchecked = phase.upgrade.description is not None and snapshot.mode != MONITORED
    is_bad = course.end == "check" and not phase.backward and snapshot.fraction > course.stops_at
    if is_unchecked and is_bad:
        return application_evaluations(application_name(found.name))
    return unhealthy_evaluations(found.name, snapshot)


def _tolerates(policy: Mapping[str, Any]) -> bool:
    """Whether a policy allows that the only partition of a service of the type WebType is unhealthy."""
    types = {item["Key"]: item["Value"] for item in policy["ServiceTypeHealthPolicyMap"]}
    percents = types.get("WebType", policy["DefaultServiceTypeHealthPolicy"])
    keys = ("MaxPercentUnhealthyServices", "MaxPercentUnhealthyPartitionsPerService")
    return any(percents[key] == _ALL for key in keys)


def _health_state(evaluations: list[dict[str, Any]]) -> str:
    return "Error" if evaluations else "Ok"
