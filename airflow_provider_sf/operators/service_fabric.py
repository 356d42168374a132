"""The operators. This module has the one that reads the progress once; the others have their own modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_sf.links.service_fabric import ServiceFabricExplorerLink, push_link
from airflow_provider_sf.operators.application_types import ServiceFabricProvisionApplicationTypeOperator
from airflow_provider_sf.operators.apply_application_resource import (
    ServiceFabricApplyApplicationResourceOperator,
)
from airflow_provider_sf.operators.bake import ServiceFabricBakeOperator
from airflow_provider_sf.operators.create_application import ServiceFabricCreateApplicationOperator
from airflow_provider_sf.operators.packages import ServiceFabricUploadApplicationPackageOperator
from airflow_provider_sf.operators.release_record import ServiceFabricReleaseRecordOperator
from airflow_provider_sf.operators.resume_upgrade import ServiceFabricResumeUpgradeOperator
from airflow_provider_sf.operators.rollback_upgrade import ServiceFabricRollbackUpgradeOperator
from airflow_provider_sf.operators.unprovision import ServiceFabricUnprovisionApplicationTypeOperator
from airflow_provider_sf.operators.update_upgrade import ServiceFabricUpdateUpgradeOperator
from airflow_provider_sf.operators.upgrade_application import ServiceFabricUpgradeApplicationOperator
from airflow_provider_sf.operators.upgrade_compose_deployment import (
    ServiceFabricUpgradeComposeDeploymentOperator,
)
from airflow_provider_sf.operators.upgrade_gate import ServiceFabricUpgradeGateOperator
from airflow_provider_sf.upgrades.kinds import kind_of
from airflow_provider_sf.wait.defaults import DEFAULT_CONN_ID
from airflow_provider_sf.wait.parameters import check_name, kind_when_parsed, naming_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context, XComArg

__all__ = [
    "ServiceFabricApplyApplicationResourceOperator",
    "ServiceFabricBakeOperator",
    "ServiceFabricCreateApplicationOperator",
    "ServiceFabricProvisionApplicationTypeOperator",
    "ServiceFabricReleaseRecordOperator",
    "ServiceFabricResumeUpgradeOperator",
    "ServiceFabricRollbackUpgradeOperator",
    "ServiceFabricUnprovisionApplicationTypeOperator",
    "ServiceFabricUpdateUpgradeOperator",
    "ServiceFabricUpgradeApplicationOperator",
    "ServiceFabricUpgradeComposeDeploymentOperator",
    "ServiceFabricUpgradeGateOperator",
    "ServiceFabricUpgradeProgressOperator",
    "ServiceFabricUploadApplicationPackageOperator",
]


class ServiceFabricUpgradeProgressOperator(BaseOperator):
    """
    Read the progress of the latest upgrade and push the record as XCom ``return_value``.

    The task succeeds with every outcome, also after a rollback. It fails only if the progress cannot be read.
    Use its ``output`` as ``previous`` of a ``ServiceFabricUpgradeSensor``.

    :param name: the application resource, the application (``fabric:/shop/web``, ``shop/web``, ``shop~web``)
        or the compose deployment; empty for the cluster kinds; templated
    :param kind: a name of :data:`airflow_provider_sf.upgrades.kinds.KINDS`; templated. By default
        ``application`` for a name that begins with ``fabric:/``, else ``application_resource``
    :param service_fabric_conn_id: the connection to the cluster; templated
    :param include_raw: add the cluster's unchanged answer to the record, as ``raw``, if it has at most 16 KiB

    :raises ServiceFabricError: the progress could not be read (``Unreachable``, ``Rejected``,
        ``UnexpectedAnswer``); retried if the task has retries
    """

    template_fields: Sequence[str] = ("name", "kind", "service_fabric_conn_id")
    operator_extra_links = (ServiceFabricExplorerLink(),)
    ui_color = "#0078d4"
    ui_fgcolor = "#ffffff"

    @naming_task
    def __init__(
        self,
        *,
        name: str | None = "",
        kind: str | XComArg | None = None,
        service_fabric_conn_id: str = DEFAULT_CONN_ID,
        include_raw: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = "" if name is None else name
        self.kind = kind
        self.service_fabric_conn_id = service_fabric_conn_id
        self.include_raw = include_raw
        known_kind = kind_when_parsed(self.name, kind)
        if known_kind is not None:
            check_name(known_kind, self.name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Read and log the progress; return the record."""
        # Imported here, because a DAG file does not need them.
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415
        from airflow_provider_sf.messages.record_lines import snapshot_lines  # noqa: PLC0415

        kind = kind_of(self.name, self.kind)
        check_name(kind, self.name)
        hook = ServiceFabricHook(self.service_fabric_conn_id)
        if self.do_xcom_push:
            push_link(context, hook.get_conn(), kind, self.name)
        record = hook.get_upgrade_progress(self.name, kind=kind)
        if self.do_xcom_push:
            push_link(context, hook.get_conn(), kind, self.name, record)
        for line in snapshot_lines(kind, self.name, record):
            self.log.info("%s", line)
        pushed = record.to_dict(include_raw=self.include_raw)
        if "raw" in pushed["omitted"]:
            size = pushed["omitted"]["raw"]
            self.log.warning(
                "raw is null: the answer (%d bytes) is too large for an XCom or cannot be stored", size
            )
        return pushed
