"""What a task keeps for its later tries in Airflow's task state store. Not for DAG files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.messages.earlier_tries import cleared_line, restart_line, retry_line
from airflow_provider_sf.wait.earlier_try import EarlierTry, WaitTarget

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.messages.log_state import LogLine
    from airflow_provider_sf.wait.matching import UpgradeSelector
    from airflow_provider_sf.wait.state import WaitState

KEY = "expected_upgrade"
"""
The key in the store, which Airflow has from 3.3 on.

XComs do not survive: Airflow clears those of a task when a try starts. A trigger cannot reach the store: it
fires when it has found the expected upgrade, so that the task stores that.
"""


class EarlierTries:
    """
    Stores which upgrade a task expects, and reads it in a later process.

    Errors of the store do not fail the wait: they are logged once.
    """

    def __init__(self, kind: str, name: str, selector: UpgradeSelector, log: Any) -> None:
        self._upgrade = kind, name
        self._selector = selector
        self._log = log
        self._stored: EarlierTry | None = None
        self._has_warned = False

    def continued(self, context: Context, state: WaitState) -> WaitState:
        """
        Return the first state of a process, with what earlier ones have found; log what they have found.

        Airflow can also start a try again: if a task resumes while its DAG file is missing, for example.
        """
        is_retry = context["ti"].try_number > 1
        earlier = self._read(context)
        line: LogLine | None
        if earlier is not None and not earlier.is_valid_for(self._target(context), self._selector):
            earlier, line = None, cleared_line()
        elif is_retry:
            has_store = context.get("task_state_store") is not None
            line = retry_line(earlier, self._selector, has_store=has_store)
        else:
            line = restart_line(earlier)
        if line is not None and not state.earlier_polls_unknown:
            level, text = line
            self._log.log(level, "%s", text)
        self._stored = earlier
        return state if earlier is None else replace(state, expected=earlier.expected, before=earlier.before)

    def must_know_more(self, context: Context, state: WaitState) -> bool:
        """Whether a later process would not know which upgrade this one finds after this state."""
        return context.get("task_state_store") is not None and not state.is_upgrade_known

    def keep(self, context: Context, state: WaitState) -> None:
        """Store what a later process must know, if it has changed."""
        current = EarlierTry.of(self._target(context), state)
        store: Any = context.get("task_state_store")
        if store is None or current == self._stored:
            return
        try:
            store.set(KEY, current.to_dict())
            self._stored = current
        except Exception as error:  # noqa: BLE001 - the wait goes on, whatever Airflow raises
            self._warn("State for later processes could not be stored", error)

    def _read(self, context: Context) -> EarlierTry | None:
        store: Any = context.get("task_state_store")
        if store is None:
            return None
        try:
            value = store.get(KEY)
            return None if value is None else EarlierTry.from_dict(value)
        except Exception as error:  # noqa: BLE001 - the wait goes on, whatever Airflow raises
            self._warn("State of earlier processes could not be read", error)
            return None

    def _warn(self, text: str, error: Exception) -> None:
        if not self._has_warned:
            self._log.warning("%s; the wait goes on: %r", text, error)
        self._has_warned = True

    def _target(self, context: Context) -> WaitTarget:
        return WaitTarget.of(*self._upgrade, context["ti"].max_tries, self._selector)
