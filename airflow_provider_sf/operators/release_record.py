"""The operator that writes the record of a release, for audits."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_sf.wait.defaults import DEFAULT_CONN_ID
from airflow_provider_sf.wait.parameters import is_rendered_later, naming_task
from airflow_provider_sf.xcoms import push_xcom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.operators.record_files import WrittenRecord

_PACKAGE = __name__.partition(".")[0]


class ServiceFabricReleaseRecordOperator(BaseOperator):
    """
    Write the record of a release as JSON and as one HTML page.

    The record is built from the XComs of the tasks that ran before. It has no values of parameters, and
    Airflow's masker is applied to each text. Each record holds the hash of the record before it in the same
    folder: ``python -m airflow_provider_sf.releases verify FOLDER`` finds changed and missing files.

    :param folder: the folder for the files ``<dag>__<run>.json`` and ``.html``, which is made if it does not
        exist; templated. All workers that run this task must see the same folder
    :param task_ids: the tasks to record; None is each task of this provider upstream of this one

    The task runs after all others have ended with any result: its ``trigger_rule`` is ``"all_done"``.

    XComs: ``return_value`` is the record, ``release_record_files`` the paths ``json`` and ``html``.

    :raises ValueError: there are no XComs to record, or the records in the folder are not valid
    :raises OSError: the folder cannot be written; retried
    """

    template_fields: Sequence[str] = ("folder",)
    ui_color = "#0078d4"
    ui_fgcolor = "#ffffff"

    @naming_task
    def __init__(self, *, folder: str, task_ids: Sequence[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**{"trigger_rule": "all_done", **kwargs})
        self.folder = folder
        self.task_ids = None if task_ids is None else list(task_ids)
        if isinstance(task_ids, str):
            msg = f"task_ids must be a list of task ids, not the text {task_ids!r}"
            raise ValueError(msg)  # noqa: TRY004 - one error for all invalid parameters

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the XComs, write both files, return the record."""
        # Imported here, because a DAG file does not need them.
        from airflow_provider_sf.operators.masking import redacted  # noqa: PLC0415
        from airflow_provider_sf.operators.record_files import write_record  # noqa: PLC0415
        from airflow_provider_sf.operators.run_xcoms import read_run, read_xcoms  # noqa: PLC0415
        from airflow_provider_sf.releases.record_builder import build_record  # noqa: PLC0415

        task_ids = self.recorded_task_ids()
        tasks = read_xcoms(context, task_ids, self._connections(task_ids))
        record = build_record(read_run(context), tasks, datetime.now(timezone.utc))
        written = write_record(Path(self.folder), redacted(record.to_dict()))
        self._log_result(written)
        if self.do_xcom_push:
            paths = {"json": str(written.json_path), "html": str(written.html_path)}
            push_xcom(context, "release_record_files", paths)
        return written.record

    def recorded_task_ids(self) -> list[str]:
        """Return the ids of the tasks to record."""
        if self.task_ids is not None:
            return self.task_ids
        return sorted(task.task_id for task in self.get_flat_relatives(upstream=True) if is_recorded(task))

    def _connections(self, task_ids: Sequence[str]) -> dict[str, str]:
        """Return the id of the connection of each task, as far as the DAG file shows it."""
        dag = self.get_dag()
        tasks = [dag.get_task(task_id) for task_id in task_ids if dag.has_task(task_id)] if dag else []
        found = {task.task_id: _connection_of(task) for task in tasks}
        return {task_id: value for task_id, value in found.items() if value and not is_rendered_later(value)}

    def _log_result(self, written: WrittenRecord) -> None:
        verb = "Written" if written.is_new else "Found the record of an earlier try"
        self.log.info("%s: %s and %s", verb, written.json_path, written.html_path.name)
        self.log.info("SHA-256 of the record: %s", written.record["sha256"])


def _connection_of(task: Any) -> Any:
    """Return the id of the connection; None for a mapped task with several ones."""
    expanded = getattr(task, "expand_input", None)
    if expanded is None:
        return getattr(task, "service_fabric_conn_id", None)
    is_same = isinstance(expanded.value, dict) and "service_fabric_conn_id" not in expanded.value
    return task.partial_kwargs.get("service_fabric_conn_id", DEFAULT_CONN_ID) if is_same else None


def is_recorded(task: Any) -> bool:
    """Whether a task, mapped or not, is one of this provider, or of a class that inherits from it."""
    found = getattr(task, "operator_class", None) or type(task)
    modules = (parent.__module__ for parent in getattr(found, "__mro__", ()))
    is_own = any(module.startswith(f"{_PACKAGE}.") for module in modules)
    return is_own and not issubclass(found, ServiceFabricReleaseRecordOperator)
