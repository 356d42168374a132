"""The words that all texts share: each is short, plain and the same everywhere."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sf.messages.formatting import (
    bar,
    behind,
    clock,
    counts,
    many,
    meaning,
    pause,
    percent,
    plain,
    replicas,
    sentence,
    span,
    standing,
    state_words,
    title,
    version,
    which,
)
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.outcomes import OUTCOMES
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.timeline import Stage

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
NINE = [ServiceProgress(f"s{number}", 1, 2) for number in range(9)]
MANUAL: dict[str, Any] = {"rolling_upgrade_mode": "UnmonitoredManual"}


def record(state: str | None, value: float | None = 62.0, **fields: Any) -> UpgradeProgress:
    said = {"started_at": START, "target_version": "v1", **fields}
    return UpgradeProgress("application_resource", "shop", state=state, percent_completed=value, **said)


OLD = record("CompletedRollforward", 100.0, started_at=START - timedelta(days=1), target_version="v0")
NEVER = record("CompletedRollforward", 100.0, started_at=None)


# What a cluster says.


@pytest.mark.parametrize(
    ("said", "words"),
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
def test_what_a_cluster_says_is_one_line_of_printable_letters(said: str, words: str) -> None:
    assert plain(said) == words


def test_what_a_cluster_says_is_as_long_as_its_place_allows() -> None:
    assert plain("abcd", 3) == "abc..."
    assert plain("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("::group::a", "::group: :a"),
        ("a ::endgroup:: b", "a ::endgroup: : b"),
        ("Shop::Cart at [::1]", "Shop::Cart at [::1]"),
    ],
)
def test_what_a_cluster_says_does_not_fold_the_log(said: str, words: str) -> None:
    """Airflow 3's log view looks for these two words in the whole line."""
    assert plain(said) == words


@given(st.text() | st.lists(st.sampled_from(["group", "::", "end", "\n", "\u202e", "x" * 50])).map("".join))
def test_whatever_a_cluster_says_becomes_one_short_printable_line(said: str) -> None:
    words = plain(said)
    assert words.isprintable()
    assert words == words.strip() != ""
    assert len(words) <= 100
    assert "::group::" not in words
    assert "::endgroup::" not in words


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("application_resource", "shop", "application resource 'shop'"),
        ("application_resource", "it's", 'application resource "it\'s"'),
        ("application_resource", "two\nlines", "application resource 'two lines'"),
        ("application_resource", "a" * 201, f"application resource '{'a' * 200}...'"),
    ],
)
def test_a_title_names_the_kind_and_quotes_the_name(kind: str, name: str, words: str) -> None:
    assert title(kind, name) == words


def test_a_sentence_begins_with_a_capital_and_changes_nothing_else() -> None:
    assert sentence("application resource 'Shop'") == "Application resource 'Shop'"
    assert sentence("") == ""


# Durations, times, counts.


@pytest.mark.parametrize(
    ("seconds", "words"),
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
def test_a_duration_is_worded_for_people(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 polls"), (1, "1 poll"), (2, "2 polls"), (1_440, "1440 polls")]
)
def test_one_thing_is_singular(count: int, words: str) -> None:
    assert many(count, "poll") == words


def test_a_time_is_worded_to_the_second_and_with_its_zone() -> None:
    assert clock(START + timedelta(milliseconds=900)) == "2026-03-01 03:00:00 UTC"


@pytest.mark.parametrize(("value", "words"), [(None, "percent unknown"), (0.0, "0 %"), (62.4, "62 %")])
def test_a_percentage_is_a_whole_number_or_said_to_be_unknown(value: float | None, words: str) -> None:
    assert percent(value) == words


@pytest.mark.parametrize(
    ("value", "drawing"),
    [
        (None, "[                    ]"),
        (-1.0, "[--------------------]"),
        (4.9, "[--------------------]"),
        (5.0, "[#-------------------]"),
        (62.0, "[############--------]"),
        (99.9, "[###################-]"),
        (100.0, "[####################]"),
        (101.0, "[####################]"),
    ],
)
def test_a_bar_is_full_only_when_all_is_done_and_always_of_one_width(
    value: float | None, drawing: str
) -> None:
    assert bar(value) == drawing


# Services.


@pytest.mark.parametrize(
    ("completed", "pending", "words"),
    [(3, 5, "3/8"), (0, 0, "0/0"), (3, None, "3/?"), (None, 5, "?/?"), (None, None, "?/?")],
)
def test_replicas_are_upgraded_of_all_as_far_as_that_is_said(
    completed: int | None, pending: int | None, words: str
) -> None:
    assert replicas(ServiceProgress("web", completed, pending)) == words


def test_six_services_are_counted_and_the_others_only_in_number() -> None:
    six = ["s0 1/3", "s1 1/3", "s2 1/3", "s3 1/3", "s4 1/3", "s5 1/3"]
    assert counts([]) == []
    assert counts(NINE[:6]) == six
    assert counts(NINE[:7]) == [*six, "and 1 more"]
    assert counts(NINE[:1], 4) == ["s0 1/3", "and 4 more"]
    assert counts(NINE, 4) == [*six, "and 7 more"]


def test_six_services_behind_are_named_and_the_others_counted() -> None:
    six = (
        "s0 1/3 (2 to come), s1 1/3 (2 to come), s2 1/3 (2 to come), "
        "s3 1/3 (2 to come), s4 1/3 (2 to come), s5 1/3 (2 to come)"
    )
    assert behind([]) == ""
    assert behind(NINE[:6]) == six
    assert behind(NINE[:7]) == f"{six}, and 1 more"
    assert behind(NINE[:1], 4) == "s0 1/3 (2 to come), and 4 more"
    assert behind(NINE, 4) == f"{six}, and 7 more"


def test_a_service_name_is_cut_and_printable() -> None:
    long = ServiceProgress("\n" + "a" * 61, 1, 2)
    assert counts([long]) == [f"{'a' * 60}... 1/3"]
    assert behind([long]) == f"{'a' * 60}... 1/3 (2 to come)"


# States and versions.


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("RollingForward", "rolling forward"),
        ("CompletedRollback", "completed rollback"),
        ("Failed", "failed"),
        ("\nRolling\x00Sideways", "rolling sideways"),
        ("", "no state"),
        (None, "no state"),
    ],
)
def test_a_state_is_spelled_as_words(state: str | None, words: str) -> None:
    assert state_words(state) == words


