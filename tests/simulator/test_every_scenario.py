"""Every scenario of every kind, in one pass: outcomes, keys, Microsoft's specification and its client."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.simulator.model import UNREPORTED, progress_body
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.upgrades import Outcome, UpgradeProgress
from airflow_provider_sf.upgrades.kinds import KINDS
from tests.simulator.published import (
    RESPONSES,
    UNPUBLISHED_MEMBERS,
    UNPUBLISHED_STATES,
    client,
    unknown_members,
    validator,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

START = 1_772_334_000.0
SECONDS = (*range(0, 2_001, 15), 86_400)

OUTCOMES = {
    "good": ["in_progress", "succeeded"],
    "rolled_back": ["in_progress", "rolling_back", "rolled_back"],
    "failed": ["in_progress", "failed"],
    "stuck": ["in_progress"],
    "paused": ["in_progress", "paused", "in_progress", "succeeded"],
    "next_domain": ["in_progress", "paused", "in_progress", "succeeded"],
    "never_upgraded": ["not_upgraded"],
    "slow_start": ["not_upgraded", "in_progress", "succeeded"],
    "previous_first": ["succeeded", "in_progress", "succeeded"],
    "superseded": ["in_progress", "succeeded"],
    "interrupted": ["in_progress", "rolling_back", "in_progress", "succeeded"],
    "unknown_state": ["in_progress", "unknown"],
    "flapping": ["in_progress", "succeeded"],
    "several_phases": ["in_progress", "succeeded", "in_progress", "succeeded", "in_progress", "succeeded"],
    "later_phase_fails": [
        *("in_progress", "succeeded", "in_progress", "rolling_back", "in_progress", "succeeded"),
    ],
    "refused": ["succeeded"],
}

# The configuration of a cluster has neither a start nor a mode.
OUTCOMES_OF_CONFIGURATION = {
    "paused": ["in_progress", "succeeded"],
    "next_domain": ["in_progress", "succeeded"],
}


def test_every_scenario_with_progress_has_expected_outcomes() -> None:
    assert set(OUTCOMES) == {name for name, scenario in SCENARIOS.items() if scenario.phases}


@pytest.mark.unmeasured
@pytest.mark.kind_samples
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scenario", OUTCOMES)
def test_every_response_is_as_published(scenario: str, kind: str) -> None:
    bodies = different_bodies(scenario, kind)
    other = OUTCOMES_OF_CONFIGURATION if kind == "cluster_configuration" else {}
    assert outcomes(kind, bodies) == other.get(scenario, OUTCOMES[scenario])
    check_keys(kind, bodies)
    check_specification(scenario, kind, bodies)
    check_client(kind, bodies[::8])


def different_bodies(scenario: str, kind: str) -> list[dict[str, Any]]:
    """Return the different bodies of a scenario in their order."""
    name = f"{scenario}-shop" if KINDS[kind].takes_name else ""
    bodies = (
        progress_body(SCENARIOS[scenario], name, kind=kind, second=second, started_at=START, speed=1.0)
        for second in SECONDS
    )
    return list({json.dumps(body): body for body in bodies}.values())


def outcomes(kind: str, bodies: Iterable[dict[str, Any]]) -> list[Outcome]:
    """Return the outcomes in their order, without repetitions."""
    return [
        outcome
        for outcome, _ in groupby(UpgradeProgress.from_answer(kind, "x", body).outcome for body in bodies)
    ]


def check_keys(kind: str, bodies: Iterable[dict[str, Any]]) -> None:
    """Check that a body has all keys of its kind, and no others."""
    keys = {key.partition(".")[0] for field, key in KINDS[kind].keys.items() if field != UNREPORTED}
    extra = {"TypeName"} if kind == "application" else set()
    is_described = bool(keys & {"UpgradeDescription", "MonitoringPolicy"})
    for body in bodies:
        missing = keys - set(body)
        # Without any upgrade there is no description of one: application/published.json.
        assert missing <= {"UpgradeDescription", "MonitoringPolicy"}
        assert bool(missing) == (is_described and body["RollingUpgradeMode"] == "Invalid")
        assert set(body) - keys == extra


def check_specification(scenario: str, kind: str, bodies: list[dict[str, Any]]) -> None:
    states = UNPUBLISHED_STATES.get((scenario, kind), [])
    specification = validator(RESPONSES[kind], states)
    for body in bodies:
        specification.validate(body)
    assert set(states) <= {body["UpgradeState"] for body in bodies}


def check_client(kind: str, bodies: Iterable[dict[str, Any]]) -> None:
    """Check that Microsoft's client knows every member."""
    for body in bodies:
        progress = client()(RESPONSES[kind], body)
        assert set(unknown_members(progress)) == UNPUBLISHED_MEMBERS.get(RESPONSES[kind], set())
        assert progress.upgrade_state == body["UpgradeState"]
