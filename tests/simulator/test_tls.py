"""The simulator's TLS: handshakes of the clients that there are, on loopback sockets."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import requests

from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.certificates import SERVER_AUTH, Authority, Certificate
from airflow_provider_sf.simulator.gateway import Gateway, HttpRequest
from airflow_provider_sf.simulator.responses import HttpResponse
from airflow_provider_sf.simulator.tls import server_context

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Said = tuple[int, str, bytes]
    """Status, reason and body of an answer."""

TARGET = "/$/GetClusterVersion?api-version=6.4"
REQUEST = f"GET {TARGET} HTTP/1.1"
GOOD = (200, "OK", b'{"Version": "10.1.2338.9590"}')
REFUSED = (403, "Client certificate required", b"")

EXPECTED, THEIRS = Authority(), Authority()
CLIENT = EXPECTED.client()
BAD_CLIENTS = {
    "none": None,
    "expired": EXPECTED.client(days=-1),
    "for servers": EXPECTED.client(purpose=SERVER_AUTH),
    "a stranger's": THEIRS.client(),
    "a stranger's, expired, for servers": THEIRS.client(days=-1, purpose=SERVER_AUTH),
    "self-signed": EXPECTED.server("self_signed"),
}

MUTUAL = pytest.mark.parametrize("tls", ["mutual", "mutual-late"])
VERSIONS = pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])


class Client:
    """A client that trusts an authority and may have a certificate."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def file(self, name: str, *contents: bytes) -> str:
        path = self.directory / name
        path.write_bytes(b"".join(contents))
        return str(path)

    def context(self, shown: Certificate | None = None, *, trusted: bytes = EXPECTED.pem) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=trusted.decode())
        context.post_handshake_auth = True
        if shown is not None:
            context.load_cert_chain(self.file("client.pem", shown.pem, shown.key_pem))
        return context


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def said_on(connection: http.client.HTTPConnection) -> Said:
    connection.request("GET", TARGET)
    answer = connection.getresponse()
    return answer.status, answer.reason, answer.read()


def said_to(context: ssl.SSLContext, simulator: Simulator) -> Said:
    with closing(http.client.HTTPSConnection("127.0.0.1", simulator.port, context=context)) as connection:
        return said_on(connection)


def said_to_requests(client: Client, shown: Certificate | None, url: str) -> Said:
    certificate = client.file("client.pem", shown.pem, shown.key_pem) if shown else None
    answer = requests.get(url, verify=client.file("ca.pem", EXPECTED.pem), cert=certificate, timeout=60)
    return answer.status_code, answer.reason, answer.content


def said_to_aiohttp(client: Client, shown: Certificate | None, url: str) -> Said:
    async def ask() -> Said:
        context = client.context(shown)
        async with aiohttp.ClientSession() as session, session.get(url, ssl=context) as answer:
            return answer.status, answer.reason or "", await answer.read()

    return asyncio.run(ask())


@MUTUAL
@pytest.mark.parametrize("ask", [said_to_requests, said_to_aiohttp])
@pytest.mark.parametrize(("shown", "expected"), [(CLIENT, GOOD), (None, REFUSED)], ids=["good", "none"])
def test_libraries_send_certificates_on_request(
    tls: str, ask: Callable[..., Said], shown: Certificate | None, expected: Said, client: Client
) -> None:
    with Simulator(tls=tls, authority=EXPECTED) as simulator:
        assert ask(client, shown, simulator.url + TARGET) == expected
    assert simulator.requests == [REQUEST]


@MUTUAL
@VERSIONS
def test_a_good_certificate_lets_in(tls: str, version: str, client: Client) -> None:
    context = client.context(CLIENT)
    context.maximum_version = ssl.TLSVersion[version]
    with Simulator(tls=tls, authority=EXPECTED) as simulator:
        assert said_to(context, simulator) == GOOD


@MUTUAL
@VERSIONS
@pytest.mark.parametrize("shown", BAD_CLIENTS.values(), ids=BAD_CLIENTS)
def test_bad_certificate_is_refused_in_http(
    tls: str, version: str, shown: Certificate | None, client: Client
) -> None:
    context = client.context(shown)
    context.maximum_version = ssl.TLSVersion[version]
    with Simulator(tls=tls, authority=EXPECTED) as simulator:
        assert said_to(context, simulator) == REFUSED
    assert simulator.requests == [REQUEST]


def test_client_without_late_authentication_is_refused(client: Client) -> None:
    """What a bare SSLContext of Python does not say."""
    with Simulator(tls="mutual-late", authority=EXPECTED) as simulator:
        connection = http.client.HTTPSConnection("127.0.0.1", simulator.port, context=client.context(CLIENT))
        connection._context.post_handshake_auth = False  # type: ignore[attr-defined] # http.client turns it on
        with closing(connection):
            assert said_on(connection) == REFUSED


