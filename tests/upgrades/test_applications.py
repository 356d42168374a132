"""What a cluster says about its classic applications besides their upgrades."""

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
    read_page,
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
def test_the_documented_url_of_an_application_is_asked(name: str) -> None:
    assert request_for(APPLICATION, name).target == "/Applications/shop~web?api-version=6.0"


def test_the_documented_urls_of_the_list_of_applications_are_asked() -> None:
    assert request_for(APPLICATIONS).target == "/Applications?api-version=6.1"
    assert request_for(APPLICATIONS, ContinuationToken="fabric:/samples/PQueueApp1").target == (
        "/Applications?api-version=6.1&ContinuationToken=fabric:/samples/PQueueApp1"
    )


def test_every_call_cites_its_page() -> None:
    for call in (APPLICATION, APPLICATIONS):
        assert call.page.startswith("https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-get")


# An application.


def test_a_published_application_reads_in_full(sample: Callable[[str], dict[str, Any]]) -> None:
    answer = sample("reads/application")
    read = Application.from_answer(answer)
    assert read == CALCULATOR
    assert read.raw == answer


def test_an_application_says_its_parameters_but_shows_none_of_them() -> None:
    said = [{"Key": "Password", "Value": "secret"}, {"Key": "Count", "Value": 3}, {"Key": "Empty"}, None, "x"]
    read = Application.from_answer({"Name": "fabric:/shop", "Parameters": said})
    assert read.parameters == {"Password": "secret", "Count": "3", "Empty": ""}
    assert "secret" not in repr(read)


@pytest.mark.parametrize("said", [None, 5, "a=b", {}, [[]]])
def test_odd_parameters_are_none(said: object) -> None:
    assert Application.from_answer({"Name": "fabric:/shop", "Parameters": said}).parameters == {}


def test_what_is_not_said_of_an_application_is_none() -> None:
    read = Application.from_answer({"Name": "fabric:/shop", "Id": [], "HealthState": None})
    assert read == Application("fabric:/shop", None, None, None, None, None)


@pytest.mark.parametrize("answer", [{}, {"Name": ""}, {"Name": None}, {"Name": []}, {"Id": "shop"}])
def test_an_application_without_a_name_is_unexpected(answer: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswer, match=r"^expected an application, got an object without its name$"):
        Application.from_answer(answer)


def test_the_untouched_answer_is_no_part_of_what_is_compared_or_shown() -> None:
    one, other = (Application.from_answer({"Name": "a", "Odd": odd}) for odd in (1, 2))
    assert one == other
    assert "Odd" not in repr(one)


# Its health.


def test_a_published_health_reads_in_full(sample: Callable[[str], dict[str, Any]]) -> None:
    answer = sample("reads/application_health")
    read = ApplicationHealth.from_answer(answer)
    assert read == ApplicationHealth(name="fabric:/VisualObjects", aggregated_health_state="Ok")
    assert (read.unhealthy_evaluations, read.omitted, read.raw) == ((), 0, answer)


def test_what_is_unhealthy_is_told_in_sentences(sample: Callable[[str], dict[str, Any]]) -> None:
    assert ApplicationHealth.from_answer(sample("reads/application_health_busy")) == ApplicationHealth(
        name="fabric:/shop/web",
        aggregated_health_state="Error",
        unhealthy_evaluations=(
            "Error: service type FrontType, service fabric:/shop/web/front: Watchdog reports Ready: GET /ready answered 503.",
        ),
    )


def test_of_too_much_that_is_unhealthy_the_rest_is_counted() -> None:
    many = [{"HealthEvaluation": {"Kind": "Node", "NodeName": f"n{place}"}} for place in range(500)]
    read = ApplicationHealth.from_answer({"UnhealthyEvaluations": many})
    assert len(read.unhealthy_evaluations) > 20
    assert len(read.unhealthy_evaluations) + read.omitted == 500


def test_a_health_that_says_nothing_is_none() -> None:
    assert ApplicationHealth.from_answer({}) == ApplicationHealth(None, None)


def test_the_untouched_health_is_no_part_of_what_is_compared_or_shown() -> None:
    one, other = (ApplicationHealth.from_answer({"Odd": odd}) for odd in (1, 2))
    assert one == other
    assert "Odd" not in repr(one)


# The list.


def test_the_published_pages_are_read_one_after_the_other(sample: Callable[[str], dict[str, Any]]) -> None:
    asked: set[str] = set()
    first, after = read_page(sample("reads/applications_first_page"), asked)
    assert [application.name for application in first] == [
        "fabric:/samples/CalculatorApp",
        "fabric:/samples/PQueueApp1",
    ]
    assert first[0] == CALCULATOR
    assert after == "fabric:/samples/PQueueApp1"
    last, after = read_page(sample("reads/applications_last_page"), asked)
    assert [application.name for application in last] == ["fabric:/samples/VQueueApp1"]
    assert not after
    assert asked == {"fabric:/samples/PQueueApp1"}


@pytest.mark.parametrize("answer", [{}, {"Items": None, "ContinuationToken": None}, {"Items": [None, "a"]}])
def test_a_page_that_says_nothing_is_empty_and_the_last(answer: dict[str, Any]) -> None:
    asked = {"t"}
    assert read_page(answer, asked) == ([], "")
    assert asked == {"t"}


def test_an_empty_page_may_have_a_next_one() -> None:
    asked: set[str] = set()
    assert read_page({"Items": [], "ContinuationToken": "t"}, asked) == ([], "t")
    assert asked == {"t"}


def test_a_page_that_leads_back_is_unexpected() -> None:
    with pytest.raises(UnexpectedAnswer) as error:
        read_page({"Items": [], "ContinuationToken": "t"}, {"s", "t"})
    assert error.value.message == "expected a new page of applications, got the continuation token 't' again"


def test_a_page_with_an_application_without_a_name_is_unexpected() -> None:
    with pytest.raises(UnexpectedAnswer, match="without its name"):
        read_page({"Items": [{"Name": "fabric:/a"}, {"Id": "b"}]}, set())
