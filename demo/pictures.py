"""The pictures of `make screenshots`: what each shows, on which screen, and how to get there."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from demo.browser import BrowserError, Screen

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.browser import Browser
    from demo.live_airflow import LiveAirflow

ROOT = Path(__file__).parent.parent
SITE = ROOT / "build" / "site"
TUTORIAL = ROOT / "docs" / "tutorial.md"
TUTORIAL_DAGS = ("release_shop", "release_train")
EXAMPLE = ROOT / "dags_examples" / "wait_for_upgrade.py"

MISTAKE = """\
from airflow.sdk import DAG
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

with DAG(dag_id="wait_for_shop", schedule=None):
    ServiceFabricUpgradeSensor(task_id="wait_europe", name="fabric:/shop/web", on_rollback="stop")
"""
"""A DAG file that the parameters of the sensor refuse."""

QUESTION = """\
from airflow.sdk import DAG
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeGateOperator


def page_answers(upgrade):
    return "HTTP 500 from https://shop.example.com/health" if upgrade.upgrade_domain == "UD2" else None


with DAG(dag_id="release_by_domain", schedule=None):
    ServiceFabricUpgradeGateOperator(
        task_id="upgrade",
        name="fabric:/idle-shop/api",
        target_version="v1",
        bake_time=0,
        checks=[page_answers],
        on_failed_check="ask",
        deferrable=True,
    )
"""
"""A DAG file with a check that fails after the second upgrade domain; a person is asked."""

ROLLED_BACK = "fabric:/idle_rolled_back-shop/web"
RUN_WITHIN_SECONDS = 900.0

DESKTOP = Screen(1440, 857)
MEDIUM = Screen(1440, 920)
HIGH = Screen(1440, 1250)
FORM = Screen(1440, 2900)
LIST, PAGE = Screen(1100, 460), Screen(1100, 900)
PHONE = Screen(375, 812, is_phone=True)


class Stage:
    """A browser that is logged in, and the runs that the pictures show."""

    def __init__(self, browser: Browser, airflow: LiveAirflow) -> None:
        self.browser = browser
        self.airflow = airflow
        self.runs = {
            "wait": ("wait_for_upgrade", airflow.trigger("wait_for_upgrade")),
            "green": ("release_shop", airflow.trigger("release_shop")),
            "red": ("release_shop", airflow.trigger("release_shop", application=ROLLED_BACK)),
            "question": ("release_by_domain", airflow.trigger("release_by_domain")),
            "train": ("release_train", airflow.trigger("release_train")),
        }
        self._log_in()

    def take(self, picture: Picture) -> bytes:
        """Go to what a picture shows, and return it as PNG."""
        self.browser.resize(picture.screen)
        picture.show(self)
        return self.browser.picture(picture.screen, picture.above)

    def open_task(self, run: str, task: str) -> None:
        """Open the page of a task, or one of its tabs."""
        dag_id, run_id = self.runs[run]
        self.browser.open(f"{self.airflow.url}/dags/{dag_id}/runs/{run_id}/tasks/{task}")

    def wait_for_state(self, run: str, states: set[str], task: str = "") -> None:
        """Wait until a run, or one of its tasks, is in one of these states."""
        deadline = time.monotonic() + RUN_WITHIN_SECONDS
        while (state := self._state(*self.runs[run], task)) not in states:
            if time.monotonic() > deadline:
                msg = f"{task or 'run'} of {self.runs[run]} is {state}, not {' or '.join(sorted(states))}"
                raise BrowserError(msg)
            time.sleep(2)

    def _state(self, dag_id: str, run_id: str, task_id: str) -> str:
        if not task_id:
            return self.airflow.run_state(dag_id, run_id)
        tasks = self.airflow.task_instances(dag_id, run_id)
        return next(str(task["state"]) for task in tasks if task["task_id"] == task_id)

    def _log_in(self) -> None:
        self.browser.open(f"{self.airflow.url}/auth/login/")
        for field, value in {"username": "admin", "password": self.airflow.password}.items():
            self.browser.fill(f"input[name={field}]", value)
        self.browser.press_enter()
        self.browser.wait_for_text("Welcome")


@dataclass(frozen=True)
class Picture:
    """A picture; ``in_docs`` if the documentation shows it. It ends ``above`` a text."""

    name: str
    shows: str
    screen: Screen
    show: Callable[[Stage], None]
    in_docs: bool = False
    above: str = ""


def _xcoms(stage: Stage) -> None:
    stage.wait_for_state("wait", {"deferred"}, "wait")
    stage.open_task("wait", "wait/xcom")
    stage.browser.wait_for_text("upgrade_wait")
    stage.browser.wait_for("document.querySelectorAll('.monaco-editor .view-line').length >= 4")


def _import_error(stage: Stage) -> None:
    stage.browser.open(stage.airflow.url)
    stage.browser.click("Dag Import Error")
    stage.browser.click("Bundle Name")
    stage.browser.wait_for_text("on_rollback")


def _standard_fields(stage: Stage) -> None:
    stage.browser.open(f"{stage.airflow.url}/connections")
    stage.browser.click("Add Connection")
    stage.browser.click("Select Connection Type")
    stage.browser.write("Azure Service Fabric")
    stage.browser.press_enter()
    stage.browser.wait_for_text("HTTP gateway port")


def _extra_fields(stage: Stage) -> None:
    _standard_fields(stage)
    stage.browser.click("Extra Fields")
    stage.browser.wait_for_text("Service Fabric Explorer")


def _log(stage: Stage, run: str, task: str, last_words: str) -> None:
    stage.wait_for_state(run, {"success", "failed"})
    stage.open_task(run, task)
    stage.browser.wait_for_text(last_words)


def _log_on_whole_screen(stage: Stage) -> None:
    _red_log(stage)
    stage.browser.click_on("button[aria-label='Press f for fullscreen']")


def _question(stage: Stage) -> None:
    stage.wait_for_state("question", {"awaiting_input"}, "upgrade")
    stage.open_task("question", "upgrade/required_actions")
    stage.browser.wait_for_text("If the task asks again")


def _train(stage: Stage) -> None:
    stage.wait_for_state("train", {"failed"})
    stage.open_task("train", "upgrade/mapped")
    stage.browser.wait_for_text("fabric:/idle-search/web")


def _upgrades(stage: Stage) -> None:
    stage.wait_for_state("red", {"deferred"}, "upgrade")
    stage.browser.open(f"{stage.airflow.url}/plugin/service_fabric_nav")
    stage.browser.wait_for(f"{FRAME_TEXT}?.includes('In progress')")


def _upgrade(stage: Stage, state: str, words: str) -> None:
    dag_id, run_id = stage.runs["red"]
    stage.wait_for_state("red", {state}, "upgrade")
    stage.browser.open(f"{stage.airflow.url}/service_fabric/upgrades?dag={dag_id}&run={run_id}&task=upgrade")
    stage.browser.wait_for_text(words)


def _page(stage: Stage, page: str) -> None:
    stage.browser.open(f"file://{SITE}/{page}.html")


FRAME_TEXT = "document.querySelector('iframe')?.contentDocument?.body?.innerText"
"""The text of a plugin's page, which Airflow shows in a frame."""

