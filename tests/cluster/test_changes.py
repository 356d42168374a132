"""A request that changes the cluster is sent once, and a lost answer is never taken for a refusal."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.rest import Rejected, ResultUnknown, ServiceFabricError, Unreachable
from airflow_provider_sf.rest.changes import change_request, check_accepted
from airflow_provider_sf.rest.protocol import Call, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START = Call("/Applications/{applicationId}/$/Upgrade", "6.0", "https://example.com", method="POST")
ROLL_BACK = Call(
    "/Applications/{applicationId}/$/RollbackUpgrade", "6.0", "https://example.com", method="POST"
)
BODY = {"UpgradeKind": "Rolling", "Name": "fabric:/shop/wéb"}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def send(cluster: Cluster, request: Request) -> Response:
    return cluster.send(request)


def asend(cluster: Cluster, request: Request) -> Response:
    return asyncio.run(cluster.asend(request))


class Gateway:
    """A gateway that reads a part of each request, and sends a part of an answer."""

    def __init__(self, answer: bytes = OK, *, reads: int | None = None) -> None:
        self.answer = answer
        self.reads = reads
        """How many bytes it reads before it closes the connection; None for the whole request."""
        self.received: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.received.append(self._read(connection))
                if self.reads is None:
                    connection.sendall(self.answer)

    def _read(self, connection: socket.socket) -> bytes:
        data = b""
        while self.reads is None or len(data) < self.reads:
            piece = connection.recv(1 if self.reads is not None else 65_536)
            data += piece
            head, separator, body = data.partition(b"\r\n\r\n")
            if not piece or (separator and len(body) >= _length(head)):
                break
        return data


def _length(head: bytes) -> int:
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(lengths[0].partition(b":")[2]) if lengths else 0


@pytest.fixture
def gateway() -> Iterator[Callable[..., Gateway]]:
    made: list[Gateway] = []

    def make(*arguments: Any, **keywords: Any) -> Gateway:
        made.append(Gateway(*arguments, **keywords))
        return made[-1]

    yield make
    for item in made:
        item.close()


def closed_gateway() -> str:
    """Return the address of a port that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def change(
    cluster: Cluster, transport: Any, call: Call = START, body: object = BODY, timeout: float = 5
) -> None:
    request = change_request(call, "fabric:/shop/web", timeout=timeout, body=body)
    cluster.check(transport(cluster, request))


@pytest.mark.parametrize("transport", [send, asend])
@pytest.mark.parametrize("status", [200, 201, 202])
def test_accepted_change_is_sent_once(transport: Any, status: int, gateway: Any) -> None:
    server = gateway(OK.replace(b"200", str(status).encode()))
    change(Cluster((server.url,)), transport)
    (request,) = server.received
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /Applications/shop~web/$/Upgrade?api-version=6.0&timeout=5 HTTP/1.1\r\n")
    assert b"Content-Type: application/json; charset=utf-8" in head
    assert b"Transfer-Encoding" not in head
    assert body == '{"UpgradeKind": "Rolling", "Name": "fabric:/shop/wéb"}'.encode()


@pytest.mark.parametrize("transport", [send, asend])
def test_change_without_body_has_a_length(transport: Any, gateway: Any) -> None:
    server = gateway()
    change(Cluster((server.url,)), transport, ROLL_BACK, None)
    assert b"content-length: 0\r\n" in server.received[0].lower() + b"\r\n"


def error(status: int, code: str) -> bytes:
    body = b'{"Error":{"Code":"%s","Message":"It is so."}}' % code.encode()
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


ANSWERS: list[tuple[int, str, type[ServiceFabricError]]] = [
    (400, "E_INVALIDARG", Rejected),
    (404, "FABRIC_E_APPLICATION_TYPE_NOT_FOUND", Rejected),
    (409, "FABRIC_E_APPLICATION_ALREADY_IN_TARGET_VERSION", Rejected),
    (409, "FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS", Unreachable),
    (500, "FABRIC_E_WRITE_CONFLICT", Unreachable),
    (500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND", Rejected),
    (500, "E_FAIL", ResultUnknown),
    (503, "FABRIC_E_SERVICE_TOO_BUSY", ResultUnknown),
    (504, "FABRIC_E_TIMEOUT", ResultUnknown),
    (429, "X", ResultUnknown),
]


@pytest.mark.parametrize("transport", [send, asend])
@pytest.mark.parametrize(("status", "code", "cls"), ANSWERS)
def test_answer_decides_the_error(transport: Any, status: int, code: str, cls: Any, gateway: Any) -> None:
    """Another gateway is not tried: the first one may have passed the request on."""
    server, other = gateway(error(status, code)), gateway()
    with pytest.raises(ServiceFabricError) as caught:
        change(Cluster((server.url, other.url)), transport)
    assert type(caught.value) is cls
    assert (caught.value.status, caught.value.code, caught.value.endpoint) == (status, code, server.url)
    assert len(server.received) == 1
    assert not other.received


@pytest.mark.parametrize("transport", [send, asend])
@pytest.mark.parametrize("length", range(0, len(OK) - 1, 4))
def test_cut_answer_is_unknown(transport: Any, length: int, gateway: Any) -> None:
    server, other = gateway(OK[:length]), gateway()
    with pytest.raises(ResultUnknown):
        change(Cluster((server.url, other.url)), transport)
    assert len(server.received) == 1
    assert not other.received


@pytest.mark.parametrize("transport", [send, asend])
@pytest.mark.parametrize("length", [1, 40, 150, 260])
def test_cut_request_is_unknown(transport: Any, length: int, gateway: Any) -> None:
    server, other = gateway(reads=length), gateway()
    with pytest.raises(ResultUnknown):
        change(Cluster((server.url, other.url)), transport)
    assert len(server.received) == 1
    assert not other.received


@pytest.mark.parametrize("transport", [send, asend])
def test_unopened_connection_is_tried_elsewhere(transport: Any, gateway: Any) -> None:
    other = gateway()
    change(Cluster((closed_gateway(), other.url)), transport)
    assert len(other.received) == 1


@pytest.mark.parametrize("transport", [send, asend])
def test_nothing_sent_is_unreachable(transport: Any) -> None:
    with pytest.raises(Unreachable):
        change(Cluster((closed_gateway(),)), transport)


@pytest.mark.parametrize("transport", [send, asend])
def test_slow_answer_is_unknown(transport: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cluster = Cluster((f"http://127.0.0.1:{silent.getsockname()[1]}",), connect_timeout=0.05)
        request = change_request(START, "fabric:/shop/web", timeout=1, body=BODY)
        short = type(request)(
            request.method, request.target, request.headers, request.body, read_timeout=0.05
        )
        with pytest.raises(ResultUnknown, match="timed out"):
            transport(cluster, short)


@pytest.mark.parametrize("timeout", [0, 601])
def test_time_out_of_range_is_refused(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout must be from 1 to 600 seconds"):
        change_request(START, "fabric:/shop/web", timeout=timeout)


def test_body_is_never_shown() -> None:
    request = change_request(START, "fabric:/shop/web", timeout=5, body={"password": "open sesame"})
    assert "sesame" not in repr(request)


def test_refused_credentials_name_the_setting() -> None:
    with pytest.raises(Rejected, match="security"):
        Cluster(("http://localhost:19080",)).check(Response(403, b""))


def test_accepted_answers_raise_nothing() -> None:
    for status in (200, 201, 202):
        check_accepted(Response(status, b""))
