"""Ends of tasks and releases, as the tests of notifications need them."""

from __future__ import annotations

from typing import Any

from airflow_provider_sf.messages.notification.message import Message, make_message
from airflow_provider_sf.messages.notification.task_ends import TaskEnd, task_message
from airflow_provider_sf.releases.record_builder import TaskXComs, task_record
from tests.releases.recorded_release import RUN

LOG = (
    "Airflow log",
    "https://airflow.example.com/dags/release_shop/runs/manual__1/tasks/upgrade?try_number=1",
)
EXPLORER = (
    "Service Fabric Explorer",
    "https://sf.example.com/Explorer/index.html#/apptype/ShopType/app/shop~web",
)


def message(title: str = "Rolled back", *lines: str) -> Message:
    return make_message("failure", title, lines, [("DAG", "release"), ("task", "upgrade")], [LOG, EXPLORER])


def end_of_task(
    state: str | None = "failed", error: str = "", *, tries: tuple[int, int] = (1, 0), **values: Any
) -> Message:
    """Return the message about a task with these XComs."""
    record = task_record(TaskXComs("upgrade", None, state, values))
    return task_message(TaskEnd(RUN, record, error, *tries, links=(LOG, EXPLORER)))
