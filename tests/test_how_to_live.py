"""The code of the tutorial and the how-to guides runs as it is shown, against simulated clusters."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.releases.__main__ import main
from airflow_provider_sf.simulator import Simulator
from tests.test_example_dags import run
from tests.test_how_to import GUIDES, TUTORIAL, blocks, named_blocks
from tests.test_readme import CONNECTION, ROOT

if TYPE_CHECKING:
    from tests.conftest import Recorder

pytestmark = pytest.mark.live

RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
dag = DagBag(sys.argv[1]).dags[sys.argv[2]]
run = dag.test(run_conf=json.loads(sys.argv[3]))
print("STATES", json.dumps(sorted([ti.task_id, ti.map_index, str(ti.state)] for ti in run.get_task_instances())))
"""

REGIONS = {"northeurope": "idle", "westeurope": "idle_rolled_back", "eastus": "idle"}


class Guides:
    """An Airflow without processes that knows the DAGs of all pages."""

    def __init__(self, home: Path) -> None:
        self.home, self.dags = home, home / "dags"
        self.dags.mkdir()
        for param in blocks("python", TUTORIAL, *GUIDES):
            (code,) = param.values
            for dag_id in re.findall(r'DAG\(\s*dag_id="(\w+)"', code):
                (self.dags / f"{dag_id}.py").write_text(code)
        self.python("-m", "airflow", "db", "migrate")
        self.python("-m", "airflow", "dags", "reserialize")

    def python(self, *arguments: str, **environment: str) -> str:
        environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(self.dags)
        return run(list(arguments), self.home, **environment)

    def run(
        self,
        dag_id: str,
        cluster: Simulator | None = None,
        conf: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
    ) -> tuple[list[Any], str]:
        """Run a DAG on the cluster of the default connection; return the states of its tasks and the log."""
        environment = dict(environment or {})
        if cluster is not None:
            environment[CONNECTION] = address(cluster)
        file = str(self.dags / f"{dag_id}.py")
        printed = self.python("-c", RUN, file, dag_id, json.dumps(conf or {}), **environment)
        (states,) = re.findall(r"^STATES (.*)$", printed, re.MULTILINE)
        return json.loads(states), printed


def address(cluster: Simulator) -> str:
    return f"service-fabric://127.0.0.1:{cluster.port}"


@pytest.fixture(scope="module")
def guides(tmp_path_factory: pytest.TempPathFactory) -> Guides:
    return Guides(tmp_path_factory.mktemp("guides"))


def without_place(text: str) -> str:
    """Remove what depends on the moment of a poll, on the speed and on the port."""
    text = re.sub(r"in progress +\d+ %  \[[#-]+\]  domain UD\d \(\d of 5\)", "in progress", text)
    text = re.sub(r"Completed in [\dms]+", "Completed in a time", text)
    return re.sub(r"http://127.0.0.1:\d+", "http://127.0.0.1:port", text)


def assert_printed(block: str, printed: str) -> None:
    """Check each line of a block of the tutorial; three dots stand for times and other details."""
    printed = without_place(printed)
    for line in without_place(named_blocks(TUTORIAL)[block]).splitlines():
        pattern = re.escape(line).replace(re.escape("..."), ".*")
        assert re.search(pattern, printed), line


def test_tutorial_release_is_green_then_red(guides: Guides) -> None:
    with Simulator(speed=20.0) as cluster:
        states, printed = guides.run("release_shop", cluster)
        assert states == [["upgrade", -1, "success"]]
        assert_printed("log of release_shop", printed)
        states, printed = guides.run("release_shop", cluster)
        assert states == [["upgrade", -1, "success"]]
        assert_printed("log of release_shop again", printed)
        conf = {"application": "fabric:/idle_rolled_back-shop/web"}
        states, printed = guides.run("release_shop", cluster, conf=conf)
        assert states == [["upgrade", -1, "failed"]]
        assert_printed("error of release_shop", printed)


def test_tutorial_train_has_one_rollback(guides: Guides) -> None:
    with Simulator(speed=60.0) as cluster:
        states, _ = guides.run("release_train", cluster)
    assert states == [["upgrade", 0, "success"], ["upgrade", 1, "failed"], ["upgrade", 2, "success"]]


