"""One start is one upgrade: in real processes, whatever dies. Beside it a plain POST, and its damage."""

from __future__ import annotations

import shutil
import time
import warnings
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_sf.releases import MonitoringPolicy
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.simulator import Simulator
from demo.live_airflow import LiveAirflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AGAIN = "The scenes are played again, since Airflow itself has failed tasks: "

pytestmark = [pytest.mark.live, pytest.mark.timeout(2700), pytest.mark.filterwarnings(f"default:{AGAIN}")]

DAG_FILE = Path(__file__).parent / "dags_starts" / "start_once.py"
SPEED = 20.0
"""An upgrade takes 30 seconds."""

WITHIN_SECONDS = 1200.0
ORPHANS = "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL"
"""How often a scheduler looks for running tasks that it lost. If the CPU is too busy, it counts itself among the dead ones."""

FAULTS = {
    "killed_during_post": "slow",
    "timeout_after": "timeout_after",
    "lost_after": "lost_after",
    "lost_before": "lost_before",
}
KILLED = (
    "killed_before_post",
    "killed_during_post",
    "killed_after_answer",
    "killed_before_deferral",
    "killed_at_resume",
)
ONE_RUN = (
    *KILLED,
    *("killed_at_resume_of_rollback", "rolled_back", "timeout_after", "lost_after", "lost_before"),
    *("cleared_while_running", "cleared_after_end", "other_in_progress", "other_rolls_back"),
)
TWO_RUNS = ("two_runs_fail", "two_runs_wait", "race_of_same", "race_of_versions")
WORKER_ENDED = (
    *(f"{who}_{scene}" for who in ("ours", "plain") for scene in (*KILLED, "killed_at_resume_of_rollback")),
    "plain_cleared_while_running",
)
HELD = {
    **dict.fromkeys(("cleared_while_running", "two_runs_fail", "two_runs_wait", "scheduler_killed"), 5.0),
    "race_of_versions": 0.5,
}
"""Scenes in which the time of the cluster stops so many seconds after the first start, until the scene lets it go on."""

ENDED = {"success", "failed"}
DONE = ("RollingForwardCompleted", "v1")
OURS = {  # scene -> starts, state of the task, its tries, the upgrade on record at the end
    **dict.fromkeys(KILLED, (1, "success", 2, DONE)),
    "killed_at_resume_of_rollback": (1, "failed", 2, ("RollingBackCompleted", "v0")),
    "rolled_back": (1, "failed", 1, ("RollingBackCompleted", "v0")),
    **dict.fromkeys(("timeout_after", "lost_after", "lost_before"), (1, "success", 1, DONE)),
    **dict.fromkeys(("cleared_while_running", "cleared_after_end"), (1, "success", 2, DONE)),
    "other_in_progress": (0, "failed", 1, DONE),
    "other_rolls_back": (0, "failed", 1, ("RollingBackCompleted", "v0")),
    "scheduler_killed": (1, "success", 1, DONE),
}
PLAIN = {  # scene -> starts, state of the task, the upgrade on record at the end
    "killed_before_post": (1, "success", DONE),
    **dict.fromkeys(KILLED[1:], (1, "failed", DONE)),
    "killed_at_resume_of_rollback": (2, "failed", ("RollingBackCompleted", "v0")),
    "rolled_back": (2, "failed", ("RollingBackCompleted", "v0")),
    **dict.fromkeys(("timeout_after", "lost_after"), (1, "failed", DONE)),
    "lost_before": (1, "success", DONE),
    **dict.fromkeys(("cleared_while_running", "cleared_after_end"), (1, "failed", DONE)),
    **dict.fromkeys(
        ("other_in_progress", "other_rolls_back"), (1, "success", ("RollingForwardCompleted", "v2"))
    ),
    "scheduler_killed": (1, "failed", DONE),
}
HOW = {  # scene -> how the last try of the operator has found its upgrade
    "killed_before_post": "started",
    **dict.fromkeys(KILLED[1:], "adopted"),
    "killed_at_resume_of_rollback": "adopted",
    **dict.fromkeys(("rolled_back", "timeout_after", "lost_after", "lost_before"), "started"),
    "cleared_while_running": "adopted",
    "cleared_after_end": "not_necessary",
    "scheduler_killed": "started",
}
PAIRS = {  # tasks of two runs, v1 and v2 -> starts, states of both tasks
    "ours_two_runs_fail": (1, ["success", "failed"]),
    "plain_two_runs_fail": (2, ["success", "success"]),
    "ours_two_runs_wait": (2, ["success", "success"]),
    "plain_two_runs_wait": (2, ["success", "success"]),
}
VERSIONS = {"first": "v1", "second": "v2"}


