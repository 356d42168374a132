"""The page of faults shows the results of ``make e2e``; the runs themselves are in ``tests/e2e``."""

from __future__ import annotations

import os
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.dags.broken_waits import BROKEN
from tests.e2e.dags.many_names import COUNT, many_names
from tests.e2e.faults import FAULTS
from tests.e2e.mistakes import CONNECTIONS, MISTAKES
from tests.e2e.preparations import NotPlayedError, small_log_volume
from tests.e2e.results import Result, append, read, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.fault import Fault

RIGHT = {"good": "success/1", "release": "success/1", "rolled_back": "failed/1", "superseded": "failed/1"}


def result(mistake: str = "", problems: tuple[str, ...] = (), **facts: Any) -> Result:
    facts = {"tasks": RIGHT, "starts": 1, "read_again_after": 9.0, "reads_after_end": 0, **facts}
    return Result(
        "triggerers_gone",
        "local",
        "waits",
        "2026-03-01T00:00:00+00:00",
        "2 processors",
        problems,
        facts,
        mistake,
    )


def row(*results: Result) -> list[str]:
    line = table(results).splitlines()[-1]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_page_shows_the_stored_results(documented: Callable[[str, str, str], None]) -> None:
    documented("explanation/reliability.md", "faults", table(read()))


def test_results_are_read_as_written(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    append(result(), file)
    append(result("restarted"), file)
    assert [entry.mistake for entry in read(file)] == ["", "restarted"]
    assert read(file)[0].facts == result().facts


def test_row_has_the_worst_values() -> None:
    observed, runs = row(result(), result(read_again_after=70.4, reads_after_end=2))[1:3]
    assert observed == "right; try 1; read again after 70 s; 1 start; up to 2 reads after the end"
    assert runs == "2 LocalExecutor"


def test_row_shows_a_wrong_run() -> None:
    observed = row(result(), result(problems=("good: it is failed",), tasks={"good": "failed/1"}))[1]
    assert observed.startswith("**wrong in 1 of 2 runs** (good: it is failed); failed, or right; try 1;")


def test_row_has_the_most_polls() -> None:
    observed = row(result(polls_per_minute=30.2), result(polls_per_minute=29.8))[1]
    assert observed == "right; try 1; read again after 9 s; 1 start; 30 polls a minute"


FOUND = "superseded: it is green, but the cluster's last answer was RollingForwardCompleted v2"


@pytest.mark.parametrize(
    ("problems", "shown"),
    [((), ""), (("good: it is failed",), ""), ((FOUND,), MISTAKES["restarted"].what)],
)
def test_only_revealed_mistakes_are_shown(problems: tuple[str, ...], shown: str) -> None:
    assert row(result(), result("restarted", problems))[3].strip("| ") == shown


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_mistake_was_found(fault: Fault) -> None:
    """By its own problem: any other one would show only that the run was disturbed."""
    found = {
        result.mistake
        for result in read()
        if result.fault == fault.name and result.mistake and result.is_found
    }
    assert found >= {*fault.caught, *fault.caught_alone}


def test_unmeasured_fault_has_no_row() -> None:
    assert "triggerers" not in table([result("restarted")])


def test_each_fault_has_another_name() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_each_fault_reveals_known_mistakes() -> None:
    mistakes = [(*fault.caught, *fault.caught_alone) for fault in FAULTS]
    assert all(mistakes)
    assert set(chain(*mistakes)) == set(MISTAKES) == set(BROKEN)
    assert CONNECTIONS.keys() <= MISTAKES.keys()


@pytest.mark.parametrize("upgrades", [COUNT, 5])
def test_many_waits_share_so_many_upgrades(upgrades: int) -> None:
    names = many_names(upgrades)
    assert (len(names), len(set(names))) == (COUNT, upgrades)
    assert {name.partition("-")[0] for name in names} == {"fabric:/good", "fabric:/rolled_back"}


def test_log_volume_needs_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run prints why it did not play the fault. The user is replaced: root may run the tests."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NotPlayedError, match="needs root"):
        small_log_volume(ExitStack(), tmp_path)
    assert not list(tmp_path.iterdir())
