"""
The process of the stub: cheap gateways with plain HTTP or mutual TLS, and the times of their requests.

It is not the simulator: it answers one call with one record, as fast as possible, and counts. It reads
sockets directly, because asyncio's TLS would cost more than the measured clients.
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

from benchmarks.answers import answer_about
from benchmarks.child import keep_output, write_answer
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

    def closed(self, file: int) -> None:
        """Remove a closed connection."""
        del self._readers[file]
        self._poll.unregister(file)
        self.open -= 1

    def listen(self, tls: ssl.SSLContext | None, *, is_hung: bool) -> int:
        """Open a gateway and return its port. A hanging gateway accepts connections and never answers."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        listener.settimeout(0)
        self.read_when_ready(listener.fileno(), lambda: self._accept(listener, tls, is_hung=is_hung))
        port: int = listener.getsockname()[1]
        return port

    def _accept(self, listener: socket.socket, tls: ssl.SSLContext | None, *, is_hung: bool) -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except BlockingIOError:
                return
            accepted.settimeout(0)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                accepted = tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
            self.connections += 1
            self.open += 1
            self.peak = max(self.peak, self.open)
            self.read_when_ready(accepted.fileno(), Connection(self, accepted, is_hung=is_hung).read)

    def asked(self, connection: Connection, target: bytes) -> None:
        """Answer a request; in a stall keep the answer until its end."""
        name = target.split(b"/", 4)[3].decode()
        now = time.monotonic()
        self.requests += 1
        self.arrivals.setdefault(name, []).append(now)
        if connection.is_hung:
            return
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


class Connection:
    """One connection of a client."""

    __slots__ = ("_gateways", "_received", "_socket", "is_hung")

    def __init__(self, gateways: Gateways, accepted: socket.socket, *, is_hung: bool) -> None:
        self._gateways = gateways
        self._socket = accepted
        self._received: bytes | None = None if isinstance(accepted, ssl.SSLSocket) else b""
        self.is_hung = is_hung

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
            self._gateways.closed(file)
            self._socket.close()


class Requests:
    """The requests of the parent on standard input."""

    def __init__(self, gateways: Gateways, output: int) -> None:
        self._gateways = gateways
        self._output = output
        self._received = b""

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
        healthy = gateways - hung
        return {"ports": [self._gateways.listen(tls, is_hung=place >= healthy) for place in range(gateways)]}

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
