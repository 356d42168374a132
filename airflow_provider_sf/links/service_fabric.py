"""The link from a task's page in Airflow to Service Fabric Explorer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from airflow_provider_sf.upgrades.kinds import explorer_path
from airflow_provider_sf.xcoms import push_xcom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.upgrades import UpgradeProgress


class ServiceFabricExplorerLink(BaseOperatorLink):
    """
    Link to the page of the target in Service Fabric Explorer. :func:`push_link` pushes the URL as an XCom.

    Airflow 3 calls ``get_link`` in the worker, each time that a process of the task ends, and stores the
    result under ``xcom_key``. Airflow 2 calls it in the webserver, which knows only the XCom.
    """

    name = "Service Fabric Explorer"
    xcom_key = "service_fabric_explorer"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's
        """Return the URL that the task pushed, or an empty string."""
        url = XCom.get_value(ti_key=ti_key, key=self.xcom_key)
        return url if isinstance(url, str) else ""


def push_link(
    context: Context, cluster: Cluster, kind: str, name: str, record: UpgradeProgress | None = None
) -> None:
    """
    Push the URL of the target's page as an XCom, unless the connection turns the link off.

    With a record, push again only if its answer leads to a more specific page.
    """
    path = explorer_path(kind, name, record and record.raw)
    page = cluster.explorer_page(path)
    is_known = record is not None and path == explorer_path(kind, name)
    if page is not None and not is_known:
        push_xcom(context, ServiceFabricExplorerLink.xcom_key, page)
