"""Read what a callback of Airflow knows, and return the message about it. Not for DAG files."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_sf.links.service_fabric import ServiceFabricExplorerLink
from airflow_provider_sf.messages.formatting import one_line
from airflow_provider_sf.messages.notification.release_ends import release_message, run_message
from airflow_provider_sf.messages.notification.task_ends import TaskEnd, task_message
from airflow_provider_sf.operators.masking import redacted
from airflow_provider_sf.operators.release_record import is_recorded
from airflow_provider_sf.operators.run_xcoms import pull, pull_xcoms, read_run, read_xcoms, state_word
from airflow_provider_sf.releases.record_builder import Run, TaskXComs, record_of, task_record
from airflow_provider_sf.releases.release_record import SCHEMA, ReleaseRecord

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.messages.notification.message import Message

_MAX_ERROR_LENGTH = 100_000


def read_message(context: Context, log: Any) -> Message:
    """
    Return the message about the task or the run of the context.

    If XComs cannot be read, the message says what the context alone says, and the log has the error.
    """
    find = _message_of_run if _is_about_run(context) else _message_of_task
    try:
        return find(context, has_xcoms=True)
    except Exception as error:  # noqa: BLE001 - a message about a failure must not depend on the details
        text = one_line(redacted(str(error)), 500)
        log.warning("The notification has no details of the upgrade: %s: %s", type(error).__name__, text)
        return find(context, has_xcoms=False)


def _is_about_run(context: Context) -> bool:
    """Whether a DAG calls back, not a task: only then Airflow gives a reason."""
    return "reason" in context


def _message_of_task(context: Context, *, has_xcoms: bool) -> Message:
    ti: Any = context["ti"]
    map_index = ti.map_index if ti.map_index is not None and ti.map_index >= 0 else None
    state = state_word(getattr(ti, "state", None))
    xcoms = TaskXComs(task_id=ti.task_id, map_index=map_index, state=state, values={})
    links = [("Airflow log", getattr(ti, "log_url", None))]
    if has_xcoms:
        xcoms = pull_xcoms(ti, ti.task_id, map_index, state)
        links.append(("Service Fabric Explorer", pull(ti, ti.task_id, map_index, _EXPLORER)))
    values = redacted(dict(xcoms.values))
    if _is_release_record(values.get("return_value")):
        return release_message(ReleaseRecord.from_dict(values["return_value"]), links)
    end = TaskEnd(
        run=read_run(context),
        record=task_record(TaskXComs(xcoms.task_id, map_index, state, values)),
        error=redacted(_error_text(context.get("exception"))),
        try_number=ti.try_number,
        max_tries=ti.max_tries,
        links=tuple(links),
    )
    return task_message(end)


def _message_of_run(context: Context, *, has_xcoms: bool) -> Message:
    """Return the message about a run. Airflow 3.0 gives no task instance, so no XComs can be read."""
    ti: Any = context.get("ti")
    reason = str(context.get("reason") or "")
    has_failed = reason != "success"
    links = [("Airflow log", getattr(ti, "log_url", None))]
    if not ti:
        run = Run(context["dag"].dag_id, str(context.get("run_id")), None, None, None)
        return run_message(run, links, has_failed=has_failed, reason=reason)
    run, task_ids = (
        read_run(context),
        sorted(task.task_id for task in context["dag"].tasks if is_recorded(task)),
    )
    if not has_xcoms or not task_ids:
        return run_message(run, links, has_failed=has_failed, reason=reason)
    tasks = read_xcoms(context, task_ids)
    record = ReleaseRecord.from_dict(redacted(record_of(run, tasks, datetime.now(timezone.utc)).to_dict()))
    return release_message(record, links, has_failed=has_failed, reason=reason)


_EXPLORER = ServiceFabricExplorerLink.xcom_key


def _is_release_record(value: object) -> bool:
    return isinstance(value, dict) and value.get("schema") == SCHEMA


def _error_text(error: object) -> str:
    """Return the text of an error, with its class unless that is one of Airflow or of this package."""
    if error is None or isinstance(error, str):
        return (error or "")[:_MAX_ERROR_LENGTH]
    text = str(error)[:_MAX_ERROR_LENGTH]
    if isinstance(error, AirflowException) and text:
        return text
    return f"{type(error).__name__}: {text}".removesuffix(": ")
