"""What a tired person reads when a wait has ended, perhaps in an e-mail whose subject is the first line."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_sf.messages.results import failure, success, timeout_message
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.outcomes import OUTCOMES
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import Verdict, WaitState
from airflow_provider_sf.wait.state_machine import Ended, Observation, step

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
YESTERDAY = START - timedelta(days=1)
WEB, API, WORKER = ServiceProgress("web", 6, 2), ServiceProgress("api", 2, 3), ServiceProgress("worker", 3, 0)
PATIENT = Policy(poke_interval=30.0)
STALLS = replace(PATIENT, stall_timeout=60.0)
ONE_MINUTE = Policy(poke_interval=30.0, deadline=START + timedelta(minutes=1))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def record(state: str | None, percent: float | None = 62.0, **fields: Any) -> UpgradeProgress:
    said = {
        "started_at": START,
        "previous_version": "v0",
        "target_version": "v1",
        "duration_seconds": 724.0,
        "services": (WEB, API, WORKER),
        **fields,
    }
    return UpgradeProgress("application_resource", "shop", state=state, percent_completed=percent, **said)


FORWARD, UNKNOWN = record("RollingForward"), record("RollingSideways", services=())
BACKWARD: dict[str, Any] = {"previous_version": "v1", "target_version": "v0", "services": ()}
FAILED_BACK = record(
    "Failed", 75.0, target_version="v0", services=(), failed_at=START + timedelta(seconds=60)
)
BACK, ROLLED_BACK = record("RollingBack", 75.0, **BACKWARD), record("CompletedRollback", 100.0, **BACKWARD)
DONE = record("CompletedRollforward", 100.0)
NEVER = record("CompletedRollforward", 100.0, started_at=None, duration_seconds=0.0, services=())
YESTERDAYS: dict[str, Any] = {"started_at": YESTERDAY, "target_version": "v0", "services": ()}
OLD = record("CompletedRollforward", 100.0, **YESTERDAYS)
AFTER_OLD = UpgradeSelector(previous=OLD)
MANUAL: dict[str, Any] = {"rolling_upgrade_mode": "UnmonitoredManual"}
PAUSED = record("RollingForward", failed_at=at(-60), **MANUAL)
BETWEEN_DOMAINS = record("RollingForwardPending", **MANUAL)
PAUSED_BACK = record("RollingBackPending", 75.0, **BACKWARD, **MANUAL)
SILENT = Unreachable("Connection refused", endpoint="http://c:19080")
MISSING = Rejected(
    "no such thing", 500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND", endpoint="http://c:19080"
)

WATCHED = "This task only watched it: nothing was stopped or rolled back."
LOOK_AND_MEND = (
    "Next: look at the health and the logs of the services behind, mend the new version and release it again. "
    "This task is not retried: to wait again cannot change how the upgrade ended."
)
LOOK_AT_ITS_SERVICES = (
    "Next: look at the health and the logs of its services, mend the new version and release it again. "
    "This task is not retried: to wait again cannot change how the upgrade ended."
)
LOOK_AT_THE_START = (
    "Next: see whether the task that starts the upgrade did so, and whether it started what is awaited."
)
WHO_WAS_IT = "Next: find out who deleted or replaced it."
PAUSED_AFTER_FAILURE = (
    "Paused after a failure at 2026-03-01 02:59:00 UTC, as its FailureAction is Manual. Nothing moves until a "
    "person acts: mend the cause, then resume the upgrade or roll it back."
)
PAUSED_BETWEEN_DOMAINS = (
    "Paused before the next upgrade domain, as its mode is UnmonitoredManual. Nothing moves until a "
    "person acts: let the next upgrade domain begin, or roll the upgrade back."
)
PAUSED_IN_ROLLBACK = (
    "Paused in its rollback before the next upgrade domain, as its mode is UnmonitoredManual. Nothing moves "
    "until a person acts: let the next upgrade domain begin."
)


def wait(*looks: Observation, policy: Policy = PATIENT) -> WaitState:
    """Look every 30 seconds until the wait has ended, which it must with the last look."""
    memory, ends = WaitState(), []
    for poll, look in enumerate(looks):
        memory, decision = step(policy, memory, look, at(30 * poll))
        ends.append(decision.by if isinstance(decision, Ended) else "")
    assert all(ends[-1:]), "the wait goes on"
    assert not any(ends[:-1]), "the wait went on after its end"
    return memory.ended(ends[-1], at(30 * (len(looks) - 1)))


def failed(*looks: UpgradeProgress, policy: Policy = PATIENT) -> list[str]:
    """Return what is said of a wait that ends badly; its last look is confirmed by one more."""
    story = wait(*looks, looks[-1], policy=policy)
    assert story.verdict is not None
    assert story.ended_by == "upgrade"
    return short(failure(policy, story, looks[-1], story.verdict))


def ran_out(*looks: Observation, policy: Policy = ONE_MINUTE, clock: str = "timeout") -> list[str]:
    """Return what is said of a wait that a clock ends."""
    story = wait(*looks, policy=policy)
    assert story.ended_by == clock
    return short(timeout_message(policy, story, "application_resource", "shop", ("timeout", 60.0)))


def short(text: str) -> list[str]:
    lines = text.splitlines()
    assert len(lines) <= 15
    return lines


# It ended well.


def succeeded(*looks: UpgradeProgress, policy: Policy = PATIENT) -> str:
    """Return what is said of a wait that ends well."""
    story = wait(*looks, policy=policy)
    assert story.verdict is Verdict.SUCCEEDED
    return success(story, looks[-1])


def test_a_success_is_one_line() -> None:
    assert succeeded(FORWARD, record("CompletedRollforward", 100.0)) == (
        "Upgrade of application resource 'shop' from v0 to v1 completed in 12m04s"
    )


def test_a_success_without_a_duration_invents_none() -> None:
    assert succeeded(record("CompletedRollforward", duration_seconds=None, previous_version=None)) == (
        "Upgrade of application resource 'shop' to v1 completed"
    )


def test_a_success_of_which_no_timeline_is_left_is_still_told() -> None:
    """No wait of ours ends so; but a story comes from a database."""
    done = record("CompletedRollforward", 100.0)
    assert success(WaitState(record=done, ended_by="upgrade"), done) == (
        "Upgrade of application resource 'shop' from v0 to v1 completed in 12m04s"
    )


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (
            record("CompletedRollforward", 100.0, started_at=YESTERDAY),
            (
                "Application resource 'shop' is at v1 already, from an upgrade that started "
                "2026-02-28 03:00:00 UTC (accept_current_version)"
            ),
        ),
        (
            NEVER,
            "Application resource 'shop' is at v1 already, and was never upgraded (accept_current_version)",
        ),
    ],
)
def test_a_version_that_is_there_already_is_not_told_as_an_upgrade_of_ours(
    look: UpgradeProgress, words: str
) -> None:
    selector = UpgradeSelector(started_after=START, target_version="v1", accept_current_version=True)
    assert succeeded(look, policy=replace(PATIENT, selector=selector)) == words


# It was rolled back.


def test_a_rollback_that_was_watched_tells_the_whole_story() -> None:
    """Service Fabric forgets the failure when it tries again; the story does not."""
    details = "Deployment rolling back from version: v1 to version: v0."
    over = record("CompletedRollback", 100.0, **BACKWARD, status_details=details)
    assert failed(FORWARD, record("RollingForward", failed_at=at(20)), FORWARD, BACK, over) == [
        "Upgrade of application resource 'shop' from v0 to v1 was rolled back at 62 % (CompletedRollback).",
        (
            "It was last seen going forward at 2026-03-01 03:01:00 UTC, first seen going back at "
            "2026-03-01 03:01:30 UTC. It failed at 2026-03-01 03:00:20 UTC."
        ),
        "Services behind: web 6/8 (2 to come), api 2/5 (3 to come).",
        "Service Fabric says: Deployment rolling back from version: v1 to version: v0.",
        LOOK_AND_MEND,
    ]


def test_the_failure_on_record_goes_before_one_that_was_seen_earlier() -> None:
    over = record("CompletedRollback", 100.0, **BACKWARD, failed_at=at(40))
    assert failed(record("RollingForward", failed_at=at(-60)), over)[1] == (
        "It was last seen going forward at 2026-03-01 03:00:00 UTC, first seen going back at "
        "2026-03-01 03:00:30 UTC. It failed at 2026-03-01 03:00:40 UTC."
    )


def test_of_several_failures_the_last_is_told() -> None:
    second = record("RollingForward", failed_at=at(50), **MANUAL)
    assert failed(PAUSED, FORWARD, second, BACK, ROLLED_BACK)[1] == (
        "It was last seen going forward at 2026-03-01 03:01:00 UTC, first seen going back at "
        "2026-03-01 03:01:30 UTC. It failed at 2026-03-01 03:00:50 UTC."
    )


def test_a_rollback_without_a_failure_time_says_between_which_looks_it_turned() -> None:
    assert failed(FORWARD, ROLLED_BACK)[1] == (
        "It was last seen going forward at 2026-03-01 03:00:00 UTC, first seen going back at "
        "2026-03-01 03:00:30 UTC."
    )


def test_a_state_that_nobody_knows_is_not_yet_the_way_back() -> None:
    assert failed(FORWARD, UNKNOWN, BACK, ROLLED_BACK)[1] == (
        "It was last seen going forward at 2026-03-01 03:00:00 UTC, first seen going back at "
        "2026-03-01 03:01:00 UTC."
    )


def test_a_pause_is_a_step_forward_and_a_pause_on_the_way_back_is_not() -> None:
    assert failed(FORWARD, BETWEEN_DOMAINS, PAUSED_BACK, ROLLED_BACK)[1] == (
        "It was last seen going forward at 2026-03-01 03:00:30 UTC, first seen going back at "
        "2026-03-01 03:01:00 UTC."
    )


def test_what_another_upgrade_did_before_ours_is_not_told_as_ours() -> None:
    theirs = record("RollingForward", 99.0, **YESTERDAYS, failed_at=YESTERDAY)
    assert failed(theirs, ROLLED_BACK, policy=replace(PATIENT, selector=AFTER_OLD))[:2] == [
        "Upgrade of application resource 'shop' from v0 to v1 was rolled back (CompletedRollback).",
        "How far it had come is not known: it was going back already when this task first saw it.",
    ]


def test_a_rollback_that_was_over_at_the_first_look_says_so() -> None:
    assert failed(record("CompletedRollback", 100.0, **BACKWARD, failed_at=at(-60))) == [
        "Upgrade of application resource 'shop' from v0 to v1 was rolled back (CompletedRollback).",
        (
            "How far it had come is not known: it was going back already when this task first saw it. "
            "It failed at 2026-03-01 02:59:00 UTC."
        ),
        LOOK_AT_ITS_SERVICES,
    ]


def test_a_rollback_is_not_waited_for_with_fail_fast() -> None:
    assert failed(FORWARD, BACK, policy=replace(PATIENT, on_rollback="fail_fast")) == [
        (
            "Upgrade of application resource 'shop' from v0 to v1 turned back at 62 % and is being rolled back "
            "(RollingBack); on_rollback='fail_fast' ends the wait."
        ),
        (
            "It was last seen going forward at 2026-03-01 03:00:00 UTC, first seen going back at "
            "2026-03-01 03:00:30 UTC."
        ),
        "Services behind: web 6/8 (2 to come), api 2/5 (3 to come).",
        "Next: the rollback goes on by itself; look at the services behind before you release again.",
    ]


def test_a_rollback_under_way_at_the_first_look_names_no_services() -> None:
    assert failed(BACK, policy=replace(PATIENT, on_rollback="fail_fast")) == [
        (
            "Upgrade of application resource 'shop' from v0 to v1 turned back and is being rolled back "
            "(RollingBack); on_rollback='fail_fast' ends the wait."
        ),
        "How far it had come is not known: it was going back already when this task first saw it.",
        "Next: the rollback goes on by itself; look at its services before you release again.",
    ]


def test_a_story_that_ends_before_the_turn_was_seen_tells_what_is_left() -> None:
    """No wait of ours ends so; but a story comes from a database."""
    story = replace(wait(FORWARD, ROLLED_BACK, ROLLED_BACK), timeline=wait(FORWARD, DONE).timeline[:1])
    assert failure(PATIENT, story, ROLLED_BACK, Verdict.FAILED).splitlines()[1] == (
        "It was last seen going forward at 2026-03-01 03:00:00 UTC."
    )


# It failed, or is paused.


def test_a_failure_names_every_service_behind() -> None:
    assert failed(FORWARD, record("Failed", 63.0)) == [
        "Upgrade of application resource 'shop' from v0 to v1 failed at 63 % (Failed).",
        "Services behind: web 6/8 (2 to come), api 2/5 (3 to come).",
        LOOK_AND_MEND,
    ]


def test_a_failure_names_six_services_and_counts_the_others() -> None:
    many = tuple(ServiceProgress(f"service{number}", 1, 1) for number in range(9))
    assert failed(FORWARD, record("Failed", 63.0, services=(WORKER, *many)))[1] == (
        "Services behind: service0 1/2 (1 to come), service1 1/2 (1 to come), service2 1/2 (1 to come), "
        "service3 1/2 (1 to come), service4 1/2 (1 to come), service5 1/2 (1 to come), and 3 more."
    )


def test_a_rollback_names_the_services_that_its_last_step_forward_has_kept() -> None:
    many = tuple(ServiceProgress(f"service{number}", 1, 1) for number in range(9))
    assert failed(record("RollingForward", services=many), ROLLED_BACK)[2] == (
        "Services behind: service0 1/2 (1 to come), service1 1/2 (1 to come), service2 1/2 (1 to come), "
        "service3 1/2 (1 to come), service4 1/2 (1 to come), and 4 more."
    )


def test_a_failure_tells_when_it_failed() -> None:
    assert failed(FORWARD, record("Failed", 63.0, services=(WORKER,), failed_at=at(20))) == [
        "Upgrade of application resource 'shop' from v0 to v1 failed at 63 % (Failed).",
        "It failed at 2026-03-01 03:00:20 UTC.",
        LOOK_AT_ITS_SERVICES,
    ]


def test_a_failure_on_the_way_back_still_tells_where_the_upgrade_went() -> None:
    """From the turn to rollback on, Service Fabric reports the old version as the target."""
    assert failed(FORWARD, BACK, FAILED_BACK) == [
        "Upgrade of application resource 'shop' from v0 to v1 turned back at 62 %, then failed (Failed).",
        (
            "It was last seen going forward at 2026-03-01 03:00:00 UTC, first seen going back at "
            "2026-03-01 03:00:30 UTC. It failed at 2026-03-01 03:01:00 UTC."
        ),
        "Services behind: web 6/8 (2 to come), api 2/5 (3 to come).",
        LOOK_AND_MEND,
    ]


def test_versions_that_are_not_known_are_not_invented() -> None:
    flipped = record("CompletedRollback", 100.0, previous_version="v0", target_version="v0")
    assert failed(flipped)[0] == (
        "Upgrade of application resource 'shop' from v0 was rolled back (CompletedRollback)."
    )
    unsaid = record("Failed", None, previous_version=None, target_version=None, services=())
    assert failed(unsaid) == [
        "Upgrade of application resource 'shop' failed (Failed).",
        LOOK_AT_ITS_SERVICES,
    ]


def test_a_failure_stays_short_whatever_service_fabric_says() -> None:
    line = "a line of words " * 31
    assert failed(record("Failed", status_details="a line of words\r\n" * 1000))[2:] == [
        f"Service Fabric says: {line}a li...",
        LOOK_AND_MEND,
    ]
    assert failed(record("Failed", status_details=f"{line}end."))[2] == f"Service Fabric says: {line}end."


@pytest.mark.parametrize(
    ("paused", "state", "words"),
    [
        (PAUSED, "RollingForward", PAUSED_AFTER_FAILURE),
        (BETWEEN_DOMAINS, "RollingForwardPending", PAUSED_BETWEEN_DOMAINS),
    ],
)
def test_a_pause_is_a_failure_for_who_wants_it(paused: UpgradeProgress, state: str, words: str) -> None:
    assert failed(FORWARD, paused, policy=replace(PATIENT, on_paused="fail")) == [
        (
            f"Upgrade of application resource 'shop' from v0 to v1 is paused at 62 % ({state}); "
            "on_paused='fail' ends the wait."
        ),
        "Services behind: web 6/8 (2 to come), api 2/5 (3 to come).",
        words,
    ]


@pytest.mark.parametrize(
    ("policy", "parameter"),
    [
        (replace(PATIENT, on_rollback="fail_fast"), "on_rollback='fail_fast'"),
        (replace(PATIENT, on_paused="fail"), "on_paused='fail'"),
    ],
)
def test_a_pause_on_the_way_back_blames_the_parameter_that_ends_the_wait(
    policy: Policy, parameter: str
) -> None:
    assert failed(FORWARD, PAUSED_BACK, policy=policy) == [
        (
            "Upgrade of application resource 'shop' from v0 to v1 turned back at 62 % and is paused in its "
            f"rollback (RollingBackPending); {parameter} ends the wait."
        ),
        (
            "It was last seen going forward at 2026-03-01 03:00:00 UTC, first seen going back at "
            "2026-03-01 03:00:30 UTC."
        ),
        "Services behind: web 6/8 (2 to come), api 2/5 (3 to come).",
        PAUSED_IN_ROLLBACK,
    ]


# It was overtaken.


def test_an_upgrade_that_was_overtaken_tells_of_both() -> None:
    provisioning = record("ProvisioningTarget", 0.0, started_at=None)
    theirs = record("RollingForward", 10.0, started_at=at(55), target_version="v2")
    assert failed(provisioning, FORWARD, theirs) == [
        "Upgrade of application resource 'shop' to v1 was overtaken at 62 %: another upgrade has taken its place.",
        "Ours, started 2026-03-01 03:00:00 UTC, was last seen at 2026-03-01 03:00:30 UTC: rolling forward, 62 %.",
        "On record is now: rolling forward, 10 %, to v2, started 2026-03-01 03:00:55 UTC.",
        "How ours ended cannot be known: Service Fabric keeps one record, that of the latest.",
        "Next: find out who started the other upgrade, and wait for that one or release again.",
    ]


def test_an_upgrade_that_was_overtaken_on_its_way_back_has_perhaps_no_known_version() -> None:
    theirs = record("CompletedRollback", None, started_at=at(25), target_version="v1")
    assert failed(BACK, theirs)[:3] == [
        "Upgrade of application resource 'shop' was overtaken: another upgrade has taken its place.",
        "Ours, started 2026-03-01 03:00:00 UTC, was last seen at 2026-03-01 03:00:00 UTC: rolling back, 75 %.",
        "On record is now: completed rollback, percent unknown, back to v1, started 2026-03-01 03:00:25 UTC.",
    ]


def test_an_upgrade_may_be_overtaken_before_it_has_a_start_time() -> None:
    expected = record("ProvisioningTarget", 0.0, started_at=None)
    theirs = record("ProvisioningTarget", 0.0, started_at=None, target_version="v2")
    assert failed(expected, theirs) == [
        "Upgrade of application resource 'shop' to v1 was overtaken at 0 %: another upgrade has taken its place.",
        "Ours was last seen at 2026-03-01 03:00:00 UTC: provisioning target, 0 %.",
        "On record is now: provisioning target, 0 %, to v2, not started yet.",
        "How ours ended cannot be known: Service Fabric keeps one record, that of the latest.",
        "Next: find out who started the other upgrade, and wait for that one or release again.",
    ]


def test_a_story_without_a_timeline_tells_what_is_left() -> None:
    """No wait of ours ends so; but a story comes from a database."""
    story = wait(FORWARD, *[record("RollingForward", 10.0, started_at=at(25), target_version="v2")] * 2)
    left = replace(story, expected=None, timeline=())
    assert left.record is not None
    assert failure(PATIENT, left, left.record, Verdict.SUPERSEDED).splitlines()[:2] == [
        "Upgrade of application resource 'shop' was overtaken: another upgrade has taken its place.",
        "On record is now: rolling forward, 10 %, to v2, started 2026-03-01 03:00:25 UTC.",
    ]


# The last clock ran out.


def test_a_timeout_names_its_clock_and_the_last_progress() -> None:
    story = wait(FORWARD, FORWARD, FORWARD, policy=ONE_MINUTE)
    text = timeout_message(ONE_MINUTE, story, "application_resource", "shop", ("execution_timeout", 3600.0))
    assert text.splitlines() == [
        (
            "Upgrade of application resource 'shop' to v1 is not over after 1h00m (execution_timeout); "
            "last seen: rolling forward, 62 %."
        ),
        "Services behind: web 6/8 (2 to come), api 2/5 (3 to come).",
        WATCHED,
    ]


def test_a_timeout_shows_what_is_not_known_as_not_known() -> None:
    unsaid = record("RollingForward", None, duration_seconds=None, target_version=None, services=())
    assert ran_out(unsaid, unsaid, unsaid) == [
        (
            "Upgrade of application resource 'shop' is not over after 1m00s (timeout); "
            "last seen: rolling forward, percent unknown."
        ),
        WATCHED,
    ]


def test_a_timeout_in_a_silence_says_so() -> None:
    assert ran_out(FORWARD, SILENT, SILENT) == [
        (
            "Upgrade of application resource 'shop' to v1 is not over after 1m00s (timeout); "
            "last seen: rolling forward, 62 %."
        ),
        "The cluster was silent at the end: http://c:19080: Connection refused",
        "Services behind: web 6/8 (2 to come), api 2/5 (3 to come).",
        WATCHED,
    ]


def test_a_timeout_before_the_first_look_says_so() -> None:
    story = WaitState().ended("timeout", START)
    text = timeout_message(ONE_MINUTE, story, "application_resource", "shop", ("timeout", 60.0))
    assert text.splitlines() == [
        "Upgrade of application resource 'shop' was not seen to end within 1m00s (timeout); the cluster does not answer.",
        WATCHED,
    ]


def test_a_timeout_of_a_cluster_that_never_answered_says_so() -> None:
    assert ran_out(SILENT, SILENT, SILENT) == [
        "Upgrade of application resource 'shop' was not seen to end within 1m00s (timeout); the cluster does not answer.",
        "The cluster was silent at the end: http://c:19080: Connection refused",
        WATCHED,
    ]


@pytest.mark.parametrize(
    ("paused", "last_seen", "words"),
    [
        (PAUSED, "rolling forward, 62 %", PAUSED_AFTER_FAILURE),
        (BETWEEN_DOMAINS, "rolling forward pending, 62 %", PAUSED_BETWEEN_DOMAINS),
    ],
)
def test_a_timeout_in_a_pause_says_who_must_act(paused: UpgradeProgress, last_seen: str, words: str) -> None:
    assert ran_out(FORWARD, paused, paused) == [
        (
            "Upgrade of application resource 'shop' to v1 is not over after 1m00s (timeout); "
            f"last seen: {last_seen}."
        ),
        "Services behind: web 6/8 (2 to come), api 2/5 (3 to come).",
        words,
        WATCHED,
    ]


def test_a_timeout_in_a_pause_on_the_way_back_does_not_offer_to_roll_back() -> None:
    assert ran_out(FORWARD, PAUSED_BACK, PAUSED_BACK) == [
        (
            "Upgrade of application resource 'shop' to v1 is not over after 1m00s (timeout); "
            "last seen: rolling back pending, 75 %."
        ),
        PAUSED_IN_ROLLBACK,
        WATCHED,
    ]


def test_a_timeout_in_an_unknown_state_says_so() -> None:
    assert ran_out(FORWARD, UNKNOWN, UNKNOWN) == [
        (
            "Upgrade of application resource 'shop' to v1 is not over after 1m00s (timeout); "
            "last seen: rolling sideways, 62 %."
        ),
        "This is a state that this package does not know; it never counts as success.",
        WATCHED,
    ]


def test_a_timeout_in_an_unknown_state_of_what_is_not_ours_says_no_more() -> None:
    theirs = record("RollingSideways", **YESTERDAYS)
    assert ran_out(theirs, theirs, theirs, policy=replace(ONE_MINUTE, selector=AFTER_OLD)) == [
        (
            "Upgrade of application resource 'shop' is not over after 1m00s (timeout); "
            "last seen: rolling sideways, 62 %."
        ),
        "This is a state that this package does not know; it never counts as success.",
        WATCHED,
    ]


# Ours never began.


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (NEVER, "nobody ever upgraded it."),
        (
            OLD,
            "the last one on record is completed rollforward, 100 %, to v0, started 2026-02-28 03:00:00 UTC.",
        ),
        (
            record("RollingForward", **YESTERDAYS),
            "another one is under way: rolling forward, 62 %, to v0, started 2026-02-28 03:00:00 UTC.",
        ),
    ],
)
def test_a_timeout_before_ours_has_begun_says_what_is_there_instead(look: Observation, words: str) -> None:
    assert ran_out(look, look, look, policy=replace(ONE_MINUTE, selector=AFTER_OLD)) == [
        f"Application resource 'shop': no matching upgrade appeared within 1m00s (timeout); {words}",
        "Awaited was another than the one to v0, started 2026-02-28 03:00:00 UTC (previous).",
        LOOK_AT_THE_START,
    ]


def test_a_timeout_before_ours_has_begun_may_fall_into_a_silence() -> None:
    assert ran_out(OLD, SILENT, SILENT, policy=replace(ONE_MINUTE, selector=AFTER_OLD)) == [
        (
            "Application resource 'shop': no matching upgrade appeared within 1m00s (timeout); "
            "the last one on record is completed rollforward, 100 %, to v0, started 2026-02-28 03:00:00 UTC."
        ),
        "The cluster was silent at the end: http://c:19080: Connection refused",
        "Awaited was another than the one to v0, started 2026-02-28 03:00:00 UTC (previous).",
        LOOK_AT_THE_START,
    ]


@pytest.mark.parametrize(
    ("state", "fields", "words"),
    [
        ("RollingForward", {"failed_at": at(-60)}, PAUSED_AFTER_FAILURE),
        ("RollingForwardPending", {}, PAUSED_BETWEEN_DOMAINS),
    ],
)
def test_a_timeout_before_ours_has_begun_says_that_anothers_waits_for_a_person(
    state: str, fields: dict[str, Any], words: str
) -> None:
    theirs = record(state, **YESTERDAYS, **MANUAL, **fields)
    last_seen = {"RollingForward": "rolling forward", "RollingForwardPending": "rolling forward pending"}[
        state
    ]
    assert ran_out(theirs, theirs, theirs, policy=replace(ONE_MINUTE, selector=AFTER_OLD)) == [
        (
            "Application resource 'shop': no matching upgrade appeared within 1m00s (timeout); another one is "
            f"under way: {last_seen}, 62 %, to v0, started 2026-02-28 03:00:00 UTC."
        ),
        words,
        "Awaited was another than the one to v0, started 2026-02-28 03:00:00 UTC (previous).",
        LOOK_AT_THE_START,
    ]


def test_what_did_not_exist_before_a_silence_was_not_seen_to_end() -> None:
    policy = replace(ONE_MINUTE, wait_for_existence=True)
    assert ran_out(MISSING, SILENT, SILENT, policy=policy) == [
        (
            "Upgrade of application resource 'shop' was not seen to end within 1m00s (timeout); "
            "the cluster does not answer."
        ),
        "The cluster was silent at the end: http://c:19080: Connection refused",
        WATCHED,
    ]


@pytest.mark.parametrize("clock", ["timeout", "start_timeout"])
def test_what_does_not_exist_ends_the_wait_like_what_has_not_begun(clock: str) -> None:
    waits = Policy(poke_interval=30.0, wait_for_existence=True, selector=UpgradeSelector(target_version="v1"))
    by_clock = {
        "timeout": replace(waits, deadline=at(60)),
        "start_timeout": replace(waits, start_timeout=60.0),
    }
    ended_by = clock.removesuffix("_timeout")
    assert ran_out(MISSING, MISSING, MISSING, policy=by_clock[clock], clock=ended_by) == [
        (
            "Application resource 'shop': no matching upgrade appeared within "
            f"1m00s ({clock}); it does not exist."
        ),
        "The cluster says: http://c:19080: HTTP 500 FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND: no such thing",
        "Awaited was one to v1 (target_version).",
        LOOK_AT_THE_START,
    ]


def test_what_is_at_rest_and_not_meant_ends_the_wait_with_start_timeout() -> None:
    policy = replace(PATIENT, start_timeout=60.0, selector=AFTER_OLD)
    assert ran_out(OLD, OLD, OLD, policy=policy, clock="start") == [
        (
            "Application resource 'shop': no matching upgrade appeared within 1m00s (start_timeout); "
            "the last one on record is completed rollforward, 100 %, to v0, started 2026-02-28 03:00:00 UTC."
        ),
        "Awaited was another than the one to v0, started 2026-02-28 03:00:00 UTC (previous).",
        LOOK_AT_THE_START,
    ]


def test_what_nobody_ever_upgraded_ends_the_wait_with_start_timeout() -> None:
    policy = replace(PATIENT, start_timeout=60.0)
    assert ran_out(NEVER, NEVER, NEVER, policy=policy, clock="start") == [
        (
            "Application resource 'shop': no matching upgrade appeared within 1m00s (start_timeout); "
            "nobody ever upgraded it."
        ),
        "Awaited was the latest on record.",
        LOOK_AT_THE_START,
    ]


# Ours is gone.


def test_an_upgrade_whose_application_was_created_anew_is_gone() -> None:
    policy = replace(PATIENT, start_timeout=60.0)
    assert ran_out(FORWARD, NEVER, NEVER, NEVER, policy=policy, clock="start") == [
        (
            "Upgrade of application resource 'shop' to v1 is gone from the record; "
            "nothing of it was there for 1m00s (start_timeout)."
        ),
        "Ours, started 2026-03-01 03:00:00 UTC, was last seen at 2026-03-01 03:00:00 UTC: rolling forward, 62 %.",
        "The last answer: nobody ever upgraded it.",
        WHO_WAS_IT,
    ]


def test_an_upgrade_whose_application_was_deleted_is_gone() -> None:
    policy = replace(PATIENT, start_timeout=60.0, wait_for_existence=True)
    assert ran_out(FORWARD, MISSING, MISSING, MISSING, policy=policy, clock="start") == [
        (
            "Upgrade of application resource 'shop' to v1 is gone from the record; "
            "nothing of it was there for 1m00s (start_timeout)."
        ),
        "The cluster says: http://c:19080: HTTP 500 FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND: no such thing",
        "Ours, started 2026-03-01 03:00:00 UTC, was last seen at 2026-03-01 03:00:00 UTC: rolling forward, 62 %.",
        "The last answer: it does not exist.",
        WHO_WAS_IT,
    ]


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (NEVER, "The last answer: nobody ever upgraded it."),
        (MISSING, "The last answer: it does not exist."),
    ],
)
def test_an_upgrade_that_is_gone_is_not_forgotten_in_a_silence(look: Observation, words: str) -> None:
    policy = replace(ONE_MINUTE, wait_for_existence=True)
    assert ran_out(FORWARD, look, SILENT, policy=policy) == [
        (
            "Upgrade of application resource 'shop' to v1 is gone from the record; "
            "the wait ended after 1m00s (timeout)."
        ),
        "The cluster was silent at the end: http://c:19080: Connection refused",
        "Ours, started 2026-03-01 03:00:00 UTC, was last seen at 2026-03-01 03:00:00 UTC: rolling forward, 62 %.",
        words,
        WHO_WAS_IT,
    ]


# Another clock ran out.


@pytest.mark.parametrize(
    ("state", "said"),
    [("RollingSideways", "says 'RollingSideways'"), (None, "names no state")],
)
def test_an_unknown_state_ends_the_wait_with_its_own_clock(state: str | None, said: str) -> None:
    look, policy = record(state, services=()), replace(PATIENT, unknown_state_timeout=60.0)
    assert ran_out(FORWARD, look, look, look, policy=policy, clock="unknown") == [
        (
            "Upgrade of application resource 'shop' to v1 has been in an unknown state for "
            f"1m00s (unknown_state_timeout): Service Fabric {said}."
        ),
        "An unknown state never counts as success. Please report it.",
        WATCHED,
    ]


def test_a_stall_says_without_whom_service_fabric_never_goes_on() -> None:
    assert ran_out(FORWARD, FORWARD, FORWARD, policy=STALLS, clock="stall") == [
        (
            "Upgrade of application resource 'shop' to v1 has stalled: nothing changed for 1m00s (stall_timeout); "
            "last seen: rolling forward, 62 %."
        ),
        "Services behind: web 6/8 (2 to come), api 2/5 (3 to come).",
        "The replica check timeout is infinite: Service Fabric never goes on without them.",
        WATCHED,
    ]


def test_a_stall_says_when_the_replica_check_ends() -> None:
    finite = record("RollingForward", replica_check_timeout_seconds=900)
    assert ran_out(finite, finite, finite, policy=STALLS, clock="stall") == [
        (
            "Upgrade of application resource 'shop' to v1 has stalled: nothing changed for 1m00s (stall_timeout); "
            "last seen: rolling forward, 62 %."
        ),
        "Services behind: web 6/8 (2 to come), api 2/5 (3 to come).",
        (
            "After 15m00s in an upgrade domain Service Fabric goes on without them, even at the cost of "
            "availability (replica check timeout)."
        ),
        WATCHED,
    ]


def test_a_stall_with_nobody_behind_does_not_speak_of_replicas() -> None:
    idle = record("UnprovisioningCurrent", 100.0, services=(WORKER,))
    assert ran_out(idle, idle, idle, policy=STALLS, clock="stall") == [
        (
            "Upgrade of application resource 'shop' to v1 has stalled: nothing changed for 1m00s (stall_timeout); "
            "last seen: unprovisioning current, 100 %."
        ),
        WATCHED,
    ]


def test_a_stall_of_another_upgrade_is_not_told_as_ours() -> None:
    theirs = record("RollingForward", **YESTERDAYS)
    assert ran_out(theirs, theirs, theirs, policy=replace(STALLS, selector=AFTER_OLD), clock="stall") == [
        (
            "Another upgrade of application resource 'shop' has stalled: nothing changed for 1m00s (stall_timeout); "
            "last seen: rolling forward, 62 %."
        ),
        (
            "It is not the upgrade that is meant, as far as can be told: "
            "to v0, started 2026-02-28 03:00:00 UTC."
        ),
        WATCHED,
    ]


# Whatever the cluster says, and whatever the policy.

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


def ending(policy: Policy, looks: list[Observation]) -> str:
    """Return the last words of a wait for these looks, the last of them for ever."""
    memory, poll = WaitState(), 0
    while True:
        now = at(30 * poll)
        memory, decision = step(policy, memory, looks[min(poll, len(looks) - 1)], now)
        if isinstance(decision, Ended):
            break
        poll += 1
    story = memory.ended(decision.by, now)
    if decision.by == "error":
        return f"Rejected: {story.error}"
    if decision.by != "upgrade":
        return timeout_message(policy, story, "application_resource", "shop", ("timeout", 120.0))
    assert story.record is not None
    assert story.verdict is not None
    if story.verdict is Verdict.SUCCEEDED:
        return success(story, story.record)
    return failure(policy, story, story.record, story.verdict)


@settings(max_examples=60)
@given(POLICIES, st.lists(RECORDS | ERRORS, min_size=1, max_size=6))
def test_every_end_is_a_few_readable_lines_whatever_the_cluster_says(
    policy: Policy, looks: list[Observation]
) -> None:
    lines = ending(policy, looks).split("\n")
    assert len(lines) <= 10
    for line in lines:
        assert line.isprintable()
        assert line == line.strip()
        assert 10 < len(line) <= 750
        assert "group::" not in line


@settings(max_examples=60)
@given(POLICIES, st.lists(RECORDS, min_size=1, max_size=6))
def test_the_first_line_of_an_end_is_a_subject_of_an_e_mail(
    policy: Policy, looks: list[UpgradeProgress]
) -> None:
    versions: dict[str, Any] = {"target_version": "1.20.300-rc1", "previous_version": "1.20.299"}
    normal = [
        replace(
            look, name="payment-service", **versions, state=look.state if look.state in OUTCOMES else "Other"
        )
        for look in looks
    ]
    policy = replace(policy, selector=replace(policy.selector, target_version="1.20.300-rc1"))
    subject = ending(policy, list(normal)).split("\n")[0]
    assert subject.split("pplication resource ")[1].startswith(("'payment-service'", "'shop'"))
    assert len(subject) < (220 if "_timeout)" in subject or "(timeout)" in subject else 200)
