"""The classic applications of a simulated cluster and their health. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.model import application_name, type_name, unhealthy_evaluations
from airflow_provider_sf.simulator.timeline import AT_REST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.simulator.timeline import Moment

ITEMS_A_PAGE = 2
"""Applications per page: few, so that there are several pages."""


def application_id(name: str) -> str:
    """Return the id of an application: ``shop~web`` for ``fabric:/shop/web``."""
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
    """Return PagedApplicationInfoList: the page of these items that follows the id in the token."""
    left = sorted(name for name in items if name > token)
    shown = left[:ITEMS_A_PAGE]
    return {
        "ContinuationToken": shown[-1] if len(left) > len(shown) else "",
        "Items": [items[name] for name in shown],
    }


def _health_state(evaluations: list[dict[str, Any]]) -> str:
    return "Error" if evaluations else "Ok"
