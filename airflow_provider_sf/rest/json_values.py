"""
Read the values in Service Fabric's JSON, and write times and texts into ours. Pure; no I/O.

The gateway writes 64-bit integers as strings and smaller ones as numbers, times in ISO 8601 with the year 1
for "not set", durations in ISO 8601 or, with old api-versions, as a number of milliseconds. Runtimes differ:
every reader takes any JSON value and answers None where it finds nothing of its type: the untouched answer
stays on the record, and a missing detail must not end a wait.
"""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _typeshed import DataclassInstance

_DURATION = re.compile(
    r"P(?:(?P<days>[\d.]+)D)?"
    r"(?:T(?:(?P<hours>[\d.]+)H)?(?:(?P<minutes>[\d.]+)M)?(?:(?P<seconds>[\d.]+(?:[eE][+-]?\d+)?)S)?)?",
    re.ASCII,
)
_TIME = re.compile(
    r"(?P<to_seconds>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?P<fraction>\.\d+)?(?P<zone>Z|[+-]\d\d:\d\d)?", re.ASCII
)
_SECONDS_PER = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}

WORD_BYTES = 256
"""How much JSON a name within an answer, a state or a version may take in a record."""

SENTENCE_BYTES = 400
"""How much JSON one sentence about something in an answer may take in a record."""

DEEPEST = 50
"""How many levels of JSON are stored, or searched for something."""

_COMMA = 2
"""How many bytes stand between two items of a list."""

_OF_A_CUT = 40
"""How many bytes the words about a cut take at most."""

# Service Fabric's widest integer; Python's have no limit, and what is stored of an answer must have one.
MOST_OF_ALL = 1 << 63

# The runtime's TimeSpan::MaxValue, P10675199DT2H48M5.4775807S: infinity, to the second.
_INFINITE_DURATION = 922_337_203_685


def text(value: object) -> str | None:
    """Return a string as it is and a number as its digits (an enum of an old api-version)."""
    if isinstance(value, str):
        return storable(value)
    return None if value is None or isinstance(value, (bool, dict, list)) else str(value)


def storable(written: str) -> str:
    """Put question marks in the place of what databases refuse: NUL and halves of surrogate pairs."""
    if written.isascii() and "\x00" not in written:
        return written  # itself, not one more copy for each record
    return written.replace("\x00", "?").encode("utf-8", "replace").decode()


