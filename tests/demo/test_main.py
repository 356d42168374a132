"""The demo ends as it should when it is interrupted, and says why when it fails."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo.__main__ import _complain, _own_lines
from demo.live_airflow import PARTS, LiveAirflow, LiveAirflowError, free_ports, signals_put_off
from tests.demo.processes import alive_in, sessions_started_by

pytestmark = pytest.mark.live

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(("number", "after"), [(signal.SIGINT, "worker: 0"), (signal.SIGTERM, "Starting")])
def test_an_interrupted_demo_leaves_no_process_behind(number: signal.Signals, after: str) -> None:
    """Once while a task waits, once while Airflow starts."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "demo"], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert demo.stdout is not None
    sessions: set[int] = set()
    try:
        next(line for line in demo.stdout if after in line)
        while len(sessions) < len(PARTS) + 1:  # the simulator, too
            assert demo.poll() is None
            sessions |= sessions_started_by(demo)
    finally:
        demo.send_signal(number)
        time.sleep(0.5)
        demo.send_signal(number)  # impatient
        said, _ = demo.communicate(timeout=60)
    assert "every process that was started has ended" in said
    assert demo.returncode == 130
    assert alive_in(sessions) == []


def test_a_failed_demo_shows_the_end_of_the_log_and_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "scheduler.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert _complain("it broke", log) == 1
    said = capsys.readouterr().err
    assert "it broke" in said
    assert "line 70\n" in said
    assert "line 69\n" not in said
    assert said.endswith(f"More in {log}\n")


def test_a_failed_start_names_the_log_and_leaves_no_process_behind(tmp_path: Path) -> None:
    with LiveAirflow(tmp_path / "home", tmp_path) as airflow:
        airflow.spawn("bystander", "-c", "import time; time.sleep(3600)")
        assert len(airflow.processes()) == 1
        (tmp_path / "home" / "airflow.db").mkdir()
        with pytest.raises(LiveAirflowError, match="database could not be made") as failed:
            airflow.migrate()
    assert "unable to open database" in failed.value.log.read_text()
    assert airflow.processes() == set()


def test_a_signal_that_is_put_off_comes_afterwards() -> None:
    seen = []

    def interrupt_ourselves() -> None:
        with signals_put_off():
            signal.raise_signal(signal.SIGINT)
            seen.append("the block went on")
        seen.append("the signal was lost")

    with pytest.raises(KeyboardInterrupt):
        interrupt_ourselves()
    assert seen == ["the block went on"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_airflow_listens_on_ports_and_in_a_home_of_its_own(tmp_path: Path) -> None:
    first, second = LiveAirflow(tmp_path / "a", tmp_path), LiveAirflow(tmp_path / "b", tmp_path)
    assert first.url != second.url
    assert first.environment["AIRFLOW_HOME"] == str(tmp_path / "a")
    assert len(set(free_ports(3))) == 3


def test_what_airflows_page_folds_is_folded() -> None:
    expected = "airflow_provider_sf.sensors.service_fabric"
    events = [
        (expected, "one"),
        (expected, "::group::All again"),
        (expected, "two"),
        ("airflow", "three"),
        (expected, "::endgroup::"),
    ]
    log = [{"logger": logger, "event": event} for logger, event in [*events, (expected, "four")]]
    assert [entry["event"] for entry in _own_lines(log)] == ["one", "> All again (folded)", "four"]
