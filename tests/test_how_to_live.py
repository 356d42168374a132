"""The DAGs of the tutorial and the how-to guides run as they are shown, against a simulated cluster."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.simulator import Simulator
from tests.test_example_dags import run
from tests.test_how_to import GUIDES, TUTORIAL, blocks, named_blocks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Recorder

pytestmark = pytest.mark.live

RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
dag = DagBag(sys.argv[1]).dags[sys.argv[2]]
run = dag.test(run_conf=json.loads(sys.argv[3]))
print("STATES", json.dumps(sorted([ti.task_id, ti.map_index, str(ti.state)] for ti in run.get_task_instances())))
"""

SIMULATED = {
    "fabric:/shop/web": "fabric:/previous_first-shop/web",
    "cart": "previous_first-cart",
    "mail": "previous_first-mail",
}
"""The names of a guide, and names of which the simulator upgrades the applications without a command."""
ROLLED_BACK = {"fabric:/shop/web": "fabric:/rolled_back-shop/web"}


class Guides:
    """An Airflow without processes, which knows the DAGs of all pages, and a simulated cluster."""

    def __init__(self, home: Path, simulator: Simulator) -> None:
        self.home = home
        self.dags = home / "dags"
        self.cluster = f"service-fabric://127.0.0.1:{simulator.port}"
        self.dags.mkdir()
        self.code = {}
        for param in blocks("python", TUTORIAL, *GUIDES):
            (code,) = param.values
            for dag_id in re.findall(r'DAG\(\s*dag_id="(\w+)"', code):
                self.code[dag_id] = code
        for dag_id, code in self.code.items():
            (self.dags / f"{dag_id}.py").write_text(code)
        self.python("-m", "airflow", "db", "migrate")
        self.python("-m", "airflow", "dags", "reserialize")

    def python(self, *arguments: str, **environment: str) -> str:
        environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(self.dags)
        return run(list(arguments), self.home, **environment)

    def test(
        self,
        dag_id: str,
        names: dict[str, str] | None = None,
        conf: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
    ) -> tuple[list[Any], str]:
        """Run a DAG with other names; return the states of its tasks, and what it has printed."""
        code = self.code[dag_id]
        for name, simulated in (names or {}).items():
            code = re.sub(rf'"{name}"', f'"{simulated}"', code)
        file = self.dags / f"{dag_id}.py"
        file.write_text(code)
        environment = {"AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT": self.cluster, **(environment or {})}
        printed = self.python("-c", RUN, str(file), dag_id, json.dumps(conf or {}), **environment)
        (states,) = re.findall(r"^STATES (.*)$", printed, re.MULTILINE)
        return json.loads(states), printed


@pytest.fixture(scope="module")
def guides(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Simulator(speed=60.0) as simulator:
        yield Guides(tmp_path_factory.mktemp("guides"), simulator)


def without_place(text: str) -> str:
    """Remove what depends on the moment of a poll, on the speed and on the port."""
    text = re.sub(r"in progress +\d+ %  \[[#-]+\]  domain UD\d \(\d of 5\)", "in progress", text)
    text = re.sub(r"completed in \d+m\d+s", "completed in a time", text)
    return re.sub(r"http://127.0.0.1:\d+", "http://127.0.0.1:port", text)


def assert_printed(block: str, printed: str) -> None:
    """Check each line of a block of the tutorial; three dots stand for times and other details."""
    printed = without_place(printed)
    for line in without_place(named_blocks(TUTORIAL)[block]).splitlines():
        pattern = re.escape(line).replace(re.escape("..."), ".*")
        assert re.search(pattern, printed), line


def test_tutorial_release_is_green_then_red(guides: Guides) -> None:
    """Slower than the others, so that the log has the lines of the tutorial."""
    with Simulator(speed=10.0) as simulator:
        cluster = {"AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT": f"service-fabric://127.0.0.1:{simulator.port}"}
        states, printed = guides.test("release_shop", environment=cluster)
        assert states == [["upgrade", -1, "success"]]
        assert_printed("log of release_shop", printed)
        states, printed = guides.test("release_shop", environment=cluster)
        assert states == [["upgrade", -1, "success"]]
        assert_printed("log of release_shop again", printed)
        conf = {"application": "fabric:/idle_rolled_back-shop/web"}
        states, printed = guides.test("release_shop", conf=conf, environment=cluster)
        assert states == [["upgrade", -1, "failed"]]
        assert_printed("error of release_shop", printed)


def test_tutorial_train_has_one_rollback(guides: Guides) -> None:
    states, _ = guides.test("release_train")
    assert states == [["upgrade", 0, "success"], ["upgrade", 1, "failed"], ["upgrade", 2, "success"]]


def test_each_wait_gets_its_own_snapshot(guides: Guides) -> None:
    states, printed = guides.test("watch_many", SIMULATED)
    assert {(task, state) for task, _, state in states} == {
        ("snapshot", "success"),
        ("start", "success"),
        ("wait", "success"),
    }
    assert "previous_first-mail" in printed


def test_release_from_zero_works(guides: Guides) -> None:
    """Create an application from a package, upgrade it, and plan the next upgrade."""
    package = {"AIRFLOW_VAR_STORE_PACKAGE_SECRET": "https://packages.example.com/store.sfpkg?sig=x"}
    assert {state for _, _, state in guides.test("create_store", environment=package)[0]} == {"success"}
    assert guides.test("release_store", environment=package)[0] == [
        ["release.provision", -1, "success"],
        ["release.unprovision", -1, "success"],
        ["release.upgrade", -1, "success"],
    ]
    states, printed = guides.test("plan_store", environment=package)
    assert states == [["plan", -1, "success"]]
    assert "Plan of application 'fabric:/store' from 2.0.0 to 2.0.0" in printed


def test_callbacks_get_the_reason(guides: Guides, recorder: Recorder) -> None:
    connection = {"conn_type": "generic", "password": recorder.url}
    environment = {"AIRFLOW_CONN_TEAMS_RELEASES": json.dumps(connection)}
    states, _ = guides.test("watch_with_teams", ROLLED_BACK, environment=environment)
    assert states == [["wait", -1, "failed"]]
    assert [request.partition(" ")[0] for request in recorder.requests] == ["POST"]
    states, printed = guides.test("watch_softly", ROLLED_BACK)
    assert states == [["wait", -1, "skipped"]]
    assert "was rolled back" in printed
    states, printed = guides.test("watch_and_explain", ROLLED_BACK)
    assert states == [["explain", -1, "success"], ["wait", -1, "failed"]]
