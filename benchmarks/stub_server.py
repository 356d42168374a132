"""
The process of the stub: cheap gateways with plain HTTP or mutual TLS, and the times of their requests.

It is not the simulator: it answers one call with one record, as fast as possible, and counts. It reads
sockets directly, because asyncio's TLS would cost more than the measured clients. A gateway fails on request.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import ssl
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks.answers import SERVICE_UNAVAILABLE, answer_about
from benchmarks.child import keep_output, write_answer
from benchmarks.flapping import CLOSED, HUNG, UNAVAILABLE, UP
from benchmarks.measuring import allow_many_files

if TYPE_CHECKING:
    from collections.abc import Callable

_BACKLOG = 4096
_AT_ONCE = 65536
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Gateways:
    """All gateways of the stub, and their counts."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._answers: dict[str, bytes] = {}
        self._late: list[tuple[Connection, bytes]] = []
        self._stalled_until = 0.0
        self.open = 0
        self.forget()

    def forget(self) -> None:
        """Reset the counts, except that of the open connections."""
        self.requests = self.connections = self.handshakes = 0
        self.peak = self.open
        self.arrivals: dict[str, list[float]] = {}

    def read_when_ready(self, file: int, reader: Callable[[], None]) -> None:
        """Call the reader when there is data."""
        self._readers[file] = reader
        self._poll.register(file, select.EPOLLIN)

    def stop_reading(self, file: int) -> None:
        """Read no more from a file that is about to be closed."""
        del self._readers[file]
        self._poll.unregister(file)

    def opened(self) -> None:
        """Count a new connection."""
        self.connections += 1
        self.open += 1
        self.peak = max(self.peak, self.open)

    def asked(self, connection: Connection, target: bytes) -> None:
        """Answer a request; in a stall keep the answer until its end."""
        name = target.split(b"/", 4)[3].decode()
        now = time.monotonic()
        self.requests += 1
        if connection.gateway.mode == UNAVAILABLE:
            connection.write(SERVICE_UNAVAILABLE)
        if connection.gateway.mode != UP:
            return
        self.arrivals.setdefault(name, []).append(now)
        answer = self._answers.get(name)
        if answer is None:
            answer = self._answers[name] = answer_about(name)
        if now < self._stalled_until:
            self._late.append((connection, answer))
        else:
            connection.write(answer)

    def stall(self, seconds: float) -> None:
        """Stop answering for this time."""
        self._stalled_until = time.monotonic() + seconds

    def complete(self, names: list[str]) -> None:
        """Complete upgrades."""
        self._answers.update((name, answer_about(name, is_completed=True)) for name in names)

    def advance(self, names: list[str], percent: int) -> None:
        """Let upgrades make progress."""
        self._answers.update((name, answer_about(name, percent=percent)) for name in names)

    def serve(self) -> None:
        """Serve until the process ends."""
        while True:
            left = self._stalled_until - time.monotonic()
            for file, _ in self._poll.poll(left if left > 0 else None):
                if reader := self._readers.get(file):
                    reader()
            if self._late and time.monotonic() >= self._stalled_until:
                late, self._late = self._late, []
                for connection, answer in late:
                    connection.write(answer)


class Gateway:
    """One port, and what it does with requests: see :mod:`benchmarks.flapping`."""

    def __init__(self, gateways: Gateways, tls: ssl.SSLContext | None) -> None:
        self._gateways = gateways
        self._tls = tls
        self.mode = CLOSED
        self._listener = _bound_socket(0)
        self.port: int = self._listener.getsockname()[1]
        self.connections: set[Connection] = set()

    def set_mode(self, mode: str) -> None:
        """Fail, or return. The port stays bound while it is closed, so that no other process gets it."""
        if self.mode != CLOSED == mode:
            self._gateways.stop_reading(self._listener.fileno())
            self._listener.close()
            self._listener = _bound_socket(self.port)
            for connection in tuple(self.connections):
                connection.close()
        elif self.mode == CLOSED != mode:
            self._listener.listen(_BACKLOG)
            self._gateways.read_when_ready(self._listener.fileno(), self._accept)
        self.mode = mode

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except BlockingIOError:
                return
            accepted.settimeout(0)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                accepted = self._tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
            self._gateways.opened()
            connection = Connection(self._gateways, self, accepted)
            self.connections.add(connection)
            self._gateways.read_when_ready(accepted.fileno(), connection.read)


