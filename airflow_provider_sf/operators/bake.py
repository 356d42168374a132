"""The operator that watches the health of an application for some time, for example after a release."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, BaseOperator, conf

from airflow_provider_sf.exceptions import ApplicationUnhealthy
from airflow_provider_sf.links.service_fabric import ServiceFabricExplorerLink
from airflow_provider_sf.operators.gate_parameters import check_shorter
from airflow_provider_sf.operators.waiting import utc_now
from airflow_provider_sf.wait import defaults
from airflow_provider_sf.wait.parameters import check_name, check_poke_interval, naming_task, read_seconds
from airflow_provider_sf.xcoms import push_xcom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.releases import ApplicationHealthPolicy
    from airflow_provider_sf.upgrades.applications import ApplicationHealth


class ServiceFabricBakeOperator(BaseOperator):
    """
    Succeed when a classic application has been healthy for a while; fail if it stays unhealthy.

    Use it between the waves of a release. See
    https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-getapplicationhealthusingpolicy

    :param name: the application (``fabric:/shop/web``, ``shop/web``, ``shop~web``); templated
    :param bake_time: how long it must be healthy without a break
    :param health_check_retry: how long bad health may last; 10 minutes
    :param health_policy: what counts as healthy; None is the policy of the application manifest
    :param service_fabric_conn_id: the connection to the cluster; templated
    :param deferrable: wait in the triggerer and hold no worker slot; the default is the setting ``[operators]
        default_deferrable``
    :param poke_interval: the time between polls; 15 seconds
    :param timeout: the task fails if the health is not stable within this time; 7 days
    :param unreachable_timeout: reads are retried for this time while the cluster is unreachable; 5 minutes

    Durations are seconds or a timedelta. A bake time goes on when a triggerer is restarted, and begins again
    when the task is retried. XComs: ``return_value`` is ``{"healthy_seconds": 600.0}``; ``bake_result`` has
    the result, its times and the last health, also if the task fails.

    :raises ApplicationUnhealthy: the application was unhealthy for ``health_check_retry``; not retried
    :raises AirflowSensorTimeout: the health was not stable within ``timeout``; not retried
    :raises ServiceFabricError: the cluster could not be reached; retried
    """

    template_fields: Sequence[str] = ("name", "service_fabric_conn_id")
    operator_extra_links = (ServiceFabricExplorerLink(),)
    ui_color = "#0078d4"
    ui_fgcolor = "#ffffff"
    kind = "application"

    @naming_task
    def __init__(
        self,
        *,
        name: str,
        bake_time: timedelta | float,
        health_check_retry: timedelta | float = timedelta(minutes=10),
        health_policy: ApplicationHealthPolicy | None = None,
        service_fabric_conn_id: str = defaults.DEFAULT_CONN_ID,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float = timedelta(seconds=defaults.POKE_INTERVAL_SECONDS),
        timeout: timedelta | float = timedelta(days=7),
        unreachable_timeout: timedelta | float = timedelta(seconds=defaults.UNREACHABLE_TIMEOUT_SECONDS),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.bake_time = read_seconds("bake_time", bake_time)
        self.health_check_retry = read_seconds("health_check_retry", health_check_retry)
        self.health_policy = health_policy
        self.service_fabric_conn_id = service_fabric_conn_id
        self.deferrable = deferrable
        self.poke_interval = read_seconds("poke_interval", poke_interval)
        self.timeout = read_seconds("timeout", timeout)
        self.unreachable_timeout = read_seconds("unreachable_timeout", unreachable_timeout)
        check_name(self.kind, name)
        check_shorter("bake_time", self.bake_time, self.timeout)
        check_poke_interval(self.poke_interval, None, deferrable=True)

    def execute(self, context: Context) -> dict[str, Any]:
        """Watch the health, here or in the triggerer."""
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.links.service_fabric import push_link  # noqa: PLC0415 - see above

        hook = ServiceFabricHook(self.service_fabric_conn_id)
        if self.do_xcom_push:
            push_link(context, hook.get_conn(), self.kind, self.name)
        now = utc_now()
        return self._watch(context, hook, now, now + timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after the trigger has woken the task."""
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.rest.json_values import utc  # noqa: PLC0415 - see above

        hook = ServiceFabricHook(self.service_fabric_conn_id)
        hook.has_answer = True  # to an earlier process
        until, deadline = (utc(event[member]) or utc_now() for member in ("until", "deadline"))
        was_healthy = None if event["reason"] == "health" else bool(event["is_healthy"])
        return self._watch(context, hook, until, deadline, was_healthy=was_healthy)

    def _watch(
        self,
        context: Context,
        hook: ServiceFabricHook,
        until: datetime,
        deadline: datetime,
        *,
        was_healthy: bool | None = None,
    ) -> dict[str, Any]:
        """
        Read the health until it is decided, or defer.

        :param until: when the task must decide if the health does not change
        :param deadline: when the timeout expires
        :param was_healthy: the health before; None if it has just changed, or was never read
        """
        while True:
            health, now = self._health(hook), utc_now()
            if health.is_healthy is not was_healthy:
                was_healthy, until = health.is_healthy, now + self._limit(health)
                self._log_health(health)
            if now >= until:
                self._push_result(context, "healthy" if health.is_healthy else "unhealthy", health, deadline)
                return self._result(health)
            if now >= deadline:
                self._push_result(context, "timeout", health, deadline)
                self._time_out()
            if self.deferrable:
                from airflow_provider_sf.operators.health_watch import defer_to_health_trigger  # noqa: PLC0415 - keeps DAG parsing fast

                defer_to_health_trigger(
                    self,
                    method_name="execute_complete",
                    is_healthy=health.is_healthy,
                    until=until,
                    deadline=deadline,
                )
            time.sleep(min(self.poke_interval, (min(until, deadline) - now).total_seconds()))

    def _limit(self, health: ApplicationHealth) -> timedelta:
        return timedelta(seconds=self.bake_time if health.is_healthy else self.health_check_retry)

    def _health(self, hook: ServiceFabricHook) -> ApplicationHealth:
        from airflow_provider_sf.operators.retrying import read_with_retries  # noqa: PLC0415 - keeps DAG parsing fast

        read = partial(hook.get_application_health, self.name, policy=self.health_policy)
        return read_with_retries(read, self.unreachable_timeout, self.log)

    def _log_health(self, health: ApplicationHealth) -> None:
        from airflow_provider_sf.messages.bake_times import health_line  # noqa: PLC0415 - keeps DAG parsing fast

        level = logging.INFO if health.is_healthy else logging.WARNING
        self.log.log(level, "%s", health_line(self.name, health, self._limit(health).total_seconds()))

    def _push_result(
        self, context: Context, result: str, health: ApplicationHealth, deadline: datetime
    ) -> None:
        """Push the XCom ``bake_result``, before the task fails, too."""
        from airflow_provider_sf.releases.bake_result import BakeResult  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.upgrades.observed_health import ObservedHealth  # noqa: PLC0415 - see above

        now = utc_now()
        found = BakeResult(
            kind=self.kind,
            name=self.name,
            result=result,
            bake_seconds=self.bake_time,
            began_at=deadline - timedelta(seconds=self.timeout),
            ended_at=now,
            health=ObservedHealth.of(health, now),
        )
        if self.do_xcom_push:
            push_xcom(context, "bake_result", found.to_dict())

    def _result(self, health: ApplicationHealth) -> dict[str, Any]:
        """Return the result of a bake time that is over, or raise."""
        from airflow_provider_sf.messages.bake_times import healthy_message, unhealthy_message  # noqa: PLC0415 - keeps DAG parsing fast

        if not health.is_healthy:
            raise ApplicationUnhealthy(unhealthy_message(self.name, health, self.health_check_retry))
        self.log.info("%s", healthy_message(self.name, self.bake_time))
        return {"healthy_seconds": self.bake_time}

    def _time_out(self) -> None:
        from airflow_provider_sf.messages.bake_times import unstable_message  # noqa: PLC0415 - keeps DAG parsing fast

        raise AirflowSensorTimeout(unstable_message(self.name, self.timeout))
