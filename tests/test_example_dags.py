"""The example DAGs: parsed, and run in this process without a scheduler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_sf.simulator import Simulator

EXAMPLES = sorted((Path(__file__).parent.parent / "dags_examples").glob("*.py"))

RUN = """
import json, runpy, sys
dag = runpy.run_path(sys.argv[1])["dag"]
run = dag.test(run_conf={"application": sys.argv[2]})
print("STATES", json.dumps({ti.task_id: str(ti.state) for ti in run.get_task_instances()}))
"""


def run(arguments: list[str], home: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES[0].parent),
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


@pytest.mark.parametrize(
    ("application", "states"),
    [
        ("good-shop", {"snapshot": "success", "wait": "success", "audit": "success"}),
        ("failed-shop", {"snapshot": "success", "wait": "failed", "audit": "upstream_failed"}),
    ],
)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_offline(example: Path, application: str, states: dict[str, str], home: Path) -> None:
    with Simulator(speed=60.0) as simulator:
        said = run(
            ["-c", RUN, str(example), application],
            home,
            AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT=f"service-fabric://127.0.0.1:{simulator.port}",
        )
    (found,) = [line for line in said.splitlines() if line.startswith("STATES ")]
    assert json.loads(found.removeprefix("STATES ")) == states
