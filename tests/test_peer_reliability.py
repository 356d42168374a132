"""The page compares ways to wait as ``make e2e PEERS=1`` has measured them; the runs are in ``tests/e2e``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.peer_results import FILE, tables
from tests.e2e.peer_world import FAULTS, WAYS, PeerCase, last_line, problems_of
from tests.e2e.results import Result, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROBLEM = "`superseded` is success; its upgrade: RollingForwardCompleted v2"


def result(problems: tuple[str, ...] = (), fault: str = "nothing", **facts: Any) -> Result:
    facts = {
        "tasks": {"good": "success/1", "superseded": "failed/1"},
        "upgrades": {"good": "RollingForwardCompleted v1", "superseded": "RollingForwardCompleted v2"},
        "took": 90.2,
        "held": 1.6,
        "requests": 20,
        "starts": 0,
        "last_lines": {"rolled_back": "Next: fix it."},
        "version": "curl 7.88.1",
        **facts,
    }
    return Result(fault, "local", "bash_waits", "2026-03-01T00:00:00+00:00", "2 processors", problems, facts)


def row(*results: Result) -> list[str]:
    """Return the cells of the only row of the first table."""
    line = tables(results).splitlines()[4]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_page_shows_the_stored_results(documented: Callable[[str, str, str], None]) -> None:
    documented("explanation/reliability.md", "peers", tables(read(FILE)))


def test_each_way_met_each_fault() -> None:
    measured = {(entry.fault, entry.dag.partition("_")[0]) for entry in read(FILE)}
    assert measured == {(fault.name, way) for fault in FAULTS for way in WAYS}


def test_begin_names_day_machine_and_versions() -> None:
    begin = tables([result(), result(version="curl 8.0.0")]).splitlines()[0]
    measured = "Measured on 2026-03-01, with 2 processors, curl 7.88.1, curl 8.0.0."
    assert begin == f"{measured} Number of runs in each row: 2."


def test_row_has_the_worst_values() -> None:
    observed, cost = row(result(), result(held=88.4, took=91.0, requests=31))[2:]
    assert observed == "right: `good` `superseded`"
    assert cost == "a worker for 88 of 91 s; 16 requests"


def test_row_shows_wrong_tasks_and_tries() -> None:
    wrong = result((PROBLEM,), tasks={"good": "success/2", "superseded": "success/1"})
    shown = f"right: `good`; **wrong** in 1 of 2 runs: {PROBLEM}; try 2: `good`"
    assert row(result(), wrong)[2] == shown


def test_last_line_of_a_rollback_is_shown() -> None:
    assert tables([result()]).splitlines()[-1] == f"| {WAYS['bash']} | `Next: fix it.` |"


@pytest.mark.parametrize(
    ("states", "problems"),
    [
        (("success", "failed", "failed"), ()),
        (("success", "success", "success"), ("rolled_back", "superseded")),
        (("failed", "failed", "failed"), ("good",)),
        (("upstream_failed", "failed", "failed"), ("good",)),
    ],
)
def test_cluster_decides_what_is_right(
    states: tuple[str, ...], problems: tuple[str, ...], tmp_path: Path
) -> None:
    with Cluster(tmp_path) as cluster:
        cluster.time.stop()
        case = PeerCase(FAULTS[0], "x", "bash_waits", cluster)
        for task in FAULTS[0].ends:
            assert case.truth(task) == ("RollingForwardCompleted", "v0")  # begins the scenario
        cluster.time.jump(3600.0)
        case.tasks = {task: {"state": state} for task, state in zip(FAULTS[0].ends, states, strict=True)}
        found = [problem.split()[0].strip("`") for problem in problems_of(case)]
    assert tuple(found) == problems


@pytest.mark.parametrize(("log", "line"), [("", ""), ("a\nState: x\n::group::\n \n", "State: x")])
def test_last_line_contains_a_text(log: str, line: str) -> None:
    assert last_line(log) == line
