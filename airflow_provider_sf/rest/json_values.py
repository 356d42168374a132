"""
Read the values in Service Fabric's JSON. No I/O.

The gateway writes 64-bit integers as strings and smaller ones as numbers. Times are in ISO 8601, and year 1
means "not set". Durations are in ISO 8601 or, with old api-versions, a number of milliseconds.

Runtimes differ, so every function accepts any JSON value and returns None if it has the wrong type: a missing
detail must not end a wait, and the original answer stays on the record.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_sf.rest.storage_limits import MAX_INTEGER, WORD_BYTES, make_storable, shorten

_DURATION = re.compile(
    r"P(?:(?P<days>[\d.]+)D)?"
    r"(?:T(?:(?P<hours>[\d.]+)H)?(?:(?P<minutes>[\d.]+)M)?(?:(?P<seconds>[\d.]+(?:[eE][+-]?\d+)?)S)?)?",
    re.ASCII,
)
_TIME = re.compile(
    r"(?P<to_seconds>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?P<fraction>\.\d+)?(?P<zone>Z|[+-]\d\d:\d\d)?", re.ASCII
)
_SECONDS_PER = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}

_MAX_TOKEN_LENGTH = 100

MAX_ITEMS = 2_000
"""How many items of a list in an answer about an upgrade are read. Records have room for about a hundred."""


# The runtime's TimeSpan::MaxValue, P10675199DT2H48M5.4775807S, means infinite.
_INFINITE_DURATION = 922_337_203_685


def text(value: object) -> str | None:
    """Return a string as it is, and a number as its digits: old api-versions write enums as numbers."""
    if isinstance(value, str):
        return make_storable(value)
    return None if value is None or isinstance(value, (bool, dict, list)) else str(value)


def _token(value: object) -> str | None:
    """Return text without blanks around it. Long text is no number, duration or time, and slow to read."""
    return value.strip() if isinstance(value, str) and len(value) <= _MAX_TOKEN_LENGTH else None


def number(value: object) -> float | None:
    """Return a finite number that is written as a number or as a string."""
    if isinstance(value, str):
        value = _token(value)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def integer(value: object) -> int | None:
    """Return a whole number of at most 64 bits that is written as a number or as a string."""
    read = number(value)
    return None if read is None or abs(read) > MAX_INTEGER else int(read)


def count(value: object) -> int | None:
    """Return a whole number that is not negative; see :func:`integer`."""
    read = integer(value)
    return None if read is None or read < 0 else read


def percentage(value: object) -> float | None:
    """Return a number from 0 to 100 that is written as a number or as a string."""
    read = number(value)
    return read if read is not None and 0.0 <= read <= 100.0 else None  # noqa: PLR2004 - percent


def seconds(value: object) -> float | None:
    """Return a duration in seconds from ISO 8601 or a number of milliseconds; None if it is infinite."""
    parts = _DURATION.fullmatch(_token(value) or "")
    if parts is None:
        milliseconds = number(value)
        return None if milliseconds is None else _finite(milliseconds / 1_000)
    amounts = {unit: number(amount) for unit, amount in parts.groupdict().items() if amount is not None}
    if not amounts or None in amounts.values():
        return None
    total = sum(_SECONDS_PER[unit] * (amount or 0.0) for unit, amount in amounts.items())
    return _finite(total)


def _finite(duration: float) -> float | None:
    return duration if duration < _INFINITE_DURATION else None


def utc(value: object) -> datetime | None:
    """Return an ISO 8601 time as an aware datetime in UTC, to the microsecond; None for year 1 (not set)."""
    parts = _TIME.fullmatch(_token(value) or "")
    if parts is None:
        return None
    zone = parts["zone"] or "Z"
    fraction = timedelta(microseconds=round(float(parts["fraction"] or 0) * 1_000_000))
    try:
        read = datetime.fromisoformat(parts["to_seconds"] + zone.replace("Z", "+00:00")) + fraction
        in_utc = read.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return None if in_utc.year == 1 else in_utc


def iso(moment: datetime | None) -> str | None:
    """Write an aware datetime as ISO 8601 in UTC; :func:`utc` undoes it."""
    return None if moment is None else moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def objects(value: object) -> list[dict[str, Any]]:
    """Return the JSON objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def first_objects(value: object) -> tuple[list[dict[str, Any]], int]:
    """Return the JSON objects among the first items of a list, and the number of items after these."""
    if not isinstance(value, list):
        return [], 0
    return objects(value[:MAX_ITEMS]), max(0, len(value) - MAX_ITEMS)


def value_at(answer: object, path: str) -> object:
    """Return the value at a path of keys, such as ``UpgradeDescription.UpgradeKind``."""
    for key in path.split("."):
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


def short_text(value: object, max_bytes: int) -> str | None:
    """Return :func:`text`, cut to a number of bytes of JSON."""
    read = text(value)
    return None if read is None else shorten(read, max_bytes)


def word(value: object) -> str | None:
    """Return a name, a state, a version or another word, cut to the length that a record keeps."""
    return short_text(value, WORD_BYTES)


def failure_word(value: object) -> str | None:
    """Return the reason or the class of a failure; Service Fabric's word for "no failure" is None."""
    reason = word(value)
    return None if reason == "None" else reason
