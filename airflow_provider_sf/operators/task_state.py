"""What a task stores for its later tries, before it changes the cluster. Not for DAG files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class TaskState:
    """
    A JSON value in Airflow's task state store, which exists from Airflow 3.3 on.

    XComs do not survive: Airflow clears those of a task when a try starts. An error of the store is raised: a
    task that cannot store what it is about to do must not do it.
    """

    def __init__(self, context: Context, key: str) -> None:
        self._store: Any = context.get("task_state_store")
        self._key = key

    @property
    def is_available(self) -> bool:
        """Whether this Airflow keeps the value for a retry."""
        return self._store is not None

    def get(self) -> Any:
        """Return the value that an earlier process has stored; None without one."""
        return None if self._store is None else self._store.get(self._key)

    def set(self, value: object) -> None:
        """Store a value, if this Airflow can."""
        if self._store is not None:
            self._store.set(self._key, value)

    def delete(self) -> None:
        """Remove the value."""
        if self._store is not None:
            self._store.delete(self._key)
