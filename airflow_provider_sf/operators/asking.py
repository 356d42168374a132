"""Asks a person in Airflow's own pages, and waits without a worker slot. Not for DAG files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.airflow_versions import AWAITING_INPUT, QUESTIONS
from airflow_provider_sf.rest.json_values import utc
from airflow_provider_sf.rest.plain_text import plain_line, shorten_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

MAX_OPTION_LENGTH = 100
"""A longer text is no option of a question; it is cut."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person has chosen. ``by`` is None if the time was over, so that the default counts."""

    option: str
    by: str | None
    at: datetime
    timed_out: bool


def check_can_ask(parameter: str) -> None:
    """
    Refuse a parameter that needs a person, if this Airflow cannot ask.

    :raises ValueError: this is an Airflow before 3.1
    """
    if not QUESTIONS.is_available:
        msg = f"{parameter} asks a person, which needs Airflow 3.1: remove it, or update Airflow"
        raise ValueError(msg)


def ask(
    context: Context,
    *,
    subject: str,
    body: str,
    options: Sequence[str],
    default: str,
    timeout: timedelta | None,
    assigned_users: Sequence[dict[str, str]],
    method_name: str,
    defer: Callable[..., None],
) -> None:
    """
    Show the question, and leave the worker; Airflow calls ``method_name`` with the answer.

    From Airflow 3.3 on the task waits in the state ``awaiting_input``, which needs no triggerer. Before, the
    trigger of the standard provider waits.

    :param default: the answer if ``timeout`` is over
    :param defer: the method ``defer`` of the task
    """
    from airflow.sdk.execution_time.hitl import upsert_hitl_detail  # noqa: PLC0415 - from Airflow 3.1 on

    ti_id: Any = context["ti"].id
    upsert_hitl_detail(
        ti_id=ti_id,
        options=list(options),
        subject=subject,
        body=body,
        defaults=[default],
        multiple=False,
        params={},
        assigned_users=[dict(user) for user in assigned_users],  # type: ignore[misc]
    )
    if AWAITING_INPUT.is_available:
        from airflow.sdk.exceptions import TaskAwaitingInput  # noqa: PLC0415 - from Airflow 3.3 on

        raise TaskAwaitingInput(method_name=method_name, timeout=timeout)

    from airflow.providers.standard.triggers.hitl import HITLTrigger  # noqa: PLC0415 - from Airflow 3.1 on

    trigger = HITLTrigger(
        ti_id=ti_id,
        options=list(options),
        defaults=[default],
        params={},
        multiple=False,
        timeout_datetime=None if timeout is None else datetime.now(timezone.utc) + timeout,
    )
    defer(trigger=trigger, method_name=method_name)


def read_answer(event: Any) -> Answer:
    """
    Read the event with which Airflow resumes the task.

    The option may be none of those of the question: before Airflow 3.3 its REST API accepts any text, and
    several.

    :raises ValueError: it is no answer
    """
    chosen = event.get("chosen_options") if isinstance(event, dict) else None
    if not isinstance(chosen, list) or not chosen:
        msg = f"the event is not an answer to the question: {shorten_repr(event)}"
        raise ValueError(msg)
    at, user = event.get("responded_at"), event.get("responded_by_user") or {}
    at = at if isinstance(at, datetime) else utc(at)
    timed_out = bool(event.get("timedout"))
    name = None if timed_out else str(user.get("name") or user.get("id") or "") or None
    option = plain_line(", ".join(map(str, chosen)))[:MAX_OPTION_LENGTH]
    return Answer(option, name, at or datetime.now(timezone.utc), timed_out)
