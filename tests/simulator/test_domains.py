"""Upgrade domains and nodes of a simulated upgrade, second by second."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sf.simulator.domains import (
    current_domain,
    domain_at_failure,
    next_domain,
    upgrade_domains,
)
from airflow_provider_sf.simulator.scenarios import SCENARIOS, Phase, Scenario
from airflow_provider_sf.simulator.timeline import Snapshot, snapshot_at

PARTITION = "6f1c2f5e-0d6b-4a53-9c0e-5b7a1d2e3f40"
NOWHERE = {"DomainName": "", "NodeUpgradeProgressList": []}
LETTERS = {"Completed": "C", "InProgress": "I", "Pending": "P"}


def snapshot(scenario: str, second: float) -> Snapshot:
    return snapshot_at(SCENARIOS[scenario], second, started_at=1_772_334_000.0, speed=1.0)


def states(scenario: str, second: float) -> str:
    """Return the first letters of the states of the domains, from UD1 to UD5."""
    domains = upgrade_domains(snapshot(scenario, second))
    assert [domain["Name"] for domain in domains] in ([], ["UD1", "UD2", "UD3", "UD4", "UD5"])
    return "".join(LETTERS[domain["State"]] for domain in domains)


def current(scenario: str, second: float) -> tuple[str, list[tuple[str, str, list[str]]]]:
    """Return the current domain, and each node with its phase and its safety checks."""
    return domain_and_nodes(current_domain(snapshot(scenario, second)))


def domain_and_nodes(progress: dict[str, Any]) -> tuple[str, list[tuple[str, str, list[str]]]]:
    nodes = [
        (
            node["NodeName"],
            node["UpgradePhase"],
            [check["SafetyCheck"]["Kind"] for check in node["PendingSafetyChecks"]],
        )
        for node in progress["NodeUpgradeProgressList"]
    ]
    return progress["DomainName"], nodes


@pytest.mark.parametrize(
    ("scenario", "second", "expected"),
    [
        ("good", 0, "PPPPP"),
        ("good", 30, "IPPPP"),
        ("good", 110, "IPPPP"),
        ("good", 111, "CPPPP"),
        ("good", 137, "CPPPP"),
        ("good", 138, "CIPPP"),
        ("good", 569, "CCCCC"),
        ("good", 570, "CCCCC"),
        ("good", 600, "CCCCC"),
        ("good", 86_400, "CCCCC"),
        ("rolled_back", 359, "CCIPP"),
        ("rolled_back", 360, "PPICC"),
        ("rolled_back", 450, "PICCC"),
        ("rolled_back", 569, "ICCCC"),
        ("rolled_back", 570, "CCCCC"),
        ("rolled_back", 600, "CCCCC"),
        ("failed", 400, "CCIPP"),
        ("stuck", 900, "CCIPP"),
        ("paused", 500, "CCIPP"),
        ("paused", 699, "CCIPP"),
        ("paused", 700, "CCCIP"),
        ("next_domain", 200, "CCPPP"),
        ("next_domain", 330, "CCIPP"),
        ("never_upgraded", 100, ""),
        ("slow_start", 299, ""),
        ("slow_start", 300, "PPPPP"),
        ("previous_first", 0, "CCCCC"),
        ("interrupted", 149, "CIPPP"),
        ("interrupted", 150, "PICCC"),
        ("unknown_state", 200, "CPPPP"),
    ],
)
def test_domains_are_upgraded_in_order(scenario: str, second: int, expected: str) -> None:
    assert states(scenario, second) == expected


PRE, UPGRADING, POST = "PreUpgradeSafetyCheck", "Upgrading", "PostUpgradeSafetyCheck"


@pytest.mark.parametrize(
    ("scenario", "second", "expected"),
    [
        ("good", 29, ("", [])),
        ("good", 30, ("UD1", [("node1", PRE, ["EnsurePartitionQuorum"]), ("node2", PRE, [])])),
        ("good", 56, ("UD1", [("node1", PRE, ["EnsurePartitionQuorum"]), ("node2", PRE, [])])),
        ("good", 57, ("UD1", [("node1", UPGRADING, []), ("node2", UPGRADING, [])])),
        ("good", 84, ("UD1", [("node1", POST, []), ("node2", POST, [])])),
        ("good", 110, ("UD1", [("node1", POST, []), ("node2", POST, [])])),
        ("good", 111, ("", [])),
        ("good", 138, ("UD2", [("node3", PRE, ["EnsurePartitionQuorum"]), ("node4", PRE, [])])),
        ("good", 570, ("", [])),
        ("good", 600, ("", [])),
        ("rolled_back", 410, ("UD2", [("node3", PRE, ["EnsurePartitionQuorum"]), ("node4", PRE, [])])),
        ("rolled_back", 569, ("UD1", [("node1", POST, []), ("node2", POST, [])])),
        ("rolled_back", 600, ("", [])),
        ("failed", 9_000, ("UD3", [("node5", POST, []), ("node6", POST, [])])),
        ("stuck", 210, ("UD3", [("node5", PRE, ["EnsureAvailability"]), ("node6", PRE, [])])),
        ("stuck", 86_400, ("UD3", [("node5", PRE, ["EnsureAvailability"]), ("node6", PRE, [])])),
        ("paused", 360, ("UD3", [("node5", POST, []), ("node6", POST, [])])),
        ("paused", 660, ("UD3", [("node5", UPGRADING, []), ("node6", UPGRADING, [])])),
        ("next_domain", 200, ("", [])),
        ("never_upgraded", 200, ("", [])),
        ("unknown_state", 200, ("", [])),
    ],
)
def test_nodes_have_safety_checks_before_and_after(
    scenario: str, second: int, expected: tuple[str, list[Any]]
) -> None:
    assert current(scenario, second) == expected


def test_safety_check_names_its_partition() -> None:
    nodes = current_domain(snapshot("good", 30))["NodeUpgradeProgressList"]
    assert nodes[0] == {
        "NodeName": "node1",
        "UpgradePhase": "PreUpgradeSafetyCheck",
        "PendingSafetyChecks": [
            {"SafetyCheck": {"Kind": "EnsurePartitionQuorum", "PartitionId": PARTITION}},
        ],
    }


@pytest.mark.parametrize(
    ("scenario", "second", "expected"),
    [
        ("rolled_back", 359, ("", [])),
        ("rolled_back", 360, ("UD3", [("node5", POST, []), ("node6", POST, [])])),
        ("rolled_back", 9_000, ("UD3", [("node5", POST, []), ("node6", POST, [])])),
        ("failed", 9_000, ("UD3", [("node5", POST, []), ("node6", POST, [])])),
        ("paused", 659, ("UD3", [("node5", POST, []), ("node6", POST, [])])),
        ("paused", 9_000, ("UD3", [("node5", POST, []), ("node6", POST, [])])),
        ("interrupted", 270, ("", [])),
        ("interrupted", 200, ("UD2", [("node3", POST, []), ("node4", POST, [])])),
    ],
)
def test_failure_keeps_its_domain(scenario: str, second: int, expected: tuple[str, list[Any]]) -> None:
    assert domain_and_nodes(domain_at_failure(snapshot(scenario, second))) == expected


def test_late_failure_is_in_the_last_domain() -> None:
    late = Scenario("rolls back at the end", (Phase("RollingBack", 100, until=1.0, backward=True),))
    failed = domain_at_failure(snapshot_at(late, 50, started_at=0.0, speed=1.0))
    assert failed["DomainName"] == "UD5"


def test_never_upgraded_has_no_current_domain() -> None:
    never = snapshot("never_upgraded", 0)
    assert (current_domain(never), domain_at_failure(never)) == (NOWHERE, NOWHERE)


@pytest.mark.parametrize(
    ("scenario", "second", "expected"),
    [
        ("good", 30, "UD2"),
        ("good", 111, "UD2"),
        ("good", 560, ""),
        ("good", 600, ""),
        ("stuck", 210, "UD4"),
        ("rolled_back", 410, "UD1"),
        ("next_domain", 200, "UD3"),
        ("never_upgraded", 200, ""),
    ],
)
def test_next_domain_follows_the_current_one(scenario: str, second: int, expected: str) -> None:
    assert next_domain(snapshot(scenario, second)) == expected


@pytest.mark.parametrize(
    ("scenario", "second", "expected"),
    [
        ("good", 24, 0.0),
        ("good", 84, 54.0),
        ("stuck", 210, 0.0),
        ("stuck", 3_810, 3_600.0),
        ("good", 600, 0.0),
        ("never_upgraded", 200, 0.0),
    ],
)
def test_time_in_a_domain_is_counted(scenario: str, second: int, expected: float) -> None:
    assert snapshot(scenario, second).domain_duration == expected
