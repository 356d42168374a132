"""The operator that changes settings of a running upgrade."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_sf.exceptions import ChangeRefused
from airflow_provider_sf.links.service_fabric import ServiceFabricExplorerLink
from airflow_provider_sf.releases.upgrade_update import UpgradeUpdate
from airflow_provider_sf.wait import defaults
from airflow_provider_sf.wait.parameters import is_rendered_later, naming_task, read_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.releases import ApplicationHealthPolicy
    from airflow_provider_sf.upgrades import UpgradeProgress


class ServiceFabricUpdateUpgradeOperator(BaseOperator):
    """
    Change settings of the upgrade that is in progress; what is not set keeps its value.

    The mode of the upgrade stays as it is unless ``mode`` is set. A repeated try changes nothing more. See
    https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-updateapplicationupgrade

    :param name: the application (``fabric:/shop/web``, ``shop/web``, ``shop~web``); templated
    :param mode: ``"UnmonitoredManual"`` stops the upgrade after its present upgrade domain; ``"Monitored"``
        continues a paused one with health checks; ``"UnmonitoredAuto"`` continues it without
    :param failure_action: ``"Rollback"`` or ``"Manual"``
    :param health_check_wait: the wait before the health of an upgrade domain is checked
    :param health_check_stable: how long the application must be healthy
    :param health_check_retry: how long bad health is checked again
    :param upgrade_timeout: how long the whole upgrade may take
    :param upgrade_domain_timeout: how long one upgrade domain may take
    :param replica_set_check_timeout: how long a domain waits for its replicas
    :param instance_close_delay: how long stateless instances finish their requests before they close
    :param force_restart: restart the processes also if only configuration or data has changed
    :param health_policy: what counts as healthy; it replaces the whole policy
    :param service_fabric_conn_id: the connection to the cluster; it needs the role Admin; templated
    :param unreachable_timeout: reads are retried for this time while the cluster is unreachable; 5 minutes

    All durations are timedeltas. XComs: ``return_value`` is the request, as a dict.

    :raises ChangeRefused: no upgrade is in progress; not retried
    :raises ServiceFabricError: the cluster could not be reached, or it refused the request; retried
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
        mode: str | None = None,
        failure_action: str | None = None,
        health_check_wait: timedelta | None = None,
        health_check_stable: timedelta | None = None,
        health_check_retry: timedelta | None = None,
        upgrade_timeout: timedelta | None = None,
        upgrade_domain_timeout: timedelta | None = None,
        replica_set_check_timeout: timedelta | None = None,
        instance_close_delay: timedelta | None = None,
        force_restart: bool | None = None,
        health_policy: ApplicationHealthPolicy | None = None,
        service_fabric_conn_id: str = defaults.DEFAULT_CONN_ID,
        unreachable_timeout: timedelta | float = defaults.UNREACHABLE_TIMEOUT_SECONDS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.mode = mode
        self.changes = {
            "failure_action": failure_action,
            "health_check_wait": health_check_wait,
            "health_check_stable": health_check_stable,
            "health_check_retry": health_check_retry,
            "upgrade_timeout": upgrade_timeout,
            "upgrade_domain_timeout": upgrade_domain_timeout,
            "replica_set_check_timeout": replica_set_check_timeout,
            "instance_close_delay": instance_close_delay,
            "force_restart": force_restart,
            "health_policy": health_policy,
        }
        self.service_fabric_conn_id = service_fabric_conn_id
        self.unreachable_timeout = read_seconds("unreachable_timeout", unreachable_timeout)
        if mode is None and not any(value is not None for value in self.changes.values()):
            msg = "nothing to update: set mode, or at least one other setting of the upgrade"
            raise ValueError(msg)
        self._update("fabric:/a" if is_rendered_later(name) else name, mode or "Monitored")

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Send the changes, with the present mode if it is not to be changed."""
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.messages.descriptions import describe_record  # noqa: PLC0415 - see above
        from airflow_provider_sf.messages.formatting import upgrade_subject  # noqa: PLC0415 - see above
        from airflow_provider_sf.operators.retrying import read_with_retries  # noqa: PLC0415 - see above

        hook = ServiceFabricHook(self.service_fabric_conn_id)
        read = partial(hook.get_upgrade_progress, self.name, kind=self.kind)
        record = read_with_retries(read, self.unreachable_timeout, self.log)
        subject = f"Upgrade of {upgrade_subject(self.kind, self.name)}"
        self.log.info("%s: %s", subject, describe_record(record))
        mode = self.mode or record.rolling_upgrade_mode
        if not record.outcome.active or mode is None:
            msg = f"{subject} was not updated: none is in progress. On record: {describe_record(record)}"
            raise ChangeRefused(msg)
        update = self._with_domain_timeout(self._update(self.name, mode), record)
        body = update.body()
        self.log.info("Updating the upgrade: %s", body["UpdateDescription"])
        self._send(hook, update)
        return body

    def _update(self, name: str, mode: str) -> UpgradeUpdate:
        changes: Any = self.changes
        return UpgradeUpdate(name=name, mode=mode, **changes)

    def _with_domain_timeout(self, update: UpgradeUpdate, record: UpgradeProgress) -> UpgradeUpdate:
        """
        Add the limit of an upgrade domain, if it would be longer than that of the whole upgrade.

        The cluster manager refuses that.
        """
        policy, limit = record.monitoring_policy, update.upgrade_timeout
        if limit is None or update.upgrade_domain_timeout is not None:
            return update
        present = policy.domain_timeout_seconds if policy else None
        is_shorter = present is not None and present <= limit.total_seconds()
        return update if is_shorter else replace(update, upgrade_domain_timeout=limit)

    def _send(self, hook: ServiceFabricHook, update: UpgradeUpdate) -> None:
        """Send the changes; once more if the answer was lost: a repeated request changes nothing more."""
        from airflow_provider_sf.rest import ResultUnknown  # noqa: PLC0415 - keeps DAG parsing fast

        try:
            hook.update_application_upgrade(update)
        except ResultUnknown as error:
            self.log.warning("The answer to the request was lost; sending it again: %s", error)
            hook.update_application_upgrade(update)
