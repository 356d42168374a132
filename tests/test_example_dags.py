"""The example DAGs: parsed, and run in this process without a scheduler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
        ["start", -1, "success"],
        ["wait", -1, "success"],
    ],
    "rollback_is_red": [
        "failed",
        ["announce", -1, "upstream_failed"],
        ["explain", -1, "success"],
        ["wait", -1, "failed"],
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
SAID = {
    "wait_for_upgrade": "application_resource previous_first-shop: succeeded",
    "rollback_is_red": "Upgrade of application resource 'rolled_back-shop' from v0 to v1 was rolled back at",
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
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("airflow")
    run(["-m", "airflow", "db", "migrate"], made)
    run(["-m", "airflow", "dags", "reserialize"], made)
    return made


def test_every_example_has_its_end() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(ENDS) == set(SAID)


@pytest.mark.parametrize("example", ENDS)
def test_an_example_runs_offline_and_ends_as_it_says(example: str, home: Path) -> None:
    with Simulator(speed=60.0) as simulator:
        said = run(
            ["-c", RUN, str(EXAMPLES / f"{example}.py")],
            home,
            AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT=f"service-fabric://127.0.0.1:{simulator.port}",
        )
    (found,) = [line for line in said.splitlines() if line.startswith("STATES ")]
    assert json.loads(found.removeprefix("STATES ")) == ENDS[example]
    assert SAID[example] in said