_green_log = partial(_log, run="green", task="upgrade", last_words="Completed in")
_red_upgrade = partial(_upgrade, state="failed", words="Back on")
_red_log = partial(_log, run="red", task="upgrade", last_words="Rolled back, failed in")

PICTURES = (
    Picture("xcom", "the XComs of a deferred wait", DESKTOP, _xcoms, in_docs=True),
    Picture("upgrade_list", "all upgrades that tasks wait for", LIST, _upgrades, in_docs=True),
    Picture(
        "upgrade_in_progress",
        "the page of an upgrade that is in progress",
        PAGE,
        partial(_upgrade, state="deferred", words="In progress"),
        in_docs=True,
    ),
    Picture("import_error", "the import error of a DAG file with a mistake", DESKTOP, _import_error),
    Picture("connection", "the standard fields of a connection", DESKTOP, _standard_fields),
    Picture("connection_extra", "all fields of a connection", FORM, _extra_fields),
    Picture("site_home", "the first page of the site", DESKTOP, partial(_page, page="index")),
    Picture("site_home_phone", "the same on a phone", PHONE, partial(_page, page="index")),
    Picture("site_guide", "a guide", DESKTOP, partial(_page, page="how-to/choose_the_upgrade")),
    Picture(
        "site_guide_phone", "the same on a phone", PHONE, partial(_page, page="how-to/choose_the_upgrade")
    ),
    Picture("site_reference", "a class", DESKTOP, partial(_page, page="reference/sensor")),
    Picture("site_reference_phone", "the same on a phone", PHONE, partial(_page, page="reference/sensor")),
    Picture(
        "wait_green",
        "the log of a green wait",
        HIGH,
        partial(_log, run="wait", task="wait", last_words="Completed"),
    ),
    Picture("tutorial_green", "the log of the green release", DESKTOP, _green_log, in_docs=True),
    Picture("tutorial_red", "the log of the red release", HIGH, _red_log, in_docs=True, above='File "'),
    Picture("red_phone", "the same on a phone", PHONE, _red_log),
    Picture(
        "upgrade_rolled_back", "the page of an upgrade after its rollback", PAGE, _red_upgrade, in_docs=True
    ),
    Picture("upgrade_rolled_back_phone", "the same on a phone", PHONE, _red_upgrade),
    Picture("red_phone_whole_screen", "only the log on a phone", PHONE, _log_on_whole_screen),
    Picture("question", "the question of a gate", MEDIUM, _question, in_docs=True),
    Picture("tutorial_train", "the tasks of the train", DESKTOP, _train, in_docs=True),
)
"""In this order; the runs go on while the first ones are taken."""

MADE_BY_HAND: tuple[str, ...] = ()
"""The names of other pictures in docs/images."""


def write_dags(folder: Path) -> None:
    """Write the DAG files: those of the tutorial, an example, one that asks, and one with a mistake."""
    folder.mkdir()
    for name in TUTORIAL_DAGS:
        pattern = rf"^<!-- {name} -->\n```python\n(.*?)^```"
        block = re.search(pattern, TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
        if block is None:
            msg = f"{TUTORIAL} has no block of code with the comment {name!r}"
            raise BrowserError(msg)
        (folder / f"{name}.py").write_text(block[1])
    shutil.copy(EXAMPLE, folder)
    (folder / "release_by_domain.py").write_text(QUESTION)
    (folder / "wait_for_shop.py").write_text(MISTAKE)
