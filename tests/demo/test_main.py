"""An interrupted demo stops all processes; a failed demo shows the reason."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from demo.__main__ import _new_lines, _own_lines, _print_failure
from demo.live_airflow import PARTS, LiveAirflow, LiveAirflowError, delayed_signals, free_ports
from tests.demo.processes import alive_in, sessions_started_by

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.live
@pytest.mark.parametrize(("number", "after"), [(signal.SIGINT, "worker: 0"), (signal.SIGTERM, "Starting")])
def test_interrupted_demo_leaves_no_process(number: signal.Signals, after: str) -> None:
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
        demo.send_signal(number)  # a second Ctrl-C
        printed, _ = demo.communicate(timeout=300)
    assert "all processes have stopped" in printed
    assert demo.returncode == 130
    assert alive_in(sessions) == []


def test_failed_demo_shows_the_end_of_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "scheduler.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert _print_failure("it broke", log) == 1
    printed = capsys.readouterr().err
    assert "it broke" in printed
    assert "line 70\n" in printed
    assert "line 69\n" not in printed
    assert printed.endswith(f"More in {log}\n")


@pytest.mark.live
def test_failed_start_names_the_log(tmp_path: Path) -> None:
    with LiveAirflow(tmp_path / "home", tmp_path) as airflow:
        airflow.spawn("bystander", "-c", "import time; time.sleep(3600)")
        assert len(airflow.processes()) == 1
        (tmp_path / "home" / "airflow.db").mkdir()
        with pytest.raises(LiveAirflowError, match="database could not be created") as failed:
            airflow.migrate()
    assert "unable to open database" in failed.value.log.read_text()
    assert airflow.processes() == set()


@pytest.fixture
def default_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGINT, which a shell ignores for processes in its background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("default_interrupt")
def test_delayed_signal_arrives_after_the_block() -> None:
    seen = []

    def interrupt_ourselves() -> None:
        with delayed_signals():
            signal.raise_signal(signal.SIGINT)
            seen.append("the block went on")
        seen.append("the signal was lost")

    with pytest.raises(KeyboardInterrupt):
        interrupt_ourselves()
    assert seen == ["the block went on"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_each_airflow_has_separate_ports_and_home(tmp_path: Path) -> None:
    first, second = LiveAirflow(tmp_path / "a", tmp_path), LiveAirflow(tmp_path / "b", tmp_path)
    assert first.url != second.url
    assert first.environment["AIRFLOW_HOME"] == str(tmp_path / "a")
    assert len(set(free_ports(3))) == 3


def test_lines_of_the_dag_are_shown() -> None:
    loggers = {
        "airflow.task": "audit",
        "airflow.task.operators.x": "Done.",
        "airflow.models": "Pausing task.",
    }
    log = [{"logger": logger, "level": "info", "event": event} for logger, event in loggers.items()]
    assert [entry["event"] for entry in _own_lines(log)] == ["audit"]


def test_log_groups_are_folded() -> None:
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


def test_each_line_is_shown_once() -> None:
    """The second trigger of a task overwrites the lines of the first."""

    def log(*seconds: int) -> list[dict[str, Any]]:
        return [{"timestamp": f"2026-03-01T03:00:{second:02}Z", "event": "poll"} for second in seconds]

    shown: set[tuple[str, str]] = set()
    assert _new_lines(log(1, 2, 9), shown) == log(1, 2, 9)
    assert _new_lines(log(1, 9, 20), shown) == log(20)
