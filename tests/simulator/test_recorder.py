"""The recorder sends reads only, asks for details when an upgrade moves, and leaves a file that can be read."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.recordings.lines import read_recording
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.connection import connection, write_certificates
from airflow_provider_sf.simulator.recorder import Recorder, RecordingFile, Target
from airflow_provider_sf.upgrades.kinds import KINDS
from tests.recordings.made import SimulatedRecording, exchange
from tests.simulated_waits import subject_name

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_sf.recordings.lines import Recording
    from tests.conftest import Clock

VARIABLE = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"

DETAILS = {
    "application_resource": [
        "/Applications/{applicationId}/$/GetUpgradeProgress",
        "/Applications/{applicationId}/$/GetHealth",
    ],
    "application": ["/Applications/{applicationId}", "/Applications/{applicationId}/$/GetHealth"],
    "compose_deployment": [
        "/Applications/{applicationId}/$/GetUpgradeProgress",
        "/Applications/{applicationId}/$/GetHealth",
    ],
    "cluster": [],
    "cluster_configuration": ["/$/GetUpgradeProgress"],
}


def read(path: Path) -> Recording:
    with path.open("rb") as lines:
        return read_recording(lines)


@pytest.mark.kind_samples
@pytest.mark.parametrize("kind", KINDS)
def test_details_are_asked_when_the_upgrade_moves(kind: str, simulator: Simulator, clock: Clock) -> None:
    recording = SimulatedRecording(simulator, clock, Target(kind, subject_name("good", kind)))
    recording.poll_for(3.0, interval=1.0)
    recording.poll_for(700.0, interval=700.0)
    recording.poll_for(1.0, interval=1.0)
    progress, details = KINDS[kind].progress.path, DETAILS[kind]
    calls = [item.call for item in recording.exchanges]
    assert calls == [progress, *details, *[progress] * 3, progress, *details]
    assert all(line.startswith("GET ") for line in simulator.requests)


def test_missing_answer_is_recorded(simulator: Simulator, clock: Clock) -> None:
    simulator.fault(0, "reset")
    recording = SimulatedRecording(simulator, clock, Target("application", "fabric:/good-shop/web"))
    recording.poll_for(15)
    simulator.fault(0, "html")
    recording.poll_for(15)
    shown = [(item.name, item.status, item.error, item.body) for item in recording.exchanges]
    assert shown == [
        ("fabric:/name-1/name-2", None, "Unreachable", ""),
        ("fabric:/name-1/name-2", 502, "", "page"),
    ]


@pytest.mark.parametrize(("fault", "error"), [("reset", Unreachable), ("forbidden", Rejected)])
def test_unusable_cluster_is_an_error(fault: str, error: Any, simulator: Simulator) -> None:
    simulator.fault(0, fault)
    recorder = Recorder(Cluster((simulator.url,)), (), lambda: datetime.now(timezone.utc))
    with pytest.raises(error):
        recorder.version()


def test_file_is_private_and_new(tmp_path: Path) -> None:
    path = tmp_path / "upgrade.jsonl"
    file = RecordingFile(path, 10.0)
    file.add(exchange("cluster", {}))
    file.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (file.exchanges, len(read(path).exchanges)) == (1, 1)
    with pytest.raises(FileExistsError):
        RecordingFile(path, 10.0)


def test_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """A limit for the size of files has the effect of a full disk: a part of the line is written."""
    path = tmp_path / "upgrade.jsonl"
    file = RecordingFile(path, 10.0)
    file.add(exchange("cluster", {}))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            file.add(exchange("cluster", {}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    file.close()
    recording = read(path)
    assert (len(recording.exchanges), recording.is_cut) == (1, False)


def started(path: Path, *arguments: str, variable: str) -> subprocess.Popen[str]:
    """Start a recording of the command line."""
    command = [sys.executable, "-m", "airflow_provider_sf.simulator", "record", str(path), *arguments]
    environment = {**os.environ, VARIABLE: variable}
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


TARGETS = ("application=fabric:/rolled_back-shop/web", "application_resource=rolled_back-shop", "cluster")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_file_is_valid_when_the_process_ends(number: int, code: int, tmp_path: Path) -> None:
    path = tmp_path / "upgrade.jsonl"
    with Simulator(speed=60) as simulator:
        variable = connection(simulator.security, simulator.urls, None)
        process = started(path, *TARGETS, "--interval", "0.001", variable=variable)
        while lines_in(path) < 30:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(number)
        printed, errors = process.communicate(timeout=60)
    recording = read(path)
    assert (process.returncode, errors) == (code, "")
    assert len(recording.exchanges) >= 29
    if code == 0:
        assert (
            printed.splitlines()[-1]
            == f"{path} has {len(recording.exchanges)} answers. Look at it before you send it."
        )
        assert not recording.is_cut


SECURED: dict[str, dict[str, Any]] = {"certificate": {"tls": "mutual-late"}, "entra": {"entra": True}}


@pytest.mark.parametrize("security", SECURED)
def test_secured_cluster_is_recorded(security: str, tmp_path: Path) -> None:
    path, files = tmp_path / "upgrade.jsonl", tmp_path / "files"
    with Simulator(**SECURED[security]) as simulator:
        write_certificates(simulator.security, files)
        variable = connection(simulator.security, simulator.urls, files)
        process = started(path, "cluster", "--hours", "1e-9", variable=variable)
        printed, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert [item.status for item in read(path).exchanges] == [200, 200]
    assert printed.splitlines() == [
        "These requests go to the cluster, at most every 10 s, and no others:",
        "  GET /$/GetClusterVersion",
        "  GET /$/GetUpgradeProgress",
        f"The answers go to {path}, without names, texts and parameters.",
        "The recording ends after 1e-09 hours, or with Ctrl-C.",
        f"{path} has 2 answers. Look at it before you send it.",
    ]
