"""The bodies of requests and responses: JSON, errors of Service Fabric and of Azure, the rest. No I/O."""

from __future__ import annotations

import json
import json.scanner
from io import SEEK_END, BufferedIOBase
from typing import BinaryIO, cast

from airflow_provider_sf.rest.plain_text import plain_line

MAX_COMMAS = 100_000
"""
How many commas the JSON of a response may have, so that it has about as many values.

Service Fabric writes about one for each 50 bytes of a long answer.
"""

_SMALL_BYTES, _SMALL_COMMAS = 64 * 1024, 1_000
"""A body up to this size is read within some 20 ms, whatever it contains."""

_MAX_DIGITS = 1_000

_FAST_BYTES, _FAST_COMMAS = 1024 * 1024, 30_000
"""
Up to this size the parser of the standard library takes at most some 30 ms.

It holds the lock of the interpreter all that time, also in a thread, so that no event loop continues.
"""

PAGE = "an HTML or XML page"


def content_of(body: object) -> tuple[str, bytes | BinaryIO]:
    """Return the media type of a body, and what to send; JSON keeps the order of the members."""
    if body is None:
        return "", b""
    if isinstance(body, (bytes, BufferedIOBase)):
        return "application/octet-stream", cast("bytes | BinaryIO", body)
    return "application/json; charset=utf-8", json.dumps(body, ensure_ascii=False).encode()


def rewound(body: bytes | BinaryIO) -> bytes | BinaryIO | None:
    """
    Return the body of a request from its beginning, for a library that sends it; None if it is empty.

    The libraries would send an empty file in chunks, which Service Fabric does not accept.
    """
    if isinstance(body, bytes):
        return body or None
    size = body.seek(0, SEEK_END)
    body.seek(0)
    return body if size else None


def is_small(body: bytes) -> bool:
    """Whether a body is small enough to be read on an event loop."""
    return len(body) <= _SMALL_BYTES and body.count(b",") <= _SMALL_COMMAS


def json_document(body: bytes) -> object:
    """Return a body as JSON, None if it is not JSON. A byte order mark is allowed."""
    try:
        return _decoder_for(body).decode(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def is_empty_or_json(body: bytes) -> bool:
    """Whether a body is what Service Fabric answers to a change, and not a page of something before it."""
    return not body.strip() or json_document(body) is not None


def error_document(body: bytes) -> object:
    """Return the body of an error as JSON, None if it is not JSON or too large."""
    return json_document(body) if is_small(body) else None


def code_and_message(document: object) -> tuple[str | None, str | None]:
    """
    Return code and message of an error, each None if it is missing or empty.

    The services of Azure, which may stand in front of a cluster, spell the keys in lower case.
    """
    members = document if isinstance(document, dict) else {}
    for outer, *inner in (("Error", "Code", "Message"), ("error", "code", "message")):
        error = members.get(outer)
        if isinstance(error, dict):
            code, message = (error.get(key) for key in inner)
            return code if isinstance(code, str) and code else None, _words(message)
    return None, None


def is_beginning(body: bytes, document: object) -> bool:
    """Whether a body may be the beginning of a JSON object or list, and not a whole one."""
    return _start(body) in {b"", b"{", b"["} and document is None


def describe(body: bytes, document: object) -> str:
    """Describe a body that is not the expected one. Do not quote it: it may contain secrets."""
    start = _start(body)
    descriptions = {
        b"": "an empty body",
        b"<": PAGE,
        b"[": "a JSON list",
        b"{": "broken JSON" if document is None else "a JSON object without an error",
    }
    size = f" of {len(body)} bytes" if start else ""
    return descriptions.get(start, "text") + size


def _decoder_for(body: bytes) -> json.JSONDecoder:
    """Return a decoder; the one for large bodies is written in Python, which lets other threads continue."""
    if len(body) <= _FAST_BYTES and body.count(b",") <= _FAST_COMMAS:
        return _DECODER
    decoder = json.JSONDecoder(parse_float=_float)
    decoder.scan_once = json.scanner.py_make_scanner(decoder)  # type: ignore[attr-defined]  # not in typeshed
    return decoder


_DECODER = json.JSONDecoder()


def _float(digits: str) -> float:
    """Return a number. Millions of digits would take long."""
    if len(digits) > _MAX_DIGITS:
        msg = f"a number of {len(digits)} characters"
        raise ValueError(msg)
    return float(digits)


def _words(message: object) -> str | None:
    return plain_line(message) or None if isinstance(message, str) else None


def _start(body: bytes) -> bytes:
    """Return the first byte that is not blank."""
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
