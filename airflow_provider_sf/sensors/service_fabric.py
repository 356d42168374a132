"""Wait for an upgrade in poke, reschedule or deferrable mode: the same look, the same end."""

from __future__ import annotations

import math
import time
import warnings
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_sf.hooks.service_fabric import DEFAULT_CONN_ID, ServiceFabricHook
from airflow_provider_sf.narration import change_lines, failure, opening, success, timed_out
from airflow_provider_sf.rest import ServiceFabricError, UnexpectedAnswer
from airflow_provider_sf.upgrades import DEFAULT_KIND, Outcome, check_name
from airflow_provider_sf.watching import BAD_ENDS, AskAgain, Ended, Memory, Policy, Story, step
from airflow_provider_sf.wire import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.watching import Decision, Observation

SHORT_POKE_INTERVAL = 10.0
"""
Airflow 3 can fail a task that resumes within seconds of its deferral (apache/airflow#72716), so the trigger
never polls sooner than this after it; and a cluster has better things to do than to answer more often.
"""

BACKSTOP = timedelta(minutes=10)
"""Airflow's own limit of the deferral lies this much after the deadline: it matters if no triggerer runs."""


class UpgradeFailed(AirflowFailException):
    """The upgrade failed or was rolled back. Airflow does not retry it: to wait again cannot change that."""