class Clock:
    """The time of a cluster, which stops at ``limit``."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.limit = float("inf")

    def __call__(self) -> float:
        return min(time.time() + self.offset, self.limit)

    def go_on(self) -> None:
        self.offset, self.limit = self() - time.time(), float("inf")


class Cluster(Simulator):
    """A cluster with a time that may stop in the middle of an upgrade."""

    def __init__(self, task_id: str) -> None:
        self.time = Clock()
        super().__init__(speed=SPEED, slow_seconds=300.0, clock=self.now)
        scene = task_id.split("_", 1)[1]
        self.held_after = HELD.get(scene)
        self.name = "idle_rolled_back-shop" if "rollback" in scene or scene == "rolled_back" else "idle-shop"
        self.earlier = 0
        if scene in FAULTS:
            self.fault_next_write(FAULTS[scene])

    def now(self) -> float:
        journal = getattr(self, "journal", ())
        if journal and self.held_after is not None:
            self.time.limit = journal[0].at + self.held_after
        return self.time()

    def release(self) -> None:
        self.held_after = None
        self.time.go_on()

    @property
    def starts(self) -> int:
        """How many starts of tasks the cluster has accepted."""
        journal = requests.get(f"{self.url}/simulator/journal", timeout=30).json()
        calls = [str(command["call"]) for command in journal]
        return calls.count("start_application_upgrade") - self.earlier

    @property
    def on_record(self) -> tuple[str, str]:
        progress = self.call("GET", "GetUpgradeProgress").json()
        return progress["UpgradeState"], progress["TargetApplicationTypeVersion"]

    def call(self, method: str, call: str, body: object = None) -> requests.Response:
        url = f"{self.url}/Applications/{self.name}~web/$/{call}?api-version=6.0"
        answer = requests.request(method, url, json=body, timeout=30)
        answer.raise_for_status()
        return answer

    def start_other(self, *, is_rolled_back: bool) -> None:
        """Start an upgrade that is not that of the task, and stop the time."""
        upgrade = ApplicationUpgrade(
            name=f"fabric:/{self.name}/web",
            target_version="v1",
            parameters={"Web_InstanceCount": "-1"},
            monitoring_policy=MonitoringPolicy(),
        )
        self.earlier = 1
        self.call("POST", "Upgrade", upgrade.body())
        self.time.offset += 5.0
        if is_rolled_back:
            self.call("POST", "RollbackUpgrade")
        self.time.limit = self.time() + 1.0


@dataclass
class World:
    """The running Airflow, the clusters, and what became of the tasks."""

    live: LiveAirflow
    clusters: dict[str, Cluster]
    runs: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Name of a run -> its DAG and its id."""
    tasks: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """Name of a run and task -> the task instance."""

    def state(self, task_id: str, run: str = "main") -> str:
        return str(self.tasks.get((run, task_id), {}).get("state"))

    def has_ended(self, task_id: str, run: str = "main") -> bool:
        return self.state(task_id, run) in ENDED

    def trigger(self, run: str, dag: str, **conf: Any) -> None:
        self.runs[run] = dag, self.live.trigger(dag, **conf)

    def look(self) -> None:
        for run, (dag, run_id) in self.runs.items():
            for entry in self.live.task_instances(dag, run_id):
                self.tasks[run, entry["task_id"]] = entry

    def log(self, task_id: str, run: str = "main") -> str:
        """Return the logs of all tries, to show them if a test fails."""
        lines = [f"{task_id}, run {run!r}: {self.tasks[run, task_id]}"]
        for number in range(1, self.tasks[run, task_id]["try_number"] + 1):
            entries = self.live.task_log(*self.runs[run], task_id, try_number=number)
            lines += [f"try {number}: {entry}" for entry in entries]
        return "\n".join(lines)

    def failed_by_airflow(self) -> list[str]:
        """Return the tasks that the scheduler has failed, apart from those that have lost their worker in a scene."""
        query = {"event": "state mismatch", "limit": 100}
        events = self.live.call("GET", "eventLogs", params=query)["event_logs"]
        return list((Counter(event["task_id"] for event in events) - Counter(WORKER_ENDED)).elements())

    def clear(self, task_id: str) -> None:
        dag, run = self.runs["main"]
        body = {"dry_run": False, "only_failed": False, "dag_run_id": run, "task_ids": [task_id]}
        self.live.call("POST", f"dags/{dag}/clearTaskInstances", json=body)

    def drive(self, plans: list[Iterator[None]]) -> None:
        """Advance the plans once a second until all of them and all tasks have ended."""
        deadline = time.monotonic() + WITHIN_SECONDS
        while plans or not all(self.has_ended(task, run) for run, task in self.tasks):
            assert time.monotonic() < deadline, {key: entry["state"] for key, entry in self.tasks.items()}
            time.sleep(1)
            self.look()
            plans = [plan for plan in plans if next(plan, self) is not self]


