"""The log lines of a watch, which a triggerer writes to its own log. No I/O."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.descriptions import describe_record, describe_state, describe_upgrade
from airflow_provider_sf.messages.formatting import (
    capitalize_first,
    format_state,
    format_time,
    format_version,
    one_line,
    upgrade_subject,
)
from airflow_provider_sf.rest.plain_text import plain_line
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sf.wait.state_machine import Observation
    from airflow_provider_sf.wait.upgrade_end import UpgradeEnd

Line = tuple[int, str]


def watch_subject(kind: str, name: str, connection: str) -> str:
    """Name what is watched. All watches write to one log, so the cluster is a part of it."""
    return f"{upgrade_subject(kind, name)} ({connection})"


def begin_line(subject: str, record: UpgradeProgress, *, is_continued: bool) -> Line:
    """Return the line of the first record."""
    how = "Continuing the watch of an earlier triggerer" if is_continued else "Watching"
    is_ended = record.outcome.finished and record.outcome is not Outcome.NOT_UPGRADED
    ended = f"{describe_upgrade(record)} ({describe_state(record)})"
    on_record = ended if is_ended else describe_record(record)
    return logging.INFO, f"{how}: upgrades of {subject}; on record: {on_record}"


def progress_line(subject: str, record: UpgradeProgress) -> Line:
    """Return the line of the first record of an upgrade in progress."""
    return (
        logging.INFO,
        f"In progress: upgrade of {subject}: {describe_upgrade(record)}; waiting for its end",
    )


def end_line(subject: str, end: UpgradeEnd, outcomes: Sequence[str]) -> Line:
    """Return the line of an end."""
    outcome = capitalize_first(end.outcome.replace("_", " "))
    start = f", started {format_time(end.started_at)}" if end.started_at else ""
    no_event = f"no event, outcomes has only {', '.join(outcomes)}"
    event = "sending its event" if end.outcome in outcomes else no_event
    text = f"{outcome}: upgrade of {subject} to {format_version(end.target_version)}{start}; {event}"
    return logging.INFO, text


def repeat_line(subject: str) -> Line:
    """Return the line of an end that an earlier triggerer has found."""
    text = f"Sending an event of {subject} again: an earlier triggerer has ended before it was confirmed"
    return logging.WARNING, text


def problem_line(subject: str, observation: Observation) -> Line:
    """Return the line of an error or of an unknown state, or that it is over."""
    if not isinstance(observation, UpgradeProgress):
        error = plain_line(str(observation))
        return logging.WARNING, f"The upgrade of {subject} cannot be read; the watch goes on: {error}"
    if observation.outcome is Outcome.UNKNOWN:
        state = one_line(format_state(observation.state))
        return logging.WARNING, f"Unknown state {state!r} of the upgrade of {subject}; the watch goes on"
    return logging.INFO, f"The upgrade of {subject} can be read again"