class ServiceFabricUpgradeSensor(BaseSensorOperator):
    """
    Wait until the latest upgrade has ended; return its record if it succeeded, raise if it did not.

    :param name: the application resource name; templated
    :param kind: a name of :data:`airflow_provider_sf.upgrades.KINDS`
    :param service_fabric_conn_id: the connection to the cluster; templated
    :param unreachable_timeout: seconds, or a timedelta, for which a cluster that gives no usable answer is
        forgiven; 5 minutes
    :param deferrable: wait in the triggerer and hold no worker slot; the default of ``[operators]
        default_deferrable``
    :param poke_interval: seconds between polls, or a timedelta; 15 seconds
    :param timeout: seconds, or a timedelta, after which the wait ends though the upgrade goes on; 6 hours

    XComs: the record as ``return_value`` after success, as ``upgrade_progress`` otherwise; always
    ``upgrade_wait``, how the wait went and ended.

    :raises UpgradeFailed: the upgrade failed or was rolled back; not retried, skipped with ``soft_fail``
    :raises AirflowSensorTimeout: ``timeout`` or, while deferred, ``execution_timeout`` ran out; not retried,
        skipped with ``soft_fail``
    :raises ServiceFabricError: the cluster could not be read (``Unreachable`` past its budget, ``Rejected``,
        ``UnexpectedAnswer``); retried if the task has retries, never hidden by ``soft_fail``
    """

    template_fields: Sequence[str] = ("name", "service_fabric_conn_id")
    ui_color = "#0078d4"
    ui_fgcolor = "#ffffff"

    _memory = Memory()
    _begun_at = datetime.min.replace(tzinfo=timezone.utc)

    def __init__(
        self,
        *,
        name: str,
        kind: str = DEFAULT_KIND,
        service_fabric_conn_id: str = DEFAULT_CONN_ID,
        unreachable_timeout: timedelta | float = timedelta(minutes=5),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float = timedelta(seconds=15),
        timeout: timedelta | float = timedelta(hours=6),
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, timeout=timeout, **kwargs)
        self.name = name
        self.kind = kind
        self.service_fabric_conn_id = service_fabric_conn_id
        self.unreachable_timeout = _seconds("unreachable_timeout", unreachable_timeout)
        self.deferrable = deferrable
        self._check()

    def _check(self) -> None:
        """Refuse at parse time what can be known to be wrong then."""
        check_name(self.kind, self.name)
        if self.silent_fail:
            msg = "silent_fail would hide how the wait ended; unreachable_timeout forgives a silent cluster"
            raise ValueError(msg)
        if self.deferrable and not self.poke_interval > 0:
            msg = (
                f"poke_interval must be more than {self.poke_interval:g} s: the triggerer is not yours alone"
            )
            raise ValueError(msg)
        if self.poke_interval < SHORT_POKE_INTERVAL:
            warnings.warn(
                f"poke_interval is {self.poke_interval:g} s; an upgrade takes minutes, so ask every "
                f"{SHORT_POKE_INTERVAL:g} s at most",
                UserWarning,
                stacklevel=4,
            )

    def execute(self, context: Context) -> Any:
        """Wait; in deferrable mode look once, then defer."""
        self._memory, self._begun_at = Memory(), datetime.now(timezone.utc)
        if not self.reschedule:  # whose legs do not know each other: each would say it again
            self.log.info("%s", opening(self.kind, self.name, self._policy(), *self._limit()))
        try:
            return super().execute(context)
        except (AirflowSensorTimeout, AirflowSkipException) as ended:
            if ended.__cause__ is not None:  # not the timeout of Airflow's loop, but what poke() raised
                raise
            story = Story.of(self._memory, Ended("timeout"))
            self._push(context, story)
            cls = AirflowSkipException if self.never_fail else type(ended)
            raise cls(timed_out(self.kind, self.name, *self._limit(), story)) from ended

    def poke(self, context: Context) -> PokeReturnValue:
        """Look at the upgrade; look again at once only where the answer must not wait for the next poke."""
        decision = self._look()
        while isinstance(decision, AskAgain) and self._is_urgent():
            time.sleep(decision.after)
            decision = self._look()
        if isinstance(decision, Ended):
            return PokeReturnValue(
                is_done=True, xcom_value=self._end(context, Story.of(self._memory, decision))
            )
        if self.deferrable:
            self._defer(decision.after)
        return PokeReturnValue(is_done=False)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """End the task as the trigger's event says."""
        try:
            return self._end(context, _story_in(event))
        except Exception as error:
            if self.never_fail:  # as Airflow does for what poke() raises, in every mode and version
                raise AirflowSkipException(str(error)) from error
            raise

    def _look(self) -> Decision:
        before, policy = self._memory, self._policy()
        observation = self._observe()
        now = datetime.now(timezone.utc)
        self._memory, decision = step(policy, before, observation, now)
        for level, line in change_lines(before, self._memory, policy, now):
            self.log.log(level, "%s", line)
        return decision

    def _observe(self) -> Observation:
        try:
            return ServiceFabricHook(self.service_fabric_conn_id).get_upgrade_progress(
                self.name, kind=self.kind
            )
        except ServiceFabricError as error:
            return error

    def _is_urgent(self) -> bool:
        """
        Tell whether this process must ask again itself, and not leave it to Airflow's next poke.

        A bad end is confirmed on the spot. A silence is watched more closely than an upgrade, and in
        reschedule mode nothing remembers it from one leg to the next.
        """
        if self._memory.error is None:
            return self._memory.doubted
        waited = datetime.now(timezone.utc) - self._begun_at
        return not self.deferrable and waited.total_seconds() < self.timeout

    def _policy(self) -> Policy:
        """Return how to wait; the deadline is kept by Airflow's own loop, or by the trigger."""
        return Policy(
            poke_interval=self.poke_interval,
            unreachable_timeout=self.unreachable_timeout,
            exponential_backoff=self.exponential_backoff,
            max_wait=self.max_wait.total_seconds() if self.max_wait else None,
        )

    def _limit(self) -> tuple[str, float]:
        """Return the clock that runs out first, and its seconds. While deferred, both are ours to keep."""
        limits = [("timeout", float(self.timeout))]
        if self.deferrable and self.execution_timeout is not None:
            limits.append(("execution_timeout", self.execution_timeout.total_seconds()))
        return min(limits, key=lambda limit: limit[1])

    def _defer(self, pause: float) -> None:
        # 15 ms that no DAG file needs to pay.
        from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger  # noqa: PLC0415

        policy, now = self._policy(), datetime.now(timezone.utc)
        deadline = self._begun_at + timedelta(seconds=self._limit()[1])
        left = max(timedelta(0), deadline - now)
        pause = max(SHORT_POKE_INTERVAL, min(pause, left.total_seconds()))
        self.defer(
            trigger=ServiceFabricUpgradeTrigger(
                name=self.name,
                kind=self.kind,
                service_fabric_conn_id=self.service_fabric_conn_id,
                poke_interval=policy.poke_interval,
                exponential_backoff=policy.exponential_backoff,
                max_wait=policy.max_wait,
                unreachable_timeout=policy.unreachable_timeout,
                deadline=str(iso(deadline)),
                first_poll_at=str(iso(now + timedelta(seconds=pause))),
                memory=self._memory.to_dict(),
            ),
            method_name="execute_complete",
            timeout=left + BACKSTOP,
        )

    def _end(self, context: Context, story: Story) -> dict[str, Any]:
        """Push what is known, then return the record of a success or raise what it was instead."""
        self._push(context, story)
        record = story.record
        if story.ended_by == "upgrade" and record is not None and record.outcome is Outcome.SUCCEEDED:
            self.log.info("%s", success(record))
            return record.to_dict()
        if story.ended_by == "upgrade" and record is not None and record.outcome in BAD_ENDS:
            raise UpgradeFailed(failure(story, record))
        if story.ended_by == "timeout":
            raise AirflowSensorTimeout(timed_out(self.kind, self.name, *self._limit(), story))
        if story.error is not None:
            raise story.error
        outcome = "no record" if record is None else f"outcome {record.outcome}"
        msg = f"the wait ended by {story.ended_by!r} with {outcome}, which is no end that this version knows"
        raise UnexpectedAnswer(msg)

    def _push(self, context: Context, story: Story) -> None:
        if not self.do_xcom_push:
            return
        context["ti"].xcom_push(key="upgrade_wait", value=story.summary())
        if story.record is not None and story.record.outcome is not Outcome.SUCCEEDED:
            context["ti"].xcom_push(key="upgrade_progress", value=story.record.to_dict())


def _story_in(event: object) -> Story:
    try:
        return Story.from_dict(event)
    except (KeyError, TypeError, ValueError) as error:
        msg = f"the trigger's event is not understood, so the upgrade counts as not done: {error!r}"
        raise UnexpectedAnswer(msg) from error


def _seconds(parameter: str, value: object) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
        msg = f"{parameter} must be a timedelta or a number of seconds, not {value!r}"
        raise ValueError(msg)
    return float(seconds)