@pytest.mark.parametrize("state", OUTCOMES)
def test_every_state_of_service_fabric_fits_into_its_column(state: str) -> None:
    assert len(state_words(state)) <= 27
    assert state_words(state).isascii()


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (record("RollingForward"), "rolling forward"),
        (record(None, None), "no state"),
        (NEVER, "not upgraded"),
    ],
)
def test_what_was_never_upgraded_does_not_stand_as_completed(look: UpgradeProgress, words: str) -> None:
    assert standing(look) == words
    assert standing(Stage.of(look, START, expected=False)) == words


@pytest.mark.parametrize(
    ("said", "words"),
    [("v1", "v1"), ("v\n1", "v 1"), ("", "an unknown version"), (None, "an unknown version")],
)
def test_a_version_is_never_nothing(said: str | None, words: str) -> None:
    assert version(said) == words


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (OLD, "to v0, started 2026-02-28 03:00:00 UTC"),
        (record("RollingBack"), "back to v1, started 2026-03-01 03:00:00 UTC"),
        (record("ProvisioningTarget", started_at=None), "to v1, not started yet"),
        (record("Failed", target_version=None), "to an unknown version, started 2026-03-01 03:00:00 UTC"),
    ],
)
def test_an_upgrade_is_named_by_its_target_and_its_start(look: UpgradeProgress, words: str) -> None:
    assert which(look) == words


# Which upgrade is meant.


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        (UpgradeSelector(), "the latest on record"),
        (
            UpgradeSelector(previous=OLD),
            "another than the one to v0, started 2026-02-28 03:00:00 UTC (previous)",
        ),
        (UpgradeSelector(previous=NEVER), "the first one ever (previous)"),
        (
            UpgradeSelector(previous=record("ProvisioningTarget", started_at=None)),
            "another than the one to v1, not started yet (previous)",
        ),
        (
            UpgradeSelector(previous=record("CompletedRollback", target_version="v0")),
            "another than the one back to v0, started 2026-03-01 03:00:00 UTC (previous)",
        ),
        (
            UpgradeSelector(previous=record("Failed", target_version=None)),
            "another than the one to an unknown version, started 2026-03-01 03:00:00 UTC (previous)",
        ),
        (
            UpgradeSelector(started_after=START),
            "one that starts after 2026-03-01 03:00:00 UTC or up to 1m00s before (started_after)",
        ),
        (
            UpgradeSelector(started_after=START, clock_skew=0.0),
            "one that starts after 2026-03-01 03:00:00 UTC (started_after)",
        ),
        (UpgradeSelector(target_version="v1"), "one to v1 (target_version)"),
        (UpgradeSelector(target_version="v\n1"), "one to v 1 (target_version)"),
        (
            UpgradeSelector(target_version="v1", accept_current_version=True),
            "one to v1 (target_version); v1 there already is enough (accept_current_version)",
        ),
        (
            UpgradeSelector(previous=OLD, started_after=START, clock_skew=5.0, target_version="v1"),
            (
                "another than the one to v0, started 2026-02-28 03:00:00 UTC (previous) and "
                "one that starts after 2026-03-01 03:00:00 UTC or up to 5s before (started_after) and "
                "one to v1 (target_version)"
            ),
        ),
    ],
)
def test_it_is_said_which_upgrade_is_meant(selector: UpgradeSelector, words: str) -> None:
    assert meaning(selector) == words


# Pauses.


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (
            record("RollingForward", failed_at=START, **MANUAL),
            (
                "Paused after a failure at 2026-03-01 03:00:00 UTC, as its FailureAction is Manual. Nothing moves "
                "until a person acts: mend the cause, then resume the upgrade or roll it back"
            ),
        ),
        (
            record("RollingForwardPending", **MANUAL),
            (
                "Paused before the next upgrade domain, as its mode is UnmonitoredManual. Nothing moves until a "
                "person acts: let the next upgrade domain begin, or roll the upgrade back"
            ),
        ),
        (
            record("RollingBackPending", failed_at=START, **MANUAL),
            (
                "Paused in its rollback before the next upgrade domain, as its mode is UnmonitoredManual. Nothing "
                "moves until a person acts: let the next upgrade domain begin"
            ),
        ),
    ],
)
def test_a_pause_says_why_and_what_a_person_must_do(look: UpgradeProgress, words: str) -> None:
    assert pause(look) == words


def test_our_own_words_are_ascii() -> None:
    said = [
        meaning(UpgradeSelector(OLD, START, 5.0, "v1", accept_current_version=True)),
        pause(record("RollingBack")),
    ]
    said += [span(None), bar(50.0), percent(None), which(OLD), title("application_resource", "shop")]
    assert json.dumps(said, ensure_ascii=False).isascii()
