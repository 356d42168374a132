"""What a simulated cluster says of its classic applications besides their upgrades. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.model import application_name, type_name, unhealthy_evaluations
from airflow_provider_sf.simulator.timeline import AT_REST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.simulator.timeline import Moment

ITEMS_A_PAGE = 2
"""How many applications a page lists: few, so that there is more than one."""


def application_id(name: str) -> str:
    """Return the id of an application: that of ``fabric:/shop/web`` is ``shop~web``."""
    return application_name(name).removeprefix("fabric:/").replace("/", "~")


def application_info(name: str, moment: Moment) -> dict[str, Any]:
    """Return ApplicationInfo."""
    upgrade, state = moment.phase.upgrade, moment.phase.state
    return {
        "Id": application_id(name),
        "Name": application_name(name),
        "TypeName": type_name(name),
        "TypeVersion": upgrade.new if state == "CompletedRollforward" else upgrade.old,
        "Status": "Ready" if state in AT_REST else "Upgrading",
        "Parameters": [{"Key": "Web_InstanceCount", "Value": "-1"}],
        "HealthState": _health_state(unhealthy_evaluations(name, moment)),
        "ApplicationDefinitionKind": "ServiceFabricApplicationDescription",
    }


def application_health(name: str, moment: Moment) -> dict[str, Any]:
    """Return ApplicationHealth."""
    evaluations = unhealthy_evaluations(name, moment)
    return {
        "AggregatedHealthState": _health_state(evaluations),
        "HealthEvents": [],
        "UnhealthyEvaluations": evaluations,
        "Name": application_name(name),
        "ServiceHealthStates": [],
        "DeployedApplicationHealthStates": [],
    }


def page_after(token: str, items: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return PagedApplicationInfoList: of these items, by id, the page that follows the id of a token."""
    left = sorted(one for one in items if one > token)
    shown = left[:ITEMS_A_PAGE]
    return {
        "ContinuationToken": shown[-1] if len(left) > len(shown) else "",
        "Items": [items[one] for one in shown],
    }


def _health_state(evaluations: list[dict[str, Any]]) -> str:
    return "Error" if evaluations else "Ok"
