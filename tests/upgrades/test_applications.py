"""Classic applications and their health."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.protocol import request_for
from airflow_provider_sf.upgrades.applications import (
    APPLICATION,
    APPLICATIONS,
    Application,
    ApplicationHealth,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CALCULATOR = Application(
    name="fabric:/samples/CalculatorApp",
    id="samples~CalculatorApp",
    type_name="CalculatorApp",
    type_version="1.0",
    status="Ready",
    health_state="Ok",
)


# The calls.


@pytest.mark.parametrize("name", ["fabric:/shop/web", "shop/web", "shop~web"])
def test_url_of_an_application(name: str) -> None:
    assert request_for(APPLICATION, name).target == "/Applications/shop~web?api-version=6.0"


def test_urls_of_the_application_list() -> None:
    assert request_for(APPLICATIONS).target == "/Applications?api-version=6.1"
    assert request_for(APPLICATIONS, ContinuationToken="fabric:/samples/PQueueApp1").target == (
        "/Applications?api-version=6.1&ContinuationToken=fabric:/samples/PQueueApp1"
    )


def test_calls_link_to_their_documentation() -> None:
    for call in (APPLICATION, APPLICATIONS):
        assert call.page.startswith("https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-get")


# An application.


def test_published_application_is_read(sample: Callable[[str], dict[str, Any]]) -> None:
    answer = sample("reads/application")
    read = Application.from_answer(answer)
    assert read == CALCULATOR
    assert read.raw == answer


def test_repr_shows_no_parameters() -> None:
    parameters = [
        {"Key": "Password", "Value": "secret"},
        {"Key": "Count", "Value": 3},
        {"Key": "Empty"},
        None,
        "x",
    ]
    read = Application.from_answer({"Name": "fabric:/shop", "Parameters": parameters})
    assert read.parameters == {"Password": "secret", "Count": "3", "Empty": ""}
    assert "secret" not in repr(read)


@pytest.mark.parametrize("parameters", [None, 5, "a=b", {}, [[]]])
def test_invalid_parameters_are_ignored(parameters: object) -> None:
    assert Application.from_answer({"Name": "fabric:/shop", "Parameters": parameters}).parameters == {}


def test_missing_fields_are_none() -> None:
    read = Application.from_answer({"Name": "fabric:/shop", "Id": [], "HealthState": None})
    assert read == Application("fabric:/shop", None, None, None, None, None)


@pytest.mark.parametrize("answer", [{}, {"Name": ""}, {"Name": None}, {"Name": []}, {"Id": "shop"}])
def test_application_without_a_name_is_unexpected(answer: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswer, match=r"^expected an application, got an object without its name$"):
        Application.from_answer(answer)


def test_raw_answer_is_not_compared_or_shown() -> None:
    first, second = (Application.from_answer({"Name": "a", "Odd": odd}) for odd in (1, 2))
    assert first == second
    assert "Odd" not in repr(first)


# Its health.


def test_published_health_is_read(sample: Callable[[str], dict[str, Any]]) -> None:
    answer = sample("reads/application_health")
    read = ApplicationHealth.from_answer(answer)
    assert read == ApplicationHealth(name="fabric:/VisualObjects", aggregated_health_state="Ok")
    assert (read.unhealthy_evaluations, read.omitted, read.raw) == ((), 0, answer)


def test_unhealthy_evaluations_become_sentences(sample: Callable[[str], dict[str, Any]]) -> None:
    assert ApplicationHealth.from_answer(sample("reads/application_health_busy")) == ApplicationHealth(
        name="fabric:/shop/web",
        aggregated_health_state="Error",
        unhealthy_evaluations=(
            "Error: service type FrontType, service fabric:/shop/web/front: Watchdog reports Ready: GET /ready answered 503.",
        ),
    )


def test_omitted_evaluations_are_counted() -> None:
    many = [{"HealthEvaluation": {"Kind": "Service", "ServiceName": f"s{place}"}} for place in range(500)]
    read = ApplicationHealth.from_answer({"UnhealthyEvaluations": many})
    assert len(read.unhealthy_evaluations) > 20
    assert len(read.unhealthy_evaluations) + read.omitted == 500


def test_empty_health_has_no_values() -> None:
    assert ApplicationHealth.from_answer({}) == ApplicationHealth(None, None)


def test_raw_health_is_not_compared_or_shown() -> None:
    first, second = (ApplicationHealth.from_answer({"Odd": odd}) for odd in (1, 2))
    assert first == second
    assert "Odd" not in repr(first)


def test_published_applications_are_read(sample: Callable[[str], dict[str, Any]]) -> None:
    items = sample("reads/applications_first_page")["Items"]
    applications = [Application.from_answer(item) for item in items]
    assert [application.name for application in applications] == [
        "fabric:/samples/CalculatorApp",
        "fabric:/samples/PQueueApp1",
    ]
    assert applications[0] == CALCULATOR
