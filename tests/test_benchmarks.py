"""The benchmarks run; what they find, this machine decides, and no test."""

from __future__ import annotations

import time
from typing import Any

import pytest

from benchmarks.child import Child
from benchmarks.load import Load, lateness, running
from benchmarks.report import Bound, Row, table
from benchmarks.stub import Stub

pytest.importorskip("airflow.sdk", reason="they measure on Airflow 3")


@pytest.mark.parametrize("mutual", [False, True], ids=["plain", "mTLS"])
@pytest.mark.parametrize("contender", ["asend", "asyncio_pool"])
def test_a_poll_of_the_closed_loop_is_one_request(contender: str, mutual: Any) -> None:
    with Stub(mutual=mutual) as stub, Child("contenders", contender, connections=stub.connections) as child:
        child.ask("open", way=stub.way.to_dict())
        stub.forget()
        assert child.ask("poll", polls=8, workers=2)["polls"] == 8
        assert stub.counts().requests == 8


def test_waits_poll_the_stub_at_their_interval_and_end_when_it_says_so() -> None:
    load = Load("expected", 20, 4, 0.3)
    with Stub(mutual=True) as stub, running(stub) as work:
        work.start(load)
        time.sleep(2.0)
        work.make_sure_that_all_wait()
        arrivals = stub.arrivals()
        assert len(arrivals) == 4
        assert all(3 <= len(times) <= 8 for times in arrivals.values())
        assert work.usage().look_ups == 1
        assert stub.counts().peak <= 4
        for name in arrivals:
            stub.complete(name)
        time.sleep(1.0)
        assert set(work.ended()) == set(arrivals)


def test_lateness_is_what_comes_after_an_interval_and_what_never_comes() -> None:
    arrivals = {"a": [0.0, 5.0, 10.2], "b": [1.0, 6.0]}
    late = lateness(arrivals, ["a", "b", "b", "c"], 5.0, 4.0, 12.0)
    assert [(at, round(seconds, 3)) for at, seconds in late] == [
        (5.0, 0.0),
        (10.2, 0.2),
        (6.0, 0.0),
        (12.0, 1.0),
        (12.0, 8.0),
    ]


def test_a_table_shows_raw_figures_and_what_was_missed() -> None:
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
