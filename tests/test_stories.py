"""What each scenario's wait logs, says in the end and pushes, word for word; `make golden` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sf.identity import Meant
from airflow_provider_sf.simulator import SCENARIOS
from airflow_provider_sf.story import xcoms
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.watching import Policy
from tests.telling import KIND, START, Telling, simulated, tell

STORIES = Path(__file__).parent / "samples" / "stories"


def snapshot(scenario: str) -> Meant:
    record = simulated(scenario)(START)
    assert isinstance(record, UpgradeProgress)
    return Meant(previous=record)


POLICIES: dict[str, dict[str, Any]] = {
    "stuck": {"stall_timeout": 1_800.0},
    "previous_first": {"meant": snapshot("previous_first")},
    "not_found": {"wait_for_existence": True},
}
"""What the sensor is told about a scenario, if anything."""


def telling(scenario: str) -> Telling:
    return tell(f"{scenario}-shop", simulated(scenario), Policy(15.0, **POLICIES.get(scenario, {})))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_log_and_the_last_words_are_as_reviewed(scenario: str, golden: Any) -> None:
    golden(STORIES / f"{scenario}.log", telling(scenario).text)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_xcoms_are_as_reviewed(scenario: str, golden: Any) -> None:
    told = telling(scenario)
    pushed = xcoms(KIND, told.name, told.story, told.end)
    golden(STORIES / f"{scenario}.json", json.dumps(pushed, indent=2) + "\n")


def test_no_story_is_left_of_a_scenario_that_is_gone() -> None:
    assert {path.stem for path in STORIES.iterdir()} == set(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_documentation_shows_the_words_of_each_scenario(scenario: str, documented: Any) -> None:
    told = telling(scenario)
    log = "\n".join(f"{logging_level:<7}  {line}" for logging_level, line in told.levels())
    documented("log.md", scenario, f"```text\n{log}\n\n{told.end}\n```\n")


def test_two_hours_of_480_polls_are_forty_lines_at_most() -> None:
    """See tests/test_narration.py for upgrades in which more changes than in this one."""
    told = tell("good-shop", simulated("good", speed=600 / 7_200), Policy(15.0))
    assert told.story.polls == 481
    assert len(told.text.splitlines()) <= 40
