"""Checks the parameters of an upgrade gate when a DAG is parsed. Not for DAG files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.operators.asking import check_can_ask
from airflow_provider_sf.rest.plain_text import shorten_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_sf.releases import PausedUpgrade

MODE = "UnmonitoredManual"


def check_keywords(upgrade: object, keywords: dict[str, Any]) -> None:
    """Refuse what the upgrade operator has and a gate has not, and an upgrade without a version."""
    reasons = {
        "mode": f"the mode is always {MODE}",
        "on_paused": "each pause is decided by this task",
        "wait_for_completion": "the upgrade would stand still without this task",
        "monitoring_policy": "Service Fabric checks no health in this mode; set bake_time and health_policy",
        "failure_action": "Service Fabric checks no health in this mode; set on_failed_check",
    }
    for parameter in keywords.keys() & reasons.keys():
        msg = f"{parameter} is not supported: {reasons[parameter]}; remove it"
        raise ValueError(msg)
    check_pushes(pushes=keywords.get("do_xcom_push", True))
    if (upgrade is None) is (keywords.get("target_version") is None and keywords.get("restore") is None):
        msg = "set target_version to start an upgrade, or upgrade for one that has started; not both"
        raise ValueError(msg)


def check_asking(
    *, approve_before: str | None, max_domains: int | None, on_failed_check: str, has_started: bool
) -> None:
    """
    Refuse questions that this Airflow cannot ask, or that come too late.

    :param has_started: whether something else starts the upgrade
    """
    asking = {
        "approve_before": approve_before is not None,
        "max_domains": max_domains is not None,
        "on_failed_check='ask'": on_failed_check == "ask",
    }
    for parameter, asks in asking.items():
        if asks:
            check_can_ask(parameter)
    if approve_before == "start" and has_started:
        msg = "approve_before='start' needs target_version: this upgrade has started already"
        raise ValueError(msg)


def check_asking_at_pauses(*, waits: bool, pushes: bool) -> None:
    """
    Refuse ``on_paused="ask"`` if the task could not ask, or could not know that it has asked.

    :param waits: whether the task waits for the end of its upgrade
    :param pushes: whether the task pushes XComs
    """
    check_can_ask("on_paused='ask'")
    if not waits:
        msg = "on_paused='ask' needs wait_for_completion=True: the task must see the pause"
        raise ValueError(msg)
    check_pushes(pushes=pushes)


def check_pushes(*, pushes: bool) -> None:
    """Refuse a task without XComs: it could not go on after it was deferred."""
    if not pushes:
        msg = "do_xcom_push=False is not supported: the task keeps its state in the XCom upgrade_gate"
        raise ValueError(msg)


def check_shorter(parameter: str, seconds: float, timeout: float) -> None:
    """Refuse a time that cannot end before the timeout."""
    if seconds >= timeout:
        msg = f"{parameter} ({seconds:g} s) must be shorter than timeout ({timeout:g} s)"
        raise ValueError(msg)


def read_checks(checks: Sequence[Callable[[PausedUpgrade], object]]) -> tuple[Any, ...]:
    """Read the checks: functions that take one argument."""
    if callable(checks) or not all(map(callable, checks)):
        msg = f"checks must be a list of functions, for example [no_http_errors], not {shorten_repr(checks)}"
        raise ValueError(msg)
    return tuple(checks)


def read_users(users: Sequence[dict[str, str]] | None) -> list[dict[str, str]]:
    """Read the users who may answer; an empty list is no limit."""
    read: list[Any] = list(users or ())
    if not all(isinstance(user, dict) and {"id", "name"} <= user.keys() for user in read):
        msg = (
            "assigned_users must be a list of users, for example [{'id': '3', 'name': 'kim'}], not "
            f"{shorten_repr(users)}"
        )
        raise ValueError(msg)
    return read


def read_max_domains(value: int | None) -> int | None:
    """Read a number of upgrade domains."""
    if value is not None and (type(value) is not int or value < 1):
        msg = f"max_domains must be a number from 1 on, not {shorten_repr(value)}"
        raise ValueError(msg)
    return value
