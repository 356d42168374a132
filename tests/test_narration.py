"""What a tired person reads while a wait lasts."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.identity import Meant
from airflow_provider_sf.narration import change_lines, opening, replicas, span, status_line
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.story import Memory
from airflow_provider_sf.upgrades import ServiceProgress, UpgradeProgress
from airflow_provider_sf.watching import AskAgain, Observation, Policy, step

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
YESTERDAY = START - timedelta(days=1)
FIVE_PAST = START + timedelta(minutes=5)
POLICY = Policy(poke_interval=15.0)
STALLS = Policy(poke_interval=15.0, stall_timeout=90.0)
WEB, API, WORKER = ServiceProgress("web", 6, 2), ServiceProgress("api", 2, 3), ServiceProgress("worker", 3, 0)


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


FORWARD, BACK = record("RollingForward"), record("RollingBack", 75.0, target_version="v0")
NEVER = record("CompletedRollforward", 100.0, started_at=None, duration_seconds=0.0, services=())
YESTERDAYS: dict[str, Any] = {"started_at": YESTERDAY, "target_version": "v0", "services": ()}
OLD = record("CompletedRollforward", 100.0, **YESTERDAYS)
AFTER_OLD = Policy(poke_interval=15.0, meant=Meant(previous=OLD))
MANUAL: dict[str, Any] = {"rolling_upgrade_mode": "UnmonitoredManual", "services": ()}
MANUAL_BACK = record("RollingBackPending", 75.0, target_version="v0", **MANUAL)
SILENT = Unreachable("Connection refused", endpoint="http://c:19080")
MISSING = Rejected(
    "no such thing", 500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND", endpoint="http://c:19080"
)

FORWARD_LINE = " 12m04s  rolling forward          62 %  web 6/8  api 2/5  worker 3/3"
UNKNOWN = "a state that this package does not know; it never counts as success"
PAUSED_AFTER_FAILURE = (
    "Paused after a failure at 2026-03-01 03:05:00 UTC, as its FailureAction is Manual. Nothing moves until a "
    "person acts: mend the cause, then resume the upgrade or roll it back"
)
PAUSED_BACK = (
    "Paused in its rollback before the next upgrade domain, as its mode is UnmonitoredManual. Nothing moves "
    "until a person acts: let the next upgrade domain begin"
)
PAUSED_BETWEEN_DOMAINS = (
    "Paused before the next upgrade domain, as its mode is UnmonitoredManual. Nothing moves until a "
    "person acts: let the next upgrade domain begin, or roll the upgrade back"
)


def lines(*looks: Observation, policy: Policy = POLICY) -> list[tuple[int, str]]:
    """Return what is said over a wait with a look every 15 seconds; only the last may end it."""
    memory = Memory()
    said: list[tuple[int, str]] = []
    for poll, look in enumerate(looks):
        before, now = memory, START + timedelta(seconds=15 * poll)
        memory, decision = step(policy, before, look, now)
        assert isinstance(decision, AskAgain) or poll == len(looks) - 1, "the wait went on after its end"
        said += change_lines(before, memory, policy, now)
    return said


def info(*texts: str) -> list[tuple[int, str]]:
    return [(logging.INFO, text) for text in texts]


def warning(*texts: str) -> list[tuple[int, str]]:
    return [(logging.WARNING, text) for text in texts]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (0, "0s"),
        (7.9, "7s"),
        (60, "1m00s"),
        (724, "12m04s"),
        (3_900, "1h05m"),
        (183_600, "2d03h"),
    ],
)
def test_a_duration_is_worded_for_people(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


# The opening.


@pytest.mark.parametrize(
    ("meant", "words"),
    [
        (Meant(), "the latest on record"),
        (Meant(previous=OLD), "another than the one to v0, started 2026-02-28 03:00:00 UTC (previous)"),
        (Meant(previous=NEVER), "the first one ever (previous)"),
        (
            Meant(previous=record("ProvisioningTarget", started_at=None)),
            "another than the one to v1, not started yet (previous)",
        ),
        (
            Meant(previous=record("CompletedRollback", target_version="v0")),
            "another than the one back to v0, started 2026-03-01 03:00:00 UTC (previous)",
        ),
        (
            Meant(previous=record("Failed", target_version=None)),
            "another than the one to an unknown version, started 2026-03-01 03:00:00 UTC (previous)",
        ),
        (
            Meant(started_after=START),
            "one that starts after 2026-03-01 03:00:00 UTC or up to 1m00s before (started_after)",
        ),
        (
            Meant(started_after=START, clock_skew=0.0),
            "one that starts after 2026-03-01 03:00:00 UTC (started_after)",
        ),
        (Meant(target_version="v1"), "one to v1 (target_version)"),
        (
            Meant(target_version="v1", accept_current_version=True),
            "one to v1 (target_version); v1 there already is enough (accept_current_version)",
        ),
        (
            Meant(previous=OLD, started_after=START, clock_skew=5.0, target_version="v1"),
            (
                "another than the one to v0, started 2026-02-28 03:00:00 UTC (previous) and "
                "one that starts after 2026-03-01 03:00:00 UTC or up to 5s before (started_after) and "
                "one to v1 (target_version)"
            ),
        ),
    ],
)
def test_the_opening_says_which_upgrade_is_meant(meant: Meant, words: str) -> None:
    policy = Policy(poke_interval=15.0, meant=meant)
    assert opening("application_resource", "shop", policy, "timeout", 21_600) == (
        f"Waiting for the upgrade of application resource 'shop', {words}: asking every 15s, for 6h00m at most "
        "(timeout); allowed are 15m00s until it begins (start_timeout), 5m00s of silence (unreachable_timeout), "
        "10m00s of an unknown state (unknown_state_timeout)"
    )


def test_the_opening_says_by_which_clocks_the_wait_ends() -> None:
    policy = Policy(30.0, 120.0, start_timeout=60.0, unknown_state_timeout=90.0, stall_timeout=1800.0)
    assert opening("application_resource", "shop", policy, "execution_timeout", 7_200) == (
        "Waiting for the upgrade of application resource 'shop', the latest on record: asking every 30s, for 2h00m "
        "at most (execution_timeout); allowed are 1m00s until it begins (start_timeout), 2m00s of silence "
        "(unreachable_timeout), 1m30s of an unknown state (unknown_state_timeout), 30m00s without change "
        "(stall_timeout)"
    )


# The status line.


def test_a_status_line_shows_time_state_percent_and_replicas() -> None:
    assert status_line(FORWARD) == FORWARD_LINE


def test_a_status_line_shows_what_is_not_known_as_not_known() -> None:
    unsaid = record(None, None, duration_seconds=None, services=(ServiceProgress("web", None, 2),))
    assert status_line(unsaid) == "      -  no state                  - %  web ?/?"
    assert replicas(ServiceProgress("web", 3, None)) == "3/?"


def test_one_line_for_each_change_and_none_without_one() -> None:
    moved = record("RollingForward", 68.0, services=(WEB, ServiceProgress("api", 3, 2), WORKER))
    later = record("RollingForward", 68.0, duration_seconds=800.0, services=moved.services)
    assert lines(FORWARD, FORWARD, moved, later) == info(
        FORWARD_LINE, " 12m04s  rolling forward          68 %  api 3/5"
    )


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("RollingBack", " 12m04s  rolling back             62 %"),
        ("CompletedRollback", " 12m04s  completed rollback       62 %"),
        ("Failed", " 12m04s  failed                   62 %"),
    ],
)
def test_bad_news_is_a_warning(state: str, line: str) -> None:
    assert lines(FORWARD, record(state)) == info(FORWARD_LINE) + warning(line)


# What the state alone does not say.


def test_what_is_at_rest_and_not_meant_is_said_once() -> None:
    assert lines(OLD, OLD, record("RollingForward", 10.0, services=()), policy=AFTER_OLD) == info(
        " 12m04s  completed rollforward   100 %  "
        "(not, as far as can be told, the upgrade that is meant: to v0, started 2026-02-28 03:00:00 UTC)",
        " 12m04s  rolling forward          10 %  "
        "(the upgrade that is meant: to v1, started 2026-03-01 03:00:00 UTC)",
    )


def test_what_moves_and_is_not_meant_is_said_once_in_each_state() -> None:
    policy = Policy(poke_interval=15.0, meant=Meant(started_after=START))
    looks = (
        record("RollingForward", 90.0, **YESTERDAYS),
        record("RollingForward", 95.0, **YESTERDAYS),
        record("UnprovisioningCurrent", 100.0, **YESTERDAYS),
    )
    assert lines(*looks, policy=policy) == info(
        " 12m04s  rolling forward          90 %  "
        "(not, as far as can be told, the upgrade that is meant: to v0, started 2026-02-28 03:00:00 UTC)",
        " 12m04s  rolling forward          95 %",
        " 12m04s  unprovisioning current  100 %  "
        "(not, as far as can be told, the upgrade that is meant: to v0, started 2026-02-28 03:00:00 UTC)",
    )


def test_what_goes_badly_and_is_not_meant_is_no_warning() -> None:
    theirs = record("RollingBack", 75.0, **YESTERDAYS)
    assert lines(theirs, policy=AFTER_OLD) == info(
        " 12m04s  rolling back             75 %  "
        "(not, as far as can be told, the upgrade that is meant: back to v0, started 2026-02-28 03:00:00 UTC)"
    )


def test_an_upgrade_that_has_taken_the_place_of_ours_is_said_once() -> None:
    theirs = {"started_at": FIVE_PAST, "target_version": "v2", "services": ()}
    looks = (FORWARD, record("RollingForward", 10.0, **theirs), record("RollingForward", 12.0, **theirs))
    assert lines(*looks) == info(FORWARD_LINE) + warning(
        " 12m04s  rolling forward          10 %  "
        "(another upgrade has taken the place of ours: to v2, started 2026-03-01 03:05:00 UTC)",
        " 12m04s  rolling forward          12 %",
    )


def test_that_nobody_ever_upgraded_it_is_said_once() -> None:
    assert lines(NEVER, NEVER, FORWARD) == info(
        "     0s  completed rollforward   100 %  (no upgrade is on record yet)",
        f"{FORWARD_LINE}  (the upgrade that is meant: to v1, started 2026-03-01 03:00:00 UTC)",
    )


def test_that_ours_is_gone_is_said_once() -> None:
    assert lines(FORWARD, NEVER, NEVER) == info(
        FORWARD_LINE,
        "     0s  completed rollforward   100 %  (no upgrade is on record any more: ours is gone)",
    )


def test_an_unknown_state_is_never_silent_and_explained_each_time_it_is_entered() -> None:
    looks = (
        record("RollingSideways", services=()),
        record("RollingSideways", 63.0, services=()),
        record("RollingForward", 64.0, services=()),
        record("Invalid", 64.0, services=()),
    )
    assert lines(*looks) == [
        (logging.WARNING, f" 12m04s  rolling sideways         62 %  ({UNKNOWN})"),
        (logging.WARNING, " 12m04s  rolling sideways         63 %"),
        (logging.INFO, " 12m04s  rolling forward          64 %"),
        (logging.WARNING, f" 12m04s  invalid                  64 %  ({UNKNOWN})"),
    ]


def test_an_old_success_that_is_accepted_is_said_to_be_enough() -> None:
    meant = Meant(started_after=START, target_version="v0", accept_current_version=True)
    assert lines(OLD, policy=Policy(poke_interval=15.0, meant=meant)) == info(
        " 12m04s  completed rollforward   100 %  (there already, which is enough (accept_current_version): "
        "to v0, started 2026-02-28 03:00:00 UTC)"
    )


# Pauses.


def test_a_pause_after_a_failure_says_once_that_a_person_must_act() -> None:
    paused: dict[str, Any] = {**MANUAL, "failed_at": FIVE_PAST}
    looks = (record("RollingForward", **paused), record("RollingForward", 70.0, **paused))
    assert lines(*looks, looks[1]) == warning(
        " 12m04s  rolling forward          62 %",
        PAUSED_AFTER_FAILURE,
        " 12m04s  rolling forward          70 %",
    )


def test_a_second_pause_is_said_again() -> None:
    pending, rolling = "RollingForwardPending", "RollingForward"
    looks = (
        record(rolling, 40.0, **MANUAL),
        record(pending, 40.0, **MANUAL),
        record(rolling, 60.0, **MANUAL),
        record(pending, 60.0, **MANUAL),
    )
    assert lines(*looks) == [
        (logging.INFO, " 12m04s  rolling forward          40 %"),
        (logging.WARNING, " 12m04s  rolling forward pending   40 %"),
        (logging.WARNING, PAUSED_BETWEEN_DOMAINS),
        (logging.INFO, " 12m04s  rolling forward          60 %  (moves again)"),
        (logging.WARNING, " 12m04s  rolling forward pending   60 %"),
        (logging.WARNING, PAUSED_BETWEEN_DOMAINS),
    ]


@pytest.mark.parametrize(
    ("look", "line"),
    [
        (
            FORWARD,
            (
                logging.INFO,
                " 12m04s  rolling forward          62 %  web 6/8  api 2/5  worker 3/3  (moves again)",
            ),
        ),
        (
            BACK,
            (
                logging.WARNING,
                " 12m04s  rolling back             75 %  web 6/8  api 2/5  worker 3/3  (moves again)",
            ),
        ),
        (
            record("CompletedRollforward", 100.0, services=()),
            (logging.INFO, " 12m04s  completed rollforward   100 %"),
        ),
        (
            record("CompletedRollback", 100.0, target_version="v0", services=()),
            (logging.WARNING, " 12m04s  completed rollback      100 %"),
        ),
        (record("Failed", services=()), (logging.WARNING, " 12m04s  failed                   62 %")),
    ],
)
def test_only_what_should_move_moves_again_after_a_pause(
    look: UpgradeProgress, line: tuple[int, str]
) -> None:
    assert lines(record("RollingForwardPending", **MANUAL), look) == [
        (logging.WARNING, " 12m04s  rolling forward pending   62 %"),
        (logging.WARNING, PAUSED_BETWEEN_DOMAINS),
        line,
    ]


def test_a_pause_that_another_one_follows_does_not_move_again() -> None:
    looks = (
        record("RollingForward", failed_at=FIVE_PAST, **MANUAL),
        record("RollingForwardPending", **MANUAL),
    )
    assert lines(*looks) == warning(
        " 12m04s  rolling forward          62 %",
        PAUSED_AFTER_FAILURE,
        " 12m04s  rolling forward pending   62 %",
        PAUSED_BETWEEN_DOMAINS,
    )


def test_a_pause_on_the_way_back_does_not_offer_to_roll_back() -> None:
    assert lines(MANUAL_BACK) == warning(
        " 12m04s  rolling back pending     75 %",
        PAUSED_BACK,
    )


# Stalls.


@pytest.mark.parametrize(
    ("look", "line"),
    [
        (FORWARD, (logging.INFO, FORWARD_LINE)),
        (BACK, (logging.WARNING, " 12m04s  rolling back             75 %  web 6/8  api 2/5  worker 3/3")),
    ],
)
def test_half_a_stall_is_said_once(look: UpgradeProgress, line: tuple[int, str]) -> None:
    assert lines(*[look] * 6, policy=STALLS) == [
        line,
        (logging.WARNING, "Nothing has changed for 45s, half of stall_timeout"),
    ]


def test_half_a_stall_is_said_again_after_a_change() -> None:
    moved = record("UnprovisioningCurrent", 100.0)
    assert lines(*[FORWARD] * 5, *[moved] * 6, policy=STALLS) == [
        (logging.INFO, FORWARD_LINE),
        (logging.WARNING, "Nothing has changed for 45s, half of stall_timeout"),
        (logging.INFO, " 12m04s  unprovisioning current  100 %"),
        (logging.WARNING, "Nothing has changed for 45s, half of stall_timeout"),
    ]


def test_half_a_stall_is_said_with_the_answer_that_ends_a_silence() -> None:
    assert lines(FORWARD, SILENT, SILENT, SILENT, FORWARD, policy=STALLS)[2:] == [
        (logging.INFO, "The cluster answers again after 45s"),
        (logging.WARNING, "Nothing has changed for 45s, half of stall_timeout"),
    ]


@pytest.mark.parametrize("look", [record("RollingForwardPending", **MANUAL), OLD, record("Invalid")])
def test_what_need_not_move_does_not_stall(look: UpgradeProgress) -> None:
    policy = Policy(poke_interval=15.0, stall_timeout=90.0, meant=Meant(previous=OLD))
    assert lines(*[look] * 9, policy=policy) == lines(look, policy=policy)


# What comes instead of a record.


def test_a_silence_is_said_when_it_begins_and_when_it_ends() -> None:
    assert lines(FORWARD, SILENT, SILENT, SILENT, FORWARD, SILENT) == [
        (logging.INFO, FORWARD_LINE),
        (logging.WARNING, "No usable answer, forgiven for 5m00s: http://c:19080: Connection refused"),
        (logging.INFO, "The cluster answers again after 45s"),
        (logging.WARNING, "No usable answer, forgiven for 5m00s: http://c:19080: Connection refused"),
    ]


def test_that_it_does_not_exist_is_said_once_for_each_time_it_goes() -> None:
    policy = Policy(poke_interval=15.0, wait_for_existence=True)
    missing = (
        "It does not exist, which counts as not begun (wait_for_existence): "
        "http://c:19080: HTTP 500 FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND: no such thing"
    )
    assert lines(MISSING, MISSING, SILENT, MISSING, NEVER, MISSING, policy=policy) == [
        (logging.INFO, missing),
        (logging.WARNING, "No usable answer, forgiven for 5m00s: http://c:19080: Connection refused"),
        (logging.INFO, "The cluster answers again after 15s"),
        (logging.INFO, "     0s  completed rollforward   100 %  (no upgrade is on record yet)"),
        (logging.INFO, missing),
    ]


@pytest.mark.parametrize("refusal", [Rejected("no"), MISSING])
def test_a_refusal_is_left_to_the_error_that_it_becomes(refusal: Rejected) -> None:
    assert lines(refusal) == []
