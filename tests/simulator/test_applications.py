"""Description, health and list of the classic applications of a simulated cluster."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sf.simulator.applications import application_health, application_info, page_after
from airflow_provider_sf.simulator.courses import COURSES
from airflow_provider_sf.simulator.deployments import CLASSIC
from airflow_provider_sf.simulator.history import History
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.simulator.state import Deployment

START = 1_772_334_000.0


def deployment(scenario: str, name: str = "shop~web") -> Deployment:
    history = History(SCENARIOS[scenario], START, 1.0, COURSES["idle"])
    return Deployment(name, history, "ShopType", CLASSIC)


def info(scenario: str, second: float, name: str = "shop~web") -> dict[str, Any]:
    return application_info(deployment(scenario, name), START + second)


def health(scenario: str, second: float) -> dict[str, Any]:
    return application_health(deployment(scenario), START + second)


@pytest.mark.parametrize("name", ["shop~web", "fabric:/shop/web", "shop/web"])
def test_application_info_is_complete(name: str) -> None:
    assert info("good", 600, name) == {
        "Id": "shop~web",
        "Name": "fabric:/shop/web",
        "TypeName": "ShopType",
        "TypeVersion": "v1",
        "Status": "Ready",
        "Parameters": [{"Key": "Web_InstanceCount", "Value": "-1"}],
        "HealthState": "Ok",
        "ApplicationDefinitionKind": "ServiceFabricApplicationDescription",
    }


@pytest.mark.parametrize(
    ("scenario", "second", "expected"),
    [
        ("good", 0, ("v0", "Upgrading", "Ok")),
        ("good", 599, ("v0", "Upgrading", "Ok")),
        ("good", 600, ("v1", "Ready", "Ok")),
        ("rolled_back", 359, ("v0", "Upgrading", "Ok")),
        ("rolled_back", 360, ("v0", "Upgrading", "Error")),
        ("rolled_back", 600, ("v0", "Ready", "Error")),
        ("failed", 360, ("v0", "Ready", "Error")),
        ("previous_first", 59, ("v1", "Ready", "Ok")),
        ("previous_first", 60, ("v1", "Upgrading", "Ok")),
        ("previous_first", 660, ("v2", "Ready", "Ok")),
        ("never_upgraded", 0, ("v0", "Ready", "Ok")),
    ],
)
def test_completed_application_has_the_new_version(
    scenario: str, second: float, expected: tuple[str, str, str]
) -> None:
    application = info(scenario, second)
    assert (application["TypeVersion"], application["Status"], application["HealthState"]) == expected


def test_healthy_application_has_no_evaluations() -> None:
    assert health("good", 300) == {
        "AggregatedHealthState": "Ok",
        "HealthEvents": [],
        "UnhealthyEvaluations": [],
        "Name": "fabric:/shop/web",
        "ServiceHealthStates": [],
        "DeployedApplicationHealthStates": [],
    }


def test_failed_application_has_the_upgrades_reasons() -> None:
    body = health("failed", 400)
    assert body["AggregatedHealthState"] == "Error"
    [wrapped] = body["UnhealthyEvaluations"]
    assert wrapped["HealthEvaluation"]["ApplicationName"] == "fabric:/shop/web"


def test_pages_have_two_applications() -> None:
    items: dict[str, dict[str, Any]] = {name: {"Id": name} for name in ("c", "a", "e", "b", "d")}
    assert page_after("", items) == {"ContinuationToken": "b", "Items": [{"Id": "a"}, {"Id": "b"}]}
    assert page_after("b", items) == {"ContinuationToken": "d", "Items": [{"Id": "c"}, {"Id": "d"}]}
    assert page_after("d", items) == {"ContinuationToken": "", "Items": [{"Id": "e"}]}
    assert page_after("c", items) == {"ContinuationToken": "", "Items": [{"Id": "d"}, {"Id": "e"}]}
    assert page_after("e", items) == {"ContinuationToken": "", "Items": []}
