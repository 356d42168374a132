"""Whole waits through a real scheduler and triggerer, with the connection in the metadata database."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.upgrades import Outcome, UpgradeProgress
from demo.live_airflow import LiveAirflow

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
DAGS = (HERE.parent / "dags_examples" / "wait_for_upgrade.py", *sorted((HERE / "dags").glob("*.py")))


SEEN: set[tuple[str, str, str]] = set()
"""DAG, task and state, for every state that was seen while the runs went on."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveAirflow]:
    """A running Airflow that knows a simulated cluster on which an upgrade takes 40 seconds."""
    home = tmp_path_factory.mktemp("live")
    (home / "dags").mkdir()
    for dag in DAGS:
        shutil.copy(dag, home / "dags")
    with Simulator(speed=15.0) as simulator, LiveAirflow(home, home / "dags") as airflow:
        airflow.migrate()
        airflow.start()
        airflow.add_connection(
            "service_fabric_default", conn_type="service_fabric", host="127.0.0.1", port=simulator.port
        )
        yield airflow
    assert not airflow.processes()


@pytest.fixture(scope="module")
def runs(live: LiveAirflow) -> dict[str, str]:
    """All DAGs, run side by side to their end: their run ids."""
    found = {dag.stem: live.trigger(dag.stem) for dag in DAGS}
    deadline = time.monotonic() + 240
    while not all(live.run_state(dag, run) in {"success", "failed"} for dag, run in found.items()):
        assert time.monotonic() < deadline, "the runs did not end"
        SEEN.update(
            (dag, one["task_id"], one["state"])
            for dag in found
            for one in live.task_instances(dag, found[dag])
        )
        time.sleep(1)
    return found


def task(live: LiveAirflow, runs: dict[str, str], dag: str, task_id: str) -> dict[str, Any]:
    return next(one for one in live.task_instances(dag, runs[dag]) if one["task_id"] == task_id)


def log_lines(live: LiveAirflow, runs: dict[str, str], dag: str, task_id: str) -> list[str]:
    return [str(entry["event"]) for entry in live.task_log(dag, runs[dag], task_id)]


def test_a_success_is_waited_for_deferred_and_leaves_its_record(
    live: LiveAirflow, runs: dict[str, str]
) -> None:
    assert ("wait_for_upgrade", "wait", "deferred") in SEEN
    assert task(live, runs, "wait_for_upgrade", "wait")["state"] == "success"
    record = live.xcom("wait_for_upgrade", runs["wait_for_upgrade"], "wait")
    assert UpgradeProgress.from_dict(record).outcome is Outcome.SUCCEEDED
    assert record["services"] == [
        {"name": "web", "completed_replicas": 8, "pending_replicas": 0},
        {"name": "api", "completed_replicas": 5, "pending_replicas": 0},
        {"name": "worker", "completed_replicas": 3, "pending_replicas": 0},
    ]
    wait = live.xcom("wait_for_upgrade", runs["wait_for_upgrade"], "wait", "upgrade_wait")
    assert wait["ended_by"] == "upgrade"
    assert wait["polls"] >= 3


def test_the_log_of_the_wait_is_one_story_of_worker_and_triggerer(
    live: LiveAirflow, runs: dict[str, str]
) -> None:
    lines = log_lines(live, runs, "wait_for_upgrade", "wait")
    said = [line for line in lines if "rolling forward" in line or "completed rollforward" in line]
    assert any(
        line.startswith("Waiting for the upgrade of application resource 'previous_first-shop'")
        for line in lines
    )
    assert len(said) >= 3
    assert any("from v1 to v2 completed in" in line for line in lines)
    assert not [line for line in lines if "Traceback" in line]


def test_the_audit_reads_the_record(live: LiveAirflow, runs: dict[str, str]) -> None:
    assert "application_resource previous_first-shop: succeeded" in log_lines(
        live, runs, "wait_for_upgrade", "audit"
    )


def test_the_three_modes_leave_the_same_record(live: LiveAirflow, runs: dict[str, str]) -> None:
    records = [
        live.xcom("three_modes", runs["three_modes"], mode) for mode in ("poke", "reschedule", "deferrable")
    ]
    for record in records:
        assert record.pop("observed_at")
    assert records == [records[0]] * 3
    assert records[0]["outcome"] == "succeeded"


def test_a_rollback_is_not_retried_and_names_everyone_who_was_behind(
    live: LiveAirflow, runs: dict[str, str]
) -> None:
    wait = task(live, runs, "rolled_back_release", "wait")
    assert (wait["state"], wait["try_number"], wait["max_tries"]) == ("failed", 1, 3)
    lines = str(live.task_log("rolled_back_release", runs["rolled_back_release"], "wait"))
    assert "'rolled_back-shop' from v0 to v1 was rolled back (CompletedRollback, 100 %)." in lines.replace(
        "\\", ""
    )
    record = live.xcom("rolled_back_release", runs["rolled_back_release"], "wait", "upgrade_progress")
    assert record["outcome"] == "rolled_back"
    timeline = live.xcom("rolled_back_release", runs["rolled_back_release"], "wait", "upgrade_wait")[
        "timeline"
    ]
    forward = next(stage for stage in reversed(timeline) if stage["outcome"] == "in_progress")
    assert forward["services_behind"]
    for service in forward["services_behind"]:
        assert f"{service['name']} {service['completed_replicas']}/" in lines


def test_a_pause_that_nobody_waits_for_is_red_and_says_why(live: LiveAirflow, runs: dict[str, str]) -> None:
    wait = task(live, runs, "verdicts", "paused")
    assert (wait["state"], wait["try_number"]) == ("failed", 1)
    said = str(live.task_log("verdicts", runs["verdicts"], "paused"))
    assert "Paused after a failure at" in said
    assert "on_paused='fail' ends the wait" in said.replace("\\", "")
    record = live.xcom("verdicts", runs["verdicts"], "paused", "upgrade_progress")
    assert (record["outcome"], record["rolling_upgrade_mode"]) == ("paused", "UnmonitoredManual")


def test_an_upgrade_that_another_one_replaces_is_red_though_the_other_succeeds(
    live: LiveAirflow, runs: dict[str, str]
) -> None:
    wait = task(live, runs, "verdicts", "overtaken")
    assert (wait["state"], wait["try_number"]) == ("failed", 1)
    story = live.xcom("verdicts", runs["verdicts"], "overtaken", "upgrade_wait")
    assert (story["ended_by"], story["upgrade"]["target_version"]) == ("upgrade", "v1")
    assert "to v1 was overtaken" in str(live.task_log("verdicts", runs["verdicts"], "overtaken"))


def test_yesterdays_upgrade_is_not_taken_for_todays(live: LiveAirflow, runs: dict[str, str]) -> None:
    snapshot = live.xcom("verdicts", runs["verdicts"], "snapshot")
    record = live.xcom("verdicts", runs["verdicts"], "after")
    assert (snapshot["outcome"], snapshot["target_version"]) == ("succeeded", "v1")
    assert (record["outcome"], record["target_version"]) == ("succeeded", "v2")
    assert record["started_at"] > snapshot["started_at"]
