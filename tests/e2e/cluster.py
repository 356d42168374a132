"""A secured cluster with two gateways, a clock that can stop, and a journal of what was asked and answered."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.connection import connection, write_certificates
from airflow_provider_sf.simulator.gateway import Gateway
from airflow_provider_sf.simulator.responses import FAULTS

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_sf.simulator.gateway import HttpRequest
    from airflow_provider_sf.simulator.responses import HttpResponse

SPEED = 8.0
"""An upgrade takes 75 seconds."""

TOKEN_SECONDS = 320.0
"""The provider renews a token 300 s before it expires, so it renews these every 20 s."""

GATEWAYS = 3
"""The connection names the first two. The third one is an address to which the cluster can move."""

STATE = re.compile(rb'"UpgradeState": ?"(\w+)"')
VERSION = re.compile(rb'"TargetApplicationTypeVersion": ?"(\w+)"')


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its response. ``at`` is the Unix time of the response; ``thumbprint`` is the client's."""

    at: float
    gateway: int
    method: str
    path: str
    status: int
    answer: bytes
    thumbprint: str | None

    @property
    def is_read(self) -> bool:
        """Whether the progress of an upgrade was read, with success."""
        return self.method == "GET" and "Progress" in self.path and self.status == 200

    def is_about(self, name: str) -> bool:
        """Whether it is about an application or an application resource."""
        part = name.removeprefix("fabric:/").replace("/", "~")
        return f"/{part}/" in f"{unquote(self.path)}/"


class Clock:
    """The time of a cluster. It can stop, go on and jump."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._stopped_at: float | None = None

    def __call__(self) -> float:
        return time.time() + self._offset if self._stopped_at is None else self._stopped_at

    def stop(self) -> None:
        self._stopped_at = self()

    def go_on(self) -> None:
        self._offset, self._stopped_at = self() - time.time(), None

    def jump(self, seconds: float) -> None:
        """Let so many seconds of the scenario pass at once."""
        if self._stopped_at is None:
            self._offset += seconds / SPEED
        else:
            self._stopped_at += seconds / SPEED


class Cluster(Simulator):
    """
    Two gateways over TLS. ``folder`` has the files of the client that the connection names.

    Clients have certificates, or sign in with a secret at Entra ID.
    """

    def __init__(self, folder: Path, *, entra: bool = False) -> None:
        self.time = Clock()
        self.exchanges: list[Exchange] = []
        security: dict[str, Any] = (
            {"entra": True, "token_seconds": TOKEN_SECONDS} if entra else {"tls": "mutual"}
        )
        super().__init__(speed=SPEED, clock=self.time, gateways=GATEWAYS, slow_seconds=5.0, **security)
        self.folder = folder
        self.revoked: set[str | None] = set()
        """The thumbprints of client certificates that the cluster refuses."""
        self.hung: set[int] = set()
        """The gateways that accept requests and do not answer until ``hang_ended`` is set."""
        self.hang_ended = threading.Event()
        self._lock = threading.Lock()
        self.are_open = [True] * GATEWAYS
        write_certificates(self.security, folder)

    def connection(self, from_gateway: int = 0) -> dict[str, Any]:
        """Return the fields of Airflow's connection to two gateways of this cluster."""
        fields = json.loads(connection(self.security, self.urls[from_gateway:][:2], self.folder))
        return {**fields, "extra": json.dumps(fields["extra"])}

    def close(self, *gateways: int) -> None:
        """Close the ports of these gateways."""
        for index in gateways:
            self.down(index)
            self.are_open[index] = False

    def open(self, *gateways: int) -> None:
        """Open the ports of these gateways again."""
        for index in gateways:
            self.up(index)
            self.are_open[index] = True

    def stop(self) -> None:
        self._stopping.set()
        self.hang_ended.set()
        for index, is_open in enumerate(self.are_open):
            if is_open:
                self.down(index)

    def renew_server_certificate(self) -> None:
        """Use a new certificate of the same authority, and cut the connections."""
        self.security.certificate = self.authority.server()
        context = self.security.context()
        for index, gateway in enumerate(self._gateways):
            self.down(index)
            renewed = Gateway(partial(self._handle, index), port=gateway.port, tls=context)
            self._gateways[index] = renewed
            renewed.start()

    def renew_client_certificate(self) -> str:
        """Write a new certificate and its key to the files of the client; return the old thumbprint."""
        old = str(self.exchanges[-1].thumbprint)
        write_certificates(self.security, self.folder)
        return old

    def set_client_secret(self, secret: str) -> None:
        """Accept only this secret of the client, and no earlier token."""
        self.entra.client_secret = secret
        self.entra.revoke_tokens()

    def open_connections(self) -> int:
        """Return how many connections of clients are open."""
        return sum(len(gateway._server._connections) for gateway in self._gateways)

    def starts(self, name: str) -> int:
        """Return how many starts of an upgrade the cluster has accepted."""
        calls = [(command.call, command.name) for command in self.journal]
        return calls.count(("start_application_upgrade", name))

    def start_requests(self, name: str) -> int:
        """Return how many requests to start an upgrade were answered, also those that the cluster refused."""
        with self._lock:
            return sum(
                entry.method == "POST" and entry.path.endswith("/$/Upgrade") and entry.is_about(name)
                for entry in self.exchanges
            )

    def reads_between(self, begin: float, end: float) -> int:
        """Return how often the progress of any upgrade was read between two Unix times."""
        with self._lock:
            return sum(entry.is_read and begin < entry.at <= end for entry in self.exchanges)

    def reads(self, name: str, after: float = 0.0) -> list[Exchange]:
        """Return the reads of the progress of an upgrade after a Unix time, oldest first."""
        with self._lock:
            return [
                entry
                for entry in self.exchanges
                if entry.is_read and entry.at > after and entry.is_about(name)
            ]

    def _handle(self, index: int, request: HttpRequest) -> HttpResponse:
        if index in self.hung:
            self.hang_ended.wait()
            return FAULTS["forbidden"]  # the client has gone
        thumbprint = self.security.thumbprint(request)
        is_revoked = thumbprint in self.revoked
        response = FAULTS["forbidden"] if is_revoked else super()._handle(index, request)
        entry = Exchange(
            time.time(),
            index,
            request.method,
            urlsplit(request.target).path,
            response.status,
            response.body,
            thumbprint,
        )
        with self._lock:
            self.exchanges.append(entry)
        return response


def state_in(answer: bytes) -> tuple[str, str]:
    """Return the state and the target version in an answer about an upgrade."""
    state, version = STATE.search(answer), VERSION.search(answer)
    return state[1].decode() if state else "", version[1].decode() if version else ""
