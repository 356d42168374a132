"""
Waits that users have reported, played with a simulated clock.

Each file in ``tests/samples/field_cases`` is one case. Its ``timeline`` lists answers as (second, HTTP status,
body); an answer stays until the next one. ``previous`` is the record from before the start, ``policy`` and
``timeout`` are parameters of the sensor. In a text, ``{elapsed}`` is the time since the wait began. ``thread``
names the report. ``should`` has the expected end and verdict, and patterns for the final message and the log.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.hooks.reading import read_progress
from airflow_provider_sf.rest import ServiceFabricError
from airflow_provider_sf.rest.protocol import Response
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from tests.simulated_waits import ENDPOINT, START, run_wait

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_sf.wait.state_machine import Observation
    from tests.simulated_waits import SimulatedWait

CASES = sorted((Path(__file__).parents[1] / "samples" / "field_cases").glob("*.json"))
EXPECTATIONS = {"ended_by", "verdict", "says", "never_says", "log_says", "log_never_says"}


def answers_of(case: dict[str, Any]) -> Callable[[datetime], Observation]:
    """Return a function that reads the answer of a case at any time, as the hook does."""
    cluster = Cluster((ENDPOINT,))

    def poll(now: datetime) -> Observation:
        elapsed = now - START
        current = [item for item in case["timeline"] if item[0] <= elapsed.total_seconds()][-1]
        body = json.dumps(current[2]).replace("{elapsed}", str(elapsed))
        response = Response(current[1], body.encode(), endpoint=ENDPOINT)
        try:
            record = read_progress(case["kind"], case["name"], cluster, response)
        except ServiceFabricError as error:
            return error
        return replace(record, observed_at=now)

    return poll


def play(case: dict[str, Any]) -> SimulatedWait:
    previous = case.get("previous") and UpgradeProgress.from_answer(
        case["kind"], case["name"], case["previous"]
    )
    policy = Policy(15.0, selector=UpgradeSelector(previous=previous), **case.get("policy", {}))
    timeout = case.get("timeout", 21_600.0)
    return run_wait(case["name"], answers_of(case), policy, kind=case["kind"], timeout=timeout)


@pytest.mark.unmeasured
@pytest.mark.parametrize("file", CASES, ids=[file.stem for file in CASES])
def test_reported_wait_ends_as_it_should(file: Path) -> None:
    case = json.loads(file.read_bytes())
    should, wait = case["should"], play(case)
    log = [line for _, line in wait.lines]
    assert set(should) <= EXPECTATIONS
    assert wait.state.ended_by in should.get("ended_by", [wait.state.ended_by])
    assert wait.state.verdict is None or wait.state.verdict.value in should.get(
        "verdict", [wait.state.verdict.value]
    )
    for pattern in should.get("says", []):
        assert re.search(pattern, wait.message), wait.message
    for pattern in should.get("never_says", []):
        assert not re.search(pattern, wait.message), wait.message
    for pattern in should.get("log_says", []):
        assert any(re.search(pattern, line) for line in log), "\n".join(log)
    for pattern in should.get("log_never_says", []):
        assert not re.search(pattern, "\n".join(log), re.DOTALL), "\n".join(log)
