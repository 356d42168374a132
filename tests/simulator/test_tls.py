"""TLS handshakes of common HTTP libraries with the simulator, on loopback sockets."""

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
from airflow_provider_sf.simulator.tls import NO_CERTIFICATE_COMPRESSION, server_context

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Response = tuple[int, str, bytes]
    """Status, reason and body."""

TARGET = "/$/GetClusterVersion?api-version=6.4"
REQUEST = f"GET {TARGET} HTTP/1.1"
GOOD = (200, "OK", b'{"Version": "10.1.2338.9590"}')
REFUSED = (403, "Client certificate required", b"")

AUTHORITY, OTHER_AUTHORITY = Authority(), Authority()
CLIENT = AUTHORITY.client()
BAD_CLIENTS = {
    "none": None,
    "expired": AUTHORITY.client(days=-1),
    "for servers": AUTHORITY.client(purpose=SERVER_AUTH),
    "other authority": OTHER_AUTHORITY.client(),
    "other authority, expired, for servers": OTHER_AUTHORITY.client(days=-1, purpose=SERVER_AUTH),
    "self-signed": AUTHORITY.server("self_signed"),
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

    def context(
        self, certificate: Certificate | None = None, *, trusted: bytes = AUTHORITY.pem
    ) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=trusted.decode())
        context.post_handshake_auth = True
        if certificate is not None:
            context.load_cert_chain(self.file("client.pem", certificate.pem, certificate.key_pem))
        return context


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def response_on(connection: http.client.HTTPConnection) -> Response:
    connection.request("GET", TARGET)
    answer = connection.getresponse()
    return answer.status, answer.reason, answer.read()


def response_of(context: ssl.SSLContext, simulator: Simulator) -> Response:
    with closing(http.client.HTTPSConnection("127.0.0.1", simulator.port, context=context)) as connection:
        return response_on(connection)


def response_to_requests(client: Client, certificate: Certificate | None, url: str) -> Response:
    path = client.file("client.pem", certificate.pem, certificate.key_pem) if certificate else None
    answer = requests.get(url, verify=client.file("ca.pem", AUTHORITY.pem), cert=path, timeout=60)
    return answer.status_code, answer.reason, answer.content


def response_to_aiohttp(client: Client, certificate: Certificate | None, url: str) -> Response:
    async def ask() -> Response:
        context = client.context(certificate)
        async with aiohttp.ClientSession() as session, session.get(url, ssl=context) as answer:
            return answer.status, answer.reason or "", await answer.read()

    return asyncio.run(ask())


@MUTUAL
@pytest.mark.parametrize("ask", [response_to_requests, response_to_aiohttp])
@pytest.mark.parametrize(("certificate", "expected"), [(CLIENT, GOOD), (None, REFUSED)], ids=["good", "none"])
def test_libraries_send_certificates_on_request(
    tls: str,
    ask: Callable[..., Response],
    certificate: Certificate | None,
    expected: Response,
    client: Client,
) -> None:
    with Simulator(tls=tls, authority=AUTHORITY) as simulator:
        assert ask(client, certificate, simulator.url + TARGET) == expected
    assert simulator.requests == [REQUEST]


@MUTUAL
@VERSIONS
def test_good_certificate_is_accepted(tls: str, version: str, client: Client) -> None:
    context = client.context(CLIENT)
    context.maximum_version = ssl.TLSVersion[version]
    with Simulator(tls=tls, authority=AUTHORITY) as simulator:
        assert response_of(context, simulator) == GOOD


@MUTUAL
@VERSIONS
@pytest.mark.parametrize("certificate", BAD_CLIENTS.values(), ids=BAD_CLIENTS)
def test_bad_certificate_is_refused_in_http(
    tls: str, version: str, certificate: Certificate | None, client: Client
) -> None:
    context = client.context(certificate)
    context.maximum_version = ssl.TLSVersion[version]
    with Simulator(tls=tls, authority=AUTHORITY) as simulator:
        assert response_of(context, simulator) == REFUSED
    assert simulator.requests == [REQUEST]


@MUTUAL
def test_certificates_are_not_compressed(tls: str) -> None:
    """The other tests find it with an OpenSSL that asks for compressed ones, as Debian 14 has."""
    assert server_context(AUTHORITY.server(), tls).options & NO_CERTIFICATE_COMPRESSION


def test_client_without_late_authentication_is_refused(client: Client) -> None:
    """A new SSLContext of Python does not offer it."""
    with Simulator(tls="mutual-late", authority=AUTHORITY) as simulator:
        connection = http.client.HTTPSConnection("127.0.0.1", simulator.port, context=client.context(CLIENT))
        connection._context.post_handshake_auth = False  # type: ignore[attr-defined] # http.client turns it on
        with closing(connection):
            assert response_on(connection) == REFUSED


