"""The messages of results and timeouts. The first line can be the subject of a mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sf.messages.errors import explained_error
from airflow_provider_sf.messages.results import failure_message, success_message
from airflow_provider_sf.messages.timeouts import timeout_message
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import Domains, UpgradeUnit
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import OUTCOMES
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import Verdict, WaitState
from airflow_provider_sf.wait.state_machine import Ended, Observation, step
from tests.messages.finished_waits import (
    AFTER_OLD,
    BACK,
    BACKWARD,
    BETWEEN_DOMAINS,
    CHECK_ITS_SERVICES,
    CHECK_SERVICES_BEHIND,
    DONE,
    FAILED_BACK,
    FORWARD,
    MANUAL,
    MISSING,
    NEVER_UPGRADED,
    OLD,
    OTHERS,
    PATIENT,
    PAUSED,
    PAUSED_AFTER_FAILURE,
    PAUSED_BACK,
    PAUSED_BETWEEN_DOMAINS,
    PAUSED_IN_ROLLBACK,
    ROLLED_BACK,
    START,
    UNKNOWN,
    WORKER,
    YESTERDAY,
    at,
    lines_of,
    record,
    wait,
)
from tests.messages.hostile import records

if TYPE_CHECKING:
    from collections.abc import Sequence


def failed(*records: UpgradeProgress, policy: Policy = PATIENT) -> list[str]:
    """Return the message of a wait that ends badly; one more poll confirms the last record."""
    state = wait(*records, records[-1], policy=policy)
    assert state.verdict is not None
    assert state.ended_by == "upgrade"
    return lines_of(failure_message(policy, state, records[-1], state.verdict))


# Success.


def succeeded(*records: UpgradeProgress, policy: Policy = PATIENT) -> str:
    """Return the message of a wait that ends well."""
    state = wait(*records, policy=policy)
    assert state.verdict is Verdict.SUCCEEDED
    return success_message(state, records[-1])


def test_success_is_one_line() -> None:
    assert succeeded(FORWARD, record("CompletedRollforward", 100.0)) == (
        "Completed in 12m04s: upgrade of application resource 'shop' from v0 to v1"
    )


def test_success_without_a_duration() -> None:
    assert succeeded(record("CompletedRollforward", duration_seconds=None, previous_version=None)) == (
        "Completed: upgrade of application resource 'shop' to v1"
    )


def test_success_names_the_version_before_the_start() -> None:
    """The record of a classic application has only the new version; the task has read the old one."""
    done = record("CompletedRollforward", 100.0, previous_version=None)
    state = WaitState(record=done, ended_by="upgrade", old_version="v0")
    assert success_message(state, done).endswith("'shop' from v0 to v1")
    known = record("CompletedRollforward", 100.0, previous_version="v0.9")
    assert success_message(state, known).endswith("'shop' from v0.9 to v1")


def test_success_without_a_timeline() -> None:
    """No wait produces this state, but a state is read from a database."""
    done = record("CompletedRollforward", 100.0)
    assert success_message(WaitState(record=done, ended_by="upgrade"), done) == (
        "Completed in 12m04s: upgrade of application resource 'shop' from v0 to v1"
    )


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        (
            record("CompletedRollforward", 100.0, started_at=YESTERDAY),
            (
                "Already at v1: application resource 'shop', from an upgrade started 2026-02-28 "
                "03:00:00 UTC (accept_current_version)"
            ),
        ),
        (
            NEVER_UPGRADED,
            ("Already at v1: application resource 'shop', which was never upgraded (accept_current_version)"),
        ),
    ],
)
def test_current_version_is_no_upgrade(observation: UpgradeProgress, expected: str) -> None:
    selector = UpgradeSelector(started_after=START, target_version="v1", accept_current_version=True)
    assert succeeded(observation, policy=replace(PATIENT, selector=selector)) == expected


# Rollback.


def test_rollback_has_turn_services_and_next_step() -> None:
    """Service Fabric clears the failure when it tries again; the timeline keeps it."""
    details = "Deployment rolling back from version: v1 to version: v0."
    rolled_back = record("CompletedRollback", 100.0, **BACKWARD, status_details=details)
    assert failed(FORWARD, record("RollingForward", failed_at=at(20)), FORWARD, BACK, rolled_back) == [
        (
            "Rolled back, last seen going forward at 62 %: upgrade of application resource 'shop' from "
            "v0 to v1 (CompletedRollback)."
        ),
        (
            "It was last seen going forward at 2026-03-01 03:01:00 UTC and first seen rolling back at "
            "2026-03-01 03:01:30 UTC. It failed at 2026-03-01 03:00:20 UTC."
        ),
        "Services behind: web 6/8 (2 pending), api 2/5 (3 pending).",
        "Service Fabric says: Deployment rolling back from version: v1 to version: v0.",
        CHECK_SERVICES_BEHIND,
    ]


def test_failure_on_record_is_preferred() -> None:
    rolled_back = record("CompletedRollback", 100.0, **BACKWARD, failed_at=at(40))
    assert failed(record("RollingForward", failed_at=at(-60)), rolled_back)[1] == (
        "It was last seen going forward at 2026-03-01 03:00:00 UTC and first seen rolling back at "
        "2026-03-01 03:00:30 UTC. It failed at 2026-03-01 03:00:40 UTC."
    )


def test_last_of_several_failures_is_named() -> None:
    second = record("RollingForward", failed_at=at(50), **MANUAL)
    assert failed(PAUSED, FORWARD, second, BACK, ROLLED_BACK)[1] == (
        "It was last seen going forward at 2026-03-01 03:01:00 UTC and first seen rolling back at "
        "2026-03-01 03:01:30 UTC. It failed at 2026-03-01 03:00:50 UTC."
    )


def test_rollback_without_a_failure_time() -> None:
    assert failed(FORWARD, ROLLED_BACK)[1] == (
        "It was last seen going forward at 2026-03-01 03:00:00 UTC and first seen rolling back at "
        "2026-03-01 03:00:30 UTC."
    )


def test_unknown_state_is_no_rollback() -> None:
    assert failed(FORWARD, UNKNOWN, BACK, ROLLED_BACK)[1] == (
        "It was last seen going forward at 2026-03-01 03:00:00 UTC and first seen rolling back at "
        "2026-03-01 03:01:00 UTC."
    )


def test_pause_during_a_rollback_is_not_forward() -> None:
    assert failed(FORWARD, BETWEEN_DOMAINS, PAUSED_BACK, ROLLED_BACK)[1] == (
        "It was last seen going forward at 2026-03-01 03:00:30 UTC and first seen rolling back at "
        "2026-03-01 03:01:00 UTC."
    )


def test_progress_of_other_upgrade_is_ignored() -> None:
    other = record("RollingForward", 99.0, **OTHERS, failed_at=YESTERDAY)
    assert failed(other, ROLLED_BACK, policy=replace(PATIENT, selector=AFTER_OLD))[:2] == [
        "Rolled back: upgrade of application resource 'shop' from v0 to v1 (CompletedRollback).",
        "Its progress before the rollback is unknown: the rollback had started before this wait.",
    ]


def test_rollback_finished_before_the_wait() -> None:
    assert failed(record("CompletedRollback", 100.0, **BACKWARD, failed_at=at(-60))) == [
        "Rolled back: upgrade of application resource 'shop' from v0 to v1 (CompletedRollback).",
        (
            "Its progress before the rollback is unknown: the rollback had started before this wait. "
            "It failed at 2026-03-01 02:59:00 UTC."
        ),
        CHECK_ITS_SERVICES,
    ]


def test_fail_fast_ends_the_wait_at_rollback() -> None:
    assert failed(FORWARD, BACK, policy=replace(PATIENT, on_rollback="fail_fast")) == [
        (
            "Rolling back, last seen going forward at 62 %: upgrade of application resource 'shop' "
            "from v0 to v1 (RollingBack); on_rollback='fail_fast' ends the wait."
        ),
        (
            "It was last seen going forward at 2026-03-01 03:00:00 UTC and first seen rolling back at "
            "2026-03-01 03:00:30 UTC."
        ),
        "Services behind: web 6/8 (2 pending), api 2/5 (3 pending).",
        "Next: the rollback continues by itself; check the services behind before you release again.",
    ]


def test_rollback_running_before_the_wait() -> None:
    assert failed(BACK, policy=replace(PATIENT, on_rollback="fail_fast")) == [
        (
            "Rolling back: upgrade of application resource 'shop' from v0 to v1 (RollingBack); "
            "on_rollback='fail_fast' ends the wait."
        ),
        "Its progress before the rollback is unknown: the rollback had started before this wait.",
        "Next: the rollback continues by itself; check its services before you release again.",
    ]


def test_rollback_with_a_cut_timeline() -> None:
    """No wait produces this state, but a state is read from a database."""
    state = replace(wait(FORWARD, ROLLED_BACK, ROLLED_BACK), timeline=wait(FORWARD, DONE).timeline[:1])
    assert failure_message(PATIENT, state, ROLLED_BACK, Verdict.FAILED).splitlines()[1] == (
        "It was last seen going forward at 2026-03-01 03:00:00 UTC."
    )


# Failure or pause.


def test_failure_names_services_behind() -> None:
    assert failed(FORWARD, record("Failed", 63.0)) == [
        "Failed at 63 %: upgrade of application resource 'shop' from v0 to v1 (Failed).",
        "Services behind: web 6/8 (2 pending), api 2/5 (3 pending).",
        CHECK_SERVICES_BEHIND,
    ]


def test_failure_names_six_services() -> None:
    many = tuple(ServiceProgress(f"service{number}", 1, 1) for number in range(9))
    assert failed(FORWARD, record("Failed", 63.0, services=(WORKER, *many)))[1] == (
        "Services behind: service0 1/2 (1 pending), service1 1/2 (1 pending), service2 1/2 (1 pending), "
        "service3 1/2 (1 pending), service4 1/2 (1 pending), service5 1/2 (1 pending), and 3 more."
    )


def test_rollback_names_five_services_of_its_timeline() -> None:
    many = tuple(ServiceProgress(f"service{number}", 1, 1) for number in range(9))
    assert failed(record("RollingForward", services=many), ROLLED_BACK)[2] == (
        "Services behind: service0 1/2 (1 pending), service1 1/2 (1 pending), service2 1/2 (1 pending), "
        "service3 1/2 (1 pending), service4 1/2 (1 pending), and 4 more."
    )


def test_failure_has_its_time() -> None:
    assert failed(FORWARD, record("Failed", 63.0, services=(WORKER,), failed_at=at(20))) == [
        "Failed at 63 %: upgrade of application resource 'shop' from v0 to v1 (Failed).",
        "It failed at 2026-03-01 03:00:20 UTC.",
        CHECK_ITS_SERVICES,
    ]


def test_failed_rollback_keeps_the_new_version() -> None:
    """From the turn to rollback on, Service Fabric reports the old version as the target."""
    assert failed(FORWARD, BACK, FAILED_BACK) == [
        (
            "Failed during its rollback, last seen going forward at 62 %: upgrade of application "
            "resource 'shop' from v0 to v1 (Failed)."
        ),
        (
            "It was last seen going forward at 2026-03-01 03:00:00 UTC and first seen rolling back at "
            "2026-03-01 03:00:30 UTC. It failed at 2026-03-01 03:01:00 UTC."
        ),
        "Services behind: web 6/8 (2 pending), api 2/5 (3 pending).",
        CHECK_SERVICES_BEHIND,
    ]


def test_unknown_versions_are_left_out() -> None:
    flipped = record("CompletedRollback", 100.0, previous_version="v0", target_version="v0")
    assert failed(flipped)[0] == (
        "Rolled back: upgrade of application resource 'shop' from v0 (CompletedRollback)."
    )
    unsaid = record("Failed", None, previous_version=None, target_version=None, services=())
    assert failed(unsaid) == [
        "Failed: upgrade of application resource 'shop' (Failed).",
        CHECK_ITS_SERVICES,
    ]


def test_long_status_details_are_cut() -> None:
    line = "a line of words " * 31
    assert failed(record("Failed", status_details="a line of words\r\n" * 1000))[2:] == [
        f"Service Fabric says: {line}a li...",
        CHECK_SERVICES_BEHIND,
    ]
    assert failed(record("Failed", status_details=f"{line}end."))[2] == f"Service Fabric says: {line}end."


@pytest.mark.parametrize(
    ("paused", "state", "expected"),
    [
        (PAUSED, "RollingForward", PAUSED_AFTER_FAILURE),
        (BETWEEN_DOMAINS, "RollingForwardPending", PAUSED_BETWEEN_DOMAINS),
    ],
)
def test_pause_is_a_failure_with_on_paused(paused: UpgradeProgress, state: str, expected: str) -> None:
    assert failed(FORWARD, paused, policy=replace(PATIENT, on_paused="fail")) == [
        (
            f"Paused at 62 %: upgrade of application resource 'shop' from v0 to v1 ({state}); "
            "on_paused='fail' ends the wait."
        ),
        "Services behind: web 6/8 (2 pending), api 2/5 (3 pending).",
        expected,
    ]


@pytest.mark.parametrize(
    ("policy", "parameter"),
    [
        (replace(PATIENT, on_rollback="fail_fast"), "on_rollback='fail_fast'"),
        (replace(PATIENT, on_paused="fail"), "on_paused='fail'"),
    ],
)
def test_pause_during_a_rollback_names_the_parameter(policy: Policy, parameter: str) -> None:
    assert failed(FORWARD, PAUSED_BACK, policy=policy) == [
        (
            "Paused during its rollback, last seen going forward at 62 %: upgrade of application "
            f"resource 'shop' from v0 to v1 (RollingBackPending); {parameter} ends the wait."
        ),
        (
            "It was last seen going forward at 2026-03-01 03:00:00 UTC and first seen rolling back at "
            "2026-03-01 03:00:30 UTC."
        ),
        "Services behind: web 6/8 (2 pending), api 2/5 (3 pending).",
        PAUSED_IN_ROLLBACK,
    ]


# What Service Fabric reports about the failure.

AT_FAILURE = Domains(failure_domain="2")


def application(state: str, **fields: Any) -> UpgradeProgress:
    values = {"target_version": "v0", "started_at": START, **fields}
    return UpgradeProgress("application", "fabric:/shop", state=state, **values)


def test_first_look_knows_the_failure_domain() -> None:
    rolled_back = application("RollingBackCompleted", failed_at=at(-60), domains=AT_FAILURE)
    assert failed(rolled_back)[:2] == [
        (
            "Rolled back, failed in domain 2: upgrade of application 'fabric:/shop' from v0 "
            "(RollingBackCompleted)."
        ),
        "The rollback had started before this wait. It failed in domain 2 at 2026-03-01 02:59:00 UTC.",
    ]


def test_first_look_without_a_failure_time() -> None:
    assert failed(application("RollingBackCompleted", domains=AT_FAILURE))[1] == (
        "The rollback had started before this wait. It failed in domain 2."
    )


def test_failure_has_its_domain() -> None:
    assert failed(application("Failed", domains=AT_FAILURE))[1] == "It failed in domain 2."


def test_failure_names_failed_units() -> None:
    units = (UpgradeUnit("N1", "Completed"), UpgradeUnit("N2", "Failed"))
    assert failed(application("Failed", domains=Domains((), units)))[:2] == [
        "Failed after 1 of 2 units, 1 failed: upgrade of application 'fabric:/shop' to v0 (Failed).",
        "Failed units: N2.",
    ]


def test_reasons_come_before_the_next_step() -> None:
    state = wait(FORWARD, record("Failed", 63.0), record("Failed", 63.0))
    reasons = (*(f"Error: {number}." for number in range(6)), "and 3 more", "never shown")
    message = failure_message(
        PATIENT, replace(state, reasons=reasons), record("Failed", 63.0), Verdict.FAILED
    )
    assert lines_of(message)[2:] == [
        *(f"Why: Error: {number}." for number in range(6)),
        "Why: and 3 more.",
        CHECK_SERVICES_BEHIND,
    ]


def test_failed_pause_has_the_command() -> None:
    paused = application("RollingForwardPending", domains=Domains(next_domain="UD2"), **MANUAL)
    assert failed(paused, policy=replace(PATIENT, on_paused="fail"))[-1] == (
        "PowerShell: Resume-ServiceFabricApplicationUpgrade -ApplicationName 'fabric:/shop' -UpgradeDomainName 'UD2'"
    )


# Versions of clusters.


def cluster(state: str, config: str, started: datetime = START, **fields: Any) -> UpgradeProgress:
    return UpgradeProgress(
        "cluster", "", state=state, target_version="8.2", config_version=config, started_at=started, **fields
    )


def configuration(state: str, manifest: str, config: str) -> UpgradeProgress:
    return UpgradeProgress(
        "cluster_configuration", "", state=state, target_version=manifest, config_version=config
    )


def test_success_of_a_configuration_only() -> None:
    old = cluster("RollingForwardCompleted", "4", YESTERDAY)
    policy = replace(PATIENT, selector=UpgradeSelector(previous=old))
    running, done = cluster("RollingForwardInProgress", "5"), cluster("RollingForwardCompleted", "5")
    assert succeeded(old, running, done, policy=policy) == (
        "Completed: upgrade of the cluster (configuration from 4 to 5)"
    )
    assert succeeded(old, replace(done, target_version="8.3"), policy=policy) == (
        "Completed: upgrade of the cluster from 8.2 to 8.3 (configuration from 4 to 5)"
    )


def test_rollback_of_a_configuration_only() -> None:
    polls = cluster("RollingForwardInProgress", "5"), cluster("RollingBackCompleted", "4")
    assert failed(*polls)[0] == (
        "Rolled back: upgrade of the cluster (configuration from 4 to 5) (RollingBackCompleted)."
    )


def test_current_version_has_its_configuration() -> None:
    selector = UpgradeSelector(started_after=START, target_version="8.2", accept_current_version=True)
    assert succeeded(
        cluster("RollingForwardCompleted", "5", YESTERDAY), policy=replace(PATIENT, selector=selector)
    ) == (
        "Already at 8.2 (configuration 5): the cluster, from an upgrade started 2026-02-28 "
        "03:00:00 UTC (accept_current_version)"
    )


def test_success_of_a_cluster_configuration() -> None:
    before = configuration("RollingForwardCompleted", "1", "1.0.0")
    policy = replace(PATIENT, selector=UpgradeSelector(previous=before))
    polls = (
        before,
        configuration("RollingForwardInProgress", "4", "1.0.0"),
        configuration("RollingForwardCompleted", "4", "1.1.0"),
    )
    assert succeeded(*polls, policy=policy) == (
        "Completed: upgrade of the cluster configuration from 1.0.0 to 1.1.0 (manifest 4)"
    )


def test_undone_cluster_configuration_is_a_failure() -> None:
    """The cluster returns to the old version by upgrades that go forward."""
    polls = (
        configuration("RollingForwardInProgress", "3", "1.0.0"),
        configuration("RollingBackInProgress", "3", "1.0.0"),
        configuration("RollingForwardCompleted", "4", "1.0.0"),
    )
    assert failed(*polls)[:2] == [
        (
            "Undone, the configuration is still 1.0.0: upgrade of the cluster configuration from "
            "1.0.0 to manifest 3 (RollingForwardCompleted)."
        ),
        (
            "It was last seen going forward at 2026-03-01 03:00:00 UTC and first seen rolling back at "
            "2026-03-01 03:00:30 UTC."
        ),
    ]


# Superseded.


def test_superseded_upgrade_names_both_upgrades() -> None:
    provisioning = record("ProvisioningTarget", 0.0, started_at=None)
    other = record("RollingForward", 10.0, started_at=at(55), target_version="v2")
    assert failed(provisioning, FORWARD, other) == [
        "Superseded by another upgrade: upgrade of application resource 'shop' to v1.",
        "It started at 2026-03-01 03:00:00 UTC and was last seen at 2026-03-01 03:00:30 UTC: rolling forward, 62 %.",
        "On record now: v2, started 2026-03-01 03:00:55 UTC (rolling forward, 10 %).",
        "Its result cannot be known: Service Fabric keeps only the record of the latest upgrade.",
        "Next: find out who started the other upgrade. Then wait for that upgrade, or release again.",
    ]


def test_superseded_rollback_has_no_known_version() -> None:
    other = record("CompletedRollback", None, started_at=at(25), target_version="v1")
    assert failed(BACK, other)[:3] == [
        "Superseded by another upgrade: upgrade of application resource 'shop'.",
        "It started at 2026-03-01 03:00:00 UTC and was last seen at 2026-03-01 03:00:00 UTC: rolling back, 75 %.",
        "On record now: rollback to v1, started 2026-03-01 03:00:25 UTC (completed rollback, 69 %).",
    ]


def test_superseded_upgrade_without_a_start_time() -> None:
    first = record("ProvisioningTarget", 0.0, started_at=None)
    other = record("ProvisioningTarget", 0.0, started_at=None, target_version="v2")
    assert failed(first, other) == [
        "Superseded by another upgrade: upgrade of application resource 'shop' to v1.",
        "It was last seen at 2026-03-01 03:00:00 UTC: provisioning target, 0 %.",
        "On record now: v2, not started yet (provisioning target, 0 %).",
        "Its result cannot be known: Service Fabric keeps only the record of the latest upgrade.",
        "Next: find out who started the other upgrade. Then wait for that upgrade, or release again.",
    ]


def test_superseded_upgrade_without_a_timeline() -> None:
    """No wait produces this state, but a state is read from a database."""
    state = wait(FORWARD, *[record("RollingForward", 10.0, started_at=at(25), target_version="v2")] * 2)
    left = replace(state, expected=None, timeline=())
    assert left.record is not None
    assert failure_message(PATIENT, left, left.record, Verdict.SUPERSEDED).splitlines()[:2] == [
        "Superseded by another upgrade: upgrade of application resource 'shop'.",
        "On record now: v2, started 2026-03-01 03:00:25 UTC (rolling forward, 10 %).",
    ]


# Any record and any policy.

HOSTILE = st.lists(
    st.sampled_from(
        [
            *("\n", "\r\n", "\t", "\x00", "\x1b[31m", "\x85", "\u2028", "\u202e", "\ud800", "\ufeff"),
            *("::endgroup::", "::group::", "%s", "{}", "word ", "a" * 90, "\u00e4"),
        ]
    ),
    max_size=30,
).map("".join)
COUNTS = st.none() | st.integers(-1, 10**6)
TIMES = st.none() | st.sampled_from([YESTERDAY, START, at(45), START + timedelta(days=1)])
RECORDS = st.builds(
    UpgradeProgress,
    st.just("application_resource"),
    HOSTILE,
    state=st.sampled_from(list(OUTCOMES)) | st.none() | HOSTILE,
    target_version=st.none() | HOSTILE,
    previous_version=st.none() | HOSTILE,
    percent_completed=st.none() | st.floats(-1.0, 101.0),
    started_at=TIMES,
    failed_at=TIMES,
    duration_seconds=st.none() | st.floats(0.0, 1e9),
    rolling_upgrade_mode=st.sampled_from(["Monitored", "UnmonitoredManual"]),
    replica_check_timeout_seconds=COUNTS,
    status_details=st.none() | HOSTILE,
    services=st.lists(st.builds(ServiceProgress, HOSTILE, COUNTS, COUNTS), max_size=9).map(tuple),
)
ERRORS = st.builds(Unreachable, HOSTILE, endpoint=st.none() | HOSTILE) | st.just(MISSING)
POLICIES = st.builds(
    Policy,
    st.just(30.0),
    start_timeout=st.sampled_from([60.0, 900.0]),
    unknown_state_timeout=st.sampled_from([60.0, 900.0]),
    unreachable_timeout=st.just(900.0),
    stall_timeout=st.sampled_from([None, 60.0]),
    on_paused=st.sampled_from(["wait", "fail"]),
    on_rollback=st.sampled_from(["wait", "fail_fast"]),
    wait_for_existence=st.booleans(),
    deadline=st.just(at(120)),
    selector=st.builds(
        UpgradeSelector,
        previous=st.none() | st.just(OLD),
        started_after=TIMES,
        target_version=st.just("v1") | HOSTILE,
        accept_current_version=st.booleans(),
    ),
)


def message_of(
    policy: Policy, observations: Sequence[Observation], kind: str = "application_resource"
) -> str:
    """Return the message of a wait for these polls; the last one is repeated until the wait ends."""
    state, poll = WaitState(), 0
    while True:
        now = at(30 * poll)
        state, decision = step(policy, state, observations[min(poll, len(observations) - 1)], now)
        if isinstance(decision, Ended):
            break
        poll += 1
    state = state.ended(decision.by, now)
    if decision.by in {"error", "unreachable_timeout"} and state.error is not None:
        return str(explained_error(state.error, state, kind, "shop"))
    if decision.by != "upgrade":
        return timeout_message(policy, state, kind, "shop", ("timeout", 120.0))
    assert state.record is not None
    assert state.verdict is not None
    if state.verdict is Verdict.SUCCEEDED:
        return success_message(state, state.record)
    return failure_message(policy, state, state.record, state.verdict)


@pytest.mark.parametrize("kind", KINDS)
@given(POLICIES, st.data())
def test_each_message_is_a_few_readable_lines(kind: str, policy: Policy, data: st.DataObject) -> None:
    observations = data.draw(st.lists(records(kind, TIMES) | ERRORS, min_size=1, max_size=4))
    lines = message_of(policy, observations, kind).split("\n")
    assert len(lines) <= 16
    for line in lines:
        assert line.isprintable()
        assert line == line.strip()
        assert 10 < len(line) <= 900
        assert "group::" not in line


@given(POLICIES, st.lists(RECORDS, min_size=1, max_size=6))
def test_first_line_fits_a_mail_subject(policy: Policy, observations: list[UpgradeProgress]) -> None:
    versions: dict[str, Any] = {"target_version": "1.20.300-rc1", "previous_version": "1.20.299"}
    normal = [
        replace(
            observation,
            name="payment-service",
            **versions,
            state=observation.state if observation.state in OUTCOMES else "Other",
        )
        for observation in observations
    ]
    policy = replace(policy, selector=replace(policy.selector, target_version="1.20.300-rc1"))
    subject = message_of(policy, list(normal)).split("\n")[0]
    assert subject.split("pplication resource ")[1].startswith(("'payment-service'", "'shop'"))
    assert len(subject) < (220 if "_timeout)" in subject or "(timeout)" in subject else 200)
