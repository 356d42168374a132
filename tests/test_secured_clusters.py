"""Secured clusters on real sockets, with both transports: what is accepted and what is refused."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.auth.certificates import ClientCertificate
from airflow_provider_sf.auth.server_verification import ServerVerification
from airflow_provider_sf.auth.tls import context_for
from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.cluster.per_loop import MAX_CONCURRENT_REQUESTS
from airflow_provider_sf.rest import Rejected, UnexpectedAnswer, Unreachable
from airflow_provider_sf.rest.protocol import MAX_BODY_BYTES
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.certificates import Authority
from airflow_provider_sf.simulator.tls import server_context
from tests.requests_to import PING, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXPECTED, THEIRS = Authority(), Authority()
CLIENT = EXPECTED.client(days=90)


def with_ca(**extra: object) -> dict[str, object]:
    return {"ca_bundle": EXPECTED.pem.decode(), **extra}


def with_certificate(client: Any = CLIENT, **extra: object) -> dict[str, object]:
    return {
        "security": "certificate",
        "client_certificate": client.pem.decode(),
        "private_key": client.key_pem.decode(),
        **(extra or with_ca()),
    }


@contextmanager
def simulated(**options: Any) -> Iterator[Simulator]:
    with Simulator(**{"authority": EXPECTED, **options}) as simulator:
        yield simulator


# Accepted.


@pytest.mark.parametrize("tls", ["server", "mutual", "mutual-late"])
def test_client_certificate_is_sent_early_and_late(tls: str, transport: Any) -> None:
    with simulated(tls=tls) as simulator:
        assert transport(Cluster.at(simulator.url, None, with_certificate())) == {
            "Version": simulator.runtime_version
        }


@pytest.mark.parametrize("passphrase", [None, "hunter2"])
def test_pfx_is_accepted(passphrase: str | None, transport: Any, tmp_path: Path) -> None:
    pfx = tmp_path / "client.pfx"
    pfx.write_bytes(CLIENT.pfx(passphrase))
    extra = with_ca(security="certificate", private_key=str(pfx), private_key_passphrase=passphrase)
    with simulated(tls="mutual") as simulator:
        assert transport(Cluster.at(simulator.url, None, extra))


@pytest.mark.parametrize("which", ["thumbprint", "sha256"])
def test_self_signed_server_is_verified_by_thumbprint(which: str, transport: Any) -> None:
    with simulated(tls="mutual", server_certificate="self_signed") as simulator:
        pins = f"{'A' * 40},{getattr(simulator.server_certificate, which)}"
        assert transport(Cluster.at(simulator.url, None, with_certificate(server_thumbprints=pins)))


def test_self_signed_certificate_is_its_own_bundle(transport: Any) -> None:
    with simulated(tls="server", server_certificate="self_signed") as simulator:
        extra = {"ca_bundle": simulator.server_certificate.pem.decode()}
        assert transport(Cluster.at(simulator.url, None, extra))


def test_server_is_verified_by_another_name(transport: Any) -> None:
    with simulated(tls="server", server_certificate="wrong_name") as simulator:
        extra = with_ca(server_common_name="sf.example.com, OTHER.example.com")
        assert transport(Cluster.at(simulator.url, None, extra))


def test_any_server_is_accepted_without_verification(transport: Any) -> None:
    with simulated(tls="server", server_certificate="expired") as simulator:
        assert transport(Cluster.at(simulator.url, None, {"verify": False}))


@pytest.mark.parametrize("tls", ["mutual", "mutual-late"])
def test_key_file_is_removed(
    tls: str, transport: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The temporary folder of the test would show a file that is left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with simulated(tls=tls) as simulator:
        transport(Cluster.at(simulator.url, None, with_certificate()))
    assert list(tmp_path.iterdir()) == []


def test_key_file_is_removed_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary folder of the test would show a file that is left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    other = EXPECTED.client()
    with pytest.raises(OSError, match="KEY_VALUES_MISMATCH"):
        context_for(ServerVerification(verify=False), ClientCertificate(CLIENT.pem, other.key_pem))
    assert list(tmp_path.iterdir()) == []


# Contexts.


def test_libraries_leave_the_context_unchanged(
    transport: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    Neither the libraries nor the environment add public CAs: a bundle of one CA stays one CA.

    The builder is replaced by one that records, since nothing else has access to the contexts.
    """
    (tmp_path / "theirs.pem").write_bytes(THEIRS.pem)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "theirs.pem"))
    made = []

    def recorded(*arguments: Any) -> Any:
        context = context_for(*arguments)
        made.append((context, context.cert_store_stats(), context.verify_mode, context.check_hostname))
        return context

    for module in ("requests_transport", "aiohttp_transport"):
        monkeypatch.setattr(f"airflow_provider_sf.cluster.{module}.context_for", recorded)
    with simulated(tls="server") as simulator:
        transport(Cluster.at(simulator.url, None, with_ca()))
        with simulated(tls="server", authority=THEIRS) as other, pytest.raises(Rejected, match="ca_bundle"):
            transport(Cluster.at(other.url, None, with_ca()))
    assert len(made) == 2
    for context, *before in made:
        assert [context.cert_store_stats(), context.verify_mode, context.check_hostname] == before
        assert context.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}


