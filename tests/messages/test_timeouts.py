"""The message of a wait that ended by a timeout."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.messages.timeouts import timeout_message
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import DomainProgress, Domains, NodeProgress, UpgradeUnit
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from tests.messages.finished_waits import (
    AFTER_OLD,
    BETWEEN_DOMAINS,
    CHECK_THE_START,
    FIND_OUT_WHO,
    FORWARD,
    MANUAL,
    MISSING,
    NEVER_UPGRADED,
    OLD,
    ONE_MINUTE,
    ONLY_WATCHED,
    OTHERS,
    PATIENT,
    PAUSED,
    PAUSED_AFTER_FAILURE,
    PAUSED_BACK,
    PAUSED_BETWEEN_DOMAINS,
    PAUSED_IN_ROLLBACK,
    STALL_POLICY,
    START,
    UNKNOWN,
    UNREACHABLE,
    WORKER,
    at,
    lines_of,
    record,
    wait,
)

if TYPE_CHECKING:
    from airflow_provider_sf.wait.state_machine import Observation


INFINITE_REPLICA_CHECK = (
    "The replica check timeout (UpgradeReplicaSetCheckTimeout) is infinite: Service Fabric never continues without "
    "them. Next: make them available, or update the upgrade with a finite timeout."
)


def timed_out(
    *observations: Observation, policy: Policy = ONE_MINUTE, ended_by: str = "timeout"
) -> list[str]:
    """Return the message of a wait that ends by a timeout."""
    state = wait(*observations, policy=policy)
    assert state.ended_by == ended_by
    return lines_of(timeout_message(policy, state, "application_resource", "shop", ("timeout", 60.0)))


# The timeout of the whole task.


def test_timeout_has_parameter_and_progress() -> None:
    state = wait(FORWARD, FORWARD, FORWARD, policy=ONE_MINUTE)
    text = timeout_message(ONE_MINUTE, state, "application_resource", "shop", ("execution_timeout", 3600.0))
    assert text.splitlines() == [
        (
            "Not finished within 1h00m (execution_timeout): upgrade of application resource 'shop' "
            "to v1; last seen: rolling forward, 62 %."
        ),
        "Services behind: web 6/8 (2 pending), api 2/5 (3 pending).",
        ONLY_WATCHED,
    ]


def test_timeout_with_unknown_progress() -> None:
    unsaid = record("RollingForward", None, duration_seconds=None, target_version=None, services=())
    assert timed_out(unsaid, unsaid, unsaid) == [
        (
            "Not finished within 1m00s (timeout): upgrade of application resource 'shop'; last "
            "seen: rolling forward, percent unknown."
        ),
        ONLY_WATCHED,
    ]


def test_timeout_in_an_outage() -> None:
    assert timed_out(FORWARD, UNREACHABLE, UNREACHABLE) == [
        (
            "Not finished within 1m00s (timeout): upgrade of application resource 'shop' to v1; "
            "last seen: rolling forward, 62 %."
        ),
        "The cluster was unreachable at the end: http://c:19080: Connection refused",
        "Services behind: web 6/8 (2 pending), api 2/5 (3 pending).",
        ONLY_WATCHED,
    ]


def test_timeout_before_the_first_poll() -> None:
    state = WaitState().ended("timeout", START)
    text = timeout_message(ONE_MINUTE, state, "application_resource", "shop", ("timeout", 60.0))
    assert text.splitlines() == [
        (
            "No result within 1m00s (timeout), the cluster is unreachable: upgrade of application "
            "resource 'shop'."
        ),
        ONLY_WATCHED,
    ]


def test_timeout_without_any_answer() -> None:
    assert timed_out(UNREACHABLE, UNREACHABLE, UNREACHABLE) == [
        (
            "No result within 1m00s (timeout), the cluster is unreachable: upgrade of application "
            "resource 'shop'."
        ),
        "The cluster was unreachable at the end: http://c:19080: Connection refused",
        ONLY_WATCHED,
    ]


@pytest.mark.parametrize(
    ("paused", "last_seen", "expected"),
    [
        (PAUSED, "rolling forward, 62 %", PAUSED_AFTER_FAILURE),
        (BETWEEN_DOMAINS, "rolling forward pending, 62 %", PAUSED_BETWEEN_DOMAINS),
    ],
)
def test_timeout_in_a_pause(paused: UpgradeProgress, last_seen: str, expected: str) -> None:
    assert timed_out(FORWARD, paused, paused) == [
        (
            "Not finished within 1m00s (timeout): upgrade of application resource 'shop' to v1; "
            f"last seen: {last_seen}."
        ),
        "Services behind: web 6/8 (2 pending), api 2/5 (3 pending).",
        expected,
        ONLY_WATCHED,
    ]


def test_timeout_in_a_paused_rollback() -> None:
    assert timed_out(FORWARD, PAUSED_BACK, PAUSED_BACK) == [
        (
            "Not finished within 1m00s (timeout): upgrade of application resource 'shop' to v1; "
            "last seen: rolling back pending, 75 %."
        ),
        PAUSED_IN_ROLLBACK,
        ONLY_WATCHED,
    ]


def test_timeout_in_an_unknown_state() -> None:
    assert timed_out(FORWARD, UNKNOWN, UNKNOWN) == [
        (
            "Not finished within 1m00s (timeout): upgrade of application resource 'shop' to v1; "
            "last seen: rolling sideways, 62 %."
        ),
        "This package does not know that state; an unknown state never counts as success.",
        ONLY_WATCHED,
    ]


def test_timeout_in_unknown_state_of_other_upgrade() -> None:
    other = record("RollingSideways", **OTHERS)
    assert timed_out(other, other, other, policy=replace(ONE_MINUTE, selector=AFTER_OLD)) == [
        (
            "Not finished within 1m00s (timeout): upgrade of application resource 'shop'; last "
            "seen: rolling sideways, 62 %."
        ),
        "This package does not know that state; an unknown state never counts as success.",
        ONLY_WATCHED,
    ]


# The expected upgrade never started.


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        (NEVER_UPGRADED, "it was never upgraded."),
        (
            OLD,
            "last upgrade on record: v0, started 2026-02-28 03:00:00 UTC (completed rollforward, 100 %).",
        ),
        (
            record("RollingForward", **OTHERS),
            "another upgrade is running: v0, started 2026-02-28 03:00:00 UTC (rolling forward, 62 %).",
        ),
    ],
)
def test_timeout_before_the_start_shows_the_record(observation: Observation, expected: str) -> None:
    assert timed_out(
        observation, observation, observation, policy=replace(ONE_MINUTE, selector=AFTER_OLD)
    ) == [
        f"No matching upgrade started within 1m00s (timeout): application resource 'shop'; {expected}",
        "Expected upgrade: any except v0, started 2026-02-28 03:00:00 UTC (previous).",
        CHECK_THE_START,
    ]


def test_timeout_before_the_start_in_an_outage() -> None:
    assert timed_out(OLD, UNREACHABLE, UNREACHABLE, policy=replace(ONE_MINUTE, selector=AFTER_OLD)) == [
        (
            "No matching upgrade started within 1m00s (timeout): application resource 'shop'; last "
            "upgrade on record: v0, started 2026-02-28 03:00:00 UTC (completed rollforward, 100 %)."
        ),
        "The cluster was unreachable at the end: http://c:19080: Connection refused",
        "Expected upgrade: any except v0, started 2026-02-28 03:00:00 UTC (previous).",
        CHECK_THE_START,
    ]


@pytest.mark.parametrize(
    ("state", "fields", "expected"),
    [
        ("RollingForward", {"failed_at": at(-60)}, PAUSED_AFTER_FAILURE),
        ("RollingForwardPending", {}, PAUSED_BETWEEN_DOMAINS),
    ],
)
def test_timeout_while_another_upgrade_is_paused(state: str, fields: dict[str, Any], expected: str) -> None:
    other = record(state, **OTHERS, **MANUAL, **fields)
    last_seen = {"RollingForward": "rolling forward", "RollingForwardPending": "rolling forward pending"}[
        state
    ]
    assert timed_out(other, other, other, policy=replace(ONE_MINUTE, selector=AFTER_OLD)) == [
        (
            "No matching upgrade started within 1m00s (timeout): application resource 'shop'; "
            f"another upgrade is running: v0, started 2026-02-28 03:00:00 UTC ({last_seen}, 62 %)."
        ),
        expected,
        "Expected upgrade: any except v0, started 2026-02-28 03:00:00 UTC (previous).",
        CHECK_THE_START,
    ]


def test_timeout_in_outage_of_missing_application() -> None:
    policy = replace(ONE_MINUTE, wait_for_existence=True)
    assert timed_out(MISSING, UNREACHABLE, UNREACHABLE, policy=policy) == [
        (
            "No result within 1m00s (timeout), the cluster is unreachable: upgrade of application "
            "resource 'shop'."
        ),
        "The cluster was unreachable at the end: http://c:19080: Connection refused",
        ONLY_WATCHED,
    ]


@pytest.mark.parametrize("parameter", ["timeout", "start_timeout"])
def test_timeout_of_a_missing_application(parameter: str) -> None:
    waits = Policy(poke_interval=30.0, wait_for_existence=True, selector=UpgradeSelector(target_version="v1"))
    policies = {
        "timeout": replace(waits, deadline=at(60)),
        "start_timeout": replace(waits, start_timeout=60.0),
    }
    assert timed_out(MISSING, MISSING, MISSING, policy=policies[parameter], ended_by=parameter) == [
        (
            f"No matching upgrade started within 1m00s ({parameter}): application resource 'shop'; "
            "it does not exist."
        ),
        "The cluster answered: http://c:19080: HTTP 500 FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND: no such application",
        "Expected upgrade: v1 (target_version).",
        CHECK_THE_START,
    ]


def test_start_timeout_with_other_finished_upgrade() -> None:
    policy = replace(PATIENT, start_timeout=60.0, selector=AFTER_OLD)
    assert timed_out(OLD, OLD, OLD, policy=policy, ended_by="start_timeout") == [
        (
            "No matching upgrade started within 1m00s (start_timeout): application resource "
            "'shop'; last upgrade on record: v0, started 2026-02-28 03:00:00 UTC (completed "
            "rollforward, 100 %)."
        ),
        "Expected upgrade: any except v0, started 2026-02-28 03:00:00 UTC (previous).",
        CHECK_THE_START,
    ]


def test_start_timeout_without_any_upgrade() -> None:
    policy = replace(PATIENT, start_timeout=60.0)
    assert timed_out(
        NEVER_UPGRADED, NEVER_UPGRADED, NEVER_UPGRADED, policy=policy, ended_by="start_timeout"
    ) == [
        (
            "No matching upgrade started within 1m00s (start_timeout): application resource "
            "'shop'; it was never upgraded."
        ),
        "Expected upgrade: the latest on record.",
        CHECK_THE_START,
    ]


# The expected upgrade is gone.


def test_upgrade_is_gone_after_recreation() -> None:
    policy = replace(PATIENT, start_timeout=60.0)
    assert timed_out(
        FORWARD, NEVER_UPGRADED, NEVER_UPGRADED, NEVER_UPGRADED, policy=policy, ended_by="start_timeout"
    ) == [
        (
            "No longer on record: upgrade of application resource 'shop' to v1; it was missing for "
            "1m00s (start_timeout)."
        ),
        "It started at 2026-03-01 03:00:00 UTC and was last seen at 2026-03-01 03:00:00 UTC: rolling forward, 62 %.",
        "Last answer: it was never upgraded.",
        FIND_OUT_WHO,
    ]


def test_upgrade_is_gone_after_deletion() -> None:
    policy = replace(PATIENT, start_timeout=60.0, wait_for_existence=True)
    assert timed_out(FORWARD, MISSING, MISSING, MISSING, policy=policy, ended_by="start_timeout") == [
        (
            "No longer on record: upgrade of application resource 'shop' to v1; it was missing for "
            "1m00s (start_timeout)."
        ),
        "The cluster answered: http://c:19080: HTTP 500 FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND: no such application",
        "It started at 2026-03-01 03:00:00 UTC and was last seen at 2026-03-01 03:00:00 UTC: rolling forward, 62 %.",
        "Last answer: it does not exist.",
        FIND_OUT_WHO,
    ]


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        (NEVER_UPGRADED, "Last answer: it was never upgraded."),
        (MISSING, "Last answer: it does not exist."),
    ],
)
def test_upgrade_is_gone_in_an_outage(observation: Observation, expected: str) -> None:
    policy = replace(ONE_MINUTE, wait_for_existence=True)
    assert timed_out(FORWARD, observation, UNREACHABLE, policy=policy) == [
        (
            "No longer on record: upgrade of application resource 'shop' to v1; the wait ended "
            "after 1m00s (timeout)."
        ),
        "The cluster was unreachable at the end: http://c:19080: Connection refused",
        "It started at 2026-03-01 03:00:00 UTC and was last seen at 2026-03-01 03:00:00 UTC: rolling forward, 62 %.",
        expected,
        FIND_OUT_WHO,
    ]


# Other timeouts.


@pytest.mark.parametrize(
    ("state", "expected"),
    [("RollingSideways", "reports 'RollingSideways'"), (None, "reports no state")],
)
def test_unknown_state_timeout_has_the_state(state: str | None, expected: str) -> None:
    observation, policy = record(state, services=()), replace(PATIENT, unknown_state_timeout=60.0)
    assert timed_out(
        FORWARD, observation, observation, observation, policy=policy, ended_by="unknown_state_timeout"
    ) == [
        (
            "In an unknown state for 1m00s (unknown_state_timeout): upgrade of application resource "
            f"'shop' to v1; Service Fabric {expected}."
        ),
        "An unknown state never counts as success. Please report it to the maintainers of this provider.",
        ONLY_WATCHED,
    ]


def test_stall_with_infinite_replica_check_timeout() -> None:
    assert timed_out(FORWARD, FORWARD, FORWARD, policy=STALL_POLICY, ended_by="stall_timeout") == [
        (
            "Stalled, without a change for 1m00s (stall_timeout): upgrade of application resource "
            "'shop' to v1; last seen: rolling forward, 62 %."
        ),
        "Services behind: web 6/8 (2 pending), api 2/5 (3 pending).",
        INFINITE_REPLICA_CHECK,
        ONLY_WATCHED,
    ]


def test_stall_with_finite_replica_check_timeout() -> None:
    finite = record("RollingForward", replica_check_timeout_seconds=900)
    assert timed_out(finite, finite, finite, policy=STALL_POLICY, ended_by="stall_timeout") == [
        (
            "Stalled, without a change for 1m00s (stall_timeout): upgrade of application resource "
            "'shop' to v1; last seen: rolling forward, 62 %."
        ),
        "Services behind: web 6/8 (2 pending), api 2/5 (3 pending).",
        (
            "Service Fabric continues without them after 15m00s in an upgrade domain, even if that reduces "
            "availability (replica check timeout)."
        ),
        ONLY_WATCHED,
    ]


def test_stall_without_services_behind() -> None:
    idle = record("UnprovisioningCurrent", 100.0, services=(WORKER,))
    assert timed_out(idle, idle, idle, policy=STALL_POLICY, ended_by="stall_timeout") == [
        (
            "Stalled, without a change for 1m00s (stall_timeout): upgrade of application resource "
            "'shop' to v1; last seen: unprovisioning current, 100 %."
        ),
        ONLY_WATCHED,
    ]


def test_stall_of_other_upgrade() -> None:
    other = record("RollingForward", **OTHERS)
    assert timed_out(
        other, other, other, policy=replace(STALL_POLICY, selector=AFTER_OLD), ended_by="stall_timeout"
    ) == [
        (
            "Stalled, without a change for 1m00s (stall_timeout): another upgrade of application "
            "resource 'shop'; last seen: rolling forward, 62 %."
        ),
        ("It is not the expected upgrade, as far as is known: v0, started 2026-02-28 03:00:00 UTC."),
        ONLY_WATCHED,
    ]


# What the upgrade waits for.

UPGRADING = Domains(
    (UpgradeUnit("0", "InProgress"), UpgradeUnit("1", "Pending")),
    current_domain=DomainProgress("0", (NodeProgress("_nt_0", "Upgrading"),)),
)


def rolling(kind: str = "application", **fields: Any) -> UpgradeProgress:
    values = {"state": "RollingForwardInProgress", "target_version": "v1", "started_at": START, **fields}
    return UpgradeProgress(kind, "fabric:/shop", **values)


def kind_timed_out(*observations: Observation, policy: Policy = ONE_MINUTE) -> list[str]:
    """Return the message of a wait for an upgrade of the kind of the first record."""
    first = observations[0]
    assert isinstance(first, UpgradeProgress)
    state = wait(*observations, policy=policy)
    return lines_of(timeout_message(policy, state, first.kind, first.name, ("timeout", 60.0)))


@pytest.mark.parametrize("policy", [ONE_MINUTE, STALL_POLICY])
def test_stuck_node_is_named(policy: Policy) -> None:
    stuck = rolling(domains=UPGRADING, status_details="Upgrading node. Elapsed time: 1:37:07")
    assert kind_timed_out(stuck, stuck, stuck, policy=policy)[1:] == [
        "Nodes in progress: _nt_0 upgrading.",
        "Service Fabric says: Upgrading node. Elapsed time: 1:37:07",
        ONLY_WATCHED,
    ]


@pytest.mark.parametrize("policy", [ONE_MINUTE, STALL_POLICY])
@pytest.mark.parametrize(
    ("counted", "has_stopped"), [(60.0, True), (301.0, False), (3_600.0, False), (None, False)]
)
def test_stopped_clock_of_a_domain_is_named(
    policy: Policy, counted: float | None, *, has_stopped: bool
) -> None:
    stuck = rolling(domains=UPGRADING, domain_duration_seconds=counted)
    state = replace(wait(stuck, stuck, stuck, policy=policy), moved_at=at(-540))
    message = timeout_message(policy, state, "application", "fabric:/shop", ("timeout", 60.0))
    line = (
        "Service Fabric counts only 1m00s in this upgrade domain: its cluster manager may be stuck. Next: check the "
        "health of fabric:/System/ClusterManagerService and of the node of its primary."
    )
    assert (line in message.splitlines()) is has_stopped
    assert ("cluster manager" in message) is has_stopped


@pytest.mark.parametrize(
    "fields",
    [
        {"domains": Domains((UpgradeUnit("0", "Completed"), UpgradeUnit("1", "Pending")))},
        {"domains": UPGRADING, "state": "RollingForwardPending", **MANUAL},
    ],
)
def test_clock_may_stop_between_domains(fields: dict[str, Any]) -> None:
    waiting = rolling(domain_duration_seconds=0.0, **fields)
    state = replace(wait(waiting, waiting, waiting, policy=ONE_MINUTE), moved_at=at(-540))
    assert "cluster manager" not in timeout_message(
        ONE_MINUTE, state, "application", "shop", ("timeout", 60.0)
    )


def test_timeout_in_a_pause_has_reason_and_command() -> None:
    paused = rolling(
        state="RollingForwardPending",
        failed_at=at(-60),
        failure_reason="HealthCheck",
        unhealthy_evaluations=("Error: a",),
        domains=Domains(failure_domain="UD1", next_domain="UD2"),
        **MANUAL,
    )
    assert kind_timed_out(paused, paused, paused)[1:] == [
        "Why: failure reason HealthCheck, in domain UD1.",
        "Why: Error: a.",
        (
            "Paused after a failure at 2026-03-01 02:59:00 UTC: HealthCheck, in domain UD1 (its FailureAction is "
            "Manual). Nothing continues until a person acts: fix the cause, then resume the upgrade with the next "
            "upgrade domain (UD2) or roll it back."
        ),
        "PowerShell: Resume-ServiceFabricApplicationUpgrade -ApplicationName 'fabric:/shop' -UpgradeDomainName 'UD2'",
        ONLY_WATCHED,
    ]


# Cluster configurations.


def configuration(state: str, manifest: str, config: str, details: str | None = None) -> UpgradeProgress:
    return UpgradeProgress(
        "cluster_configuration",
        "",
        state=f"RollingForward{state}",
        target_version=manifest,
        config_version=config,
        status_details=details,
    )


def test_refused_start_has_its_reason() -> None:
    before = configuration("Completed", "1", "1.0.0")
    refused = replace(before, status_details="-2147017627 : The upgrade policy is not allowed")
    policy = replace(PATIENT, start_timeout=60.0, selector=UpgradeSelector(previous=before))
    assert kind_timed_out(refused, refused, refused, policy=policy) == [
        (
            "No matching upgrade started within 1m00s (start_timeout): the cluster configuration; "
            "last upgrade on record: 1.0.0 (manifest 1) (rolling forward completed, percent "
            "unknown)."
        ),
        "Service Fabric says: -2147017627 : The upgrade policy is not allowed",
        "Expected upgrade: any except 1.0.0 (manifest 1) (previous).",
        CHECK_THE_START,
    ]


def test_details_of_an_older_upgrade_are_left_out() -> None:
    """Where upgrades have start times, a refused start leaves nothing on record."""
    policy = replace(PATIENT, start_timeout=60.0, selector=AFTER_OLD)
    old = replace(OLD, status_details="Deployment upgrading from version: v to version: v0.")
    state = wait(old, old, old, policy=policy)
    message = timeout_message(policy, state, "application_resource", "shop", ("timeout", 60.0))
    assert "Service Fabric says" not in message


def test_missing_phase_is_named() -> None:
    policy = replace(PATIENT, start_timeout=60.0)
    running, phase = (
        configuration("InProgress", "2", "1.0.0"),
        configuration("Completed", "2", "1.0.0", "why"),
    )
    assert kind_timed_out(running, phase, phase, phase, policy=policy) == [
        ("Not successful, the version is still 1.0.0: upgrade of the cluster configuration to manifest 2."),
        (
            "No other phase started within 1m00s (start_timeout) after a completed one: the upgrade was rolled back or "
            "refused."
        ),
        "Service Fabric says: why",
        "Next: find out why the last phase failed, fix the cause and upgrade again.",
    ]


def test_timeout_names_the_new_configuration() -> None:
    running = rolling("cluster", target_version="8.2", config_version="5")
    assert kind_timed_out(running, running, running)[0] == (
        "Not finished within 1m00s (timeout): upgrade of the cluster to 8.2 (configuration 5); "
        "last seen: rolling forward in progress, percent unknown."
    )
