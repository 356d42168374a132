"""Which changes are worth a log line: progress, upgrade domains, stalls."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.messages.record_lines import status_line
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from tests.messages.logged_lines import (
    BACK,
    BEHIND,
    DONE,
    FORWARD,
    FORWARD_LINE,
    FURTHER,
    MANUAL,
    OLD,
    PENDING,
    ROLLING,
    STALL_POLICY,
    START,
    UNREACHABLE,
    WEB,
    WORKER,
    half_stalled,
    info,
    lines,
    record,
    warning,
)
from tests.simulated_waits import SimulatedWait, make_domains, run_wait, simulated_cluster

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_sf.messages.log_state import LogLine
    from airflow_provider_sf.wait.state_machine import Observation

# Progress within one state.


def test_progress_is_logged_in_steps_of_five_percent() -> None:
    polls = [record(ROLLING, 60.0 + step, services=()) for step in range(12)]
    assert lines(*polls) == info(
        "     0s  rolling forward               60 %  [######----]",
        "  1m15s  rolling forward               65 %  [######----]",
        "  2m30s  rolling forward               70 %  [#######---]",
    )


def test_step_back_counts_as_progress() -> None:
    polls = [record(ROLLING, percent, services=()) for percent in (60.0, 56.0, 55.0)]
    assert lines(*polls) == info(
        "     0s  rolling forward               60 %  [######----]",
        "    30s  rolling forward               55 %  [#####-----]",
    )


def test_line_names_only_services_that_changed() -> None:
    moved = record(ROLLING, 68.0, services=(WEB, ServiceProgress("api", 3, 2), WORKER))
    assert lines(FORWARD, FORWARD, moved, replace(moved, duration_seconds=800.0)) == info(
        FORWARD_LINE, "    30s  rolling forward               68 %  [######----]  api 3/5"
    )


def test_replicas_replace_a_missing_percentage() -> None:
    polls = [record(ROLLING, None, services=(ServiceProgress("web", n, 40 - n),)) for n in range(5)]
    assert lines(*polls) == info(
        "     0s  rolling forward                0 %  [----------]  web 0/40",
        "    30s  rolling forward                5 %  [----------]  web 2/40",
        "  1m00s  rolling forward               10 %  [#---------]  web 4/40",
    )


# Upgrade domains.


def rolling(completed: int, *, phase: str | None = None, **fields: Any) -> UpgradeProgress:
    """Return an upgrade of a classic application after some completed domains."""
    is_between = phase is not None
    return UpgradeProgress(
        "application",
        "fabric:/shop/web",
        state="RollingForwardPending" if is_between else "RollingForwardInProgress",
        started_at=START,
        target_version="v1",
        rolling_upgrade_mode="Monitored",
        health_check_phase=phase,
        domains=make_domains(completed, is_between=is_between, checks=fields.pop("checks", ())),
        **fields,
    )


IN_PROGRESS = "rolling forward in progress"


def test_each_domain_is_logged_without_its_pause() -> None:
    polls = [rolling(0), rolling(0), rolling(1, phase="WaitDuration"), rolling(1, phase="StableDuration")]
    assert lines(*polls, rolling(1), rolling(1), rolling(2)) == info(
        f"     0s  {IN_PROGRESS}    0 %  [----------]  domain UD1 (1 of 5)",
        f"  1m00s  {IN_PROGRESS}   20 %  [##--------]  domain UD2 (2 of 5)",
        f"  1m30s  {IN_PROGRESS}   40 %  [####------]  domain UD3 (3 of 5)",
    )


def test_first_line_names_the_health_check_phase() -> None:
    assert lines(rolling(1, phase="StableDuration"), rolling(1)) == info(
        (
            "     0s  rolling forward pending       20 %  [##--------]  1 of 5 domains  health check, "
            "stable duration"
        ),
        f"    15s  {IN_PROGRESS}   20 %  [##--------]  domain UD2 (2 of 5)",
    )


def test_unhealthy_check_is_logged_at_once() -> None:
    sick = rolling(1, phase="Retry", unhealthy_evaluations=("Error: service web: It is down.", "Error: more"))
    assert lines(rolling(0), rolling(1, phase="WaitDuration"), sick, sick) == info(
        f"     0s  {IN_PROGRESS}    0 %  [----------]  domain UD1 (1 of 5)",
        "    30s  rolling forward pending       20 %  [##--------]  1 of 5 domains  health check, retry",
        "    30s    Error: service web: It is down.",
    )


def test_finished_upgrade_has_no_health_check() -> None:
    finished = replace(rolling(5, phase="StableDuration"), state="RollingForwardCompleted")
    assert status_line(finished, ()) == "rolling forward completed    100 %  [##########]"


def test_safety_checks_are_logged_after_two_minutes() -> None:
    """Every domain starts with some; only those that stay are worth a line."""
    held, other = rolling(1, checks=("node1 waits",)), rolling(1, checks=("node1 waits", "node2 waits"))
    place = f"{IN_PROGRESS}   20 %  [##--------]  domain UD2 (2 of 5)"
    assert lines(rolling(0), *[held] * 12, *[other] * 9) == info(
        f"     0s  {IN_PROGRESS}    0 %  [----------]  domain UD1 (1 of 5)",
        f"    15s  {place}",
        f"  2m15s  {place}",
        "  2m15s    node1 waits",
        f"  5m15s  {place}",
        "  5m15s    node1 waits",
        "  5m15s    node2 waits",
    )


@pytest.mark.parametrize(("seconds", "more"), [(59.0, ()), (60.0, ("     0s    node1 waits",))])
def test_first_line_hides_new_safety_checks(seconds: float, more: tuple[str, ...]) -> None:
    first, *rest = lines(replace(rolling(1, checks=("node1 waits",)), domain_duration_seconds=seconds))
    assert first[1].startswith(f"     0s  {IN_PROGRESS}   20 %  [##--------]  domain UD2 (2 of 5)")
    assert rest == info(*more)


def test_small_progress_is_logged_after_ten_minutes() -> None:
    """A line about an outage does not replace it."""
    assert lines(FORWARD, FURTHER, UNREACHABLE, UNREACHABLE, *[FURTHER] * 41) == [
        *info(FORWARD_LINE),
        (
            logging.WARNING,
            "    45s  cluster unreachable; retrying for up to 5m00s (unreachable_timeout): http://c:19080: Connection refused",
        ),
        (logging.WARNING, "  1m00s  cluster reachable again after 30s"),
        (logging.INFO, " 10m00s  rolling forward               64 %  [######----]  web 7/8"),
    ]


def test_unknown_progress_is_logged_after_ten_minutes() -> None:
    polls = [record(ROLLING, percent, services=()) for percent in [None, *[10.0, None] * 19, 10.0, 10.0]]
    assert lines(*polls) == info(
        "     0s  rolling forward                - %  [          ]",
        " 10m00s  rolling forward               10 %  [#---------]",
    )


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("RollingBack", "    15s  rolling back                  62 %  [----<<<<<<]"),
        ("CompletedRollback", "    15s  completed rollback            62 %  [----<<<<<<]"),
        ("Failed", "    15s  failed                        62 %  [######----]"),
    ],
)
def test_bad_state_is_a_warning(state: str, line: str) -> None:
    assert lines(FORWARD, record(state)) == info(FORWARD_LINE) + warning(line)


# Stalls.


@pytest.mark.parametrize(
    ("observation", "line"),
    [
        (FORWARD, (logging.INFO, FORWARD_LINE)),
        (
            BACK,
            (
                logging.WARNING,
                "     0s  rolling back                  75 %  [---<<<<<<<]  web 6/8  api 2/5  worker 3/3",
            ),
        ),
    ],
)
def test_half_a_stall_names_services_behind(observation: UpgradeProgress, line: LogLine) -> None:
    assert lines(*[observation] * 6, policy=STALL_POLICY) == [
        line,
        *warning(*half_stalled("    45s", BEHIND)),
    ]


def test_half_a_stall_without_services_behind() -> None:
    observation = record("UnprovisioningCurrent", 100.0, services=(WORKER,))
    assert lines(*[observation] * 6, policy=STALL_POLICY)[1:] == warning(*half_stalled("    45s"))


def test_end_of_half_a_stall_is_a_warning() -> None:
    polls = [FORWARD] * 5 + [FURTHER] * 5 + [DONE]
    assert lines(*polls, policy=STALL_POLICY) == info(FORWARD_LINE) + warning(
        *half_stalled("    45s", BEHIND),
        "  1m15s  moving again after 1m15s without a change",
        "  1m15s  rolling forward               64 %  [######----]  web 7/8",
        *half_stalled("  2m00s", "services behind: web 7/8 (1 pending), api 2/5 (3 pending)"),
        "  2m30s  changed after 1m15s without a change",
        "  2m30s  completed rollforward        100 %  [##########]",
    )


def test_change_before_half_a_stall_has_no_remark() -> None:
    assert lines(FORWARD, FORWARD, FURTHER, FURTHER, policy=STALL_POLICY) == info(FORWARD_LINE)


def test_half_a_stall_is_logged_after_an_outage() -> None:
    assert lines(FORWARD, UNREACHABLE, UNREACHABLE, UNREACHABLE, FORWARD, policy=STALL_POLICY)[2:] == warning(
        "  1m00s  cluster reachable again after 45s",
        *half_stalled("  1m00s", BEHIND, unchanged="1m00s"),
    )


@pytest.mark.parametrize("observation", [record(PENDING, **MANUAL), OLD, record("Invalid")])
def test_paused_or_finished_upgrade_never_stalls(observation: UpgradeProgress) -> None:
    policy = Policy(poke_interval=15.0, stall_timeout=90.0, selector=UpgradeSelector(previous=OLD))
    assert lines(*[observation] * 9, policy=policy) == lines(observation, policy=policy)


# The number of lines.


def run_two_hours(record_of_poll: Callable[[int], Observation], **policy: Any) -> SimulatedWait:
    """Wait for an upgrade of 480 polls, one every 15 seconds."""

    def poll(now: datetime) -> Observation:
        number = round((now - START).total_seconds() / 15)
        return DONE if number >= 480 else record_of_poll(number)

    return run_wait("shop", poll, Policy(15.0, **policy))


def test_log_of_a_good_upgrade_is_short() -> None:
    wait = run_wait("good-shop", simulated_cluster("good", speed=600 / 7200), Policy(15.0))
    assert wait.state.polls == 481
    assert len(wait.lines) <= 40


WEB_OF_480 = [(ServiceProgress("web", poll, 480 - poll),) for poll in range(480)]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("max_lines", "record_of_poll"),
    [
        (25, lambda poll: record(ROLLING, poll / 4.8)),
        (25, lambda poll: record(ROLLING, poll / 4.8, services=WEB_OF_480[poll])),
        (25, lambda poll: record(ROLLING, None, services=WEB_OF_480[poll])),
        (16, lambda poll: record(ROLLING, 50.0, services=WEB_OF_480[poll])),
        (16, lambda poll: record(ROLLING, None, services=(ServiceProgress(f"s{poll}", None, None),))),
        (25, lambda poll: record(ROLLING, poll / 4.8 if poll % 2 else None, services=())),
        (28, lambda poll: record(ROLLING, None, services=(ServiceProgress("web", 3, poll),))),
        (16, lambda _poll: FORWARD),
    ],
    ids=[
        *("percent", "percent and replicas", "replicas without percent", "replicas, percent stands still"),
        *("other services each time", "percent comes and goes", "ever more replicas", "nothing"),
    ],
)
def test_log_of_constant_changes_is_short(
    max_lines: int, record_of_poll: Callable[[int], Observation]
) -> None:
    """Two hours have at most 40 lines, even if each poll changes something."""
    assert max_lines <= 40
    wait = run_two_hours(record_of_poll)
    assert wait.state.polls == 481
    assert len(wait.lines) <= max_lines


def test_log_of_repeated_stalls_is_short() -> None:
    """The worst case is a step after each half: a warning, and two lines when it moves again."""
    wait = run_two_hours(lambda poll: record(ROLLING, poll // 61 * 10.0), stall_timeout=1800.0)
    assert sum("of 30m00s (stall_timeout)" in line for _, line in wait.lines) == 7
    assert len(wait.lines) <= 41
