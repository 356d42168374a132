"""The Summary at the end of the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sf.messages.summary import summary_lines
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import Domains, UpgradeUnit
from airflow_provider_sf.upgrades.outcomes import OUTCOMES, Outcome
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import OutageStats, Verdict, WaitState
from airflow_provider_sf.wait.timeline import Stage, extend_timeline
from tests.simulated_waits import run_wait, simulated_cluster

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
WEB, API = ServiceProgress("web", 6, 2), ServiceProgress("api", 5, 0)
STATES_HEAD = "first seen (UTC)         for  state                        percent  where, services behind"
HEAD = "Waited 1m00s for the upgrade of application resource 'shop': 2 polls, ended by timeout"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def record(
    state: str | None = "RollingForward", percent: float | None = 62.0, **fields: Any
) -> UpgradeProgress:
    values = {"started_at": START, "target_version": "v1", **fields}
    return UpgradeProgress("application_resource", "shop", state=state, percent_completed=percent, **values)


def stage(
    progress: UpgradeProgress, first: float, last: float, *, expected: bool = True, skipped: int = 0
) -> Stage:
    return replace(
        Stage.from_record(progress, at(first), expected=expected), last_seen_at=at(last), skipped=skipped
    )


def summary(**fields: Any) -> list[str]:
    """Return the Summary of a wait of one minute with these fields in its state."""
    values = {"polls": 2, "began_at": START, "ended_by": "timeout", "ended_at": at(60), **fields}
    return list(summary_lines("application_resource", "shop", WaitState(**values)))


def above_record(**fields: Any) -> list[str]:
    """Return the lines before the last record."""
    lines = summary(**fields)
    return lines[: lines.index("Last record:")]


# Duration and end.


def test_wait_without_any_answer() -> None:
    assert summary() == [HEAD, "Last record: none"]


def test_wait_with_unknown_duration() -> None:
    assert summary(began_at=None, polls=1)[0] == (
        "Waited - for the upgrade of application resource 'shop': 1 poll, ended by timeout"
    )


@pytest.mark.parametrize(
    ("ended_by", "expected"),
    [
        ("upgrade", "ended by the upgrade"),
        ("error", "ended by an error"),
        ("unreachable_timeout", "ended by unreachable_timeout"),
        ("timeout", "ended by timeout"),
        ("start_timeout", "ended by start_timeout"),
        ("stall_timeout", "ended by stall_timeout"),
        ("unknown_state_timeout", "ended by unknown_state_timeout"),
    ],
)
def test_timeout_is_named_like_its_parameter(ended_by: str, expected: str) -> None:
    assert summary(ended_by=ended_by)[0].endswith(f": 2 polls, {expected}")


# The states.


def test_each_state_has_a_row_with_duration() -> None:
    timeline = (
        stage(record("ProvisioningTarget", 0.0, services=(WEB,)), 0, 15),
        stage(record("RollingForward", 62.0, services=(WEB, API)), 30, 750),
        stage(record("RollingSideways", None), 765, 780),
    )
    assert summary(timeline=timeline)[1:-1] == [
        STATES_HEAD,
        "2026-03-01 03:00:00      30s  provisioning target              0 %  web 6/8 (2 pending)",
        "2026-03-01 03:00:30   12m15s  rolling forward                 62 %  web 6/8 (2 pending)",
        "2026-03-01 03:12:45      15s  rolling sideways                   -",
    ]


def test_skipped_states_are_counted() -> None:
    timeline = (stage(record(), 0, 15), stage(record("RollingBack", 70.0), 3_600, 3_700, skipped=3))
    assert summary(timeline=timeline)[2:-1] == [
        "2026-03-01 03:00:00      15s  rolling forward                 62 %",
        "                              (3 states left out here)",
        "2026-03-01 04:00:00    1m40s  rolling back                    70 %",
    ]


def test_other_upgrades_are_marked() -> None:
    timeline = (
        stage(record("CompletedRollforward", 100.0, started_at=None), 0, 15, expected=False),
        stage(record("RollingForward", 10.0, services=(WEB,)), 30, 45, expected=False),
        stage(record("CompletedRollforward", 100.0), 60, 60, expected=False),
    )
    assert summary(timeline=timeline)[2:-1] == [
        "2026-03-01 03:00:00      30s  not upgraded                       -",
        (
            "2026-03-01 03:00:30      30s  rolling forward                 10 %  web 6/8 (2 "
            "pending)  (not the expected upgrade)"
        ),
        "2026-03-01 03:01:00       0s  completed rollforward          100 %  (not the expected upgrade)",
    ]


def test_pauses_are_marked() -> None:
    """A pause after a failure has the same state as an upgrade that moves."""
    paused = record(failed_at=START, rolling_upgrade_mode="UnmonitoredManual")
    timeline = (stage(record(), 0, 15), stage(paused, 30, 45), stage(paused, 60, 60, expected=False))
    assert summary(timeline=timeline)[2:-1] == [
        "2026-03-01 03:00:00      30s  rolling forward                 62 %",
        "2026-03-01 03:00:30      30s  rolling forward                 62 %  (paused)",
        "2026-03-01 03:01:00       0s  rolling forward                 62 %  (paused)  (not the expected upgrade)",
    ]


def test_row_counts_more_services_behind() -> None:
    services = tuple(ServiceProgress(f"s{number}", 1, 1) for number in range(8))
    assert summary(timeline=(stage(record(services=services), 0, 15),))[2] == (
        "2026-03-01 03:00:00      15s  rolling forward                 62 %  s0 1/2 (1 pending), s1 1/2 (1 pending), "
        "s2 1/2 (1 pending), s3 1/2 (1 pending), s4 1/2 (1 pending), and 3 more"
    )


# The services.


def test_each_service_has_a_row() -> None:
    services = (WEB, ServiceProgress("background-worker", None, None), ServiceProgress("db", 1_000, 24))
    assert above_record(record=record(services=services))[1:] == [
        "  service            replicas  pending",
        "  web                     6/8        2",
        "  background-worker       ?/?        ?",
        "  db                 1000/1024       24",
    ]


def test_twenty_services_are_shown() -> None:
    services = tuple(ServiceProgress(f"s{number}", 1, 1) for number in range(23))
    rows = above_record(record=record(services=services, omitted=(("services", 7), ("raw", 20_000))))[1:]
    assert rows[0] == "  service  replicas  pending"
    assert rows[20:] == [
        "  s19           1/2        1",
        "  and 10 more",
    ]
    assert above_record(record=record(services=services[:20]))[-1] == rows[20]


def test_long_service_name_is_cut() -> None:
    assert summary(record=record(services=(ServiceProgress("a" * 41, 1, 1),)))[2] == (
        f"  {'a' * 40}...       1/2        1"
    )


# Outages and errors.


def test_outages_are_counted() -> None:
    outages = OutageStats(count=1, polls=4, longest_seconds=75.0, last_error="http://c: Connection\nrefused")
    assert summary(outages=outages)[1] == (
        "Outages: 1, with 4 polls without a usable answer; the longest took 1m15s; "
        "last error: http://c: Connection refused"
    )
    assert summary(outages=replace(outages, count=2, polls=1, last_error=None))[1] == (
        "Outages: 2, with 1 poll without a usable answer; the longest took 1m15s; last error: ?"
    )


def test_last_error_is_one_line() -> None:
    assert summary(error=Rejected("not\nallowed", 403, endpoint="http://c:19080"))[1:-1] == [
        "Last error: http://c:19080: HTTP 403: not allowed",
    ]


# The last record.


def test_last_record_is_a_table() -> None:
    """Facts that it does not have have no row."""
    domains = Domains(
        (UpgradeUnit("UD1", "Completed"), UpgradeUnit("UD2", "Pending")),
        failure_domain="UD1",
        next_domain="UD2",
    )
    progress = record(
        services=(),
        failed_at=at(60),
        duration_seconds=724.0,
        rolling_upgrade_mode="Monitored",
        failure_reason="HealthCheck",
        status_details="two\nlines",
        domains=domains,
        observed_at=at(75),
        endpoint="http://c:19080",
    )
    assert summary(record=progress)[1:] == [
        "Last record:",
        "  state        RollingForward",
        "  version      v1",
        "  started      2026-03-01 03:00:00 UTC",
        "  failed       2026-03-01 03:01:00 UTC",
        "  duration     12m04s",
        "  mode         Monitored",
        "  failure      HealthCheck, in domain UD1",
        "  domains      UD1 Completed, UD2 Pending",
        "  next domain  UD2",
        "  details      two lines",
        "  observed     2026-03-01 03:01:15 UTC",
        "  gateway      http://c:19080",
    ]


def test_last_record_never_ends_the_fold() -> None:
    """Airflow 3's log page looks for these words in the whole line."""
    progress = record(status_details="a ::endgroup:: b ::group::c Shop::Cart")
    (details,) = (line for line in summary(record=progress) if line.startswith("  details"))
    assert details == "  details      a ::endgroup: : b ::group: :c Shop::Cart"


