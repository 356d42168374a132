"""The operator that rolls back a running upgrade and waits until that is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_sf.operators.waiting import WaitingOperator
from airflow_provider_sf.wait.parameters import check_changeable_kind, naming_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context, XComArg


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
        from airflow_provider_sf.operators.rollback_task import RollbackTask  # noqa: PLC0415 - see above
        from airflow_provider_sf.releases.start_report import started_identity  # noqa: PLC0415 - see above
        from airflow_provider_sf.sensors.outlet_events import describe_in_outlets  # noqa: PLC0415 - see above
        from airflow_provider_sf.wait.identity import History, UpgradeIdentity  # noqa: PLC0415 - see above
        from airflow_provider_sf.wait.upgrade_end import UpgradeEnd  # noqa: PLC0415 - see above

        expected = None if self.upgrade is None else started_identity(self.upgrade, self.kind, self.name)
        hook = ServiceFabricHook(self.service_fabric_conn_id)
        record = RollbackTask(hook, self.kind, self.name, read=self.read, log=self.log).run(expected)
        if record.outcome.finished:
            describe_in_outlets(context, UpgradeEnd.of(record, expected))
        if not self.wait_for_completion or record.outcome.finished:
            return record.to_dict()
        return self.wait(context, History(expected=expected or UpgradeIdentity.from_record(record)))