def test_public_cas_are_trusted_without_a_bundle(transport: Any) -> None:
    assert context_for(ServerVerification()).cert_store_stats()["x509_ca"] > 50
    with (
        simulated(tls="server") as simulator,
        pytest.raises(Rejected, match="the CA of the server's certificate is not trusted"),
    ):
        transport(Cluster.at(simulator.url))


def test_late_authentication_is_offered_by_the_context(
    transport: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Without the offer, a server that asks late, such as Windows' HTTP.sys, refuses the client.

    The builder is replaced, since nothing else has access to the contexts.
    """

    def without_offer(*arguments: Any) -> Any:
        context = context_for(*arguments)
        context.post_handshake_auth = False
        return context

    for module in ("requests_transport", "aiohttp_transport"):
        monkeypatch.setattr(f"airflow_provider_sf.cluster.{module}.context_for", without_offer)
    with simulated(tls="mutual-late") as simulator, pytest.raises(Rejected, match="HTTP 403"):
        transport(Cluster.at(simulator.url, None, with_certificate()))


# The server is verified before a request is sent.


@pytest.mark.parametrize("digits", [40, 64])
def test_wrong_thumbprint_stops_before_the_request(digits: int, transport: Any) -> None:
    with simulated(tls="server", server_certificate="self_signed") as simulator:
        with pytest.raises(Rejected, match=simulator.server_thumbprint) as refused:
            transport(Cluster.at(simulator.url, None, {"server_thumbprints": "A" * digits}))
        assert simulator.server_certificate.sha256 in str(refused.value)
        assert refused.value.endpoint == simulator.url
        assert simulator.requests == []


@pytest.mark.parametrize(
    "extra",
    [{"server_common_name": "sf.example.com", "ca_bundle": EXPECTED.pem.decode()}, {}],
    ids=["name", "ca"],
)
def test_wrong_name_or_ca_stops_before_the_request(extra: dict[str, object], transport: Any) -> None:
    with simulated(tls="server") as simulator:
        with pytest.raises(Rejected, match=r"server_common_name|ca_bundle"):
            transport(Cluster.at(simulator.url, None, extra))
        assert simulator.requests == []


# Several gateways.


def test_response_names_the_gateway_after_failover(
    transport: Any,
) -> None:
    with simulated(gateways=3, tls="mutual") as simulator:
        hosts = ",".join(simulator.urls)
        cluster = Cluster.at(hosts, None, with_certificate())
        simulator.down(0)
        assert answering_gateway(transport, cluster) == simulator.urls[1]
        simulator.fault(1, "unavailable")
        assert answering_gateway(transport, cluster) == simulator.urls[2]
        simulator.up(0)
        assert answering_gateway(transport, cluster) == simulator.urls[2]
        assert [simulator.requests_of(index) for index in range(3)] == [0, 2, 2]
        simulator.fault(1, None)
        simulator.down(2)
        simulator.down(0)
        # It cools down, and is tried all the same.
        assert answering_gateway(transport, cluster) == simulator.urls[1]


def answering_gateway(transport: Any, cluster: Cluster) -> str | None:
    if transport is send:
        return cluster.send(PING).endpoint
    return asyncio.run(cluster.asend(PING)).endpoint


def test_unverified_gateway_leads_to_the_next(transport: Any) -> None:
    """This happens while the certificates of a cluster are renewed, node by node."""
    renewed = Authority()
    with simulated(tls="server") as before, simulated(tls="server", authority=renewed) as after:
        pins = {"server_thumbprints": after.server_thumbprint}
        cluster = Cluster.at(f"{before.url},{after.url}", None, pins)
        assert answering_gateway(transport, cluster) == after.url
        assert before.requests == []


def test_error_names_all_gateways_that_are_down(transport: Any) -> None:
    with simulated(gateways=2) as simulator:
        urls = simulator.urls
    with pytest.raises(Unreachable) as unreachable:
        transport(Cluster.at(",".join(urls)))
    assert str(unreachable.value) == (
        f"{urls[0]}: Connection refused (check host and port) "
        f"(and {urls[1]}: Connection refused (check host and port))"
    )


# Limits.


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_body_over_4_mib_is_refused(encoding: str, transport: Any, recorder: Any) -> None:
    body = b" " * (MAX_BODY_BYTES + 1)
    sent = gzip.compress(body, 1) if encoding == "gzip" else body
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(sent)}\r\nContent-Encoding: {encoding}\r\n\r\n"
    recorder.answer = head.encode() + sent
    with pytest.raises(UnexpectedAnswer, match=r"the response is larger than 4 MiB: check that host"):
        transport(Cluster((recorder.url,)))


def test_body_of_4_mib_is_read(transport: Any, recorder: Any) -> None:
    body = b'{"a": 1}'.ljust(MAX_BODY_BYTES)
    recorder.answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    assert transport(Cluster((recorder.url,))) == {"a": 1}


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (HEAD + b"Content-Length: 1000\r\n\r\n", b" "),
        (HEAD, b"X-More: 1\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD + b"\r\n", b" "),
        (CHUNKED, b"0"),
        (CHUNKED + b"0\r\n", b"X-More: 1\r\n"),
    ],
    ids=["body", "headers", "100", "until closed", "size of a chunk", "trailers"],
)
def test_slow_response_is_cut_off_by_total_timeout(begin: bytes, piece: bytes, transport: Any) -> None:
    """Each piece arrives in time, but all pieces together take too long."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sent: list[bytes] = []
        threading.Thread(target=send_slowly, args=(listener, begin, piece, sent), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(Unreachable, match=r"timed out \(0.1 s to connect, 0.1 s to answer\)"):
            transport(Cluster((url,), connect_timeout=0.1, read_timeout=0.1))
        assert len(sent) < SLOW_PIECES, "the whole response was read"


SLOW_PIECES = 1_000


def send_slowly(listener: socket.socket, begin: bytes, piece: bytes, sent: list[bytes]) -> None:
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        connection.recv(65_536)
        connection.sendall(begin)
        for _ in range(SLOW_PIECES):
            connection.sendall(piece)
            sent.append(piece)
            time.sleep(0.02)


def test_hanging_gateway_delays_only_the_first_requests(recorder: Any) -> None:
    """A request that waited for a slot finds this gateway cooling down, and tries the next."""
    recorder.answer = None
    with simulated() as simulator:
        cluster = Cluster((recorder.url, simulator.url), connect_timeout=1.0, read_timeout=1.0)

        async def many() -> list[Any]:
            async with cluster.session():
                return await asyncio.gather(
                    *(cluster.asend(PING) for _ in range(5 * MAX_CONCURRENT_REQUESTS))
                )

        assert {answer.endpoint for answer in asyncio.run(many())} == {simulator.url}
    assert recorder.connections <= MAX_CONCURRENT_REQUESTS


def test_refused_handshake_has_one_message(transport: Any) -> None:
    """A cluster refuses in HTTP; a proxy in front of it may refuse in the TLS handshake."""
    context = server_context(EXPECTED.server(), "server")
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=require_certificate, args=(listener, context), daemon=True).start()
        cluster = Cluster.at(f"https://127.0.0.1:{listener.getsockname()[1]}", None, with_ca())
        with pytest.raises(
            Rejected, match=r"refused the TLS handshake, .* check security and client_certificate"
        ):
            transport(cluster)
        listener.shutdown(socket.SHUT_RDWR)


def require_certificate(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            raw, _ = listener.accept()
        except OSError:
            return
        with context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False) as connection:
            with suppress(ssl.SSLError):
                connection.do_handshake()
            connection.settimeout(0.2)
            with suppress(OSError):
                # Read on, so that the client reads the alert and no reset.
                while socket.socket.recv(connection, 65_536):
                    pass
