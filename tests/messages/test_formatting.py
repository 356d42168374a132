"""Format single values: each text is short, printable and the same everywhere."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sf.messages.formatting import (
    STATE_WIDTH,
    capitalize_first,
    format_duration,
    format_percent,
    format_replicas,
    format_state,
    format_time,
    format_version,
    one_line,
    pluralize,
    progress_bar,
    safety_checks,
    service_counts,
    services_behind,
    upgrade_subject,
)
from airflow_provider_sf.upgrades.outcomes import OUTCOMES
from airflow_provider_sf.upgrades.services import ServiceProgress

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
NINE = [ServiceProgress(f"s{number}", 1, 2) for number in range(9)]


# Text of a cluster.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1", "v1"),
        (" two\r\n\tlines ", "two lines"),
        ("red \x1b[31m alert", "red [31m alert"),
        ("\u202egnp.exe\u2028half \ud83d", "gnp.exe half"),
        ("gr\u00fcn", "gr\u00fcn"),
        ("a" * 80, "a" * 80),
        ("a" * 81, "a" * 80 + "..."),
        ("", "?"),
        (" \x00\u200b\n", "?"),
    ],
)
def test_text_becomes_one_printable_line(text: str, expected: str) -> None:
    assert one_line(text) == expected


def test_text_is_cut_at_its_maximum() -> None:
    assert one_line("abcd", 3) == "abc..."
    assert one_line("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("::group::a", "::group: :a"),
        ("a ::endgroup:: b", "a ::endgroup: : b"),
        ("Shop::Cart at [::1]", "Shop::Cart at [::1]"),
    ],
)
def test_text_never_folds_the_log(text: str, expected: str) -> None:
    """Airflow 3's log page looks for these two words in the whole line."""
    assert one_line(text) == expected


@given(st.text() | st.lists(st.sampled_from(["group", "::", "end", "\n", "\u202e", "x" * 50])).map("".join))
def test_any_text_becomes_one_short_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert line == line.strip() != ""
    assert len(line) <= 100
    assert "::group::" not in line
    assert "::endgroup::" not in line


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("application_resource", "it's", 'application resource "it\'s"'),
        ("application_resource", "two\nlines", "application resource 'two lines'"),
        ("application_resource", "a" * 201, f"application resource '{'a' * 200}...'"),
        ("cluster", "", "the cluster"),
    ],
)
def test_subject_has_kind_and_quoted_name(kind: str, name: str, expected: str) -> None:
    assert upgrade_subject(kind, name) == expected


def test_only_first_letter_becomes_capital() -> None:
    assert capitalize_first("application resource 'Shop'") == "Application resource 'Shop'"
    assert capitalize_first("") == ""


# Durations, times, numbers.


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "-"),
        (-2.0, "0s"),
        (0, "0s"),
        (7.9, "7s"),
        (60, "1m00s"),
        (724, "12m04s"),
        (3_600, "1h00m"),
        (3_900, "1h05m"),
        (86_399, "23h59m"),
        (183_600, "2d03h"),
    ],
)
def test_duration_has_two_units(seconds: float | None, expected: str) -> None:
    assert format_duration(seconds) == expected


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0 polls"), (1, "1 poll"), (2, "2 polls"), (1_440, "1440 polls")]
)
def test_noun_is_singular_after_one(count: int, expected: str) -> None:
    assert pluralize(count, "poll") == expected


def test_time_has_seconds_and_zone() -> None:
    assert format_time(START + timedelta(milliseconds=900)) == "2026-03-01 03:00:00 UTC"


@pytest.mark.parametrize(("value", "expected"), [(None, "percent unknown"), (0.0, "0 %"), (62.4, "62 %")])
def test_percentage_is_a_whole_number(value: float | None, expected: str) -> None:
    assert format_percent(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "[          ]"),
        (-1.0, "[----------]"),
        (9.9, "[----------]"),
        (10.0, "[#---------]"),
        (62.0, "[######----]"),
        (99.9, "[#########-]"),
        (100.0, "[##########]"),
        (101.0, "[##########]"),
    ],
)
def test_bar_is_full_only_at_100_percent(value: float | None, expected: str) -> None:
    assert progress_bar(value) == expected


# Services and safety checks.


@pytest.mark.parametrize(
    ("completed", "pending", "expected"),
    [(3, 5, "3/8"), (0, 0, "0/0"), (3, None, "3/?"), (None, 5, "?/?"), (None, None, "?/?")],
)
def test_unknown_replicas_are_question_marks(
    completed: int | None, pending: int | None, expected: str
) -> None:
    assert format_replicas(ServiceProgress("web", completed, pending)) == expected


def test_six_services_are_named_others_counted() -> None:
    six = ["s0 1/3", "s1 1/3", "s2 1/3", "s3 1/3", "s4 1/3", "s5 1/3"]
    assert service_counts([]) == []
    assert service_counts(NINE[:6]) == six
    assert service_counts(NINE[:7]) == [*six, "and 1 more"]
    assert service_counts(NINE[:1], 4) == ["s0 1/3", "and 4 more"]
    assert service_counts(NINE, 4) == [*six, "and 7 more"]


def test_six_services_behind_are_named() -> None:
    six = (
        "s0 1/3 (2 pending), s1 1/3 (2 pending), s2 1/3 (2 pending), "
        "s3 1/3 (2 pending), s4 1/3 (2 pending), s5 1/3 (2 pending)"
    )
    assert services_behind([]) == ""
    assert services_behind(NINE[:6]) == six
    assert services_behind(NINE[:7]) == f"{six}, and 1 more"
    assert services_behind(NINE[:1], 4) == "s0 1/3 (2 pending), and 4 more"
    assert services_behind(NINE, 4) == f"{six}, and 7 more"


def test_long_service_name_is_cut() -> None:
    long = ServiceProgress("\n" + "a" * 61, 1, 2)
    assert service_counts([long]) == [f"{'a' * 60}... 1/3"]
    assert services_behind([long]) == f"{'a' * 60}... 1/3 (2 pending)"


def test_two_safety_checks_are_named() -> None:
    assert safety_checks(["a\nb"]) == ["a b"]
    assert safety_checks(["a", "b", "c"]) == ["a", "b", "and 1 more check"]
    assert safety_checks(["a", "b"], 2) == ["a", "b", "and 2 more checks"]


# States and versions.


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("RollingForward", "rolling forward"),
        ("CompletedRollback", "completed rollback"),
        ("Failed", "failed"),
        ("\nRolling\x00Sideways", "rolling sideways"),
        ("", "no state"),
        (None, "no state"),
    ],
)
def test_state_becomes_words(state: str | None, expected: str) -> None:
    assert format_state(state) == expected


def test_column_fits_every_known_state() -> None:
    assert STATE_WIDTH == 27
    assert all(format_state(state).isascii() for state in OUTCOMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("v1", "v1"), ("v\n1", "v 1"), ("", "an unknown version"), (None, "an unknown version")],
)
def test_missing_version_is_named_unknown(text: str | None, expected: str) -> None:
    assert format_version(text) == expected
