"""
Starts of an upgrade in workers that die, twice for each scene: with the operator, and with a plain POST.

The tasks of a scene have their own clusters: the connections ``ours_SCENE`` and ``plain_SCENE``.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from airflow.providers.common.compat.sdk import DAG, BaseHook, task

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.upgrade_application import ServiceFabricUpgradeApplicationOperator
from airflow_provider_sf.releases import MonitoringPolicy
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.wait.identity import History

RETRIES: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(seconds=3)}
OURS: dict[str, Any] = {"deferrable": True, "poke_interval": 10, "request_timeout": 20, **RETRIES}
VERSION = "{{ dag_run.conf.get('version', 'v1') }}"
GOOD, BAD = "fabric:/idle-shop/web", "fabric:/idle_rolled_back-shop/web"
WAIT_SECONDS = 600.0

SCENES: dict[str, dict[str, Any]] = {
    "killed_before_post": {"dies": "before_post"},
    "killed_during_post": {"dies": "during_post", "request_timeout": 300},
    "killed_after_answer": {"dies": "after_answer"},
    "killed_before_deferral": {"dies": "before_deferral"},
    "killed_at_resume": {"dies": "at_the_end"},
    "killed_at_resume_of_rollback": {"dies": "at_the_end", "name": BAD},
    "rolled_back": {"name": BAD},
    "timeout_after": {},
    "lost_after": {},
    "lost_before": {},
    "cleared_while_running": {},
    "cleared_after_end": {},
    "other_in_progress": {"target_version": "v2"},
    "other_rolls_back": {"target_version": "v2"},
}
PAIRS: dict[str, dict[str, Any]] = {
    "two_runs_fail": {},
    "two_runs_wait": {"if_upgrading": "wait"},
    "race_of_same": {"meets": True, "target_version": "v1"},
    "race_of_versions": {"meets": True},
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            msg = "the condition of the scene did not come true"
            raise TimeoutError(msg)
        time.sleep(0.2)


def url_of(connection_id: str) -> str:
    connection = BaseHook.get_connection(connection_id)
    return f"http://{connection.host}:{connection.port}"


def starts(url: str) -> int:
    journal = requests.get(f"{url}/simulator/journal", timeout=30).json()
    return sum(command["call"] == "start_application_upgrade" for command in journal)


def die_when_accepted(url: str) -> None:
    wait_until(lambda: starts(url))
    die()


def meet(scene: str, run: str) -> None:
    """Wait until the task of the other run is at this point, too."""
    folder = Path(os.environ["AIRFLOW_HOME"]) / "meetings" / scene
    folder.mkdir(parents=True, exist_ok=True)
    (folder / run.replace("/", "_")).touch()
    wait_until(lambda: len(list(folder.iterdir())) == 2)


class Scene:
    """Where the first try of a task dies, or what it waits for."""

    def __init__(self, connection_id: str, *, dies: str = "", meets: bool = False) -> None:
        self.connection_id = connection_id
        self.dies = dies
        self.meets = meets

    def before_post(self, context: Any) -> None:
        if context["ti"].try_number > 1:
            return
        if self.meets:
            meet(self.connection_id, context["run_id"])
        if self.dies == "before_post":
            die()
        if self.dies == "during_post":
            url = url_of(self.connection_id)
            threading.Thread(target=die_when_accepted, args=(url,), daemon=True).start()

    def at(self, point: str, context: Any) -> None:
        if self.dies == point and context["ti"].try_number == 1:
            die()


class MortalOperator(ServiceFabricUpgradeApplicationOperator):
    """The operator, in a process that is killed at a point of its first try."""

    def __init__(self, *, dies: str = "", meets: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scene = Scene(self.service_fabric_conn_id, dies=dies, meets=meets)

    def pre_execute(self, context: Context) -> None:
        scene, start = self.scene, ServiceFabricHook.start_application_upgrade

        def start_and_die(hook: ServiceFabricHook, upgrade: ApplicationUpgrade, **keywords: Any) -> None:
            scene.before_post(context)
            start(hook, upgrade, **keywords)
            scene.at("after_answer", context)

        # The call is replaced, in this process only: the process dies just before or after the request.
        setattr(ServiceFabricHook, start.__name__, start_and_die)

    def wait(self, context: Context, history: History) -> dict[str, Any]:
        self.scene.at("before_deferral", context)
        return super().wait(context, history)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        self.scene.at("at_the_end", context)
        return super().execute_complete(context, event)


@task(**RETRIES)  # type: ignore[untyped-decorator]
def post(connection_id: str, points: dict[str, Any], name: str, target_version: str, **context: Any) -> str:
    """Start the upgrade as a script does: POST, raise for an error, poll until the end."""
    scene = Scene(connection_id, **points)
    url = f"{url_of(connection_id)}/Applications/{name.removeprefix('fabric:/').replace('/', '~')}/$"
    upgrade = ApplicationUpgrade(
        name=name,
        target_version=target_version,
        parameters={"Web_InstanceCount": "-1"},
        monitoring_policy=MonitoringPolicy(),
    )
    scene.before_post(context)
    query = {"api-version": "6.0"}
    requests.post(f"{url}/Upgrade", json=upgrade.body(), params=query, timeout=330).raise_for_status()
    scene.at("after_answer", context)
    scene.at("before_deferral", context)
    state = ""
    while state not in {"RollingForwardCompleted", "RollingBackCompleted", "Failed"}:
        time.sleep(1)
        answer = requests.get(f"{url}/GetUpgradeProgress", params=query, timeout=330)
        answer.raise_for_status()
        state = answer.json()["UpgradeState"]
    scene.at("at_the_end", context)
    if state != "RollingForwardCompleted":
        msg = f"the upgrade ended as {state}"
        raise RuntimeError(msg)
    return state


def add(scene: str, settings: dict[str, Any]) -> None:
    """Add both tasks of a scene."""
    request = {"name": GOOD, "target_version": VERSION} | {
        key: settings[key] for key in ("name", "target_version") if key in settings
    }
    points = {key: settings[key] for key in ("dies", "meets") if key in settings}
    ours, plain = f"ours_{scene}", f"plain_{scene}"
    MortalOperator(task_id=ours, service_fabric_conn_id=ours, **{**OURS, **settings, **request})
    post.override(task_id=plain)(plain, points, **request)


MANY: dict[str, Any] = {"catchup": False, "max_active_tasks": 64}

with DAG(dag_id="start_once", schedule=None, **MANY):
    for scene, settings in SCENES.items():
        add(scene, settings)

with DAG(dag_id="start_once_pairs", schedule=None, **MANY):
    for scene, settings in PAIRS.items():
        add(scene, settings)

with DAG(dag_id="start_once_scheduler", schedule=None, **MANY):
    add("scheduler_killed", {})
