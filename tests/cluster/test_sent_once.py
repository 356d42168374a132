"""Whatever breaks, a change leaves once and is never taken for refused. One contract for both transports."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.auth.settings import UNSECURED
from airflow_provider_sf.cluster import Cluster, client
from airflow_provider_sf.cluster import requests_transport as over_requests
from airflow_provider_sf.rest import Rejected, ResultUnknown, ServiceFabricError
from airflow_provider_sf.rest.changes import change_request
from airflow_provider_sf.rest.protocol import MAX_BODY_BYTES, Call, Request
from tests.scripted_gateway import OK, ScriptedGateway, Turn, length_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_provider_sf.rest.protocol import Response

BODY = {"UpgradeKind": "Rolling", "Name": "fabric:/shop/web"}
PAGE = "https://example.com"
CALLS = {
    method: Call("/Applications/{applicationId}", "6.0", PAGE, method=method)
    for method in ("POST", "PUT", "DELETE")
}
BUSY = json.dumps(
    {"Error": {"Code": "FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS", "Message": "Busy."}}
).encode()
KEEP_ALIVE_401 = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"


def send(cluster: Cluster, request: Request) -> Response:
    return cluster.send(request)


def asend(cluster: Cluster, request: Request) -> Response:
    return asyncio.run(cluster.asend(request))


@pytest.fixture(params=[send, asend], ids=["requests", "aiohttp"])
def transport(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def gateway() -> Iterator[Callable[..., ScriptedGateway]]:
    made: list[ScriptedGateway] = []

    def make(*turns: Turn) -> ScriptedGateway:
        made.append(ScriptedGateway(*turns))
        return made[-1]

    yield make
    for server in made:
        server.close()


def request_of(method: str = "POST") -> Request:
    return change_request(CALLS[method], "fabric:/shop/web", timeout=5, body=BODY)


def with_body(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


def change(cluster: Cluster, transport: Any, request: Request) -> ServiceFabricError | None:
    try:
        cluster.check(transport(cluster, request))
    except ServiceFabricError as error:
        return error
    return None


def change_both(
    server: ScriptedGateway, other: ScriptedGateway, transport: Any, request: Request
) -> ServiceFabricError | None:
    """Send a change to a cluster with two gateways, the first one first."""
    client._known.clear()  # else the gateway that failed comes last
    return change(Cluster((server.url, other.url)), transport, request)


# A broken connection.


@pytest.mark.parametrize("method", CALLS)
def test_no_library_repeats_a_change(method: str, transport: Any, gateway: Any) -> None:
    """aiohttp would repeat PUT and DELETE, which HTTP calls idempotent."""
    server, other = gateway(Turn((b"",))), gateway()
    error = change(Cluster((server.url, other.url)), transport, request_of(method))
    assert type(error) is ResultUnknown
    assert error.message == (
        "result unknown, the change may have been made: the connection was closed before the answer was "
        "complete (if the cluster is secured, use https:// in host and set security) (read the current state "
        "before you repeat it)"
    )
    assert error.endpoint == server.url
    assert (len(server.received), other.received) == (1, [])


@pytest.mark.unmeasured
@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("answer", [OK, with_body("409 Conflict", BUSY)], ids=["accepted", "refused"])
def test_answer_cut_anywhere_is_unknown(method: str, answer: bytes, transport: Any, gateway: Any) -> None:
    server, other = gateway(*(Turn((answer[:length],)) for length in range(len(answer)))), gateway()
    errors = [change_both(server, other, transport, request_of(method)) for _ in answer]
    assert {type(error) for error in errors} == {ResultUnknown}
    assert (len(server.received), other.received) == (len(answer), [])


@pytest.mark.unmeasured
def test_request_cut_anywhere_is_unknown(transport: Any, gateway: Any) -> None:
    first, other = gateway(), gateway()
    transport(Cluster((first.url,)), request_of())
    lengths = range(len(first.received[0]))
    server = gateway(*(Turn(reads=length) for length in lengths))
    errors = [change_both(server, other, transport, request_of()) for _ in lengths]
    assert {type(error) for error in errors} == {ResultUnknown}
    assert (len(server.received), other.received) == (len(lengths), [])


def test_kept_connection_that_breaks_is_unknown(gateway: Any) -> None:
    """The first answer refuses the credentials; the request with new ones would leave on the same connection."""
    server = gateway(Turn((KEEP_ALIVE_401, b"")), Turn((b"",)))
    with over_requests.adapter_for(UNSECURED, is_secure=False) as adapter:
        timeouts = (1.0, 5.0)
        assert over_requests.fetch(adapter, server.url, request_of(), timeouts).status == 401
        with pytest.raises(ResultUnknown):
            over_requests.fetch(adapter, server.url, request_of(), timeouts)


def test_slow_answer_is_sent_once(transport: Any, recorder: Any, gateway: Any) -> None:
    recorder.answer, other = None, gateway()
    request = replace(request_of(), read_timeout=0.05)
    error = change(Cluster((recorder.url, other.url), connect_timeout=0.05), transport, request)
    assert type(error) is ResultUnknown
    assert "timed out (0.05 s to connect, 0.05 s to answer)" in error.message
    assert (recorder.connections, other.received) == (1, [])


# Answers that prove nothing.


@pytest.mark.parametrize(
    "answer",
    [
        with_body("200 OK", b"<html>Sign in</html>"),
        with_body("200 OK", b"hello"),
        with_body("206 Partial Content", b"{}"),
        with_body("200 OK", b" " * (MAX_BODY_BYTES + 1)),
        b"HTTP/1.1 200 OK\r\n\r\n" + b'{"name": "sh',
        with_body("502 Bad Gateway", b""),
        with_body("503 Service Unavailable", b""),
        with_body("408 Request Timeout", b""),
    ],
    ids=["page", "text", "partial", "too large", "cut", "502", "503", "408"],
)
def test_strange_answer_is_unknown(answer: bytes, transport: Any, gateway: Any) -> None:
    server, other = gateway(Turn((answer,))), gateway()
    error = change(Cluster((server.url, other.url)), transport, request_of())
    assert type(error) is ResultUnknown
    assert (len(server.received), other.received) == (1, [])


@pytest.mark.parametrize("body", [b"", b" ", b'{"name": "shop"}'])
def test_empty_or_json_answer_is_accepted(body: bytes, transport: Any, gateway: Any) -> None:
    server = gateway(Turn((with_body("200 OK", body),)))
    assert change(Cluster((server.url,)), transport, request_of("PUT")) is None


def test_redirect_of_a_change_is_refused(transport: Any, gateway: Any) -> None:
    """A server that redirects has made nothing. Neither library follows."""
    elsewhere = gateway()
    redirect = b"HTTP/1.1 307 X\r\nLocation: %s/a\r\nContent-Length: 0\r\n\r\n" % elsewhere.url.encode()
    server = gateway(Turn((redirect,)))
    assert type(change(Cluster((server.url,)), transport, request_of())) is Rejected
    assert elsewhere.received == []


# Bodies.


@pytest.mark.parametrize("content", [b"", b"x" * 300_000])
@pytest.mark.parametrize("is_file", [False, True])
def test_body_always_has_its_length(
    *, content: bytes, is_file: bool, transport: Any, gateway: Any, tmp_path: Path
) -> None:
    """Service Fabric refuses chunked transfer encoding in its image store. A file is sent from its beginning."""
    server = gateway()
    (tmp_path / "part").write_bytes(content)
    with (tmp_path / "part").open("rb") as file:
        request = Request("PUT", "/ImageStore/a?api-version=6.0", body=file if is_file else content)
        transport(Cluster((server.url,)), request)
        transport(Cluster((server.url,)), request)
    for received in server.received:
        head, _, sent = received.partition(b"\r\n\r\n")
        assert b"content-length: %d" % len(content) in head.lower()
        assert b"transfer-encoding" not in head.lower()
        assert (length_of(head), sent) == (len(content), content)
    assert len(server.received) == 2


# Secrets.


def test_no_error_or_log_line_shows_a_body(
    transport: Any, gateway: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A body may hold a password, a parameter or the signature of a package, and a cluster may repeat it."""
    caplog.set_level(logging.DEBUG)
    address = "https://store/shop.sfpkg?sig=open-sesame"
    refusal = json.dumps({"Error": {"Code": "FABRIC_E_FILE_NOT_FOUND", "Message": f"No {address} there."}})
    turns = (Turn((with_body("404 Not Found", refusal.encode()),)), Turn((b"",)))
    cluster = Cluster((gateway(*turns).url,))
    request = change_request(
        CALLS["POST"],
        "shop",
        timeout=5,
        body={"Kind": "ExternalStore", "ApplicationPackageDownloadUri": address},
    )
    errors = [change(cluster, transport, request) for _ in turns]
    assert [type(error) for error in errors] == [Rejected, ResultUnknown]
    assert "No https://store/shop.sfpkg?*** there." in str(errors[0])
    assert "sesame" not in caplog.text + repr(request) + "".join(map(str, errors))