@MUTUAL
@pytest.mark.parametrize(("certificate", "expected"), [(CLIENT, GOOD), (None, REFUSED)], ids=["good", "none"])
def test_connection_stays_open_after_a_response(
    tls: str, certificate: Certificate | None, expected: Response, client: Client
) -> None:
    with Simulator(tls=tls, authority=AUTHORITY) as simulator:
        context = client.context(certificate)
        with closing(http.client.HTTPSConnection("127.0.0.1", simulator.port, context=context)) as connection:
            assert [response_on(connection) for _ in range(3)] == [expected] * 3


def test_plain_tls_requests_no_certificate(client: Client) -> None:
    with Simulator(tls="server", authority=AUTHORITY) as simulator:
        assert simulator.url == f"https://127.0.0.1:{simulator.port}"
        assert (
            response_of(client.context(), simulator) == response_of(client.context(CLIENT), simulator) == GOOD
        )


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
    with Simulator(tls="mutual", server_certificate=kind, authority=AUTHORITY) as simulator:
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            response_of(client.context(CLIENT), simulator)
        other = client.context(trusted=OTHER_AUTHORITY.pem)
        with pytest.raises(ssl.SSLCertVerificationError):
            response_of(other, simulator)
    assert simulator.requests == []
    assert capfd.readouterr() == ("", "")


def test_self_signed_server_can_be_trusted(client: Client) -> None:
    with Simulator(tls="server", server_certificate="self_signed") as simulator:
        context = client.context(trusted=simulator.server_certificate.pem)
        assert response_of(context, simulator) == GOOD


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_server_certificate_is_sent_for_all_names(name: str, client: Client) -> None:
    with Simulator(tls="mutual-late", authority=AUTHORITY) as simulator:
        connection = socket.create_connection(("127.0.0.1", simulator.port))
        with client.context().wrap_socket(connection, server_hostname=name) as secured:
            assert secured.getpeercert(binary_form=True) == simulator.server_certificate.der
            assert simulator.server_thumbprint == simulator.server_certificate.thumbprint


@pytest.mark.parametrize("tls", ["server", "mutual", "mutual-late"])
def test_clients_without_tls_block_no_others(
    tls: str, client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    with Simulator(tls=tls, authority=AUTHORITY) as simulator:
        idle = socket.create_connection(("127.0.0.1", simulator.port))
        plain = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=60)
        with closing(plain), pytest.raises((http.client.HTTPException, ConnectionError)):
            response_on(plain)
        assert response_of(client.context(CLIENT), simulator) == GOOD
    assert simulator.requests == [REQUEST]
    with idle:
        assert idle.recv(1) == b""
    assert capfd.readouterr() == ("", "")


def test_bug_shows_its_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A method is replaced by one that raises: no request makes the simulator raise."""
    with Simulator() as simulator:
        monkeypatch.setattr(simulator, "respond", {}.__getitem__)
        connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=60)
        with closing(connection), pytest.raises(http.client.RemoteDisconnected):
            response_on(connection)
    assert f"KeyError: '{TARGET}'" in capsys.readouterr().err


def connected(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")


def test_slow_client_is_refused_after_a_time(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A client sends its certificate while it reads. This client reads only after it was refused.

    The time is shortened: the test would take a second.
    """
    monkeypatch.setattr("airflow_provider_sf.simulator.tls.CERTIFICATE_WAIT_SECONDS", 0.01)
    certificate: list[Any] = []
    refused, read = threading.Event(), threading.Event()

    def respond(request: HttpRequest) -> HttpResponse:
        certificate.append(request.certificate())
        refused.set()
        assert read.wait(60)
        return HttpResponse()

    gateway = Gateway(respond, port=0, tls=server_context(AUTHORITY.server(), "mutual-late"))
    gateway.start()
    with connected(gateway.port, client.context(CLIENT)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert refused.wait(60)
        read.set()
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    gateway.down()
    assert certificate == [None]


def test_client_without_late_certificate_is_refused(client: Client) -> None:
    with (
        Simulator(tls="mutual-late", authority=AUTHORITY) as simulator,
        connected(simulator.port, client.context(CLIENT)) as connection,
    ):
        for _ in range(2):
            connection.sendall(f"{REQUEST}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 403 Client certificate required\r\n")


def test_unknown_tls_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid tls 'some': choose one of none, server, mutual, mutual-la"):
        Simulator(tls="some")
