"""The reads around upgrades, with both transports: literal URLs, recorded answers, and what goes wrong."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.rest import Rejected, UnexpectedAnswer
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.upgrades.applications import Application

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.cluster import Cluster

CONNECTION = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"
SHOP = "fabric:/good-shop/web"


def read(call: str, *arguments: str, **keywords: str) -> Any:
    return getattr(ServiceFabricHook(), call)(*arguments, **keywords)


def aread(call: str, *arguments: str, **keywords: str) -> Any:
    return asyncio.run(getattr(ServiceFabricHook(), f"a{call}")(*arguments, **keywords))


@pytest.fixture(params=[read, aread], ids=["read", "aread"])
def ask(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def connected(recorder: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The recording server behind the default connection."""
    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "service_fabric", "host": recorder.url}))
    return recorder


def says(recorder: Any, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    recorder.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def asked(recorder: Any) -> list[str]:
    return [request.split()[1] for request in recorder.requests]


# Recorded answers.


def test_the_version_of_a_cluster_is_asked_and_read(
    ask: Any, connected: Any, sample: Callable[[str], dict[str, Any]]
) -> None:
    says(connected, sample("reads/cluster_version"))
    assert ask("get_cluster_version") == "6.4.514.9494"
    assert asked(connected) == ["/$/GetClusterVersion?api-version=6.4"]


def test_an_application_is_asked_and_read(
    ask: Any, connected: Any, sample: Callable[[str], dict[str, Any]]
) -> None:
    says(connected, sample("reads/application"))
    application = ask("get_application", "fabric:/samples/CalculatorApp")
    assert (application.name, application.type_version) == ("fabric:/samples/CalculatorApp", "1.0")
    assert asked(connected) == ["/Applications/samples~CalculatorApp?api-version=6.0"]


def test_the_health_of_an_application_is_asked_and_read(
    ask: Any, connected: Any, sample: Callable[[str], dict[str, Any]]
) -> None:
    says(connected, sample("reads/application_health"))
    assert ask("get_application_health", "shop/web").aggregated_health_state == "Ok"
    assert asked(connected) == ["/Applications/shop~web/$/GetHealth?api-version=6.0"]


# The simulated cluster.


@pytest.mark.usefixtures("simulator")
def test_all_applications_are_listed_page_after_page(ask: Any, simulator: Any) -> None:
    for name in ("good-a", "good-b", "good-c", "good-d", "good-e"):
        read("get_application", name)
    simulator.requests.clear()
    assert [one.name for one in ask("list_applications")] == [f"fabric:/good-{part}" for part in "abcde"]
    assert [request.split()[1] for request in simulator.requests] == [
        "/Applications?api-version=6.1",
        "/Applications?api-version=6.1&ContinuationToken=good-b",
        "/Applications?api-version=6.1&ContinuationToken=good-d",
    ]


@pytest.mark.usefixtures("simulator")
def test_a_cluster_without_applications_lists_none(ask: Any) -> None:
    assert ask("list_applications") == []


@pytest.mark.usefixtures("simulator")
def test_an_application_that_does_not_exist_is_rejected(ask: Any) -> None:
    with pytest.raises(Rejected, match="HTTP 204"):
        ask("get_application", "not_found-shop")
    with pytest.raises(Rejected, match="FABRIC_E_HEALTH_ENTITY_NOT_FOUND"):
        ask("get_application_health", "not_found-shop")


@pytest.mark.usefixtures("simulator")
def test_what_is_read_of_an_application_holds_no_parameter_in_its_repr(ask: Any) -> None:
    application = ask("get_application", SHOP)
    assert isinstance(application, Application)
    assert application.parameters == {"Web_InstanceCount": "-1"}
    assert "Web_InstanceCount" not in repr(application)


# What goes wrong.


def test_pages_that_never_end_are_unexpected(ask: Any, connected: Any) -> None:
    says(connected, {"ContinuationToken": "more", "Items": []})
    with pytest.raises(UnexpectedAnswer, match="the continuation token 'more' again"):
        ask("list_applications")
    assert len(connected.requests) == 2


@pytest.mark.parametrize("call", ["get_application", "get_application_health"])
def test_a_wrong_name_is_refused_before_anything_is_sent(call: str, ask: Any, connected: Any) -> None:
    with pytest.raises(ValueError, match=r"^invalid name .*: write it as"):
        ask(call, "fabric:/shop//web")
    assert connected.connections == 0


@pytest.mark.parametrize(
    ("runtime", "kind", "name", "advice"),
    [
        (
            "6.5.664.9590",
            "application_resource",
            "good-shop",
            (
                r"the cluster runs 6\.5\.664\.9590, but this call needs 7\.0 or later; kinds of that version: application, "
                "compose_deployment, cluster, cluster_configuration"
            ),
        ),
        (
            "10.1.2338.9590",
            "cluster",
            "",
            r"the cluster runs 10\.1\.2338\.9590, which supports this call: check name and kind",
        ),
    ],
)
def test_a_runtime_that_lacks_a_kind_is_told_with_those_that_it_has(
    *, runtime: str, kind: str, name: str, advice: str, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(runtime_version=runtime, cluster_scenario="not_found") as simulator:
        monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{simulator.port}")
        with pytest.raises(Rejected, match=rf"E_INVALIDARG: The .* \({advice}\)") as refused:
            ask("get_upgrade_progress", name, kind=kind)
    assert (refused.value.status, refused.value.endpoint) == (400, simulator.url)
    assert len(simulator.requests) == 2


def test_a_cluster_that_does_not_say_its_version_is_asked_once(ask: Any, connected: Any) -> None:
    body = b'{"Error": {"Code": "E_INVALIDARG", "Message": "no"}}'
    connected.answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with pytest.raises(Rejected, match="this call needs runtime "):
        ask("get_upgrade_progress", "shop", kind="application")
    assert asked(connected) == [
        "/Applications/shop/$/GetUpgradeProgress?api-version=6.0",
        "/$/GetClusterVersion?api-version=6.4",
    ]


# Explanations.


def remarks_of(hook: ServiceFabricHook, name: str = "shop") -> list[str]:
    records, remarks = hook.get_failure_details(name, kind="application_resource")
    assert records == []
    return remarks


@pytest.mark.usefixtures("simulator")
def test_what_explains_a_failure_is_asked_once_each(simulator: Any, clock: Any) -> None:
    hook = ServiceFabricHook()
    hook.get_upgrade_progress("rolled_back-shop")
    clock.now += 3600
    simulator.requests.clear()
    records, remarks = hook.get_failure_details("rolled_back-shop", kind="application_resource")
    assert remarks == []
    assert [record.failure_reason for record in records] == ["HealthCheck", None]
    assert [len(record.unhealthy_evaluations) > 0 for record in records] == [True, True]
    assert len(simulator.requests) == 2


@pytest.mark.usefixtures("simulator")
def test_a_kind_that_says_it_all_itself_needs_no_explanation(simulator: Any) -> None:
    assert ServiceFabricHook().get_failure_details("shop", kind="application") == ([], [])
    assert simulator.requests == []


@pytest.mark.parametrize(
    ("conn_id", "name", "why"),
    [
        ("service_fabric_default", "shop", "expected a JSON object, got a JSON list"),
        ("service_fabric_default", "a/../b", "invalid name '..': it is a relative path"),
        ("no_such", "shop", "The conn_id `no_such` isn't defined"),
    ],
)
def test_what_cannot_be_read_is_a_remark(conn_id: str, name: str, why: str, connected: Any) -> None:
    connected.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
    remarks = remarks_of(ServiceFabricHook(conn_id), name)
    for remark, call in zip(remarks, ("GetUpgradeProgress", "GetHealth"), strict=True):
        assert remark.startswith(f"/Applications/{{applicationId}}/$/{call} could not be read: ")
        assert why in remark


def test_whatever_a_secrets_backend_raises_then_is_no_error_either() -> None:
    class Hook(ServiceFabricHook):
        def get_conn(self) -> Cluster:
            msg = "the vault is sealed"
            raise AirflowException(msg)

    assert [remark.partition(": ")[2] for remark in remarks_of(Hook())] == ["the vault is sealed"] * 2
