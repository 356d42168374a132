"""The file: what is written is read again, and a foreign, cut or damaged file is an error that names the line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sf.recordings.exchanges import BODIES, CALLS, SCHEMA, Exchange, Header, exchange_of
from airflow_provider_sf.recordings.lines import (
    RecordingError,
    exchange_line,
    header_line,
    read_recording,
)
from airflow_provider_sf.recordings.pseudonyms import Pseudonyms
from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, MAX_BODY_BYTES, Response
from tests.recordings.made import AT, exchange

HEADER = header_line(Header("1.0", 15.0)).encode()
LINE = exchange_line(exchange("cluster", {"UpgradeState": "Failed"}, dropped=2)).encode()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
EXCHANGES = st.one_of(
    st.builds(
        exchange,
        st.just("cluster"),
        st.dictionaries(st.text(), JSON),
        name=st.from_regex(r"name-\d{1,3}", fullmatch=True),
    ),
    st.builds(
        exchange,
        st.just("cluster"),
        status=st.just(503),
        body=st.sampled_from(list(BODIES)),
        size=st.integers(0, 99),
    ),
    st.builds(exchange, st.just("cluster"), status=st.none(), error=st.just("Unreachable")),
)


@given(st.lists(EXCHANGES, max_size=5))
def test_written_lines_are_read_again(exchanges: list[Exchange]) -> None:
    lines = [HEADER, *(exchange_line(item).encode() for item in exchanges)]
    recording = read_recording(lines)
    assert recording.exchanges == tuple(exchanges)
    assert [item.line for item in recording.exchanges] == list(range(2, len(lines) + 1))
    assert (recording.header, recording.is_cut) == (Header("1.0", 15.0), False)


def test_line_is_short_and_readable() -> None:
    assert json.loads(LINE) == {
        "at": "2026-03-01T03:00:00Z",
        "call": "/$/GetUpgradeProgress",
        "status": 200,
        "dropped": 2,
        "answer": {"UpgradeState": "Failed"},
    }
    assert json.loads(HEADER) == {"schema": SCHEMA, "provider": "1.0", "interval_seconds": 15.0}


@pytest.mark.parametrize("size", range(1, len(LINE)))
def test_cut_last_line_is_not_used(size: int) -> None:
    """The process died while it wrote; the lines before it are valid."""
    recording = read_recording([HEADER, LINE, LINE[:size]])
    assert (len(recording.exchanges), recording.is_cut) == (1, True)


def changed(**members: Any) -> bytes:
    """Return a line with other members; None removes one."""
    document = {**json.loads(LINE), **members}
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode() + b"\n"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "the file is empty: it is not a recording"),
        ([b"hello\n"], "line 1: the file is not a recording: expected a JSON object for Header, got None"),
        ([HEADER[:20]], "line 1: the file is not a recording"),
        (
            [b'{"schema": "service_fabric.upgrade_progress/1"}\n'],
            "line 1: the file is not a recording: expected schema",
        ),
        (
            [b'{"schema": "service_fabric.recording/x"}\n'],
            "line 1: the file is not a recording: expected schema",
        ),
        ([LINE], "line 1: the file is not a recording: expected schema"),
        (
            [b'{"schema": "service_fabric.recording/2"}\n'],
            f"line 1: the format is 'service_fabric.recording/2', and this release reads {SCHEMA!r}: install a newer",
        ),
        ([HEADER, LINE, LINE[:30] + b"\n"], "line 3: expected a JSON object: the file is damaged"),
        ([HEADER, b"\n"], "line 2: expected a JSON object: the file is damaged"),
        ([HEADER, b"[1]\n"], "line 2: expected a JSON object: the file is damaged"),
        ([HEADER, b"\xff\xfe\n"], "line 2: expected a JSON object: the file is damaged"),
        ([HEADER, b"[" * 100_000 + b"\n"], "line 2: expected a JSON object: the file is damaged"),
        (
            [HEADER, changed(at="now")],
            "line 2: Exchange: the member 'at' cannot be read: expected an ISO 8601 time",
        ),
        ([HEADER, changed(call=None)], "line 2: Exchange: the member 'call' is missing: the file is damaged"),
        ([HEADER, changed(call="/Nodes")], "line 2: unknown call '/Nodes': the file is damaged"),
        ([HEADER, changed(status=20)], "line 2: 20 is not an HTTP status: the file is damaged"),
        ([HEADER, changed(status="ok")], "line 2: Exchange: the member 'status' cannot be read"),
        (
            [HEADER, changed(body="gold")],
            "line 2: expected a body of empty, page, text and at most 4194304 bytes",
        ),
        (
            [HEADER, changed(size=MAX_BODY_BYTES + 1)],
            "line 2: expected a body of empty, page, text and at most",
        ),
        ([HEADER, changed(answer=[1])], "line 2: 'answer' is not a JSON object: the file is damaged"),
        (
            [HEADER, LINE, changed(at="2026-03-01T02:59:59Z")],
            "line 3: its time is before that of line 2: the file is damaged",
        ),
    ],
)
def test_other_files_are_errors(lines: list[bytes], message: str) -> None:
    with pytest.raises(RecordingError) as error:
        read_recording(lines)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"Version": "10.1.2338.9590"}', {"answer": {"Version": "10.1.2338.9590"}}),
        (b'{"Version": "10.1.2338.9590", "New": 1}', {"answer": {"Version": "10.1.2338.9590"}, "dropped": 1}),
        (b"", {"body": "empty", "size": 0}),
        (b" \n", {"body": "empty", "size": 2}),
        (b"<html>secret</html>", {"body": "page", "size": 19}),
        (b"secret", {"body": "text", "size": 6}),
        (b'["secret"]', {"body": "text", "size": 10}),
        (b'{"secret": ', {"body": "text", "size": 11}),
    ],
)
def test_body_is_kept_or_described(body: bytes, kept: dict[str, Any]) -> None:
    recorded = exchange_of(Response(503, body), CLUSTER_VERSION, "", Pseudonyms(), AT)
    assert recorded == Exchange(AT, CLUSTER_VERSION.path, status=503, **kept)
    assert "secret" not in exchange_line(recorded)


def test_recorded_calls_only_read() -> None:
    assert {call.method for call in CALLS.values()} == {"GET"}


def test_code_of_an_error_is_read() -> None:
    assert exchange("cluster", {"Error": {"Code": "NotFound"}}, status=404).code == "NotFound"
    assert exchange("cluster", {}).code is None
