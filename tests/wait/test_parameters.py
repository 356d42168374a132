"""What users write in a DAG file, read or refused; a refusal names parameter, value and fix."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from airflow_provider_sf.upgrades.kinds import KINDS, Kind
from airflow_provider_sf.wait.parameters import (
    SELECTOR_PARAMETERS,
    check_poke_interval,
    check_reschedule_mode,
    check_selector_parameters,
    read_choice,
    read_seconds,
    shorten_repr,
)

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@pytest.mark.parametrize(
    ("given", "seconds_read"),
    [
        (timedelta(minutes=1, milliseconds=500), 60.5),
        (timedelta(0), 0.0),
        (timedelta(days=1), 86_400.0),
        (15, 15.0),
        (2.5, 2.5),
        (0, 0.0),
    ],
)
def test_a_duration_is_a_timedelta_or_a_number_of_seconds(given: object, seconds_read: float) -> None:
    was_read = read_seconds("start_timeout", given)
    assert was_read == seconds_read
    assert type(was_read) is float


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (True, "True"),
        (False, "False"),
        (-1, "-1"),
        (-0.5, "-0.5"),
        (timedelta(seconds=-1), "datetime.timedelta(days=-1, seconds=86399)"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
        ("60", "'60'"),
        ("PT1M", "'PT1M'"),
        ("", "''"),
        (None, "None"),
        ([60], "[60]"),
        (Decimal(60), "Decimal('60')"),
    ],
)
def test_what_is_no_duration_is_refused_by_name_and_value(given: object, shown: str) -> None:
    with pytest.raises(ValueError, match="start_timeout") as refused:
        read_seconds("start_timeout", given)
    assert str(refused.value) == f"start_timeout must be a timedelta or a number of seconds, not {shown}"


@pytest.mark.parametrize("word", ["wait", "fail_fast"])
def test_a_choice_is_one_of_its_words(word: str) -> None:
    assert read_choice("on_rollback", word, ("wait", "fail_fast")) == word


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("fail", "'fail'"),
        ("Wait", "'Wait'"),
        ("wait ", "'wait '"),
        ("", "''"),
        (None, "None"),
        (True, "True"),
        (["wait"], "['wait']"),
        (("wait", "fail_fast"), "('wait', 'fail_fast')"),
    ],
)
def test_any_other_choice_is_refused_with_the_words(given: Any, shown: str) -> None:
    with pytest.raises(ValueError, match="on_rollback") as refused:
        read_choice("on_rollback", given, ("wait", "fail_fast"))
    assert str(refused.value) == f"on_rollback must be 'wait' or 'fail_fast', not {shown}"


def test_a_choice_may_have_more_than_two_words() -> None:
    with pytest.raises(ValueError, match=r"^mode must be 'a' or 'b' or 'c', not 'd'$"):
        read_choice("mode", "d", ("a", "b", "c"))


def test_a_word_of_an_enum_is_the_word() -> None:
    class Word(str, Enum):
        FAIL = "fail"

    assert read_choice("on_paused", Word.FAIL, ("wait", "fail")) == "fail"
    assert type(read_choice("on_paused", Word.FAIL, ("wait", "fail"))) is str


@pytest.mark.parametrize("given", [10**400, 1e15, timedelta(days=20_000)])
def test_a_duration_that_no_calendar_holds_is_refused(given: float | timedelta) -> None:
    with pytest.raises(ValueError, match="clock_skew must be a timedelta or a number of seconds, not "):
        read_seconds("clock_skew", given)


# What goes together.


@every_kind
def test_each_parameter_may_say_which_upgrade_of_a_kind_is_meant_if_it_can(kind: Kind) -> None:
    check_selector_parameters(kind.name, [one for one in SELECTOR_PARAMETERS if one != "started_after"])
    check_selector_parameters(kind.name, [])
    if "started_at" in kind.keys:
        check_selector_parameters(kind.name, SELECTOR_PARAMETERS)


def test_a_start_that_service_fabric_never_says_is_no_use() -> None:
    with pytest.raises(ValueError, match="started_after") as refused:
        check_selector_parameters("cluster_configuration", ["previous", "started_after"])
    assert str(refused.value) == (
        "started_after is of no use for kind 'cluster_configuration': Service Fabric does not say when such an "
        "upgrade started; give previous"
    )


def test_only_of_a_cluster_configuration_it_is_not_said_when_its_upgrade_started() -> None:
    assert [kind.name for kind in KINDS.values() if "started_at" not in kind.keys] == [
        "cluster_configuration"
    ]


def test_an_unknown_kind_is_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match="kind 'mesh' is not supported"):
        check_selector_parameters("mesh", ["started_after"])


@pytest.mark.parametrize(
    "given", [[], ["previous"], ["started_after"], ["started_after", "target_version"], SELECTOR_PARAMETERS]
)
def test_a_task_without_memory_may_look_for_what_each_look_can_tell(given: list[str]) -> None:
    check_reschedule_mode(None, given)


@pytest.mark.parametrize("given", [["target_version"], ("target_version",)])
def test_a_task_without_memory_cannot_tell_a_version_that_has_come(given: list[str]) -> None:
    with pytest.raises(
        ValueError, match=r"^target_version alone needs a memory, and reschedule mode has none: use "
    ):
        check_reschedule_mode(None, given)


@pytest.mark.parametrize("stall_timeout", [0.0, 600.0])
def test_a_task_without_memory_cannot_see_a_stall(stall_timeout: float) -> None:
    with pytest.raises(
        ValueError, match=r"^stall_timeout needs a memory, and reschedule mode has none: use defer"
    ):
        check_reschedule_mode(stall_timeout, ["previous"])


@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize("max_wait", [None, timedelta(seconds=1)])
def test_a_pause_is_one(max_wait: timedelta | None, *, deferrable: bool) -> None:
    check_poke_interval(0.5, max_wait, deferrable=deferrable)


def test_only_the_triggerer_needs_a_pause_between_polls() -> None:
    check_poke_interval(0.0, None, deferrable=False)


@pytest.mark.parametrize("poke_interval", [0.0, -5, math.nan])
def test_a_triggerer_that_would_never_pause_is_refused(poke_interval: float) -> None:
    with pytest.raises(
        ValueError, match=r"^poke_interval must be more than .* the triggerer is not yours alone$"
    ):
        check_poke_interval(poke_interval, None, deferrable=True)


@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize("max_wait", [timedelta(0), timedelta(seconds=-1)])
def test_a_longest_pause_that_is_none_is_refused(max_wait: timedelta, *, deferrable: bool) -> None:
    with pytest.raises(ValueError, match=f"^max_wait must be more than 0 s, not {max_wait}$"):
        check_poke_interval(15.0, max_wait, deferrable=deferrable)


# What is shown, and what is not written.


@pytest.mark.parametrize(
    ("value", "written"),
    [("v7", "'v7'"), ("x" * 98, f"'{'x' * 98}'"), ("x" * 99, f"'{'x' * 99}..."), (None, "None")],
)
def test_of_a_long_value_the_beginning_is_shown(value: object, written: str) -> None:
    assert shorten_repr(value) == written


def test_more_of_a_value_may_be_shown() -> None:
    assert shorten_repr("x" * 300, 200) == f"'{'x' * 199}..."
