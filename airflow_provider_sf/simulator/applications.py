"""The classic applications of a simulated cluster and their health. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.model import application_name, type_name, unhealthy_evaluations
from airflow_provider_sf.simulator.timeline import FINISHED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.simulator.timeline import Snapshot

ITEMS_PER_PAGE = 2
"""Applications per page: few, so that a short list has several pages."""


def application_id(name: str) -> str:
    """Return the id of an application: ``shop~web`` for ``fabric:/shop/web``."""
    return application_name(name).removeprefix("fabric:/").replace("/", "~")


def application_info(name: str, snapshot: Snapshot) -> dict[str, Any]:
    """Return ApplicationInfo."""
    upgrade, state = snapshot.phase.upgrade, snapshot.phase.state
    return {
        "Id": application_id(name),
        "Name": application_name(name),
        "TypeName": type_name(name),
        "TypeVersion": upgrade.new if state == "CompletedRollforward" else upgrade.old,
        "Status": "Ready" if state in FINISHED else "Upgrading",
        "Parameters": [{"Key": "Web_InstanceCount", "Value": "-1"}],
        "HealthState": _health_state(unhealthy_evaluations(name, snapshot)),
        "ApplicationDefinitionKind": "ServiceFabricApplicationDescription",
    }


def application_health(name: str, snapshot: Snapshot) -> dict[str, Any]:
    """Return ApplicationHealth."""
    evaluations = unhealthy_evaluations(name, snapshot)
    return {
        "AggregatedHealthState": _health_state(evaluations),
        "HealthEvents": [],
        "UnhealthyEvaluations": evaluations,
        "Name": application_name(name),
        "ServiceHealthStates": [],
        "DeployedApplicationHealthStates": [],
    }


def page_after(token: str, items: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return PagedApplicationInfoList: the page of these items that follows the id in the token."""
    remaining = sorted(name for name in items if name > token)
    page = remaining[:ITEMS_PER_PAGE]
    return {
        "ContinuationToken": page[-1] if len(remaining) > len(page) else "",
        "Items": [items[name] for name in page],
    }


def _health_state(evaluations: list[dict[str, Any]]) -> str:
    return "Error" if evaluations else "Ok"
