"""The commands for recordings: what they print, and what they refuse."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.recordings.exchanges import Exchange, Header
from airflow_provider_sf.recordings.lines import exchange_line, header_line
from airflow_provider_sf.rest.protocol import json_object, request_for
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.__main__ import main
from airflow_provider_sf.simulator.recorder import Recorder
from airflow_provider_sf.upgrades.kinds import KINDS
from tests.recordings.made import exchange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VARIABLE = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"


@pytest.fixture(autouse=True)
def same_signals() -> Any:
    """The command sets a handler for the process of the tests, too."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A file with two answers about an application, and one without an answer."""
    path = tmp_path / "upgrade.jsonl"
    exchanges = [
        exchange("application", {"UpgradeState": "RollingForwardInProgress"}, name="fabric:/name-1"),
        exchange("application", status=None, error="Unreachable", name="fabric:/name-1", second=1.0),
        exchange(
            "compose_deployment", {"Error": {"Code": "NotFound"}}, status=404, name="name-2", second=2.0
        ),
    ]
    path.write_text(header_line(Header("1.0", 10.0)) + "".join(map(exchange_line, exchanges)))
    return path


def test_check_prints_the_report(recording: Path, capsys: Any) -> None:
    assert main(["check", str(recording)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"1 refuted, \d+ confirmed, \d+ not touched", lines[0])
    assert lines[1].startswith("refuted    line 4     compose-not-found: A missing compose deployment is")


def test_cut_line_is_reported(recording: Path, capsys: Any) -> None:
    with recording.open("a") as file:
        file.write('{"at": ')
    assert main(["check", str(recording)]) == 0
    assert capsys.readouterr().err == f"{recording}: line 5 is cut and is not used\n"


@pytest.mark.parametrize("command", ["check", "replay"])
def test_other_file_is_an_error(command: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "other.txt"
    path.write_text("hello\n")
    assert main([command, str(path)]) == 1
    message = f"{path}: line 1: the file is not a recording: expected a JSON object for Header, got None\n"
    assert capsys.readouterr().err == message


def test_missing_file_is_an_error(tmp_path: Path, capsys: Any) -> None:
    assert main(["check", str(tmp_path / "missing")]) == 1
    assert "No such file or directory" in capsys.readouterr().err


def test_recording_without_answers_is_not_replayed(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "upgrade.jsonl"
    path.write_text(header_line(Header("1.0", 10.0)))
    assert main(["replay", str(path)]) == 1
    assert capsys.readouterr().err == f"{path}: the recording has no answers\n"


def test_used_port_is_an_error(recording: Path, capsys: Any) -> None:
    with Simulator() as simulator:
        assert main(["replay", str(recording), "--port", str(simulator.port)]) == 1
    assert capsys.readouterr().err == f"cannot listen on port {simulator.port}: choose another with --port\n"


def test_recording_needs_a_connection(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "upgrade.jsonl"
    assert main(["record", str(path), "cluster"]) == 1
    assert capsys.readouterr().err.startswith(f"the environment variable {VARIABLE} is not set")
    assert not path.exists()


def test_unreachable_cluster_leaves_no_file(
    tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    path = tmp_path / "upgrade.jsonl"
    monkeypatch.setenv("AIRFLOW_CONN_EAST", f"service-fabric://127.0.0.1:{closed_port}")
    assert main(["record", str(path), "cluster", "--conn-id", "east"]) == 1
    assert "Connection refused" in capsys.readouterr().err
    assert not path.exists()


def test_existing_file_is_not_replaced(recording: Path, simulator: Simulator, capsys: Any) -> None:
    before = recording.read_bytes()
    assert main(["record", str(recording), "cluster"]) == 1
    assert capsys.readouterr().err == f"{recording} exists: choose the name of a new file\n"
    assert recording.read_bytes() == before
    assert simulator.requests == []


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("shop", "kind 'shop' is not supported; choose one of: application_resource, application"),
        ("application", "name is empty: set name to the application, for example 'fabric:/shop/web'"),
        (
            "application_resource=fabric:/shop",
            "this is the name of a classic application: set kind='application'",
        ),
        ("cluster=shop", "name must be empty for a cluster, not 'shop': remove name"),
    ],
)
def test_invalid_target_is_refused(target: str, message: str, tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main(["record", str(tmp_path / "upgrade.jsonl"), target])
    assert message in capsys.readouterr().err


def test_recording_ends_after_its_time(tmp_path: Path, simulator: Simulator, capsys: Any) -> None:
    path = tmp_path / "upgrade.jsonl"
    arguments = ["record", str(path), "cluster", "--hours", "1e-9"]
    assert main(arguments) == 0
    count = path.read_text().count("\n") - 1
    assert count == len(simulator.requests) == 2
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == f"{path} has {count} answers. Look at it before you send it."
    )


@pytest.mark.parametrize(("signals", "answers"), [(1, 2), (2, 1)])
def test_only_the_first_signal_finishes_the_round(
    signals: int, answers: int, tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The method is replaced to let the signals arrive in a round."""
    play, path = Recorder.round, tmp_path / "upgrade.jsonl"

    def interrupted(recorder: Recorder) -> Iterator[Exchange]:
        for _ in range(signals):
            signal.raise_signal(signal.SIGINT)
        yield from play(recorder)

    monkeypatch.setattr(Recorder, "round", interrupted)
    assert main(["record", str(path), "cluster", "--interval", "600"]) == 0
    assert len(simulator.requests) == path.read_text().count("\n") - 1 == answers


def test_replay_serves_until_it_is_stopped(recording: Path) -> None:
    command = [sys.executable, "-m", "airflow_provider_sf.simulator", "replay", str(recording), "--port", "0"]
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, env={**os.environ})
    assert process.stdout is not None
    printed = [process.stdout.readline().strip() for _ in range(4)]
    url = re.findall(r"http://127\.0\.0\.1:\d+", printed[0])[0]
    assert printed[1:] == [
        "/Applications/{applicationId}/$/GetUpgradeProgress of fabric:/name-1",
        "/ComposeDeployments/{deploymentName}/$/GetUpgradeProgress of name-2",
        f"export {VARIABLE}='{url.replace('http', 'service-fabric')}'",
    ]
    response = Cluster((url,)).send(request_for(KINDS["application"].progress, "fabric:/name-1"))
    assert json_object(response) == {"UpgradeState": "RollingForwardInProgress"}
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    process.stdout.close()
