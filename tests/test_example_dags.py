"""Parse each example DAG, and run it against the simulator, without a scheduler."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_sf.simulator import Simulator

EXAMPLES = Path(__file__).parent.parent / "dags_examples"

RUN = """
import json, runpy, sys
dag = runpy.run_path(sys.argv[1])["dag"]
run = dag.test()
states = sorted([ti.task_id, ti.map_index, str(ti.state)] for ti in run.get_task_instances())
print("STATES", json.dumps([str(run.state), *states]))
"""

ENDS = {
    "wait_for_upgrade": [
        "success",
        ["audit", -1, "success"],
        ["snapshot", -1, "success"],
        ["wait", -1, "success"],
    ],
    "rollback_is_red": [
        "failed",
        ["announce", -1, "upstream_failed"],
        ["explain", -1, "success"],
        ["wait", -1, "failed"],
    ],
    "release_classic_application": [
        "success",
        ["announce", -1, "success"],
        ["explain", -1, "skipped"],
        ["upgrade", -1, "success"],
    ],
    "release_package": [
        "success",
        ["release.provision", -1, "success"],
        ["release.unprovision", -1, "success"],
        ["release.upgrade", -1, "success"],
    ],
    "cluster_patch_window": [
        "success",
        ["before", -1, "success"],
        ["idle", -1, "success"],
        ["report", -1, "success"],
        ["wait", -1, "success"],
    ],
    "release_train": [
        "failed",
        ["applications", -1, "success"],
        ["summary", -1, "failed"],
        ["wait", 0, "success"],
        ["wait", 1, "failed"],
        ["wait", 2, "success"],
    ],
}
PRINTED = {
    "wait_for_upgrade": "application_resource previous_first-shop: succeeded",
    "rollback_is_red": "Rolled back, last seen going forward at",
    "release_classic_application": "fabric:/idle-shop/web is at v1",
    "release_package": "Completed: upgrade of application 'fabric:/idle-store/web' to v3",
    "cluster_patch_window": "The cluster went to 10.1.2338.9590",
    "release_train": "1 of 3 upgrades did not succeed: rolled_back-cart",
}


def run(arguments: list[str], home: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_every_example_has_an_expected_end() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(ENDS) == set(PRINTED)


@pytest.mark.parametrize("example", ENDS)
def test_example_has_the_expected_tasks(example: str) -> None:
    dag = runpy.run_path(str(EXAMPLES / f"{example}.py"))["dag"]
    assert set(dag.task_ids) == {task for task, *_ in ENDS[example][1:]}


@pytest.mark.live
def test_examples_run_offline(tmp_path: Path) -> None:
    """
    All run at the same time, since they need little CPU time.

    At this speed an upgrade starts six seconds after the first request: a busy machine reads the snapshot in time.
    """
    run(["-m", "airflow", "db", "migrate"], tmp_path)
    run(["-m", "airflow", "dags", "reserialize"], tmp_path)
    with Simulator(speed=10.0, cluster_scenario="previous_first") as simulator, ThreadPoolExecutor() as pool:
        connection = f"service-fabric://127.0.0.1:{simulator.port}"
        running = {
            example: pool.submit(
                run,
                ["-c", RUN, str(EXAMPLES / f"{example}.py")],
                tmp_path,
                AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT=connection,
            )
            for example in ENDS
        }
        printed = {example: future.result() for example, future in running.items()}
    for example, text in printed.items():
        (states,) = [line for line in text.splitlines() if line.startswith("STATES ")]
        assert (example, json.loads(states.removeprefix("STATES "))) == (example, ENDS[example])
        assert PRINTED[example] in text
