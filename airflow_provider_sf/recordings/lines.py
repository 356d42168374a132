"""
The lines of a recording as text: a header, then one JSON object for each request. No I/O.

Each line is written at once. If the process dies meanwhile, only the last line is cut.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.recordings.exchanges import SCHEMA, Exchange, Header

if TYPE_CHECKING:
    from collections.abc import Iterable

_FAMILY, _, _VERSION = SCHEMA.partition("/")


class RecordingError(ValueError):
    """A file is not a recording, or it is damaged. The message names the line."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The content of a file. If ``is_cut``, the last line was cut and is not used."""

    header: Header
    exchanges: tuple[Exchange, ...]
    is_cut: bool = False


def header_line(header: Header) -> str:
    """Return the first line of a recording."""
    return json.dumps(header.to_dict()) + "\n"


def exchange_line(exchange: Exchange) -> str:
    """Return the line of an exchange."""
    document = exchange.to_dict()
    if exchange.answer is not None:
        document["answer"] = exchange.answer
    return json.dumps(document, allow_nan=False) + "\n"


def read_recording(lines: Iterable[bytes]) -> Recording:
    """
    Read the lines of a file.

    :raises RecordingError: it is not a recording of this version, or a line is damaged
    """
    header: Header | None = None
    exchanges: list[Exchange] = []
    for number, line in enumerate(lines, 1):
        if header is None:
            header = _header(line)
        elif not line.endswith(b"\n"):
            return Recording(header, tuple(exchanges), is_cut=True)
        else:
            exchanges.append(_exchange(line, number, exchanges))
    if header is None:
        msg = "the file is empty: it is not a recording"
        raise RecordingError(msg)
    return Recording(header, tuple(exchanges))


def _header(line: bytes) -> Header:
    document = _object(line)
    schema = str(document.get("schema")) if document else ""
    family, _, version = schema.partition("/")
    if family == _FAMILY and version != _VERSION and version.isdecimal():
        msg = f"line 1: the format is {schema!r}, and this release reads {SCHEMA!r}: install a newer release"
        raise RecordingError(msg)
    try:
        return Header.from_dict(document)
    except ValueError as error:
        msg = f"line 1: the file is not a recording: {error}"
        raise RecordingError(msg) from None


def _exchange(line: bytes, number: int, earlier: list[Exchange]) -> Exchange:
    document = _object(line)
    if document is None:
        msg = f"line {number}: expected a JSON object: the file is damaged"
        raise RecordingError(msg)
    try:
        exchange = replace(Exchange.from_dict(document), answer=document.get("answer"), line=number)
    except ValueError as error:
        msg = f"line {number}: {error}: the file is damaged"
        raise RecordingError(msg) from None
    if not isinstance(exchange.answer, dict | None):
        msg = f"line {number}: 'answer' is not a JSON object: the file is damaged"
        raise RecordingError(msg)
    if earlier and exchange.at < earlier[-1].at:
        msg = f"line {number}: its time is before that of line {number - 1}: the file is damaged"
        raise RecordingError(msg)
    return exchange


def _object(line: bytes) -> dict[str, Any] | None:
    """Return the JSON object of a line; None if it is not one."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
