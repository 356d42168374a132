"""The link from a task's page in Airflow to the page of its upgrade, which the plugin adds."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from airflow.providers.common.compat.sdk import BaseOperatorLink

from airflow_provider_sf.airflow_versions import UPGRADE_PAGE
from airflow_provider_sf.links.service_fabric import ServiceFabricExplorerLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

URL_PREFIX = "service_fabric"
"""The path of the pages, below the base path of Airflow."""

PAGE = f"{URL_PREFIX}/upgrades"

HAS_UPGRADE_PAGE = UPGRADE_PAGE.is_available
"""Whether this Airflow can show pages of a plugin."""


class ServiceFabricUpgradePageLink(BaseOperatorLink):
    """
    Link to the page of the upgrade that a task waits for.

    The address is relative, as Airflow's pages need it behind a reverse proxy with a base path. The worker
    computes it each time that a process of the task ends, so the link is there while the task is deferred.
    """

    name = "Upgrade"
    xcom_key = "service_fabric_upgrade_page"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's
        """Return the address of the page."""
        task = {"dag": ti_key.dag_id, "run": ti_key.run_id, "task": ti_key.task_id, "map": ti_key.map_index}
        return f"{PAGE}?{urlencode(task)}"


WAIT_LINKS = (ServiceFabricExplorerLink(), *([ServiceFabricUpgradePageLink()] if HAS_UPGRADE_PAGE else []))
"""The links of a task that waits for an upgrade."""
