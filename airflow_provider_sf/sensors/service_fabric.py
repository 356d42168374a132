"""Wait for an upgrade in poke, reschedule or deferrable mode: the same look, the same end."""

from __future__ import annotations

import time
import warnings
from datetime import datetime, timedelta, timezone
from random import random
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
from airflow_provider_sf.identity import CLOCK_SKEW_SECONDS
from airflow_provider_sf.kinds import DEFAULT_KIND, check_name, is_rendered_later
from airflow_provider_sf.links.service_fabric import ServiceFabricExplorerLink, push_link
from airflow_provider_sf.parameters import IDENTIFYING, check_previous, choice, seconds
from airflow_provider_sf.parameters import meant as read_meant
from airflow_provider_sf.rest import ServiceFabricError, UnexpectedAnswer
from airflow_provider_sf.story import Memory, Verdict, xcoms
from airflow_provider_sf.watching import AskAgain, Ended, Policy, judge, step
from airflow_provider_sf.wire import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_sf.identity import Meant
    from airflow_provider_sf.narration import Told
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.watching import Decision, Observation

SHORT_POKE_INTERVAL = 10.0
"""
Airflow 3 can fail a task that resumes within seconds of its deferral (apache/airflow#72716), so the trigger
never polls sooner than this after it; and a cluster has better things to do than to answer more often.
"""

CLOCKS = frozenset({"timeout", "start", "stall", "unknown"})

_NOT_GIVEN: Any = object()
"""None would not do: it is what an XCom that nobody pushed becomes."""

BACKSTOP = timedelta(minutes=10)
"""Airflow's own limit of the deferral lies this much after the deadline: it matters if no triggerer runs."""


class UpgradeFailed(AirflowFailException):
    """The upgrade failed or was rolled back. Airflow does not retry it: to wait again cannot change that."""


