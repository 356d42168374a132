"""The operator that rolls back a running upgrade and waits until that is done."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_sf.exceptions import ChangeRefused
from airflow_provider_sf.operators.waiting import WaitingOperator
from airflow_provider_sf.wait.parameters import check_changeable_kind, naming_task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.identity import UpgradeIdentity

LOOK_AGAIN_SECONDS = 5.0
NOT_UPGRADING = frozenset({"FABRIC_E_APPLICATION_NOT_UPGRADING", "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_UPGRADING"})

MAX_LOOKS = 36
"""Three minutes: the cluster manager processes an upgrade once a minute."""


class ServiceFabricRollbackUpgradeOperator(WaitingOperator):
    """
    Roll back the upgrade that is in progress, and wait until the rollback has ended. That is a success.

    A repeated try changes nothing: if the upgrade rolls back already, the task waits; if it was rolled back,
    the task succeeds. A rollback that waits for a person before each upgrade domain (mode
    UnmonitoredManual) is changed to UnmonitoredAuto, so that it ends. An upgrade that has completed cannot be
    rolled back: upgrade to the version before instead. See
    https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-rollbackapplicationupgrade

    :param name: the application (``fabric:/shop/web``, ``shop/web``, ``shop~web``) or the compose deployment;
        templated
    :param kind: ``"application"`` or ``"compose_deployment"``
    :param upgrade: roll back only this upgrade: the XCom ``upgrade_start`` of the task that started it, or a
        record of it; None rolls back the upgrade on record; templated

    The other parameters are those of :class:`ServiceFabricUpgradeApplicationOperator`. XComs: those of the
    sensor; ``return_value`` is the record after the rollback.

    :raises ChangeRefused: no upgrade is in progress, or another one than ``upgrade``; not retried
    :raises UpgradeFailed: the upgrade completed before its rollback, or the rollback failed; not retried
    :raises ServiceFabricError: the cluster could not be reached, or it refused the request; retried
    """

    template_fields: Sequence[str] = ("name", "service_fabric_conn_id", "upgrade")
    wants_rollback: ClassVar[bool] = True

    @naming_task
    def __init__(
        self,
        *,
        name: str,
        kind: str = "application",
        upgrade: dict[str, Any] | XComArg | None = None,
        **kwargs: Any,
    ) -> None:
        self.kind = check_changeable_kind(kind)
        super().__init__(name=name, **kwargs)
        self.upgrade = upgrade

    def execute(self, context: Context) -> dict[str, Any]:
        """Request the rollback if that is necessary; then wait."""
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.releases.start_report import started_identity  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.wait.identity import History, UpgradeIdentity  # noqa: PLC0415 - keeps DAG parsing fast

        expected = None if self.upgrade is None else started_identity(self.upgrade, self.kind, self.name)
        record = self._roll_back(ServiceFabricHook(self.service_fabric_conn_id), expected)
        if not self.wait_for_completion or record.outcome.finished:
            return record.to_dict()
        return self.wait(context, History(expected=expected or UpgradeIdentity.from_record(record)))

    def _roll_back(self, hook: ServiceFabricHook, expected: UpgradeIdentity | None) -> UpgradeProgress:
        """Request the rollback until it is accepted; return the record to wait from."""
        from airflow_provider_sf.messages.rollbacks import step_line  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.releases.rollback import RollbackStep, next_rollback_step  # noqa: PLC0415 - see above

        is_accepted, looks = False, 0
        while True:
            record = self.read(partial(hook.get_upgrade_progress, self.name, kind=self.kind))
            step = next_rollback_step(record, expected, is_accepted=is_accepted)
            looks += 1
            if step in {RollbackStep.WAIT, RollbackStep.DONE} or looks > MAX_LOOKS:
                self.log.info("%s", step_line(step, record))
                return record
            if step is RollbackStep.REQUEST:
                self.log.info("%s", step_line(step, record))
                is_accepted = self._is_accepted(partial(self._request, hook))
            elif step is RollbackStep.LEAVE_MANUAL_MODE:
                self.log.info("%s", step_line(step, record))
                self._is_accepted(partial(self._leave_manual_mode, hook))
            elif step is not RollbackStep.LOOK_AGAIN:
                raise ChangeRefused(step_line(step, record))
            time.sleep(LOOK_AGAIN_SECONDS)

    def _request(self, hook: ServiceFabricHook) -> None:
        if self.kind == "application":
            hook.rollback_application_upgrade(self.name)
        else:
            hook.rollback_compose_upgrade(self.name)

    def _leave_manual_mode(self, hook: ServiceFabricHook) -> None:
        from airflow_provider_sf.releases.upgrade_update import UpgradeUpdate  # noqa: PLC0415 - keeps DAG parsing fast

        hook.update_application_upgrade(UpgradeUpdate(name=self.name, mode="UnmonitoredAuto"))

    def _is_accepted(self, change: Callable[[], None]) -> bool:
        """Send a change; return whether it was certainly accepted. The record shows the rest."""
        from airflow_provider_sf.rest import Rejected, ResultUnknown, Unreachable  # noqa: PLC0415 - keeps DAG parsing fast

        try:
            change()
        except (ResultUnknown, Unreachable) as error:
            self.log.warning("The answer to the request was lost; reading the upgrade again: %s", error)
            return False
        except Rejected as error:
            if error.code not in NOT_UPGRADING:
                raise
            self.log.info("The upgrade has ended meanwhile; reading it again: %s", error)
            return False
        return True