def _bound_socket(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    bound.settimeout(0)
    return bound


class Connection:
    """One connection of a client."""

    __slots__ = ("_gateways", "_received", "_socket", "gateway")

    def __init__(self, gateways: Gateways, gateway: Gateway, accepted: socket.socket) -> None:
        self._gateways = gateways
        self._socket = accepted
        self._received: bytes | None = None if isinstance(accepted, ssl.SSLSocket) else b""
        self.gateway = gateway

    def read(self) -> None:
        """Read the next part of a handshake or of a request."""
        try:
            if self._received is None and isinstance(self._socket, ssl.SSLSocket):
                self._socket.do_handshake()
                self._received = b""
                self._gateways.handshakes += 1
            data = self._socket.recv(_AT_ONCE)
        except _WOULD_BLOCK:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        received = (self._received or b"") + data
        while (end := received.find(b"\r\n\r\n")) >= 0:
            self._gateways.asked(self, received.split(b" ", 2)[1])
            received = received[end + 4 :]
        self._received = received

    def write(self, answer: bytes) -> None:
        """Write an answer. It is small enough for one call."""
        try:
            self._socket.send(answer)
        except OSError:
            self.close()

    def close(self) -> None:
        """Close it if it is open."""
        if (file := self._socket.fileno()) >= 0:
            self._gateways.stop_reading(file)
            self._gateways.open -= 1
            self.gateway.connections.discard(self)
            self._socket.close()


class Requests:
    """The requests of the parent on standard input."""

    def __init__(self, gateways: Gateways, output: int) -> None:
        self._gateways = gateways
        self._output = output
        self._received = b""
        self._ports: list[Gateway] = []

    def read(self) -> None:
        """Read, and answer each complete line."""
        data = os.read(sys.stdin.fileno(), _AT_ONCE)
        if not data:
            sys.exit(0)
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            about = json.loads(line)
            write_answer(self._output, {"at": time.monotonic(), **getattr(self, about.pop("what"))(**about)})

    def listen(self, certificate: str, authority: str, gateways: int, hung: int) -> dict[str, Any]:
        """Open gateways, the hanging ones last. Without a certificate they use plain HTTP."""
        tls = _mutual_tls(certificate, authority) if certificate else None
        self._ports = [Gateway(self._gateways, tls) for _ in range(gateways)]
        for place, gateway in enumerate(self._ports):
            gateway.set_mode(UP if place < gateways - hung else HUNG)
        return {"ports": [gateway.port for gateway in self._ports]}

    def set_mode(self, gateway: int, mode: str) -> dict[str, Any]:
        """Let a gateway fail or return."""
        self._ports[gateway].set_mode(mode)
        return {}

    def counts(self) -> dict[str, Any]:
        """Return the counts."""
        counted = ("requests", "connections", "handshakes", "open", "peak")
        return {name: getattr(self._gateways, name) for name in counted}

    def arrivals(self) -> dict[str, Any]:
        """Return the times of the requests for each name."""
        return {"arrivals": self._gateways.arrivals}

    def forget(self) -> dict[str, Any]:
        """Reset the counts."""
        self._gateways.forget()
        return {}

    def stall(self, seconds: float) -> dict[str, Any]:
        """Stop answering for this time."""
        self._gateways.stall(seconds)
        return {}

    def complete(self, names: list[str]) -> dict[str, Any]:
        """Complete upgrades."""
        self._gateways.complete(names)
        return {}

    def advance(self, names: list[str], percent: int) -> dict[str, Any]:
        """Let upgrades make progress."""
        self._gateways.advance(names, percent)
        return {}


def _mutual_tls(certificate: str, authority: str) -> ssl.SSLContext:
    """
    Return a context that accepts clients with a certificate of the authority.

    The simulator's context checks certificates in Python, which would cost too much here.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def main() -> None:
    """Serve until the parent closes the pipe."""
    allow_many_files()
    gateways = Gateways()
    os.set_blocking(sys.stdin.fileno(), False)
    gateways.read_when_ready(sys.stdin.fileno(), Requests(gateways, keep_output()).read)
    gc.disable()
    gateways.serve()


if __name__ == "__main__":
    main()
