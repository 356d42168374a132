"""The base of the operators that change an upgrade and then wait for it. Not for DAG files."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_sf.exceptions import UpgradeFailed
from airflow_provider_sf.links.upgrade_page import WAIT_LINKS
from airflow_provider_sf.wait import defaults
from airflow_provider_sf.wait.parameters import (
    check_name,
    check_poke_interval,
    check_stall_timeout,
    naming_task,
    read_choice,
    read_on_paused,
    read_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.sensors.wait_task import WaitTask
    from airflow_provider_sf.wait.identity import History, UpgradeIdentity
    from airflow_provider_sf.wait.state import WaitState


_Read = TypeVar("_Read")


class WaitingOperator(BaseOperator):
    """
    An operator that can wait for an upgrade in the triggerer or on the worker.

    :param name: what is upgraded; templated
    :param service_fabric_conn_id: the connection to the cluster; it needs the role Admin; templated
    :param wait_for_completion: wait for the end, and fail if it is not the wanted one
    :param deferrable: wait in the triggerer and hold no worker slot; the default is the setting ``[operators]
        default_deferrable``
    :param poke_interval: the time between polls; 15 seconds
    :param timeout: the wait ends after this time; the upgrade goes on; 6 hours
    :param start_timeout: the upgrade must stay on record; 15 minutes
    :param stall_timeout: the wait ends if the upgrade makes no progress for this time; None is never
    :param unknown_state_timeout: the wait ends if Service Fabric reports an unknown state for this time; 10
        minutes
    :param unreachable_timeout: reads are retried for this time while the cluster is unreachable; 5 minutes
    :param on_paused: ``"wait"`` until a person resumes a paused upgrade, or ``"fail"``
    :param on_rollback: ``"wait"`` until a rollback ends and then fail, or ``"fail_fast"``
    :param live_progress: also push the XComs while the task is deferred; needs Airflow 3.3

    Durations are seconds or a timedelta.
    """

    kind: str
    wants_rollback: ClassVar[bool] = False
    """Whether the end that the task waits for is a rollback."""
    pause_choices: ClassVar[tuple[str, ...]] = ("wait", "fail")

    operator_extra_links = WAIT_LINKS
    ui_color = "#0078d4"
    ui_fgcolor = "#ffffff"

    @naming_task
    def __init__(
        self,
        *,
        name: str,
        service_fabric_conn_id: str = defaults.DEFAULT_CONN_ID,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float = timedelta(seconds=defaults.POKE_INTERVAL_SECONDS),
        timeout: timedelta | float = timedelta(seconds=defaults.TIMEOUT_SECONDS),
        start_timeout: timedelta | float = timedelta(seconds=defaults.START_TIMEOUT_SECONDS),
        stall_timeout: timedelta | float | None = None,
        unknown_state_timeout: timedelta | float = timedelta(seconds=defaults.UNKNOWN_STATE_TIMEOUT_SECONDS),
        unreachable_timeout: timedelta | float = timedelta(seconds=defaults.UNREACHABLE_TIMEOUT_SECONDS),
        on_paused: str = defaults.ON_PAUSED,
        on_rollback: str = defaults.ON_ROLLBACK,
        live_progress: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.service_fabric_conn_id = service_fabric_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poke_interval = read_seconds("poke_interval", poke_interval)
        self.timeout = read_seconds("timeout", timeout)
        self.start_timeout = read_seconds("start_timeout", start_timeout)
        self.stall_timeout = None if stall_timeout is None else read_seconds("stall_timeout", stall_timeout)
        self.unknown_state_timeout = read_seconds("unknown_state_timeout", unknown_state_timeout)
        self.unreachable_timeout = read_seconds("unreachable_timeout", unreachable_timeout)
        self.on_paused = read_on_paused(on_paused, self.pause_choices)
        self.on_rollback = read_choice("on_rollback", on_rollback, ("wait", "fail_fast"))
        self.live_progress = live_progress
        check_name(self.kind, name)
        check_poke_interval(self.poke_interval, None, deferrable=True)
        check_stall_timeout(self.stall_timeout)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """End the task with the result of the trigger."""
        return self._wait_task().complete(context, event)

    def wait(self, context: Context, history: History) -> dict[str, Any]:
        """Wait for the end of the upgrade of this task; in deferrable mode poll once, then defer."""
        return self.poll_until_ended(context, self._wait_task(history))

    def poll_until_ended(self, context: Context, wait_task: WaitTask) -> dict[str, Any]:
        """Poll until the wait has ended, and return the record; in deferrable mode the first poll defers."""
        while (record := wait_task.poke(context)) is None:
            time.sleep(self.poke_interval)
        return record

    def wait_for_other(self, context: Context, other: UpgradeIdentity) -> dict[str, Any]:
        """Wait until another upgrade has ended, with any result; then run this task from its beginning."""
        from airflow_provider_sf.messages.descriptions import describe_identity  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.wait.identity import History  # noqa: PLC0415 - see above

        self.log.info("Waiting until another upgrade has ended: %s", describe_identity(other))
        try:
            self.poll_until_ended(context, self._wait_task_for_other(History(expected=other)))
        except UpgradeFailed as ended:
            self.log.info("The other upgrade has ended: %s", ended)
        return cast("dict[str, Any]", self.execute(context))

    def start_after_other(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run this task from its beginning, after another upgrade has ended; Airflow resumes it here."""
        try:
            self._wait_task_for_other(None).complete(context, event)
        except UpgradeFailed as ended:
            self.log.info("The other upgrade has ended: %s", ended)
        return cast("dict[str, Any]", self.execute(context))

    def _wait_task_for_other(self, history: History | None) -> WaitTask:
        return self.make_wait_task(
            history,
            until_end=True,
            push_xcoms=False,
            live_progress=False,
            is_own_upgrade=False,
            method_name="start_after_other",
        )

    def read(self, read: Callable[[], _Read]) -> _Read:
        """Read the cluster, again and again while it is unreachable."""
        from airflow_provider_sf.operators.retrying import read_with_retries  # noqa: PLC0415 - keeps DAG parsing fast

        return read_with_retries(read, self.unreachable_timeout, self.log)

    def _wait_task(self, history: History | None = None) -> WaitTask:
        """Return the part of the wait for the upgrade of this task that runs in this process."""
        return self.make_wait_task(history, wants_rollback=self.wants_rollback)

    def make_wait_task(
        self,
        history: History | None,
        *,
        until_end: bool = False,
        earlier: WaitState | None = None,
        policy_changes: dict[str, Any] | None = None,
        **settings: Any,
    ) -> WaitTask:
        """
        Return a wait with the timeouts of this task.

        :param until_end: neither a pause nor a rollback in progress ends the wait, whatever the user has set
        :param earlier: the state of the wait that this one continues
        :param policy_changes: members of the policy that are not those of the task
        """
        from airflow_provider_sf.sensors.wait_settings import WaitTaskSettings  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.sensors.wait_task import WaitTask  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.wait.policy import Policy  # noqa: PLC0415 - keeps DAG parsing fast

        began_at, limit = utc_now(), self._limit()
        ends: dict[str, Any] = {"on_paused": self.on_paused, "on_rollback": self.on_rollback}
        policy = Policy(
            poke_interval=self.poke_interval,
            unreachable_timeout=self.unreachable_timeout,
            start_timeout=self.start_timeout,
            unknown_state_timeout=self.unknown_state_timeout,
            stall_timeout=self.stall_timeout,
            deadline=began_at + timedelta(seconds=limit[1]),
            **{**({} if until_end else ends), **(policy_changes or {})},
        )
        wait_settings = WaitTaskSettings(
            kind=self.kind,
            name=self.name,
            service_fabric_conn_id=self.service_fabric_conn_id,
            policy=policy,
            limit=limit,
            deferrable=self.deferrable,
            pushes_health=True,
            **{"live_progress": self.live_progress, "push_xcoms": self.do_xcom_push, **settings},
        )
        return WaitTask(
            wait_settings, began_at, log=self.log, defer=self.defer, history=history, earlier=earlier
        )

    def _limit(self) -> tuple[str, float]:
        """Return name and seconds of the timeout that expires first; see the sensor."""
        limits = [("timeout", self.timeout)]
        if self.deferrable and self.execution_timeout is not None:
            limits.append(("execution_timeout", self.execution_timeout.total_seconds()))
        return min(limits, key=lambda limit: limit[1])


def utc_now() -> datetime:
    """Return the present time."""
    return datetime.now(timezone.utc)
