"""The model behind the standard library's threading HTTP server, on loopback only."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from airflow_provider_sf.kinds import KINDS
from airflow_provider_sf.rest import CLUSTER_VERSION
from airflow_provider_sf.simulator.model import Answer, fabric_error, progress_answer
from airflow_provider_sf.simulator.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

RUNTIME_VERSION = "10.1.2338.9590"

EXPLORER_PATH = "/Explorer/index.html"
EXPLORER_PAGE = b"""<!doctype html><title>Simulated cluster</title>
<p>This cluster is simulated. A real one shows Service Fabric Explorer here.</p>
"""


class Simulator:
    """
    A pretend cluster on a loopback port. Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    The name of an application chooses its scenario: ``good-shop``, ``rolled_back-shop``. It starts when it is
    first asked about.

    :param port: 0 for a free one
    :param speed: how many seconds of a scenario pass in one second
    :param slow_seconds: how long a slow answer takes
    :param clock: tells the Unix time; a test may give its own
    """

    def __init__(
        self,
        *,
        port: int = 0,
        speed: float = 1.0,
        slow_seconds: float = 40.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.speed = speed
        self.slow_seconds = slow_seconds
        self.clock = clock
        self.requests: list[str] = []
        """The request lines that came in, oldest first."""
        self._started: dict[str, float] = {}
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.simulator = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address, for a connection's host."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and end the thread."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def answer(self, target: str) -> Answer:
        """Return the answer to a GET of this target."""
        parts = urlsplit(target)
        if parts.path == EXPLORER_PATH:
            return Answer(body=EXPLORER_PAGE, content_type="text/html; charset=utf-8")
        if not _is_version(parse_qs(parts.query).get("api-version", [""])[0]):
            return fabric_error(400, "E_INVALIDARG", "The api-version is missing or not supported.")
        if parts.path == CLUSTER_VERSION.path:
            return Answer(body=json.dumps({"Version": RUNTIME_VERSION}).encode())
        for kind in KINDS.values():
            before, _, after = kind.progress.path.partition("{name}")
            match = re.fullmatch(f"{re.escape(before)}([^/]+){re.escape(after)}", parts.path)
            if match:
                return self._progress(unquote(match[1]))
        return fabric_error(400, "E_INVALIDARG", "The route is not known.")

    def _progress(self, name: str) -> Answer:
        scenario = SCENARIOS.get(name.partition("-")[0], SCENARIOS["not_found"])
        now = self.clock()
        started_at = self._started.setdefault(name, now)
        return progress_answer(
            scenario, name, elapsed=now - started_at, started_at=started_at, speed=self.speed
        )

    def pause(self) -> None:
        """Hold a slow answer back, but not the end."""
        self._stopping.wait(self.slow_seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with the library's 5, connections that come together wait for a second try
    simulator: Simulator


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = (
        -1
    )  # head and body in one packet: apart, the second waits 40 ms for the other side's delayed ACK
    server: _Server

    def do_GET(self) -> None:
        simulator = self.server.simulator
        simulator.requests.append(self.requestline)
        answer = simulator.answer(self.path)
        if answer.slow:
            simulator.pause()
        if answer.reset:
            # A linger of 0 seconds turns the close into a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name of http.server's parameter
        """Say nothing: the requests are counted, and the demo has its own words."""


def _is_version(api_version: str) -> bool:
    """Tell whether the runtime knows an api-version: from 6.0 on, up to its own version."""
    found = re.fullmatch(r"(\d+)\.(\d+)(-preview)?", api_version)
    newest = tuple(int(part) for part in RUNTIME_VERSION.split(".")[:2])
    return found is not None and (6, 0) <= (int(found[1]), int(found[2])) <= newest
