"""A real Airflow of four processes, with separate loopback ports and a separate home folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar

import psutil
import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_WITHIN_SECONDS = 600.0
LOCKED_DATABASE_SECONDS = 60
LOCKED_DATABASE_TRIES = 8
REQUEST_TIMEOUT = 180.0  # longer than any part waits for SQLite: a call that is given up may still be done


class LiveAirflowError(Exception):
    """Airflow did not do what the demo needs; ``log`` is the file with the reason."""

    def __init__(self, message: str, log: Path) -> None:
        super().__init__(message)
        self.log = log


class LiveAirflow:
    """
    Start scheduler, triggerer, dag-processor and api-server, and call the public REST API.

    :param home: AIRFLOW_HOME; created if it does not exist
    :param dags: the folder of the DAG files
    """

    parts: tuple[str, ...] = PARTS
    commands: ClassVar[dict[str, tuple[str, ...]]] = {}
    """The commands of parts with another name."""
    healthy_parts: tuple[str, ...] = ("scheduler", "triggerer", "dag_processor")
    api = "api/v2"
    health = "monitor/health"
    run_defaults: ClassVar[dict[str, Any]] = {"logical_date": None}

    def __init__(self, home: Path, dags: Path) -> None:
        self.home = home.resolve()
        self.dags = dags.resolve()
        api, worker_logs, trigger_logs = free_ports(3)
        self.url = f"http://127.0.0.1:{api}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(api),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": (
                f"sqlite:///{self.home}/airflow.db?timeout={LOCKED_DATABASE_SECONDS}"
            ),
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",  # of a lost one
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "PYTHONUNBUFFERED": "1",
        }
        self._session = requests.Session()
        self._session.trust_env = False
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._started: list[subprocess.Popen[bytes]] = []
        self._files = ExitStack()

    @property
    def password(self) -> str:
        """The password that Airflow generated for the user admin."""
        return self.password_of("admin")

    def password_of(self, user: str) -> str:
        """Return the password that Airflow generated for a user."""
        passwords = json.loads((self.home / "simple_auth_manager_passwords.json.generated").read_text())
        return str(passwords[user])

    def log_file(self, part: str) -> Path:
        """Return the file with the output of a part."""
        return self.home / f"{part}.log"

    def task_log_file(self, dag_id: str, run_id: str, task_id: str) -> Path:
        """Return the newest file of a task's log."""
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return max(folder.glob("*.log"), key=lambda file: file.stat().st_mtime, default=folder)

    def __enter__(self) -> Self:
        """Create the home folder. Call ``migrate`` and ``start`` next."""
        self.home.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop all processes."""
        self.stop()
        self._files.close()
        self._session.close()

    def migrate(self) -> None:
        """Create the metadata database."""
        process = self.spawn("migrate", "-m", "airflow", "db", "migrate")
        if process.wait() != 0:
            msg = "the metadata database could not be created"
            raise LiveAirflowError(msg, self.log_file("migrate"))

    def start(self) -> None:
        """Start all parts and wait until they are healthy."""
        for part in self.parts:
            self.begin(part)
        self.wait_until(self._is_healthy, "Airflow is not healthy", self.parts[0])
        self._log_in()

    def begin(self, part: str) -> None:
        """Start a part."""
        self._parts[part] = self.spawn(part, "-m", "airflow", *self.commands.get(part, (part,)))

    def kill(self, part: str) -> None:
        """Kill a part with all its children, as if its machine failed."""
        killed = self._parts.pop(part)
        self.send_signal(killed, signal.SIGKILL)
        killed.wait()

    def restart(self, part: str) -> None:
        """Kill a part with all its children, and start it again."""
        self.kill(part)
        self.begin(part)

    def send_signal(self, part: subprocess.Popen[bytes], number: int) -> None:
        """Send a signal to the process of a part and to all its children."""
        for process in self.processes():
            if _session_of(process) == part.pid:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)

    def stop(self) -> None:
        """Terminate every process, then kill those that are left."""
        end = psutil.Process.terminate
        while alive := self.processes():
            for process in alive:
                with suppress(psutil.NoSuchProcess):
                    end(process)
            psutil.wait_procs(alive, timeout=8)
            end = psutil.Process.kill
        for started in self._started:
            started.wait()

    def processes(self) -> set[psutil.Process]:
        """Return the live processes. Each part has its session, which its children never leave."""
        sessions = {started.pid for started in self._started}
        return {process for process in psutil.process_iter() if _session_of(process) in sessions}

    def add_connection(self, connection_id: str, **fields: Any) -> None:
        """Store a connection in the metadata database."""
        self.call("POST", "connections", json={"connection_id": connection_id, **fields})

    def trigger(self, dag_id: str, **conf: Any) -> str:
        """Start a run of a DAG and return its id."""
        self.wait_until(lambda: self._is_known(dag_id), f"DAG {dag_id} was not found", "dag-processor")
        body = {"dag_run_id": f"manual__{dag_id}-{time.time_ns()}", "conf": conf, **self.run_defaults}
        return str(self.call("POST", f"dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run: queued, running, success, failed."""
        return str(self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        return list(self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"])

    def task_log(
        self, dag_id: str, run_id: str, task_id: str, map_index: int = -1, try_number: int = 1
    ) -> list[dict[str, Any]]:
        """Return the log of a try as the UI shows it: entries with timestamp, level and event."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        query = {"full_content": "true", "map_index": map_index}
        return list(self.call("GET", path, params=query)["content"])

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1
    ) -> Any:
        """Return the value of an XCom."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.call("GET", path, params={"map_index": map_index})["value"]

    def links(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> dict[str, str]:
        """Return the extra links of a task instance: name to address."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"
        return dict(self.call("GET", path, params={"map_index": map_index})["extra_links"])

    def wait_until(self, condition: Callable[[], bool], problem: str, part: str) -> None:
        """Wait until a condition holds; raise if it does not in time, or if a part has ended."""
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not condition():
            self._check_parts()
            if time.monotonic() > deadline:
                msg = f"{problem} after {READY_WITHIN_SECONDS:.0f} s"
                raise LiveAirflowError(msg, self.log_file(part))
            time.sleep(0.5)

    def watch(self) -> None:
        """Wait without end; raise if a part has ended."""
        while True:
            self._check_parts()
            time.sleep(0.5)

    def known_dags(self) -> list[dict[str, Any]]:
        """Return the DAGs that Airflow has found so far."""
        return list(self.call("GET", "dags?limit=100")["dags"])

    def call(self, method: str, path: str, **keywords: Any) -> Any:
        """
        Call the public REST API and return the JSON that it answers.

        Airflow undoes and refuses a call while another of its parts locks SQLite; such a call is repeated.
        """
        for _ in range(LOCKED_DATABASE_TRIES - 1):
            try:
                return self._request(method, f"{self.api}/{path}", **keywords)
            except LiveAirflowError as error:  # noqa: PERF203 - it is the purpose of the loop
                if "Database error" not in str(error):
                    raise
                time.sleep(2.0)
        return self._request(method, f"{self.api}/{path}", **keywords)

    def _request(self, method: str, path: str, **keywords: Any) -> Any:
        log = self.log_file(self.parts[0])
        try:
            answer = self._session.request(method, f"{self.url}/{path}", timeout=REQUEST_TIMEOUT, **keywords)
        except requests.RequestException as error:
            msg = f"{method} {path}: {error}"
            raise LiveAirflowError(msg, log) from error
        if not answer.ok:
            msg = f"{method} {path}: {answer.status_code} {answer.text[:500]}"
            raise LiveAirflowError(msg, log)
        return answer.json() if answer.content else None

    def spawn(self, log_name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Run Python in a new session, so that Ctrl-C reaches only the demo, which then stops it."""
        log = self._files.enter_context(self.log_file(log_name).open("wb"))
        with delayed_signals():  # a signal right after the start must not lose the process
            process = subprocess.Popen(
                [sys.executable, *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._started.append(process)
        return process

    def _check_parts(self) -> None:
        for name, process in self._parts.items():
            if process.poll() is not None:
                msg = f"{name} ended with {process.returncode}"
                raise LiveAirflowError(msg, self.log_file(name))

    def _is_healthy(self) -> bool:
        try:
            health = self.call("GET", self.health)
        except LiveAirflowError:  # not up yet
            return False
        return all(health[part]["status"] == "healthy" for part in self.healthy_parts)

    def _log_in(self) -> None:
        account = {"username": "admin", "password": self.password}
        token = self._request("POST", "auth/token", json=account)["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def _is_known(self, dag_id: str) -> bool:
        return any(dag["dag_id"] == dag_id for dag in self.known_dags())


@contextmanager
def delayed_signals() -> Iterator[None]:
    """Deliver the first signal that arrives within this block after the block."""
    received: list[int] = []
    before = {
        number: signal.signal(number, lambda received_signal, _: received.append(received_signal))
        for number in ENDING_SIGNALS
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        signal.raise_signal(received[0])


def _session_of(process: psutil.Process) -> int | None:
    """Return the session of a live process; a zombie has no session."""
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else os.getsid(process.pid)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None


def free_ports(count: int) -> list[int]:
    """Return free loopback ports."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in sockets]
