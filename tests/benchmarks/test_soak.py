"""The soak runs, its gateways fail as planned, and it notices waits that end wrongly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from benchmarks.answers import target_of
from benchmarks.flapping import CLOSED, DOWN_SECONDS, HUNG, UNAVAILABLE, UP, Change, gaps, outages, schedule
from benchmarks.soak_course import Course, Plan
from benchmarks.soak_figures import end_rows
from benchmarks.stub import Stub

HALF_AN_HOUR = 1_800.0


def test_schedule_leaves_all_gateways_up() -> None:
    last = {change.gateway: change.mode for change in schedule(8, HALF_AN_HOUR)}
    assert last == dict.fromkeys(range(8), UP)


def test_schedule_has_each_fault_and_outages() -> None:
    changes = schedule(8, HALF_AN_HOUR)
    assert {change.mode for change in changes} == {UP, CLOSED, HUNG, UNAVAILABLE}
    for first in range(0, 8, 2):
        found = outages(changes, {first, first + 1})
        assert found
        assert max(end - begin for begin, end in found) <= DOWN_SECONDS[1]


def test_outage_needs_all_gateways_down() -> None:
    changes = [
        Change(10.0, 0, CLOSED),
        Change(12.0, 1, HUNG),
        Change(13.0, 2, CLOSED),
        Change(15.0, 0, UP),
        Change(17.0, 0, UNAVAILABLE),
        Change(18.0, 1, UP),
    ]
    assert outages(changes, {0, 1}) == [(12.0, 15.0), (17.0, 18.0)]


def test_gaps_leave_out_outages() -> None:
    assert gaps([0.0, 15.0, 60.0, 70.0], [(20.0, 50.0), (65.0, 80.0)]) == [15.0, 15.0, 5.0]


@pytest.mark.thorough
def test_gateway_fails_and_returns() -> None:
    with Stub(mutual=False, gateways=2) as stub:
        first, second = (way.origin + target_of("shop") for way in stub.ways)
        stub.set_mode(0, UNAVAILABLE)
        assert requests.get(first, timeout=10).status_code == 503
        stub.set_mode(0, HUNG)
        with pytest.raises(requests.ReadTimeout):
            requests.get(first, timeout=0.2)
        stub.set_mode(0, CLOSED)
        with pytest.raises(requests.ConnectionError, match="refused"):
            requests.get(first, timeout=10)
        assert stub.arrivals() == {}
        stub.set_mode(0, UP)
        stub.advance(77, "shop")
        assert {requests.get(url, timeout=10).json()["PercentCompleted"] for url in (first, second)} == {"77"}


def test_wrong_ends_miss_their_bounds() -> None:
    course = Course(Plan(waits=3, minutes=1, clusters=1, interval=15.0), began_at=0.0)
    course.ended_early = 1
    course.events = [
        {"ended_by": "upgrade", "record": {"state": "CompletedRollforward"}},
        {"ended_by": "unreachable_timeout", "record": {"state": "RollingForward"}},
    ]
    early, without_success, *_ = end_rows(course)
    assert (early.rounds, early.verdict) == ((1,), "**missed**")
    assert (without_success.rounds, without_success.verdict) == ((2,), "**missed**")


@pytest.mark.live
def test_short_soak_ends_well() -> None:
    """A minute with few waits, in a real triggerer."""
    pytest.importorskip("airflow.sdk", reason="it measures on Airflow 3")
    command = [sys.executable, "-m", "benchmarks.soak", "--minutes", "1", "--waits", "20"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for row in ("waits that ended while their upgrade was running", "waits without success at the end"):
        assert f"| {row} | 0 |" in done.stdout
    assert "| 20 | Trigger fired event |" in done.stdout
