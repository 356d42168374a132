"""What each scenario's wait logs, says in the end and pushes, word for word; `make golden` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.simulator import SCENARIOS
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import xcom_values
from tests.simulated_waits import KIND, SHOWN, START, Telling, domains, name_of, simulated, tell

if TYPE_CHECKING:
    from datetime import datetime

STORIES = Path(__file__).parents[1] / "samples" / "stories"

WITH_XCOMS = ("application_resource", "application")
"""The kinds whose XComs are kept, too: between them they say all that there is to say."""


def snapshot(scenario: str, kind: str) -> UpgradeSelector:
    record = simulated(scenario, kind=kind)(START)
    assert isinstance(record, UpgradeProgress)
    return UpgradeSelector(previous=record)


def policy(scenario: str, kind: str) -> Policy:
    """Return what the sensor is told about a scenario, if anything."""
    if scenario == "stuck":
        return Policy(15.0, stall_timeout=1_800.0)
    if scenario == "previous_first":
        return Policy(15.0, selector=snapshot(scenario, kind))
    return Policy(15.0, wait_for_existence=scenario == "not_found")


def telling(scenario: str, kind: str = KIND) -> Telling:
    look = simulated(scenario, kind=kind)
    return tell(name_of(scenario, kind), look, policy(scenario, kind), kind=kind)


@pytest.mark.parametrize(("kind", "scenario"), SHOWN)
def test_the_log_and_the_last_words_are_as_reviewed(kind: str, scenario: str, golden: Any) -> None:
    golden(STORIES / kind / f"{scenario}.log", telling(scenario, kind).text)


@pytest.mark.parametrize(("kind", "scenario"), [one for one in SHOWN if one[0] in WITH_XCOMS])
def test_the_xcoms_are_as_reviewed(kind: str, scenario: str, golden: Any) -> None:
    told = telling(scenario, kind)
    pushed = xcom_values(kind, told.name, told.story, told.end)
    golden(STORIES / kind / f"{scenario}.json", json.dumps(pushed, indent=2) + "\n")


def test_no_story_is_left_of_a_scenario_that_is_gone() -> None:
    assert {(path.parent.name, path.stem) for path in STORIES.glob("*/*")} == set(SHOWN)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_documentation_shows_the_words_of_each_scenario(scenario: str, documented: Any) -> None:
    documented("log.md", scenario, shown(telling(scenario)))


def test_the_documentation_shows_the_words_of_an_upgrade_that_goes_domain_by_domain(documented: Any) -> None:
    documented("kinds.md", "stuck", shown(telling("stuck", "application")))


def shown(told: Telling) -> str:
    """Return a log as the documentation shows it."""
    log = "\n".join(f"{level:<7}  {line}" for level, line in told.levels())
    return f"```text\n{log}\n\n{told.end}\n```\n"


@pytest.mark.parametrize("kind", KINDS)
def test_two_hours_of_480_polls_are_forty_lines_at_most(kind: str) -> None:
    """See tests/messages/test_progress_log.py for upgrades in which more changes than in this one."""
    look = simulated("good", kind=kind, speed=600 / 7_200)
    told = tell(name_of("good", kind), look, Policy(15.0), kind=kind)
    assert told.story.polls == 481
    assert len(told.text.splitlines()) <= 40


def test_two_hours_to_and_fro_between_twenty_domains_are_forty_lines_at_most() -> None:
    """A monitored upgrade is pending while the health of the domain is checked that it has just completed."""
    phases = ["WaitDuration", "StableDuration"]

    def look(now: datetime) -> UpgradeProgress:
        completed, polls = divmod(round((now - START).total_seconds() / 15), 24)
        moves, is_over = polls >= 6, completed == 20
        in_state = "Completed" if is_over else "InProgress" if moves else "Pending"
        return UpgradeProgress(
            "application",
            "fabric:/shop/web",
            state=f"RollingForward{in_state}",
            started_at=START,
            target_version="v1",
            rolling_upgrade_mode="Monitored",
            health_check_phase="Invalid" if moves else phases[polls % 2],
            domains=domains(completed, of=20, between=not moves),
        )

    told = tell("fabric:/shop/web", look, Policy(15.0, stall_timeout=1_800.0), kind="application")
    assert told.story.polls == 481
    assert [len(told.story.timeline), len(told.lines), len(told.text.splitlines())] == [2, 24, 32]