@MUTUAL
@pytest.mark.parametrize(("shown", "expected"), [(CLIENT, GOOD), (None, REFUSED)], ids=["good", "none"])
def test_a_connection_goes_on_after_an_answer(
    tls: str, shown: Certificate | None, expected: Said, client: Client
) -> None:
    with Simulator(tls=tls, authority=EXPECTED) as simulator:
        context = client.context(shown)
        with closing(http.client.HTTPSConnection("127.0.0.1", simulator.port, context=context)) as connection:
            assert [said_on(connection) for _ in range(3)] == [expected] * 3


def test_plain_tls_requests_no_certificate(client: Client) -> None:
    with Simulator(tls="server", authority=EXPECTED) as simulator:
        assert simulator.url == f"https://127.0.0.1:{simulator.port}"
        assert said_to(client.context(), simulator) == said_to(client.context(CLIENT), simulator) == GOOD


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("expired", "certificate has expired"),
        ("wrong_name", "not valid for '127.0.0.1'"),
        ("self_signed", "self.signed certificate"),
    ],
)
def test_client_refuses_a_bad_server_first(
    kind: str, reason: str, client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    with Simulator(tls="mutual", server_certificate=kind, authority=EXPECTED) as simulator:
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            said_to(client.context(CLIENT), simulator)
        stranger = client.context(trusted=THEIRS.pem)
        with pytest.raises(ssl.SSLCertVerificationError):
            said_to(stranger, simulator)
    assert simulator.requests == []
    assert capfd.readouterr() == ("", "")


def test_self_signed_server_can_be_trusted(client: Client) -> None:
    with Simulator(tls="server", server_certificate="self_signed") as simulator:
        context = client.context(trusted=simulator.server_certificate.pem)
        assert said_to(context, simulator) == GOOD


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_the_server_shows_its_certificate_under_all_names(name: str, client: Client) -> None:
    with Simulator(tls="mutual-late", authority=EXPECTED) as simulator:
        connection = socket.create_connection(("127.0.0.1", simulator.port))
        with client.context().wrap_socket(connection, server_hostname=name) as secured:
            assert secured.getpeercert(binary_form=True) == simulator.server_certificate.der
            assert simulator.server_thumbprint == simulator.server_certificate.thumbprint


@pytest.mark.parametrize("tls", ["server", "mutual", "mutual-late"])
def test_who_speaks_plain_http_or_nothing_hinders_nobody(
    tls: str, client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    with Simulator(tls=tls, authority=EXPECTED) as simulator:
        silent = socket.create_connection(("127.0.0.1", simulator.port))
        plain = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=60)
        with closing(plain), pytest.raises((http.client.HTTPException, ConnectionError)):
            said_on(plain)
        assert said_to(client.context(CLIENT), simulator) == GOOD
    assert simulator.requests == [REQUEST]
    with silent:
        assert silent.recv(1) == b""
    assert capfd.readouterr() == ("", "")


def test_a_bug_of_the_simulator_shows_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The test adds a bug, since no bug is known."""
    with Simulator() as simulator:
        monkeypatch.setattr(simulator, "respond", {}.__getitem__)
        connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=60)
        with closing(connection), pytest.raises(http.client.RemoteDisconnected):
            said_on(connection)
    assert f"KeyError: '{TARGET}'" in capsys.readouterr().err


def connected(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")


def test_silent_client_is_not_waited_for(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client answers while it reads, and this one does not read before it has been refused."""
    monkeypatch.setattr("airflow_provider_sf.simulator.tls.CERTIFICATE_WAIT_SECONDS", 0.01)
    shown: list[Any] = []
    refused, read = threading.Event(), threading.Event()

    def respond(request: HttpRequest) -> HttpResponse:
        shown.append(request.certificate())
        refused.set()
        assert read.wait(60)
        return HttpResponse()

    gateway = Gateway(respond, port=0, tls=server_context(EXPECTED.server(), "mutual-late"))
    gateway.start()
    with connected(gateway.port, client.context(CLIENT)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert refused.wait(60)
        read.set()
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    gateway.down()
    assert shown == [None]


def test_wrong_late_answer_is_refused(client: Client) -> None:
    with (
        Simulator(tls="mutual-late", authority=EXPECTED) as simulator,
        connected(simulator.port, client.context(CLIENT)) as connection,
    ):
        for _ in range(2):
            connection.sendall(f"{REQUEST}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 403 Client certificate required\r\n")


def test_there_is_no_other_tls() -> None:
    with pytest.raises(ValueError, match="invalid tls 'some': choose one of none, server, mutual, mutual-la"):
        Simulator(tls="some")
