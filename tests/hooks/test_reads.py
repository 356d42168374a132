"""The other calls of the hook, with both transports: literal URLs, recorded answers, errors."""

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
from airflow_provider_sf.upgrades.kinds import KINDS

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


def set_answer(recorder: Any, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    recorder.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def targets(recorder: Any) -> list[str]:
    return [request.split()[1] for request in recorder.requests]


# Recorded answers.


def test_cluster_version_is_read(ask: Any, connected: Any, sample: Callable[[str], dict[str, Any]]) -> None:
    set_answer(connected, sample("reads/cluster_version"))
    assert ask("get_cluster_version") == "6.4.514.9494"
    assert targets(connected) == ["/$/GetClusterVersion?api-version=6.4&timeout=25"]


def test_application_is_read(ask: Any, connected: Any, sample: Callable[[str], dict[str, Any]]) -> None:
    set_answer(connected, sample("reads/application"))
    application = ask("get_application", "fabric:/samples/CalculatorApp")
    assert (application.name, application.type_version) == ("fabric:/samples/CalculatorApp", "1.0")
    assert targets(connected) == ["/Applications/samples~CalculatorApp?api-version=6.0&timeout=25"]


def test_application_health_is_read(
    ask: Any, connected: Any, sample: Callable[[str], dict[str, Any]]
) -> None:
    set_answer(connected, sample("reads/application_health"))
    assert ask("get_application_health", "shop/web").aggregated_health_state == "Ok"
    assert targets(connected) == ["/Applications/shop~web/$/GetHealth?api-version=6.0&timeout=25"]


@pytest.mark.parametrize("kind", KINDS)
def test_health_belongs_to_the_kind(kind: str, ask: Any, connected: Any) -> None:
    set_answer(connected, {"AggregatedHealthState": "Warning"})
    has_name = KINDS[kind].takes_name
    assert ask("get_health", "shop" if has_name else "", kind=kind).aggregated_health_state == "Warning"
    path = "/Applications/shop/$/GetHealth" if has_name else "/$/GetClusterHealth"
    assert [target.partition("&timeout")[0] for target in targets(connected)] == [f"{path}?api-version=6.0"]


# The simulated cluster.


@pytest.mark.usefixtures("simulator")
def test_applications_are_listed_page_by_page(ask: Any, simulator: Any) -> None:
    for name in ("good-a", "good-b", "good-c", "good-d", "good-e"):
        read("get_application", name)
    simulator.requests.clear()
    assert [application.name for application in ask("list_applications")] == [
        f"fabric:/good-{part}" for part in "abcde"
    ]
    assert [request.split()[1] for request in simulator.requests] == [
        "/Applications?api-version=6.1&timeout=25",
        "/Applications?api-version=6.1&timeout=25&ContinuationToken=good-b",
        "/Applications?api-version=6.1&timeout=25&ContinuationToken=good-d",
    ]


@pytest.mark.usefixtures("simulator")
def test_empty_cluster_lists_no_applications(ask: Any) -> None:
    assert ask("list_applications") == []


@pytest.mark.usefixtures("simulator")
def test_unknown_application_is_rejected(ask: Any) -> None:
    with pytest.raises(Rejected, match="HTTP 204"):
        ask("get_application", "not_found-shop")
    with pytest.raises(Rejected, match="FABRIC_E_HEALTH_ENTITY_NOT_FOUND"):
        ask("get_application_health", "not_found-shop")


@pytest.mark.usefixtures("simulator")
def test_repr_of_an_application_shows_no_parameters(ask: Any) -> None:
    application = ask("get_application", SHOP)
    assert isinstance(application, Application)
    assert application.parameters == {"Web_InstanceCount": "-1"}
    assert "Web_InstanceCount" not in repr(application)


# Errors.


def test_endless_pages_are_an_unexpected_answer(ask: Any, connected: Any) -> None:
    set_answer(connected, {"ContinuationToken": "more", "Items": []})
    with pytest.raises(UnexpectedAnswer, match="the continuation token 'more' again"):
        ask("list_applications")
    assert len(connected.requests) == 2


@pytest.mark.parametrize("call", ["get_application", "get_application_health"])
def test_invalid_name_is_refused_before_a_request(call: str, ask: Any, connected: Any) -> None:
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
def test_old_runtime_leads_to_supported_kinds(
    *, runtime: str, kind: str, name: str, advice: str, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(runtime_version=runtime, cluster_scenario="not_found") as simulator:
        monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{simulator.port}")
        with pytest.raises(Rejected, match=rf"E_INVALIDARG: The .* \({advice}\)") as refused:
            ask("get_upgrade_progress", name, kind=kind)
    assert (refused.value.status, refused.value.endpoint) == (400, simulator.url)
    assert len(simulator.requests) == 2


def test_unknown_version_is_requested_once(ask: Any, connected: Any) -> None:
    body = b'{"Error": {"Code": "E_INVALIDARG", "Message": "no"}}'
    connected.answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with pytest.raises(Rejected, match="this call needs runtime "):
        ask("get_upgrade_progress", "shop", kind="application")
    assert targets(connected) == [
        "/Applications/shop/$/GetUpgradeProgress?api-version=6.0&timeout=25",
        "/$/GetClusterVersion?api-version=6.4&timeout=25",
    ]


# Failure details.


def read_warnings(hook: ServiceFabricHook, name: str = "shop") -> list[str]:
    details, warnings = hook.get_failure_details(name, kind="application_resource")
    assert details == []
    return warnings


@pytest.mark.usefixtures("simulator")
def test_failure_details_are_read_once_each(simulator: Any, clock: Any) -> None:
    hook = ServiceFabricHook()
    hook.get_upgrade_progress("rolled_back-shop")
    clock.now += 3600
    simulator.requests.clear()
    details, warnings = hook.get_failure_details("rolled_back-shop", kind="application_resource")
    assert warnings == []
    assert [detail.failure_reason for detail in details] == ["HealthCheck", None]
    assert [len(detail.unhealthy_evaluations) > 0 for detail in details] == [True, True]
    assert len(simulator.requests) == 2


def test_configuration_asks_the_cluster_why_it_failed(
    connected: Any, sample: Callable[[str], dict[str, Any]]
) -> None:
    """The status of a configuration upgrade has no reason; the upgrade of the cluster has it."""
    set_answer(connected, sample("cluster/busy"))
    (details,), warnings = ServiceFabricHook().get_failure_details("", kind="cluster_configuration")
    assert targets(connected) == ["/$/GetUpgradeProgress?api-version=6.0&timeout=25"]
    assert details.reason == "HealthCheck (PostUpgradeHealthCheck), in domain 1"
    assert details.unhealthy_evaluations[0] == (
        "Error: node type backend, node _back_2: System.FM reports State: Fabric node is down."
    )
    assert warnings == []


@pytest.mark.usefixtures("simulator")
def test_complete_kind_needs_no_failure_calls(simulator: Any) -> None:
    assert ServiceFabricHook().get_failure_details("shop", kind="application") == ([], [])
    assert simulator.requests == []


@pytest.mark.parametrize(
    ("conn_id", "name", "reason"),
    [
        ("service_fabric_default", "shop", "expected a JSON object, got a JSON list"),
        ("service_fabric_default", "a/../b", "invalid name '..': it is a relative path"),
        ("no_such", "shop", "The conn_id `no_such` isn't defined"),
    ],
)
def test_failed_call_is_a_warning(conn_id: str, name: str, reason: str, connected: Any) -> None:
    connected.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
    warnings = read_warnings(ServiceFabricHook(conn_id), name)
    for warning, call in zip(warnings, ("GetUpgradeProgress", "GetHealth"), strict=True):
        assert warning.startswith(f"/Applications/{{applicationId}}/$/{call} could not be read: ")
        assert reason in warning


def test_secrets_backend_error_is_a_warning() -> None:
    class Hook(ServiceFabricHook):
        def get_conn(self) -> Cluster:
            msg = "the vault\n\x1b[1m is sealed"
            raise AirflowException(msg)

    assert [warning.partition(": ")[2] for warning in read_warnings(Hook())] == [
        "the vault [1m is sealed"
    ] * 2
