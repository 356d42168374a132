"""The notification about the end of a task. No I/O, no Airflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import (
    format_percent,
    format_state,
    format_time,
    format_version,
    one_line,
    upgrade_subject,
)
from airflow_provider_sf.messages.notification.content import clean_lines
from airflow_provider_sf.messages.notification.message import make_message
from airflow_provider_sf.upgrades.kinds import KINDS

if TYPE_CHECKING:
    from airflow_provider_sf.messages.notification.content import Status
    from airflow_provider_sf.messages.notification.message import Message
    from airflow_provider_sf.releases.record_builder import Run
    from airflow_provider_sf.releases.release_record import Phase, TaskRecord

SUCCESS, FAILED, SKIPPED, RETRY = "success", "failed", "skipped", "up_for_retry"
"""Airflow's states of a task that has ended. A callback of a task that was killed has no state."""

_STATUSES: dict[str | None, Status] = {SUCCESS: "success", SKIPPED: "warning", RETRY: "warning"}
_TITLES = {SUCCESS: "Succeeded", SKIPPED: "Skipped", RETRY: "Failed", FAILED: "Failed"}
_STARTS = {"started": "Started", "adopted": "Started by an earlier try", "not_necessary": "Deployed already"}


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """
    What is known about the end of a task.

    :param record: what the XComs of the task say; its ``state`` is Airflow's, None if a process was killed
    :param error: the text of the exception; may be empty
    :param links: pairs of a label and an address
    """

    run: Run
    record: TaskRecord
    error: str
    try_number: int
    max_tries: int
    links: tuple[tuple[str, object], ...] = ()


def task_message(end: TaskEnd) -> Message:
    """Say how a task ended: the result first, then why, then what to do."""
    record, run = end.record, end.run
    lines = clean_lines(end.error or record.message or "") or _lines_of_record(record)
    index = "" if record.map_index is None else f"[{record.map_index}]"
    facts = (
        ("DAG", run.dag_id),
        ("task", f"{record.task_id}{index}"),
        ("run", run.run_id),
        ("try", f"{end.try_number} of {end.max_tries + 1}"),
        ("started by", run.started_by),
    )
    status = _STATUSES.get(record.state, "failure")
    return make_message(status, lines[0].removesuffix("."), [*lines[1:], *_outlook(end)], facts, end.links)


def _lines_of_record(record: TaskRecord) -> list[str]:
    """Say what the XComs of a task show, which has neither an error nor a message."""
    task = f"task {record.task_id!r}"
    subject = subject_of(record)
    if record.state == SUCCESS and subject and record.change and record.change.how in _STARTS:
        what = f"{subject} to {format_version(record.change.version_after)}"
        return [f"{_STARTS[record.change.how]}: upgrade of {what}"]
    title = f"{_TITLES.get(record.state or '', 'Ended without a result')}: {task}"
    is_read = subject and record.outcome and not record.began_at
    outcome = format_state(record.upgrade_state or record.outcome) if is_read else ""
    return [title, *([f"On record: upgrade of {subject}, {outcome}"] if is_read else [])]


def _outlook(end: TaskEnd) -> list[str]:
    """Say what follows, and what a person must know that the message of a wait does not say."""
    record = end.record
    lines = []
    if record.began_at and not record.ended_by and record.state != SUCCESS:
        lines = [
            *map(_last_seen, record.timeline[-1:]),
            "The upgrade may still be in progress: Airflow ended the task before the wait had a result.",
        ]
    if record.state == RETRY:
        return [*lines, f"Airflow retries the task: try {end.try_number + 1} of {end.max_tries + 1} follows."]
    if record.state == SKIPPED and record.message:
        return [*lines, "The task was skipped, because soft_fail is set."]
    if record.state == SUCCESS or record.message:
        return lines
    return [*lines, "Next: read the log of the task."]


def _last_seen(phase: Phase) -> str:
    parts = [format_state(phase.state)]
    if phase.percent_completed is not None:
        parts.append(format_percent(phase.percent_completed))
    if phase.place:
        parts.append(one_line(phase.place))
    return f"Last seen at {format_time(phase.last_seen_at)}: {', '.join(parts)}."


def subject_of(record: TaskRecord) -> str:
    """Name what a task upgrades; an empty text if that is not known."""
    return upgrade_subject(record.kind, record.name or "") if record.kind in KINDS else ""
