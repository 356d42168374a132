"""The log lines of a running wait: their text and level, and when heartbeats come."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sf.messages.log_state import LogState
from airflow_provider_sf.messages.progress_log import changed_lines, opening_lines
from airflow_provider_sf.messages.record_lines import status_line
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import Observation, PollAgain, step
from tests.messages.hostile import TEXTS, records
from tests.messages.logged_lines import (
    AFTER_OLD,
    API,
    BACK,
    DONE,
    FIVE_PAST,
    FORWARD,
    FORWARD_LINE,
    FORWARD_STATUS,
    MANUAL,
    MANUAL_BACK,
    MISSING,
    NEVER_UPGRADED,
    OLD,
    OTHERS,
    PAUSED_AFTER_FAILURE,
    PAUSED_BACK,
    PAUSED_BETWEEN_DOMAINS,
    PENDING,
    POLICY,
    ROLLING,
    START,
    UNKNOWN_STATE,
    UNREACHABLE,
    YESTERDAY,
    info,
    lines,
    record,
    warning,
)
from tests.simulated_waits import run_wait, simulated_cluster

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades import UpgradeProgress

# Opening lines.


def test_opening_has_target_selector_and_timeouts() -> None:
    policy = Policy(poke_interval=15.0, selector=UpgradeSelector(target_version="v1"))
    assert opening_lines("application_resource", "shop", "http://c:19080", policy, ("timeout", 21_600.0)) == (
        "Waiting for the upgrade of application resource 'shop' at http://c:19080",
        "Expected upgrade: v1 (target_version)",
        (
            "Polling every 15s; timeout 6h00m, start_timeout 15m00s, unknown_state_timeout 10m00s, "
            "unreachable_timeout 5m00s"
        ),
    )


def test_opening_names_each_timeout_that_is_set() -> None:
    policy = Policy(30.0, 120.0, start_timeout=60.0, unknown_state_timeout=90.0, stall_timeout=1800.0)
    limit = ("execution_timeout", 7_200.0)
    assert opening_lines("application_resource", "shop", "http://c:19080", policy, limit) == (
        "Waiting for the upgrade of application resource 'shop' at http://c:19080",
        "Expected upgrade: the latest on record",
        (
            "Polling every 30s; execution_timeout 2h00m, start_timeout 1m00s, stall_timeout "
            "30m00s, unknown_state_timeout 1m30s, unreachable_timeout 2m00s"
        ),
    )


def test_opening_shows_that_pauses_grow() -> None:
    policy = Policy(15.0, exponential_backoff=True)
    *_, line = opening_lines("application_resource", "shop", "http://c:19080", policy, ("timeout", 60.0))
    assert line.startswith("Polling every 15s at first; timeout 1m00s, ")


# The status line.


def test_status_line_has_state_percentage_and_replicas() -> None:
    assert status_line(FORWARD, FORWARD.services) == FORWARD_STATUS


def test_status_line_names_the_chosen_services() -> None:
    assert status_line(FORWARD, [API]) == "rolling forward               62 %  [######----]  api 2/5"
    nine = [ServiceProgress(f"s{number}", 1, 2) for number in range(9)]
    assert status_line(FORWARD, nine) == (
        "rolling forward               62 %  [######----]  s0 1/3  s1 1/3  s2 1/3  s3 1/3  s4 1/3  "
        "s5 1/3  and 3 more"
    )


def test_status_line_marks_unknown_values() -> None:
    unsaid = record(None, None, services=(ServiceProgress("web", None, 2),))
    assert status_line(unsaid, unsaid.services) == (
        "no state                       - %  [          ]  web ?/?"
    )


def test_status_line_without_any_upgrade() -> None:
    assert status_line(NEVER_UPGRADED, ()) == "not upgraded                   - %  [          ]"


# Heartbeats.


def test_heartbeat_comes_every_ten_minutes() -> None:
    assert lines(*[FORWARD] * 90) == info(
        FORWARD_LINE,
        " 10m00s  unchanged for 10m00s: rolling forward 62 %",
        " 20m00s  unchanged for 20m00s: rolling forward 62 %",
    )


def test_new_process_continues_the_heartbeat() -> None:
    """The trigger starts with the record that the worker has logged."""
    state, _ = step(POLICY, WaitState(), FORWARD, START)
    log_state = LogState.from_record(FORWARD, START)
    assert changed_lines(log_state, state, state, POLICY, START) == (log_state, [])
    early, late = START + timedelta(seconds=599), START + timedelta(seconds=600)
    assert changed_lines(log_state, state, state, POLICY, early) == (log_state, [])
    assert changed_lines(log_state, state, state, POLICY, late) == (
        LogState(FORWARD, START, late),
        info(" 10m00s  unchanged for 10m00s: rolling forward 62 %"),
    )


def test_heartbeat_shows_a_pause() -> None:
    assert lines(*[record(PENDING, **MANUAL)] * 41)[2:] == info(
        " 10m00s  paused, unchanged for 10m00s: rolling forward pending 62 %"
    )


@pytest.mark.parametrize("observation", [NEVER_UPGRADED, MISSING, OLD])
def test_heartbeat_before_the_start_shows_start_timeout(observation: Observation) -> None:
    policy = replace(AFTER_OLD, wait_for_existence=True)
    assert lines(*[observation] * 60, policy=policy)[1:] == info(
        " 10m00s  expected upgrade not started: nothing has changed for 10m00s; start_timeout in 5m00s"
    )


@pytest.mark.parametrize("observation", [NEVER_UPGRADED, MISSING])
def test_heartbeat_after_the_upgrade_is_gone(observation: Observation) -> None:
    policy = replace(POLICY, wait_for_existence=True)
    assert lines(FORWARD, *[observation] * 60, policy=policy)[2:] == info(
        " 10m15s  expected upgrade no longer on record: nothing has changed for 10m00s; start_timeout in 5m00s"
    )


def test_heartbeat_in_an_outage_shows_both_durations() -> None:
    policy = replace(POLICY, unreachable_timeout=1_500.0)
    assert lines(FORWARD, *[UNREACHABLE] * 82, policy=policy)[1:] == warning(
        "    30s  cluster unreachable; retrying for up to 25m00s (unreachable_timeout): http://c:19080: Connection refused",
        " 10m30s  cluster still unreachable after 10m15s; retrying for up to 14m45s more (unreachable_timeout)",
        " 20m30s  cluster still unreachable after 20m15s; retrying for up to 4m45s more (unreachable_timeout)",
    )


# Remarks about the expected upgrade.


def test_other_finished_upgrade_is_logged_once() -> None:
    assert lines(OLD, OLD, record(ROLLING, 10.0, services=()), policy=AFTER_OLD) == info(
        (
            "     0s  ignored, not the expected upgrade: v0, started 2026-02-28 03:00:00 UTC "
            "(completed rollforward, 100 %)"
        ),
        "    30s  expected upgrade found: v1, started 2026-03-01 03:00:00 UTC",
        "    30s  rolling forward               10 %  [#---------]",
    )


def test_other_running_upgrade_is_logged_per_state() -> None:
    policy = Policy(poke_interval=15.0, selector=UpgradeSelector(started_after=START))
    polls = (
        record(ROLLING, 90.0, **OTHERS),
        record(ROLLING, 95.0, **OTHERS),
        record("UnprovisioningCurrent", 100.0, **OTHERS),
    )
    assert lines(*polls, policy=policy) == info(
        (
            "     0s  ignored, not the expected upgrade: v0, started 2026-02-28 03:00:00 UTC (rolling "
            "forward, 90 %)"
        ),
        "    15s  ignored: v0, started 2026-02-28 03:00:00 UTC (rolling forward, 95 %)",
        (
            "    30s  ignored, not the expected upgrade: v0, started 2026-02-28 03:00:00 UTC "
            "(unprovisioning current, 100 %)"
        ),
    )


def test_other_rollback_is_no_warning() -> None:
    policy = Policy(poke_interval=15.0, selector=UpgradeSelector(started_after=START))
    assert lines(record("RollingBack", 75.0, **OTHERS), policy=policy) == info(
        "     0s  ignored, not the expected upgrade: rollback to v0, started 2026-02-28 03:00:00 "
        "UTC (rolling back, 75 %)"
    )


def test_superseding_upgrade_is_logged_once() -> None:
    theirs: dict[str, Any] = {"started_at": FIVE_PAST, "target_version": "v2", "services": ()}
    polls = (FORWARD, record(ROLLING, 10.0, **theirs), record(ROLLING, 15.0, **theirs))
    assert lines(*polls) == info(FORWARD_LINE) + warning(
        (
            "    15s  superseded by another upgrade: v2, started 2026-03-01 03:05:00 UTC (rolling "
            "forward, 10 %)"
        ),
        "    30s  ignored: v2, started 2026-03-01 03:05:00 UTC (rolling forward, 15 %)",
    )


def test_missing_upgrade_is_logged_once() -> None:
    assert lines(NEVER_UPGRADED, NEVER_UPGRADED, FORWARD) == info(
        "     0s  no upgrade on record yet",
        "    30s  expected upgrade found: v1, started 2026-03-01 03:00:00 UTC",
        f"    30s  {FORWARD_STATUS}",
    )


def test_vanished_upgrade_is_a_warning_once() -> None:
    assert lines(FORWARD, NEVER_UPGRADED, NEVER_UPGRADED) == info(FORWARD_LINE) + warning(
        "    15s  the expected upgrade is no longer on record",
    )


def test_deleted_application_is_a_warning_once() -> None:
    policy = Policy(poke_interval=15.0, wait_for_existence=True)
    assert lines(FORWARD, MISSING, MISSING, policy=policy) == info(FORWARD_LINE) + warning(
        "    15s  no longer exists; counts as not started (wait_for_existence): "
        "http://c:19080: HTTP 500 FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND: no such application"
    )


def test_unknown_state_is_explained_each_time() -> None:
    polls = (
        record("RollingSideways", services=()),
        record("RollingSideways", 69.0, services=()),
        record(ROLLING, 70.0, services=()),
        record("Invalid", 70.0, services=()),
    )
    assert lines(*polls) == [
        (logging.WARNING, f"     0s  {UNKNOWN_STATE}"),
        (logging.WARNING, "     0s  rolling sideways              62 %  [######----]"),
        (logging.WARNING, "    15s  rolling sideways              69 %  [######----]"),
        (logging.INFO, "    30s  rolling forward               70 %  [#######---]"),
        (logging.WARNING, f"    45s  {UNKNOWN_STATE}"),
        (logging.WARNING, "    45s  invalid                       70 %  [#######---]"),
    ]


def test_accepted_version_is_logged() -> None:
    selector = UpgradeSelector(started_after=START, target_version="v0", accept_current_version=True)
    assert lines(OLD, policy=Policy(poke_interval=15.0, selector=selector)) == info(
        "     0s  accepted, deployed already (accept_current_version): v0, started 2026-02-28 03:00:00 UTC"
    )


# Pauses.


def test_pause_after_a_failure_is_explained_once() -> None:
    paused: dict[str, Any] = {**MANUAL, "failed_at": FIVE_PAST}
    polls = (record(ROLLING, **paused), record(ROLLING, 70.0, **paused))
    assert lines(*polls, polls[1]) == warning(
        "     0s  rolling forward               62 %  [######----]",
        f"     0s  {PAUSED_AFTER_FAILURE}",
        "    15s  rolling forward               70 %  [#######---]",
    )


def test_second_pause_is_explained_again() -> None:
    polls = (
        record(ROLLING, 40.0, **MANUAL),
        record(PENDING, 40.0, **MANUAL),
        record(ROLLING, 60.0, **MANUAL),
        record(PENDING, 60.0, **MANUAL),
    )
    assert lines(*polls) == info("     0s  rolling forward               40 %  [####------]") + warning(
        "    15s  rolling forward pending       40 %  [####------]",
        f"    15s  {PAUSED_BETWEEN_DOMAINS}",
        "    30s  moving again",
        "    30s  rolling forward               60 %  [######----]",
        "    45s  rolling forward pending       60 %  [######----]",
        f"    45s  {PAUSED_BETWEEN_DOMAINS}",
    )


@pytest.mark.parametrize(
    ("observation", "end"),
    [
        (FORWARD, ["    15s  moving again", f"    15s  {FORWARD_STATUS}"]),
        (
            BACK,
            [
                "    15s  moving again",
                "    15s  rolling back                  75 %  [---<<<<<<<]  web 6/8  api 2/5  worker 3/3",
            ],
        ),
        (DONE, ["    15s  completed rollforward        100 %  [##########]"]),
        (
            record("CompletedRollback", 100.0, target_version="v0", services=()),
            ["    15s  completed rollback           100 %  [<<<<<<<<<<]"],
        ),
        (record("Failed", services=()), ["    15s  failed                        62 %  [######----]"]),
    ],
)
def test_end_of_a_pause_is_a_warning(observation: UpgradeProgress, end: list[str]) -> None:
    assert lines(record(PENDING, **MANUAL), observation) == warning(
        "     0s  rolling forward pending       62 %  [######----]",
        f"     0s  {PAUSED_BETWEEN_DOMAINS}",
        *end,
    )


def test_pause_after_a_pause_has_no_remark() -> None:
    polls = (record(ROLLING, failed_at=FIVE_PAST, **MANUAL), record(PENDING, **MANUAL))
    assert lines(*polls) == warning(
        "     0s  rolling forward               62 %  [######----]",
        f"     0s  {PAUSED_AFTER_FAILURE}",
        "    15s  rolling forward pending       62 %  [######----]",
        f"    15s  {PAUSED_BETWEEN_DOMAINS}",
    )


def test_pause_during_a_rollback_offers_no_rollback() -> None:
    assert lines(MANUAL_BACK) == warning(
        "     0s  rolling back pending          75 %  [---<<<<<<<]", f"     0s  {PAUSED_BACK}"
    )


# Outages and errors.


def test_outage_is_logged_at_start_and_end() -> None:
    assert lines(FORWARD, UNREACHABLE, UNREACHABLE, UNREACHABLE, FORWARD, UNREACHABLE, UNREACHABLE) == info(
        FORWARD_LINE
    ) + warning(
        "    30s  cluster unreachable; retrying for up to 5m00s (unreachable_timeout): http://c:19080: Connection refused",
        "  1m00s  cluster reachable again after 45s",
        "  1m30s  cluster unreachable; retrying for up to 5m00s (unreachable_timeout): http://c:19080: Connection refused",
    )


def test_outage_at_the_first_poll_is_logged() -> None:
    assert lines(UNREACHABLE, UNREACHABLE, FORWARD) == warning(
        "     0s  cluster unreachable; retrying for up to 5m00s (unreachable_timeout): http://c:19080: Connection refused",
        "    30s  cluster reachable again after 30s",
    ) + info(f"    30s  {FORWARD_STATUS}")


def test_single_lost_answers_are_not_logged() -> None:
    """One bad node behind a load balancer: the Summary counts the lost answers."""
    polls: list[Observation] = [FORWARD, UNREACHABLE] * 20
    assert lines(*polls) == info(FORWARD_LINE)


def test_missing_application_is_logged_each_time() -> None:
    policy = Policy(poke_interval=15.0, wait_for_existence=True)
    missing = (
        "does not exist; counts as not started (wait_for_existence): "
        "http://c:19080: HTTP 500 FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND: no such application"
    )
    assert lines(MISSING, MISSING, UNREACHABLE, MISSING, NEVER_UPGRADED, MISSING, policy=policy) == [
        (logging.INFO, f"     0s  {missing}"),
        (
            logging.INFO,
            "  1m00s  no upgrade on record yet",
        ),
        (logging.INFO, f"  1m15s  {missing}"),
    ]


def test_application_that_exists_again_is_logged() -> None:
    policy = Policy(poke_interval=15.0, wait_for_existence=True)
    assert lines(FORWARD, MISSING, FORWARD, policy=policy)[2:] == info(f"    30s  {FORWARD_STATUS}")


@pytest.mark.parametrize("error", [Rejected("no", 400), MISSING])
def test_fatal_error_has_no_line(error: Rejected) -> None:
    assert lines(error) == []
    assert lines(*[FORWARD] * 40, error) == info(FORWARD_LINE)


# Whole waits.


@pytest.mark.unmeasured
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_line_starts_with_the_elapsed_time(scenario: str) -> None:
    policy = Policy(15.0, stall_timeout=1_200.0)
    wait = run_wait(f"{scenario}-shop", simulated_cluster(scenario), policy)
    elapsed = []
    for _, line in wait.lines[3:]:
        matched = re.fullmatch(r" *(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?  (?:  )?\S.*", line)
        assert matched, line
        assert line[6] in "hms"
        hours, minutes, seconds = (int(part or 0) for part in matched.groups())
        elapsed.append(3_600 * hours + 60 * minutes + seconds)
    assert elapsed == sorted(elapsed)
    assert wait.text.isascii()


@pytest.mark.unmeasured
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_log_has_a_line_every_ten_minutes(scenario: str) -> None:
    state, log_state, now, last_line_at = WaitState(), LogState(), START, START
    policy, poll = (
        Policy(15.0, start_timeout=3_600.0, unknown_state_timeout=3_600.0),
        simulated_cluster(scenario),
    )
    while now < START + timedelta(hours=1):
        before = state
        state, decision = step(policy, before, poll(now), now)
        log_state, new_lines = changed_lines(log_state, before, state, policy, now)
        last_line_at = now if new_lines else last_line_at
        assert now - last_line_at <= timedelta(minutes=10)
        if not isinstance(decision, PollAgain):
            break
        now += timedelta(seconds=decision.seconds)


TIMES = st.none() | st.sampled_from([YESTERDAY, START, FIVE_PAST])
ERRORS = st.builds(Unreachable, TEXTS, st.none() | st.just(503), TEXTS, TEXTS) | st.just(MISSING)


@pytest.mark.parametrize("kind", ["application", "cluster_configuration"])
@given(
    st.builds(
        Policy, st.just(30.0), stall_timeout=st.sampled_from([None, 90.0]), wait_for_existence=st.booleans()
    ),
    st.none() | TEXTS,
    st.data(),
)
def test_each_entry_is_one_readable_line(
    kind: str, policy: Policy, version: str | None, data: st.DataObject
) -> None:
    any_record = records(kind, TIMES)
    selector = UpgradeSelector(previous=data.draw(st.none() | any_record), target_version=version)
    policy = replace(policy, selector=selector)
    observations = data.draw(
        st.lists(st.tuples(any_record | ERRORS, st.integers(1, 30)), min_size=1, max_size=4)
    )
    logged = [*opening_lines(kind, "a\n::group::b", "http://c:19080", policy, ("timeout", 60.0))]
    state, log_state, now = WaitState(), LogState(), START
    for observation in [observation for observation, times in observations for _ in range(times)]:
        before = state
        state, decision = step(policy, before, observation, now)
        log_state, new_lines = changed_lines(log_state, before, state, policy, now)
        logged += [line for _, line in new_lines]
        if not isinstance(decision, PollAgain):
            break
        now += timedelta(seconds=decision.seconds)
    for line in logged:
        assert line.isascii()
        assert line.isprintable()
        assert len(line) <= 1_800
        assert not line.startswith("::")
        assert "::group::" not in line
        assert "::endgroup::" not in line
