"""The gate between upgrade domains in a real Airflow: questions and their answers, killed processes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_sf.simulator import Simulator
from demo.live_airflow import LiveAirflow, LiveAirflowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.live, pytest.mark.timeout(1500)]

DAGS = Path(__file__).parent / "dags_gate"
SCENES = ("approved", "late", "killed", "bake")
RESUMED = ["UD2", "UD3", "UD4", "UD5"]
WITHIN_SECONDS = 600.0
SPEED = 40.0
PERSON_SECONDS = 15.0


class World:
    """An Airflow with a viewer, a cluster, and one run of each scene."""

    def __init__(self, live: LiveAirflow, cluster: Simulator) -> None:
        self.live = live
        self.cluster = cluster
        self.runs = {scene: live.trigger(scene) for scene in SCENES}

    def task(self, scene: str) -> dict[str, Any]:
        (task,) = self.live.task_instances(scene, self.runs[scene])
        return task

    def gate(self, scene: str) -> dict[str, Any]:
        return dict(self.live.xcom(scene, self.runs[scene], "upgrade", "upgrade_gate"))

    def gate_or_none(self, scene: str) -> dict[str, Any] | None:
        """Return the XCom, or None as long as it does not exist."""
        try:
            return self.gate(scene)
        except LiveAirflowError:
            return None

    def calls(self, scene: str) -> list[str]:
        """Return the commands that the cluster has accepted for a scene."""
        journal = [command for command in self.cluster.journal if command.name.endswith(f"/{scene}")]
        return [(command.body or {}).get("UpgradeDomainName") or command.call for command in journal]

    def answer(self, scene: str, option: str, *, user: str = "admin") -> int:
        """
        Answer the question of a scene, as the page of Airflow does; return the status.

        Airflow can end a task that resumes within seconds (apache/airflow#72716); a person needs longer.
        """
        time.sleep(PERSON_SECONDS)
        path = f"dags/{scene}/dagRuns/{self.runs[scene]}/taskInstances/upgrade/-1/hitlDetails"
        body = {"chosen_options": [option], "params_input": {}}
        headers = {"Authorization": f"Bearer {self.token(user)}"}
        url = f"{self.live.url}/api/v2/{path}"
        return requests.patch(url, json=body, headers=headers, timeout=180).status_code

    def token(self, user: str) -> str:
        account = {"username": user, "password": self.live.password_of(user)}
        answer = requests.post(f"{self.live.url}/auth/token", json=account, timeout=60)
        return str(answer.json()["access_token"])

    def wait(self, scene: str, *states: str) -> dict[str, Any]:
        """Wait until the task of a scene is in one of these states."""
        until(lambda: self.task(scene)["state"], lambda state: state in states, f"{scene}: {states}")
        return self.task(scene)


def until(read: Callable[[], Any], is_done: Callable[[Any], bool], what: str) -> Any:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not is_done(found := read()):
        assert time.monotonic() < deadline, f"{what} did not happen: {found}"
        time.sleep(1)
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    live = LiveAirflow(tmp_path_factory.mktemp("gate"), DAGS)
    live.environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] = "admin:admin,viewer:viewer"
    with live, Simulator(speed=SPEED) as cluster:
        live.migrate()
        live.start()
        live.add_connection(
            "service_fabric_default", conn_type="service_fabric", host="127.0.0.1", port=cluster.port
        )
        yield World(live, cluster)
    assert not live.processes()


def test_triggerer_dies_during_the_bake_time(world: World) -> None:
    """The bake time counts from when the application was first seen healthy."""
    until(lambda: world.gate_or_none("bake"), lambda gate: gate and gate["healthy_since"], "the bake time")
    world.live.restart("triggerer")
    world.wait("bake", "success")
    decisions = world.gate("bake")["decisions"]
    assert world.calls("bake") == ["start_application_upgrade", *RESUMED]
    assert [item["healthy_seconds"] >= 20 for item in decisions] == [True] * 4


def test_question_waits_without_worker_and_triggerer(world: World) -> None:
    task = world.wait("approved", "awaiting_input")
    assert task["trigger"] is None
    assert world.calls("approved") == ["start_application_upgrade"]


def test_only_the_first_allowed_answer_counts(world: World) -> None:
    world.wait("approved", "awaiting_input")
    assert world.answer("approved", "Continue", user="viewer") == 403
    assert world.answer("approved", "Nuke") == 400
    assert world.answer("approved", "Continue") == 200
    assert world.answer("approved", "Roll back") == 409
    assert world.wait("approved", "success", "failed")["state"] == "success"
    assert world.calls("approved") == ["start_application_upgrade", *RESUMED]
    (question,) = world.gate("approved")["questions"]
    assert (question["answer"], question["answered_by"], question["acted"]) == ("Continue", "admin", True)


def test_late_answer_is_refused_and_asked_again(world: World) -> None:
    world.wait("late", "awaiting_input")
    resume = f"{world.cluster.url}/Applications/idle-shop~late/$/MoveToNextUpgradeDomain?api-version=6.0"
    assert requests.post(resume, json={"UpgradeDomainName": "UD2"}, timeout=60).status_code == 200
    assert world.answer("late", "Continue") == 200
    until(lambda: world.gate("late")["questions"], lambda asked: len(asked) == 2, "the second question")
    world.wait("late", "awaiting_input")
    assert world.answer("late", "Roll back") == 200
    assert world.wait("late", "success", "failed")["state"] == "failed"
    first, second = world.gate("late")["questions"]
    assert (first["acted"], second["acted"], second["answer"]) == (False, True, "Roll back")
    assert "was about upgrade domain UD2" in first["refused_because"]
    assert world.calls("late") == [
        "start_application_upgrade",
        "UD2",
        "rollback_application_upgrade",
        "update_application_upgrade",
    ]


def test_killed_worker_starts_each_domain_once(world: World) -> None:
    task = world.wait("killed", "success", "failed")
    assert (task["state"], task["try_number"]) == ("success", 2)
    assert world.calls("killed") == ["start_application_upgrade", *RESUMED]
