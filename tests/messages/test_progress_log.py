"""What a tired person reads while a wait lasts."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_sf.messages.progress_log import LogState, changed_lines, opening_lines, status_line
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.outcomes import OUTCOMES
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import Observation, PollAgain, step
from tests.simulated_waits import Telling, domains, simulated, tell

if TYPE_CHECKING:
    from collections.abc import Callable

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


ROLLING, PENDING = "RollingForward", "RollingForwardPending"
FORWARD, BACK = record("RollingForward"), record("RollingBack", 75.0, target_version="v0")
FURTHER = record(ROLLING, 64.0, services=(ServiceProgress("web", 7, 1), API, WORKER))
DONE = record("CompletedRollforward", 100.0, services=())
NEVER = record("CompletedRollforward", 100.0, started_at=None, duration_seconds=0.0, services=())
YESTERDAYS: dict[str, Any] = {"started_at": YESTERDAY, "target_version": "v0", "services": ()}
OLD = record("CompletedRollforward", 100.0, **YESTERDAYS)
AFTER_OLD = Policy(poke_interval=15.0, selector=UpgradeSelector(previous=OLD))
MANUAL: dict[str, Any] = {"rolling_upgrade_mode": "UnmonitoredManual", "services": ()}
MANUAL_BACK = record("RollingBackPending", 75.0, target_version="v0", **MANUAL)
SILENT = Unreachable("Connection refused", endpoint="http://c:19080")
MISSING = Rejected(
    "no such thing", 500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND", endpoint="http://c:19080"
)

FORWARD_STATUS = "rolling forward               62 %  [############--------]  web 6/8  api 2/5  worker 3/3"
FORWARD_LINE = f"     0s  {FORWARD_STATUS}"
HALF_STALLED = "nothing has changed for 45s; stall_timeout is 1m30s"
BEHIND = "services behind: web 6/8 (2 to come), api 2/5 (3 to come)"
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
    memory, told = WaitState(), LogState()
    said: list[tuple[int, str]] = []
    for poll, look in enumerate(looks):
        before, now = memory, START + timedelta(seconds=15 * poll)
        memory, decision = step(policy, before, look, now)
        assert isinstance(decision, PollAgain) or poll == len(looks) - 1, "the wait went on after its end"
        told, more = changed_lines(told, before, memory, policy, now)
        said += more
    return said


def info(*texts: str) -> list[tuple[int, str]]:
    return [(logging.INFO, text) for text in texts]


def warning(*texts: str) -> list[tuple[int, str]]:
    return [(logging.WARNING, text) for text in texts]


# The opening.


def test_the_opening_says_what_is_awaited_where_and_by_which_clocks() -> None:
    policy = Policy(poke_interval=15.0, selector=UpgradeSelector(target_version="v1"))
    assert opening_lines("application_resource", "shop", "http://c:19080", policy, ("timeout", 21_600.0)) == (
        "Waiting for the upgrade of application resource 'shop' at http://c:19080: one to v1 (target_version)",
        (
            "Asking every 15s; timeout 6h00m, start_timeout 15m00s, unknown_state_timeout 10m00s, "
            "unreachable_timeout 5m00s"
        ),
    )


def test_the_opening_names_each_clock_that_is_set() -> None:
    policy = Policy(30.0, 120.0, start_timeout=60.0, unknown_state_timeout=90.0, stall_timeout=1800.0)
    limit = ("execution_timeout", 7_200.0)
    assert opening_lines("application_resource", "shop", "http://c:19080", policy, limit) == (
        "Waiting for the upgrade of application resource 'shop' at http://c:19080: the latest on record",
        (
            "Asking every 30s; execution_timeout 2h00m, start_timeout 1m00s, stall_timeout 30m00s, "
            "unknown_state_timeout 1m30s, unreachable_timeout 2m00s"
        ),
    )


def test_the_opening_promises_no_constant_pace_if_pauses_grow() -> None:
    policy = Policy(15.0, exponential_backoff=True)
    _, said = opening_lines("application_resource", "shop", "http://c:19080", policy, ("timeout", 60.0))
    assert said.startswith("Asking every 15s at first; timeout 1m00s, ")


# The status line.


def test_a_status_line_shows_state_percent_bar_and_replicas() -> None:
    assert status_line(FORWARD, FORWARD.services) == FORWARD_STATUS


def test_a_status_line_names_the_services_that_it_is_given() -> None:
    assert (
        status_line(FORWARD, [API]) == "rolling forward               62 %  [############--------]  api 2/5"
    )
    nine = [ServiceProgress(f"s{number}", 1, 2) for number in range(9)]
    assert status_line(FORWARD, nine) == (
        "rolling forward               62 %  [############--------]  "
        "s0 1/3  s1 1/3  s2 1/3  s3 1/3  s4 1/3  s5 1/3  and 3 more"
    )


def test_a_status_line_shows_what_is_not_known_as_not_known() -> None:
    unsaid = record(None, None, services=(ServiceProgress("web", None, 2),))
    assert status_line(unsaid, unsaid.services) == (
        "no state                       - %  [                    ]  web ?/?"
    )


def test_what_nobody_ever_upgraded_is_not_shown_as_completed() -> None:
    assert status_line(NEVER, ()) == "not upgraded                   - %  [                    ]"


# Progress within one state.


def test_progress_is_told_in_steps_of_five_percent() -> None:
    looks = [record(ROLLING, 60.0 + step, services=()) for step in range(12)]
    assert lines(*looks) == info(
        "     0s  rolling forward               60 %  [############--------]",
        "  1m15s  rolling forward               65 %  [#############-------]",
        "  2m30s  rolling forward               70 %  [##############------]",
    )


def test_a_step_back_is_progress_too() -> None:
    looks = [record(ROLLING, percent, services=()) for percent in (60.0, 56.0, 55.0)]
    assert lines(*looks) == info(
        "     0s  rolling forward               60 %  [############--------]",
        "    30s  rolling forward               55 %  [###########---------]",
    )


def test_only_services_that_have_moved_since_the_last_line_are_named() -> None:
    moved = record(ROLLING, 68.0, services=(WEB, ServiceProgress("api", 3, 2), WORKER))
    assert lines(FORWARD, FORWARD, moved, replace(moved, duration_seconds=800.0)) == info(
        FORWARD_LINE, "    30s  rolling forward               68 %  [#############-------]  api 3/5"
    )


def test_without_a_percentage_the_replicas_say_how_far_it_is() -> None:
    looks = [record(ROLLING, None, services=(ServiceProgress("web", n, 40 - n),)) for n in range(5)]
    assert lines(*looks) == info(
        "     0s  rolling forward                0 %  [--------------------]  web 0/40",
        "    30s  rolling forward                5 %  [#-------------------]  web 2/40",
        "  1m00s  rolling forward               10 %  [##------------------]  web 4/40",
    )


# Upgrade domains.


def rolling(completed: int, *, phase: str | None = None, **fields: Any) -> UpgradeProgress:
    """Return a look at a classic application whose upgrade is in the domain after so many that are completed."""
    between = phase is not None
    return UpgradeProgress(
        "application",
        "fabric:/shop/web",
        state="RollingForwardPending" if between else "RollingForwardInProgress",
        started_at=START,
        target_version="v1",
        rolling_upgrade_mode="Monitored",
        health_check_phase=phase,
        domains=domains(completed, between=between, checks=fields.pop("checks", ())),
        **fields,
    )


IN_PROGRESS = "rolling forward in progress"


def test_each_domain_is_worth_a_line_and_the_pause_before_it_is_not() -> None:
    looks = [rolling(0), rolling(0), rolling(1, phase="WaitDuration"), rolling(1, phase="StableDuration")]
    assert lines(*looks, rolling(1), rolling(1), rolling(2)) == info(
        f"     0s  {IN_PROGRESS}    0 %  [--------------------]  domain UD1 (1 of 5)",
        f"  1m00s  {IN_PROGRESS}   20 %  [####----------------]  domain UD2 (2 of 5)",
        f"  1m30s  {IN_PROGRESS}   40 %  [########------------]  domain UD3 (3 of 5)",
    )


def test_a_wait_that_begins_in_a_pause_says_which_check_of_the_health_it_is() -> None:
    assert lines(rolling(1, phase="StableDuration"), rolling(1)) == info(
        "     0s  rolling forward pending       20 %  [####----------------]  1 of 5 domains: health check, stable duration",
        f"    15s  {IN_PROGRESS}   20 %  [####----------------]  domain UD2 (2 of 5)",
    )


def test_a_check_that_finds_something_unhealthy_is_told_at_once_and_once() -> None:
    sick = rolling(1, phase="Retry", unhealthy_evaluations=("Error: service web: It is down.", "Error: more"))
    assert lines(rolling(0), rolling(1, phase="WaitDuration"), sick, sick) == info(
        f"     0s  {IN_PROGRESS}    0 %  [--------------------]  domain UD1 (1 of 5)",
        (
            "    30s  rolling forward pending       20 %  [####----------------]  1 of 5 domains: "
            "health check, retry: Error: service web: It is down."
        ),
    )


def test_what_is_over_waits_for_no_check_of_its_health() -> None:
    over = replace(rolling(5, phase="StableDuration"), state="RollingForwardCompleted")
    assert status_line(over, ()) == "rolling forward completed    100 %  [####################]"


def test_safety_checks_are_told_once_they_have_held_the_upgrade_up_for_two_minutes() -> None:
    """Every domain begins with some: only those that stay are news."""
    held, other = rolling(1, checks=("node1 waits",)), rolling(1, checks=("node1 waits", "node2 waits"))
    place = f"{IN_PROGRESS}   20 %  [####----------------]  domain UD2 (2 of 5)"
    assert lines(rolling(0), *[held] * 12, *[other] * 9) == info(
        f"     0s  {IN_PROGRESS}    0 %  [--------------------]  domain UD1 (1 of 5)",
        f"    15s  {place}",
        f"  2m15s  {place}: node1 waits",
        f"  5m15s  {place}: node1 waits; node2 waits",
    )


def test_what_is_held_back_is_told_after_ten_minutes() -> None:
    """A line about a silence does not tell it."""
    assert lines(FORWARD, FURTHER, SILENT, SILENT, *[FURTHER] * 41) == [
        *info(FORWARD_LINE),
        (
            logging.WARNING,
            "    45s  no usable answer, forgiven for 5m00s: http://c:19080: Connection refused",
        ),
        (logging.WARNING, "  1m00s  the cluster answers again after 30s"),
        (logging.INFO, " 10m00s  rolling forward               64 %  [############--------]  web 7/8"),
    ]


def test_what_cannot_be_compared_is_held_back() -> None:
    looks = [record(ROLLING, percent, services=()) for percent in [None, *[10.0, None] * 19, 10.0, 10.0]]
    assert lines(*looks) == info(
        "     0s  rolling forward                - %  [                    ]",
        " 10m00s  rolling forward               10 %  [##------------------]",
    )


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("RollingBack", "    15s  rolling back                  62 %  [############--------]"),
        ("CompletedRollback", "    15s  completed rollback            62 %  [############--------]"),
        ("Failed", "    15s  failed                        62 %  [############--------]"),
    ],
)
def test_bad_news_is_a_warning(state: str, line: str) -> None:
    assert lines(FORWARD, record(state)) == info(FORWARD_LINE) + warning(line)


# Signs of life.


def test_a_sign_of_life_comes_every_ten_minutes_and_says_how_long_nothing_has_changed() -> None:
    assert lines(*[FORWARD] * 90) == info(
        FORWARD_LINE,
        " 10m00s  rolling forward               62 %  [############--------]  unchanged for 10m00s",
        " 20m00s  rolling forward               62 %  [############--------]  unchanged for 20m00s",
    )


def test_a_process_that_takes_over_says_nothing_before_it_is_time() -> None:
    """The trigger begins with what its worker has told."""
    memory, _ = step(POLICY, WaitState(), FORWARD, START)
    told = LogState.of(FORWARD, START)
    assert changed_lines(told, memory, memory, POLICY, START) == (told, [])
    early, late = START + timedelta(seconds=599), START + timedelta(seconds=600)
    assert changed_lines(told, memory, memory, POLICY, early) == (told, [])
    assert changed_lines(told, memory, memory, POLICY, late) == (
        LogState(FORWARD, START, late),
        info(" 10m00s  rolling forward               62 %  [############--------]  unchanged for 10m00s"),
    )


def test_a_sign_of_life_does_not_hide_a_pause() -> None:
    assert lines(*[record(PENDING, **MANUAL)] * 41)[2:] == info(
        " 10m00s  rolling forward pending       62 %  [############--------]  paused, unchanged for 10m00s"
    )


@pytest.mark.parametrize("look", [NEVER, MISSING, OLD])
def test_a_sign_of_life_before_it_has_begun_says_when_the_start_timeout_ends(look: Observation) -> None:
    policy = replace(AFTER_OLD, wait_for_existence=True)
    assert lines(*[look] * 60, policy=policy)[1:] == info(
        " 10m00s  not begun: nothing has changed for 10m00s; start_timeout is in 5m00s"
    )


@pytest.mark.parametrize("look", [NEVER, MISSING])
def test_a_sign_of_life_after_ours_is_gone_does_not_say_that_it_has_not_begun(look: Observation) -> None:
    policy = replace(POLICY, wait_for_existence=True)
    assert lines(FORWARD, *[look] * 60, policy=policy)[2:] == info(
        " 10m15s  ours is gone: nothing has changed for 10m00s; start_timeout is in 5m00s"
    )


def test_a_sign_of_life_in_a_silence_says_how_long_it_lasts_and_may_last() -> None:
    policy = replace(POLICY, unreachable_timeout=1_500.0)
    assert lines(FORWARD, *[SILENT] * 82, policy=policy)[1:] == warning(
        "    30s  no usable answer, forgiven for 25m00s: http://c:19080: Connection refused",
        " 10m30s  still no usable answer, for 10m15s; forgiven for 14m45s more",
        " 20m30s  still no usable answer, for 20m15s; forgiven for 4m45s more",
    )


# What the state alone does not say.


def test_what_is_at_rest_and_not_meant_is_said_once() -> None:
    assert lines(OLD, OLD, record(ROLLING, 10.0, services=()), policy=AFTER_OLD) == info(
        "     0s  completed rollforward        100 %  [####################]  "
        "(not the upgrade meant: to v0, started 2026-02-28 03:00:00 UTC)",
        "    30s  rolling forward               10 %  [##------------------]  "
        "(the upgrade meant: to v1, started 2026-03-01 03:00:00 UTC)",
    )


def test_what_moves_and_is_not_meant_is_said_once_in_each_state() -> None:
    policy = Policy(poke_interval=15.0, selector=UpgradeSelector(started_after=START))
    looks = (
        record(ROLLING, 90.0, **YESTERDAYS),
        record(ROLLING, 95.0, **YESTERDAYS),
        record("UnprovisioningCurrent", 100.0, **YESTERDAYS),
    )
    assert lines(*looks, policy=policy) == info(
        "     0s  rolling forward               90 %  [##################--]  "
        "(not the upgrade meant: to v0, started 2026-02-28 03:00:00 UTC)",
        "    15s  rolling forward               95 %  [###################-]",
        "    30s  unprovisioning current       100 %  [####################]  "
        "(not the upgrade meant: to v0, started 2026-02-28 03:00:00 UTC)",
    )


def test_what_goes_badly_and_is_not_meant_is_no_warning() -> None:
    assert lines(record("RollingBack", 75.0, **YESTERDAYS), policy=AFTER_OLD) == info(
        "     0s  rolling back                  75 %  [###############-----]  "
        "(not the upgrade meant: back to v0, started 2026-02-28 03:00:00 UTC)"
    )


def test_an_upgrade_that_has_taken_the_place_of_ours_is_said_once() -> None:
    theirs: dict[str, Any] = {"started_at": FIVE_PAST, "target_version": "v2", "services": ()}
    looks = (FORWARD, record(ROLLING, 10.0, **theirs), record(ROLLING, 15.0, **theirs))
    assert lines(*looks) == info(FORWARD_LINE) + warning(
        "    15s  rolling forward               10 %  [##------------------]  "
        "(another upgrade has taken the place of ours: to v2, started 2026-03-01 03:05:00 UTC)",
        "    30s  rolling forward               15 %  [###-----------------]",
    )


def test_that_nobody_ever_upgraded_it_is_said_once() -> None:
    assert lines(NEVER, NEVER, FORWARD) == info(
        "     0s  not upgraded                   - %  [                    ]  (no upgrade is on record yet)",
        f"    30s  {FORWARD_STATUS}  (the upgrade meant: to v1, started 2026-03-01 03:00:00 UTC)",
    )


def test_that_ours_is_gone_is_said_once() -> None:
    assert lines(FORWARD, NEVER, NEVER) == info(
        FORWARD_LINE,
        "    15s  not upgraded                   - %  [                    ]  "
        "(no upgrade is on record any more: ours is gone)",
    )


def test_an_unknown_state_is_never_silent_and_explained_each_time_it_is_entered() -> None:
    looks = (
        record("RollingSideways", services=()),
        record("RollingSideways", 69.0, services=()),
        record(ROLLING, 70.0, services=()),
        record("Invalid", 70.0, services=()),
    )
    assert lines(*looks) == [
        (
            logging.WARNING,
            f"     0s  rolling sideways              62 %  [############--------]  ({UNKNOWN})",
        ),
        (logging.WARNING, "    15s  rolling sideways              69 %  [#############-------]"),
        (logging.INFO, "    30s  rolling forward               70 %  [##############------]"),
        (
            logging.WARNING,
            f"    45s  invalid                       70 %  [##############------]  ({UNKNOWN})",
        ),
    ]


def test_an_old_success_that_is_accepted_is_said_to_be_enough() -> None:
    selector = UpgradeSelector(started_after=START, target_version="v0", accept_current_version=True)
    assert lines(OLD, policy=Policy(poke_interval=15.0, selector=selector)) == info(
        "     0s  completed rollforward        100 %  [####################]  "
        "(there already, which is enough (accept_current_version): to v0, started 2026-02-28 03:00:00 UTC)"
    )


# Pauses.


def test_a_pause_after_a_failure_says_once_that_a_person_must_act() -> None:
    paused: dict[str, Any] = {**MANUAL, "failed_at": FIVE_PAST}
    looks = (record(ROLLING, **paused), record(ROLLING, 70.0, **paused))
    assert lines(*looks, looks[1]) == warning(
        "     0s  rolling forward               62 %  [############--------]",
        f"     0s  {PAUSED_AFTER_FAILURE}",
        "    15s  rolling forward               70 %  [##############------]",
    )


def test_a_second_pause_is_said_again() -> None:
    looks = (
        record(ROLLING, 40.0, **MANUAL),
        record(PENDING, 40.0, **MANUAL),
        record(ROLLING, 60.0, **MANUAL),
        record(PENDING, 60.0, **MANUAL),
    )
    assert lines(*looks) == info(
        "     0s  rolling forward               40 %  [########------------]"
    ) + warning(
        "    15s  rolling forward pending       40 %  [########------------]",
        f"    15s  {PAUSED_BETWEEN_DOMAINS}",
        "    30s  rolling forward               60 %  [############--------]  (moves again)",
        "    45s  rolling forward pending       60 %  [############--------]",
        f"    45s  {PAUSED_BETWEEN_DOMAINS}",
    )


@pytest.mark.parametrize(
    ("look", "line"),
    [
        (FORWARD, f"    15s  {FORWARD_STATUS}  (moves again)"),
        (
            BACK,
            (
                "    15s  rolling back                  75 %  [###############-----]  web 6/8  api 2/5  worker 3/3  "
                "(moves again)"
            ),
        ),
        (DONE, "    15s  completed rollforward        100 %  [####################]"),
        (
            record("CompletedRollback", 100.0, target_version="v0", services=()),
            "    15s  completed rollback           100 %  [####################]",
        ),
        (
            record("Failed", services=()),
            "    15s  failed                        62 %  [############--------]",
        ),
    ],
)
def test_the_end_of_a_pause_is_a_warning_and_only_what_should_move_moves_again(
    look: UpgradeProgress, line: str
) -> None:
    assert lines(record(PENDING, **MANUAL), look) == warning(
        "     0s  rolling forward pending       62 %  [############--------]",
        f"     0s  {PAUSED_BETWEEN_DOMAINS}",
        line,
    )


def test_a_pause_that_another_one_follows_does_not_move_again() -> None:
    looks = (record(ROLLING, failed_at=FIVE_PAST, **MANUAL), record(PENDING, **MANUAL))
    assert lines(*looks) == warning(
        "     0s  rolling forward               62 %  [############--------]",
        f"     0s  {PAUSED_AFTER_FAILURE}",
        "    15s  rolling forward pending       62 %  [############--------]",
        f"    15s  {PAUSED_BETWEEN_DOMAINS}",
    )


def test_a_pause_on_the_way_back_does_not_offer_to_roll_back() -> None:
    assert lines(MANUAL_BACK) == warning(
        "     0s  rolling back pending          75 %  [###############-----]", f"     0s  {PAUSED_BACK}"
    )


# Stalls.


@pytest.mark.parametrize(
    ("look", "line"),
    [
        (FORWARD, (logging.INFO, FORWARD_LINE)),
        (
            BACK,
            (
                logging.WARNING,
                "     0s  rolling back                  75 %  [###############-----]  web 6/8  api 2/5  worker 3/3",
            ),
        ),
    ],
)
def test_half_a_stall_is_said_once_and_names_who_is_behind(
    look: UpgradeProgress, line: tuple[int, str]
) -> None:
    assert lines(*[look] * 6, policy=STALLS) == [line, *warning(f"    45s  {HALF_STALLED}; {BEHIND}")]


def test_half_a_stall_with_nobody_behind_names_nobody() -> None:
    look = record("UnprovisioningCurrent", 100.0, services=(WORKER,))
    assert lines(*[look] * 6, policy=STALLS)[1:] == warning(f"    45s  {HALF_STALLED}")


def test_the_end_of_half_a_stall_is_a_warning_and_the_next_half_is_said_again() -> None:
    looks = [FORWARD] * 5 + [FURTHER] * 5 + [DONE]
    assert lines(*looks, policy=STALLS) == info(FORWARD_LINE) + warning(
        f"    45s  {HALF_STALLED}; {BEHIND}",
        "  1m15s  rolling forward               64 %  [############--------]  web 7/8  "
        "(moves again, after 1m15s without a change)",
        f"  2m00s  {HALF_STALLED}; services behind: web 7/8 (1 to come), api 2/5 (3 to come)",
        "  2m30s  completed rollforward        100 %  [####################]  (after 1m15s without a change)",
    )


def test_a_change_before_half_a_stall_does_not_move_again() -> None:
    assert lines(FORWARD, FORWARD, FURTHER, FURTHER, policy=STALLS) == info(FORWARD_LINE)


def test_half_a_stall_is_said_with_the_answer_that_ends_a_silence() -> None:
    assert lines(FORWARD, SILENT, SILENT, SILENT, FORWARD, policy=STALLS)[2:] == warning(
        "  1m00s  the cluster answers again after 45s",
        f"  1m00s  nothing has changed for 1m00s; stall_timeout is 1m30s; {BEHIND}",
    )


@pytest.mark.parametrize("look", [record(PENDING, **MANUAL), OLD, record("Invalid")])
def test_what_need_not_move_does_not_stall(look: UpgradeProgress) -> None:
    policy = Policy(poke_interval=15.0, stall_timeout=90.0, selector=UpgradeSelector(previous=OLD))
    assert lines(*[look] * 9, policy=policy) == lines(look, policy=policy)


# What comes instead of a record.


def test_a_silence_is_said_when_it_begins_and_when_it_ends() -> None:
    assert lines(FORWARD, SILENT, SILENT, SILENT, FORWARD, SILENT, SILENT) == info(FORWARD_LINE) + warning(
        "    30s  no usable answer, forgiven for 5m00s: http://c:19080: Connection refused",
        "  1m00s  the cluster answers again after 45s",
        "  1m30s  no usable answer, forgiven for 5m00s: http://c:19080: Connection refused",
    )


def test_a_first_look_without_an_answer_is_said_at_once() -> None:
    assert lines(SILENT, SILENT, FORWARD) == warning(
        "     0s  no usable answer, forgiven for 5m00s: http://c:19080: Connection refused",
        "    30s  the cluster answers again after 30s",
    ) + info(f"    30s  {FORWARD_STATUS}")


def test_a_gateway_that_loses_every_second_answer_is_not_told_of_each_time() -> None:
    """One bad node behind a load balancer; the story at the end counts what was lost."""
    looks: list[Observation] = [FORWARD, SILENT] * 20
    assert lines(*looks) == info(FORWARD_LINE)


def test_that_it_does_not_exist_is_said_once_for_each_time_it_goes() -> None:
    policy = Policy(poke_interval=15.0, wait_for_existence=True)
    missing = (
        "it does not exist, which counts as not begun (wait_for_existence): "
        "http://c:19080: HTTP 500 FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND: no such thing"
    )
    assert lines(MISSING, MISSING, SILENT, MISSING, NEVER, MISSING, policy=policy) == [
        (logging.INFO, f"     0s  {missing}"),
        (
            logging.INFO,
            "  1m00s  not upgraded                   - %  [                    ]  (no upgrade is on record yet)",
        ),
        (logging.INFO, f"  1m15s  {missing}"),
    ]


def test_what_exists_again_is_told_again() -> None:
    policy = Policy(poke_interval=15.0, wait_for_existence=True)
    assert lines(FORWARD, MISSING, FORWARD, policy=policy)[2:] == info(f"    30s  {FORWARD_STATUS}")


@pytest.mark.parametrize("refusal", [Rejected("no"), MISSING])
def test_a_refusal_is_left_to_the_error_that_it_becomes(refusal: Rejected) -> None:
    assert lines(refusal) == []
    assert lines(*[FORWARD] * 40, refusal) == info(FORWARD_LINE)


# Whole waits.


def look_every_15_seconds(look: Callable[[int], Observation], **policy: Any) -> Telling:
    """Tell of an upgrade of two hours of which a function says what each of 480 polls brings."""

    def cluster(now: datetime) -> Observation:
        poll = round((now - START).total_seconds() / 15)
        return DONE if poll >= 480 else look(poll)

    return tell("shop", cluster, Policy(15.0, **policy))


def test_two_hours_of_a_good_upgrade_are_at_most_40_lines() -> None:
    told = tell("good-shop", simulated("good", speed=600 / 7200), Policy(15.0))
    assert told.story.polls == 481
    assert len(told.lines) <= 40


WEB_OF_480 = [(ServiceProgress("web", poll, 480 - poll),) for poll in range(480)]


@pytest.mark.parametrize(
    ("most", "look"),
    [
        (24, lambda poll: record(ROLLING, poll / 4.8)),
        (24, lambda poll: record(ROLLING, poll / 4.8, services=WEB_OF_480[poll])),
        (24, lambda poll: record(ROLLING, None, services=WEB_OF_480[poll])),
        (15, lambda poll: record(ROLLING, 50.0, services=WEB_OF_480[poll])),
        (15, lambda poll: record(ROLLING, None, services=(ServiceProgress(f"s{poll}", None, None),))),
        (24, lambda poll: record(ROLLING, poll / 4.8 if poll % 2 else None, services=())),
        (27, lambda poll: record(ROLLING, None, services=(ServiceProgress("web", 3, poll),))),
        (15, lambda _poll: FORWARD),
    ],
    ids=[
        *("percent", "percent and replicas", "replicas without percent", "replicas, percent stands still"),
        *("other services each time", "percent comes and goes", "ever more replicas", "nothing"),
    ],
)
def test_two_hours_in_which_every_poll_changes_something_are_at_most_40_lines(
    most: int, look: Callable[[int], Observation]
) -> None:
    assert most <= 40
    told = look_every_15_seconds(look)
    assert told.story.polls == 481
    assert len(told.lines) <= most


def test_two_hours_with_a_stall_timeout_of_half_an_hour_are_at_most_40_lines() -> None:
    """The worst case is one step after each half of it: a warning, and another when it moves again."""
    told = look_every_15_seconds(lambda poll: record(ROLLING, poll // 61 * 10.0), stall_timeout=1800.0)
    assert sum("stall_timeout is 30m00s" in line for _, line in told.lines) == 7
    assert len(told.lines) <= 40


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_line_of_a_wait_begins_with_the_time_since_it_began(scenario: str) -> None:
    told = tell(f"{scenario}-shop", simulated(scenario), Policy(15.0, stall_timeout=1_200.0))
    elapsed = []
    for _, line in told.lines[2:]:
        matched = re.fullmatch(r" *(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?  \S.*", line)
        assert matched, line
        assert line[6] in "hms"
        hours, minutes, seconds = (int(part or 0) for part in matched.groups())
        elapsed.append(3_600 * hours + 60 * minutes + seconds)
    assert elapsed == sorted(elapsed)
    assert told.text.isascii()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_log_is_never_silent_for_longer_than_ten_minutes_and_a_poll(scenario: str) -> None:
    """The narration is asked at each poll, so the lines of each poll are known by when they come."""
    memory, told, now, unreachable_since = WaitState(), LogState(), START, START
    policy, look = Policy(15.0, start_timeout=3_600.0, unknown_state_timeout=3_600.0), simulated(scenario)
    while now < START + timedelta(hours=1):
        before = memory
        memory, decision = step(policy, before, look(now), now)
        told, said = changed_lines(told, before, memory, policy, now)
        unreachable_since = now if said else unreachable_since
        assert now - unreachable_since <= timedelta(minutes=10)
        if not isinstance(decision, PollAgain):
            break
        now += timedelta(seconds=decision.seconds)


HOSTILE = st.lists(
    st.sampled_from(
        [
            *("\n", "\r\n", "\t", "\x00", "\x1b[31m", "\x85", "\u2028", "\u202e", "\ud800", "\ufeff"),
            *("::endgroup::", "::group::", "%s", "{}", "word ", "a" * 90),
        ]
    ),
    max_size=20,
).map("".join)
COUNTS = st.none() | st.integers(-1, 10**6)
TIMES = st.none() | st.sampled_from([YESTERDAY, START, FIVE_PAST])
RECORDS = st.builds(
    UpgradeProgress,
    st.just("application_resource"),
    HOSTILE,
    state=st.sampled_from([*OUTCOMES, None]) | HOSTILE,
    target_version=st.none() | HOSTILE,
    percent_completed=st.none() | st.floats(-1.0, 101.0),
    started_at=TIMES,
    failed_at=TIMES,
    rolling_upgrade_mode=st.sampled_from(["Monitored", "UnmonitoredManual"]),
    status_details=st.none() | HOSTILE,
    services=st.lists(st.builds(ServiceProgress, HOSTILE, COUNTS, COUNTS), max_size=8).map(tuple),
)
ERRORS = st.builds(Unreachable, HOSTILE, st.none() | st.just(503), HOSTILE, HOSTILE) | st.just(MISSING)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(RECORDS | ERRORS, st.integers(1, 30)), min_size=1, max_size=6),
    st.builds(
        Policy,
        st.just(30.0),
        stall_timeout=st.sampled_from([None, 90.0]),
        wait_for_existence=st.booleans(),
        selector=st.builds(UpgradeSelector, previous=st.none() | RECORDS, target_version=st.none() | HOSTILE),
    ),
)
def test_one_entry_is_one_readable_line_whatever_the_cluster_says(
    looks: list[tuple[Observation, int]], policy: Policy
) -> None:
    said = [
        *opening_lines("application_resource", "a\n::group::b", "http://c:19080", policy, ("timeout", 60.0))
    ]
    memory, told, now = WaitState(), LogState(), START
    for look in [look for look, times in looks for _ in range(times)]:
        before = memory
        memory, decision = step(policy, before, look, now)
        told, more = changed_lines(told, before, memory, policy, now)
        said += [line for _, line in more]
        if not isinstance(decision, PollAgain):
            break
        now += timedelta(seconds=decision.seconds)
    for line in said:
        assert line.isascii()
        assert line.isprintable()
        assert len(line) <= 800
        assert not line.startswith("::")
        assert "::group::" not in line
        assert "::endgroup::" not in line
