"""One contract over both transports, on real sockets."""

from __future__ import annotations

import asyncio
import gc
import gzip
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf import __version__
from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.cluster import per_loop as sharing
from airflow_provider_sf.cluster.per_loop import MAX_CONCURRENT_REQUESTS
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, Response, error_from_response, request_for
from airflow_provider_sf.upgrades.kinds import KINDS

if TYPE_CHECKING:
    from airflow_provider_sf.rest.protocol import Request

PING = request_for(CLUSTER_VERSION)
PROGRESS = KINDS["application_resource"].progress


def send(to: Cluster, request: Request) -> Response:
    return to.send(request)


def asend(to: Cluster, request: Request) -> Response:
    return asyncio.run(to.asend(request))


@pytest.fixture(params=[send, asend], ids=["requests", "aiohttp"])
def transport(request: pytest.FixtureRequest) -> Any:
    return request.param


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    return (
        "\r\n".join([f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}", *headers, "", ""]).encode()
        + body
    )


def test_the_request_line_is_exactly_the_documented_one(transport: Any, recorder: Any) -> None:
    transport(Cluster((recorder.url,)), request_for(PROGRESS, "sampleApplication"))
    line, *headers = recorder.requests[0].split("\r\n")
    assert (
        line == "GET /Resources/Applications/sampleApplication/$/GetUpgradeProgress?api-version=7.0 HTTP/1.1"
    )
    assert sorted(header for header in headers if not header.startswith("Connection")) == [
        "Accept-Encoding: gzip, deflate",
        "Accept: application/json",
        f"Host: {recorder.url.removeprefix('http://')}",
        f"User-Agent: airflow-provider-sf/{__version__}",
    ]


@pytest.mark.parametrize(
    "name", ["my shop", "x?y=1", "x#frag", "100%", "{curly}", "a+b", "é", "...", "a&b=c", "%41", "~"]
)
def test_no_library_rewrites_a_quoted_name(name: str, transport: Any, recorder: Any) -> None:
    request = request_for(PROGRESS, name)
    transport(Cluster((recorder.url,)), request)
    assert recorder.requests[0].split("\r\n")[0] == f"GET {request.target} HTTP/1.1"


@pytest.mark.parametrize("status", [200, 204, 301, 400, 403, 404, 500, 503])
def test_every_status_is_an_answer(status: int, transport: Any, recorder: Any) -> None:
    recorder.answer = http(status, b"" if status == 204 else b'{"a": 1}', "Location: /elsewhere")
    body = b"" if status == 204 else b'{"a": 1}'
    headers = {"content-length": str(len(body)), "location": "/elsewhere"}
    assert transport(Cluster((recorder.url,)), PING) == Response(status, body, headers, recorder.url)
    assert len(recorder.requests) == 1


@pytest.mark.parametrize("name", ["Retry-After", "retry-after", "RETRY-AFTER", "rEtRy-aFtEr"])
def test_header_names_are_in_lower_case(name: str, transport: Any, recorder: Any) -> None:
    recorder.answer = http(503, b"", f"{name}: 7", "DATE: Sun, 01 Mar 2026 03:00:00 GMT", "X-Cluster: Shop 1")
    assert transport(Cluster((recorder.url,)), PING).headers == {
        "content-length": "0",
        "retry-after": "7",
        "date": "Sun, 01 Mar 2026 03:00:00 GMT",
        "x-cluster": "Shop 1",
    }


@pytest.mark.parametrize("delay", ["7", "Sun, 01 Mar 2026 03:00:07 GMT"])
def test_retry_after_is_read(delay: str, transport: Any, recorder: Any) -> None:
    recorder.answer = http(503, b"", f"Retry-After: {delay}", "Date: Sun, 01 Mar 2026 03:00:00 GMT")
    error = error_from_response(transport(Cluster((recorder.url,)), PING))
    assert isinstance(error, Unreachable)
    assert error.retry_after == 7.0


def test_an_answer_without_headers_has_none(transport: Any, recorder: Any) -> None:
    recorder.answer = b"HTTP/1.1 200 OK\r\n\r\n{}"
    assert transport(Cluster((recorder.url,)), PING) == Response(
        200, b"{}", {}, recorder.url, has_length=False
    )


def test_a_compressed_answer_is_read(transport: Any, recorder: Any) -> None:
    recorder.answer = http(200, gzip.compress(b'{"a": 1}'), "Content-Encoding: gzip")
    assert transport(Cluster((recorder.url,)), PING).body == b'{"a": 1}'


def test_cookies_are_not_kept(recorder: Any) -> None:
    recorder.answer = http(200, b"{}", "Set-Cookie: a=b")

    async def ask_twice() -> None:
        to = Cluster((recorder.url,))
        async with to.session():
            await to.asend(PING)
            await to.asend(PING)

    asyncio.run(ask_twice())
    assert "cookie" not in recorder.requests[1].lower()


def test_proxies_of_the_environment_are_not_used(
    transport: Any, recorder: Any, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    assert transport(Cluster((recorder.url,)), PING).status == 200


def test_a_refused_connection_is_unreachable(transport: Any, closed_port: int) -> None:
    with pytest.raises(Unreachable) as error:
        transport(Cluster((f"http://127.0.0.1:{closed_port}",)), PING)
    assert str(error.value) == f"http://127.0.0.1:{closed_port}: Connection refused (check host and port)"
    assert error.value.endpoint == f"http://127.0.0.1:{closed_port}"


def test_handled_exception_is_not_the_cause(transport: Any, closed_port: int) -> None:
    def ask_while_handling_something_else() -> None:
        try:
            int("something else")
        except ValueError:
            transport(Cluster((f"http://127.0.0.1:{closed_port}",)), PING)

    with pytest.raises(Unreachable, match="Connection refused"):
        ask_while_handling_something_else()


def test_a_name_without_an_address_is_unreachable(transport: Any) -> None:
    with pytest.raises(Unreachable, match=r"no-such-host.invalid:19080: .*(cannot be resolved)"):
        transport(Cluster(("http://no-such-host.invalid:19080",)), PING)


def test_server_without_answer_is_unreachable(transport: Any, recorder: Any) -> None:
    recorder.answer = None
    with pytest.raises(Unreachable, match=r"timed out \(0.2 s to connect, 0.05 s to answer\)"):
        transport(Cluster((recorder.url,), connect_timeout=0.2, read_timeout=0.05), PING)


def test_a_body_that_stops_coming_is_cut_off(transport: Any, recorder: Any) -> None:
    recorder.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"
    with pytest.raises(Unreachable, match="timed out"):
        transport(Cluster((recorder.url,), connect_timeout=0.02, read_timeout=0.03), PING)


def test_local_queue_is_no_timeout(simulator: Any, clock: Any) -> None:
    """Twenty rounds of slow answers take longer than the timeout of each: time in the queue does not count."""
    clock.now = 0.0
    slow = request_for(PROGRESS, "flapping-shop")

    async def ask_often() -> list[Response]:
        to = Cluster((simulator.url,), connect_timeout=1.0, read_timeout=1.0)
        await to.asend(slow)
        clock.now = 200.0
        simulator.slow_seconds = 0.15
        return await asyncio.gather(*(to.asend(slow) for _ in range(20 * MAX_CONCURRENT_REQUESTS)))

    assert {answer.status for answer in asyncio.run(ask_often())} == {504}


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{", b"SSH-2.0-OpenSSH_9.2\r\n"],
    ids=["nothing", "half a body", "no HTTP"],
)
def test_an_answer_that_is_cut_off_is_unreachable(answer: bytes, transport: Any, recorder: Any) -> None:
    recorder.answer = answer
    with pytest.raises(Unreachable) as error:
        transport(Cluster((recorder.url,)), PING)
    assert len(str(error.value)) > len(recorder.url) + 5
    assert "\n" not in str(error.value)


def test_a_body_that_is_no_gzip_is_unreachable(transport: Any, recorder: Any) -> None:
    recorder.answer = http(200, b"plain", "Content-Encoding: gzip")
    with pytest.raises(Unreachable):
        transport(Cluster((recorder.url,)), PING)


def test_many_waits_share_one_bounded_session(recorder: Any) -> None:
    to, twin = Cluster((recorder.url,)), Cluster((recorder.url,))

    async def ask_often() -> None:
        async with to.session() as first, twin.session() as second:
            assert first is second
            await asyncio.gather(*(to.asend(PING) for _ in range(100)))
            await asyncio.gather(*(twin.asend(PING) for _ in range(100)))

    asyncio.run(ask_often())
    assert len(recorder.requests) == 200
    assert recorder.connections <= MAX_CONCURRENT_REQUESTS


def test_the_last_to_leave_closes_the_session(recorder: Any) -> None:
    to = Cluster((recorder.url,))

    async def come_and_go() -> None:
        async with to.session() as session:
            async with to.session():
                await to.asend(PING)
            assert not session.http.closed
        assert session.http.closed
        async with to.session() as another:
            assert another is not session

    asyncio.run(come_and_go())
    assert recorder.connections == 1


def test_cancelled_wait_keeps_the_session_open(recorder: Any) -> None:
    to = Cluster((recorder.url,))

    async def wait_long() -> None:
        async with to.session():
            await asyncio.sleep(60)

    async def cancel_one() -> None:
        async with to.session() as session:
            waiting = asyncio.create_task(wait_long())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert not session.http.closed
        assert session.http.closed

    asyncio.run(cancel_one())


def test_each_event_loop_has_its_own_session(recorder: Any) -> None:
    to = Cluster((recorder.url,))
    for _ in range(3):
        assert asyncio.run(to.asend(PING)).status == 200
    gc.collect()
    assert recorder.connections == 3
    assert not [sessions for sessions in sharing._resources.values() if sessions]


def test_cluster_from_connection_fields() -> None:
    own = "http://a:19080/Explorer/index.html"
    assert Cluster.at("a") == Cluster(("http://a:19080",), 5.0, 30.0, own)
    assert Cluster.at("a", 1).endpoint == "http://a:1"
    assert Cluster.at("a", None, {"connect_timeout": "2.5", "read_timeout": 7}) == Cluster(
        ("http://a:19080",), 2.5, 7.0, own
    )
    empty = {"connect_timeout": None, "read_timeout": "", "explorer_url": None}
    assert Cluster.at("a", None, empty) == Cluster.at("a", None, {"explorer_url": ""}) == Cluster.at("a")


@pytest.mark.parametrize(
    ("url", "page"),
    [
        (None, "http://a:19080/Explorer/index.html#/apps"),
        ("https://sfx.example.com/shop/", "https://sfx.example.com/shop/#/apps"),
        ("none", None),
    ],
)
def test_explorer_page_follows_its_url(url: str | None, page: str | None) -> None:
    assert Cluster.at("a", None, {"explorer_url": url}).explorer_page("/apps") == page


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            {"timeout": 5},
            "unknown extra field 'timeout': use one of security, .*, connect_timeout, read_timeout, explorer_url$",
        ),
        ({"read_timeout": 0}, "'read_timeout' must be a positive number of seconds, not 0$"),
        ({"read_timeout": "30 s"}, "not '30 s'$"),
        ({"read_timeout": "hunter2"}, r"not \(text of 7 characters\)$"),
        ({"read_timeout": {"hunter2": 1}}, r"not \(dict\)$"),
        ({"api_version": "9"}, "'api_version' must be a version such as '9.1', not '9'$"),
        ({"api_version": "hunter2"}, r"such as '9.1', not \(text of 7 characters\)$"),
        ({"hunter2": 5}, r"^unknown extra field \(text of 7 characters\): use one of security, "),
        ({"connect_timeout": []}, "'connect_timeout' must be"),
        ({"explorer_url": "sfx.example.com"}, "'explorer_url' must be the http or https URL"),
        (["hunter2"], "^extra must be a JSON object, not list$"),
    ],
)
def test_invalid_extra_field_is_named(extra: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        Cluster.at("a", None, extra)
    assert "hunter2" not in str(refused.value)


def test_cluster_has_less_time_than_the_answer() -> None:
    assert Cluster.at("a").server_timeout == 25
    assert Cluster.at("a", None, {"read_timeout": 60}).server_timeout == 55


def test_repeated_header_is_a_list(transport: Any, recorder: Any) -> None:
    recorder.answer = http(503, b"", "X-Node: a", "X-Node: b")
    assert transport(Cluster((recorder.url,)), PING).headers["x-node"] == "a, b"
