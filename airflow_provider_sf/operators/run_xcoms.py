"""Read what the tasks of a run have pushed, and how they ended. Not for DAG files."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.releases.record_builder import KEYS, Run, TaskXComs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context


def read_run(context: Context) -> Run:
    """Return what Airflow knows about the run."""
    ti, dag_run = context["ti"], context.get("dag_run")
    run_type = getattr(dag_run, "run_type", None)
    return Run(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        run_type=None if run_type is None else str(getattr(run_type, "value", run_type)),
        started_by=getattr(dag_run, "triggering_user_name", None),  # from Airflow 3.1 on
        started_at=getattr(dag_run, "start_date", None),
    )


def read_xcoms(
    context: Context, task_ids: Sequence[str], connections: Mapping[str, str] | None = None
) -> tuple[TaskXComs, ...]:
    """
    Return the XComs of these tasks; one item for each index of a mapped task.

    :param connections: the connection of each task, as far as it is known
    """
    known = connections or {}
    return tuple(
        replace(pull_xcoms(context["ti"], task_id, map_index, state), connection=known.get(task_id))
        for task_id in task_ids
        for map_index, state in _instances(context, task_id)
    )


def pull_xcoms(ti: Any, task_id: str, map_index: int | None, state: str | None) -> TaskXComs:
    """Return the XComs of one task, or of one index of a mapped task."""
    values = {key: pull(ti, task_id, map_index, key) for key in KEYS}
    return TaskXComs(task_id=task_id, map_index=map_index, state=state, values=values)


def pull(ti: Any, task_id: str, map_index: int | None, key: str) -> Any:
    """Return an XCom, or None."""
    return ti.xcom_pull(task_ids=task_id, key=key, map_indexes=-1 if map_index is None else map_index)


def _instances(context: Context, task_id: str) -> list[tuple[int | None, str | None]]:
    """Return index and state of each instance of a task; the index is None if it is not mapped."""
    states = _states(context, task_id)
    found = [
        (None if match[1] is None else int(match[1]), state)
        for name, state in states.items()
        if (match := re.fullmatch(rf"{re.escape(task_id)}(?:_(\d+))?", name))
    ]
    mapped = [item for item in found if item[0] is not None]
    return sorted(mapped, key=lambda item: item[0] or 0) or found or [(None, None)]


def _states(context: Context, task_id: str) -> dict[str, str | None]:
    """Return the state of each instance; the name of a mapped one ends with its index, as in the Task SDK."""
    ti: Any = context["ti"]
    if not hasattr(ti, "get_task_states"):
        return _states_of_models(context, task_id)
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id], task_ids=[task_id])
    return {name: state_word(state) for name, state in states.get(ti.run_id, {}).items()}


def _states_of_models(context: Context, task_id: str) -> dict[str, str | None]:
    """Return the states on Airflow 2, where a task reads the database."""
    dag_run: Any = context["dag_run"]
    instances = [instance for instance in dag_run.get_task_instances() if instance.task_id == task_id]
    return {
        task_id if instance.map_index < 0 else f"{task_id}_{instance.map_index}": state_word(instance.state)
        for instance in instances
    }


def state_word(state: object) -> str | None:
    """Return Airflow's state of a task as text."""
    return None if state is None else str(getattr(state, "value", state))
