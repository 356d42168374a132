"""
Keep texts and JSON within the limits of Airflow's databases. No I/O.

Records and lists have limits in bytes of JSON as Airflow writes it: a character outside ASCII takes 6 or 12.
One sentence has a limit in characters, so that it says as much in every script.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.plain_text import plain_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WORD_BYTES = 256
"""How many bytes of JSON a name, a state or a version may take in a record."""

SENTENCE_LENGTH = 390
"""How many characters one sentence may have in a record."""

MAX_DEPTH = 50
"""How many levels of nested JSON are stored or searched."""

_SEPARATOR_BYTES = 2
"""The comma and the space between two items of a list."""

_CUT_NOTE_LENGTH = 40
"""The most characters of the note that a text was cut."""

# Service Fabric's largest integer. Python's integers have no limit, but a stored number must have one.
MAX_INTEGER = 1 << 63


def make_storable(text: str) -> str:
    """Replace the characters that databases refuse by question marks: NUL and halves of surrogate pairs."""
    if text.isascii() and "\x00" not in text:
        return text  # no copy for each record
    return text.replace("\x00", "?").encode("utf-8", "replace").decode()


def shorten(text: str, max_bytes: int) -> str:
    """Cut a text to a number of bytes of JSON; a note at its end says how many characters were cut."""
    most_per_character = 6 if text.isascii() else 12
    if len(text) * most_per_character + 2 <= max_bytes:
        return text  # most texts are short
    return _shorten(text, max_bytes, json_size)


def json_size(value: object) -> int:
    """Return how many bytes a value takes as JSON."""
    return len(json.dumps(value))


def fitting_indices(
    items: Sequence[dict[str, Any]], max_bytes: int, *, omit_first: Sequence[int] | None = None
) -> list[int]:
    """
    Return the indices of the items that fit into a number of bytes of JSON.

    Items with a larger number in ``omit_first`` are left out before the others. The choice does not depend
    on the order of the items: the same items in another order do not count as progress.
    """
    written = [json.dumps(item) for item in items]
    low_priority = omit_first or [0] * len(items)
    kept = []
    for index in sorted(range(len(items)), key=lambda index: (low_priority[index], written[index])):
        max_bytes -= len(written[index]) + _SEPARATOR_BYTES
        if max_bytes < 0:
            break
        kept.append(index)
    return sorted(kept)


def fitting_texts(texts: Iterator[str], max_bytes: int) -> list[str]:
    """
    Return the first texts that fit into a number of bytes of JSON, each cut and on one line.

    The first text is cut further if it needs more bytes than all may take.
    """
    kept: list[str] = []
    for text in texts:
        line = plain_line(text)
        short = _shorten(line, SENTENCE_LENGTH, len)
        if not kept and json_size(short) + _SEPARATOR_BYTES > max_bytes:
            short = shorten(line, max_bytes - _SEPARATOR_BYTES)
        max_bytes -= json_size(short) + _SEPARATOR_BYTES
        if max_bytes < 0:
            break
        kept.append(short)
    return kept


def is_storable(value: object, depth: int = 0) -> bool:
    """
    Whether Airflow can store a JSON value unchanged.

    Databases refuse integers over 64 bits, NaN, infinity, NUL, halves of surrogate pairs and deep nesting.
    Keys with two leading underscores have a meaning in Airflow's own serialization.
    """
    if depth > MAX_DEPTH:
        return False
    if isinstance(value, dict):
        return all(_is_storable_key(key) and is_storable(item, depth + 1) for key, item in value.items())
    if isinstance(value, list):
        return all(is_storable(item, depth + 1) for item in value)
    return _is_storable_scalar(value)


def _shorten(text: str, limit: int, size: Callable[[str], int]) -> str:
    """Cut a text to a size. No character is smaller than 1."""
    if len(text) <= limit and size(text) <= limit:
        return text
    room = limit - _CUT_NOTE_LENGTH
    kept = max(0, bisect_right(range(room + 1), room, key=lambda length: size(text[:length])) - 1)
    return f"{text[:kept]}... ({len(text) - kept} characters more)"


def _is_storable_key(key: object) -> bool:
    return isinstance(key, str) and make_storable(key) == key and not key.startswith("__")


def _is_storable_scalar(value: object) -> bool:
    if isinstance(value, str):
        return make_storable(value) == value
    if isinstance(value, int):
        return abs(value) <= MAX_INTEGER
    return value is None or (isinstance(value, float) and math.isfinite(value))
