"""Fixtures that need no Airflow: recorded answers, a simulated cluster, a server with a fixed answer; options."""

from __future__ import annotations

import atexit
import gc
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.requests_to import asend, send
from tests.scripted_cluster import ScriptedCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

# Airflow reads its settings at its first import. Tests never use those of the user.
for setting in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[setting]
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-home-")
atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] = "False"

# The only profiles. Each run has the same examples. No test fails because the machine is busy.
for name, examples in {"default": 25, "thorough": 250}.items():
    settings.register_profile(
        name,
        deadline=None,
        derandomize=True,
        max_examples=examples,
        suppress_health_check=[HealthCheck.too_slow],
    )
# A mutant is killed by the first example that fails; the smallest one does not matter.
settings.register_profile(
    "mutants", settings.get_profile("default"), max_examples=100, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("default")

LEFT_OUT: Counter[str] = Counter()
UNMEASURED = ("hypothesis", "unmeasured")
"""Markers of the tests that run without coverage, in a third of the time. Other tests cover the same code."""
SAMPLES = Path(__file__).parent / "samples"
DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture
def sample() -> Callable[[str], dict[str, Any]]:
    """Read a recorded answer: ``sample("application_resource/busy")``."""
    return lambda name: dict(json.loads((SAMPLES / f"{name}.json").read_bytes()))


class Recorder:
    """
    A server on a loopback port that sends the same bytes to each request, and keeps the requests.

    With ``answer = None`` it never answers. An answer without a length ends with the connection.
    """

    def __init__(self) -> None:
        self.answer: bytes | None = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        self.closes = False
        """Whether it closes the connection after each answer, also if that has a length."""
        self.requests: list[str] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        for connection in (self._listener, *self._open):
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        received = b""
        with connection, suppress(OSError):  # closed
            while piece := connection.recv(65536):
                received += piece
                while b"\r\n\r\n" in received:
                    request, _, received = received.partition(b"\r\n\r\n")
                    self.requests.append(request.decode())
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        if self.answer is None:
            return
        connection.sendall(self.answer)
        if self.closes or b"Content-Length" not in self.answer:
            connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    server = Recorder()
    yield server
    server.close()


@pytest.fixture
def closed_port() -> int:
    """A port that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(params=[send, asend], ids=["requests", "aiohttp"])
def transport(request: pytest.FixtureRequest) -> Any:
    """Send a request with each of the two transports."""
    return request.param


class Clock:
    """A clock for the simulator: a test sets it, or it moves by a step each time that it is read."""

    def __init__(self) -> None:
        self.now = 1_772_334_000.0
        self.step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulator(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedCluster]:
    """A simulated cluster behind the default connection. An upgrade begins at the first request."""
    with ScriptedCluster(clock=clock, slow_seconds=0.01, start_delay=0.0) as started:
        monkeypatch.setenv(
            "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{started.port}"
        )
        yield started


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Shorten the pauses before a failure is confirmed and during an outage.

    They are replaced, because a test would take minutes. Tests of ``wait`` check their length.
    """
    monkeypatch.setattr("airflow_provider_sf.wait.state_machine.CONFIRM_AFTER_SECONDS", 0.01)
    monkeypatch.setattr("airflow_provider_sf.wait.policy.FIRST_BACKOFF_SECONDS", 1e-6)
    monkeypatch.setattr("airflow_provider_sf.triggers.poller.TICK_SECONDS", 1e-3)


@pytest.fixture
def reload_every_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reload the connection for each poll. The interval is replaced, so that no test waits for five minutes."""
    monkeypatch.setattr("airflow_provider_sf.hooks.cluster_cache.RELOAD_SECONDS", 0.0)


class TaskInstance:
    """The part of Airflow's task instance that sensor, operator and their base classes use."""

    dag_id, task_id, run_id, map_index = "release", "wait", "manual", -1
    try_number, max_tries = 1, 0

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}
        self.first_leg_started_at: datetime | None = None

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = json.loads(json.dumps(value, allow_nan=False))

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int) -> Any:
        assert (task_ids, map_indexes) == (self.task_id, self.map_index)
        return self.xcoms.get(key)

    def get_first_reschedule_date(self, context: Any) -> datetime | None:  # noqa: ARG002 - Airflow's signature
        return self.first_leg_started_at


@pytest.fixture
def ti() -> TaskInstance:
    return TaskInstance()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-docs", action="store_true", help="write the tables into docs/ that tests compare"
    )
    parser.addoption(
        "--write-golden", action="store_true", help="write the texts into tests/samples/ that tests compare"
    )
    parser.addoption(
        "--show-left-out", action="store_true", help="list the files with tests that -m or -k leaves out"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with the content of a file, or write the file with ``--write-golden``."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--write-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        else:
            assert path.read_text() == text

    return compare


@pytest.fixture
def documented(request: pytest.FixtureRequest) -> Callable[[str, str, str], None]:
    """
    Compare a table with that of a page, between two marks, or write it there with ``--write-docs``.

    ``documented("reference/kinds.md", "fields", table)``: the marks are ``<!-- fields -->`` and ``<!-- end -->``.
    """

    def compare(page: str, name: str, table: str) -> None:
        path = DOCS / page
        before, mark, rest = path.read_text().partition(f"<!-- {name} -->\n")
        shown, end, after = rest.partition("<!-- end -->")
        assert mark
        assert end
        if request.config.getoption("--write-docs"):
            path.write_text(f"{before}{mark}{table}{end}{after}")
        else:
            assert shown == table

    return compare


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect no garbage during the imports, and never search again what they have made."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if any(map(item.get_closest_marker, UNMEASURED)):
        with untraced():
            return (yield)
    return (yield)


@contextmanager
def untraced() -> Iterator[None]:
    """Pause the measurement of coverage, also in new threads."""
    trace, trace_of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        yield
    finally:
        sys.settrace(trace)
        threading.settrace(trace_of_threads)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count the tests that ``-m`` leaves out; each process of pytest-xdist counts the same ones."""
    for item in items:
        LEFT_OUT[str(item.path.relative_to(item.config.rootpath))] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(LEFT_OUT)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if not LEFT_OUT:
        LEFT_OUT.update(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    reports = [report for group in terminalreporter.stats.values() for report in group]
    properties = [item for report in reports for item in getattr(report, "user_properties", ())]
    for note in sorted({str(value) for name, value in properties if name == "note"}):
        terminalreporter.line(f"==> {note}")
    if config.getoption("--show-left-out"):
        terminalreporter.section(f"left out: {LEFT_OUT.total()} tests")
        for file, tests in sorted(LEFT_OUT.items()):
            terminalreporter.line(f"{tests:4d} in {file}")
