"""Wait for an upgrade in poke, reschedule or deferrable mode: the same look, the same end."""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_sf.exceptions import UpgradeFailed
from airflow_provider_sf.links.service_fabric import ServiceFabricExplorerLink
from airflow_provider_sf.upgrades.kinds import DEFAULT_KIND
from airflow_provider_sf.wait import defaults
from airflow_provider_sf.wait.parameters import (
    SELECTOR_PARAMETERS,
    check_name,
    check_poke_interval,
    check_reschedule_mode,
    check_selector_parameters,
    is_rendered_later,
    read_choice,
    read_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_sf.sensors.wait_task import WaitTask
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.matching import UpgradeSelector

__all__ = ["ServiceFabricUpgradeSensor", "UpgradeFailed"]

SHORT_POKE_INTERVAL = 10.0
"""A shorter interval is warned of: a cluster has better things to do than to answer more often."""

_NOT_GIVEN: Any = object()
"""None would not do: it is what an XCom that nobody pushed becomes."""


class ServiceFabricUpgradeSensor(BaseSensorOperator):
    """
    Wait until an upgrade has ended; return its record if it succeeded, raise if it did not.

    :param name: the application resource, the application (``fabric:/shop/web``, ``shop/web``, ``shop~web``)
        or the compose deployment; the kinds that are the cluster's own take none; templated
    :param kind: a name of :data:`airflow_provider_sf.upgrades.kinds.KINDS`
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

    _wait: WaitTask | None = None

    def __init__(
        self,
        *,
        name: str = "",
        kind: str = DEFAULT_KIND,
        service_fabric_conn_id: str = defaults.DEFAULT_CONN_ID,
        previous: UpgradeProgress | dict[str, Any] | str | XComArg | None = _NOT_GIVEN,
        started_after: datetime | str | XComArg | None = _NOT_GIVEN,
        clock_skew: timedelta | float = timedelta(seconds=defaults.CLOCK_SKEW_SECONDS),
        target_version: str | XComArg | None = _NOT_GIVEN,
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
        super().__init__(poke_interval=poke_interval, timeout=timeout, **kwargs)
        self.name = name
        self.kind = kind
        self.service_fabric_conn_id = service_fabric_conn_id
        self.previous = None if previous is _NOT_GIVEN else previous
        self.started_after = None if started_after is _NOT_GIVEN else started_after
        self.clock_skew = read_seconds("clock_skew", clock_skew)
        self.target_version = None if target_version is _NOT_GIVEN else target_version
        self.accept_current_version = accept_current_version
        self.deferrable = deferrable
        self.start_timeout = read_seconds("start_timeout", start_timeout)
        self.stall_timeout = None if stall_timeout is None else read_seconds("stall_timeout", stall_timeout)
        self.unknown_state_timeout = read_seconds("unknown_state_timeout", unknown_state_timeout)
        self.unreachable_timeout = read_seconds("unreachable_timeout", unreachable_timeout)
        self.on_paused = read_choice("on_paused", on_paused, ("wait", "fail"))
        self.on_rollback = read_choice("on_rollback", on_rollback, ("wait", "fail_fast"))
        self.wait_for_existence = wait_for_existence
        self.live_progress = live_progress
        identifying = zip(SELECTOR_PARAMETERS, (previous, started_after, target_version), strict=True)
        self._identified_by = [name for name, given in identifying if given is not _NOT_GIVEN]
        self._check()

    def _check(self) -> None:
        """Refuse at parse time what can be known to be wrong then."""
        check_name(self.kind, self.name)
        check_selector_parameters(self.kind, self._identified_by)
        if self.accept_current_version and self.target_version is None:
            msg = "accept_current_version needs a target_version: the version that may be there already"
            raise ValueError(msg)
        read_seconds("timeout", self.timeout)
        if self._forgets:
            check_reschedule_mode(self.stall_timeout, self._identified_by)
        check_poke_interval(self.poke_interval, self.max_wait, deferrable=self.deferrable)
        if self.stall_timeout == 0:
            msg = "stall_timeout must be more than 0 s: something is still for a moment in every upgrade"
            raise ValueError(msg)
        if self.silent_fail:
            msg = "silent_fail would hide how the wait ended; unreachable_timeout forgives a silent cluster"
            raise ValueError(msg)
        known = [given for given in self._identified_by if not is_rendered_later(getattr(self, given))]
        if known:
            self.selector(known)
        if self.poke_interval < SHORT_POKE_INTERVAL:
            warnings.warn(
                f"poke_interval is {self.poke_interval:g} s; an upgrade takes minutes, so ask every "
                f"{SHORT_POKE_INTERVAL:g} s at most",
                UserWarning,
                stacklevel=4,
            )

    @property
    def _forgets(self) -> bool:
        """Whether the task comes in legs that know nothing of each other."""
        return bool(self.reschedule) and not self.deferrable

    def execute(self, context: Context) -> Any:
        """Wait; in deferrable mode look once, then defer."""
        from airflow_provider_sf.sensors.wait_task import WaitTask  # noqa: PLC0415 - DAG files do not wait

        began = _first_leg_began(context) if self._forgets else None
        wait = self._wait = WaitTask(self, began, earlier_polls_unknown=self._forgets)
        try:
            return super().execute(context)
        except (AirflowSensorTimeout, AirflowSkipException) as ended:
            if wait.has_ended or ended.__cause__ is not None:  # what poke() raised, not Airflow's clock
                raise
            cls = AirflowSkipException if self.never_fail else type(ended)
            raise cls(wait.run_out(context)) from ended

    def poke(self, context: Context) -> PokeReturnValue:
        """Look at the upgrade; look again at once only where the answer must not wait for the next poke."""
        from airflow_provider_sf.sensors.wait_task import WaitTask  # noqa: PLC0415 - DAG files do not wait

        wait = self._wait = self._wait or WaitTask(self)
        record = wait.poke(context)
        return PokeReturnValue(is_done=record is not None, xcom_value=record)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """End the task as the trigger's event says."""
        from airflow_provider_sf.sensors.wait_task import WaitTask, state_from_event  # noqa: PLC0415 - DAG files do not wait

        try:
            return WaitTask(self).end(context, state_from_event(event))
        except Exception as error:
            if self.never_fail:  # as Airflow does for what poke() raises, in every mode and version
                raise AirflowSkipException(str(error)) from error
            raise

    def selector(self, known: Iterable[str] = SELECTOR_PARAMETERS) -> UpgradeSelector:
        """Read which upgrade is meant, from those parameters whose value is known by now."""
        from airflow_provider_sf.wait.selector_input import read_selector  # noqa: PLC0415 - DAG files that name no upgrade need it not

        given = {parameter: getattr(self, parameter) for parameter in known}
        for parameter in self._identified_by:
            if parameter in given and given[parameter] is None:
                msg = (
                    f"{parameter} is None, so nobody knows which upgrade is meant; did the task that should "
                    f"tell it push its XCom? To take the latest upgrade on record, leave {parameter} out"
                )
                raise ValueError(msg)
        return read_selector(
            **given, clock_skew=self.clock_skew, accept_current_version=self.accept_current_version
        )


def _first_leg_began(context: Context) -> datetime | None:
    """Return when the first leg of a rescheduled task began; None in that leg."""
    ti: Any = context["ti"]
    ask = getattr(ti, "get_first_reschedule_date", None)
    began: datetime | None = ask(context) if ask else ti.start_date
    return began
