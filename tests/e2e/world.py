"""The running Airflow, and the cases that are played in it. DAGs are started and read through the REST API only."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from demo.live_airflow import LiveAirflowError
from tests.e2e.cluster import Cluster
from tests.e2e.dags.many_names import many_names
from tests.e2e.mistakes import CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e.distributed import DistributedAirflow
    from tests.e2e.fault import Fault

ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}

MIDDLE = 120.0
"""A second of each scenario in which its upgrade is at 10 to 20 %; it begins at second 60."""

MISTAKEN_SECONDS = 180.0
"""How much longer than the right tasks those with a mistake may take."""

QUIET_AFTER_SECONDS = 25.0
"""How long the journal is watched after the end of a case."""


@dataclass
class Case:
    """A fault that is played once: its cluster, its run and what became of it."""

    fault: Fault
    name: str
    dag: str
    cluster: Cluster
    mistake: str = ""
    """The known mistake that its tasks make."""
    beside: list[Case] = field(default_factory=list)
    """Runs with a mistake, on the same cluster. The fault hits them, too."""
    run_id: str = ""
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Task -> its task instance in the REST API. A mapped one has its index in brackets."""
    seen_ended_at: dict[str, float] = field(default_factory=dict)
    """When each task was first seen in a final state."""
    fault_at: float = 0.0
    counted: tuple[float, float] | None = None
    """The Unix times between which the polls of one triggerer are counted."""
    took_too_long: bool = False

    @property
    def runs(self) -> list[Case]:
        """This case, and those beside it."""
        return [self, *self.beside]

    def state(self, task: str) -> str:
        return str(self.tasks.get(task, {}).get("state"))

    def ended_at(self, task: str) -> float | None:
        """Return when a task ended. Airflow does not write that for tasks that the timeout of their run skips."""
        end_date = self.tasks.get(task, {}).get("end_date")
        return moment(end_date) if end_date else self.seen_ended_at.get(task)

    def upgrade_name(self, task: str) -> str:
        """Return the name of the upgrade that a task waits for."""
        task, _, index = task.partition("[")
        if index:
            return many_names(int(task.removeprefix("many_")))[int(index.rstrip("]"))]
        if task in {"good", "stuck"}:
            return f"{task}-{self.name}"
        return f"fabric:/{'idle' if task == 'release' else task}-{self.name}/web"

    def has_begun(self) -> bool:
        """Return whether the waits are deferred and the upgrade of the release is started, at second 0."""
        is_started = bool(self.cluster.starts(self.upgrade_name("release")))
        return all(
            self.state(task) in {"deferred", *ENDED} or (task == "release" and is_started)
            for task in self.fault.ends
        )

    def are_all(self, *states: str) -> bool:
        return all(self.state(task) in states for task in self.fault.ends)

    def has_ended(self) -> bool:
        return self.are_all(*ENDED)


