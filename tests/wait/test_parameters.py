"""The parameters of a DAG file. Error messages name the parameter, the value and the fix."""

from __future__ import annotations

import inspect
import math
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_sf.upgrades.kinds import KINDS, Kind
from airflow_provider_sf.wait.parameters import (
    SELECTOR_PARAMETERS,
    InvalidParameterError,
    check_asset,
    check_changeable_kind,
    check_name,
    check_poke_interval,
    check_request_timeout,
    check_reschedule_mode,
    check_selector_parameters,
    check_stall_timeout,
    is_rendered_later,
    kind_when_parsed,
    naming_task,
    read_choice,
    read_choices,
    read_seconds,
)

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (timedelta(minutes=1, milliseconds=500), 60.5),
        (timedelta(0), 0.0),
        (timedelta(days=1), 86_400.0),
        (15, 15.0),
        (2.5, 2.5),
        (0, 0.0),
        (1e9, 1e9),
    ],
)
def test_seconds_from_a_timedelta_or_a_number(value: object, seconds: float) -> None:
    result = read_seconds("start_timeout", value)
    assert result == seconds
    assert type(result) is float


@pytest.mark.parametrize(
    ("value", "shown"),
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
def test_invalid_duration_is_refused(value: object, shown: str) -> None:
    with pytest.raises(ValueError, match="start_timeout") as refused:
        read_seconds("start_timeout", value)
    assert str(refused.value) == f"start_timeout must be a timedelta or a number of seconds, not {shown}"


@pytest.mark.parametrize("choice", ["wait", "fail_fast"])
def test_valid_choice(choice: str) -> None:
    assert read_choice("on_rollback", choice, ("wait", "fail_fast")) == choice


@pytest.mark.parametrize(
    ("value", "shown"),
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
def test_invalid_choice_is_refused_with_the_choices(value: Any, shown: str) -> None:
    with pytest.raises(ValueError, match="on_rollback") as refused:
        read_choice("on_rollback", value, ("wait", "fail_fast"))
    assert str(refused.value) == f"on_rollback must be 'wait' or 'fail_fast', not {shown}"


def test_message_lists_three_choices() -> None:
    with pytest.raises(ValueError, match=r"^mode must be 'a' or 'b' or 'c', not 'd'$"):
        read_choice("mode", "d", ("a", "b", "c"))


def test_choice_from_a_string_enum() -> None:
    class Word(str, Enum):
        FAIL = "fail"

    assert read_choice("on_paused", Word.FAIL, ("wait", "fail")) == "fail"
    assert type(read_choice("on_paused", Word.FAIL, ("wait", "fail"))) is str


@pytest.mark.parametrize("values", [["c", "a"], ("a", "c"), {"a", "c"}, frozenset("ac"), ["a", "c", "a"]])
def test_choices_have_one_order(values: object) -> None:
    assert read_choices("modes", values, ("a", "b", "c")) == ["a", "c"]


@pytest.mark.parametrize("values", [[], "a", "abc", None, ["d"], ["a", "d"], {"a": "b"}, 5])
def test_invalid_choices_are_refused(values: object) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared below
        read_choices("modes", values, ("a", "b", "c"))
    assert str(raised.value) == f"modes must be a list of 'a' or 'b' or 'c', not {values!r}"


def test_asset_needs_no_template() -> None:
    check_asset("fabric:/shop/web", "prod")


@pytest.mark.parametrize("parameter", ["name", "service_fabric_conn_id"])
def test_template_in_an_asset_is_refused(parameter: str) -> None:
    values = {"name": "shop", "service_fabric_conn_id": "prod", parameter: "{{ params.x }}"}
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared below
        check_asset(**values)
    text = f"{parameter} of an asset must be a text without a template, not '{{{{ params.x }}}}'"
    assert str(raised.value) == text


@pytest.mark.parametrize("value", [10**400, 1e15, timedelta(days=20_000)])
def test_too_long_duration_is_refused(value: float | timedelta) -> None:
    with pytest.raises(ValueError, match="clock_skew must be a timedelta or a number of seconds, not "):
        read_seconds("clock_skew", value)


# Combinations.


@every_kind
def test_selector_parameters_of_each_kind(kind: Kind) -> None:
    check_selector_parameters(
        kind.name, [parameter for parameter in SELECTOR_PARAMETERS if parameter != "started_after"]
    )
    check_selector_parameters(kind.name, [])
    if "started_at" in kind.keys:
        check_selector_parameters(kind.name, SELECTOR_PARAMETERS)


def test_started_after_needs_start_times() -> None:
    with pytest.raises(ValueError, match="started_after") as refused:
        check_selector_parameters("cluster_configuration", ["previous", "started_after"])
    assert str(refused.value) == (
        "started_after is not supported for kind 'cluster_configuration': Service Fabric does not report when such an "
        "upgrade started; use previous"
    )


def test_only_cluster_configurations_have_no_start_time() -> None:
    assert [kind.name for kind in KINDS.values() if "started_at" not in kind.keys] == [
        "cluster_configuration"
    ]


def test_parameters_that_select_an_upgrade() -> None:
    assert SELECTOR_PARAMETERS == ("previous", "started_after", "target_version")


def test_longest_duration_is_a_billion_seconds() -> None:
    with pytest.raises(
        ValueError, match=r"^timeout must be a timedelta or a number of seconds, not 1000000001$"
    ):
        read_seconds("timeout", 1_000_000_001)


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kind 'mesh' is not supported"):
        check_selector_parameters("mesh", ["started_after"])


@pytest.mark.parametrize(
    "value", [[], ["previous"], ["started_after"], ["started_after", "target_version"], SELECTOR_PARAMETERS]
)
def test_reschedule_mode_supports_previous_and_started_after(value: list[str]) -> None:
    check_reschedule_mode("application", None, value)


@pytest.mark.parametrize("value", [[], ["target_version"]])
def test_reschedule_mode_needs_previous_for_phases(value: list[str]) -> None:
    check_reschedule_mode("cluster_configuration", None, [*value, "previous"])
    with pytest.raises(
        ValueError,
        match=r"^kind 'cluster_configuration' needs previous in reschedule mode, which keeps no state: without it, "
        r"a completed phase cannot be distinguished from a completed upgrade; set previous, or use "
        r"deferrable=True$",
    ):
        check_reschedule_mode("cluster_configuration", None, value)


@pytest.mark.parametrize("value", [["target_version"], ("target_version",)])
def test_reschedule_mode_refuses_target_version_alone(value: list[str]) -> None:
    with pytest.raises(
        ValueError,
        match=r"^target_version alone is not supported in reschedule mode, which keeps no state: "
        r"use deferrable=True, or set previous or started_after, too$",
    ):
        check_reschedule_mode("application", None, value)


@pytest.mark.parametrize("stall_timeout", [0.0, 600.0])
def test_reschedule_mode_refuses_stall_timeout(stall_timeout: float) -> None:
    with pytest.raises(
        ValueError,
        match=r"^stall_timeout is not supported in reschedule mode, which keeps no state: use deferrable=True$",
    ):
        check_reschedule_mode("application", stall_timeout, ["previous"])


@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize("max_wait", [None, timedelta(seconds=1)])
def test_positive_pauses_are_accepted(max_wait: timedelta | None, *, deferrable: bool) -> None:
    check_poke_interval(0.5, max_wait, deferrable=deferrable)


def test_poke_interval_zero_without_deferrable() -> None:
    check_poke_interval(0.0, None, deferrable=False)


@pytest.mark.parametrize("poke_interval", [0.0, -5, math.nan])
def test_deferrable_needs_a_positive_poke_interval(poke_interval: float) -> None:
    with pytest.raises(
        ValueError, match=r"^poke_interval must be more than 0 s if deferrable=True, not .* s$"
    ):
        check_poke_interval(poke_interval, None, deferrable=True)


@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize("max_wait", [timedelta(0), timedelta(seconds=-1)])
def test_max_wait_must_be_positive(max_wait: timedelta, *, deferrable: bool) -> None:
    with pytest.raises(ValueError, match=f"^max_wait must be more than 0 s, not {max_wait}$"):
        check_poke_interval(15.0, max_wait, deferrable=deferrable)


@pytest.mark.parametrize("stall_timeout", [None, 0.5, 60.0])
def test_stall_timeout_is_accepted(stall_timeout: float | None) -> None:
    check_stall_timeout(stall_timeout)


def test_stall_timeout_must_be_positive() -> None:
    with pytest.raises(
        ValueError, match=r"^stall_timeout must be more than 0 s: every upgrade pauses for a moment$"
    ):
        check_stall_timeout(0.0)


@pytest.mark.parametrize("seconds", [1.0, 300.0, 600.0])
def test_time_limit_of_a_request_is_accepted(seconds: float) -> None:
    assert check_request_timeout(seconds) == seconds


@pytest.mark.parametrize(("seconds", "shown"), [(0.5, "0.5"), (601.0, "601")])
def test_time_limit_of_a_request_has_bounds(seconds: float, shown: str) -> None:
    with pytest.raises(ValueError, match=f"^request_timeout must be from 1 to 600 seconds, not {shown}$"):
        check_request_timeout(seconds)


# Names and kinds.

TEMPLATES = ["{{ params.name }}", "{% if a %}b{% endif %}", "a{# note #}", SimpleNamespace(resolve=None)]


@pytest.mark.parametrize("value", TEMPLATES, ids=repr)
def test_template_is_rendered_later(value: object) -> None:
    assert is_rendered_later(value)
    check_name("application", value)


@pytest.mark.parametrize("value", ["shop", "", None, 5, "{shop}", "%shop%"])
def test_other_values_are_known(value: object) -> None:
    assert not is_rendered_later(value)


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("application", "", "name is empty: set name to the application, for example 'fabric:/shop/web'"),
        ("cluster", "shop", "name must be empty for a cluster, not 'shop': remove name"),
        ("cluster", "{{ params.name }}", "name must be empty for a cluster"),
        ("mesh", "shop", "kind 'mesh' is not supported"),
    ],
)
def test_name_must_fit_the_kind(kind: str, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        check_name(kind, name)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("shop", None, "application_resource"),
        ("fabric:/shop", None, "application"),
        ("fabric:/shop", "compose_deployment", "compose_deployment"),
        ("{{ params.name }}", "cluster", "cluster"),
        ("{{ params.name }}", None, None),
        ("shop", "{{ params.kind }}", None),
    ],
)
def test_kind_when_the_dag_is_parsed(name: str, kind: str | None, expected: str | None) -> None:
    assert kind_when_parsed(name, kind) == expected