def test_each_wait_gets_its_own_snapshot(guides: Guides) -> None:
    scenarios = dict.fromkeys(("fabric:/shop/web", "cart", "mail"), "previous_good")
    with Simulator(speed=60.0, scenarios=scenarios) as cluster:
        states, _ = guides.run("watch_many", cluster)
    assert states == [
        ["snapshot", 0, "success"],
        ["snapshot", 1, "success"],
        ["snapshot", 2, "success"],
        ["start", -1, "success"],
        ["wait", 0, "success"],
        ["wait", 1, "success"],
        ["wait", 2, "success"],
    ]


def test_failed_region_stops_the_release(guides: Guides) -> None:
    """A rollback in the second region leaves the third one untouched."""
    with ExitStack() as stack:
        clusters = {
            region: stack.enter_context(Simulator(speed=60.0, scenarios={"fabric:/shop/web": scenario}))
            for region, scenario in REGIONS.items()
        }
        connections = {
            f"AIRFLOW_CONN_SF_{region.upper()}": address(cluster) for region, cluster in clusters.items()
        }
        states, _ = guides.run("release_regions", conf={"version": "v1"}, environment=connections)
        assert states == [
            ["upgrade_eastus", -1, "upstream_failed"],
            ["upgrade_northeurope", -1, "success"],
            ["upgrade_westeurope", -1, "failed"],
        ]
        assert [len(cluster.journal) for cluster in clusters.values()] == [1, 1, 0]


def test_release_from_zero_works(guides: Guides) -> None:
    """Create an application from a package, upgrade it, and plan the next upgrade."""
    package = {"AIRFLOW_VAR_STORE_PACKAGE_SECRET": "https://packages.example.com/store.sfpkg?sig=x"}
    with Simulator(speed=60.0) as cluster:
        assert {state for _, _, state in guides.run("create_store", cluster, environment=package)[0]} == {
            "success"
        }
        assert guides.run("release_store", cluster, environment=package)[0] == [
            ["release.provision", -1, "success"],
            ["release.unprovision", -1, "success"],
            ["release.upgrade", -1, "success"],
        ]
        states, printed = guides.run("plan_store", cluster, environment=package)
    assert states == [["plan", -1, "success"]]
    assert "Plan of application 'fabric:/store' from 2.0.0 to 2.0.0" in printed


def test_callbacks_get_the_reason(guides: Guides, recorder: Recorder) -> None:
    teams = {"AIRFLOW_CONN_TEAMS_RELEASES": json.dumps({"conn_type": "generic", "password": recorder.url})}
    with Simulator(speed=60.0, scenarios={"fabric:/shop/web": "rolled_back"}) as cluster:
        states, _ = guides.run("watch_with_teams", cluster, environment=teams)
        assert states == [["wait", -1, "failed"]]
        assert [request.partition(" ")[0] for request in recorder.requests] == ["POST"]
        states, printed = guides.run("watch_softly", cluster)
        assert states == [["wait", -1, "skipped"]]
        assert re.search("Rolled back, .*: upgrade of application 'fabric:/shop/web'", printed)
        states, printed = guides.run("watch_and_explain", cluster)
        assert states == [["explain", -1, "success"], ["wait", -1, "failed"]]


@pytest.mark.parametrize(
    ("scenario", "state", "outcome"),
    [("idle", "success", "succeeded"), ("idle_rolled_back", "failed", "rolled_back")],
)
def test_release_is_recorded(guides: Guides, tmp_path: Path, scenario: str, state: str, outcome: str) -> None:
    """Airflow gives the XComs and the states of the other tasks to the task that records them."""
    file = guides.dags / "recorded_release.py"
    file.write_text(re.sub(r'folder="[^"]*"', f'folder="{tmp_path}"', file.read_text()))
    with Simulator(speed=60.0, scenarios={"fabric:/idle-shop/web": scenario}) as cluster:
        states, _ = guides.run("recorded_release", cluster)
    assert states == [["record", -1, "success"], ["upgrade", -1, state]]
    (path,) = tmp_path.glob("*.json")
    record = json.loads(path.read_text())
    (task,) = record["tasks"]
    assert (task["state"], record["outcome"], task["change"]["version_before"]) == (state, outcome, "v0")
    assert record["run_id"].startswith("manual__")
    assert len(task["timeline"]) >= 2
    assert main(["verify", str(tmp_path), "--last", record["sha256"]]) == 0


def test_test_of_a_dag_passes(tmp_path: Path) -> None:
    """The files and commands of the page on tests work in an empty folder."""
    page = named_blocks(ROOT / "docs" / "how-to" / "test_your_dag.md")
    (tmp_path / "dags").mkdir()
    for name, code in page.items():
        (tmp_path / name).write_text(code)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "commands"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