@dataclass
class World:
    """An Airflow with one cluster, connection and run for each case."""

    live: DistributedAirflow
    folder: Path
    stack: ExitStack
    cases: list[Case] = field(default_factory=list)
    case_class: ClassVar[type[Case]] = Case

    def begin(self, fault: Fault, dag: str, mistake: str = "") -> Case:
        """Make the cluster and the connection of a case, and start its run."""
        name = self._new_name(fault)
        cluster = self.stack.enter_context(Cluster(self.folder / name, entra=fault.has_entra))
        cluster.time.stop()
        self.live.add_connection(name, **cluster.connection())
        return self._start(self.case_class(fault, name, dag, cluster, mistake), name)

    def begin_beside(self, case: Case, mistake: str) -> Case:
        """Start a run with a mistake on the cluster of a case."""
        name, connection = self._new_name(case.fault), case.name
        if mistake in CONNECTIONS:
            connection = name
            self.live.add_connection(name, **CONNECTIONS[mistake](case.cluster))
        beside = self._start(self.case_class(case.fault, name, case.dag, case.cluster, mistake), connection)
        case.beside.append(beside)
        return beside

    def _new_name(self, fault: Fault) -> str:
        return f"{fault.name}-{len(self.cases)}".replace("_", "").replace("-", "x")

    def _start(self, case: Case, connection: str) -> Case:
        self.cases.append(case)
        conf = {"case": case.name, "connection": connection, "mistake": case.mistake, **case.fault.conf}
        case.run_id = self.live.trigger(case.dag, **conf, **self.prepare(case))
        return case

    def prepare(self, case: Case) -> dict[str, Any]:  # noqa: ARG002 - a subclass uses it
        """Do what must be done before the run of a case; return more of its configuration."""
        return {}

    def look(self, case: Case) -> None:
        """Read the task instances of a case; while the API server is down they stay as they were."""
        with suppress(LiveAirflowError):
            for entry in self.live.task_instances(case.dag, case.run_id):
                index = f"[{entry['map_index']}]" if entry["map_index"] >= 0 else ""
                task = entry["task_id"] + index
                case.tasks[task] = entry
                if entry["state"] in ENDED:
                    case.seen_ended_at.setdefault(task, time.time())

    def xcom(self, case: Case, task: str, key: str = "upgrade_wait") -> dict[str, Any] | None:
        """Return an XCom of a task; None if there is no such XCom."""
        entry = case.tasks.get(task)
        if entry is None:
            return None
        with suppress(LiveAirflowError):
            return dict(self.live.xcom(case.dag, case.run_id, entry["task_id"], key, entry["map_index"]))
        return None

    def log(self, case: Case, task: str) -> str:
        """Return the lines of all tries of a task."""
        entry = case.tasks[task]
        tries = range(1, int(entry["try_number"]) + 1)
        lines: list[str] = []
        for number in tries:
            with suppress(LiveAirflowError):
                for line in self.live.task_log(
                    case.dag, case.run_id, entry["task_id"], entry["map_index"], number
                ):
                    errors = [str(error["exc_value"]) for error in line.get("error_detail") or ()]
                    lines += [str(line.get("event")), *errors]
        return "\n".join(lines)

    def is_watched(self, case: Case) -> bool:
        """Return whether each task is deferred, and has found and stored the expected upgrade, or has ended."""
        waiting = [task for task in case.fault.ends if case.state(task) not in ENDED]
        waits = [case.state(task) == "deferred" and self.xcom(case, task) for task in waiting]
        return all(wait and wait["expected"] for wait in waits)

    def play(self, cases: list[Case]) -> None:
        """Play these cases at the same time, each to its end."""
        plans = {case.name: self._plan(case) for case in cases}
        deadline = time.monotonic() + max((case.fault.within_seconds for case in cases), default=0.0)
        while plans and time.monotonic() < deadline:
            time.sleep(1)
            self.live.supervise()
            for case in cases:
                if case.name in plans:
                    for run in case.runs:
                        self.look(run)
                    if next(plans[case.name], self) is self:
                        del plans[case.name]
        for case in cases:
            for run in case.runs:
                run.took_too_long = case.name in plans or not run.has_ended()

    def _plan(self, case: Case) -> Iterator[None]:
        if case.fault.waits_for_middle:
            yield from until(lambda: all(run.has_begun() for run in case.runs))
            case.cluster.time.jump(MIDDLE)
            yield from until(lambda: all(self.is_watched(run) for run in case.runs))
        for run in case.runs:
            run.fault_at = time.time()
        yield from case.fault.inject(self, case)
        case.cluster.time.go_on()
        yield from until(case.has_ended)
        late = time.monotonic() + MISTAKEN_SECONDS
        yield from until(lambda: time.monotonic() > late or all(run.has_ended() for run in case.beside))
        yield from pause(QUIET_AFTER_SECONDS)


def moment(text: str) -> float:
    """Return the Unix time of a date in an answer of Airflow."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def until(condition: Callable[[], object]) -> Iterator[None]:
    """Wait until a condition holds."""
    while not condition():
        yield


def pause(seconds: float) -> Iterator[None]:
    """Wait for some time."""
    end = time.monotonic() + seconds
    yield from until(lambda: time.monotonic() > end)