def shortened(written: str, most: int) -> str:
    """Cut a text that takes more than so many bytes of JSON, and say how much was cut."""
    if json_size(written) <= most:
        return written
    kept = written[: most - _OF_A_CUT]
    while (size := json_size(kept)) > most - _OF_A_CUT:
        kept = kept[: len(kept) * (most - _OF_A_CUT) // size]
    return f"{kept}... ({len(written) - len(kept)} characters more)"


def short_text(value: object, most: int) -> str | None:
    """Do as :func:`text` does, and cut what is longer than so many bytes of JSON."""
    read = text(value)
    return None if read is None else shortened(read, most)


def json_size(value: object) -> int:
    """Return how many bytes a JSON value takes."""
    return len(json.dumps(value))


def number(value: object) -> float | None:
    """Return a finite number, written as a number or as a string."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def integer(value: object) -> int | None:
    """Return a whole number of 64 bits at most, written as a number or as a string."""
    read = number(value)
    return None if read is None or abs(read) > MOST_OF_ALL else int(read)


def percentage(value: object) -> float | None:
    """Return a number from 0 to 100, written as a number or as a string."""
    read = number(value)
    return read if read is not None and 0.0 <= read <= 100.0 else None  # noqa: PLR2004 - percent


def seconds(value: object) -> float | None:
    """Return a duration in seconds: ISO 8601, else a number of milliseconds. Infinity is None."""
    parts = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if parts is None:
        milliseconds = number(value)
        return None if milliseconds is None else _finite(milliseconds / 1_000)
    said = {unit: number(amount) for unit, amount in parts.groupdict().items() if amount is not None}
    if not said or None in said.values():
        return None
    total = sum(_SECONDS_PER[unit] * (amount or 0.0) for unit, amount in said.items())
    return _finite(total)


def _finite(duration: float) -> float | None:
    return duration if duration < _INFINITE_DURATION else None


def utc(value: object) -> datetime | None:
    """Return an ISO 8601 time as an aware datetime in UTC, to the microsecond. Year 1 is None: not set."""
    parts = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if parts is None or parts["to_seconds"].startswith("0001-"):
        return None
    zone = parts["zone"] or "Z"
    fraction = timedelta(microseconds=round(float(parts["fraction"] or 0) * 1_000_000))
    try:
        read = datetime.fromisoformat(parts["to_seconds"] + zone.replace("Z", "+00:00")) + fraction
        return read.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def iso(moment: datetime | None) -> str | None:
    """Write an aware datetime as ISO 8601 in UTC; :func:`utc` undoes it."""
    return None if moment is None else moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def objects(value: object) -> list[dict[str, Any]]:
    """Return the JSON objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def thing_of(key: str) -> str:
    """Return what a key names, as words: ``NodeTypeName`` is a node type, ``PartitionId`` a partition."""
    stem = re.sub("(OrInstance)?(Name|Id)$", "", key)
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", stem).lower()


def at(answer: object, path: str) -> object:
    """Return what stands under a key, or under keys in keys: ``UpgradeDescription.UpgradeKind``."""
    for key in path.split("."):
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


def places_with_room(
    items: Sequence[dict[str, Any]], most: int, *, last: Sequence[bool] | None = None
) -> list[int]:
    """
    Choose which items of a list to keep within so many bytes of JSON; those marked ``last`` go first.

    The choice does not depend on the order: a cluster that lists them anew has not moved.
    """
    written = [json.dumps(item) for item in items]
    kept = []
    for place in sorted(
        range(len(items)), key=lambda place: (last is not None and last[place], written[place])
    ):
        most -= len(written[place]) + _COMMA
        if most < 0:
            break
        kept.append(place)
    return sorted(kept)


def texts_with_room(texts: Iterator[str], most: int) -> list[str]:
    """Take texts, each on one line and cut, while they take no more than so many bytes of JSON."""
    kept = []
    for text in texts:
        short = shortened(" ".join(storable(text).split()), SENTENCE_BYTES)
        most -= json_size(short) + _COMMA
        if most < 0:
            break
        kept.append(short)
    return kept


def count(value: object) -> int:
    """
    Return a count that we wrote ourselves.

    :raises ValueError: it is none
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_OF_ALL:
        msg = f"expected a count, got {value!r}"
        raise ValueError(msg)
    return value


def is_storable(value: object, depth: int = 0) -> bool:
    """
    Whether Airflow's channels and databases take a JSON value as it is.

    They refuse whole numbers of more than 64 bits, what is no number, NUL, halves of surrogate pairs, and too
    many levels; and to Airflow a key that begins with two underscores would mean something.
    """
    if depth > DEEPEST:
        return False
    if isinstance(value, dict):
        return all(
            isinstance(key, str)
            and is_storable(key)
            and not key.startswith("__")
            and is_storable(item, depth + 1)
            for key, item in value.items()
        )
    if isinstance(value, list):
        return all(is_storable(item, depth + 1) for item in value)
    if isinstance(value, str):
        return storable(value) == value
    if isinstance(value, int):
        return abs(value) <= MOST_OF_ALL
    return value is None or (isinstance(value, float) and math.isfinite(value))


def packed(value: object) -> str:
    """Write JSON in less than half of its length: compressed, in base 85. :func:`unpacked` undoes it."""
    written = json.dumps(value, separators=(",", ":"))
    return base64.b85encode(zlib.compress(written.encode(), level=9)).decode()


def unpacked(value: object) -> object:
    """
    Undo :func:`packed`; what is no text was never packed, and is itself.

    :raises ValueError: this is a text, but not one of ours
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(zlib.decompress(base64.b85decode(value)))
    except (ValueError, zlib.error) as error:
        msg = f"expected packed JSON, got {shortened(value, WORD_BYTES)!r}: {error}"
        raise ValueError(msg) from error


def changed_fields(one: DataclassInstance) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from their defaults, or have none; times as ISO 8601."""
    said = ((field, getattr(one, field.name)) for field in fields(one))
    return {
        field.name: iso(value) if isinstance(value, datetime) else value
        for field, value in said
        if value != field.default
    }


def of_schema(schema: str, value: object) -> dict[str, Any]:
    """
    Return a JSON object of ours that says it is of a schema.

    :raises ValueError: it is none, or of another schema
    """
    found = value.get("schema") if isinstance(value, dict) else type(value).__name__
    if not isinstance(value, dict) or found != schema:
        msg = f"expected an object of schema {schema!r}, got {found!r}"
        raise ValueError(msg)
    return value
