"""The page of upgrades in a real Airflow and a real browser, below a base path, for a user that only views."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_sf.simulator import Simulator
from demo.browser import Browser, Screen
from demo.live_airflow import LiveAirflow

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

DAGS = Path(__file__).parent / "dags_page"
DAG = "watched"
ENDS = {"stuck": "deferred", "rolled_back": "failed", "good": "success", "hostile": "deferred"}
WITHIN_SECONDS = 300.0


class World:
    """An Airflow with a run of the DAG, and a browser in which a viewer is logged in."""

    def __init__(self, live: LiveAirflow, browser: Browser) -> None:
        self.live = live
        self.browser = browser
        self.run = live.trigger(DAG)

    def wait_for_ends(self) -> None:
        """Wait until each task is in its last state, and the triggerer has pushed the XComs of the others."""
        deadline = time.monotonic() + WITHIN_SECONDS
        while self.states() != ENDS or not self.is_followed("stuck") or not self.is_followed("hostile"):
            assert time.monotonic() < deadline, self.states()
            time.sleep(1)

    def states(self) -> dict[str, str]:
        return {task["task_id"]: task["state"] for task in self.live.task_instances(DAG, self.run)}

    def is_followed(self, task: str) -> bool:
        return bool(self.live.xcom(DAG, self.run, task, "upgrade_wait")["expected"])

    def log_in(self, user: str) -> None:
        self.browser.resize(Screen(1440, 900))
        self.browser.open(f"{self.live.url}/auth/login/")
        for field, value in {"username": user, "password": self.live.password_of(user)}.items():
            self.browser.fill(f"input[name={field}]", value)
        self.browser.press_enter()
        self.browser.wait_for_text("Welcome")

    def open_upgrade(self, task: str) -> str:
        """Open the page of a task's upgrade through the link of the task, and return its text."""
        link = self.live.links(DAG, self.run, task)["Upgrade"]
        self.browser.open(f"{self.live.url}/{link}")
        self.browser.wait_for_text("Timeline")
        return str(self.browser.evaluate("document.body.innerText"))

    def framed(self, path: str, text: str) -> str:
        """Open a page of Airflow, wait until its frame shows a text, and return all text of the frame."""
        self.browser.open(f"{self.live.url}/{path}")
        frame = "document.querySelector('iframe')?.contentDocument?.body?.innerText"
        return str(self.browser.wait_for(f"{frame}?.includes({json.dumps(text)}) && {frame}"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    live = LiveAirflow(tmp_path_factory.mktemp("page"), DAGS)
    live.url += "/airflow"
    live.environment |= {
        "AIRFLOW__API__BASE_URL": live.url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{live.url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
        "AIRFLOW__SERVICE_FABRIC__RUN_TAB": "True",
        "AIRFLOW__SERVICE_FABRIC__TASK_TAB": "True",
    }
    with live, Simulator(speed=30.0) as cluster, Browser() as browser:
        live.migrate()
        live.start()
        live.add_connection(
            "service_fabric_default", conn_type="service_fabric", host="127.0.0.1", port=cluster.port
        )
        world = World(live, browser)
        page_of_anonymous = f"{live.url}/service_fabric/upgrades"
        browser.open(page_of_anonymous)
        browser.wait_for_text("You are not logged in to Airflow.")
        world.wait_for_ends()
        world.log_in("viewer")
        yield world
    assert not live.processes()


def test_anonymous_user_gets_no_data(world: World) -> None:
    """The files of the page hold no data, and Airflow refuses each call of its script."""
    path = f"dags/{DAG}/dagRuns/{world.run}/taskInstances/stuck"
    for call in ("dags/~/dagRuns/~/taskInstances", path, f"{path}/xcomEntries/upgrade_wait"):
        assert requests.get(f"{world.live.url}/api/v2/{call}", timeout=60).status_code == 401
    for file in ("upgrades", "upgrades.js", "upgrades.css", "icon.svg"):
        answer = requests.get(f"{world.live.url}/service_fabric/{file}", timeout=60)
        assert (answer.status_code, "shop" in answer.text) == (200, False)
        assert "unsafe" not in answer.headers["content-security-policy"]


def test_task_links_to_the_upgrade_while_deferred(world: World) -> None:
    world.browser.open(f"{world.live.url}/dags/{DAG}/runs/{world.run}/tasks/stuck/details")
    world.browser.wait_for_text("Service Fabric Explorer")
    link = world.browser.evaluate("document.querySelector('a[href*=\"service_fabric/upgrades?\"]').href")
    assert link == f"{world.live.url}/{world.live.links(DAG, world.run, 'stuck')['Upgrade']}"
    text = world.open_upgrade("stuck")
    assert "In progress" in text
    assert "Domain UD3 (3 of 5), 40 %" in text
    assert "node node5 waits for EnsureAvailability" in text


def test_rollback_is_shown_after_its_end(world: World) -> None:
    text = world.open_upgrade("rolled_back")
    assert "Back on v0" in text
    assert "failed here, back on v0" in text
    assert "Rolled back, failed in domain UD3: upgrade of application" in text


def test_success_is_shown_after_its_end(world: World) -> None:
    assert "Succeeded" in world.open_upgrade("good")


def test_menu_lists_what_tasks_wait_for(world: World) -> None:
    world.browser.open(world.live.url)
    world.browser.click("Browse")
    world.browser.wait_for_text("Service Fabric upgrades")
    text = world.framed("plugin/service_fabric_nav", "2 upgrades that tasks wait for now")
    assert "fabric:/stuck-<img src=x onerror=alert(1)>/web" in text
    images = "document.querySelector('iframe').contentDocument.querySelectorAll('img').length"
    assert world.browser.evaluate(images) == 0


def test_tabs_show_run_and_task(world: World) -> None:
    run = f"dags/{DAG}/runs/{world.run}"
    assert "Rolled back" in world.framed(f"{run}/plugin/service_fabric_dag_run", "4 upgrades in this run")
    task = f"{run}/tasks/stuck/plugin/service_fabric_task_instance"
    assert "Domain UD3 (3 of 5)" in world.framed(task, "Timeline")
