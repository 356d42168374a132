"""What an upgrade waits for, in words: nodes, units, safety checks, a health check, status details."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_sf.messages.blockers import (
    blocker_lines,
    describe_place,
    details_lines,
    health_lines,
    problem_lines,
    reason_lines,
    waiting_lines,
)
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.applications import ApplicationHealth
from airflow_provider_sf.upgrades.cluster_health import ClusterHealth
from airflow_provider_sf.upgrades.domains import DomainProgress, Domains, NodeProgress, UpgradeUnit
from airflow_provider_sf.upgrades.monitoring_policy import MonitoringPolicy
from airflow_provider_sf.upgrades.services import ServiceProgress

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
UNITS = (UpgradeUnit("0", "InProgress"), UpgradeUnit("1", "Pending"))
POLICY = MonitoringPolicy(stable_seconds=120.0, retry_seconds=600.0, domain_timeout_seconds=1_200.0)
CHECKS = ("node N1 waits for A", "node N2 waits for B", "node N3 waits for C")
UPGRADING = (NodeProgress("_nt_0", "Upgrading", 5_827.0),)


def record(state: str = "RollingForwardInProgress", **fields: Any) -> UpgradeProgress:
    values = {"started_at": START, "rolling_upgrade_mode": "Monitored", **fields}
    return UpgradeProgress("application", "fabric:/shop", state=state, **values)


def domains(*nodes: NodeProgress, units: tuple[UpgradeUnit, ...] = UNITS, **fields: Any) -> Domains:
    return Domains(units, current_domain=DomainProgress("0", nodes), **fields)


def place(progress: UpgradeProgress, *, with_time: bool = True) -> str:
    return "".join(describe_place(progress, with_time=with_time))


# On one line.


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (UPGRADING, ["node _nt_0 upgrading for 1h37m"]),
        (
            (NodeProgress("N1", "PreUpgradeSafetyCheck"), NodeProgress("N2", None)),
            ["nodes N1 pre upgrade safety check, N2"],
        ),
        ((NodeProgress("N1", "Invalid", 0.0),), ["node N1"]),
        (
            tuple(NodeProgress(f"N{number}", "Upgrading") for number in range(6)),
            ["nodes N0 upgrading, N1 upgrading, N2 upgrading, N3 upgrading, and 2 more"],
        ),
        ((), []),
    ],
)
def test_nodes_in_progress_are_named(nodes: tuple[NodeProgress, ...], expected: list[str]) -> None:
    assert waiting_lines(record(domains=domains(*nodes))) == expected
    assert place(record(domains=domains(*nodes))) == "domain 0 (1 of 2)"


def test_nodes_that_were_omitted_are_counted() -> None:
    progress = record(domains=domains(*UPGRADING), omitted=(("current_nodes", 7),))
    assert waiting_lines(progress) == ["nodes _nt_0 upgrading for 1h37m, and 7 more"]


def test_safety_checks_replace_the_nodes() -> None:
    progress = record(domains=domains(*UPGRADING, pending_safety_checks=CHECKS))
    assert waiting_lines(progress) == ["node N1 waits for A", "node N2 waits for B", "and 1 more check"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"domain_duration_seconds": 59.0}, "domain 0 (1 of 2)"),
        ({"domain_duration_seconds": 720.0}, "domain 0 (1 of 2) for 12m00s (timeout 20m00s)"),
        ({"domain_duration_seconds": 720.0, "monitoring_policy": None}, "domain 0 (1 of 2) for 12m00s"),
        (
            {"domain_duration_seconds": 720.0, "monitoring_policy": MonitoringPolicy()},
            "domain 0 (1 of 2) for 12m00s",
        ),
        (
            {"domain_duration_seconds": 720.0, "rolling_upgrade_mode": "UnmonitoredAuto"},
            "domain 0 (1 of 2) for 12m00s",
        ),
    ],
)
def test_place_has_time_and_timeout(fields: dict[str, Any], expected: str) -> None:
    progress = record(**{"domains": domains(), "monitoring_policy": POLICY, **fields})
    assert place(progress) == expected
    assert place(progress, with_time=False) == "domain 0 (1 of 2)"


def test_pause_between_domains_has_no_time() -> None:
    between = Domains((UpgradeUnit("0", "Completed"), UpgradeUnit("1", "Pending")))
    assert place(record(domains=between, domain_duration_seconds=720.0)) == "1 of 2 domains"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"health_check_phase": "StableDuration"}, "health check, stable duration"),
        (
            {"health_check_phase": "StableDuration", "health_check_elapsed_seconds": 70.0},
            "health check, stable duration 1m10s of 2m00s",
        ),
        (
            {"health_check_phase": "WaitDuration", "health_check_elapsed_seconds": 70.0},
            "health check, wait duration 1m10s",
        ),
        (
            {
                "health_check_phase": "Retry",
                "health_check_elapsed_seconds": 0.0,
                "monitoring_policy": None,
                "unhealthy_evaluations": ("Error: a", "Error: b"),
            },
            "health check, retry 0s",
        ),
    ],
)
def test_health_check_has_time_and_limit(fields: dict[str, Any], expected: str) -> None:
    progress = record("RollingForwardPending", **{"monitoring_policy": POLICY, **fields})
    assert place(progress) == expected
    assert problem_lines(progress) == [*fields.get("unhealthy_evaluations", ())[:1]]


@pytest.mark.parametrize("state", ["RollingForwardCompleted", "RollingBackCompleted", "Failed"])
def test_finished_upgrade_has_no_place(state: str) -> None:
    progress = record(state, domains=domains(*UPGRADING), health_check_phase="Retry")
    assert describe_place(progress) == []


def test_hostile_names_stay_on_one_line() -> None:
    hostile = "\n::group::" + "x" * 300
    nodes = [NodeProgress(hostile, hostile) for _ in range(9)]
    progress = record(domains=domains(*nodes, units=(UpgradeUnit(hostile, "InProgress"),) * 4))
    text = f"{place(progress)} {' '.join(waiting_lines(progress))}"
    assert text.isprintable()
    assert "group::" not in text
    assert len(text) < 1_000


# In lines.


def test_lines_name_everything_that_is_known() -> None:
    units = (UpgradeUnit("N1", "Completed"), *(UpgradeUnit(f"N{place}", "Failed") for place in range(2, 10)))
    progress = UpgradeProgress(
        "cluster",
        "",
        state="RollingForwardInProgress",
        started_at=START,
        status_details="Upgrading node.\nElapsed time: 1:37:07.",
        services=(ServiceProgress("web", 6, 2),),
        health_check_phase="Retry",
        health_check_elapsed_seconds=70.0,
        monitoring_policy=POLICY,
        domains=Domains(
            (), units, DomainProgress(None, UPGRADING), pending_safety_checks=("node N1 waits for A.",)
        ),
        unhealthy_evaluations=("Error: a.", "Error: b"),
        omitted=(("upgrade_units_failed", 3),),
    )
    assert blocker_lines(progress) == [
        "Services behind: web 6/8 (2 pending).",
        "Failed units: N2, N3, N4, N5, N6, N7, and 5 more.",
        "Nodes in progress: _nt_0 upgrading for 1h37m.",
        "Safety checks: node N1 waits for A.",
        "Health check: retry 1m10s of 10m00s.",
        "Why: Error: a.",
        "Why: Error: b.",
        "Service Fabric says: Upgrading node. Elapsed time: 1:37:07.",
    ]


def test_lines_without_anything_known_are_empty() -> None:
    assert blocker_lines(record()) == []


def test_lines_name_four_reasons_of_a_failure() -> None:
    progress = record(
        "RollingForwardPending",
        failed_at=START,
        failure_reason="HealthCheck",
        unhealthy_evaluations=tuple(f"Error: {number}" for number in range(5)),
    )
    assert blocker_lines(progress) == [
        "Why: failure reason HealthCheck.",
        "Why: Error: 0.",
        "Why: Error: 1.",
        "Why: Error: 2.",
    ]


@pytest.mark.parametrize("details", [None, ""])
def test_missing_details_have_no_line(details: str | None) -> None:
    assert details_lines(record(status_details=details)) == []


def test_long_details_and_reasons_are_cut() -> None:
    (details,) = details_lines(record(status_details="x" * 900))
    (reason,) = reason_lines(["x" * 900])
    assert details == f"Service Fabric says: {'x' * 500}..."
    assert reason == f"Why: {'x' * 400}..."


def test_health_has_its_first_reasons() -> None:
    sick = ApplicationHealth("fabric:/shop", "Error", tuple(f"Error: {letter}." for letter in "abcde"))
    assert health_lines(sick) == ["Health now: Error.", *(f"Why: Error: {letter}." for letter in "abcd")]
    assert health_lines(ClusterHealth("Ok")) == ["Health now: Ok."]


@pytest.mark.parametrize("health", [None, ClusterHealth(None)])
def test_unknown_health_is_not_named(health: ClusterHealth | None) -> None:
    assert health_lines(health) == []
