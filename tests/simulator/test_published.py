"""The published specification is checked strictly, and Microsoft's client reads the simulator's details."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from azure.servicefabric import models

from airflow_provider_sf.simulator.applications import application_health, application_info, page_after
from airflow_provider_sf.simulator.courses import COURSES
from airflow_provider_sf.simulator.deployments import CLASSIC
from airflow_provider_sf.simulator.history import History
from airflow_provider_sf.simulator.model import progress_body
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.simulator.state import Deployment
from airflow_provider_sf.upgrades.kinds import KINDS
from tests.simulator.published import (
    RESPONSES,
    SWAGGER,
    client,
    strict_definitions,
    unknown_members,
    validator,
)

START = 1_772_334_000.0
FINISHED = 86_400


def application_body(scenario: str) -> dict[str, Any]:
    return progress_body(
        SCENARIOS[scenario],
        f"{scenario}-shop",
        kind="application",
        second=FINISHED,
        started_at=START,
        speed=1.0,
    )


def test_specification_is_a_valid_schema() -> None:
    jsonschema.Draft7Validator.check_schema({"definitions": strict_definitions()})


def test_every_kind_is_in_the_specification() -> None:
    operations = json.loads(SWAGGER.read_bytes())["operations"].values()
    published = {operation["path"]: operation["response"] for operation in operations}
    assert {kind.progress.path: RESPONSES[name] for name, kind in KINDS.items()} == published


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"Surprise": 1}, "'Surprise' was unexpected"),
        ({"UpgradeState": "RollingForward"}, "is not one of"),
        ({"UpgradeDescription": {"UpgradeKind": "Rolling"}}, "'Name' is a required property"),
        ({"UnhealthyEvaluations": [{"HealthEvaluation": {"Kind": "Node", "Node": 1}}]}, "'Node' was unex"),
        ({"UnhealthyEvaluations": [{"HealthEvaluation": {"Kind": "Invalid"}}]}, "is not one of"),
    ],
)
def test_specification_refuses_wrong_members(changes: dict[str, Any], error: str) -> None:
    with pytest.raises(jsonschema.ValidationError, match=error):
        validator(RESPONSES["application"]).validate(application_body("good") | changes)


def test_microsofts_client_knows_evaluations_and_checks() -> None:
    failed = client()("ApplicationUpgradeProgressInfo", application_body("failed"))
    types, evaluations = [], failed.unhealthy_evaluations
    while evaluations:
        types.append(type(evaluations[0].health_evaluation))
        evaluations = getattr(evaluations[0].health_evaluation, "unhealthy_evaluations", None)
    assert types == [
        models.ApplicationHealthEvaluation,
        models.ServicesHealthEvaluation,
        models.ServiceHealthEvaluation,
        models.PartitionsHealthEvaluation,
        models.PartitionHealthEvaluation,
        models.EventHealthEvaluation,
    ]
    stuck = client()("ApplicationUpgradeProgressInfo", application_body("stuck"))
    node = stuck.current_upgrade_domain_progress.node_upgrade_progress_list[0]
    assert isinstance(node.pending_safety_checks[0].safety_check, models.EnsureAvailabilitySafetyCheck)


@pytest.mark.parametrize("scenario", [name for name, scenario in SCENARIOS.items() if scenario.phases])
def test_microsofts_client_reads_application_responses(scenario: str) -> None:
    for second in (*range(0, 2_001, 150), FINISHED):
        history = History(SCENARIOS[scenario], START, 1.0, COURSES["idle"])
        found = Deployment(f"{scenario}-shop~web", history, "ShopType", CLASSIC)
        info, health = application_info(found, START + second), application_health(found, START + second)
        page = page_after("", {info["Id"]: info})
        for model, body in (
            ("ApplicationInfo", info),
            ("ApplicationHealth", health),
            ("PagedApplicationInfoList", page),
        ):
            assert not list(unknown_members(client()(model, body)))
