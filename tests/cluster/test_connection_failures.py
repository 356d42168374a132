"""Security mode x failure x message: both transports report what docs/reference/connection_errors.md shows."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.rest import Rejected, ServiceFabricError
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.certificates import SERVER_AUTH, Authority
from airflow_provider_sf.simulator.tls import server_context
from tests.requests_to import asend, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXPECTED, THEIRS = Authority(), Authority()
PEM = EXPECTED.pem.decode()


@dataclass(frozen=True)
class Case:
    """What is wrong, with which security; the settings of the cluster, or what answers instead."""

    security: str
    wrong: str
    cluster: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, object] = field(default_factory=dict)
    host: str = "{url}"
    answers: bytes | None = None
    listens: bool = True
    port: int = 0


def client(certificate: Any) -> dict[str, object]:
    return {
        "security": "certificate",
        "client_certificate": certificate.pem.decode(),
        "private_key": certificate.key_pem.decode(),
        "ca_bundle": PEM,
    }


def page(status: str, *headers: str) -> bytes:
    body = "<!doctype html><title>Sign in</title>"
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body]).encode()


GOOD = client(EXPECTED.client())
MUTUAL = {"tls": "mutual"}
TLS = {"tls": "server"}

TITLES = {
    "none": "## Without authentication\n\n",
    "any": "## With https, for every authentication\n\n",
    "certificate": "## With a client certificate\n\n",
    "entra": "## With Microsoft Entra ID\n\n",
    "token": "## With a token\n\n",
}

CASES = [
    Case("none", "the host name is unknown", host="http://no-such-host.invalid:19080"),
    Case("none", "no server listens", listens=False),
    Case("none", "port 19000 instead of 19080", port=19000, answers=b"\x00\x01native"),
    Case("none", "http, but the cluster is secured", TLS, host="http://{address}"),
    Case("none", "https, but the cluster is not secured", host="https://{address}"),
    Case("none", "the cluster requires authentication", MUTUAL, {"ca_bundle": PEM}),
    Case("none", "a proxy answers instead", answers=page("502 Bad Gateway")),
    Case("none", "a login page answers instead", answers=page("200 OK")),
    Case("none", "a redirect to a login page", answers=page("302 Found", "Location: http://127.0.0.1:9/login")),
    Case("any", "an unknown CA has issued the server's certificate", TLS, {"ca_bundle": THEIRS.pem.decode()}),
    Case("any", "the server's certificate is self-signed", {**TLS, "server_certificate": "self_signed"}, {"ca_bundle": PEM}),
    Case("any", "the server's certificate has expired", {**TLS, "server_certificate": "expired"}, {"ca_bundle": PEM}),
    Case("any", "the server's certificate is for another name", {**TLS, "server_certificate": "wrong_name"}, {"ca_bundle": PEM}),
    Case("any", "the server has another name", TLS, {"ca_bundle": PEM, "server_common_name": "sf.example.com"}),
    Case("any", "the server has another thumbprint", TLS, {"server_thumbprints": "A" * 40}),
    Case("any", "a pinned certificate has expired", {**TLS, "server_certificate": "expired"}, {"server_thumbprints": "{thumbprint}"}),
    Case("certificate", "the cluster does not know the certificate", MUTUAL, {**client(THEIRS.client()), "ca_bundle": PEM}),
    Case("certificate", "the certificate is not for clients", MUTUAL, client(EXPECTED.client(purpose=SERVER_AUTH))),
    Case("certificate", "the certificate has expired", MUTUAL, client(EXPECTED.client(days=-1))),
    Case("certificate", "the certificate has expired, and the server asks late", {"tls": "mutual-late"}, client(EXPECTED.client(days=-1))),
    Case("certificate", "https, but the cluster is not secured", {}, GOOD, host="https://{address}"),
    Case("entra", "the cluster does not use Entra ID", TLS, {"security": "entra", "ca_bundle": PEM}),
    Case("entra", "a wrong client secret", {"entra": True}, {"security": "entra", "client_secret": "wrong"}),
    Case("entra", "the token issuer is not trusted", {"entra": True}, {"security": "entra", "authority": ""}),
    Case("token", "the token has expired", {"entra": True}, {"security": "token", "token": "expired", "ca_bundle": PEM}),
]  # fmt: skip


@contextmanager
def answering(case: Case) -> Iterator[tuple[str, Simulator]]:
    """Start the server of a case; return its address and a simulator."""
    with Simulator(authority=EXPECTED, **case.cluster) as simulator:
        if case.listens and case.answers is None:
            yield simulator.url, simulator
            return
        with socket.create_server(("127.0.0.1", case.port), reuse_port=False) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            if case.listens:
                threading.Thread(target=serve, args=(listener, case.answers, []), daemon=True).start()
                yield url, simulator
                listener.shutdown(socket.SHUT_RDWR)  # which wakes the thread
                return
        yield url, simulator


def serve(listener: socket.socket, answer: bytes | None, requests: list[bytes]) -> None:
    """Send the same answer to every request."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            requests.append(connection.recv(65_536))
            connection.sendall(answer or b"")


