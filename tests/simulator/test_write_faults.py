"""Commands over HTTP: what the journal keeps, and each fault of a command."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.__main__ import main
from tests.simulator.driven import Driven

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UPGRADE = "/Applications/idle-shop~web/$/Upgrade?api-version=6.0"
ROLLBACK = "/Applications/idle-shop~web/$/RollbackUpgrade?api-version=6.0"
BODY = json.dumps(Driven().body()).encode()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(slow_seconds=0.01, gateways=2) as running:
        yield running


def exchange(
    url: str, method: str, target: str, body: bytes | None = None, *, context: ssl.SSLContext | None = None
) -> tuple[int, Any]:
    """Return the status and the JSON of an answer; a lost connection has the status 0."""
    host = urlsplit(url).netloc
    connection = HTTPSConnection(host, context=context) if context else HTTPConnection(host, timeout=60)
    try:
        connection.request(method, target, body)
        response = connection.getresponse()
        content = response.read()
    except (OSError, HTTPException):
        return 0, ""
    finally:
        connection.close()
    return response.status, json.loads(content) if content else ""


def send(url: str, method: str, target: str, body: bytes = BODY) -> tuple[int, str]:
    """Return the status and the error code."""
    status, answer = exchange(url, method, target, body)
    return status, answer["Error"]["Code"] if status >= 400 and answer else ""


@pytest.mark.parametrize(
    ("kind", "answer", "accepted"),
    [
        ("lost_after", (0, ""), 1),
        ("lost_before", (0, ""), 0),
        ("unavailable", (503, "FABRIC_E_SERVICE_TOO_BUSY"), 0),
        ("slow", (200, ""), 1),
        ("late", (200, ""), 1),
        ("timeout_after", (504, "FABRIC_E_TIMEOUT"), 1),
    ],
)
def test_fault_happens_once(kind: str, answer: tuple[int, str], accepted: int, simulator: Simulator) -> None:
    simulator.fault_next_write(kind)
    assert exchange(simulator.url, "GET", "/Nodes?api-version=6.3")[0] == 200  # no command
    send(simulator.url, "POST", "/$/GetClusterHealth?api-version=6.0", b"{}")
    assert send(simulator.url, "POST", UPGRADE) == answer
    assert len(simulator.journal) == accepted
    second = (409, "FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS") if accepted else (200, "")
    assert send(simulator.url, "POST", UPGRADE) == second
    assert len(simulator.journal) == 1


def test_faults_happen_in_order(simulator: Simulator) -> None:
    simulator.fault_next_write("unavailable", times=2)
    simulator.fault_next_write("lost_after")
    assert [send(simulator.url, "POST", UPGRADE)[0] for _ in range(4)] == [503, 503, 0, 409]


def test_unknown_fault_is_refused(simulator: Simulator) -> None:
    with pytest.raises(ValueError, match="invalid kind 'broken': choose one of lost_after, "):
        simulator.fault_next_write("broken")


def test_late_command_is_accepted_after_its_client_left() -> None:
    """The client has given up, its connection is closed, and the cluster still starts the upgrade."""
    with Simulator(slow_seconds=0.05) as simulator:
        simulator.fault_next_write("late")
        with socket.create_connection(("127.0.0.1", simulator.port)) as connection:
            head = f"POST {UPGRADE} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n"
            connection.sendall(head.encode() + BODY)
        assert simulator.journal == []
        deadline = time.monotonic() + 60
        while not simulator.journal and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [command.call for command in simulator.journal] == ["start_application_upgrade"]


def test_slow_command_ends_with_the_server() -> None:
    simulator = Simulator(slow_seconds=3600)
    simulator.start()
    simulator.fault_next_write("slow")
    sending = threading.Thread(target=send, args=(simulator.url, "POST", UPGRADE), daemon=True)
    sending.start()
    deadline = time.monotonic() + 60
    while not simulator.journal and time.monotonic() < deadline:
        time.sleep(0.01)
    simulator.stop()
    sending.join(60)
    assert not sending.is_alive()


@pytest.mark.parametrize("cut", [0, 1, len(BODY) - 1])
def test_incomplete_request_is_not_accepted(cut: int, simulator: Simulator) -> None:
    with socket.create_connection(("127.0.0.1", simulator.port)) as connection:
        head = f"POST {UPGRADE} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n"
        connection.sendall(head.encode() + BODY[:cut])
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert simulator.journal == []


@pytest.mark.parametrize("headers", ["Transfer-Encoding: chunked\r\n\r\n0\r\n", ""])
def test_request_needs_its_length(headers: str, simulator: Simulator) -> None:
    with socket.create_connection(("127.0.0.1", simulator.port)) as connection:
        connection.sendall(f"POST {ROLLBACK} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 411 ")


def test_delete_needs_no_length(simulator: Simulator) -> None:
    with socket.create_connection(("127.0.0.1", simulator.port)) as connection:
        connection.sendall(b"DELETE /ImageStore/a?api-version=6.0 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")


def test_journal_names_gateway_call_and_body(simulator: Simulator) -> None:
    assert send(simulator.urls[1], "POST", f"{UPGRADE}&timeout=300") == (200, "")
    assert send(simulator.urls[0], "POST", ROLLBACK, b"") == (200, "")
    assert send(simulator.urls[0], "PUT", "/ImageStore/shop/a.bin?api-version=6.0", b"\xff\x00") == (200, "")
    first, second, third = simulator.journal
    assert (first.call, first.name) == ("start_application_upgrade", "fabric:/idle-shop/web")
    assert (first.endpoint, first.thumbprint) == (simulator.urls[1], None)
    assert first.body == json.loads(BODY)
    assert first.query == {"api-version": "6.0", "timeout": "300"}
    assert (second.call, second.endpoint, second.body) == (
        "rollback_application_upgrade",
        simulator.urls[0],
        None,
    )
    assert third.body == b"\xff\x00"
    status, entries = exchange(simulator.url, "GET", "/simulator/journal")
    assert status == 200
    assert [entry["call"] for entry in entries] == [command.call for command in simulator.journal]
    assert entries[0] == {
        "at": first.at,
        "call": "start_application_upgrade",
        "name": "fabric:/idle-shop/web",
        "body": json.loads(BODY),
        "endpoint": simulator.urls[1],
        "thumbprint": None,
    }
    assert entries[2]["body"] == {"bytes": 2}


@pytest.mark.parametrize("tls", ["mutual", "mutual-late"])
def test_journal_names_the_certificate(tls: str, tmp_path: Path) -> None:
    with Simulator(tls=tls) as simulator:
        certificate = simulator.authority.client()
        path = tmp_path / "client.pem"
        path.write_bytes(certificate.pem + certificate.key_pem)
        context = ssl.create_default_context(cadata=simulator.authority.pem.decode())
        context.load_cert_chain(path)
        context.post_handshake_auth = True
        assert exchange(simulator.url, "POST", UPGRADE, BODY, context=context) == (200, "")
        assert simulator.journal[0].thumbprint == certificate.thumbprint


def test_client_without_certificate_changes_nothing() -> None:
    with Simulator(tls="mutual") as simulator:
        context = ssl.create_default_context(cadata=simulator.authority.pem.decode())
        assert exchange(simulator.url, "POST", UPGRADE, BODY, context=context) == (403, "")
        assert simulator.journal == []


def test_one_of_many_identical_starts_is_accepted(simulator: Simulator) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: send(simulator.urls[number % 2], "POST", UPGRADE), range(32)))
    assert sorted(answers) == [(200, ""), *[(409, "FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS")] * 31]
    assert len(simulator.journal) == 1


@pytest.mark.parametrize("arguments", [["--write-fault", "broken"], ["--write-fault"]])
def test_command_refuses_unknown_faults(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "--write-fault" in capsys.readouterr().err
