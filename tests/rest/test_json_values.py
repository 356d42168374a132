"""Values in Service Fabric's JSON."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import hypothesis.strategies as st
import pytest
from hypothesis import given

from airflow_provider_sf.rest.json_values import (
    count,
    first_objects,
    integer,
    iso,
    number,
    objects,
    percentage,
    seconds,
    short_text,
    text,
    utc,
    value_at,
)
from airflow_provider_sf.rest.storage_limits import shorten


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("PT0H0M2.31669S", 2.31669),
        ("PT0H2M0S", 120.0),
        ("PT02H48M05S", 10_085.0),
        ("P1DT2H03M04.1234567S", 93_784.1234567),
        ("PT0H0M1e-05S", 0.00001),
        ("PT0H0M1.5E+01S", 15.0),
        ("P3D", 259_200.0),
        (" PT1M ", 60.0),
        ("2317", 2.317),
        (2317, 2.317),
        (0, 0.0),
    ],
)
def test_duration_is_iso_8601_or_milliseconds(written: object, read: float) -> None:
    assert seconds(written) == pytest.approx(read, rel=1e-12)


@pytest.mark.parametrize(
    "written", ["P10675199DT02H48M05.4775807S", "P10675199DT2H48M5.4775807S", "P99999999D"]
)
def test_infinite_duration_is_none(written: str) -> None:
    assert seconds(written) is None


@pytest.mark.parametrize(
    "written",
    [None, "", "P", "PT", "soon", "PT1.2.3S", "PT1e999S", f"P{'0' * 99}D", [], {}, True, float("nan")],
)
def test_invalid_duration_is_none(written: object) -> None:
    assert seconds(written) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-03-01T02:58:40.123Z", datetime(2026, 3, 1, 2, 58, 40, 123_000, timezone.utc)),
        ("2026-03-01T02:58:40Z", datetime(2026, 3, 1, 2, 58, 40, 0, timezone.utc)),
        ("2026-03-01T02:58:40", datetime(2026, 3, 1, 2, 58, 40, 0, timezone.utc)),
        ("2026-03-01T02:58:40.1234567Z", datetime(2026, 3, 1, 2, 58, 40, 123_457, timezone.utc)),
        ("2026-03-01T02:58:40.9999999Z", datetime(2026, 3, 1, 2, 58, 41, 0, timezone.utc)),
        ("2026-03-01T02:58:40.5+02:00", datetime(2026, 3, 1, 0, 58, 40, 500_000, timezone.utc)),
    ],
)
def test_time_is_read_in_utc(written: str, read: datetime) -> None:
    assert utc(written) == read
    assert utc(written).tzinfo is timezone.utc  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "written",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00.000Z",
        "0001-01-01T00:00:00+14:00",
        "0002-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00-14:00",
    ],
)
def test_year_1_is_none(written: str) -> None:
    assert utc(written) is None


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        0,
        "today",
        "2026-13-01T00:00:00Z",
        "2026-03-01",
        "9999-12-31T23:59:59-01:00",
        "0002-01-01T00:00:00+99:00",
    ],
)
def test_invalid_time_is_none(written: object) -> None:
    assert utc(written) is None


@given(st.datetimes(timezones=st.integers(-1_439, 1_439).map(lambda m: timezone(timedelta(minutes=m)))))
def test_read_times_are_written_and_read(moment: datetime) -> None:
    read = utc(moment.isoformat())
    assert utc(iso(read)) == read


def test_time_round_trip() -> None:
    moment = datetime(2026, 3, 1, 4, 58, 40, 123_456, timezone(timedelta(hours=2)))
    assert iso(moment) == "2026-03-01T02:58:40.123456Z"
    assert utc(iso(moment)) == moment
    assert iso(None) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [("62", 62.0), (62, 62.0), ("62.5", 62.5), ("0", 0.0), ("-1", -1.0), (1 << 62, float(1 << 62))],
)
def test_number_is_a_number_or_a_string(written: object, read: float) -> None:
    assert number(written) == read
    assert integer(written) == int(read)


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "many",
        True,
        [],
        {},
        "nan",
        "inf",
        "1e999",
        float("inf"),
        10**400,
        "9" * 10_000,
        " " * 100 + "5",
    ],
)
def test_invalid_number_is_none(written: object) -> None:
    assert number(written) is None
    assert integer(written) is None


@pytest.mark.parametrize(
    ("written", "read"), [("62", 62), (0, 0), (-1, None), ("-0.5", 0), (1 << 65, None), (None, None)]
)
def test_count_is_not_negative(written: object, read: int | None) -> None:
    assert count(written) == read


@pytest.mark.parametrize(
    ("written", "read"), [("a", "a"), ("", ""), (2, "2"), (None, None), (True, None), ([], None), ({}, None)]
)
def test_text_is_a_string_or_a_number(written: object, read: str | None) -> None:
    assert text(written) == read


@pytest.mark.parametrize(
    ("written", "read"), [([{"a": 1}, None, "b", {}], [{"a": 1}, {}]), (None, []), ("x", []), ({"a": 1}, [])]
)
def test_only_the_objects_of_a_list(written: object, read: list[object]) -> None:
    assert objects(written) == read
    assert first_objects(written) == (read, 0)


def test_first_objects_of_a_long_list() -> None:
    assert first_objects([1, *[{"a": 1}] * 2_500]) == ([{"a": 1}] * 1_999, 501)


@pytest.mark.parametrize(
    ("answer", "path", "value"),
    [
        ({"a": 1}, "a", 1),
        ({"a": {"b": {"c": [2]}}}, "a.b.c", [2]),
        ({"a": {"b": None}}, "a.b", None),
        ({"a": {"b": 1}}, "a.c", None),
        ({"a": [1]}, "a.b", None),
        ({"a": "b"}, "a.b.c", None),
        ({"a.b": 1}, "a.b", None),
        (None, "a", None),
        ([], "a.b", None),
    ],
)
def test_value_at_a_path(answer: object, path: str, value: object) -> None:
    assert value_at(answer, path) == value


@pytest.mark.parametrize("written", ["922337203685477", 922337203685478, 1e300, "P10675199DT2H48M5.4775807S"])
def test_every_infinite_duration_is_none(written: object) -> None:
    assert seconds(written) is None


@pytest.mark.parametrize("written", [10**300, -(10**300), 1e300, "9" * 20, 1 << 65])
def test_integer_over_64_bits_is_none(written: object) -> None:
    """A stored number must have a limited size."""
    assert integer(written) is None
    assert number(written) is not None


@pytest.mark.parametrize("written", [1 << 62, -(1 << 62), str(1 << 62), 1 << 63])
def test_integer_of_64_bits_is_read(written: object) -> None:
    assert integer(written) == int(float(str(written)))


@pytest.mark.parametrize("character", ["\x00", "\udc80"])
def test_unstorable_character_becomes_a_question_mark(character: str) -> None:
    """PostgreSQL refuses NUL in JSON, and half of a surrogate pair cannot be encoded."""
    assert text(f"web{character}") == "web?"
    assert text("wéb 🙂") == "wéb 🙂"


@pytest.mark.parametrize(
    ("written", "max_bytes", "short"),
    [
        ("x" * 254, 256, "x" * 254),
        ("x" * 255, 256, f"{'x' * 214}... (41 characters more)"),
        ("é" * 42, 256, "é" * 42),
        ("é" * 43, 256, f"{'é' * 35}... (8 characters more)"),
        ("\x01" * 1_000_000, 256, f"{chr(1) * 35}... (999965 characters more)"),
        ("", 256, ""),
    ],
    ids=["fits", "does not fit", "fits escaped", "does not fit escaped", "a million", "nothing"],
)
def test_long_text_is_cut_with_a_note(written: str, max_bytes: int, short: str) -> None:
    assert shorten(written, max_bytes) == short
    assert short_text(written, max_bytes) == short


def test_short_text_of_other_types() -> None:
    assert short_text(None, 256) is None
    assert short_text([], 256) is None
    assert short_text(7, 256) == "7"


@pytest.mark.parametrize(
    ("value", "read"),
    [("62", 62.0), (0, 0.0), (100, 100.0), (100.5, None), (-1, None), ("1e308", None), (None, None)],
)
def test_percentage_is_from_0_to_100(value: object, read: float | None) -> None:
    assert percentage(value) == read


def test_duration_with_hundreds_of_digits_is_none() -> None:
    assert seconds(f"P2{'0' * 303}DT4{'0' * 304}H") is None
