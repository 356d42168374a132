"""A wait as its worker sees it, from the first look to the deferral or the end. No DAG file needs this."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from random import random
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, AirflowSensorTimeout

from airflow_provider_sf.exceptions import UpgradeFailed
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.links.service_fabric import push_link
from airflow_provider_sf.messages.progress_log import LogState, changed_lines, opening_lines
from airflow_provider_sf.messages.results import failure_message, success_message
from airflow_provider_sf.messages.summary import summary_lines
from airflow_provider_sf.messages.timeouts import timeout_message
from airflow_provider_sf.rest import ServiceFabricError, UnexpectedAnswer, Unreachable
from airflow_provider_sf.rest.json_values import iso
from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger
from airflow_provider_sf.upgrades.failure_reasons import FailureDetails, failure_reasons
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.selector_input import check_previous
from airflow_provider_sf.wait.state import Verdict, WaitState, xcom_values
from airflow_provider_sf.wait.state_machine import Ended, PollAgain, judge, step

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
    from airflow_provider_sf.wait.state_machine import Decision, Observation

SOONEST_POLL = 10.0
"""
Airflow 3 can fail a task that resumes within seconds of its deferral (apache/airflow#72716), so the trigger
never polls sooner than this after it.
"""

BACKSTOP = timedelta(minutes=10)
"""Airflow's own limit of the deferral lies this much after the deadline: it matters if no triggerer runs."""

CLOCKS = frozenset({"timeout", "start_timeout", "stall_timeout", "unknown_state_timeout"})


def state_from_event(event: object) -> WaitState:
    """
    Read the event of a trigger.

    :raises UnexpectedAnswer: it is not understood, so the upgrade counts as not done
    """
    try:
        return WaitState.from_dict(event)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"the trigger's event is not understood, so the upgrade counts as not done: {error!r}"
        raise UnexpectedAnswer(msg) from error


class WaitTask:
    """
    What one process of a task does for a sensor.

    :param began: when the wait began, if another process did so
    :param forgetful: whether earlier looks of this wait are forgotten
    """

    def __init__(
        self,
        sensor: ServiceFabricUpgradeSensor,
        began: datetime | None = None,
        *,
        earlier_polls_unknown: bool = False,
    ) -> None:
        self._sensor = sensor
        self._memory = WaitState(began_at=began or _now(), earlier_polls_unknown=earlier_polls_unknown)
        self._told = LogState()
        self.has_ended = False

    def poke(self, context: Context) -> dict[str, Any] | None:
        """Look, and defer if the sensor is to; return the record once the upgrade has succeeded."""
        cluster = None if self._memory.polls else self._open(context)
        decision = self._look()
        if cluster and self._memory.record and self._sensor.do_xcom_push:
            push_link(context, cluster, self._sensor.kind, self._sensor.name, self._memory.record)
        while isinstance(decision, PollAgain) and self._is_urgent(decision):
            time.sleep(decision.seconds)
            decision = self._look()
        if isinstance(decision, Ended):
            return self.end(context, self._memory.ended(decision.by, _now()))
        if self._sensor.deferrable:
            self._defer(context, decision.seconds)
        return None

    def end(self, context: Context, story: WaitState) -> dict[str, Any]:
        """Tell the story, then return the record of a success or raise what it was instead."""
        self.has_ended = True
        end, story = self._ending(story)
        self._tell(context, story, str(end))
        if isinstance(end, Exception):
            raise end
        self._sensor.log.info("%s", end)
        record: dict[str, Any] = story.to_dict()["record"]
        return record

    def run_out(self, context: Context) -> str:
        """Tell the story of a wait that Airflow's own clock has ended, and return its last words."""
        story = self._memory.ended("timeout", _now())
        message = self._timed_out(story)
        self._tell(context, story, message)
        return message

    def policy(self) -> Policy:
        """Return how to wait, and for what, as the sensor says it by now."""
        sensor, began = self._sensor, self._memory.began_at
        selector = sensor.selector()
        if selector.previous is not None:
            check_previous(selector.previous, sensor.kind, sensor.name)
        return Policy(
            poke_interval=sensor.poke_interval,
            unreachable_timeout=sensor.unreachable_timeout,
            start_timeout=sensor.start_timeout,
            unknown_state_timeout=sensor.unknown_state_timeout,
            stall_timeout=sensor.stall_timeout,
            on_paused=sensor.on_paused,
            on_rollback=sensor.on_rollback,
            wait_for_existence=sensor.wait_for_existence,
            exponential_backoff=sensor.exponential_backoff,
            max_wait=sensor.max_wait.total_seconds() if sensor.max_wait else None,
            deadline=began and began + timedelta(seconds=self._limit()[1]),
            selector=selector,
        )

    def observe(self) -> Observation:
        """Ask the cluster once."""
        sensor = self._sensor
        try:
            return self._hook().get_upgrade_progress(sensor.name, kind=sensor.kind)
        except ServiceFabricError as error:
            return error
        except (AirflowNotFoundException, ValueError) as error:
            if not self._memory.polls:
                raise
            return Unreachable(f"the connection was good and is not now: {error}")

    def _hook(self) -> ServiceFabricHook:
        return ServiceFabricHook(self._sensor.service_fabric_conn_id)

    def _open(self, context: Context) -> Cluster:
        """Link to the cluster, and say what is awaited; of hundreds of legs each would say it again."""
        sensor, cluster = self._sensor, self._hook().get_conn()
        if sensor.do_xcom_push:
            push_link(context, cluster, sensor.kind, sensor.name)
        if not self._memory.earlier_polls_unknown:
            lines = opening_lines(sensor.kind, sensor.name, cluster.endpoint, self.policy(), self._limit())
            for line in lines:
                sensor.log.info("%s", line)
        return cluster

    def _look(self) -> Decision:
        before, policy = self._memory, self.policy()
        observation = self.observe()
        now = _now()
        self._memory, decision = step(policy, before, observation, now, jitter=random())  # noqa: S311 - no secret
        self._told, lines = changed_lines(self._told, before, self._memory, policy, now)
        for level, line in lines:
            self._sensor.log.log(level, "%s", line)
        return decision

    def _is_urgent(self, decision: PollAgain) -> bool:
        """
        Tell whether this process must ask again itself, and not leave it to Airflow's next poke.

        A bad end is confirmed on the spot. A silence has a rhythm of its own, and a clock may be due before
        the next poke. In reschedule mode nothing remembers a silence or an unknown state from leg to leg.
        """
        memory = self._memory
        if memory.unconfirmed and memory.unreachable_since is None:
            return True
        if self._sensor.deferrable:
            return False
        if memory.earlier_polls_unknown:
            return memory.unreachable_since is not None or memory.verdict is Verdict.UNKNOWN
        return memory.unreachable_since is not None or decision.seconds < self.policy().interval(memory.answers)

    def _limit(self) -> tuple[str, float]:
        """Return the clock that runs out first, and its seconds. While deferred, both are ours to keep."""
        sensor = self._sensor
        limits = [("timeout", float(sensor.timeout))]
        if sensor.deferrable and sensor.execution_timeout is not None:
            limits.append(("execution_timeout", sensor.execution_timeout.total_seconds()))
        return min(limits, key=lambda limit: limit[1])

    def _defer(self, context: Context, pause: float) -> None:
        sensor, policy, now = self._sensor, self.policy(), _now()
        left = max(timedelta(0), (policy.deadline or now) - now)
        pause = max(SOONEST_POLL, min(pause, left.total_seconds()))
        self._push(context, self._memory)
        sensor.defer(
            trigger=ServiceFabricUpgradeTrigger(
                name=sensor.name,
                kind=sensor.kind,
                service_fabric_conn_id=sensor.service_fabric_conn_id,
                first_poll_at=str(iso(now + timedelta(seconds=pause))),
                wait_state=self._memory.to_dict(),
                live_progress=sensor.live_progress and sensor.do_xcom_push,
                **policy.to_dict(),
            ),
            method_name="execute_complete",
            timeout=left + BACKSTOP,
        )

    def _ending(self, story: WaitState) -> tuple[str | Exception, WaitState]:
        """Return how a wait ended, a success in words, else the error to raise; and its story."""
        policy, record = self.policy(), story.record
        if story.ended_by == "upgrade" and record is not None:
            verdict = judge(policy, policy.selector.match(record, _now(), story.expected), record)
            if verdict is Verdict.SUCCEEDED:
                return success_message(story, record), story
            if verdict.bad:
                story = replace(story, reasons=self._reasons(story, verdict))
                return UpgradeFailed(failure_message(policy, story, record, verdict)), story
        if story.ended_by in CLOCKS:
            return AirflowSensorTimeout(self._timed_out(story)), story
        if story.error is not None:
            return story.error, story
        outcome = "no record" if record is None else f"outcome {record.outcome}"
        msg = f"the wait ended by {story.ended_by!r} with {outcome}, which is no end that this version knows"
        return UnexpectedAnswer(msg), story

    def _reasons(self, story: WaitState, verdict: Verdict) -> tuple[str, ...]:
        """Return why an upgrade failed: what its record says, and what the cluster says if asked once."""
        if story.record is None or verdict is not Verdict.FAILED:
            return ()
        details, warnings = self._hook().get_failure_details(self._sensor.name, kind=self._sensor.kind)
        for warning in warnings:
            self._sensor.log.info("Could not read more failure details: %s", warning)
        return failure_reasons([FailureDetails.from_record(story.record), *details])

    def _timed_out(self, story: WaitState) -> str:
        return timeout_message(self.policy(), story, self._sensor.kind, self._sensor.name, self._limit())

    def _tell(self, context: Context, story: WaitState, message: str) -> None:
        """Push how the wait ended, and log the whole story once more: the triggerer's lines may be lost."""
        self._push(context, story, message)
        log = self._sensor.log
        log.info("::group::Summary")
        for line in summary_lines(self._sensor.kind, self._sensor.name, story):
            log.info("%s", line)
        log.info("::endgroup::")

    def _push(self, context: Context, story: WaitState, message: str | None = None) -> None:
        if self._sensor.do_xcom_push:
            for key, value in xcom_values(self._sensor.kind, self._sensor.name, story, message).items():
                context["ti"].xcom_push(key=key, value=value)


def _now() -> datetime:
    return datetime.now(timezone.utc)
