"""The result of a wait: what is read once at its end, how it has ended, and the message. No Airflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.messages.blockers import health_lines
from airflow_provider_sf.messages.errors import explained_error
from airflow_provider_sf.messages.results import failure_message, success_message
from airflow_provider_sf.messages.rollbacks import no_rollback_message, rollback_message
from airflow_provider_sf.messages.timeouts import timeout_message
from airflow_provider_sf.rest import ServiceFabricError, UnexpectedAnswer
from airflow_provider_sf.rest.plain_text import plain_line
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.ends import WaitEnd, end_by_error, end_by_timeout, end_of_upgrade
from airflow_provider_sf.wait.state import Verdict
from airflow_provider_sf.wait.state_machine import verdict_of

if TYPE_CHECKING:
    from airflow_provider_sf.hooks.upgrade_reads import UpgradeReads
    from airflow_provider_sf.polling.settings import WaitSettings
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.upgrades.applications import ApplicationHealth
    from airflow_provider_sf.upgrades.cluster_health import ClusterHealth
    from airflow_provider_sf.wait.state import WaitState


@dataclass(frozen=True, slots=True)
class Result:
    """How a wait has ended, for a program and for a person. ``error`` is the error that ended it, if any."""

    end: WaitEnd
    message: str
    error: ServiceFabricError | None = None

    @classmethod
    def from_error(cls, error: ServiceFabricError) -> Result:
        """Return the result of a wait that an error has ended."""
        return cls(end_by_error(error), str(error), error)


class WaitResults:
    """Turn the final state of a wait into its result. At most two calls read more details of the end."""

    def __init__(self, settings: WaitSettings, calls: UpgradeReads, log: Any) -> None:
        self._settings = settings
        self._policy = settings.policy
        self._calls = calls
        self._log = log
        self._known_health: ApplicationHealth | ClusterHealth | None = None

    def is_wanted_pause(self, state: WaitState) -> bool:
        """Whether the expected upgrade is paused, and the task wants to know that."""
        record = state.record
        if not self._settings.wants_pause or state.ended_by != "upgrade" or record is None:
            return False
        is_expected = verdict_of(self._policy, state, record, _now()) is Verdict.FAILED
        return is_expected and record.outcome is Outcome.PAUSED

    def of(self, state: WaitState) -> tuple[Result, WaitState]:
        """Return the result, and the state with the reasons of a failure."""
        record, settings = state.record, self._settings
        if state.ended_by == "upgrade" and record is not None:
            verdict = verdict_of(self._policy, state, record, _now())
            if settings.wants_rollback:
                return self._rollback_result(state, record, verdict), state.identified(record)
            end = end_of_upgrade(verdict, record.outcome)
            if end is not None:
                return self._upgrade_result(end, state, record, verdict)
        timeout = end_by_timeout(state.ended_by)
        if timeout is not None:
            return Result(timeout, self.timeout_message(state)), state
        if state.error is not None:
            error = explained_error(state.error, state, settings.kind, settings.name)
            return Result.from_error(error), state
        outcome = "no record" if record is None else f"outcome {record.outcome}"
        msg = f"unknown result of the wait: ended by {state.ended_by!r} with {outcome}"
        return Result.from_error(UnexpectedAnswer(msg)), state

    def timeout_message(self, state: WaitState) -> str:
        """Return the message of a wait that a timeout ended."""
        settings = self._settings
        health = health_lines(self.health()) if _is_in_progress(state) else []
        return timeout_message(
            self._policy, state, settings.kind, settings.name, settings.limit, more_lines=health
        )

    def _upgrade_result(
        self, end: WaitEnd, state: WaitState, record: UpgradeProgress, verdict: Verdict
    ) -> tuple[Result, WaitState]:
        if end is WaitEnd.SUCCEEDED:
            health = health_lines(self.health()) if _is_unmonitored(state, record) else []
            message = "\n".join([success_message(state, record), *health])
            return Result(end, message), state.identified(record)
        state = self._explained(state, verdict)
        result = Result(end, failure_message(self._policy, state, record, verdict))
        return result, state.identified(record) if verdict is Verdict.FAILED else state

    def _rollback_result(self, state: WaitState, record: UpgradeProgress, verdict: Verdict) -> Result:
        """Return the result of a wait for a rollback that the task has requested."""
        if verdict is Verdict.FAILED and record.outcome is Outcome.ROLLED_BACK:
            return Result(WaitEnd.SUCCEEDED, rollback_message(state, record))
        if verdict is Verdict.SUCCEEDED:
            return Result(WaitEnd.FAILED, no_rollback_message(state, record))
        end = end_of_upgrade(verdict, record.outcome) or WaitEnd.FAILED
        return Result(end, failure_message(self._policy, state, record, verdict))

    def _explained(self, state: WaitState, verdict: Verdict) -> WaitState:
        """Return the state with the reasons of a failure: from records, and from calls that are made once."""
        if verdict is not Verdict.FAILED:
            return state
        details, problems = self._calls.get_failure_details(self._settings.name, kind=self._settings.kind)
        for problem in problems:
            self._log.info("Could not read more failure details: %s", problem)
        return state.explained(details)

    def health(self) -> ApplicationHealth | ClusterHealth | None:
        """Read the health at the end, once. A failed call is no error of the wait, which has ended."""
        if self._known_health is None:
            try:
                self._known_health = self._calls.get_health(self._settings.name, kind=self._settings.kind)
            except Exception as error:  # noqa: BLE001 - a secrets backend may raise anything
                self._log.info("Could not read the health: %s", plain_line(str(error)))
        return self._known_health


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
