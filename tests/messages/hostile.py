"""Records with any text under each member, for the tests of messages and log lines."""

from __future__ import annotations

from datetime import datetime, timezone

from hypothesis import strategies as st

from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import DomainProgress, Domains, NodeProgress, UpgradeUnit
from airflow_provider_sf.upgrades.monitoring_policy import MonitoringPolicy
from airflow_provider_sf.upgrades.outcomes import OUTCOMES
from airflow_provider_sf.upgrades.services import ServiceProgress

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
TEXTS = st.lists(
    st.sampled_from(
        [
            *("\n", "\r\n", "\t", "\x00", "\x1b[31m", "\x85", "\u2028", "\u202e", "\ud800", "\ufeff"),
            *("::endgroup::", "::group::", "%s", "{}", "word ", "a" * 90),
        ]
    ),
    max_size=20,
).map("".join)
COUNTS = st.none() | st.integers(-1, 10**6)
DURATIONS = st.none() | st.floats(0.0, 1e9)
UNITS = st.lists(
    st.builds(UpgradeUnit, TEXTS, st.sampled_from(["Completed", "InProgress", "Failed", "Pending", None])),
    max_size=9,
).map(tuple)
NODES = st.lists(st.builds(NodeProgress, TEXTS, st.none() | TEXTS, DURATIONS), max_size=6).map(tuple)
SENTENCES = st.lists(TEXTS.map("Error: {}".format), max_size=5).map(tuple)
DOMAINS = st.builds(
    Domains,
    st.just(()) | UNITS,
    UNITS,
    current_domain=st.none() | st.builds(DomainProgress, st.none() | TEXTS, NODES),
    pending_safety_checks=SENTENCES,
    failure_domain=st.none() | TEXTS,
    nodes_at_failure=NODES,
    safety_checks_at_failure=SENTENCES,
    next_domain=st.none() | TEXTS,
)


def records(kind: str, times: st.SearchStrategy[datetime | None]) -> st.SearchStrategy[UpgradeProgress]:
    """Return any records of a kind, which started and failed at one of the times."""
    return st.builds(
        UpgradeProgress,
        st.just(kind),
        TEXTS,
        state=st.sampled_from([*OUTCOMES, "RollingForwardPending", "RollingBackPending", None]) | TEXTS,
        target_version=st.none() | TEXTS,
        previous_version=st.none() | TEXTS,
        config_version=st.none() | TEXTS,
        percent_completed=st.none() | st.floats(-1.0, 101.0),
        started_at=times,
        failed_at=times,
        duration_seconds=DURATIONS,
        domain_duration_seconds=DURATIONS,
        rolling_upgrade_mode=st.sampled_from(["Monitored", "UnmonitoredManual"]),
        replica_check_timeout_seconds=COUNTS,
        status_details=st.none() | TEXTS,
        failure_reason=st.none() | TEXTS,
        failure_classification=st.none() | TEXTS,
        health_check_phase=st.sampled_from([None, "Retry", "StableDuration"]),
        health_check_elapsed_seconds=DURATIONS,
        monitoring_policy=st.none() | st.builds(MonitoringPolicy, stable_seconds=DURATIONS),
        unhealthy_evaluations=SENTENCES,
        services=st.lists(st.builds(ServiceProgress, TEXTS, COUNTS, COUNTS), max_size=9).map(tuple),
        domains=DOMAINS,
    )
