"""A deferred wait, releases and questions in the real processes of the installed Airflow, whatever its version."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.airflow_versions import AWAITING_INPUT, QUESTIONS, TASK_SDK
from airflow_provider_sf.simulator import Simulator
from demo.live_airflow import LiveAirflow
from tests.live_airflow_2 import LiveAirflow2
from tests.test_live_gate import RESUMED, World

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parent.parent
EXAMPLES = [
    ROOT / "dags_examples" / f"{name}.py" for name in ("wait_for_upgrade", "release_classic_application")
]
GATES = ROOT / "tests" / "dags_gate" / "gated.py"
ROLLED_BACK = "fabric:/idle_rolled_back-shop/web"

RUNS: dict[str, tuple[str, dict[str, str]]] = {
    "wait": ("wait_for_upgrade", {}),
    "release": ("release_classic_application", {}),
    "rollback": ("release_classic_application", {"application": ROLLED_BACK}),
}
"""DAG and parameters of each run."""

needs_questions = pytest.mark.skipif(
    not QUESTIONS.is_available, reason="before Airflow 3.1 no task can ask a person"
)


@dataclass
class Played:
    """A running Airflow, its runs, and each state of a task that was seen."""

    live: LiveAirflow
    cluster: Simulator
    runs: dict[str, str] = field(default_factory=dict)
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def tasks(self, run: str) -> dict[str, dict[str, Any]]:
        found = self.live.task_instances(RUNS[run][0], self.runs[run])
        self.seen.update((run, task["task_id"], str(task["state"])) for task in found)
        return {task["task_id"]: task for task in found}

    def states(self, run: str) -> dict[str, str]:
        return {task_id: task["state"] for task_id, task in self.tasks(run).items()}

    def log(self, run: str, task_id: str) -> str:
        """Return the entries of the log, with the details of errors."""
        return str(self.live.task_log(RUNS[run][0], self.runs[run], task_id))

    def finish(self) -> None:
        """Look at the tasks until all runs have ended."""
        self.live.wait_until(self._have_ended, "the runs have not ended", "scheduler")

    def _have_ended(self) -> bool:
        for run in self.runs:
            self.tasks(run)
        states = [self.live.run_state(RUNS[run][0], run_id) for run, run_id in self.runs.items()]
        return set(states) <= {"success", "failed"}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveAirflow, Simulator]]:
    """An Airflow with the connection in its database; upgrades of the cluster take half a minute."""
    home = tmp_path_factory.mktemp("versions")
    (home / "dags").mkdir()
    for file in (*EXAMPLES, *([GATES] if QUESTIONS.is_available else [])):
        shutil.copy(file, home / "dags")
    airflow = (LiveAirflow if TASK_SDK.is_available else LiveAirflow2)(home, home / "dags")
    airflow.environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] = "admin:admin,viewer:viewer"
    with airflow, Simulator(speed=20.0) as cluster:
        airflow.migrate()
        airflow.start()
        airflow.add_connection(
            "service_fabric_default", conn_type="service_fabric", host="127.0.0.1", port=cluster.port
        )
        yield airflow, cluster
    assert not airflow.processes()


@pytest.fixture(scope="module")
def played(live: tuple[LiveAirflow, Simulator]) -> Played:
    played = Played(*live)
    for run, (dag_id, conf) in RUNS.items():
        if run != "rollback":
            played.runs[run] = played.live.trigger(dag_id, **conf)
    played.finish()
    played.runs["rollback"] = played.live.trigger(*RUNS["rollback"][:1], **RUNS["rollback"][1])
    played.finish()
    return played


@pytest.fixture(scope="module")
def gates(live: tuple[LiveAirflow, Simulator], played: Played) -> World:  # noqa: ARG001 - after the other runs
    world = World(*live)
    world.start("approved", "late", "unanswered")
    return world


def test_deferred_wait_succeeds(played: Played) -> None:
    assert ("wait", "wait", "deferred") in played.seen
    assert played.states("wait") == {"snapshot": "success", "wait": "success", "audit": "success"}
    assert played.tasks("wait")["wait"]["try_number"] == 1
    log = played.log("wait", "wait")
    assert "Completed in" in log
    assert "Traceback" not in log
    assert "application_resource previous_first-shop: succeeded" in played.log("wait", "audit")


def test_triggerer_writes_to_the_log_of_the_task(played: Played) -> None:
    """Only the triggerer writes a line of the end: the worker then writes the Summary."""
    assert "100 %  [##########]" in played.log("release", "upgrade")


def test_release_starts_one_upgrade(played: Played) -> None:
    assert ("release", "upgrade", "deferred") in played.seen
    assert played.states("release") == {"upgrade": "success", "announce": "success", "explain": "skipped"}
    starts = [command for command in played.cluster.journal if command.name.endswith("idle-shop/web")]
    assert [command.call for command in starts] == ["start_application_upgrade"]
    assert "fabric:/idle-shop/web is at v1" in played.log("release", "announce")


def test_rolled_back_release_is_red_with_its_reason(played: Played) -> None:
    """It has retries=1, and is not retried."""
    assert played.states("rollback") == {
        "upgrade": "failed",
        "announce": "upstream_failed",
        "explain": "success",
    }
    assert played.tasks("rollback")["upgrade"]["try_number"] == 1
    assert "Rolled back, failed in domain UD3: upgrade of application " in played.log("rollback", "upgrade")
    assert "Why: failure reason HealthCheck, in domain UD3." in played.log("rollback", "explain")


def test_tasks_link_to_the_cluster(played: Played) -> None:
    for run, task_id in {"wait": "wait", "release": "upgrade"}.items():
        links = played.live.links(RUNS[run][0], played.runs[run], task_id)
        assert links["Service Fabric Explorer"].startswith(f"{played.cluster.url}/Explorer/")


@needs_questions
def test_answer_of_a_person_continues_the_upgrade(gates: World) -> None:
    task = gates.wait_for_question("approved")
    assert task["state"] == ("awaiting_input" if AWAITING_INPUT.is_available else "deferred")
    assert gates.calls("approved") == ["start_application_upgrade"]
    assert gates.answer("approved", "Continue", user="viewer") == 403
    others = (
        0 if AWAITING_INPUT.is_available else 1
    )  # before, Airflow accepts any text; then the task asks again
    assert gates.answer("approved", "Nuke") == (200 if others else 400)
    gates.wait_for_question("approved", others + 1)
    assert gates.answer("approved", "Continue") == 200
    assert gates.answer("approved", "Roll back") == 409
    assert gates.wait("approved", "success", "failed")["state"] == "success"
    assert gates.calls("approved") == ["start_application_upgrade", *RESUMED]
    *refused, question = gates.gate("approved")["questions"]
    assert [(item["answer"], item["acted"]) for item in refused] == [("Nuke", False)] * others
    assert (question["answer"], question["answered_by"], question["acted"]) == ("Continue", "admin", True)


@needs_questions
def test_second_question_needs_its_own_answer(gates: World) -> None:
    """Airflow keeps one question and one answer for a task: the first answer must not count again."""
    gates.play_late()


@needs_questions
def test_missing_answer_is_the_default(gates: World) -> None:
    assert gates.wait("unanswered", "success", "failed")["state"] == "success"
    (question,) = gates.gate("unanswered")["questions"]
    assert (question["answer"], question["answered_by"], question["timed_out"]) == ("Continue", None, True)
    assert gates.calls("unanswered") == ["start_application_upgrade", *RESUMED]
