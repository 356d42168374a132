"""The simulator on its loopback port, and as a command."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.kinds import KINDS
from airflow_provider_sf.rest import (
    CLUSTER_VERSION,
    Rejected,
    Request,
    Unreachable,
    json_from,
    request_for,
)
from airflow_provider_sf.simulator import SCENARIOS, Simulator

PROGRESS = KINDS["application_resource"].progress


def get(simulator: Simulator, target: str) -> dict[str, object]:
    return json_from(Cluster(simulator.url).send(Request("GET", target)))


def state(simulator: Simulator, name: str) -> object:
    return get(simulator, request_for(PROGRESS, name).target)["UpgradeState"]


def test_an_upgrade_starts_when_it_is_first_asked_about(simulator: Simulator, clock: Any) -> None:
    assert state(simulator, "good-a") == "ProvisioningTarget"
    clock.now += 300
    assert (state(simulator, "good-a"), state(simulator, "good-b")) == (
        "RollingForward",
        "ProvisioningTarget",
    )


def test_a_name_is_read_as_the_gateway_reads_it(simulator: Simulator) -> None:
    assert get(simulator, request_for(PROGRESS, "good-my shop?#é").target)["Name"] == "good-my shop?#é"


@pytest.mark.parametrize("name", ["not_found-shop", "shop", "sampleApplication"])
def test_a_name_of_no_scenario_is_not_found(name: str, simulator: Simulator) -> None:
    with pytest.raises(Rejected, match="SINGLE_INSTANCE_APPLICATION_NOT_FOUND"):
        state(simulator, name)


def test_who_is_not_authorised_is_refused_by_status_alone(simulator: Simulator) -> None:
    with pytest.raises(Rejected) as error:
        state(simulator, "unauthorised-shop")
    assert (error.value.status, error.value.code) == (403, None)


def test_two_upgrades_are_told_apart_by_their_starts(simulator: Simulator, clock: Any) -> None:
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
    ],
)
def test_an_unknown_route_or_version_is_an_invalid_argument(target: str, simulator: Simulator) -> None:
    with pytest.raises(Rejected, match="HTTP 400 E_INVALIDARG"):
        get(simulator, target)


def test_every_way_of_flapping_is_seen_by_a_client(simulator: Simulator, clock: Any) -> None:
    state(simulator, "flapping-a")
    said = []
    for _ in range(5):
        clock.now += 60
        with pytest.raises(Unreachable) as error:
            state(simulator, "flapping-a")
        said.append((error.value.status, error.value.code))
    assert said == [
        (503, "FABRIC_E_SERVICE_TOO_BUSY"),
        (None, None),
        (504, "FABRIC_E_TIMEOUT"),
        (502, None),
        (503, None),
    ]
    clock.now += 60
    assert state(simulator, "flapping-a") == "RollingForward"


def test_the_requests_are_kept_and_the_version_is_told(simulator: Simulator) -> None:
    assert get(simulator, request_for(CLUSTER_VERSION).target) == {"Version": "10.1.2338.9590"}
    assert simulator.requests == ["GET /$/GetClusterVersion?api-version=6.4 HTTP/1.1"]


def test_a_stopped_simulator_lets_go_of_its_port() -> None:
    with Simulator() as first:
        port = first.port
    with pytest.raises(Unreachable, match="Connection refused"):
        Cluster(f"http://127.0.0.1:{port}").send(request_for(CLUSTER_VERSION))
    with Simulator(port=port) as second:
        assert second.port == port


def test_a_slow_answer_comes_after_its_pause_or_with_the_end() -> None:
    simulator = Simulator(slow_seconds=3600)
    simulator.start()
    waiting = threading.Thread(target=simulator.pause, daemon=True)
    waiting.start()
    simulator.stop()
    waiting.join(10)
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
def test_the_command_says_how_to_connect_and_ends_when_told(number: signal.Signals) -> None:
    with command("--port", "0", "--speed", "10") as process:
        assert process.stdout is not None
        said = process.stdout.readline() + process.stdout.readline()
        found = re.search(
            r"export AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT='service-fabric://127.0.0.1:(\d+)'", said
        )
        assert found is not None
        assert Cluster(f"http://127.0.0.1:{found[1]}").send(request_for(CLUSTER_VERSION)).status == 200
        process.send_signal(number)
        assert process.wait(10) == 0


def test_the_command_explains_every_scenario() -> None:
    with command("--help") as process:
        said, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    for name, scenario in SCENARIOS.items():
        assert f"{name} " in said
        assert scenario.summary in said


@pytest.mark.parametrize(
    ("option", "value"), [("--speed", "0"), ("--speed", "nan"), ("--slow-seconds", "-1"), ("--port", "x")]
)
def test_a_wrong_option_is_refused_by_name(option: str, value: str) -> None:
    with command(option, value) as process:
        _, said = process.communicate(timeout=10)
    assert process.returncode == 2
    assert option in said


def test_a_port_that_is_taken_is_named() -> None:
    with Simulator() as first, command("--port", str(first.port)) as process:
        _, said = process.communicate(timeout=10)
        assert process.returncode == 1
        assert (
            said
            == f"cannot listen on port {first.port}: Address already in use; choose another with --port\n"
        )


def test_the_link_to_explorer_leads_to_a_page_that_says_what_this_is(simulator: Simulator) -> None:
    """A reader of the demo clicks on the link of the task."""
    page = simulator.answer("/Explorer/index.html")
    assert page.status == 200
    assert page.content_type.startswith("text/html")
    assert b"This cluster is simulated" in page.body