# The whole Summary.


def test_order_of_all_parts() -> None:
    progress = record("CompletedRollback", 100.0, services=(API,))
    lines = summary(
        polls=42,
        ended_by="upgrade",
        ended_at=at(602),
        timeline=(stage(record(services=(WEB, API)), 0, 345), stage(progress, 360, 602)),
        record=progress,
        outages=OutageStats(1, 2, 30.0, "http://c: Connection refused"),
        error=Unreachable("Connection reset", endpoint="http://c"),
    )
    assert lines[: lines.index("Last record:")] == [
        "Waited 10m02s for the upgrade of application resource 'shop': 42 polls, ended by the upgrade",
        STATES_HEAD,
        "2026-03-01 03:00:00    6m00s  rolling forward                 62 %  web 6/8 (2 pending)",
        "2026-03-01 03:06:00    4m02s  completed rollback             100 %",
        "  service  replicas  pending",
        "  api           5/5        0",
        (
            "Outages: 1, with 2 polls without a usable answer; the longest took 30s; "
            "last error: http://c: Connection refused"
        ),
        "Last error: http://c: Connection reset",
    ]


@pytest.mark.unmeasured
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_summary_of_each_scenario_is_short(scenario: str) -> None:
    policy = Policy(15.0, stall_timeout=1_200.0)
    wait = run_wait(f"{scenario}-shop", simulated_cluster(scenario), policy)
    lines = list(summary_lines(wait.kind, wait.name, wait.state))
    assert len(lines) <= 22
    assert all(line.isascii() and line.isprintable() and line == line.rstrip() for line in lines)


