"""The DAGs of the README, pasted into a real Airflow: each succeeds; a release that is rolled back fails."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_sf.simulator import Simulator
from demo.live_airflow import LiveAirflow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

pytestmark = pytest.mark.live

ROOT = Path(__file__).parent.parent
BLOCKS = [
    block
    for block in re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    if "DAG(" in block
]
DAG_ID = re.compile(r'DAG\(\s*(?:dag_id=)?"(\w+)"')
CLASSIC_NAME = re.compile(r'"(fabric:/[^"]+)"')

SPEED = 20.0
"""A simulated upgrade of ten minutes takes half a minute."""

TRAIN = {"applications": ["good-train"]}


@dataclass
class Runs:
    """The run ids by DAG."""

    good: dict[str, str] = field(default_factory=dict)
    again: dict[str, str] = field(default_factory=dict)
    """After a reset of the cluster."""
    rolled_back: dict[str, str] = field(default_factory=dict)


def dag_ids(*, only_releases: bool = False) -> list[str]:
    """Return the DAGs of the README, or those that start an upgrade."""
    blocks = [block for block in BLOCKS if not only_releases or "UpgradeApplicationOperator" in block]
    return [match[1] for match in map(DAG_ID.search, blocks) if match]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveAirflow]:
    home = tmp_path_factory.mktemp("readme")
    (home / "dags").mkdir()
    for number, block in enumerate(BLOCKS):
        (home / "dags" / f"readme_{number}.py").write_text(block)
    shutil.copy(ROOT / "dags_examples" / "release_train.py", home / "dags")
    with LiveAirflow(home, home / "dags") as airflow:
        airflow.migrate()
        airflow.start()
        yield airflow
    assert not airflow.processes()


@pytest.fixture(scope="module")
def runs(live: LiveAirflow) -> Runs:
    """Run all DAGs; then the releases again, against a cluster in which the same upgrades are rolled back."""
    found = Runs()
    with Simulator(speed=SPEED) as good:
        live.add_connection(
            "service_fabric_default", conn_type="service_fabric", host="127.0.0.1", port=good.port
        )
        found.good = {dag: live.trigger(dag) for dag in dag_ids()}
        found.good["release_train"] = live.trigger("release_train", **TRAIN)
        wait_for(live, found.good.items())
        clear(live, "release_train", found.good["release_train"], "wait")
        wait_for(live, found.good.items())
        good.reset()
        found.again = {dag: live.trigger(dag) for dag in dag_ids()}
        wait_for(live, found.again.items())
    names = {name for block in BLOCKS for name in CLASSIC_NAME.findall(block)}
    with Simulator(speed=SPEED, port=good.port, scenarios=dict.fromkeys(names, "idle_rolled_back")):
        found.rolled_back = {dag: live.trigger(dag) for dag in dag_ids(only_releases=True)}
        wait_for(live, found.rolled_back.items())
    return found


def wait_for(live: LiveAirflow, runs: Iterable[tuple[str, str]]) -> None:
    """Wait until these runs have ended."""
    deadline = time.monotonic() + 400
    while not all(live.run_state(dag, run) in {"success", "failed"} for dag, run in runs):
        assert time.monotonic() < deadline, "the runs did not end"
        time.sleep(2)


def clear(live: LiveAirflow, dag: str, run: str, task: str) -> None:
    """Clear a task of a run that has ended, as a person does in the browser."""
    body = {"dry_run": False, "dag_run_id": run, "task_ids": [task], "only_failed": False}
    live.call("POST", f"dags/{dag}/clearTaskInstances", json=body)


def test_readme_has_dags_that_release() -> None:
    assert len(dag_ids()) == len(BLOCKS)
    assert dag_ids(only_releases=True)


@pytest.mark.parametrize("run", ["good", "again"])
@pytest.mark.parametrize("dag", dag_ids())
def test_pasted_dag_succeeds(dag: str, run: str, live: LiveAirflow, runs: Runs) -> None:
    tasks = live.task_instances(dag, getattr(runs, run)[dag])
    assert {task["task_id"]: task["state"] for task in tasks} == {
        task["task_id"]: "success" for task in tasks
    }
    assert {task["try_number"] for task in tasks} == {1}


@pytest.mark.parametrize("dag", dag_ids(only_releases=True))
def test_rolled_back_release_is_red(dag: str, live: LiveAirflow, runs: Runs) -> None:
    assert live.run_state(dag, runs.rolled_back[dag]) == "failed"
    (failed,) = [
        task for task in live.task_instances(dag, runs.rolled_back[dag]) if task["state"] == "failed"
    ]
    log = str(live.task_log(dag, runs.rolled_back[dag], failed["task_id"]))
    assert "Rolled back, failed in domain UD3: upgrade of application " in log
    assert "Why: failure reason HealthCheck, in domain UD3." in log
    assert failed["try_number"] == 1


def test_cleared_wait_finds_its_upgrade_again(live: LiveAirflow, runs: Runs) -> None:
    """Airflow moves the start date of a run when a task of it is cleared after its end."""
    tasks = live.task_instances("release_train", runs.good["release_train"])
    (wait,) = [task for task in tasks if task["task_id"] == "wait"]
    assert (wait["state"], wait["try_number"]) == ("success", 2)
    assert wait["rendered_map_index"] == "good-train"
    assert live.run_state("release_train", runs.good["release_train"]) == "success"
