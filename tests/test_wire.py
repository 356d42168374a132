"""What Service Fabric writes into its JSON, and what we read there."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_sf.wire import integer, iso, number, objects, seconds, text, utc


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
def test_a_duration_is_iso_8601_or_a_number_of_milliseconds(written: object, read: float) -> None:
    assert seconds(written) == pytest.approx(read, rel=1e-12)


@pytest.mark.parametrize(
    "written", ["P10675199DT02H48M05.4775807S", "P10675199DT2H48M5.4775807S", "P99999999D"]
)
def test_an_infinite_duration_is_none(written: str) -> None:
    assert seconds(written) is None


@pytest.mark.parametrize(
    "written", [None, "", "P", "PT", "soon", "PT1.2.3S", "PT1e999S", [], {}, True, float("nan")]
)
def test_what_is_no_duration_is_none(written: object) -> None:
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
def test_a_time_is_read_to_the_microsecond_in_utc(written: str, read: datetime) -> None:
    assert utc(written) == read
    assert utc(written).tzinfo is timezone.utc  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "written", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00+14:00"]
)
def test_the_year_1_means_not_set(written: str) -> None:
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
def test_what_is_no_time_is_none(written: object) -> None:
    assert utc(written) is None


def test_a_written_time_is_read_back() -> None:
    moment = datetime(2026, 3, 1, 4, 58, 40, 123_456, timezone(timedelta(hours=2)))
    assert iso(moment) == "2026-03-01T02:58:40.123456Z"
    assert utc(iso(moment)) == moment
    assert iso(None) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [("62", 62.0), (62, 62.0), ("62.5", 62.5), ("0", 0.0), ("-1", -1.0), (1 << 62, float(1 << 62))],
)
def test_a_number_comes_as_a_number_or_a_string(written: object, read: float) -> None:
    assert number(written) == read
    assert integer(written) == int(read)


@pytest.mark.parametrize(
    "written", [None, "", "many", True, [], {}, "nan", "inf", "1e999", float("inf"), 10**400, "9" * 10_000]
)
def test_what_is_no_finite_number_is_none(written: object) -> None:
    assert number(written) is None
    assert integer(written) is None


@pytest.mark.parametrize(
    ("written", "read"), [("a", "a"), ("", ""), (2, "2"), (None, None), (True, None), ([], None), ({}, None)]
)
def test_text_is_a_string_or_the_digits_of_a_number(written: object, read: str | None) -> None:
    assert text(written) == read


@pytest.mark.parametrize(
    ("written", "read"), [([{"a": 1}, None, "b", {}], [{"a": 1}, {}]), (None, []), ("x", []), ({"a": 1}, [])]
)
def test_objects_are_those_of_a_list(written: object, read: list[object]) -> None:
    assert objects(written) == read


@pytest.mark.parametrize("written", ["922337203685477", 922337203685478, 1e300, "P10675199DT2H48M5.4775807S"])
def test_an_infinite_duration_is_none_in_each_of_its_forms(written: object) -> None:
    assert seconds(written) is None
