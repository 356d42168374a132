"""The simulator on its loopback port, and its command."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any

import pytest

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, Call, Request, json_object, request_for
from airflow_provider_sf.simulator import SCENARIOS, Simulator
from airflow_provider_sf.simulator.__main__ import main
from airflow_provider_sf.simulator.commands import ApiRequest
from airflow_provider_sf.simulator.courses import COURSES
from airflow_provider_sf.simulator.responses import HttpResponse
from airflow_provider_sf.upgrades.kinds import KINDS

PROGRESS = KINDS["application_resource"].progress


def get(simulator: Simulator, target: str) -> dict[str, object]:
    return json_object(Cluster((simulator.url,)).send(Request("GET", target)))


def state(simulator: Simulator, name: str) -> object:
    return get(simulator, request_for(PROGRESS, name).target)["UpgradeState"]


def test_upgrade_starts_with_the_first_request(simulator: Simulator, clock: Any) -> None:
    assert state(simulator, "good-a") == "ProvisioningTarget"
    clock.now += 300
    assert (state(simulator, "good-a"), state(simulator, "good-b")) == (
        "RollingForward",
        "ProvisioningTarget",
    )


def test_names_are_unquoted_like_the_gateway(simulator: Simulator) -> None:
    assert get(simulator, request_for(PROGRESS, "good-my shop?#é").target)["Name"] == "good-my shop?#é"


@pytest.mark.parametrize("name", ["not_found-shop", "shop", "sampleApplication"])
def test_name_without_a_scenario_is_not_found(name: str, simulator: Simulator) -> None:
    with pytest.raises(Rejected, match="SINGLE_INSTANCE_APPLICATION_NOT_FOUND"):
        state(simulator, name)


def test_unauthorised_client_receives_a_status_only(simulator: Simulator) -> None:
    with pytest.raises(Rejected) as error:
        state(simulator, "unauthorised-shop")
    assert (error.value.status, error.value.code) == (403, None)


def test_two_upgrades_differ_in_their_starts(simulator: Simulator, clock: Any) -> None:
    starts = []
    for _ in range(2):
        body = get(simulator, request_for(PROGRESS, "previous_first-shop").target)
        starts.append((body["UpgradeState"], body["StartTimestampUtc"]))
        clock.now += 660
    assert starts == [
        ("CompletedRollforward", "2026-02-28T03:00:00.000Z"),
        ("CompletedRollforward", "2026-03-01T03:01:00.000Z"),
    ]


@pytest.mark.parametrize(
    "target",
    [
        "/Resources/Applications/good-a/$/GetUpgradeProgress",
        "/Resources/Applications/good-a/$/GetUpgradeProgress?api-version=5.9",
        "/Resources/Applications/good-a/$/GetUpgradeProgress?api-version=99.0",
        "/Resources/Applications/good-a/$/GetUpgradeProgress?api-version=new",
        "/Resources/Applications/a/b/$/GetUpgradeProgress?api-version=7.0",
        "/Resources/Applications//$/GetUpgradeProgress?api-version=7.0",
        "/Resources/Volumes/good-a?api-version=7.0",
        "/Applications/a/b/$/GetUpgradeProgress?api-version=6.0",
        "/Applications/?api-version=6.0",
        "/Applications/good-a/$/GetUpgradeProgress",
        "/$/GetUpgradeProgress/?api-version=6.0",
        "/$/GetUpgradeProgress?api-version=6",
    ],
)
def test_unknown_route_is_an_invalid_argument(target: str, simulator: Simulator) -> None:
    with pytest.raises(Rejected, match="HTTP 400 E_INVALIDARG"):
        get(simulator, target)


@pytest.mark.parametrize(
    ("timeout", "status"), [("1", 200), ("600", 200), ("601", 400), ("0", 400), ("1.5", 400)]
)
def test_timeout_has_a_limit(timeout: str, status: int, simulator: Simulator) -> None:
    target = f"/$/GetClusterVersion?api-version=6.4&timeout={timeout}"
    assert simulator.respond(target).status == status
    assert (
        simulator.change(ApiRequest("PUT", f"/ImageStore/a?api-version=6.0&timeout={timeout}")).status
        == status
    )


def test_client_sees_every_fault(simulator: Simulator, clock: Any) -> None:
    state(simulator, "flapping-a")
    faults = []
    for _ in range(5):
        clock.now += 60
        with pytest.raises(Unreachable) as error:
            state(simulator, "flapping-a")
        faults.append((error.value.status, error.value.code))
    assert faults == [
        (503, "FABRIC_E_SERVICE_TOO_BUSY"),
        (None, None),
        (504, "FABRIC_E_TIMEOUT"),
        (502, None),
        (503, None),
    ]
    clock.now += 60
    assert state(simulator, "flapping-a") == "RollingForward"


def test_requests_are_kept(simulator: Simulator) -> None:
    assert get(simulator, request_for(CLUSTER_VERSION).target) == {"Version": "10.1.2338.9590"}
    assert simulator.requests == ["GET /$/GetClusterVersion?api-version=6.4 HTTP/1.1"]


def test_all_kinds_report_the_same_upgrade(simulator: Simulator, clock: Any) -> None:
    """The classic progress explains why an application resource or a compose deployment failed."""
    get(simulator, "/Resources/Applications/rolled_back-a/$/GetUpgradeProgress?api-version=7.0")
    clock.now += 400
    bodies = [
        get(simulator, target)
        for target in (
            "/Resources/Applications/rolled_back-a/$/GetUpgradeProgress?api-version=7.0",
            "/Applications/rolled_back-a/$/GetUpgradeProgress?api-version=6.0",
            "/ComposeDeployments/rolled_back-a/$/GetUpgradeProgress?api-version=6.0-preview",
        )
    ]
    assert [body["UpgradeState"] for body in bodies] == [
        "RollingBack",
        "RollingBackInProgress",
        "RollingBackInProgress",
    ]
    assert {body["StartTimestampUtc"] for body in bodies} == {"2026-03-01T03:00:00.000Z"}
    health = get(simulator, "/Applications/rolled_back-a/$/GetHealth?api-version=6.0")
    assert health["UnhealthyEvaluations"] == bodies[1]["UnhealthyEvaluations"] != []


def test_all_spellings_of_a_name_are_equal(simulator: Simulator, clock: Any) -> None:
    starts = []
    for spelling in ("good-shop~web", "good-shop%7Eweb", "Good-Shop~Web", "fabric%3A%2Fgood-shop%2Fweb"):
        get(simulator, f"/Applications/{spelling}/$/GetUpgradeProgress?api-version=6.0")
        clock.now += 40
        body = get(simulator, f"/Applications/{spelling}/$/GetUpgradeProgress?api-version=6.0")
        starts.append(body["StartTimestampUtc"])
    assert starts == ["2026-03-01T03:00:00.000Z"] * 4
    assert len(get(simulator, "/Applications?api-version=6.1")["Items"]) == 1  # type: ignore[arg-type]


def test_cluster_upgrade_succeeds_by_default(simulator: Simulator, clock: Any) -> None:
    get(simulator, "/$/GetUpgradeProgress?api-version=6.0")
    clock.now += 600
    body = get(simulator, "/$/GetUpgradeProgress?api-version=6.0")
    assert (body["UpgradeState"], body["CodeVersion"]) == ("RollingForwardCompleted", "10.1.2175.9590")
    status = get(simulator, "/$/GetClusterConfigurationUpgradeStatus?api-version=6.0")
    assert status == {
        "UpgradeState": "RollingForwardCompleted",
        "ProgressStatus": 2,
        "ConfigVersion": "1.1.0",
        "Details": "",
    }


@pytest.mark.parametrize(
    ("scenario", "status", "version"),
    [
        ("never_upgraded", 200, "0.0.0.0"),  # noqa: S104 - no address
        ("unauthorised", 403, None),
        ("not_found", 400, None),
    ],
)
def test_cluster_has_the_given_scenario(scenario: str, status: int, version: str | None) -> None:
    with Simulator(cluster_scenario=scenario) as simulator:
        response = simulator.respond("/$/GetUpgradeProgress?api-version=6.0")
    assert response.status == status
    assert version is None or json.loads(response.body)["CodeVersion"] == version


def test_unknown_cluster_scenario_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid cluster_scenario 'no scenario': choose one of good, "):
        Simulator(cluster_scenario="no scenario")


def test_cluster_without_own_calls_has_no_route() -> None:
    """A cluster that is not standalone has no call about its configuration."""
    with Simulator(cluster_scenario="not_found") as simulator:
        response = simulator.respond("/$/GetClusterConfigurationUpgradeStatus?api-version=6.0")
        assert response == simulator.respond("/$/NoSuchCall?api-version=6.0")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/$/GetClusterVersion?api-version=6.4", 200),
        ("/$/GetUpgradeProgress?api-version=6.0", 200),
        ("/$/GetUpgradeProgress?api-version=6.5", 200),
        ("/$/GetUpgradeProgress?api-version=6.6", 400),
        ("/Applications/good-a/$/GetUpgradeProgress?api-version=6.0", 200),
        ("/ComposeDeployments/good-a/$/GetUpgradeProgress?api-version=6.0-preview", 200),
        ("/Resources/Applications/good-a/$/GetUpgradeProgress?api-version=7.0", 400),
        ("/Resources/Applications/good-a/$/GetUpgradeProgress?api-version=6.5", 400),
    ],
)
def test_older_runtime_refuses_later_calls(target: str, status: int) -> None:
    with Simulator(runtime_version="6.5.676.9590") as simulator:
        assert simulator.respond(target).status == status
        version = simulator.respond("/$/GetClusterVersion?api-version=6.4")
    assert json.loads(version.body) == {"Version": "6.5.676.9590"}


def test_applications_are_described_and_listed(simulator: Simulator) -> None:
    names = ("good-c", "good-a~web", "not_found-d", "unauthorised-e", "failed-b")
    statuses = {name: simulator.respond(f"/Applications/{name}?api-version=6.0").status for name in names}
    assert statuses == dict(zip(names, (200, 200, 204, 403, 200), strict=True))
    assert get(simulator, "/Applications/good-a~web?api-version=6.0")["Name"] == "fabric:/good-a/web"
    first = get(simulator, "/Applications?api-version=6.1")
    second = get(simulator, "/Applications?api-version=6.1&ContinuationToken=good-a~web")
    assert (first["ContinuationToken"], second["ContinuationToken"]) == ("good-a~web", "")
    assert [
        [item["Id"] for item in page["Items"]]  # type: ignore[attr-defined]
        for page in (first, second)
    ] == [["failed-b", "good-a~web"], ["good-c"]]


def test_applications_are_listed_after_first_request(simulator: Simulator) -> None:
    assert get(simulator, "/Applications?api-version=6.1") == {"ContinuationToken": "", "Items": []}
    get(simulator, "/Applications/good-a/$/GetUpgradeProgress?api-version=6.0")
    assert get(simulator, "/Applications?api-version=6.1")["Items"] != []


@pytest.mark.parametrize(
    "target",
    [
        "/Applications/{}?api-version=6.0",
        "/Applications/{}/$/GetHealth?api-version=6.0",
        "/Applications/{}/$/GetUpgradeProgress?api-version=6.0",
        "/ComposeDeployments/{}/$/GetUpgradeProgress?api-version=6.0-preview",
        "/Resources/Applications/{}/$/GetUpgradeProgress?api-version=7.0",
    ],
)
def test_faults_affect_every_call_of_a_name(target: str, simulator: Simulator, clock: Any) -> None:
    simulator.respond(target.format("flapping-a"))
    clock.now += 90
    assert simulator.respond(target.format("flapping-a")).status == 503
    assert simulator.respond(target.format("unauthorised-a")) == HttpResponse(403)


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/Applications/shop~web/$/GetHealth?api-version=6.0", 404, "FABRIC_E_HEALTH_ENTITY_NOT_FOUND"),
        (
            "/Applications/shop~web/$/GetUpgradeProgress?api-version=6.0",
            404,
            "FABRIC_E_APPLICATION_NOT_FOUND",
        ),
        (
            "/ComposeDeployments/shop/$/GetUpgradeProgress?api-version=6.0-preview",
            404,
            "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND",
        ),
    ],
)
def test_not_found_error_contains_the_name(target: str, status: int, code: str, simulator: Simulator) -> None:
    response = simulator.respond(target)
    error = json.loads(response.body)["Error"]
    assert (response.status, error["Code"]) == (status, code)
    assert "shop" in error["Message"]


def test_new_kind_has_a_route(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is in the table during this test only: other tests use the table, too."""
    row = replace(KINDS["cluster"], name="volume", progress=Call("/Volumes/{volumeName}/$/GetIt", "10.0", ""))
    monkeypatch.setitem(KINDS, "volume", row)
    assert get(simulator, "/Volumes/good-a%20b/$/GetIt?api-version=10.0")["UpgradeState"] == (
        "RollingForwardInProgress"
    )
    assert simulator.respond("/Volumes/good-a/b/$/GetIt?api-version=10.0").status == 400


