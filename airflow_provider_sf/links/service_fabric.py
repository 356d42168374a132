"""The way from a task's page in Airflow to Service Fabric Explorer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from airflow_provider_sf.upgrades.kinds import explorer_path

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.upgrades import UpgradeProgress


class ServiceFabricExplorerLink(BaseOperatorLink):
    """
    Lead to the page of a kind of upgrade in Service Fabric Explorer; :func:`push_link` has to go before.

    Airflow 3 asks for the link in the worker, whenever a process of the task ends, and keeps what it is told
    under ``xcom_key``; Airflow 2 asks in the webserver, where there is no more than the XCom.
    """

    name = "Service Fabric Explorer"
    xcom_key = "service_fabric_explorer"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's
        """Return what the task has pushed, or nothing if that was nothing."""
        url = XCom.get_value(ti_key=ti_key, key=self.xcom_key)
        return url if isinstance(url, str) else ""


def push_link(
    context: Context, cluster: Cluster, kind: str, name: str, record: UpgradeProgress | None = None
) -> None:
    """
    Push the URL of something's page as XCom, unless the connection says that there is to be no link.

    With a record it is pushed again, if the answer knows a better page than what was known before.
    """
    path = explorer_path(kind, name, record and record.raw)
    page = cluster.explorer_page(path)
    is_known = record is not None and path == explorer_path(kind, name)
    if page is not None and not is_known:
        context["ti"].xcom_push(key=ServiceFabricExplorerLink.xcom_key, value=page)
