"""The plugin: what it adds to Airflow's UI, and that it adds nothing before Airflow 3.1."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.resources import files

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_sf.links.upgrade_page import (
    HAS_UPGRADE_PAGE,
    WAIT_LINKS,
    ServiceFabricUpgradePageLink,
)
from airflow_provider_sf.operators import service_fabric as operators
from airflow_provider_sf.plugins.service_fabric import ServiceFabricPlugin, apps, views
from airflow_provider_sf.plugins.upgrade_pages import serve_page
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
from airflow_provider_sf.upgrades import Outcome
from airflow_provider_sf.upgrades.monitoring_policy import MonitoringPolicy

MENU = {
    "name": "Service Fabric upgrades",
    "href": "service_fabric/upgrades",
    "destination": "nav",
    "category": "browse",
    "url_route": "service_fabric_nav",
    "icon": "service_fabric/icon.svg",
}
RUN_TAB = {
    "name": "Upgrades",
    "href": "service_fabric/upgrades?dag={DAG_ID}&run={RUN_ID}",
    "destination": "dag_run",
    "url_route": "service_fabric_dag_run",
    "icon": "service_fabric/icon.svg",
}
TASK_TAB = {
    "name": "Upgrade",
    "href": "service_fabric/upgrades?dag={DAG_ID}&run={RUN_ID}&task={TASK_ID}&map={MAP_INDEX}",
    "destination": "task_instance",
    "url_route": "service_fabric_task_instance",
    "icon": "service_fabric/icon.svg",
}

in_airflow_with_pages = pytest.mark.skipif(not HAS_UPGRADE_PAGE, reason="from Airflow 3.1 on")


def test_page_is_in_the_menu_only() -> None:
    assert views(is_supported=True) == [MENU]


@pytest.mark.parametrize(("option", "tab"), [("run_tab", RUN_TAB), ("task_tab", TASK_TAB)])
def test_configuration_adds_a_tab(option: str, tab: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"AIRFLOW__SERVICE_FABRIC__{option.upper()}", "True")
    assert views(is_supported=True) == [MENU, tab]


def test_app_is_mounted_once() -> None:
    assert apps(is_supported=True) == [
        {"app": serve_page, "url_prefix": "/service_fabric", "name": "Service Fabric upgrades"}
    ]


def test_older_airflow_gets_nothing() -> None:
    assert views(is_supported=False) == []
    assert apps(is_supported=False) == []


def test_plugin_fits_this_airflow() -> None:
    assert HAS_UPGRADE_PAGE is not airflow_version.startswith(("2.", "3.0."))
    assert bool(ServiceFabricPlugin.fastapi_apps) is HAS_UPGRADE_PAGE
    assert bool(ServiceFabricPlugin.external_views) is HAS_UPGRADE_PAGE
    assert (ServiceFabricUpgradePageLink in map(type, WAIT_LINKS)) is HAS_UPGRADE_PAGE


def test_airflow_loads_the_plugin() -> None:
    (point,) = [point for point in entry_points(group="airflow.plugins") if point.name == "service_fabric"]
    assert point.load() is ServiceFabricPlugin


def test_plugin_loads_no_web_framework() -> None:
    """Airflow imports it in each worker."""
    code = """
import sys
from airflow.plugins_manager import AirflowPlugin
from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom, conf
before = set(sys.modules)
import airflow_provider_sf.plugins.service_fabric
new = {name.partition(".")[0] for name in set(sys.modules) - before}
assert not new & {"fastapi", "starlette", "requests", "aiohttp"}, new
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# What the script repeats, because a browser runs no Python.

SCRIPT = files("airflow_provider_sf.plugins").joinpath("pages").joinpath("upgrades.js").read_text()


def block_of(variable: str) -> str:
    block = re.search(rf"const {variable} = [\[{{](.*?)[\]}}];", SCRIPT, re.DOTALL)
    assert block
    return block[1]


@in_airflow_with_pages
def test_script_lists_each_class_that_waits() -> None:
    classes = [ServiceFabricUpgradeSensor, *(getattr(operators, name) for name in operators.__all__)]
    waiting = {
        found.__name__ for found in classes if getattr(found, "operator_extra_links", None) == WAIT_LINKS
    }
    assert set(re.findall(r'"(\w+)"', block_of("WAITING_CLASSES"))) == waiting


def test_script_knows_each_outcome() -> None:
    assert set(re.findall(r"^  (\w+):", block_of("OUTCOMES"), re.MULTILINE)) == {*Outcome}


def test_script_knows_each_phase_of_a_health_check() -> None:
    policy = MonitoringPolicy(wait_seconds=1.0, stable_seconds=2.0, retry_seconds=3.0)
    pairs = re.findall(r'(\w+): "(\w+)"', block_of("HEALTH_CHECK_LIMITS"))
    assert [(phase, getattr(policy, limit)) for phase, limit in pairs] == [
        (phase, policy.limit_of(phase)) for phase in ("WaitDuration", "StableDuration", "Retry")
    ]