def until(condition: Callable[[], object]) -> Iterator[None]:
    while not condition():
        yield


def clear_ours_while_deferred(world: World) -> Iterator[None]:
    task = "ours_cleared_while_running"
    yield from until(lambda: world.state(task) == "deferred")
    world.clear(task)
    yield from until(
        lambda: (
            world.tasks["main", task]["try_number"] == 2
            and (world.state(task) == "deferred" or world.has_ended(task))
        )
    )
    world.clusters[task].release()


def clear_plain_while_running(world: World) -> Iterator[None]:
    task = "plain_cleared_while_running"
    yield from until(lambda: world.clusters[task].starts)
    world.clear(task)
    yield from until(lambda: world.has_ended(task))
    world.clusters[task].release()


def clear_after_end(world: World, task: str) -> Iterator[None]:
    yield from until(lambda: world.has_ended(task))
    world.clear(task)
    yield
    yield from until(lambda: world.tasks["main", task]["try_number"] >= 2)


def release_at(world: World, task: str, states: set[str], run: str = "main") -> Iterator[None]:
    yield from until(lambda: world.state(task, run) in states)
    world.clusters[task].release()


def release_after(world: World, task: str, starts: int) -> Iterator[None]:
    yield from until(lambda: world.clusters[task].starts >= starts)
    world.clusters[task].release()


def run_twice(world: World) -> Iterator[None]:
    """Begin the second run when the upgrades of the first one are in progress; then the other scenes."""
    yield from until(lambda: all(world.clusters[task].starts for task in PAIRS))
    world.trigger("second", "start_once_pairs", version="v2")
    world.trigger("main", "start_once")


def plans_of(world: World) -> list[Iterator[None]]:
    return [
        run_twice(world),
        clear_ours_while_deferred(world),
        clear_plain_while_running(world),
        clear_after_end(world, "ours_cleared_after_end"),
        clear_after_end(world, "plain_cleared_after_end"),
        release_at(world, "ours_other_in_progress", ENDED),
        release_at(world, "ours_other_rolls_back", ENDED),
        release_after(world, "plain_other_in_progress", 1),
        release_after(world, "plain_other_rolls_back", 1),
        release_at(world, "ours_two_runs_fail", ENDED, "second"),
        release_at(world, "ours_two_runs_wait", {"deferred", *ENDED}, "second"),
        release_after(world, "plain_two_runs_fail", 2),
        release_after(world, "plain_two_runs_wait", 2),
        release_after(world, "ours_race_of_versions", 2),
        release_after(world, "plain_race_of_versions", 2),
    ]


def kill_scheduler(world: World) -> Iterator[None]:
    ours, plain = (f"{who}_scheduler_killed" for who in ("ours", "plain"))
    yield from until(lambda: world.state(ours, "scheduler") == "deferred" and world.clusters[plain].starts)
    world.live.environment[ORPHANS] = "20"
    world.live.restart("scheduler")
    yield from until(lambda: world.has_ended(plain, "scheduler"))
    for task in (ours, plain):
        world.clusters[task].release()


