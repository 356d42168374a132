"""Clusters as they are secured, on real sockets: what goes through, and what a person is told if it does not."""

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


def trusting(**extra: object) -> dict[str, object]:
    return {"ca_bundle": EXPECTED.pem.decode(), **extra}


def certified(client: Any = CLIENT, **extra: object) -> dict[str, object]:
    return {
        "security": "certificate",
        "client_certificate": client.pem.decode(),
        "private_key": client.key_pem.decode(),
        **(extra or trusting()),
    }


@contextmanager
def simulated(**how: Any) -> Iterator[Simulator]:
    with Simulator(**{"authority": EXPECTED, **how}) as simulator:
        yield simulator


# What goes through.


@pytest.mark.parametrize("tls", ["server", "mutual", "mutual-late"])
def test_a_certificate_is_shown_whenever_the_server_asks_for_it(tls: str, transport: Any) -> None:
    with simulated(tls=tls) as simulator:
        assert transport(Cluster.at(simulator.url, None, certified())) == {
            "Version": simulator.runtime_version
        }


@pytest.mark.parametrize("passphrase", [None, "hunter2"])
def test_a_pfx_will_do(passphrase: str | None, transport: Any, tmp_path: Path) -> None:
    pfx = tmp_path / "client.pfx"
    pfx.write_bytes(CLIENT.pfx(passphrase))
    extra = trusting(security="certificate", private_key=str(pfx), private_key_passphrase=passphrase)
    with simulated(tls="mutual") as simulator:
        assert transport(Cluster.at(simulator.url, None, extra))


@pytest.mark.parametrize("which", ["thumbprint", "sha256"])
def test_a_self_signed_server_is_recognised_by_its_thumbprint(which: str, transport: Any) -> None:
    with simulated(tls="mutual", server_certificate="self_signed") as simulator:
        pins = f"{'A' * 40},{getattr(simulator.server_certificate, which)}"
        assert transport(Cluster.at(simulator.url, None, certified(server_thumbprints=pins)))


def test_a_self_signed_certificate_may_be_its_own_ca_bundle(transport: Any) -> None:
    with simulated(tls="server", server_certificate="self_signed") as simulator:
        extra = {"ca_bundle": simulator.server_certificate.pem.decode()}
        assert transport(Cluster.at(simulator.url, None, extra))


def test_a_server_may_be_recognised_by_another_name(transport: Any) -> None:
    with simulated(tls="server", server_certificate="wrong_name") as simulator:
        extra = trusting(server_common_name="sf.example.com, OTHER.example.com")
        assert transport(Cluster.at(simulator.url, None, extra))


def test_whoever_answers_is_talked_to_if_nobody_is_to_be_verified(transport: Any) -> None:
    with simulated(tls="server", server_certificate="expired") as simulator:
        assert transport(Cluster.at(simulator.url, None, {"verify": False}))