def connection_of(case: Case, url: str, simulator: Simulator) -> Cluster:
    extra = dict(case.extra)
    if extra.get("server_thumbprints") == "{thumbprint}":
        extra["server_thumbprints"] = simulator.server_thumbprint
    if extra.get("security") == "entra":
        entra = simulator.entra
        settings = {
            "client_id": entra.client_id,
            "client_secret": entra.client_secret,
            "authority": simulator.url,
        }
        extra = {"credential": "client_secret", "ca_bundle": PEM, **settings, **extra}
    return Cluster.at(case.host.format(url=url, address=url.partition("://")[2]), None, extra)


def message_of(case: Case, transport: Callable[[Cluster], Any]) -> str:
    """Return class and text of the error, with fixed ports, thumbprints and times."""
    with answering(case) as (url, simulator), pytest.raises(ServiceFabricError) as refused:
        transport(connection_of(case, url, simulator))
    message = f"{type(refused.value).__name__}: {refused.value}"
    for pattern, fixed in (
        (r"127\.0\.0\.1:(?!19000)\d+", "gateway:19080"),
        (r"\b[0-9A-F]{40}\b", "A1B2...40 digits"),
        (r"\b[0-9A-F]{64}\b", "A1B2...64 digits"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "2026-03-01 03:00 UTC"),
        (r"'[0-9a-f-]{36}'", "'the client id'"),
    ):
        message = re.sub(pattern, fixed, message)
    return message


def test_both_transports_report_failures_as_documented(documented: Any) -> None:
    sections: dict[str, list[str]] = {}
    for case in CASES:
        message = message_of(case, send)
        assert message == message_of(case, asend)
        sections.setdefault(case.security, [TITLES[case.security]]).append(f"{case.wrong}\n: `{message}`\n\n")
    documented("reference/connection_errors.md", "failures", "\n" + "".join(map("".join, sections.values())))


SETTINGS = (
    r"check (host|port|credential|ca_bundle)|set (host|port|security|client_certificate|server_\w+|ca_bundle|token)|"
    r"[Ss]et '(authority|tenant_id|cluster_application)'|another 'security'|in host|HTTP gateway|renew it|assign|check that host"
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.security}: {case.wrong}")
def test_every_failure_names_the_setting_to_change(case: Case) -> None:
    assert re.search(SETTINGS, message_of(case, send))


def test_redirect_receives_no_credentials(transport: Any) -> None:
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as here, socket.create_server(("127.0.0.1", 0)) as elsewhere:
        where = f"https://127.0.0.1:{elsewhere.getsockname()[1]}/"
        answer = page("307 Temporary Redirect", f"Location: {where}")
        secure = server_context(EXPECTED.server(), "server").wrap_socket(here, server_side=True)
        threading.Thread(target=serve, args=(secure, answer, requests), daemon=True).start()
        extra = {"security": "token", "token": "hunter2", "ca_bundle": PEM}
        with pytest.raises(Rejected, match="redirects are not followed: set host"):
            transport(Cluster.at(f"https://127.0.0.1:{secure.getsockname()[1]}", None, extra))
        elsewhere.settimeout(0)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
        secure.shutdown(socket.SHUT_RDWR)
        secure.close()
    assert [b"Authorization: Bearer hunter2" in request for request in requests] == [True]
