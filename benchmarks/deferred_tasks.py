"""
Fill an Airflow database with deferred tasks: ``python -m benchmarks.deferred_tasks``.

The argument is a JSON object with the keywords of :func:`write`.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow.models import DagModel, DagRun, TaskInstance
from airflow.models.connection import Connection
from airflow.models.dag_version import DagVersion
from airflow.models.dagbundle import DagBundleModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.trigger import Trigger
from airflow.models.xcom import XComModel
from airflow.sdk import DAG, BaseOperator
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType

from benchmarks.answers import names
from benchmarks.loop_clock import LoopClockTrigger
from benchmarks.nothing import NothingTrigger
from benchmarks.provider import stored_xcoms, wait_for

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger
    from sqlalchemy.orm import Session

DAG_ID, RUN_ID, TASK_ID, CONN_ID, BUNDLE = "waits", "many", "wait", "bench", "dags-folder"
KIND = "application_resource"
HOURS_TO_GO = 6


def write(
    *,
    waits: int,
    interval: float,
    first_poll_at: str,
    do_nothing: bool,
    long_rows: bool,
    hosts: list[str],
    extra: dict[str, str],
    loop_clock: str,
) -> None:
    """
    Write connections, and a DAG run with deferred tasks and the XComs of their first polls.

    The first polls are spread over one interval, as if the tasks had been deferred one by one. The
    connections alternate. Triggers that do nothing have short rows, or rows as long as those of this
    provider.

    :param loop_clock: the file for a further trigger, which measures the event loop; empty for no trigger
    """
    begin = datetime.fromisoformat(first_poll_at)
    with create_session() as session:
        connections = [f"{CONN_ID}_{place}" for place in range(len(hosts))]
        for connection, host in zip(connections, hosts, strict=True):
            session.add(Connection(connection, "service_fabric", host=host, extra=json.dumps(extra)))
        tasks = _task_instances(session, waits + bool(loop_clock))
        if loop_clock:
            tasks[waits].trigger = _row(LoopClockTrigger(path=loop_clock))
            session.add(tasks[waits])
        for place, (name, task) in enumerate(zip(names(waits), tasks[:waits], strict=True)):
            due = begin + timedelta(seconds=interval * place / waits)
            wait = wait_for(name, connections[place % len(hosts)], interval, due)
            trigger: BaseTrigger = wait
            if do_nothing:
                ballast = json.dumps(trigger.serialize()[1]) if long_rows else ""
                trigger = NothingTrigger(interval=interval, ballast=ballast)
            task.trigger = _row(trigger)
            session.add(task)
            session.flush()
            session.add_all(_xcoms(task, stored_xcoms(wait)))


def _row(trigger: BaseTrigger) -> Trigger:
    """Return the row that the execution API writes: the keywords are plain JSON."""
    path, keywords = trigger.serialize()
    row = Trigger(classpath=path, kwargs={})
    row.encrypted_kwargs = json.dumps(keywords)
    return row


def _xcoms(task: TaskInstance, values: dict[str, Any]) -> list[XComModel]:
    """Return the rows of a task's XComs, without the queries with which Airflow replaces older ones."""
    key = {"dag_run_id": task.dag_run.id, "dag_id": DAG_ID, "run_id": RUN_ID, "task_id": TASK_ID}
    return [
        XComModel(key=name, value=value, map_index=task.map_index, **key) for name, value in values.items()
    ]


def _task_instances(session: Session, many: int) -> list[TaskInstance]:
    """Create a DAG with a version and a run."""
    with DAG(DAG_ID, schedule=None) as dag:
        BaseOperator(task_id=TASK_ID)
    now = datetime.now(timezone.utc)
    session.add(DagBundleModel(name=BUNDLE))
    session.flush()
    session.add(DagModel(dag_id=DAG_ID, bundle_name=BUNDLE, fileloc="", relative_fileloc=""))
    session.flush()
    SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), bundle_name=BUNDLE, session=session)
    session.flush()
    version = DagVersion.get_latest_version(DAG_ID, session=session)
    serialized = SerializedDagModel.get(DAG_ID, session=session)
    if version is None or serialized is None:
        msg = "the DAG was not written"
        raise RuntimeError(msg)
    run = DagRun(
        dag_id=DAG_ID,
        run_id=RUN_ID,
        run_after=now,
        start_date=now,
        state=DagRunState.RUNNING,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
    )
    run.created_dag_version_id = version.id
    session.add(run)
    session.flush()
    task = serialized.dag.get_task(TASK_ID)
    instances = []
    for place in range(many):
        instance = TaskInstance(
            task, version.id, run_id=RUN_ID, state=TaskInstanceState.DEFERRED, map_index=place
        )
        instance.try_number, instance.start_date, instance.next_method = 1, now, "execute_complete"
        instances.append(instance)
    return instances


if __name__ == "__main__":
    write(**json.loads(sys.argv[1]))
