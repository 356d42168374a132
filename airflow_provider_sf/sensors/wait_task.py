"""The part of a wait that runs on a worker: poll, then defer or end the task. Not for DAG files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from random import random
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, AirflowSensorTimeout

from airflow_provider_sf.exceptions import UpgradeFailed
from airflow_provider_sf.hooks.async_connection import connection_error
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.links.service_fabric import push_link
from airflow_provider_sf.messages.blockers import health_lines
from airflow_provider_sf.messages.errors import explained_error
from airflow_provider_sf.messages.log_state import LogState
from airflow_provider_sf.messages.progress_log import changed_lines, opening_lines
from airflow_provider_sf.messages.results import failure_message, success_message
from airflow_provider_sf.messages.rollbacks import no_rollback_message, rollback_message
from airflow_provider_sf.messages.summary import summary_lines
from airflow_provider_sf.messages.timeouts import timeout_message
from airflow_provider_sf.rest import ServiceFabricError, UnexpectedAnswer
from airflow_provider_sf.rest.json_values import iso
from airflow_provider_sf.rest.plain_text import plain_line
from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.sensors.earlier_tries import EarlierTries
from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.identity import History
from airflow_provider_sf.wait.state import Verdict, WaitState, xcom_values
from airflow_provider_sf.wait.state_machine import Ended, PollAgain, step, verdict_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.upgrades.applications import ApplicationHealth
    from airflow_provider_sf.upgrades.cluster_health import ClusterHealth
    from airflow_provider_sf.wait.policy import Policy
    from airflow_provider_sf.wait.state_machine import Decision, Observation

MIN_DEFERRAL_SECONDS = 10.0
"""
The first poll of the trigger is never earlier than this after the deferral.