def play(stack: ExitStack, home: Path) -> World:
    """Play all scenes in one Airflow; the one that kills its scheduler at the end."""
    (home / "dags").mkdir()
    shutil.copy(DAG_FILE, home / "dags")
    tasks = [
        f"{who}_{scene}" for who in ("ours", "plain") for scene in (*ONE_RUN, *TWO_RUNS, "scheduler_killed")
    ]
    clusters = {task: stack.enter_context(Cluster(task)) for task in tasks}
    live = stack.enter_context(LiveAirflow(home, home / "dags"))
    live.environment["AIRFLOW__CORE__PARALLELISM"] = "16"
    live.environment[ORPHANS] = "3600"
    live.migrate()
    live.start()
    for task, cluster in clusters.items():
        live.add_connection(task, conn_type="service_fabric", host="127.0.0.1", port=cluster.port)
        if "_other_" in task:
            cluster.start_other(is_rolled_back=task.endswith("rolls_back"))
    world = World(live, clusters)
    world.trigger("first", "start_once_pairs", version="v1")
    world.look()
    world.drive(plans_of(world))
    world.trigger("scheduler", "start_once_scheduler")
    world.look()
    world.drive([kill_scheduler(world)])
    (home / "what_became.txt").write_text(table(world))
    return world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """
    Play all scenes, and once again if Airflow itself has failed a task.

    Its scheduler does that if it was too slow to see the deferral of a task before the trigger fired.
    """
    with ExitStack() as stack:
        world = play(stack, tmp_path_factory.mktemp("starts"))
        if failed := world.failed_by_airflow():
            warnings.warn(f"{AGAIN}{', '.join(failed)}", stacklevel=1)
            stack.close()
            world = play(stack, tmp_path_factory.mktemp("starts"))
        yield world
    assert not world.live.processes()


def run_of(scene: str) -> str:
    return "scheduler" if scene == "scheduler_killed" else "main"


def table(world: World) -> str:
    """Return what became of each task and its cluster."""
    lines = []
    for task, cluster in world.clusters.items():
        entries = [world.tasks[run, task] for run in world.runs if (run, task) in world.tasks]
        states = " + ".join(f"{entry['state']} (try {entry['try_number']})" for entry in entries)
        lines.append(f"{task:36} | starts {cluster.starts} | {states:35} | {' '.join(cluster.on_record)}")
    return "\n".join(lines)


@pytest.mark.parametrize("scene", OURS)
def test_operator_starts_one_upgrade(scene: str, world: World) -> None:
    task = f"ours_{scene}"
    entry, cluster = world.tasks[run_of(scene), task], world.clusters[task]
    ended = cluster.starts, entry["state"], entry["try_number"], cluster.on_record
    assert ended == OURS[scene], world.log(task, run_of(scene))


@pytest.mark.parametrize("scene", HOW)
def test_xcom_says_who_has_started_it(scene: str, world: World) -> None:
    start = world.live.xcom(*world.runs[run_of(scene)], f"ours_{scene}", "upgrade_start")
    assert start["how"] == HOW[scene]


@pytest.mark.parametrize("scene", PLAIN)
def test_plain_post_does_damage(scene: str, world: World) -> None:
    task = f"plain_{scene}"
    entry, cluster = world.tasks[run_of(scene), task], world.clusters[task]
    ended = cluster.starts, entry["state"], cluster.on_record
    assert ended == PLAIN[scene], world.log(task, run_of(scene))


@pytest.mark.parametrize("task", PAIRS)
def test_second_run_meets_the_first(task: str, world: World) -> None:
    starts, states = PAIRS[task]
    assert [world.state(task, run) for run in VERSIONS] == states, [world.log(task, run) for run in VERSIONS]
    cluster = world.clusters[task]
    assert (cluster.starts, cluster.on_record) == (starts, ("RollingForwardCompleted", f"v{starts}"))


def test_equal_starts_at_once_are_one_upgrade(world: World) -> None:
    states = {
        who: sorted(world.state(f"{who}_race_of_same", run) for run in VERSIONS) for who in ("ours", "plain")
    }
    assert states == {"ours": ["success", "success"], "plain": ["failed", "success"]}
    assert [world.clusters[f"{who}_race_of_same"].starts for who in states] == [1, 1]


def test_only_the_deployed_of_two_versions_succeeds(world: World) -> None:
    """No client can prevent the second start of a race: nothing locks a cluster between a read and a POST."""
    deployed = world.clusters["ours_race_of_versions"].on_record[1]
    states = {version: world.state("ours_race_of_versions", run) for run, version in VERSIONS.items()}
    assert states == {"v1": "failed", "v2": "failed", deployed: "success"}
    assert [world.state("plain_race_of_versions", run) for run in VERSIONS] == ["success", "success"]