@pytest.mark.unmeasured
def test_summary_of_endless_changes_is_short() -> None:
    """As many short stages as a timeline keeps, and one service more than the table shows."""
    timeline: tuple[Stage, ...] = ()
    for poll in range(500):
        progress = UpgradeProgress("application_resource", "shop", state="Failed" if poll % 2 else None)
        timeline = extend_timeline(timeline, progress, at(poll), expected=True)
    services = tuple(ServiceProgress("s", 1, 1) for _ in range(21))
    lines = summary(
        timeline=timeline,
        record=record(services=services),
        outages=OutageStats(1, 1, 1.0, "no"),
        error=Unreachable("no"),
    )
    assert sum(stage.skipped for stage in timeline) + len(timeline) == 500
    assert len(lines) <= 60


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
SERVICES = st.builds(ServiceProgress, HOSTILE, COUNTS, COUNTS)
STAGES = st.builds(
    Stage,
    state=st.sampled_from([*OUTCOMES, None]) | HOSTILE,
    outcome=st.sampled_from(Outcome),
    expected=st.booleans(),
    started_at=st.none(),
    first_seen_at=st.just(START),
    last_seen_at=st.just(at(60)),
    target_version=st.none() | HOSTILE,
    percent_completed=st.none() | st.floats(-1.0, 101.0),
    services_behind=st.lists(SERVICES, max_size=5).map(tuple),
    more_behind=st.integers(0, 100),
    skipped=st.integers(0, 9),
)
STATES = st.builds(
    WaitState,
    polls=st.integers(0, 10**6),
    record=st.none()
    | st.builds(
        UpgradeProgress,
        st.just("application_resource"),
        HOSTILE,
        state=HOSTILE,
        status_details=HOSTILE,
        services=st.lists(SERVICES, max_size=3).map(tuple),
    ),
    verdict=st.sampled_from(Verdict),
    timeline=st.lists(STAGES, max_size=4).map(tuple),
    error=st.none() | st.builds(Rejected, HOSTILE, st.just(500), HOSTILE, HOSTILE),
    outages=st.builds(OutageStats, st.integers(0, 2), st.integers(0, 9), st.just(1.0), HOSTILE),
    began_at=st.just(START),
    ended_by=st.sampled_from(["upgrade", "error", "timeout", "unreachable_timeout"]),
    ended_at=st.just(at(60)),
)


@given(STATES)
def test_each_entry_is_one_readable_line(state: WaitState) -> None:
    for line in summary_lines("application_resource", "a\n::group::b", state):
        assert len(line) <= 700
        assert line.isascii()
        assert line.isprintable()
        assert not line.startswith("::")
        assert "::group::" not in line
        assert "::endgroup::" not in line
