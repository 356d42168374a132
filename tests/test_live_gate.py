"""Gates and a release train in a real Airflow: questions and their answers, killed processes, a rollback."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from functools import partial
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
BAKE = "waves", "train.wave_1.west_idle-shop_finished.bake"
RESUMED = ["UD2", "UD3", "UD4", "UD5"]
WITHIN_SECONDS = 600.0
SPEED = 40.0
PERSON_SECONDS = 15.0


class World:
    """An Airflow with a viewer, a cluster, and one run of each scene that was started."""

    def __init__(self, live: LiveAirflow, cluster: Simulator) -> None:
        self.live = live
        self.cluster = cluster
        self.runs: dict[str, str] = {}

    def start(self, *scenes: str) -> None:
        """Start a run of each scene."""
        self.runs |= {scene: self.live.trigger(scene) for scene in scenes}

    def task(self, scene: str, task_id: str = "upgrade") -> dict[str, Any]:
        tasks = self.live.task_instances(scene, self.runs[scene])
        return next(task for task in tasks if task["task_id"] == task_id)

    def xcom(self, scene: str, task_id: str, key: str) -> Any:
        return self.live.xcom(scene, self.runs[scene], task_id, key)

    def gate(self, scene: str) -> dict[str, Any]:
        return dict(self.xcom(scene, "upgrade", "upgrade_gate"))

    def gate_or_none(self, scene: str) -> dict[str, Any] | None:
        """Return the XCom, or None as long as it does not exist."""
        try:
            return self.gate(scene)
        except LiveAirflowError:
            return None

    def is_baking(self) -> bool:
        """Whether the gate and the train are in their bake time."""
        try:
            return bool(self.gate("bake")["healthy_since"]) and self.task(*BAKE)["state"] == "deferred"
        except LiveAirflowError:  # there is no XCom yet
            return False

    def log_lines(self, scene: str, task_id: str, words: str) -> list[str]:
        """Return the lines with these words in the log of the first try."""
        log = self.live.task_log(scene, self.runs[scene], task_id)
        return [entry["event"] for entry in log if words in str(entry.get("event"))]

    def calls(self, scene: str) -> list[str]:
        """Return the commands that the cluster has accepted for a scene."""
        journal = [command for command in self.cluster.journal if command.name.endswith(f"/{scene}")]
        return [(command.body or {}).get("UpgradeDomainName") or command.call for command in journal]

    def answer(self, scene: str, option: str, *, user: str = "admin") -> int:
        """Answer the question of a scene, as the page of Airflow does; return the status."""
        path = f"dags/{scene}/dagRuns/{self.runs[scene]}/taskInstances/upgrade/-1/hitlDetails"
        body = {"chosen_options": [option], "params_input": {}}
        headers = {"Authorization": f"Bearer {self.token(user)}"}
        url = f"{self.live.url}/api/v2/{path}"
        return requests.patch(url, json=body, headers=headers, timeout=180).status_code

    def wait_for_question(self, scene: str, number: int = 1) -> dict[str, Any]:
        """Wait until the task of a scene asks for the first time, or again, and holds no worker."""
        until(
            lambda: (self.gate_or_none(scene) or {}).get("questions", []),
            lambda asked: len(asked) == number,
            f"question {number} of {scene}",
        )
        return self.wait(scene, "awaiting_input", "deferred")

    def play_late(self) -> None:
        """
        Start a domain behind the back of the task; it refuses the answer, and asks again.

        The upgrade has failed a health check, with FailureAction Manual.
        """
        self.wait_for_question("late")
        application = f"{self.cluster.url}/Applications/idle_rolled_back-shop~late"
        resume = f"{application}/$/MoveToNextUpgradeDomain?api-version=6.0"
        assert requests.post(resume, json={"UpgradeDomainName": "UD4"}, timeout=60).status_code == 200
        assert self.answer("late", "Continue") == 200
        self.wait_for_question("late", 2)
        assert self.answer("late", "Roll back") == 200
        assert self.wait("late", "success", "failed")["state"] == "failed"
        first, second = self.gate("late")["questions"]
        assert (first["acted"], second["acted"], second["answer"]) == (False, True, "Roll back")
        assert "was about upgrade domain UD4" in first["refused_because"]
        assert self.calls("late") == [
            "start_application_upgrade",
            "UD4",
            "rollback_application_upgrade",
            "update_application_upgrade",
        ]

    def token(self, user: str) -> str:
        account = {"username": user, "password": self.live.password_of(user)}
        answer = requests.post(f"{self.live.url}/auth/token", json=account, timeout=60)
        return str(answer.json()["access_token"])

    def wait(self, scene: str, *states: str, task_id: str = "upgrade") -> dict[str, Any]:
        """
        Wait until the task of a scene is in one of these states.

        A person needs some seconds more: Airflow can end a task that is answered at once
        (apache/airflow#72716).
        """
        until(lambda: self.task(scene, task_id)["state"], lambda state: state in states, f"{scene}: {states}")
        if "awaiting_input" in states:
            time.sleep(PERSON_SECONDS)
        return self.task(scene, task_id)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


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
        for connection in ("service_fabric_default", "west", "east"):
            live.add_connection(connection, conn_type="service_fabric", host="127.0.0.1", port=cluster.port)
        yield World(live, cluster)
    assert not live.processes()


@pytest.fixture(scope="module")
def killed_at(world: World) -> datetime:
    """When triggerer and scheduler were killed, while a gate and a train were in their bake time."""
    world.start("waves", "bake", "approved", "late")
    until(world.is_baking, bool, "the bake time")
    for scene in ("approved", "late"):  # they hold no worker then
        until(partial(world.task, scene), lambda task: task["state"] == "awaiting_input", scene)
    at = datetime.now(timezone.utc)
    for part in ("triggerer", "scheduler"):
        world.live.restart(part)
    world.start("killed")
    return at


def test_question_waits_without_worker_and_triggerer(world: World, killed_at: datetime) -> None:
    task = world.wait("approved", "awaiting_input")
    assert task["trigger"] is None
    assert world.calls("approved") == ["start_application_upgrade"]
    assert moment(world.gate("approved")["questions"][0]["asked_at"]) < killed_at


def test_only_the_first_allowed_answer_counts(world: World) -> None:
    """The end of this upgrade is tested below: it takes some minutes."""
    assert world.answer("approved", "Continue", user="viewer") == 403
    assert world.answer("approved", "Nuke") == 400
    assert world.answer("approved", "Continue") == 200
    assert world.answer("approved", "Roll back") == 409


def test_late_answer_is_refused_and_asked_again(world: World) -> None:
    world.play_late()


def test_gate_keeps_its_bake_time(world: World, killed_at: datetime) -> None:
    """It counts from when the application was first seen healthy."""
    task = world.wait("bake", "success", "failed")
    assert (task["state"], task["try_number"]) == ("success", 1)
    gate = world.gate("bake")
    assert moment(gate["healthy_since"]) < killed_at < moment(gate["decisions"][0]["at"])
    assert len(world.log_lines("bake", "upgrade", "must stay so for")) == 1
    assert world.calls("bake") == ["start_application_upgrade"]


def test_train_keeps_its_bake_time(world: World, killed_at: datetime) -> None:
    task = world.wait(*BAKE[:1], "success", "failed", task_id=BAKE[1])
    assert (task["state"], task["try_number"]) == ("success", 1)
    bake = world.xcom(*BAKE, "bake_result")
    assert moment(bake["began_at"]) < killed_at < moment(bake["ended_at"])
    assert len(world.log_lines(*BAKE, "must stay so for")) == 1


def test_finished_clusters_are_rolled_back(world: World) -> None:
    """The second wave begins after the bake time of the first one, and has a bad version."""
    until(lambda: world.live.run_state("waves", world.runs["waves"]), "failed".__eq__, "the end")
    report = world.log_lines("waves", "train.report", "")
    assert "west_idle-shop_finished: restored to v0" in report
    assert any(line.startswith("east_idle_rolled_back-shop_poisoned: Rolled back, ") for line in report)
    start, restore = [command.body for command in world.cluster.journal if command.name.endswith("/finished")]
    assert [body["TargetApplicationTypeVersion"] for body in (start, restore)] == ["v1", "v0"]
    assert start["Parameters"] == restore["Parameters"]
    assert world.calls("poisoned") == ["start_application_upgrade"]
    second = world.xcom("waves", "train.wave_2.east_idle_rolled_back-shop_poisoned.upgrade", "upgrade_start")
    assert second["posted_at"] > world.xcom(*BAKE, "bake_result")["ended_at"]


def test_approved_upgrade_reaches_all_domains(world: World) -> None:
    assert world.wait("approved", "success", "failed")["state"] == "success"
    assert world.calls("approved") == ["start_application_upgrade", *RESUMED]
    (question,) = world.gate("approved")["questions"]
    assert (question["answer"], question["answered_by"], question["acted"]) == ("Continue", "admin", True)


def test_killed_worker_starts_each_domain_once(world: World) -> None:
    task = world.wait("killed", "success", "failed")
    assert (task["state"], task["try_number"]) == ("success", 2)
    assert world.calls("killed") == ["start_application_upgrade", *RESUMED]
