"""A stub of Airflow's REST API beside the pages of the plugin, under a base path, and waits to show."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from airflow_provider_sf.plugins.upgrade_pages import serve_page
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState, xcom_values
from airflow_provider_sf.wait.state_machine import Ended, step
from tests.simulated_waits import simulated_cluster

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

BASE = "/airflow"
"""The base path, as behind a reverse proxy."""

KIND = "application"
POLICY = Policy(poke_interval=15.0)


def waiting(scenario: str, seconds: float, *, policy: Policy = POLICY, kind: str = KIND) -> WaitState:
    """Return the state of a wait that has polled a scenario for so long until now, or until its end."""
    now = datetime.now(timezone.utc)
    poll, moment = simulated_cluster(scenario, kind=kind, start=now - timedelta(seconds=seconds)), now
    state, moment = WaitState(), now - timedelta(seconds=seconds)
    while moment <= now:
        state, decision = step(policy, state, poll(moment), moment)
        if isinstance(decision, Ended):
            return state.ended(decision.by, moment).explained()
        moment += timedelta(seconds=decision.seconds)
    return state


def with_record(state: WaitState, **changes: Any) -> WaitState:
    """Return the state with another record."""
    assert state.record is not None
    return replace(state, record=replace(state.record, **changes))


@dataclass
class Task:
    """A task instance and its wait."""

    task_id: str = "wait"
    dag_id: str = "release"
    dag_run_id: str = "manual__1"
    map_index: int = -1
    state: str = "deferred"
    operator: str = "ServiceFabricUpgradeSensor"
    wait: dict[str, Any] | None = None
    name: str | None = None
    """The rendered parameter ``name``."""
    heartbeat: str | None = None
    """The last heartbeat of its triggerer."""

    @property
    def query(self) -> str:
        """The query of its page."""
        return f"dag={self.dag_id}&run={self.dag_run_id}&task={self.task_id}&map={self.map_index}"

    def to_dict(self) -> dict[str, Any]:
        names = ("task_id", "dag_id", "dag_run_id", "map_index", "state", "operator")
        job = {"latest_heartbeat": self.heartbeat} if self.heartbeat else None
        known = {name: getattr(self, name) for name in names}
        return {
            **known,
            "try_number": 1,
            "start_date": None,
            "triggerer_job": job,
            "rendered_fields": {"name": self.name},
        }


def task_of(wait: WaitState | None, message: str | None = None, **fields: Any) -> Task:
    """Return a task with the XCom of a wait."""
    if wait is None or wait.record is None:
        return Task(**fields)
    xcoms = xcom_values(wait.record.kind, wait.record.name, wait, message)
    return Task(wait=xcoms["upgrade_wait"], **fields)


class StubAirflow(ThreadingHTTPServer):
    """Answer what the page asks. ``status`` other than 200 refuses every call of the REST API."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tasks: list[Task] = []
        self.version = "3.3.2"
        self.status = 200
        self.calls: list[str] = []
        """The calls of the REST API so far, without the path of the API."""
        self.answers_with_earlier_runs = False
        """As Airflow before 3.3 does, if a run has no such XCom."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()

    @property
    def page(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.server_address[1]}{BASE}/service_fabric/upgrades"

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        """Answer a call of the REST API."""
        if path == "version":
            return 200, {"version": self.version}
        if self.status != 200:
            return self.status, {"detail": "refused"}
        _, dag_id, _, run_id, *rest = path.split("/")
        found = [
            task for task in self.tasks if dag_id in {"~", task.dag_id} and run_id in {"~", task.dag_run_id}
        ]
        if rest == ["taskInstances"]:
            return 200, self._listed(found, query)
        return self._of_task([task for task in found if task.task_id == rest[1]], rest[2:], query)

    def _listed(self, tasks: list[Task], query: dict[str, list[str]]) -> dict[str, Any]:
        for key in ("state", "operator", "task_id"):
            tasks = [task for task in tasks if getattr(task, key) in query.get(key, [getattr(task, key)])]
        return {"task_instances": [task.to_dict() for task in tasks], "total_entries": len(tasks)}

    def _of_task(self, tasks: list[Task], rest: list[str], query: dict[str, list[str]]) -> tuple[int, Any]:
        map_index = int((rest or ["-1"])[0]) if rest[:1] != ["xcomEntries"] else int(query["map_index"][0])
        task = next((task for task in tasks if task.map_index == map_index), None)
        if rest[:1] != ["xcomEntries"]:
            return (200, task.to_dict()) if task else (404, {})
        if task and task.wait and task.wait["schema"] == "refused":
            return 403, {}
        if task and task.wait:
            return 200, {"run_id": task.dag_run_id, "value": task.wait}
        earlier = [task for task in self.tasks if task.wait and self.answers_with_earlier_runs]
        return (200, {"run_id": earlier[0].dag_run_id, "value": earlier[0].wait}) if earlier else (404, {})


class _Handler(BaseHTTPRequestHandler):
    server: StubAirflow

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = url.path.removeprefix(BASE)
        if path.startswith("/api/v2/"):
            call = path.removeprefix("/api/v2/")
            self.server.calls.append(call)
            status, answer = self.server.answer(unquote(call), parse_qs(url.query))
            self._send(status, [(b"content-type", b"application/json")], json.dumps(answer).encode())
        elif path.startswith("/service_fabric/"):
            self._send(*page_answer(path))
        else:
            self._send(200, [(b"content-type", b"text/html")], b"<title>Airflow</title>")

    def _send(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.send_response(status)
        for key, value in headers:
            self.send_header(key.decode(), value.decode())
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print no line for each request."""


def page_answer(path: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return the status, headers and body that the app of the plugin sends."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(serve_page({"type": "http", "path": path, "method": "GET"}, None, send))
    start, body = sent
    return start["status"], start["headers"], body["body"]