@pytest.mark.parametrize("kind", ["application", "compose_deployment"])
def test_kind_that_can_be_changed(kind: str) -> None:
    assert check_changeable_kind(kind) == kind


def test_other_kinds_cannot_be_changed() -> None:
    message = "^kind must be 'application' or 'compose_deployment', not 'cluster'$"
    with pytest.raises(ValueError, match=message):
        check_changeable_kind("cluster")
    with pytest.raises(ValueError, match=r"^kind must be 'cluster', not 'application'$"):
        check_changeable_kind("application", ("cluster",))


# Errors of an operator.


class Parent:
    @naming_task
    def __init__(self, size: int, *, task_id: str, error: Exception | None = None) -> None:
        """Make a task."""
        self.size, self.task_id = size, task_id
        if error is not None:
            raise error


class Child(Parent):
    @naming_task
    def __init__(self, **keywords: Any) -> None:
        super().__init__(3, **keywords)


@pytest.mark.parametrize("make", [Child, partial(Parent, 3)])
def test_error_names_the_task_once(make: Any) -> None:
    with pytest.raises(InvalidParameterError, match=r"^task 'wait': size must be 2$") as caught:
        make(task_id="wait", error=ValueError("size must be 2"))
    assert caught.value.__suppress_context__
    with pytest.raises(KeyError):
        make(task_id="wait", error=KeyError("size"))


def test_valid_task_is_unchanged() -> None:
    child = Child(task_id="wait")
    assert (child.size, child.task_id) == (3, "wait")
    assert list(inspect.signature(Parent).parameters) == ["size", "task_id", "error"]
    assert Parent.__init__.__doc__ == "Make a task."
