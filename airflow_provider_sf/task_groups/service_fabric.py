"""A whole release of a classic application as one task group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import XComArg, task_group

from airflow_provider_sf.operators.service_fabric import (
    ServiceFabricProvisionApplicationTypeOperator,
    ServiceFabricUnprovisionApplicationTypeOperator,
    ServiceFabricUpgradeApplicationOperator,
)
from airflow_provider_sf.wait.defaults import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from airflow_provider_sf.releases import ApplicationHealthPolicy, MonitoringPolicy


@task_group(group_id="release")
def release_application(
    *,
    name: str | XComArg,
    type_name: str | XComArg,
    target_version: str | XComArg,
    package_uri: str | XComArg | None = None,
    image_store_path: str | XComArg | None = None,
    parameters: dict[str, str] | XComArg | None = None,
    monitoring_policy: MonitoringPolicy | None = None,
    health_policy: ApplicationHealthPolicy | None = None,
    require_healthy: bool | ApplicationHealthPolicy = True,
    keep: int | None = None,
    service_fabric_conn_id: str = DEFAULT_CONN_ID,
    deferrable: bool = True,
    upgrade_options: dict[str, Any] | None = None,
) -> Any:
    """
    Provision a version, upgrade an application to it, and unprovision old versions.

        provision -> upgrade -> unprovision

    The upgrade does not start if the application is unhealthy. Old versions are removed only after it has
    succeeded. Call it within a DAG; ``release_application.override(group_id="release_web")(...)`` sets
    another name, and ``release_application.partial(...).expand(name=[...])`` releases several applications.

    :param name: the application (``fabric:/shop/web``)
    :param type_name: its application type
    :param target_version: the new version
    :param package_uri: the address of a ``.sfpkg`` file that the cluster downloads, see
        ``ServiceFabricProvisionApplicationTypeOperator``
    :param image_store_path: or the folder of an uploaded package; without both, nothing is provisioned
    :param parameters: the parameters to set; the others keep their values
    :param monitoring_policy: the health checks and time limits of the upgrade
    :param health_policy: what counts as healthy during the upgrade
    :param require_healthy: whether, or by which policy, the application must be healthy before the start
    :param keep: unprovision all versions but this number of the newest, those in use, and the one before the
        upgrade; None removes no version
    :param service_fabric_conn_id: the connection to the cluster; it needs the role Admin
    :param deferrable: wait for the upgrade in the triggerer
    :param upgrade_options: further parameters of ``ServiceFabricUpgradeApplicationOperator``

    Return the output of the upgrade: its record.
    """
    upgrade = ServiceFabricUpgradeApplicationOperator(
        task_id="upgrade",
        name=name,  # type: ignore[arg-type]  # an XComArg stands for its value
        target_version=target_version,
        parameters=parameters,
        monitoring_policy=monitoring_policy,
        health_policy=health_policy,
        require_healthy=require_healthy,
        service_fabric_conn_id=service_fabric_conn_id,
        deferrable=deferrable,
        **(upgrade_options or {}),
    )
    if package_uri is not None or image_store_path is not None:
        provision = ServiceFabricProvisionApplicationTypeOperator(
            task_id="provision",
            type_name=type_name,
            type_version=target_version,
            package_uri=package_uri,
            image_store_path=image_store_path,
            service_fabric_conn_id=service_fabric_conn_id,
        )
        provision >> upgrade
    if keep is not None:
        unprovision = ServiceFabricUnprovisionApplicationTypeOperator(
            task_id="unprovision",
            type_name=type_name,
            keep=keep,
            upgrade=XComArg(upgrade, key="upgrade_start"),
            service_fabric_conn_id=service_fabric_conn_id,
        )
        upgrade >> unprovision
    return upgrade.output
