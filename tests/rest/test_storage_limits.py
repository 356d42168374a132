"""Texts and JSON within the limits of Airflow's databases."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import pytest
from hypothesis import given

from airflow_provider_sf.rest.storage_limits import (
    fitting_indices,
    fitting_texts,
    is_storable,
    json_size,
    shorten,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator


def test_items_fit_with_their_separators() -> None:
    items = [{"a": "x" * length} for length in (30, 10, 20)]
    whole = len(json.dumps(items))
    assert fitting_indices(items, whole) == [0, 1, 2]
    assert fitting_indices(items, whole - 1) == [1, 2]
    assert fitting_indices(items, 19 + 2) == [1]
    assert fitting_indices(items, 19 + 1) == []
    assert fitting_indices([], 100) == []


def test_marked_items_are_omitted_first() -> None:
    items = [{"a": letter} for letter in "abcd"]
    room = 2 * len(json.dumps({"a": "a"}) + ", ")
    assert fitting_indices(items, room) == [0, 1]
    assert fitting_indices(items, room, omit_first=[True, False, True, False]) == [1, 3]
    assert fitting_indices(items, room + room // 2, omit_first=[True, False, True, False]) == [0, 1, 3]
    assert fitting_indices(items, 10 * room, omit_first=[True, False, True, False]) == [0, 1, 2, 3]


@given(
    st.lists(st.tuples(st.text("ab", max_size=9), st.booleans()), max_size=9),
    st.integers(0, 200),
    st.randoms(),
)
def test_fitting_items_do_not_depend_on_order(
    pairs: list[tuple[str, bool]], max_bytes: int, random_source: random.Random
) -> None:
    def kept(listed: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
        items = [{"a": letters} for letters, _ in listed]
        indices = fitting_indices(items, max_bytes, omit_first=[done for _, done in listed])
        assert indices == sorted(set(indices))
        assert not indices or json_size([items[index] for index in indices]) <= max_bytes
        return [listed[index] for index in indices]

    assert sorted(kept(pairs)) == sorted(kept(random_source.sample(pairs, len(pairs))))


def test_texts_fit_with_their_separators() -> None:
    texts = ["x" * 30, "y" * 10, "z" * 20]
    whole = len(json.dumps(texts))
    assert fitting_texts(iter(texts), whole) == texts
    assert fitting_texts(iter(texts), whole - 1) == texts[:2]
    assert fitting_texts(iter(texts), 34) == texts[:1]
    assert fitting_texts(iter([]), 100) == []


def test_texts_are_cut_and_on_one_line() -> None:
    assert fitting_texts(iter([" a\r\n\tb  c\x00\x1b "]), 100) == ["a b c"]
    assert fitting_texts(iter(["é" * 5_000]), 3_000) == [f"{'é' * 350}... (4650 characters more)"]
    assert fitting_texts(iter(["é" * 390]), 3_000) == ["é" * 390]


def test_sentence_in_chinese_is_kept() -> None:
    """It takes 1,280 bytes of JSON. Its length counts, as in other scripts."""
    sentence = f"{'x' * 120}{'購' * 193}"
    assert fitting_texts(iter([sentence, sentence]), 2_048) == [sentence]


@pytest.mark.parametrize("letter", ["x", "é", "購", "😀", '"'])
def test_first_text_is_always_kept(letter: str) -> None:
    (cut, *_) = fitting_texts(iter([letter * 5_000] * 3), 1_024)
    assert len(json.dumps([cut])) <= 1_024
    kept, _, more = cut.partition("... (")
    assert kept == letter * len(kept)
    assert more == f"{5_000 - len(kept)} characters more)"
    assert len(kept) == 350 or len(json.dumps([cut])) > 1_024 - 30


def test_no_texts_are_read_after_the_limit() -> None:
    made = []

    def texts() -> Iterator[str]:
        for index in range(1_000):
            made.append(index)
            yield "x" * 30

    assert len(fitting_texts(texts(), 340)) == 10
    assert len(made) == 11


@given(st.text(max_size=60), st.integers(1, 60), st.integers(64, 600))
def test_cut_text_fits_and_counts_exactly(piece: str, times: int, max_bytes: int) -> None:
    written = piece * times
    short = shorten(written, max_bytes)
    assert len(json.dumps(short)) <= max_bytes
    assert shorten(written, max_bytes) == shorten(short, max_bytes) == short
    if short != written:
        cut = re.fullmatch(r"(.*)\.\.\. \((\d+) characters more\)", short, re.DOTALL)
        assert cut is not None
        assert written.startswith(cut[1])
        assert len(cut[1]) + int(cut[2]) == len(written)
        assert json_size(written[: len(cut[1]) + 1]) > max_bytes - 40


def test_cheap_beginning_is_kept() -> None:
    """The characters of a text take between 1 and 12 bytes."""
    written = f"{'a' * 120}{'購' * 193}"
    assert shorten(written, 400) == f"{'a' * 120}{'購' * 39}... (154 characters more)"


def test_json_size() -> None:
    assert [json_size(value) for value in ("", "é", "\U0001f600", [1, 2], {"a": None})] == [2, 8, 14, 6, 11]


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "takes"),
    [
        ({"a": [1, 1.5, None, True, "wéb 🙂", {}]}, True),
        (nested(50), True),
        (nested(51), False),
        (10**30, False),
        (float("nan"), False),
        (["web\x00"], False),
        ({"\udc80": 1}, False),
        ({"__classname__": "x"}, False),
        (object(), False),
    ],
    ids=["plain", "deep", "too deep", "wide", "no number", "NUL", "half a pair", "key", "no JSON"],
)
def test_storable_values(value: object, *, takes: bool) -> None:
    assert is_storable(value) is takes
