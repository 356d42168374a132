"""Parse each example DAG, and run it against simulated clusters, without a scheduler."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.rest.protocol import Request
from airflow_provider_sf.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parent.parent / "dags_examples"
SHOP = "fabric:/shop/web"
CONNECTION = "AIRFLOW_CONN_SERVICE_FABRIC_"
BY_HAND = {"mark_success_pattern": "wait"}
"""A person marks the task ``wait`` as success: it has no XCom."""

RUN = f"""
import json, os, runpy, sys
for job in json.loads(sys.argv[1]):
    for name in [name for name in os.environ if name.startswith("{CONNECTION}")]:
        del os.environ[name]
    os.environ.update(job["connections"])
    with open(job["log"], "w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    run = runpy.run_path(job["path"])["dag"].test(**job["options"])
    states = sorted([ti.task_id, ti.map_index, str(ti.state)] for ti in run.get_task_instances())
    print("STATES", json.dumps([str(run.state), *states]), flush=True)
"""
PROCESSES = 10
"""How many run examples at the same time: a run waits most of the time, and the first one imports Airflow for 7 s."""

IS_AIRFLOW_2 = airflow_version.startswith("2.")
NEED_AIRFLOW_3 = {"after_upgrade"}
"""Airflow 2 refuses these examples when it parses them."""


@dataclass(frozen=True)
class Run:
    """A run of an example, how it must end, and what it must log."""

    example: str
    state: str
    tasks: dict[str, str]
    """The states by task, with ``[index]`` if it is mapped."""
    logged: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    """The parameters of ``dag.test``."""
    clusters: str = "release"

    @property
    def states(self) -> list[Any]:
        """The states as the script prints them."""
        parts = [task.removesuffix("]").partition("[") for task in self.tasks]
        tasks = sorted(
            [task, int(index or -1), state]
            for (task, _, index), state in zip(parts, self.tasks.values(), strict=True)
        )
        return [self.state, *tasks]


RUNS = {
    "wait_for_upgrade": Run(
        "wait_for_upgrade",
        "success",
        dict.fromkeys(("snapshot", "wait", "audit"), "success"),
        ("application_resource previous_first-shop: succeeded", "version   v1 -> v2"),
    ),
    "wait_for_upgrade, by hand": Run(
        "wait_for_upgrade",
        "success",
        dict.fromkeys(("snapshot", "wait", "audit"), "success"),
        ("The wait for previous_first-shop was ended by hand",),
        BY_HAND,
        clusters="regions",
    ),
    "rollback_is_red": Run(
        "rollback_is_red",
        "failed",
        {"announce": "upstream_failed", "explain": "success", "wait": "failed"},
        (
            "Rolled back, last seen going forward at",
            "CompletedRollback",
        ),
    ),
    "rollback_is_red, without a connection": Run(
        "rollback_is_red",
        "failed",
        {"announce": "upstream_failed", "explain": "success", "wait": "failed"},
        ("The wait has no result; see the log of task 'wait'",),
        clusters="none",
    ),
    "release_classic_application": Run(
        "release_classic_application",
        "success",
        {"announce": "success", "explain": "skipped", "upgrade": "success"},
        ("fabric:/idle-shop/web is at v1",),
    ),
    "release_classic_application, rollback": Run(
        "release_classic_application",
        "failed",
        {"announce": "upstream_failed", "explain": "success", "upgrade": "failed"},
        (
            "Rolled back, failed in domain UD3: upgrade of application 'fabric:/idle_rolled_back-mail/web' from v0 to v1",
            "Why: failure reason HealthCheck, in domain UD3",
        ),
        {"run_conf": {"application": "fabric:/idle_rolled_back-mail/web"}},
    ),
    "release_classic_application, by hand": Run(
        "release_classic_application",
        "success",
        {"announce": "success", "explain": "skipped", "upgrade": "success"},
        ("The task 'upgrade' was ended by hand",),
        {"mark_success_pattern": "upgrade"},
    ),
    "release_notifies": Run(
        "release_notifies",
        "success",
        {"announce": "success", "upgrade": "success"},
        (
            ": upgrade of application 'fabric:/idle-shop/web' from v0 to v1",
            "DAG release_notifies, task upgrade, run ",
        ),
        clusters="notifies",
    ),
    "release_notifies, rollback": Run(
        "release_notifies",
        "failed",
        {"announce": "upstream_failed", "upgrade": "failed"},
        (
            "Why: failure reason HealthCheck, in domain UD3",
            "Service Fabric Explorer: http://127.0.0.1:",
            "Failed: run of the DAG 'release_notifies'",  # ``dag.test()`` gives a DAG without operators
        ),
        {"run_conf": {"application": "fabric:/idle_rolled_back-mail/web"}},
        clusters="notifies",
    ),
    "release_by_domain": Run(
        "release_by_domain",
        "success",
        {"announce": "success", "upgrade": "success"},
        (
            "check page_answers passed",
            "Starting upgrade domain UD5",
            "Time added by this task: ",
            "  before upgrade domain UD5: ",
            "fabric:/idle-shop/web is at v1",
        ),
        clusters="by_domain",
    ),
    "release_by_domain, rollback": Run(
        "release_by_domain",
        "failed",
        {"announce": "upstream_failed", "upgrade": "failed"},
        (
            "check page_answers failed: HTTP 500 from http://127.0.0.1:",
            "Rolled back by this task, stopped before upgrade domain UD3: upgrade of application",
        ),
        {"run_conf": {"application": "fabric:/idle_http_errors-shop/web"}},
        clusters="by_domain",
    ),
    "after_upgrade": Run(
        "after_upgrade",
        "success",
        {"ends": "success", "smoke_test": "skipped"},
        ("No upgrade has ended: this run was started by hand",),
    ),
    "release_package": Run(
        "release_package",
        "success",
        dict.fromkeys(("release.provision", "release.unprovision", "release.upgrade"), "success"),
        ("upgrade of application 'fabric:/idle-store/web' from v0 to v3",),
    ),
    "cluster_patch_window": Run(
        "cluster_patch_window",
        "success",
        dict.fromkeys(("before", "idle", "report", "wait"), "success"),
        ("The cluster went to 10.1.2338.9590",),
    ),
    "cluster_patch_window, by hand": Run(
        "cluster_patch_window",
        "success",
        dict.fromkeys(("before", "idle", "report", "wait"), "success"),
        ("The wait was ended by hand", "Its gateway runs 10.1.2338.9590"),
        BY_HAND,
        clusters="regions",
    ),
    "release_train": Run(
        "release_train",
        "failed",
        {
            "applications": "success",
            "summary": "failed",
            "wait[0]": "success",
            "wait[1]": "failed",
            "wait[2]": "success",
        },
        ("1 of 3 upgrades did not succeed: rolled_back-cart",),
        clusters="train",
    ),
    "release_train, by hand": Run(
        "release_train",
        "failed",
        {
            "applications": "success",
            "summary": "failed",
            **{f"wait[{index}]": "success" for index in range(3)},
        },
        (
            "good-shop: no result; the wait was ended by hand",
            "3 of 3 upgrades did not succeed: good-shop, rolled_back-cart, good-mail",
        ),
        BY_HAND,
    ),
    "release_regions": Run(
        "release_regions",
        "failed",
        {
            "westeurope.upgrade": "success",
            "westeurope.check": "success",
            "northeurope.upgrade": "failed",
            "northeurope.check": "upstream_failed",
            "eastus.upgrade": "upstream_failed",
            "eastus.check": "upstream_failed",
            "report": "failed",
        },
        (
            "westeurope: Completed in ",
            "northeurope: Rolled back, failed in domain UD3: upgrade of application 'fabric:/shop/web' from v0 to v1",
            "eastus: no result: not started, or ended by hand",
            "2 of 3 regions do not have the new version: northeurope, eastus",
        ),
        clusters="regions",
    ),
    "release_waves": Run(
        "release_waves",
        "failed",
        {
            "train.wave_1.canary.upgrade": "success",
            "train.wave_1.canary.bake": "success",
            "train.wave_2.west_1.upgrade": "success",
            "train.wave_2.west_1.bake": "success",
            "train.wave_2.west_2.upgrade": "failed",
            "train.wave_2.west_2.bake": "upstream_failed",
            **{
                f"train.wave_3.east_{number}.{task}": "upstream_failed"
                for number in range(1, 7)
                for task in ("upgrade", "bake")
            },
            "train.report": "failed",
        },
        (
            "canary: has the new version, healthy",
            "west_2: Rolled back, failed in domain UD3: upgrade of application 'fabric:/shop/web' from v0 to v1",
            "east_6: untouched",
            "Of 9 clusters: 2 have the new version and are healthy, 6 are untouched, 1 failed",
        ),
        clusters="waves",
    ),
    "nightly_audit": Run(
        "nightly_audit",
        "failed",
        {
            "summary": "failed",
            **{f"read[{index}]": "success" if index < 4 else "failed" for index in range(6)},
        },
        (
            "service_fabric_westeurope cluster: succeeded, version 10.1.2175.9590, since 20",
            "service_fabric_northeurope fabric:/shop/web: rolled_back, version v0, since 20",
            "1 of 6 upgrades are bad: service_fabric_northeurope fabric:/shop/web; 2 were not read: ",
            "read: service_fabric_eastus cluster, service_fabric_eastus fabric:/shop/web",
        ),
        clusters="audit",
    ),
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


def job(name: str, clusters: dict[str, dict[str, str]], log: Path) -> dict[str, Any]:
    expected = RUNS[name]
    return {
        "path": str(EXAMPLES / f"{expected.example}.py"),
        "options": expected.options,
        "connections": clusters[expected.clusters],
        "log": str(log),
    }


def test_every_example_has_an_expected_end() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {run.example for run in RUNS.values()}


@pytest.mark.parametrize("name", RUNS)
def test_example_has_the_expected_tasks(name: str) -> None:
    if IS_AIRFLOW_2 and name in NEED_AIRFLOW_3:
        pytest.skip("this example needs Airflow 3")
    dag = runpy.run_path(str(EXAMPLES / f"{RUNS[name].example}.py"))["dag"]
    assert set(dag.task_ids) == {task.partition("[")[0] for task in RUNS[name].tasks}


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_example_logs_and_has_a_stable_anchor(example: Path) -> None:
    """Airflow's log page hides what ``print`` writes; ``dag_run.start_date`` moves when a task is cleared."""
    code = "\n".join(line for line in example.read_text().splitlines() if not line.lstrip().startswith("#"))
    assert "print(" not in code
    assert "start_date" not in code
    assert "**Set up:**" in code
    assert "**You will see:**" in code
    assert ("expand" in code) == ("map_index_template=" in code)


@pytest.fixture
def clusters() -> Iterator[dict[str, dict[str, str]]]:
    """Return the connections for each group of simulated clusters."""
    groups = {
        "release": {"DEFAULT": Simulator(speed=10.0, cluster_scenario="previous_first")},
        "train": {"DEFAULT": Simulator(speed=40.0)},
        "waves": {
            name: Simulator(speed=40.0, scenarios={SHOP: "idle_rolled_back" if name == "WEST_2" else "idle"})
            for name in ("CANARY", "WEST_1", "WEST_2", *(f"EAST_{number}" for number in range(1, 7)))
        },
        "by_domain": {"DEFAULT": Simulator(speed=20.0)},
        "notifies": {"DEFAULT": Simulator(speed=10.0)},
        "regions": {
            "DEFAULT": Simulator(cluster_scenario="previous_first"),
            "WESTEUROPE": Simulator(speed=20.0, scenarios={SHOP: "idle"}),
            "NORTHEUROPE": Simulator(speed=20.0, scenarios={SHOP: "idle_rolled_back"}),
            "EASTUS": Simulator(speed=20.0, scenarios={SHOP: "idle"}),
        },
        "audit": {
            "WESTEUROPE": Simulator(speed=10_000.0, start_delay=0.0, scenarios={SHOP: "good"}),
            "NORTHEUROPE": Simulator(speed=10_000.0, start_delay=0.0, scenarios={SHOP: "rolled_back"}),
        },
        "none": {},
    }
    with ExitStack() as stack:
        for simulator in (simulator for group in groups.values() for simulator in group.values()):
            stack.enter_context(simulator)
        for simulator in groups["audit"].values():
            let_upgrades_end(simulator)
        yield {
            group: {
                f"{CONNECTION}{name}": f"service-fabric://127.0.0.1:{simulator.port}"
                for name, simulator in simulators.items()
            }
            for group, simulators in groups.items()
        }


def let_upgrades_end(simulator: Simulator) -> None:
    """Begin the upgrades of the cluster and the application, and wait until they have ended."""
    for path in ("/$/GetUpgradeProgress", "/Applications/shop~web/$/GetUpgradeProgress"):
        Cluster.at(simulator.url).send(Request("GET", f"{path}?api-version=6.0"))
    time.sleep(0.1)  # 1000 seconds of the scenarios


@pytest.mark.live
def test_examples_run_offline(tmp_path: Path, clusters: dict[str, dict[str, str]]) -> None:
    """On Airflow 2 each example runs once. Each process has a copy of the database: one for all could be locked."""
    run(["-m", "airflow", "db", "migrate"], tmp_path)
    run(["-m", "airflow", "dags", "reserialize"], tmp_path)
    only_on_3 = {name for name in RUNS if "," in name} | NEED_AIRFLOW_3
    names = [name for name in RUNS if not (IS_AIRFLOW_2 and name in only_on_3)]
    logs = {name: tmp_path / f"{number}.txt" for number, name in enumerate(names)}
    with ThreadPoolExecutor(PROCESSES) as pool:
        ended = []
        for number in range(PROCESSES):
            share = json.dumps([job(name, clusters, logs[name]) for name in names[number::PROCESSES]])
            home = tmp_path / f"home_{number}"
            home.mkdir()
            shutil.copy(tmp_path / "airflow.db", home)
            ended.append(pool.submit(run, ["-c", RUN, share], home))
    for name, log in logs.items():
        text = log.read_text() if log.exists() else "not run"
        states = [line.removeprefix("STATES ") for line in text.splitlines() if line.startswith("STATES ")]
        assert [json.loads(line) for line in states] == [RUNS[name].states], f"{name}\n{text}"
        for expected in RUNS[name].logged:
            assert expected in text, name
    for process in ended:
        process.result()
