"""The way from a task's page in Airflow to Service Fabric Explorer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from airflow_provider_sf.kinds import kind_named

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_sf.cluster import Cluster


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


def push_link(context: Context, cluster: Cluster, kind: str) -> None:
    """Push the URL of a kind's page as XCom, unless the connection says that there is to be no link."""
    page = cluster.explorer_page(kind_named(kind).explorer)
    if page is not None:
        context["ti"].xcom_push(key=ServiceFabricExplorerLink.xcom_key, value=page)
