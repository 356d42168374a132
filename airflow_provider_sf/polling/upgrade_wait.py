"""A wait in one process: each poll is one step, and what it changes is logged. No Airflow."""

from __future__ import annotations

from datetime import datetime, timezone
from random import random
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.hooks.async_connection import connection_error
from airflow_provider_sf.messages.log_state import LogState
from airflow_provider_sf.messages.progress_log import changed_lines, opening_lines
from airflow_provider_sf.messages.summary import summary_lines
from airflow_provider_sf.polling.results import WaitResults
from airflow_provider_sf.rest import ServiceFabricError
from airflow_provider_sf.wait.state_machine import step

if TYPE_CHECKING:
    from airflow_provider_sf.hooks.upgrade_reads import UpgradeReads
    from airflow_provider_sf.polling.settings import WaitSettings
    from airflow_provider_sf.wait.state import WaitState
    from airflow_provider_sf.wait.state_machine import Decision, Observation


class UpgradeWait:
    """
    One process of a wait for an upgrade.

    :param settings: what to wait for, and how
    :param calls: the hook, or the same calls without Airflow
    :param state: what is known at the beginning
    :param log: a logger
    """

    def __init__(self, settings: WaitSettings, calls: UpgradeReads, state: WaitState, log: Any) -> None:
        self._settings = settings
        self._calls = calls
        self._log = log
        self._log_state = LogState()
        self.state = state
        """What the wait knows."""
        self.results = WaitResults(settings, calls, log)

    def log_opening(self, endpoint: str) -> None:
        """Log the target, the expected upgrade and the timeouts."""
        settings = self._settings
        for line in opening_lines(
            settings.kind, settings.name, endpoint, settings.policy, settings.limit, self.state.expected
        ):
            self._log.info("%s", line)

    def poll(self) -> Decision:
        """
        Poll once, log what has changed, and return what to do next.

        :raises Exception: one of the ``connection_errors`` of the calls, before the first answer
        """
        before, observation, now = self.state, self._observe(), _now()
        jitter = random()  # noqa: S311 - not a secret
        self.state, decision = step(self._settings.policy, before, observation, now, jitter=jitter)
        self._log_state, lines = changed_lines(
            self._log_state, before, self.state, self._settings.policy, now
        )
        for level, line in lines:
            self._log.log(level, "%s", line)
        return decision

    def log_summary(self, state: WaitState) -> None:
        """Log the Summary of a final state, as a fold."""
        self._log.info("::group::Summary")
        for line in summary_lines(self._settings.kind, self._settings.name, state):
            self._log.info("%s", line)
        self._log.info("::endgroup::")

    def _observe(self) -> Observation:
        """Read the progress once. After an answer, an invalid connection is an error like others."""
        try:
            return self._calls.get_upgrade_progress(self._settings.name, kind=self._settings.kind)
        except ServiceFabricError as error:
            return error
        except self._calls.connection_errors as error:
            if not self.state.answers:
                raise
            return connection_error(self._calls.service_fabric_conn_id, error)


def _now() -> datetime:
    return datetime.now(timezone.utc)
