"""The sensor: wait for an upgrade in poke, reschedule or deferrable mode, with the same result in each."""

from __future__ import annotations

import warnings
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_sf.exceptions import UpgradeFailed
from airflow_provider_sf.links.upgrade_page import WAIT_LINKS
from airflow_provider_sf.upgrades.kinds import kind_of
from airflow_provider_sf.wait import defaults
from airflow_provider_sf.wait.parameters import (
    SELECTOR_PARAMETERS,
    check_accept_current_version,
    check_name,
    check_poke_interval,
    check_reschedule_mode,
    check_selector_parameters,
    check_stall_timeout,
    is_rendered_later,
    kind_when_parsed,
    naming_task,
    read_choice,
    read_on_paused,
    read_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_sf.sensors.wait_task import WaitTask
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.matching import UpgradeSelector
    from airflow_provider_sf.wait.policy import Policy

__all__ = ["ServiceFabricUpgradeSensor", "UpgradeFailed"]

SHORT_POKE_INTERVAL = 10.0
"""In seconds. The sensor warns of a shorter interval."""

_NOT_SET: Any = object()
"""The default of a parameter. None is different: Airflow passes None if an XCom is missing."""


class ServiceFabricUpgradeSensor(BaseSensorOperator):
    """
    Wait until an upgrade ends; return its record if it succeeded, raise an error if it did not.

    :param name: the application resource, the application (``fabric:/shop/web``, ``shop/web``, ``shop~web``)
        or the compose deployment; empty for the cluster kinds; templated
    :param kind: a name of :data:`airflow_provider_sf.upgrades.kinds.KINDS`; templated. By default
        ``application`` for a name that begins with ``fabric:/``, else ``application_resource``
    :param service_fabric_conn_id: the connection to the cluster; templated

    The expected upgrade. Everything that is set must hold; without any of these, the latest upgrade on record
    is the expected one:

    :param previous: the record from before the start, as ``ServiceFabricUpgradeProgressOperator`` returns it:
        a dict, its text, or the operator's ``output``; templated. This is the recommended way
    :param started_after: a datetime with a time zone, or its text; the upgrade must not start before it;
        templated
    :param clock_skew: seconds, or a timedelta; the start may be this much earlier; 60 seconds
    :param target_version: the new version; templated. Not useful if Service Fabric generates the versions, as
        it does for application resources
    :param accept_current_version: succeed also if ``target_version`` is deployed already and no upgrade runs

    How to wait. Durations are seconds or a timedelta:

    :param deferrable: wait in the triggerer and hold no worker slot; the default is the setting ``[operators]
        default_deferrable``
    :param poke_interval: the time between polls; 15 seconds
    :param timeout: the wait ends after this time; the upgrade goes on; 6 hours
    :param start_timeout: the expected upgrade must start within this time; 15 minutes
    :param stall_timeout: the wait ends if the running upgrade makes no progress for this time; None is never.
        Not with ``mode="reschedule"``
    :param unknown_state_timeout: the wait ends if Service Fabric reports an unknown state for this time; 10
        minutes
    :param unreachable_timeout: polls are retried for this time while the cluster is unreachable; 5 minutes
    :param on_paused: ``"wait"`` until a person resumes a paused upgrade, or ``"fail"``
    :param on_rollback: ``"wait"`` until the rollback ends and then fail, or ``"fail_fast"``
    :param wait_for_existence: treat an application that does not exist as not upgraded yet
    :param live_progress: also push the XComs while the task is deferred; needs Airflow 3.3

    XComs: ``return_value`` is the record after a success. ``upgrade_wait`` describes the wait and its end;
    ``upgrade_progress`` is the last record, if there is one; both are pushed before an error is raised.
    ``service_fabric_explorer`` is the link.

    :raises UpgradeFailed: the upgrade failed, was rolled back or superseded, or it is in a state that
        ``on_paused`` or ``on_rollback`` does not wait for; not retried, skipped with ``soft_fail``
    :raises AirflowSensorTimeout: one of ``timeout``, ``start_timeout``, ``stall_timeout``,
        ``unknown_state_timeout`` or, while deferred, ``execution_timeout`` expired; not retried, skipped with
        ``soft_fail``
    :raises ServiceFabricError: the progress could not be read (``Unreachable`` after ``unreachable_timeout``,
        ``Rejected``, ``UnexpectedAnswer``); retried if the task has retries, never hidden by ``soft_fail``
    """

    template_fields: Sequence[str] = (
        "name",
        "kind",
        "service_fabric_conn_id",
        "previous",
        "started_after",
        "target_version",
    )
    operator_extra_links = WAIT_LINKS
    ui_color = "#0078d4"
    ui_fgcolor = "#ffffff"

    _wait_task: WaitTask | None = None

    @naming_task
    def __init__(
        self,
        *,
        name: str | None = "",
        kind: str | XComArg | None = None,
        service_fabric_conn_id: str = defaults.DEFAULT_CONN_ID,
        previous: UpgradeProgress | dict[str, Any] | str | XComArg | None = _NOT_SET,
        started_after: datetime | str | XComArg | None = _NOT_SET,
        clock_skew: timedelta | float = timedelta(seconds=defaults.CLOCK_SKEW_SECONDS),
        target_version: str | XComArg | None = _NOT_SET,
        accept_current_version: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float = timedelta(seconds=defaults.POKE_INTERVAL_SECONDS),
        timeout: timedelta | float = timedelta(seconds=defaults.TIMEOUT_SECONDS),
        start_timeout: timedelta | float = timedelta(seconds=defaults.START_TIMEOUT_SECONDS),
        stall_timeout: timedelta | float | None = None,
        unknown_state_timeout: timedelta | float = timedelta(seconds=defaults.UNKNOWN_STATE_TIMEOUT_SECONDS),
        unreachable_timeout: timedelta | float = timedelta(seconds=defaults.UNREACHABLE_TIMEOUT_SECONDS),
        on_paused: str = defaults.ON_PAUSED,
        on_rollback: str = defaults.ON_ROLLBACK,
        wait_for_existence: bool = False,
        live_progress: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            poke_interval=read_seconds("poke_interval", poke_interval),
            timeout=read_seconds("timeout", timeout),
            **kwargs,
        )
        self.name = "" if name is None else name
        self.kind = kind
        self.service_fabric_conn_id = service_fabric_conn_id
        self.previous = None if previous is _NOT_SET else previous
        self.started_after = None if started_after is _NOT_SET else started_after
        self.clock_skew = read_seconds("clock_skew", clock_skew)
        self.target_version = None if target_version is _NOT_SET else target_version
        self.accept_current_version = accept_current_version
        self.deferrable = deferrable
        self.start_timeout = read_seconds("start_timeout", start_timeout)
        self.stall_timeout = None if stall_timeout is None else read_seconds("stall_timeout", stall_timeout)
        self.unknown_state_timeout = read_seconds("unknown_state_timeout", unknown_state_timeout)
        self.unreachable_timeout = read_seconds("unreachable_timeout", unreachable_timeout)
        self.on_paused = read_on_paused(on_paused)
        self.on_rollback = read_choice("on_rollback", on_rollback, ("wait", "fail_fast"))
        self.wait_for_existence = wait_for_existence
        self.live_progress = live_progress
        selectors = zip(SELECTOR_PARAMETERS, (previous, started_after, target_version), strict=True)
        self._selected_by = [name for name, value in selectors if value is not _NOT_SET]
        self._check()

    def _check(self) -> None:
        """Refuse invalid values at parse time. Values that Airflow renders later are checked in the task."""
        kind = kind_when_parsed(self.name, self.kind)
        if kind is not None:
            self._check_kind(kind)
        check_accept_current_version(self.target_version, accept_current_version=self.accept_current_version)
        check_poke_interval(self.poke_interval, self.max_wait, deferrable=self.deferrable)
        check_stall_timeout(self.stall_timeout)
        if self.silent_fail:
            msg = (
                "silent_fail is not supported: it hides errors; unreachable_timeout retries during an outage"
            )
            raise ValueError(msg)
        known = [name for name in self._selected_by if not is_rendered_later(getattr(self, name))]
        if known:
            self._selector(known)
        for warning in self._warnings():
            warnings.warn(f"task {self.task_id!r}: {warning}", UserWarning, stacklevel=5)

    def _check_kind(self, kind: str) -> None:
        """Refuse a name and other parameters that do not fit the kind."""
        check_name(kind, self.name)
        check_selector_parameters(kind, self._selected_by)
        if self._is_rescheduled:
            check_reschedule_mode(kind, self.stall_timeout, self._selected_by)

    def _warnings(self) -> Iterator[str]:
        """Yield what is allowed, but probably not wanted."""
        if self.poke_interval < SHORT_POKE_INTERVAL:
            yield (
                f"poke_interval is {self.poke_interval:g} s; use {SHORT_POKE_INTERVAL:g} s or more: "
                "an upgrade takes minutes"
            )
        if 0 < self.timeout < self.poke_interval:  # 0 is one poll on purpose
            yield (
                f"timeout ({self.timeout:g} s) is shorter than poke_interval ({self.poke_interval:g} s): the "
                "upgrade is polled only at the beginning and at the end"
            )
        if self.deferrable and self.reschedule:
            yield "mode='reschedule' has no effect with deferrable=True: remove one of them"

    @property
    def _is_rescheduled(self) -> bool:
        """Whether each poke runs in a new process, which does not know the state of the earlier ones."""
        return bool(self.reschedule) and not self.deferrable

    def execute(self, context: Context) -> Any:
        """Wait; in deferrable mode poll once, then defer."""
        self._wait_task = None
        try:
            return super().execute(context)
        except (AirflowSensorTimeout, AirflowSkipException) as ended:
            wait_task, is_skip = self._wait_task, self.never_fail or isinstance(ended, AirflowSkipException)
            if ended.__cause__ is not None and is_skip:  # an error of poke() that Airflow hides
                raise self._skip(ended.__cause__) from ended.__cause__
            if wait_task is None or wait_task.has_ended or ended.__cause__ is not None:
                raise  # poke() raised it, not Airflow's own timeout
            message = wait_task.time_out(context)
            raise (self._skip(message) if is_skip else AirflowSensorTimeout(message)) from ended

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll the upgrade; poll again at once only if that must not wait for the next poke."""
        if self._wait_task is None:
            self._wait_task = self._make_wait_task(context)
        record = self._wait_task.poke(context)
        return PokeReturnValue(is_done=record is not None, xcom_value=record)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """End the task with the result of the trigger."""
        try:
            return self._make_wait_task().complete(context, event)
        except Exception as error:
            # As Airflow does for errors of poke(), in every mode and version.
            if self.never_fail or (self.soft_fail and isinstance(error, AirflowException)):
                raise self._skip(error) from error
            raise

    def _skip(self, reason: object) -> AirflowSkipException:
        """Log why the task is skipped, because Airflow replaces the message; return the exception."""
        for line in str(reason).splitlines():
            self.log.warning("%s", line)
        return AirflowSkipException(str(reason))

    def _make_wait_task(self, context: Context | None = None) -> WaitTask:
        """
        Return the part of the wait that runs in this process. The parameters are rendered by now.

        In reschedule mode the context has the time at which the first process began.
        """
        from airflow_provider_sf.sensors.wait_settings import WaitTaskSettings  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.sensors.wait_task import WaitTask  # noqa: PLC0415 - keeps DAG parsing fast

        kind = kind_of(self.name, self.kind)
        self._check_kind(kind)
        began_at = _first_process_began_at(context) if context and self._is_rescheduled else None
        began_at, limit = began_at or datetime.now(timezone.utc), self._limit()
        settings = WaitTaskSettings(
            kind=kind,
            name=self.name,
            service_fabric_conn_id=self.service_fabric_conn_id,
            policy=self._policy(kind, began_at + timedelta(seconds=limit[1])),
            limit=limit,
            deferrable=self.deferrable,
            live_progress=self.live_progress,
            push_xcoms=self.do_xcom_push,
        )
        return WaitTask(
            settings, began_at, log=self.log, defer=self.defer, earlier_polls_unknown=self._is_rescheduled
        )

    def _policy(self, kind: str, deadline: datetime) -> Policy:
        from airflow_provider_sf.wait.policy import Policy  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.wait.selector_input import check_previous  # noqa: PLC0415 - keeps DAG parsing fast

        selector = self._selector()
        if selector.previous is not None:
            check_previous(selector.previous, kind, self.name)
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
            deadline=deadline,
            selector=selector,
        )

    def _limit(self) -> tuple[str, float]:
        """
        Return name and seconds of the timeout that expires first.

        While a task is deferred, Airflow does not enforce ``execution_timeout``, so this sensor does.
        """
        limits = [("timeout", float(self.timeout))]
        if self.deferrable and self.execution_timeout is not None:
            limits.append(("execution_timeout", self.execution_timeout.total_seconds()))
        return min(limits, key=lambda limit: limit[1])

    def _selector(self, known: Iterable[str] = SELECTOR_PARAMETERS) -> UpgradeSelector:
        """Read the criteria for the expected upgrade, from those parameters that are known by now."""
        from airflow_provider_sf.wait.selector_input import read_selector  # noqa: PLC0415 - keeps DAG parsing fast

        values = {parameter: getattr(self, parameter) for parameter in known}
        for parameter in self._selected_by:
            if parameter in values and values[parameter] is None:
                msg = (
                    f"{parameter} is None: the task that provides it pushed no XCom. "
                    f"Leave {parameter} out to wait for the latest upgrade on record"
                )
                raise ValueError(msg)
        return read_selector(
            **values, clock_skew=self.clock_skew, accept_current_version=self.accept_current_version
        )


def _first_process_began_at(context: Context) -> datetime | None:
    """Return when the first process of a rescheduled task began; None in that process."""
    ti: Any = context["ti"]
    get_date = getattr(ti, "get_first_reschedule_date", None)
    began: datetime | None = get_date(context) if get_date else ti.start_date
    return began
