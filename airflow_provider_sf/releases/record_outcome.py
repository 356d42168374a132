"""The outcome of a release, from the outcomes and the states of its tasks. No I/O, no Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.rest.url_names import normalized_name

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from airflow_provider_sf.releases.release_record import TaskRecord

_FAILED_STATES = frozenset({"failed", "upstream_failed"})
"""Airflow's states of tasks that did not do their work."""


def release_outcome(tasks: Sequence[TaskRecord]) -> str | None:
    """
    Return succeeded if the last outcome of each upgrade is that, otherwise the first other one.

    None is an outcome that is not known. A task that only reads counts if there are only such tasks.

    :param tasks: in the order in which they began
    """
    latest: dict[Hashable, str | None] = {}
    for task in [task for task in tasks if _counts(task)] or tasks:
        key, outcome = _upgrade_of(task), _outcome_of(task)
        explains_less = task.outcome is None and latest.get(key) not in {None, "succeeded"}
        if outcome is None or explains_less:
            latest.setdefault(key, outcome)
        else:
            latest[key] = outcome
    others = [outcome for outcome in latest.values() if outcome != "succeeded"]
    return next(filter(None, others), None) if others or not latest else "succeeded"


def _counts(task: TaskRecord) -> bool:
    """Whether a task has changed or awaited an upgrade, or should have done so; or has failed after it."""
    is_upgrade = task.bake is None and bool(task.began_at or task.change)
    return is_upgrade or task.state in _FAILED_STATES


def _outcome_of(task: TaskRecord) -> str | None:
    """Return the outcome of a task; a failed task is never a success, also without an XCom."""
    is_failed = task.state in _FAILED_STATES and task.outcome in {None, "succeeded"}
    return "failed" if is_failed else task.outcome


def _upgrade_of(task: TaskRecord) -> Hashable:
    """
    Return what an upgrade is about: the name in any spelling, on one cluster.

    A task without a name stands alone. If the connection is not known, each index counts as a cluster.
    """
    if not task.name:
        return (task.task_id, task.map_index)
    return (task.connection or task.map_index, task.kind, normalized_name(task.name))
