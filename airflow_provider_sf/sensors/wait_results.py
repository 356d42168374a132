"""The result of a wait: what is read once at its end, and the message or the error. Not for DAG files."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from airflow_provider_sf.exceptions import UpgradeFailed
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.messages.blockers import health_lines
from airflow_provider_sf.messages.errors import explained_error
from airflow_provider_sf.messages.results import failure_message, success_message
from airflow_provider_sf.messages.rollbacks import no_rollback_message, rollback_message
from airflow_provider_sf.messages.timeouts import timeout_message
from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.plain_text import plain_line
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.state import Verdict
from airflow_provider_sf.wait.state_machine import verdict_of

if TYPE_CHECKING:
    from airflow_provider_sf.sensors.wait_settings import WaitSettings
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.upgrades.applications import ApplicationHealth
    from airflow_provider_sf.upgrades.cluster_health import ClusterHealth
    from airflow_provider_sf.wait.state import WaitState

TIMEOUTS = frozenset({"timeout", "start_timeout", "stall_timeout", "unknown_state_timeout"})


class WaitResults:
    """Turn the final state of a wait into its result. At most two calls read more details of the end."""

    def __init__(self, settings: WaitSettings, log: Any) -> None:
        self._settings = settings
        self._policy = settings.policy
        self._log = log
        self._known_health: ApplicationHealth | ClusterHealth | None = None

    def is_wanted_pause(self, state: WaitState) -> bool:
        """Whether the expected upgrade is paused, and the task wants to know that."""
        record = state.record
        if not self._settings.wants_pause or state.ended_by != "upgrade" or record is None:
            return False
        is_expected = verdict_of(self._policy, state, record, _now()) is Verdict.FAILED
        return is_expected and record.outcome is Outcome.PAUSED

    def of(self, state: WaitState) -> tuple[str | Exception, WaitState]:
        """Return the success message or the error to raise, and the state with the reasons of a failure."""
        policy, record = self._policy, state.record
        if state.ended_by == "upgrade" and record is not None:
            verdict = verdict_of(policy, state, record, _now())
            if self._settings.wants_rollback:
                return self._rollback_result(state, record, verdict), state.identified(record)
            if verdict is Verdict.SUCCEEDED:
                health = health_lines(self.health()) if _is_unmonitored(state, record) else []
                return "\n".join([success_message(state, record), *health]), state.identified(record)
            if verdict.bad:
                state = self._explained(state, verdict)
                error = UpgradeFailed(failure_message(policy, state, record, verdict))
                return error, state.identified(record) if verdict is Verdict.FAILED else state
        if state.ended_by in TIMEOUTS:
            return AirflowSensorTimeout(self.timeout_message(state)), state
        if state.error is not None:
            settings = self._settings
            return explained_error(state.error, state, settings.kind, settings.name), state
        outcome = "no record" if record is None else f"outcome {record.outcome}"
        msg = f"unknown result of the wait: ended by {state.ended_by!r} with {outcome}"
        return UnexpectedAnswer(msg), state

    def timeout_message(self, state: WaitState) -> str:
        """Return the message of a wait that a timeout ended."""
        settings = self._settings
        health = health_lines(self.health()) if _is_in_progress(state) else []
        return timeout_message(
            self._policy, state, settings.kind, settings.name, settings.limit, more_lines=health
        )

    def _rollback_result(
        self, state: WaitState, record: UpgradeProgress, verdict: Verdict
    ) -> str | UpgradeFailed:
        """Return the result of a wait for a rollback that the task has requested."""
        if verdict is Verdict.FAILED and record.outcome is Outcome.ROLLED_BACK:
            return rollback_message(state, record)
        if verdict is Verdict.SUCCEEDED:
            return UpgradeFailed(no_rollback_message(state, record))
        return UpgradeFailed(failure_message(self._policy, state, record, verdict))

    def _explained(self, state: WaitState, verdict: Verdict) -> WaitState:
        """Return the state with the reasons of a failure: from records, and from calls that are made once."""
        if verdict is not Verdict.FAILED:
            return state
        details, problems = self._hook().get_failure_details(self._settings.name, kind=self._settings.kind)
        for problem in problems:
            self._log.info("Could not read more failure details: %s", problem)
        return state.explained(details)

    def health(self) -> ApplicationHealth | ClusterHealth | None:
        """Read the health at the end, once. A failed call is no error of the wait, which has ended."""
        if self._known_health is None:
            try:
                self._known_health = self._hook().get_health(self._settings.name, kind=self._settings.kind)
            except Exception as error:  # noqa: BLE001 - a secrets backend may raise anything
                self._log.info("Could not read the health: %s", plain_line(str(error)))
        return self._known_health

    def _hook(self) -> ServiceFabricHook:
        return ServiceFabricHook(self._settings.service_fabric_conn_id)


def _is_unmonitored(state: WaitState, record: UpgradeProgress) -> bool:
    """Whether the expected upgrade has completed without any health check of Service Fabric."""
    mode = record.rolling_upgrade_mode or ""
    return _is_expected(state) and mode.startswith("Unmonitored")


def _is_in_progress(state: WaitState) -> bool:
    """Whether the expected upgrade was in progress at the end of the wait, and the cluster answered."""
    is_active = state.record is not None and state.record.outcome.active
    return is_active and state.error is None and _is_expected(state)


def _is_expected(state: WaitState) -> bool:
    return bool(state.timeline) and state.timeline[-1].expected


def _now() -> datetime:
    return datetime.now(timezone.utc)
