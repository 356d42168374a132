"""A gateway on a loopback port that does what a script says, once for each connection."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Turn:
    """What to do with a connection: how much of each request to read, and what to answer."""

    answers: tuple[bytes, ...] = (OK,)
    """The answers to the requests of one connection, which is closed after the last."""
    reads: int | None = None
    """How many bytes to read before the connection is closed without an answer; None for whole requests."""


class ScriptedGateway:
    """Takes a turn for each connection, the last one again and again, and keeps what it has received."""

    def __init__(self, *turns: Turn) -> None:
        self.received: list[bytes] = []
        self._turns = list(turns) or [Turn()]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # which wakes the thread
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            turn = self._turns.pop(0) if len(self._turns) > 1 else self._turns[0]
            connection.settimeout(30)  # only ends a test that hangs
            with connection, suppress(OSError):
                self._take(turn, connection)

    def _take(self, turn: Turn, connection: socket.socket) -> None:
        if turn.reads is not None:
            data = b""
            while len(data) < turn.reads and (piece := connection.recv(turn.reads - len(data))):
                data += piece
            self.received.append(data)
            return
        for answer in turn.answers:
            self.received.append(read_request(connection))
            connection.sendall(answer)


def read_request(connection: socket.socket) -> bytes:
    """Read one request with its body, or what there is of it."""
    data = b""
    while piece := connection.recv(65_536):
        data += piece
        head, separator, body = data.partition(b"\r\n\r\n")
        if separator and len(body) >= length_of(head):
            break
    return data


def length_of(head: bytes) -> int:
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(lengths[0].partition(b":")[2]) if lengths else 0
