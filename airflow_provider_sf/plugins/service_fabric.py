"""The plugin of this provider: a page of upgrades in Airflow's UI. Before Airflow 3.1 it adds nothing."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.providers.common.compat.sdk import conf

from airflow_provider_sf.links.upgrade_page import HAS_UPGRADE_PAGE, PAGE, URL_PREFIX
from airflow_provider_sf.plugins.upgrade_pages import serve_page

SECTION = "service_fabric"
"""The section of Airflow's configuration."""

_RUN_PAGE = f"{PAGE}?dag={{DAG_ID}}&run={{RUN_ID}}"
_TASK_PAGE = f"{_RUN_PAGE}&task={{TASK_ID}}&map={{MAP_INDEX}}"


def apps(*, is_supported: bool = HAS_UPGRADE_PAGE) -> list[dict[str, Any]]:
    """Return the app that serves the page."""
    app = {"app": serve_page, "url_prefix": f"/{URL_PREFIX}", "name": "Service Fabric upgrades"}
    return [app] if is_supported else []


def views(*, is_supported: bool = HAS_UPGRADE_PAGE) -> list[dict[str, Any]]:
    """
    Return the entries of Airflow's UI: the page in the menu Browse, and the tabs that the configuration adds.

    Airflow shows a tab on every run, or task, of every DAG. So the tabs are off by default.
    """
    if not is_supported:
        return []
    menu = {**_view("Service Fabric upgrades", PAGE, "nav"), "category": "browse"}
    run = [_view("Upgrades", _RUN_PAGE, "dag_run")] if _is_on("run_tab") else []
    task = [_view("Upgrade", _TASK_PAGE, "task_instance")] if _is_on("task_tab") else []
    return [menu, *run, *task]


def _is_on(option: str) -> bool:
    return bool(conf.getboolean(SECTION, option, fallback=False))


def _view(name: str, page: str, destination: str) -> dict[str, Any]:
    """Return a view with relative addresses: Airflow's pages name their base path in an element ``base``."""
    route = f"{URL_PREFIX}_{destination}"
    icon = f"{URL_PREFIX}/icon.svg"
    return {"name": name, "href": page, "destination": destination, "url_route": route, "icon": icon}


class ServiceFabricPlugin(AirflowPlugin):
    """Add the page of upgrades to Airflow's UI."""

    name = "service_fabric"
    fastapi_apps = apps()
    external_views = views()