@pytest.mark.parametrize("tls", ["mutual", "mutual-late"])
def test_nothing_is_left_of_a_key_on_disk(
    tls: str, transport: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a temporary folder of its own, where whatever is left would be seen."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with simulated(tls=tls) as simulator:
        transport(Cluster.at(simulator.url, None, certified()))
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_cannot_be_loaded_leaves_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a temporary folder of its own, where whatever is left would be seen."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    other = EXPECTED.client()
    with pytest.raises(OSError, match="KEY_VALUES_MISMATCH"):
        context_for(ServerVerification(verify=False), ClientCertificate(CLIENT.pem, other.key_pem))
    assert list(tmp_path.iterdir()) == []


# Contexts.


def test_requests_leave_a_context_as_it_is(
    transport: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    Neither library adds public CAs, and neither does the environment: who trusts one CA trusts one.

    The builder is watched, since nobody else ever sees the contexts.
    """
    (tmp_path / "theirs.pem").write_bytes(THEIRS.pem)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "theirs.pem"))
    made = []

    def watched(*arguments: Any) -> Any:
        context = context_for(*arguments)
        made.append((context, context.cert_store_stats(), context.verify_mode, context.check_hostname))
        return context

    for module in ("requests_transport", "aiohttp_transport"):
        monkeypatch.setattr(f"airflow_provider_sf.{module}.context_for", watched)
    with simulated(tls="server") as simulator:
        transport(Cluster.at(simulator.url, None, trusting()))
        with simulated(tls="server", authority=THEIRS) as other, pytest.raises(Rejected, match="ca_bundle"):
            transport(Cluster.at(other.url, None, trusting()))
    assert len(made) == 2
    for context, *before in made:
        assert [context.cert_store_stats(), context.verify_mode, context.check_hostname] == before
        assert context.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}


def test_without_a_bundle_the_public_authorities_are_trusted(transport: Any) -> None:
    assert context_for(ServerVerification()).cert_store_stats()["x509_ca"] > 50
    with simulated(tls="server") as simulator, pytest.raises(Rejected, match="no CA that is trusted here"):
        transport(Cluster.at(simulator.url))


def test_a_client_that_does_not_offer_late_authentication_is_refused_by_who_asks_late(
    transport: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows' HTTP.sys asks late, so this is what every cluster would say without what is taken away here."""

    def bare(*arguments: Any) -> Any:
        context = context_for(*arguments)
        context.post_handshake_auth = False
        return context

    for module in ("requests_transport", "aiohttp_transport"):
        monkeypatch.setattr(f"airflow_provider_sf.{module}.context_for", bare)
    with simulated(tls="mutual-late") as simulator, pytest.raises(Rejected, match="HTTP 403"):
        transport(Cluster.at(simulator.url, None, certified()))


# Pins are looked at before anything is said.


@pytest.mark.parametrize("digits", [40, 64])
def test_on_a_pin_mismatch_the_server_has_seen_no_request(digits: int, transport: Any) -> None:
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
def test_nor_has_a_server_of_another_name_or_ca(extra: dict[str, object], transport: Any) -> None:
    with simulated(tls="server") as simulator:
        with pytest.raises(Rejected, match=r"server_common_name|ca_bundle"):
            transport(Cluster.at(simulator.url, None, extra))
        assert simulator.requests == []


# Several gateways.


def test_an_answer_says_which_gateway_gave_it_and_the_next_one_is_asked_if_one_is_down(
    transport: Any,
) -> None:
    with simulated(gateways=3, tls="mutual") as simulator:
        hosts = ",".join(simulator.urls)
        to = Cluster.at(hosts, None, certified())
        simulator.down(0)
        assert spoken_by(transport, to) == simulator.urls[1]
        simulator.fault(1, "unavailable")
        assert spoken_by(transport, to) == simulator.urls[2]
        simulator.up(0)
        assert spoken_by(transport, to) == simulator.urls[2]
        assert [simulator.requests_of(index) for index in range(3)] == [0, 2, 2]
        simulator.fault(1, None)
        simulator.down(2)
        simulator.down(0)
        assert spoken_by(transport, to) == simulator.urls[1]  # which rests, and is asked all the same


def spoken_by(transport: Any, to: Cluster) -> str | None:
    if transport is send:
        return to.send(PING).endpoint
    return asyncio.run(to.asend(PING)).endpoint


def test_a_pin_that_only_one_gateway_does_not_match_costs_nothing(transport: Any) -> None:
    """As while the certificates of a cluster are renewed, node by node."""
    renewed = Authority()
    with simulated(tls="server") as before, simulated(tls="server", authority=renewed) as after:
        pins = {"server_thumbprints": after.server_thumbprint}
        to = Cluster.at(f"{before.url},{after.url}", None, pins)
        assert spoken_by(transport, to) == after.url
        assert before.requests == []


def test_if_all_gateways_are_down_all_are_named(transport: Any) -> None:
    with simulated(gateways=2) as simulator:
        urls = simulator.urls
    with pytest.raises(Unreachable) as silent:
        transport(Cluster.at(",".join(urls)))
    assert str(silent.value) == (
        f"{urls[0]}: Connection refused (check host and port) "
        f"(and {urls[1]}: Connection refused (check host and port))"
    )


# Limits.


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_an_answer_of_more_than_16_mib_is_cut_off_also_after_it_was_decompressed(
    encoding: str, transport: Any, recorder: Any
) -> None:
    body = b" " * (MAX_BODY_BYTES + 1)
    sent = gzip.compress(body, 1) if encoding == "gzip" else body
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(sent)}\r\nContent-Encoding: {encoding}\r\n\r\n"
    recorder.answer = head.encode() + sent
    with pytest.raises(UnexpectedAnswer, match=r"the response is larger than 16 MiB: check that host"):
        transport(Cluster((recorder.url,)))


def test_an_answer_of_16_mib_is_read(transport: Any, recorder: Any) -> None:
    body = b'{"a": 1}'.ljust(MAX_BODY_BYTES)
    recorder.answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    assert transport(Cluster((recorder.url,))) == {"a": 1}


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        (HEAD + b"Content-Length: 1000\r\n\r\n", b" "),
        (HEAD, b"X-More: 1\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (CHUNKED, b"0"),
        (CHUNKED + b"0\r\n", b"X-More: 1\r\n"),
    ],
    ids=["body", "headers", "100", "size of a chunk", "trailers"],
)
def test_an_answer_that_comes_in_drops_is_cut_off_when_the_time_is_up(
    begin: bytes, drop: bytes, transport: Any
) -> None:
    """Each drop comes in time; all together they do not."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener, begin, drop), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(Unreachable, match=r"timed out \(0.1 s to connect, 0.1 s to answer\)"):
            transport(Cluster((url,), connect_timeout=0.1, read_timeout=0.1))


def drip(listener: socket.socket, begin: bytes, drop: bytes) -> None:
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        connection.recv(65_536)
        connection.sendall(begin)
        for _ in range(1_000):
            connection.sendall(drop)
            time.sleep(0.02)


def test_a_gateway_that_hangs_holds_up_no_more_waits_than_there_are_slots(recorder: Any) -> None:
    """Who has waited for a slot finds it resting, and asks the next one."""
    recorder.answer = None
    with simulated() as simulator:
        to = Cluster((recorder.url, simulator.url), connect_timeout=0.3, read_timeout=0.3)

        async def many() -> list[Any]:
            async with to.session():
                return await asyncio.gather(*(to.asend(PING) for _ in range(5 * MAX_CONCURRENT_REQUESTS)))

        assert {answer.endpoint for answer in asyncio.run(many())} == {simulator.url}
    assert recorder.connections <= MAX_CONCURRENT_REQUESTS


def test_a_server_that_insists_in_the_handshake_is_told_alike_by_both(transport: Any) -> None:
    """Not a cluster, which refuses in HTTP, but perhaps something in front of one."""
    context = server_context(EXPECTED.server(), "server")
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=insist, args=(listener, context), daemon=True).start()
        to = Cluster.at(f"https://127.0.0.1:{listener.getsockname()[1]}", None, trusting())
        with pytest.raises(
            Rejected, match=r"refused the TLS handshake, .* check security and client_certificate"
        ):
            transport(to)
        listener.shutdown(socket.SHUT_RDWR)


def insist(listener: socket.socket, context: ssl.SSLContext) -> None:
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
                while socket.socket.recv(connection, 65_536):  # so that what comes next is no reset
                    pass
