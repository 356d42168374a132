"""The plan of an upgrade from a simulated cluster: it changes nothing, and shows no value of a parameter."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeApplicationOperator
from airflow_provider_sf.releases import ApplicationHealthPolicy, MonitoringPolicy
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.rest import Rejected
from airflow_provider_sf.simulator.responses import fabric_error

if TYPE_CHECKING:
    from airflow_provider_sf.simulator import Simulator
    from tests.scripted_cluster import ScriptedCluster

SHOP = "fabric:/idle-shop/web"
SECRET = "s3cr3t-v4lue"


class Operator(ServiceFabricUpgradeApplicationOperator):
    """Logs to the standard library, where caplog sees it: Airflow versions differ."""

    log = logging.getLogger("operator")  # type: ignore[assignment]


def plan(context: Any, **keywords: Any) -> dict[str, Any]:
    """Return the plan as the next task gets it."""
    values = {"name": SHOP, "target_version": "v1", **keywords}
    result = Operator(task_id="plan", plan=True, deferrable=False, **values).execute(context)
    copy: dict[str, Any] = json.loads(json.dumps(result))
    return copy


def upgrade(**values: Any) -> ApplicationUpgrade:
    return ApplicationUpgrade(
        **{
            "name": SHOP,
            "target_version": "v1",
            "monitoring_policy": MonitoringPolicy(),
            "parameters": {"Web_InstanceCount": "-1"},
            **values,
        }
    )


def test_plan_changes_nothing(simulator: Simulator, context: Any, ti: Any, caplog: Any) -> None:
    with caplog.at_level("INFO"):
        found = plan(context, health_policy=ApplicationHealthPolicy())
    assert (found["current_version"], found["target_version"]) == ("v0", "v1")
    assert (found["restarts"], found["problems"], found["not_read"]) == (["WebPkg"], [], [])
    assert "no problems found; nothing was changed" in caplog.text
    assert not simulator.journal
    assert not context["task_state_store"].values
    assert not ti.xcoms
    changes = [line for line in simulator.requests if not line.startswith("GET")]
    assert [line.partition("?")[0] for line in changes] == ["POST /Applications/idle-shop~web/$/GetHealth"]


@pytest.mark.parametrize(
    ("keywords", "changes"),
    [
        ({}, {}),
        ({"parameters": {"Api_InstanceCount": SECRET}}, {"added": ["Api_InstanceCount"]}),
        ({"parameters": {"Web_InstanceCount": SECRET}}, {"changed": ["Web_InstanceCount"]}),
        ({"parameters_from": "manifest"}, {"reset": ["Web_InstanceCount"]}),
        ({"parameters": {"Other": SECRET}}, {"added": ["Other"], "unknown": ["Other"]}),
    ],
)
def test_plan_names_parameters_without_values(
    keywords: Any, changes: dict[str, list[str]], context: Any, caplog: Any
) -> None:
    with caplog.at_level("DEBUG"):
        found = plan(context, **keywords)
    assert found["parameters"] == {"added": [], "changed": [], "reset": [], "unknown": [], **changes}
    assert SECRET not in json.dumps(found) + caplog.text


@pytest.mark.parametrize(
    ("keywords", "problem"),
    [
        ({"target_version": "v9"}, "'v9' is not provisioned"),
        ({"target_version": "v0"}, "deployed already"),
        ({"parameters": {"Other": "1"}}, "does not declare such parameters"),
    ],
)
def test_problem_does_not_fail_the_task(
    keywords: Any, problem: str, context: Any, simulator: Simulator
) -> None:
    assert problem in plan(context, **keywords)["problems"][0]
    assert not simulator.journal


def test_running_upgrade_is_a_problem(context: Any, simulator: Simulator) -> None:
    ServiceFabricHook().start_application_upgrade(upgrade(target_version="v2"))
    assert "another upgrade is in progress" in plan(context)["problems"][0]
    assert len(simulator.journal) == 1


def test_forced_restart_is_planned(context: Any) -> None:
    assert plan(context, force_restart=True)["restarts"] == ["ApiPkg", "WebPkg"]


def test_missing_application_has_no_plan(context: Any, simulator: Simulator) -> None:
    with pytest.raises(Rejected, match="check name and kind"):
        plan(context, name="fabric:/absent-shop/web")
    assert not simulator.journal


def test_both_calls_return_the_same_plan(simulator: ScriptedCluster) -> None:
    """Also what they may not read."""
    simulator.script("/Nodes", fabric_error(403, "E_ACCESSDENIED", "no rights"))
    hook = ServiceFabricHook()
    first = hook.plan_application_upgrade(upgrade())
    count = len(simulator.requests)
    assert asyncio.run(hook.aplan_application_upgrade(upgrade())) == first
    assert simulator.requests[count:] == simulator.requests[:count]
    assert first.not_read == ("the nodes",)
