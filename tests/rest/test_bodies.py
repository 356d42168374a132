"""The bodies of responses: JSON, errors in two spellings, and everything else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_sf.rest.bodies import (
    code_and_message,
    describe,
    error_document,
    is_beginning,
    is_small,
    json_document,
)


@pytest.mark.parametrize(
    ("document", "code", "message"),
    [
        ({"Error": {"Code": "E_ABORT", "Message": "Stopped."}}, "E_ABORT", "Stopped."),
        ({"error": {"code": "ResourceUpdateNotSupported", "message": "Not now.", "details": []}}, "ResourceUpdateNotSupported", "Not now."),
        ({"Error": {"Code": "E_ABORT", "Message": ""}}, "E_ABORT", None),
        ({"Error": {"Code": "E_ABORT", "Message": " \x1b "}}, "E_ABORT", None),
        ({"Error": {"Code": "E_ABORT", "Message": None}}, "E_ABORT", None),
        ({"Error": {"Code": "", "Message": "Stopped."}}, None, "Stopped."),
        ({"Error": {"Code": 5, "Message": 5}}, None, None),
        ({"Error": "E_ABORT"}, None, None),
        ({"Error": None, "error": {"code": "E_ABORT"}}, "E_ABORT", None),
        ({"Error": {"code": "E_ABORT"}}, None, None),
        ([{"Error": {"Code": "E_ABORT"}}], None, None),
        (None, None, None),
    ],
)  # fmt: skip
def test_code_and_message_of_an_error(document: Any, code: str | None, message: str | None) -> None:
    assert code_and_message(document) == (code, message)


@pytest.mark.parametrize(
    ("body", "small"),
    [
        (b"", True),
        (b'{"a": "%s"}' % (b"x" * 65_000), True),
        (b'{"a": "%s"}' % (b"x" * 66_000), False),
        (b'{"a": [0%s]}' % (b",0" * 1_000), True),
        (b'{"a": [0%s]}' % (b",0" * 1_001), False),
    ],
    ids=["nothing", "64 KiB", "more", "1000 commas", "more commas"],
)
def test_small_bodies_have_few_values(body: bytes, *, small: bool) -> None:
    assert is_small(body) is small
    assert error_document(body) == (json_document(body) if small else None)


LARGE = [
    b'{"a": [%s]}' % b",".join([b'{"b": 1.5, "c": "\\u8cfc"}'] * 20_000),
    b'{"a": "%s"}' % (b"x" * 2_000_000),
    b'\xef\xbb\xbf{"a": [%s]} \n' % b",".join([b"1"] * 50_000),
]


@pytest.mark.parametrize("body", LARGE, ids=["values", "text", "mark"])
def test_large_body_is_parsed_alike(body: bytes) -> None:
    """The parser for large bodies lets other threads continue."""
    assert json_document(body) == json.loads(body.decode("utf-8-sig"))


@pytest.mark.parametrize("end", [b"", b"}}", b"]"])
def test_large_broken_body_is_no_json(end: bytes) -> None:
    assert json_document(LARGE[1][:-1] + end) is None
    assert json_document(LARGE[1]) is not None


def test_number_of_many_digits_is_no_json() -> None:
    assert json_document(b'{"a": 1.%s}' % (b"5" * 999) + b" " * 2_000_000) is None
    assert json_document(b'{"a": 1.%s}' % (b"5" * 900) + b" " * 2_000_000) is not None


def test_large_deep_body_is_no_json() -> None:
    assert json_document(b'{"a": %s' % (b"[" * 2_000_000)) is None


@pytest.mark.parametrize("body", [b"", b" \n", b"{", b"[", b'{"a": 1', b'\xef\xbb\xbf{"a', b'{"a": [}'])
def test_beginning_of_an_object_or_list(body: bytes) -> None:
    assert is_beginning(body, json_document(body))


@pytest.mark.parametrize("body", [b"{}", b"<html", b"[]", b"null", b"hello"])
def test_other_bodies_are_no_beginning(body: bytes) -> None:
    assert not is_beginning(body, json_document(body))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "an empty body"),
        (b" \n", "an empty body"),
        (b"<html>", "an HTML or XML page of 6 bytes"),
        (b"[1]", "a JSON list of 3 bytes"),
        (b"{}", "a JSON object without an error of 2 bytes"),
        (b'{"a"', "broken JSON of 4 bytes"),
        (b"hunter2", "text of 7 bytes"),
    ],
)
def test_bodies_are_described_without_content(body: bytes, text: str) -> None:
    assert describe(body, json_document(body)) == text
