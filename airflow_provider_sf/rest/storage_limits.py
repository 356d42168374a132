"""Keep texts and JSON within what Airflow's databases can store. Pure; no I/O."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WORD_BYTES = 256
"""How much JSON a name within an answer, a state or a version may take in a record."""


SENTENCE_BYTES = 400
"""How much JSON one sentence about something in an answer may take in a record."""


MAX_DEPTH = 50
"""How many levels of JSON are stored, or searched for something."""


_COMMA = 2
"""How many bytes stand between two items of a list."""


_OF_A_CUT = 40
"""How many bytes the words about a cut take at most."""


# Service Fabric's widest integer; Python's have no limit, and what is stored of an answer must have one.
MAX_INTEGER = 1 << 63


def make_storable(written: str) -> str:
    """Put question marks in the place of what databases refuse: NUL and halves of surrogate pairs."""
    if written.isascii() and "\x00" not in written:
        return written  # itself, not one more copy for each record
    return written.replace("\x00", "?").encode("utf-8", "replace").decode()


def shorten(written: str, most: int) -> str:
    """Cut a text that takes more than so many bytes of JSON, and say how much was cut."""
    if json_size(written) <= most:
        return written
    kept = written[: most - _OF_A_CUT]
    while (size := json_size(kept)) > most - _OF_A_CUT:
        kept = kept[: len(kept) * (most - _OF_A_CUT) // size]
    return f"{kept}... ({len(written) - len(kept)} characters more)"


def json_size(value: object) -> int:
    """Return how many bytes a JSON value takes."""
    return len(json.dumps(value))


def fitting_indices(
    items: Sequence[dict[str, Any]], most: int, *, omit_first: Sequence[bool] | None = None
) -> list[int]:
    """
    Choose which items of a list to keep within so many bytes of JSON; those marked ``last`` go first.

    The choice does not depend on the order: a cluster that lists them anew has not moved.
    """
    written = [json.dumps(item) for item in items]
    kept = []
    for place in sorted(
        range(len(items)), key=lambda place: (omit_first is not None and omit_first[place], written[place])
    ):
        most -= len(written[place]) + _COMMA
        if most < 0:
            break
        kept.append(place)
    return sorted(kept)


def fitting_texts(texts: Iterator[str], most: int) -> list[str]:
    """Take texts, each on one line and cut, while they take no more than so many bytes of JSON."""
    kept = []
    for text in texts:
        short = shorten(" ".join(make_storable(text).split()), SENTENCE_BYTES)
        most -= json_size(short) + _COMMA
        if most < 0:
            break
        kept.append(short)
    return kept


def is_storable(value: object, depth: int = 0) -> bool:
    """
    Whether Airflow's channels and databases take a JSON value as it is.

    They refuse whole numbers of more than 64 bits, what is no number, NUL, halves of surrogate pairs, and too
    many levels; and to Airflow a key that begins with two underscores would mean something.
    """
    if depth > MAX_DEPTH:
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
        return make_storable(value) == value
    if isinstance(value, int):
        return abs(value) <= MAX_INTEGER
    return value is None or (isinstance(value, float) and math.isfinite(value))
