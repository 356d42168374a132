"""The notification about the end of a release, which is one run of a DAG. No I/O, no Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.notification.content import clean_lines
from airflow_provider_sf.messages.notification.message import make_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_sf.messages.notification.content import Status
    from airflow_provider_sf.messages.notification.message import Message
    from airflow_provider_sf.releases.record_builder import Run
    from airflow_provider_sf.releases.release_record import ReleaseRecord, TaskRecord

MAX_TASKS = 20
"""How many tasks a notification names."""

SUCCEEDED = "succeeded"

_SUCCEEDED: tuple[str, Status] = ("Succeeded", "success")
_FAILED: tuple[str, Status] = ("Failed", "failure")
_STATUSES: dict[str, Status] = {SUCCEEDED: "success", "rolled_back": "failure", "failed": "failure"}


def release_message(
    record: ReleaseRecord, links: Iterable[tuple[str, object]], *, has_failed: bool = False, reason: str = ""
) -> Message:
    """
    Say how a release ended: its outcome, each task with the bad ones first, and why the first one failed.

    :param has_failed: whether the run has failed; then the release has not succeeded, whatever its upgrades
        did
    :param reason: Airflow's word for the end of the run
    """
    is_contradicted = has_failed and record.outcome in {None, SUCCEEDED}
    outcome = "failed" if is_contradicted else record.outcome or "outcome not known"
    tasks = sorted(record.tasks, key=_urgency)
    shown = [f"{_task_name(task)}: {_result(task)}" for task in tasks[:MAX_TASKS]]
    more = [f"and {len(tasks) - MAX_TASKS} more tasks"] if len(tasks) > MAX_TASKS else []
    return make_message(
        _STATUSES.get(outcome, "failure" if has_failed else "warning"),
        f"{outcome.replace('_', ' ').capitalize()}: release {record.dag_id!r}",
        [*shown, *more, *_advice(tasks)],
        _facts(record.dag_id, record.run_id, record.started_by, reason),
        links,
    )


def run_message(run: Run, links: Iterable[tuple[str, object]], *, has_failed: bool, reason: str) -> Message:
    """Say how a run ended of which nothing else is known."""
    verb, status = _FAILED if has_failed else _SUCCEEDED
    facts = _facts(run.dag_id, run.run_id, run.started_by, reason)
    next_step = ["Next: read the log of the failed task."] if has_failed else []
    return make_message(status, f"{verb}: run of the DAG {run.dag_id!r}", next_step, facts, links)


def _facts(dag_id: str, run_id: str, started_by: str | None, reason: str) -> Iterator[tuple[str, object]]:
    yield "DAG", dag_id
    yield "run", run_id
    yield "started by", started_by
    yield "reason", reason.replace("_", " ")


def _urgency(task: TaskRecord) -> int:
    """Order the tasks: those that failed, those that did not succeed, the others."""
    if task.state == "failed" or _STATUSES.get(task.outcome or "") == "failure":
        return 0
    return 2 if task.state == "success" else 1


def _task_name(task: TaskRecord) -> str:
    return task.task_id if task.map_index is None else f"{task.task_id}[{task.map_index}]"


def _result(task: TaskRecord) -> str:
    message = clean_lines(task.message or "")
    return message[0] if message else (task.outcome or task.state or "no result").replace("_", " ")


def _advice(tasks: list[TaskRecord]) -> list[str]:
    """Return the reasons and the next step of the first task that failed."""
    first = [task for task in tasks if _urgency(task) == 0][:1]
    lines = [line for task in first for line in clean_lines(task.message or "")]
    return [line for line in lines if line.startswith(("Why: ", "Next: "))]
