"""An answer that is cut at any byte is no answer; interim answers are skipped. One contract for both transports."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.rest import Rejected, ServiceFabricError, Unreachable
from tests.requests_to import PING

VERSION = b'{"Version": "10.1", "More": {"a": [1]}}'
NOT_FOUND = b'{"Error": {"Code": "FABRIC_E_APPLICATION_NOT_FOUND", "Message": "No such application."}}'
CUT = "the connection was closed before the answer was complete"


def with_length(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nServer: x\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


def in_chunks(body: bytes) -> bytes:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (body[:16], body[16:]))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n" % chunks


def until_closed(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nConnection: close\r\n\r\n%s" % (status.encode(), body)


GOOD = {
    "length": with_length("200 OK", VERSION),
    "chunks": in_chunks(VERSION),
    "until closed": until_closed("200 OK", VERSION),
    "hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + with_length("200 OK", VERSION),
}
BAD = {
    "refusal": with_length("404 Not Found", NOT_FOUND),
    "refusal until closed": until_closed("404 Not Found", NOT_FOUND),
}


@pytest.fixture
def cutter(recorder: Any) -> Any:
    """A server that closes the connection after each answer."""
    recorder.closes = True
    return recorder


Result = dict[str, Any] | ServiceFabricError


def send_all(cutter: Any, answers: list[bytes]) -> list[Result]:
    results: list[Result] = []
    for cutter.answer in answers:
        try:
            results.append(Cluster((cutter.url,)).read(Cluster((cutter.url,)).send(PING)))
        except ServiceFabricError as error:
            results.append(error)
    return results


def asend_all(cutter: Any, answers: list[bytes]) -> list[Result]:
    async def ask() -> list[Result]:
        results: list[Result] = []
        async with Cluster((cutter.url,)).session():
            for cutter.answer in answers:
                try:
                    results.append(Cluster((cutter.url,)).read(await Cluster((cutter.url,)).asend(PING)))
                except ServiceFabricError as error:
                    results.append(error)
        return results

    return asyncio.run(ask())


@pytest.fixture(params=[send_all, asend_all], ids=["requests", "aiohttp"])
def ask_all(request: pytest.FixtureRequest) -> Any:
    return request.param


def beginnings(answer: bytes) -> list[bytes]:
    return [answer[:length] for length in range(len(answer))]


@pytest.mark.parametrize("answer", GOOD.values(), ids=GOOD)
def test_answer_cut_anywhere_is_unreachable(answer: bytes, ask_all: Any, cutter: Any) -> None:
    *cut, whole = ask_all(cutter, [*beginnings(answer), answer])
    assert {(type(result), result.message.partition(" (")[0]) for result in cut} == {(Unreachable, CUT)}
    assert whole == {"Version": "10.1", "More": {"a": [1]}}


@pytest.mark.unmeasured
@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
def test_refusal_cut_anywhere_is_unreachable(answer: bytes, ask_all: Any, cutter: Any) -> None:
    """One exception: without a length, nothing shows that a body is missing completely."""
    *cut, whole = ask_all(cutter, [*beginnings(answer), answer])
    if b"Connection: close" in answer:
        without_body = cut.pop(answer.index(b"{"))
        assert (type(without_body), without_body.status, without_body.code) == (Rejected, 404, None)
    assert {(type(result), result.message.partition(" (")[0]) for result in cut} == {(Unreachable, CUT)}
    assert (type(whole), whole.code) == (Rejected, "FABRIC_E_APPLICATION_NOT_FOUND")


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"hello"])
def test_whole_page_until_closed_is_unexpected(body: bytes, ask_all: Any, cutter: Any) -> None:
    (result,) = ask_all(cutter, [until_closed("200 OK", body)])
    assert type(result).__name__ == "UnexpectedAnswer"


@pytest.mark.parametrize("status", [b"100 Continue", b"102 Processing", b"103 Early Hints", b"199 Odd"])
def test_interim_answers_are_skipped(status: bytes, ask_all: Any, cutter: Any) -> None:
    interim = b"HTTP/1.1 %s\r\nLink: </a>\r\n\r\nHTTP/1.1 %s\r\n\r\n" % (status, status)
    assert ask_all(cutter, [interim + GOOD["length"]]) == [{"Version": "10.1", "More": {"a": [1]}}]


@pytest.mark.parametrize("line", [b"hello", b" folded", b"a b: c", b": c"])
def test_answer_with_a_broken_header_is_unreachable(line: bytes, ask_all: Any, cutter: Any) -> None:
    """The length of the body may be in a later line."""
    (result,) = ask_all(cutter, [GOOD["length"].replace(b"Server: x", line)])
    assert (type(result), result.message.partition(" (")[0]) == (Unreachable, "the answer is not HTTP")


def test_switching_protocols_is_no_interim_answer(ask_all: Any, cutter: Any) -> None:
    (result,) = ask_all(cutter, [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"])
    assert (type(result).__name__, result.status) == ("UnexpectedAnswer", 101)