def test_concurrent_first_requests_start_one_upgrade(simulator: Simulator, clock: Any) -> None:
    """A later request may have read an earlier time."""
    state(simulator, "good-a")
    clock.now -= 0.01
    assert state(simulator, "good-a") == "ProvisioningTarget"


def test_stopped_simulator_frees_its_port() -> None:
    with Simulator() as first:
        port = first.port
    with pytest.raises(Unreachable, match="Connection refused"):
        Cluster.at(f"http://127.0.0.1:{port}").send(request_for(CLUSTER_VERSION))
    with Simulator(port=port) as second:
        assert second.port == port


def test_slow_response_ends_with_the_server() -> None:
    simulator = Simulator(slow_seconds=3600)
    simulator.start()
    waiting = threading.Thread(target=simulator.pause, daemon=True)
    waiting.start()
    simulator.stop()
    waiting.join(60)
    assert not waiting.is_alive()


def command(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_sf.simulator", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_prints_the_connection_and_stops(number: signal.Signals) -> None:
    with command("--port", "0", "--speed", "10") as process:
        assert process.stdout is not None
        output = process.stdout.readline() + process.stdout.readline()
        found = re.search(
            r"export AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT='service-fabric://127.0.0.1:(\d+)'", output
        )
        assert found is not None
        assert Cluster.at(f"http://127.0.0.1:{found[1]}").send(request_for(CLUSTER_VERSION)).status == 200
        process.send_signal(number)
        assert process.wait(60) == 0


def test_command_sets_the_cluster_scenario() -> None:
    with command("--port", "0", "--cluster-scenario", "never_upgraded") as process:
        assert process.stdout is not None
        found = re.search(r"http://127.0.0.1:\d+", process.stdout.readline())
        assert found is not None
        response = Cluster.at(found[0]).send(Request("GET", "/$/GetUpgradeProgress?api-version=6.0"))
        assert json.loads(response.body)["UpgradeState"] == "RollingForwardCompleted"
        process.terminate()
        assert process.wait(60) == 0


def test_command_sets_the_write_faults() -> None:
    arguments = ("--write-fault", "unavailable", "--write-fault", "timeout_after")
    with command("--port", "0", *arguments) as process:
        assert process.stdout is not None
        found = re.search(r"http://127.0.0.1:\d+", process.stdout.readline())
        assert found is not None
        statuses = []
        for _ in range(3):
            connection = HTTPConnection(found[0].removeprefix("http://"))
            connection.request("PUT", "/ImageStore/a?api-version=6.0", b"data")
            statuses.append(connection.getresponse().status)
            connection.close()
        assert statuses == [503, 504, 200]
        process.terminate()
        assert process.wait(60) == 0


def test_help_describes_every_scenario_and_kind() -> None:
    with command("--help") as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    for kind in KINDS.values():
        assert re.search(f"  {kind.name} +GET {re.escape(kind.progress.path)}\n", output)
    summaries = {name: scenario.summary for name, scenario in SCENARIOS.items()}
    for name, summary in {**summaries, **{name: course.summary for name, course in COURSES.items()}}.items():
        assert f"{name} " in output
        assert summary in output


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--speed", "0"),
        ("--speed", "nan"),
        ("--slow-seconds", "-1"),
        ("--port", "x"),
        ("--cluster-scenario", "x"),
        ("--gateways", "0"),
        ("--tls", "x"),
        ("--server-certificate", "x"),
    ],
)
def test_wrong_option_is_refused_by_name(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([option, value])
    assert option in capsys.readouterr().err


def test_command_opens_the_requested_gateways() -> None:
    with command("--port", "0", "--gateways", "3") as process:
        assert process.stdout is not None
        listening, export = process.stdout.readline(), process.stdout.readline()
        urls = re.findall(r"http://127.0.0.1:\d+", listening)
        assert len(urls) == 3
        assert f'"host": "{",".join(urls)}"' in export
        for url in urls:
            assert Cluster.at(url).send(request_for(CLUSTER_VERSION)).status == 200
        process.terminate()
        assert process.wait(60) == 0


def test_port_in_use_is_reported() -> None:
    with Simulator() as first, command("--port", str(first.port)) as process:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
        assert (
            errors
            == f"cannot listen on port {first.port}: Address already in use; choose another with --port\n"
        )


def test_explorer_page_explains_the_simulator(simulator: Simulator) -> None:
    """The link of a task in the demo leads there."""
    page = simulator.respond("/Explorer/index.html")
    assert page.status == 200
    assert page.content_type.startswith("text/html")
    assert b"This cluster is simulated" in page.body
