"""The log, the message and the XComs of each scenario, compared with files; ``make golden`` writes them."""

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
from tests.simulated_waits import (
    KIND,
    KIND_SCENARIOS,
    PHASE_SCENARIOS,
    START,
    SimulatedWait,
    make_domains,
    run_wait,
    simulated_cluster,
    subject_name,
)

if TYPE_CHECKING:
    from datetime import datetime

WAITS = Path(__file__).parents[1] / "samples" / "waits"

KINDS_WITH_XCOMS = ("application_resource", "application")
"""The kinds with a file of XComs: together they have all fields."""


def previous(scenario: str, kind: str) -> UpgradeSelector:
    record = simulated_cluster(scenario, kind=kind)(START)
    assert isinstance(record, UpgradeProgress)
    return UpgradeSelector(previous=record)


def policy(scenario: str, kind: str) -> Policy:
    """Return the parameters of the sensor for a scenario; few need any."""
    if scenario == "stuck":
        return Policy(15.0, stall_timeout=1_800.0)
    if scenario == "previous_first":
        return Policy(15.0, selector=previous(scenario, kind))
    return Policy(15.0, wait_for_existence=scenario == "not_found")


def scenario_wait(scenario: str, kind: str = KIND) -> SimulatedWait:
    cluster = simulated_cluster(scenario, kind=kind)
    return run_wait(subject_name(scenario, kind), cluster, policy(scenario, kind), kind=kind)


def documented_log(wait: SimulatedWait) -> str:
    """Return the log and the message as the documentation shows them."""
    log = "\n".join(f"{level:<7}  {line}" for level, line in wait.lines_with_levels())
    return f"```text\n{log}\n\n{wait.message}\n```\n"


@pytest.mark.unmeasured
@pytest.mark.kind_samples
@pytest.mark.parametrize(("kind", "scenario"), KIND_SCENARIOS)
def test_log_equals_its_file(kind: str, scenario: str, golden: Any) -> None:
    golden(WAITS / kind / f"{scenario}.log", scenario_wait(scenario, kind).text)


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("kind", "scenario"), [case for case in KIND_SCENARIOS if case[0] in KINDS_WITH_XCOMS]
)
def test_xcoms_equal_their_file(kind: str, scenario: str, golden: Any) -> None:
    wait = scenario_wait(scenario, kind)
    values = xcom_values(kind, wait.name, wait.state, wait.message)
    golden(WAITS / kind / f"{scenario}.json", json.dumps(values, indent=2) + "\n")


def test_each_file_has_a_scenario() -> None:
    assert {(path.parent.name, path.stem) for path in WAITS.glob("*/*")} == set(KIND_SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_documentation_shows_each_log(scenario: str, documented: Any) -> None:
    kind = "cluster_configuration" if scenario in PHASE_SCENARIOS else KIND
    documented("reference/scenario_logs.md", scenario, documented_log(scenario_wait(scenario, kind)))


def test_documentation_shows_upgrade_domains(documented: Any) -> None:
    documented("reference/kinds.md", "stuck", documented_log(scenario_wait("stuck", "application")))


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", KINDS)
def test_log_of_480_polls_is_short(kind: str) -> None:
    """Without the folded Summary. tests/messages/test_changes.py has upgrades in which more changes."""
    cluster = simulated_cluster("good", kind=kind, speed=600 / 7_200)
    wait = run_wait(subject_name("good", kind), cluster, Policy(15.0), kind=kind)
    assert wait.state.polls == 481
    assert len(wait.lines) <= 40


def test_log_of_twenty_domains_is_short() -> None:
    """A monitored upgrade is pending while the health of the last domain is checked."""
    phases = ["WaitDuration", "StableDuration"]

    def poll(now: datetime) -> UpgradeProgress:
        completed, polls = divmod(round((now - START).total_seconds() / 15), 24)
        is_moving, is_finished = polls >= 6, completed == 20
        suffix = "Completed" if is_finished else "InProgress" if is_moving else "Pending"
        return UpgradeProgress(
            "application",
            "fabric:/shop/web",
            state=f"RollingForward{suffix}",
            started_at=START,
            target_version="v1",
            rolling_upgrade_mode="Monitored",
            health_check_phase="Invalid" if is_moving else phases[polls % 2],
            domains=make_domains(completed, count=20, is_between=not is_moving),
        )

    wait = run_wait("fabric:/shop/web", poll, Policy(15.0, stall_timeout=1_800.0), kind="application")
    assert wait.state.polls == 481
    assert [len(wait.state.timeline), len(wait.lines), len(wait.text.splitlines())] == [2, 25, 38]