Airflow 3 can fail a task that resumes within seconds of its deferral (apache/airflow#72716).
"""

DEFERRAL_MARGIN = timedelta(minutes=10)
"""Airflow's own limit of a deferral is this much later than the deadline. It matters if no triggerer runs."""

TIMEOUTS = frozenset({"timeout", "start_timeout", "stall_timeout", "unknown_state_timeout"})


@dataclass(frozen=True, slots=True)
class WaitSettings:
    """
    The rendered parameters of a sensor.

    ``limit`` is the timeout that sets the deadline of the policy: its name and its seconds.
    """

    kind: str
    name: str
    service_fabric_conn_id: str
    policy: Policy
    limit: tuple[str, float]
    deferrable: bool
    live_progress: bool
    push_xcoms: bool
    wants_rollback: bool = False
    """Whether the rollback of the expected upgrade is a success of the task."""
    method_name: str = "execute_complete"
    """The method of the task with which Airflow resumes it."""


def state_from_event(event: object, kind: str, name: str) -> WaitState:
    """
    Read the event of a trigger that watched the upgrade of this kind and name.

    :raises UnexpectedAnswer: the event is invalid, so the result of the upgrade is not known
    """
    try:
        state = WaitState.from_dict(event)
    except (AttributeError, TypeError, ValueError) as error:
        msg = f"invalid event from the trigger, so the result of the upgrade is not known: {error}"
        raise UnexpectedAnswer(msg) from error
    record = state.record
    if record and (record.kind, normalized_name(record.name)) != (kind, normalized_name(name)):
        msg = (
            f"the trigger watched the {record.kind} {record.name!r}, but this task now waits for the {kind} "
            f"{name!r}: check that the templates of name give the same value when the task resumes"
        )
        raise UnexpectedAnswer(msg)
    return state


class WaitTask:
    """
    One process of a task that waits.

    :param settings: the rendered parameters of the sensor
    :param began_at: when the wait began
    :param log: the logger of the task
    :param defer: the method ``defer`` of the sensor; it raises
    :param earlier_polls_unknown: True in reschedule mode, where each process starts without the state of the
        process before it
    :param history: what the task knows of the expected upgrade, if it started that itself
    """

    def __init__(
        self,
        settings: WaitSettings,
        began_at: datetime,
        *,
        log: Any,
        defer: Callable[..., None],
        earlier_polls_unknown: bool = False,
        history: History | None = None,
    ) -> None:
        self._settings = settings
        self._policy = settings.policy
        known = history or History()
        self._state = WaitState(
            began_at=began_at,
            expected=known.expected,
            before=known.before,
            earlier_polls_unknown=earlier_polls_unknown,
        )
        self._log = log
        self._log_state = LogState()
        self._defer_task = defer
        self.has_ended = False
        self._earlier_tries = EarlierTries(settings.kind, settings.name, settings.policy.selector, log)
        self._needs_earlier_tries = history is None

    def poke(self, context: Context) -> dict[str, Any] | None:
        """Poll, then defer in deferrable mode; return the record if the upgrade has succeeded."""
        cluster = None if self._state.polls else self._open(context)
        decision = self._poll(context)
        if cluster and self._state.record and self._settings.push_xcoms:
            push_link(context, cluster, self._settings.kind, self._settings.name, self._state.record)
        while isinstance(decision, PollAgain) and self._must_poll_now(decision):
            time.sleep(decision.seconds)
            decision = self._poll(context)
        if isinstance(decision, Ended):
            return self.end(context, self._state.ended(decision.by, _now()))
        if self._settings.deferrable:
            self._defer(context, decision.seconds)
        return None

    def complete(self, context: Context, event: object) -> dict[str, Any]:
        """End the task with the event of its trigger; store first what a retry must know."""
        state = state_from_event(event, self._settings.kind, self._settings.name)
        self._keep(context, state)
        return self.end(context, state)

    def end(self, context: Context, state: WaitState) -> dict[str, Any]:
        """Push and log the final state; then return the record of a success, or raise the error."""
        self.has_ended = True
        result, state = self._result(state)
        self._report(context, state, str(result))
        if isinstance(result, Exception):
            raise result
        self._log.info("%s", result)
        record: dict[str, Any] = state.to_dict()["record"]
        return record

    def time_out(self, context: Context) -> str:
        """Push and log the final state of a wait that Airflow's own timeout ended; return the message."""
        state = self._state.ended("timeout", _now())
        message = self._timeout_message(state)
        self._report(context, state, message)
        return message

    def _observe(self) -> Observation:
        """Read the progress once. After an answer, an invalid connection is an error like others."""
        try:
            return self._hook().get_upgrade_progress(self._settings.name, kind=self._settings.kind)
        except ServiceFabricError as error:
            return error
        except (AirflowNotFoundException, ValueError) as error:
            if not self._state.answers:
                raise
            return connection_error(self._settings.service_fabric_conn_id, error)

    def _hook(self) -> ServiceFabricHook:
        return ServiceFabricHook(self._settings.service_fabric_conn_id)

    def _open(self, context: Context) -> Cluster:
        """Push the link and log the opening lines; in reschedule mode each process would repeat the lines."""
        settings, cluster = self._settings, self._hook().get_conn()
        if settings.push_xcoms:
            push_link(context, cluster, settings.kind, settings.name)
        if not self._state.earlier_polls_unknown:
            expected = self._state.expected
            for line in opening_lines(
                settings.kind, settings.name, cluster.endpoint, self._policy, settings.limit, expected
            ):
                self._log.info("%s", line)
        if self._needs_earlier_tries:
            self._state = self._earlier_tries.continued(context, self._state)
        return cluster

    def _keep(self, context: Context, state: WaitState) -> None:
        """Store what a retry must know, unless the task knows it from the start of the upgrade."""
        if self._needs_earlier_tries:
            self._earlier_tries.keep(context, state)

    def _poll(self, context: Context) -> Decision:
        before, observation, now = self._state, self._observe(), _now()
        jitter = random()  # noqa: S311 - not a secret
        self._state, decision = step(self._policy, before, observation, now, jitter=jitter)
        self._keep(context, self._state)
        self._log_state, lines = changed_lines(self._log_state, before, self._state, self._policy, now)
        for level, line in lines:
            self._log.log(level, "%s", line)
        return decision

    def _must_poll_now(self, decision: PollAgain) -> bool:
        """
        Whether this process must poll again itself, before Airflow's next poke.

        It confirms a bad result at once. During an outage it backs off by its own rules, and a timeout may
        expire before the next poke. In reschedule mode the next process would not know of an outage or of an
        unknown state.
        """
        state = self._state
        if state.is_confirming and state.unreachable_since is None:
            return True
        if self._settings.deferrable:
            return False
        if state.earlier_polls_unknown:
            return state.unreachable_since is not None or state.verdict is Verdict.UNKNOWN
        return state.unreachable_since is not None or decision.seconds < self._policy.interval(state.answers)

    def _defer(self, context: Context, pause: float) -> None:
        settings, now = self._settings, _now()
        remaining = max(timedelta(0), (self._policy.deadline or now) - now)
        pause = max(MIN_DEFERRAL_SECONDS, min(pause, remaining.total_seconds()))
        self._push(context, self._state)
        self._defer_task(
            trigger=ServiceFabricUpgradeTrigger(
                name=settings.name,
                kind=settings.kind,
                service_fabric_conn_id=settings.service_fabric_conn_id,
                first_poll_at=str(iso(now + timedelta(seconds=pause))),
                wait_state=self._state.to_dict(),
                live_progress=settings.live_progress and settings.push_xcoms,
                **self._policy.to_dict(),
            ),
            method_name=settings.method_name,
            timeout=remaining + DEFERRAL_MARGIN,
        )

    def _result(self, state: WaitState) -> tuple[str | Exception, WaitState]:
        """Return the success message or the error to raise, and the state with the reasons of a failure."""
        policy, record = self._policy, state.record
        if state.ended_by == "upgrade" and record is not None:
            verdict = verdict_of(policy, state, record, _now())
            if self._settings.wants_rollback:
                return self._rollback_result(state, record, verdict), state.identified(record)
            if verdict is Verdict.SUCCEEDED:
                health = health_lines(self._health()) if _is_unmonitored(state, record) else []
                return "\n".join([success_message(state, record), *health]), state.identified(record)
            if verdict.bad:
                state = self._explained(state, verdict)
                error = UpgradeFailed(failure_message(policy, state, record, verdict))
                return error, state.identified(record) if verdict is Verdict.FAILED else state
        if state.ended_by in TIMEOUTS:
            return AirflowSensorTimeout(self._timeout_message(state)), state
        if state.error is not None:
            settings = self._settings
            return explained_error(state.error, state, settings.kind, settings.name), state
        outcome = "no record" if record is None else f"outcome {record.outcome}"
        msg = f"unknown result of the wait: ended by {state.ended_by!r} with {outcome}"
        return UnexpectedAnswer(msg), state

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

    def _timeout_message(self, state: WaitState) -> str:
        settings = self._settings
        health = health_lines(self._health()) if _is_in_progress(state) else []
        return timeout_message(
            self._policy, state, settings.kind, settings.name, settings.limit, more_lines=health
        )

    def _health(self) -> ApplicationHealth | ClusterHealth | None:
        """Read the health once. A failed call is no error of the wait, which has ended."""
        try:
            return self._hook().get_health(self._settings.name, kind=self._settings.kind)
        except Exception as error:  # noqa: BLE001 - a secrets backend may raise anything
            self._log.info("Could not read the health: %s", plain_line(str(error)))
            return None

    def _report(self, context: Context, state: WaitState, message: str) -> None:
        """Push the final state and log the Summary: log lines of the triggerer can be lost."""
        self._push(context, state, message)
        self._log.info("::group::Summary")
        for line in summary_lines(self._settings.kind, self._settings.name, state):
            self._log.info("%s", line)
        self._log.info("::endgroup::")

    def _push(self, context: Context, state: WaitState, message: str | None = None) -> None:
        """Push both XComs, the state last: if it is there, both are."""
        if self._settings.push_xcoms:
            values = xcom_values(self._settings.kind, self._settings.name, state, message)
            for key, value in reversed(values.items()):
                context["ti"].xcom_push(key=key, value=value)


def _is_unmonitored(state: WaitState, record: UpgradeProgress) -> bool:
    """Whether the expected upgrade has completed without any health check of Service Fabric."""
    mode = record.rolling_upgrade_mode or ""
    return state.timeline[-1].expected and mode.startswith("Unmonitored")


def _is_in_progress(state: WaitState) -> bool:
    """Whether the expected upgrade was in progress at the end of the wait, and the cluster answered."""
    is_active = state.record is not None and state.record.outcome.active
    return is_active and state.error is None and state.timeline[-1].expected


def _now() -> datetime:
    return datetime.now(timezone.utc)