class ServiceFabricUpgradeSensor(BaseSensorOperator):
    """
    Wait until an upgrade has ended; return its record if it succeeded, raise if it did not.

    :param name: the application resource name; templated
    :param kind: a name of :data:`airflow_provider_sf.kinds.KINDS`
    :param service_fabric_conn_id: the connection to the cluster; templated

    Which upgrade is meant (all that is given must hold; nothing given means the latest on record):

    :param previous: the record from before the start, as ``ServiceFabricUpgradeProgressOperator`` returns it:
        a dict, its text, or the operator's ``output``; templated. The recommended way
    :param started_after: an aware datetime or its text that the start must not precede; templated
    :param clock_skew: seconds, or a timedelta, by which it may do so all the same; 60 seconds
    :param target_version: the version that the upgrade goes to; templated. Of no use where Service Fabric
        generates versions, as it does for application resources
    :param accept_current_version: succeed, too, if nothing moves and ``target_version`` is there already

    How long, and for what:

    :param deferrable: wait in the triggerer and hold no worker slot; the default of ``[operators]
        default_deferrable``
    :param poke_interval: seconds between polls, or a timedelta; 15 seconds
    :param timeout: seconds, or a timedelta, after which the wait ends though the upgrade goes on; 6 hours
    :param start_timeout: seconds, or a timedelta, for which what is on record may be at rest and another
        upgrade than the one that is meant; 15 minutes
    :param stall_timeout: seconds, or a timedelta, for which nothing may change while the upgrade should move;
        None for ever. Not with ``mode="reschedule"``
    :param unknown_state_timeout: seconds, or a timedelta, for which Service Fabric may report a state that
        this package does not know; 10 minutes
    :param unreachable_timeout: seconds, or a timedelta, for which a cluster that gives no usable answer is
        forgiven; 5 minutes
    :param on_paused: ``"wait"`` for a person to resume a paused upgrade, or ``"fail"``
    :param on_rollback: ``"wait"`` for the end of a rollback and then fail, or ``"fail_fast"``
    :param wait_for_existence: let an application that does not exist count as not upgraded yet
    :param live_progress: push the XComs while deferred, too, where this Airflow lets a trigger do so (3.3)

    XComs: the record as ``return_value`` after success; always the last record as ``upgrade_progress``, and
    how the wait went and ended as ``upgrade_wait``; and the link, as ``service_fabric_explorer``.

    :raises UpgradeFailed: the upgrade failed, was rolled back or overtaken by another, or stands where
        ``on_paused`` and ``on_rollback`` do not wait; not retried, skipped with ``soft_fail``
    :raises AirflowSensorTimeout: a clock ran out: ``timeout``, ``start_timeout``, ``stall_timeout``,
        ``unknown_state_timeout`` or, while deferred, ``execution_timeout``; not retried, skipped with
        ``soft_fail``
    :raises ServiceFabricError: the cluster could not be read (``Unreachable`` past its budget, ``Rejected``,
        ``UnexpectedAnswer``); retried if the task has retries, never hidden by ``soft_fail``
    """

    template_fields: Sequence[str] = (
        "name",
        "service_fabric_conn_id",
        "previous",
        "started_after",
        "target_version",
    )
    operator_extra_links = (ServiceFabricExplorerLink(),)
    ui_color = "#0078d4"
    ui_fgcolor = "#ffffff"

    _memory = Memory()
    _told: Told | None = None
    _has_ended = False

    def __init__(
        self,
        *,
        name: str,
        kind: str = DEFAULT_KIND,
        service_fabric_conn_id: str = DEFAULT_CONN_ID,
        previous: UpgradeProgress | dict[str, Any] | str | XComArg | None = _NOT_GIVEN,
        started_after: datetime | str | XComArg | None = _NOT_GIVEN,
        clock_skew: timedelta | float = timedelta(seconds=CLOCK_SKEW_SECONDS),
        target_version: str | XComArg | None = _NOT_GIVEN,
        accept_current_version: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float = timedelta(seconds=15),
        timeout: timedelta | float = timedelta(hours=6),
        start_timeout: timedelta | float = timedelta(minutes=15),
        stall_timeout: timedelta | float | None = None,
        unknown_state_timeout: timedelta | float = timedelta(minutes=10),
        unreachable_timeout: timedelta | float = timedelta(minutes=5),
        on_paused: str = "wait",
        on_rollback: str = "wait",
        wait_for_existence: bool = False,
        live_progress: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, timeout=timeout, **kwargs)
        self.name = name
        self.kind = kind
        self.service_fabric_conn_id = service_fabric_conn_id
        self.previous = None if previous is _NOT_GIVEN else previous
        self.started_after = None if started_after is _NOT_GIVEN else started_after
        self.clock_skew = seconds("clock_skew", clock_skew)
        self.target_version = None if target_version is _NOT_GIVEN else target_version
        self.accept_current_version = accept_current_version
        self.deferrable = deferrable
        self.start_timeout = seconds("start_timeout", start_timeout)
        self.stall_timeout = None if stall_timeout is None else seconds("stall_timeout", stall_timeout)
        self.unknown_state_timeout = seconds("unknown_state_timeout", unknown_state_timeout)
        self.unreachable_timeout = seconds("unreachable_timeout", unreachable_timeout)
        self.on_paused = choice("on_paused", on_paused, ("wait", "fail"))
        self.on_rollback = choice("on_rollback", on_rollback, ("wait", "fail_fast"))
        self.wait_for_existence = wait_for_existence
        self.live_progress = live_progress
        identifying = zip(IDENTIFYING, (previous, started_after, target_version), strict=True)
        self._identified_by = [name for name, given in identifying if given is not _NOT_GIVEN]
        self._check()

    def _check(self) -> None:
        """Refuse at parse time what can be known to be wrong then."""
        check_name(self.kind, self.name)
        if self.accept_current_version and self.target_version is None:
            msg = "accept_current_version needs a target_version: the version that may be there already"
            raise ValueError(msg)
        seconds("timeout", self.timeout)
        if self.stall_timeout is not None and self._forgets:
            msg = "stall_timeout needs a memory, and reschedule mode has none: use deferrable=True"
            raise ValueError(msg)
        if self._forgets and self._identified_by == ["target_version"]:
            msg = (
                "target_version alone needs a memory, and reschedule mode has none: use deferrable=True, or "
                "give previous or started_after, too"
            )
            raise ValueError(msg)
        if self.stall_timeout == 0:
            msg = "stall_timeout must be more than 0 s: something is still for a moment in every upgrade"
            raise ValueError(msg)
        self._meant(known=[given for given in IDENTIFYING if not is_rendered_later(getattr(self, given))])
        self._check_the_loop()

    def _check_the_loop(self) -> None:
        if self.silent_fail:
            msg = "silent_fail would hide how the wait ended; unreachable_timeout forgives a silent cluster"
            raise ValueError(msg)
        if self.max_wait is not None and not self.max_wait > timedelta(0):
            msg = f"max_wait must be more than 0 s, not {self.max_wait}"
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
                stacklevel=5,
            )

    @property
    def _forgets(self) -> bool:
        """Whether the task comes in legs that know nothing of each other."""
        return bool(self.reschedule) and not self.deferrable

    def execute(self, context: Context) -> Any:
        """Wait; in deferrable mode look once, then defer."""
        began = _first_leg_began(context) if self._forgets else None
        self._memory = Memory(began_at=began or datetime.now(timezone.utc), forgetful=self._forgets)
        self._told, self._has_ended = None, False
        try:
            return super().execute(context)
        except (AirflowSensorTimeout, AirflowSkipException) as ended:
            if self._has_ended or ended.__cause__ is not None:  # what poke() raised, not Airflow's clock
                raise
            story = self._memory.ended("timeout", datetime.now(timezone.utc))
            message = self._timed_out(story)
            self._tell(context, story, message)
            cls = AirflowSkipException if self.never_fail else type(ended)
            raise cls(message) from ended

    def poke(self, context: Context) -> PokeReturnValue:
        """Look at the upgrade; look again at once only where the answer must not wait for the next poke."""
        if not self._memory.polls:
            self._open(context)
        decision = self._look()
        while isinstance(decision, AskAgain) and self._is_urgent(decision):
            time.sleep(decision.after)
            decision = self._look()
        if isinstance(decision, Ended):
            story = self._memory.ended(decision.by, datetime.now(timezone.utc))
            return PokeReturnValue(is_done=True, xcom_value=self._end(context, story))
        if self.deferrable:
            self._defer(context, decision.after)
        return PokeReturnValue(is_done=False)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """End the task as the trigger's event says."""
        try:
            return self._end(context, _story_in(event))
        except Exception as error:
            if self.never_fail:  # as Airflow does for what poke() raises, in every mode and version
                raise AirflowSkipException(str(error)) from error
            raise

    def _open(self, context: Context) -> None:
        """Link to the cluster, and say what is awaited; of hundreds of legs each would say it again."""
        from airflow_provider_sf.narration import opening  # noqa: PLC0415 - DAG files need no words

        cluster = ServiceFabricHook(self.service_fabric_conn_id).get_conn()
        if self.do_xcom_push:
            push_link(context, cluster, self.kind)
        if not self._forgets:
            limit, policy = self._limit(), self._policy()
            for line in opening(self.kind, self.name, cluster.endpoint, policy, limit):
                self.log.info("%s", line)

    def _look(self) -> Decision:
        from airflow_provider_sf.narration import Told, news  # noqa: PLC0415 - DAG files need no words

        before, policy = self._memory, self._policy()
        observation = self._observe()
        now = datetime.now(timezone.utc)
        self._memory, decision = step(policy, before, observation, now, chance=random())  # noqa: S311 - no secret
        self._told, lines = news(self._told or Told(), before, self._memory, policy, now)
        for level, line in lines:
            self.log.log(level, "%s", line)
        return decision

    def _observe(self) -> Observation:
        try:
            return ServiceFabricHook(self.service_fabric_conn_id).get_upgrade_progress(
                self.name, kind=self.kind
            )
        except ServiceFabricError as error:
            return error

    def _is_urgent(self, decision: AskAgain) -> bool:
        """
        Tell whether this process must ask again itself, and not leave it to Airflow's next poke.

        A bad end is confirmed on the spot. A silence has a rhythm of its own, and a clock may be due before
        the next poke. In reschedule mode nothing remembers a silence or an unknown state from leg to leg.
        """
        memory = self._memory
        if memory.doubted and memory.silent_since is None:
            return True
        if self.deferrable:
            return False
        if self._forgets:
            return memory.silent_since is not None or memory.verdict is Verdict.UNKNOWN
        return memory.silent_since is not None or decision.after < self._policy().interval(memory.answers)

    def _policy(self) -> Policy:
        meant = self._meant()
        if meant.previous is not None:
            check_previous(meant.previous, self.kind, self.name)
        began = self._memory.began_at
        return Policy(
            poke_interval=self.poke_interval,
            unreachable_timeout=self.unreachable_timeout,
            start_timeout=self.start_timeout,
            unknown_state_timeout=self.unknown_state_timeout,
            stall_timeout=self.stall_timeout,
            on_paused=self.on_paused,
            on_rollback=self.on_rollback,
            wait_for_existence=self.wait_for_existence,
            exponential_backoff=self.exponential_backoff,
            max_wait=self.max_wait.total_seconds() if self.max_wait else None,
            deadline=began and began + timedelta(seconds=self._limit()[1]),
            meant=meant,
        )

    def _meant(self, known: Iterable[str] = IDENTIFYING) -> Meant:
        """Read which upgrade is meant, from those parameters whose value is known by now."""
        given = {parameter: getattr(self, parameter) for parameter in known}
        for parameter in self._identified_by:
            if parameter in given and given[parameter] is None:
                msg = (
                    f"{parameter} is None, so nobody knows which upgrade is meant; did the task that should "
                    f"tell it push its XCom? To take the latest upgrade on record, leave {parameter} out"
                )
                raise ValueError(msg)
        return read_meant(
            **given, clock_skew=self.clock_skew, accept_current_version=self.accept_current_version
        )

    def _limit(self) -> tuple[str, float]:
        """Return the clock that runs out first, and its seconds. While deferred, both are ours to keep."""
        limits = [("timeout", float(self.timeout))]
        if self.deferrable and self.execution_timeout is not None:
            limits.append(("execution_timeout", self.execution_timeout.total_seconds()))
        return min(limits, key=lambda limit: limit[1])

    def _defer(self, context: Context, pause: float) -> None:
        # 15 ms that no DAG file needs to pay.
        from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger  # noqa: PLC0415

        policy, now = self._policy(), datetime.now(timezone.utc)
        left = max(timedelta(0), (policy.deadline or now) - now)
        pause = max(SHORT_POKE_INTERVAL, min(pause, left.total_seconds()))
        self._push(context, self._memory)
        self.defer(
            trigger=ServiceFabricUpgradeTrigger(
                name=self.name,
                kind=self.kind,
                service_fabric_conn_id=self.service_fabric_conn_id,
                first_poll_at=str(iso(now + timedelta(seconds=pause))),
                memory=self._memory.to_dict(),
                live_progress=self.live_progress and self.do_xcom_push,
                **policy.to_dict(),
            ),
            method_name="execute_complete",
            timeout=left + BACKSTOP,
        )

    def _end(self, context: Context, story: Memory) -> dict[str, Any]:
        """Tell the story, then return the record of a success or raise what it was instead."""
        self._has_ended = True
        end = self._ending(story)
        self._tell(context, story, str(end))
        if isinstance(end, Exception):
            raise end
        self.log.info("%s", end)
        record: dict[str, Any] = story.to_dict()["record"]
        return record

    def _ending(self, story: Memory) -> str | Exception:
        """Return how a wait ended: in words if that is a success, else as the error to raise."""
        from airflow_provider_sf.endings import failure, success  # noqa: PLC0415 - DAG files need no words

        policy, record, verdict = self._policy(), story.record, None
        if story.ended_by == "upgrade" and record is not None:
            whose = policy.meant.whose(record, datetime.now(timezone.utc), story.ours)
            verdict = judge(policy, whose, record)
        if record is not None and verdict is Verdict.SUCCEEDED:
            return success(story, record)
        if record is not None and verdict is not None and verdict.bad:
            return UpgradeFailed(failure(policy, story, record, verdict))
        if story.ended_by in CLOCKS:
            return AirflowSensorTimeout(self._timed_out(story))
        if story.error is not None:
            return story.error
        outcome = "no record" if record is None else f"outcome {record.outcome}"
        msg = f"the wait ended by {story.ended_by!r} with {outcome}, which is no end that this version knows"
        return UnexpectedAnswer(msg)

    def _timed_out(self, story: Memory) -> str:
        from airflow_provider_sf.endings import timed_out  # noqa: PLC0415 - DAG files need no words

        return timed_out(self._policy(), story, self.kind, self.name, self._limit())

    def _tell(self, context: Context, story: Memory, message: str) -> None:
        """Push how the wait ended, and log the whole story once more: the triggerer's lines may be lost."""
        from airflow_provider_sf.retelling import retelling  # noqa: PLC0415 - DAG files need no words

        self._push(context, story, message)
        self.log.info("::group::The whole wait again")
        for line in retelling(self.kind, self.name, story):
            self.log.info("%s", line)
        self.log.info("::endgroup::")

    def _push(self, context: Context, story: Memory, message: str | None = None) -> None:
        if self.do_xcom_push:
            for key, value in xcoms(self.kind, self.name, story, message).items():
                context["ti"].xcom_push(key=key, value=value)


def _first_leg_began(context: Context) -> datetime | None:
    """Return when the first leg of a rescheduled task began; None in that leg."""
    ti: Any = context["ti"]
    ask = getattr(ti, "get_first_reschedule_date", None)
    began: datetime | None = ask(context) if ask else ti.start_date
    return began


def _story_in(event: object) -> Memory:
    try:
        return Memory.from_dict(event)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"the trigger's event is not understood, so the upgrade counts as not done: {error!r}"
        raise UnexpectedAnswer(msg) from error
