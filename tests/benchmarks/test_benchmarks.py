"""The benchmarks run. Their figures depend on the machine and decide no test."""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.__main__ import SECTIONS
from benchmarks.child import Child
from benchmarks.load import Load, lateness, running
from benchmarks.report import Bound, Row, table
from benchmarks.stub import Stub

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("airflow.sdk", reason="they measure on Airflow 3")


def until(condition: Callable[[], object]) -> None:
    for _ in range(1_200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("not within a minute")


@pytest.mark.parametrize("section", SECTIONS)
def test_section_has_a_title_and_rows(section: str) -> None:
    module = import_module(f"benchmarks.{section}")
    assert isinstance(module.TITLE, str)
    assert callable(module.rows)


@pytest.mark.thorough
@pytest.mark.parametrize("mutual", [False, True], ids=["plain", "mTLS"])
@pytest.mark.parametrize("contender", ["asend", "asyncio_pool"])
def test_closed_loop_poll_is_one_request(contender: str, mutual: Any) -> None:
    with Stub(mutual=mutual) as stub, Child("contenders", contender, connections=stub.connections) as child:
        child.ask("open", way=stub.way.to_dict())
        stub.forget()
        assert child.ask("poll", polls=8, workers=2)["polls"] == 8
        assert stub.counts().requests == 8


@pytest.mark.thorough
def test_waits_poll_the_stub_until_completed() -> None:
    load = Load("provider", waits=20, names=4, interval=0.3)
    with Stub(mutual=True) as stub, running(stub) as work:
        work.start(load)
        until(lambda: len(stub.arrivals()) == 4 and min(map(len, stub.arrivals().values())) >= 3)
        work.check_all_running()
        assert work.usage().connection_loads == 1
        assert stub.counts().peak <= 4
        stub.complete(*stub.arrivals())
        until(lambda: set(work.ended()) == set(stub.arrivals()))


def test_lateness_counts_missing_polls() -> None:
    arrivals = {"a": [0.0, 5.0, 10.2], "b": [1.0, 6.0]}
    late = lateness(arrivals, ["a", "b", "b", "c"], 5.0, 4.0, 12.0)
    assert [(at, round(seconds, 3)) for at, seconds in late] == [
        (5.0, 0.0),
        (10.2, 0.2),
        (6.0, 0.0),
        (12.0, 1.0),
        (12.0, 8.0),
    ]


def test_table_shows_rounds_and_missed_bounds() -> None:
    rows = [
        Row("fast", "us", (1.0, 3.0, 2.0), must=Bound(2.5, aim=1.0), ratios={"to slow": 0.5}),
        Row("slow", "us", (4.0,), must=Bound(5.0, at_least=True)),
        Row("absent", "us", (), must=Bound(5.0), note="not installed"),
    ]
    assert table("Speed", rows).splitlines()[2:] == [
        "| figure | median | unit | rounds | to slow | must |  | note |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| fast | 2 | us | 1, 3, 2 | 0.50x | ≤ 2.5 (aim 1) | met |  |",
        "| slow | 4 | us |  |  | ≥ 5 | **missed** |  |",
        "| absent | - | us |  |  | ≤ 5 | not measured | not installed |",
    ]
