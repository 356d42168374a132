"""An HTTP gateway of a simulated cluster: one listening socket, on loopback only."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_sf.simulator.tls import SecureConnection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from io import BufferedReader

    from airflow_provider_sf.simulator.responses import HttpResponse

LOOK_SECONDS = 0.05
"""How often a gateway looks whether it must stop, on a system that does not wake its thread."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request. ``certificate`` returns the certificate of the client, and requests it if necessary."""

    method: str
    line: str
    target: str
    host: str
    authorization: str
    content_range: str
    body: bytes
    certificate: Callable[[], bytes | None]


class Gateway:
    """
    A port that serves requests. It can go down and come up again with the same number.

    :param respond: returns the response to a request; each connection calls it in its own thread
    :param port: 0 for a free port
    :param tls: its TLS settings; None for plain HTTP
    """

    def __init__(
        self,
        respond: Callable[[HttpRequest], HttpResponse],
        *,
        port: int,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._listen = partial(_Server, respond=respond, tls=tls)
        self._server = self._listen(port)
        self.port = int(self._server.server_address[1])

    def start(self) -> None:
        """Serve requests, in a new thread."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(LOOK_SECONDS,), daemon=True)
        self._thread.start()

    def down(self) -> None:
        """Close the port and cut the connections."""
        self._server.wake()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._server.cut()

    def up(self) -> None:
        """Open the port again."""
        self._server = self._listen(self.port)
        self.start()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with the default of 5, simultaneous connections wait for a retry

    def __init__(
        self,
        port: int,
        *,
        respond: Callable[[HttpRequest], HttpResponse],
        tls: ssl.SSLContext | None,
    ) -> None:
        self.respond = respond
        self._tls = tls
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Its own thread does the handshake, since this thread accepts the next one."""
        connection, address = super().get_request()
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._connections.add(connection)
        return connection, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a client, in the connection's thread."""
        if isinstance(request, SecureConnection):
            request.do_handshake()
        super().finish_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def wake(self) -> None:
        """Wake the thread that accepts connections, so that it stops at once."""
        with suppress(OSError):  # some systems refuse this for a socket that listens
            self.socket.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Close all connections."""
        for connection in list(self._connections):
            with suppress(OSError):  # it was closed meanwhile
                # The method of SSLSocket would let its thread continue without encryption.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect or fail in the handshake; a bug shows its traceback."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go in one packet. A second packet would wait 40 ms for the client's delayed ACK.
    wbufsize = -1
    disable_nagle_algorithm = True  # the same applies after a late handshake
    server: _Server

    def do_GET(self) -> None:
        has_length = "Content-Length" in self.headers
        if self.command in {"POST", "PUT"} and not has_length:
            self.send_error(HTTPStatus.LENGTH_REQUIRED)  # as HTTP.sys does, which the gateway uses
            return
        request = self._request()
        if has_length and len(request.body) < int(self.headers["Content-Length"]):
            self.close_connection = True  # the client has disconnected; nothing was received
            return
        self._send(self.server.respond(request))

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def _send(self, response: HttpResponse) -> None:
        if response.reset:
            # A linger of 0 seconds turns the close into a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(response.status, response.reason)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def _request(self) -> HttpRequest:
        return HttpRequest(
            method=self.command,
            line=self.requestline,
            target=self.path,
            host=self.headers.get("Host", ""),
            authorization=self.headers.get("Authorization", ""),
            content_range=self.headers.get("Content-Range", ""),
            body=self.rfile.read(int(self.headers.get("Content-Length", "0"))),
            certificate=self._certificate,
        )

    def _certificate(self) -> bytes | None:
        reader = cast("BufferedReader", self.rfile)
        return (
            self.connection.client_certificate(reader)
            if isinstance(self.connection, SecureConnection)
            else None
        )

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name of http.server's parameter
        """Do not log; ``Simulator.requests`` keeps the requests."""
