"""The part of a wait that runs on a worker: poll, then defer or end the task. Not for DAG files."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from airflow_provider_sf.exceptions import UpgradeFailed
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.links.service_fabric import push_link
from airflow_provider_sf.messages.earlier_tries import found_line
from airflow_provider_sf.polling.upgrade_wait import UpgradeWait
from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.json_values import iso
from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.sensors.earlier_tries import EarlierTries
from airflow_provider_sf.sensors.outlet_events import describe_in_outlets
from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger
from airflow_provider_sf.upgrades.observed_health import ObservedHealth
from airflow_provider_sf.wait import defaults
from airflow_provider_sf.wait.ends import TIMEOUTS, WaitEnd
from airflow_provider_sf.wait.identity import History
from airflow_provider_sf.wait.state import Verdict, WaitState, xcom_values
from airflow_provider_sf.wait.state_machine import Ended, PollAgain
from airflow_provider_sf.wait.upgrade_end import UpgradeEnd
from airflow_provider_sf.xcoms import push_xcom

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.polling.results import Result
    from airflow_provider_sf.sensors.wait_settings import WaitTaskSettings
    from airflow_provider_sf.wait.state_machine import Decision

DEFERRAL_MARGIN = timedelta(minutes=10)
"""Airflow's own limit of a deferral is this much later than the deadline. It matters if no triggerer runs."""


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
    :param earlier: the state of the wait that this one continues after a pause
    """

    def __init__(
        self,
        settings: WaitTaskSettings,
        began_at: datetime,
        *,
        log: Any,
        defer: Callable[..., None],
        earlier_polls_unknown: bool = False,
        history: History | None = None,
        earlier: WaitState | None = None,
    ) -> None:
        known = history or History()
        state = earlier or WaitState(
            began_at=began_at,
            expected=known.expected,
            before=known.before,
            old_version=known.old_version,
            earlier_polls_unknown=earlier_polls_unknown,
        )
        self._settings = settings
        self._policy = settings.policy
        self._hook = ServiceFabricHook(settings.service_fabric_conn_id)
        self._wait = UpgradeWait(settings, self._hook, state, log)
        self._log = log
        self._defer_task = defer
        self.has_ended = False
        self._earlier_tries = EarlierTries(settings.kind, settings.name, settings.policy.selector, log)
        self._needs_earlier_tries = history is None and earlier is None

    def poke(self, context: Context) -> dict[str, Any] | None:
        """Poll, then defer in deferrable mode; return the record if the upgrade has succeeded."""
        cluster = None if self._wait.state.polls else self._open(context)
        decision = self._poll(context)
        record = self._wait.state.record
        if cluster and record and self._settings.push_xcoms:
            push_link(context, cluster, self._settings.kind, self._settings.name, record)
        while isinstance(decision, PollAgain) and self._must_poll_now(decision):
            time.sleep(decision.seconds)
            decision = self._poll(context)
        if isinstance(decision, Ended):
            return self.end(context, self._wait.state.ended(decision.by, _now()))
        if self._settings.deferrable:
            self._defer(context, decision.seconds)
        return None

    def complete(self, context: Context, event: object) -> dict[str, Any]:
        """
        End the task with the event of its trigger; store first what a retry must know.

        If the trigger has only found the expected upgrade, defer again.
        """
        state = state_from_event(event, self._settings.kind, self._settings.name)
        self._keep(context, state)
        if self._needs_earlier_tries and state.ended_by is None and state.is_upgrade_known:
            self._continue(context, state)
        return self.end(context, state)

    def _continue(self, context: Context, state: WaitState) -> None:
        """
        Defer again, with the deadline and the schedule of the first deferral.

        The log line names what the trigger has found: Airflow overwrites the lines of the first trigger with
        those of the second if the same triggerer runs both.
        """
        began_at, limit = state.began_at or _now(), timedelta(seconds=self._settings.limit[1])
        self._policy = replace(self._policy, deadline=began_at + limit)
        self._wait.state = state
        self._log.info("%s", found_line(state.expected))
        polled_at = (state.record and state.record.observed_at) or _now()
        self._defer(context, self._policy.interval(state.answers) - (_now() - polled_at).total_seconds())

    def end(self, context: Context, state: WaitState) -> dict[str, Any]:
        """
        Log and push the final state; then return the record of a success, or raise the error.

        A wanted pause needs no Summary: the task goes on. The reason of a failure is raised even if Airflow
        cannot store the XComs.
        """
        self.has_ended = True
        if self._wait.results.is_wanted_pause(state):
            self._push(context, state.after_pause())
            paused: dict[str, Any] = state.to_dict()["record"]
            return paused
        result, state = self._wait.results.of(state)
        try:
            self._report(context, state, result.message)
        except Exception as error:
            if result.end is WaitEnd.SUCCEEDED:
                raise
            raise _exception(result) from error
        if result.end is not WaitEnd.SUCCEEDED:
            raise _exception(result)
        if state.record is not None and self._settings.is_own_upgrade:
            describe_in_outlets(context, UpgradeEnd.of(state.record, state.expected))
        self._log.info("%s", result.message)
        record: dict[str, Any] = state.to_dict()["record"]
        return record

    def time_out(self, context: Context) -> str:
        """Log and push the final state of a wait that Airflow's own timeout ended; return the message."""
        state = self._wait.state.ended("timeout", _now())
        message = self._wait.results.timeout_message(state)
        self._report(context, state, message)
        return message

    def _open(self, context: Context) -> Cluster:
        """Push the link and log the opening lines; in reschedule mode each process would repeat the lines."""
        settings, cluster = self._settings, self._hook.get_conn()
        if settings.push_xcoms:
            push_link(context, cluster, settings.kind, settings.name)
        if not self._wait.state.earlier_polls_unknown:
            self._wait.log_opening(cluster.endpoint)
        if self._needs_earlier_tries:
            self._wait.state = self._earlier_tries.continued(context, self._wait.state)
        return cluster

    def _keep(self, context: Context, state: WaitState) -> None:
        """Store what a retry must know, unless the task knows it from the start of the upgrade."""
        if self._needs_earlier_tries:
            self._earlier_tries.keep(context, state)

    def _poll(self, context: Context) -> Decision:
        decision = self._wait.poll()
        self._keep(context, self._wait.state)
        return decision

    def _must_poll_now(self, decision: PollAgain) -> bool:
        """
        Whether this process must poll again itself, before Airflow's next poke.

        It confirms a bad result at once. During an outage it backs off by its own rules, and a timeout may
        expire before the next poke. In reschedule mode the next process would not know of an outage or of an
        unknown state.
        """
        state = self._wait.state
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
        pause = max(defaults.MIN_DEFERRAL_SECONDS, min(pause, remaining.total_seconds()))
        self._push(context, self._wait.state)
        self._defer_task(
            trigger=ServiceFabricUpgradeTrigger(
                name=settings.name,
                kind=settings.kind,
                service_fabric_conn_id=settings.service_fabric_conn_id,
                first_poll_at=str(iso(now + timedelta(seconds=pause))),
                wait_state=self._wait.state.to_dict(),
                live_progress=settings.live_progress and settings.push_xcoms,
                stop_when_found=self._needs_earlier_tries
                and self._earlier_tries.must_know_more(context, self._wait.state),
                **self._policy.to_dict(),
            ),
            method_name=settings.method_name,
            timeout=remaining + DEFERRAL_MARGIN,
        )

    def _report(self, context: Context, state: WaitState, message: str) -> None:
        """Log the Summary, because log lines of the triggerer can be lost; then push the final state."""
        self._wait.log_summary(state)
        self._push(context, state, message)
        if self._settings.pushes_health and self._settings.push_xcoms and state.error is None:
            self._push_health(context)

    def _push(self, context: Context, state: WaitState, message: str | None = None) -> None:
        """Push both XComs, the state last: if it is there, both are."""
        if self._settings.push_xcoms:
            values = xcom_values(self._settings.kind, self._settings.name, state, message)
            for key, value in reversed(values.items()):
                push_xcom(context, key, value)

    def _push_health(self, context: Context) -> None:
        health = self._wait.results.health()
        if health is not None:
            push_xcom(context, "health_at_end", ObservedHealth.of(health, _now()).to_dict())


def _exception(result: Result) -> Exception:
    """Return what the task raises if the wait was no success."""
    if result.error is not None:
        return result.error
    return (AirflowSensorTimeout if result.end in TIMEOUTS else UpgradeFailed)(result.message)


def _now() -> datetime:
    return datetime.now(timezone.utc)
