"""The error of a wait that neither an upgrade nor a timeout of the task has ended. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import (
    format_duration,
    pluralize,
    upgrade_subject,
)
from airflow_provider_sf.messages.results import last_seen_lines
from airflow_provider_sf.messages.timeouts import ONLY_WATCHED
from airflow_provider_sf.messages.versions import to_new
from airflow_provider_sf.rest.error_codes import ADVICE
from airflow_provider_sf.rest.protocol import is_about_connection, is_missing

if TYPE_CHECKING:
    from airflow_provider_sf.rest import ServiceFabricError
    from airflow_provider_sf.wait.state import WaitState


def explained_error(error: ServiceFabricError, state: WaitState, kind: str, name: str) -> ServiceFabricError:
    """
    Return the error with what the wait knows about the upgrade; class, status and code stay.

    An error of the first poll needs no explanation.
    """
    is_deletion = is_missing(error) and any(stage.expected for stage in state.timeline)
    if is_deletion:
        context = _deletion(state, kind, name)
    elif state.ended_by == "unreachable_timeout":
        context = _outage(error, state, kind, name)
    elif state.answers:
        context = _refusal(state, kind, name)
    else:
        return error
    message = _without_advice(error) if is_deletion else error.message
    explained = type(error)(message, error.status, error.code, error.endpoint)
    explained.context, explained.__cause__ = context, error.__cause__
    return explained


def _deletion(state: WaitState, kind: str, name: str) -> str:
    last = [stage for stage in state.timeline if stage.expected][-1]
    when = "during" if last.outcome.active else "after"
    version = to_new(kind, state.timeline, state.expected)
    return " ".join(
        (
            f"Deleted {when} its upgrade{version}: {upgrade_subject(kind, name)}.",
            *last_seen_lines(state),
            "Next: find out who deleted it. Service Fabric answered:",
        )
    )


def _outage(error: ServiceFabricError, state: WaitState, kind: str, name: str) -> str:
    problem = "Connection could not be used" if is_about_connection(error) else "Cluster unreachable"
    since, ended_at = state.unreachable_since, state.ended_at
    time = f" for {format_duration((ended_at - since).total_seconds())}" if since and ended_at else ""
    polls = pluralize(state.unreachable_polls, "poll")
    return " ".join(
        (
            f"{problem}{time} (unreachable_timeout, {polls}): {_upgrade(state, kind, name)}.",
            *last_seen_lines(state),
            ONLY_WATCHED,
            "Last error:",
        )
    )


def _refusal(state: WaitState, kind: str, name: str) -> str:
    first = f"Progress cannot be read any more, so the wait has ended: {_upgrade(state, kind, name)}."
    return " ".join((first, *last_seen_lines(state), ONLY_WATCHED, "Last error:"))


def _upgrade(state: WaitState, kind: str, name: str) -> str:
    return f"upgrade of {upgrade_subject(kind, name)}{to_new(kind, state.timeline, state.expected)}"


def _without_advice(error: ServiceFabricError) -> str:
    """Return the message without the advice to check the name: the name was right."""
    for advice in (ADVICE.get(error.code or ""), ADVICE.get(error.status or 0)):
        if advice and error.message.endswith(f" ({advice})"):
            return error.message.removesuffix(f" ({advice})")
    return error.message
