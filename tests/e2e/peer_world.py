"""Faults that are played with several ways to wait at the same time, each case with its cluster."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from subprocess import check_output
from typing import TYPE_CHECKING, Any, ClassVar

import psutil

from airflow_provider_sf.simulator.connection import CA, CERTIFICATE, KEY
from tests.e2e import injections as do
from tests.e2e.checks import SUCCESS, Verdict
from tests.e2e.cluster import state_in
from tests.e2e.fault import End, Fault
from tests.e2e.world import ENDED, MIDDLE, Case, World, until

if TYPE_CHECKING:
    from collections.abc import Iterator

FINAL = {"RollingForwardCompleted", "RollingBackCompleted"}

WAYS = {
    "ours": "this provider",
    "http": "`HttpSensor` with `deferrable=True`",
    "bash": "`BashOperator`, a loop around `curl`",
    "client": "Microsoft's client in a `PythonOperator`",
}
"""The DAGs of ``peer_dags``, without the ends of their names."""


def versions() -> dict[str, str]:
    """Return the version of what each way uses."""
    return {
        "ours": f"airflow-provider-sf {version('airflow-provider-sf')}",
        "http": f"apache-airflow-providers-http {version('apache-airflow-providers-http')}",
        "bash": " ".join(check_output(["curl", "--version"], text=True).split()[:2]),
        "client": f"azure-servicefabric {version('azure-servicefabric')}",
    }


@dataclass
class PeerCase(Case):
    """A fault that is played with one way to wait."""

    begun: set[str] = field(default_factory=set)
    looked_at: float = field(default_factory=time.monotonic)
    took: float = 0.0
    """How many seconds passed from the begin of each task to its end, in all tasks together."""
    held: float = 0.0
    """In how many of them the task was running, and so held a worker slot."""

    @property
    def way(self) -> str:
        return self.dag.partition("_")[0]

    def upgrade_name(self, task: str) -> str:
        word = "idle" if task in {"start", "release"} else task
        return f"fabric:/{word}-{self.name}/web"

    def truth(self, task: str) -> tuple[str, str]:
        """Return the state and the target version of an upgrade, without an entry in the journal."""
        application = self.upgrade_name(task).removeprefix("fabric:/").replace("/", "~")
        path = f"/Applications/{application}/$/GetUpgradeProgress?api-version=6.0"
        return state_in(self.cluster.respond(path).body)

    def is_waiting(self) -> bool:
        """Return whether each task has read its upgrade twice, or has ended."""
        reads = {task: len(self.cluster.reads(self.upgrade_name(task))) for task in self.fault.ends}
        return all(self.state(task) in ENDED or count > 1 for task, count in reads.items())

    def is_over(self) -> bool:
        """Return whether all tasks and upgrades have ended."""
        return self.has_ended() and all(self.truth(task)[0] in FINAL for task in self.fault.ends)

    def count_seconds(self, running_before: set[str]) -> None:
        """Add the seconds since the last look."""
        running = {task for task in self.tasks if self.state(task) == "running"}
        self.begun |= running
        passed, self.looked_at = time.monotonic() - self.looked_at, time.monotonic()
        self.held += passed * len(running & running_before)
        self.took += passed * sum(self.state(task) not in ENDED for task in self.begun)


class PeerWorld(World):
    """An Airflow in which several ways wait at the same time."""

    case_class: ClassVar[type[Case]] = PeerCase

    def prepare(self, case: Case) -> dict[str, Any]:
        """Let the upgrades begin, and return what the other ways must know of the cluster."""
        assert isinstance(case, PeerCase)
        for task in case.fault.ends:
            case.truth(task)
        case.cluster.time.jump(MIDDLE)
        if case.fault.name == "answer_lost":
            case.cluster.fault_next_write("lost_after")
        folder, url = case.cluster.folder, case.cluster.url
        both = folder / "certificate_and_key.pem"  # requests refuses the list that JSON makes of a pair
        both.write_bytes((folder / CERTIFICATE).read_bytes() + (folder / KEY).read_bytes())
        extra = {"cert": str(both), "verify": str(folder / CA)}
        self.live.add_connection(f"{case.name}_http", conn_type="http", host=url, extra=json.dumps(extra))
        return {"url": url, "folder": str(folder)}

    def look(self, case: Case) -> None:
        assert isinstance(case, PeerCase)
        running = {task for task in case.tasks if case.state(task) == "running"}
        super().look(case)
        case.count_seconds(running)

    def _plan(self, case: Case) -> Iterator[None]:
        assert isinstance(case, PeerCase)
        yield from until(case.is_waiting)
        case.fault_at = time.time()
        yield from case.fault.inject(self, case)
        case.cluster.time.go_on()
        yield from until(case.is_over)


def kill_what_waits(world: World, case: Case) -> Iterator[None]:
    """Kill the triggerers for this provider, else the process of each task with its children."""
    assert isinstance(case, PeerCase)
    if case.way == "ours":
        yield from until(lambda: case.are_all("deferred"))
        for part in world.live.triggerers:
            world.live.restart(part)
        yield from do.read_again(case)
        return
    yield from until(lambda: case.are_all("running"))
    for entry in case.tasks.values():
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(entry["pid"])
            for each in (process, *process.children(recursive=True)):
                each.kill()


WAITS = {"good": End("success"), "rolled_back": End("failed"), "superseded": End("failed")}
FAULTS = (
    Fault("nothing", "Nothing", do.nothing, WAITS, dag="waits"),
    Fault("gateways_down", "All gateways down for 40 s", do.close_gateways_for_a_while, WAITS, dag="waits"),
    Fault("process_killed", "SIGKILL of the processes that wait", kill_what_waits, WAITS, dag="waits"),
    Fault(
        "answer_lost",
        "The answer to the start of an upgrade is lost",
        do.nothing,
        {"release": End("success")},
        dag="release",
    ),
)
"""``dag`` is the end of the names of the DAGs."""


def judge(world: World, case: Case) -> Verdict:
    """Return what became of a case. The cluster knows how each upgrade ended."""
    assert isinstance(case, PeerCase)
    names = {case.upgrade_name(task) for task in case.fault.ends}
    facts = {
        "tasks": {
            task: f"{entry['state']}/{entry['try_number']}" for task, entry in sorted(case.tasks.items())
        },
        "upgrades": {task: " ".join(case.truth(task)) for task in case.fault.ends},
        "took": round(case.took / len(case.fault.ends), 1),
        "held": round(case.held / len(case.fault.ends), 1),
        "requests": sum(entry.is_about(name) for name in names for entry in case.cluster.exchanges),
        "starts": sum(map(case.cluster.starts, names)),
        "last_lines": {task: last_line(world.log(case, task)) for task in case.tasks},
        "version": versions()[case.way],
    }
    return Verdict(tuple(problems_of(case)), facts)


def problems_of(case: PeerCase) -> Iterator[str]:
    """Yield each task that is green without the success of its upgrade, or red although it has succeeded."""
    if case.took_too_long:
        yield "it did not come to an end in time"
    for task in case.fault.ends:
        state, truth = case.state(task), case.truth(task)
        if (state == "success") != (truth in SUCCESS):
            yield f"`{task}` is {state}; its upgrade: {' '.join(truth)}"


def last_line(log: str) -> str:
    """Return the last line of a log that contains a text."""
    lines = [line.strip() for line in log.splitlines()]
    return next((line for line in reversed(lines) if line and not line.startswith("::")), "")
