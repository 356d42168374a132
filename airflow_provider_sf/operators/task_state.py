"""What a task stores for its later tries, before it changes the cluster. Not for DAG files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.xcoms import push_xcom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

START_XCOM = "upgrade_start_state"
"""The XCom of operators that start an upgrade; see :class:`TaskState`."""


class TaskState:
    """
    A JSON value in Airflow's task state store, which exists from Airflow 3.3 on.

    An error of the store is raised: a task that cannot store what it is about to do must not do it.

    :param xcom: the key of an XCom that keeps the value before Airflow 3.3, for the later processes of the
        same try. Airflow clears the XComs of a task when the next try starts. None keeps nothing then
    """

    def __init__(self, context: Context, key: str, *, xcom: str | None = None) -> None:
        self._store: Any = context.get("task_state_store")
        self._context = context
        self._key = key
        self._xcom = None if self.is_available else xcom

    @property
    def is_available(self) -> bool:
        """Whether this Airflow keeps the value for a retry."""
        return self._store is not None

    def get(self) -> Any:
        """Return the value that an earlier process has stored; None without one."""
        if self._xcom is not None:
            ti: Any = self._context["ti"]
            return ti.xcom_pull(task_ids=ti.task_id, key=self._xcom, map_indexes=ti.map_index)
        return None if self._store is None else self._store.get(self._key)

    def set(self, value: object) -> None:
        """Store a value, if this Airflow can."""
        if self._store is not None:
            self._store.set(self._key, value)
        elif self._xcom is not None:
            push_xcom(self._context, self._xcom, value)

    def delete(self) -> None:
        """Remove the value."""
        if self._store is not None:
            self._store.delete(self._key)
        elif self._xcom is not None:
            push_xcom(self._context, self._xcom, None)
