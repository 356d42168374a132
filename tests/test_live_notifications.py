"""Callbacks of tasks and DAGs send a message in real processes: worker and DAG processor."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_sf.simulator import Simulator
from demo.live_airflow import LiveAirflow
from tests.loopback_mail import MailServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live

DAG_FILE = Path(__file__).parent / "dags_notifications" / "notified.py"
ENDS = {
    "notified_rollback": "failed",
    "notified_success": "success",
    "notified_kill": "failed",
    "notified_loss": "failed",
}


@pytest.fixture(scope="module")
def mails() -> Iterator[MailServer]:
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def sent(
    tmp_path_factory: pytest.TempPathFactory, mails: MailServer
) -> Iterator[dict[str, list[tuple[str, str]]]]:
    """Run the DAGs, and return status and text of the messages by DAG."""
    home = tmp_path_factory.mktemp("live")
    (home / "dags").mkdir()
    shutil.copy(DAG_FILE, home / "dags")
    with Simulator(speed=60.0, start_delay=0.0) as cluster, LiveAirflow(home, home / "dags") as airflow:
        airflow.environment["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"] = "20"
        airflow.environment["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL"] = "5"
        airflow.migrate()
        airflow.start()
        airflow.add_connection(
            "service_fabric_default", conn_type="service_fabric", host="127.0.0.1", port=cluster.port
        )
        extra = json.dumps({"disable_ssl": True, "disable_tls": True})
        airflow.add_connection(
            "mail", conn_type="smtp", host="127.0.0.1", port=mails.server_address[1], extra=extra
        )
        runs = {dag_id: airflow.trigger(dag_id) for dag_id in ENDS}
        for dag_id, run_id in runs.items():
            airflow.wait_until(
                lambda dag_id=dag_id, run_id=run_id: airflow.run_state(dag_id, run_id) == ENDS[dag_id],  # type: ignore[misc]
                f"{dag_id} has not ended",
                "scheduler",
            )
        airflow.wait_until(
            lambda: all(is_reported(home, dag_id) for dag_id in ENDS), "messages are missing", "dag-processor"
        )
        found: dict[str, list[tuple[str, str]]] = {dag_id: [] for dag_id in ENDS}
        for status, text in lines(home):
            (dag_id,) = [dag_id for dag_id in ENDS if f"DAG {dag_id}, " in text]
            found[dag_id].append((status, text))
        yield found


def is_reported(home: Path, dag_id: str) -> bool:
    """Whether there is the message about the run, which Airflow sends last."""
    return any(f"DAG {dag_id}, run " in text for _, text in lines(home))


def lines(home: Path) -> list[tuple[str, str]]:
    file = home / "sent.jsonl"
    return [tuple(json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


def titles(messages: list[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(status, text.splitlines()[0]) for status, text in messages}


def test_rollback_is_reported_by_task_and_dag(sent: dict[str, list[tuple[str, str]]]) -> None:
    task, dag = sent["notified_rollback"]
    assert task[0] == dag[0] == "failure"
    assert task[1].startswith(
        "Rolled back, failed in domain UD3: upgrade of application 'fabric:/rolled_back-shop/web'"
    )
    assert "Airflow log: http://127.0.0.1:" in task[1]
    assert "Service Fabric Explorer: http://127.0.0.1:" in task[1]
    assert dag[1].splitlines()[0] == "Rolled back: release 'notified_rollback'"
    assert "wait: Rolled back, failed in domain UD3" in dag[1]
    assert "Next: check the health" in dag[1]


def test_failed_chat_leaves_a_success(sent: dict[str, list[tuple[str, str]]]) -> None:
    (status, text), run = sent["notified_success"]
    assert (status, text.splitlines()[0]) == (
        "success",
        "Completed in 10s: upgrade of application 'fabric:/good-shop/web' to v1",
    )
    assert titles([run]) == {("success", "Succeeded: release 'notified_success'")}


def test_killed_task_is_reported_as_failure(sent: dict[str, list[tuple[str, str]]]) -> None:
    """Airflow calls back for the run only."""
    ((status, text),) = sent["notified_kill"]
    assert (status, text.splitlines()[:2]) == (
        "failure",
        ["Failed: release 'notified_kill'", "wait: failed"],
    )


def test_lost_task_is_reported_as_failure(sent: dict[str, list[tuple[str, str]]]) -> None:
    """The DAG processor calls back for the task, sometimes twice: it has no error and no state."""
    assert titles(sent["notified_loss"]) == {
        ("failure", "Ended without a result: task 'wait'"),
        ("failure", "Failed: release 'notified_loss'"),
    }
    assert any("The upgrade may still be in progress" in text for _, text in sent["notified_loss"])


@pytest.mark.usefixtures("sent")
def test_mails_have_title_and_page(mails: MailServer) -> None:
    subjects = [mail["Subject"] for mail in mails.mails]
    assert "notified_rollback: Rolled back: release 'notified_rollback'" in subjects
    assert all("Airflow log</a>" in next(mail.iter_parts()).get_content() for mail in mails.mails)
