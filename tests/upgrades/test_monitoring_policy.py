"""The limits of the health checks of a monitored upgrade."""

from __future__ import annotations

import pytest

from airflow_provider_sf.upgrades.monitoring_policy import MonitoringPolicy, monitoring_policy_of

ANSWER = {
    "FailureAction": "Manual",
    "HealthCheckWaitDurationInMilliseconds": "PT0H1M30S",
    "HealthCheckStableDurationInMilliseconds": "PT0H2M0S",
    "HealthCheckRetryTimeoutInMilliseconds": "PT0H10M0S",
    "UpgradeTimeoutInMilliseconds": "PT1H0M0S",
    "UpgradeDomainTimeoutInMilliseconds": "1200000",
}
POLICY = MonitoringPolicy(
    failure_action="Manual",
    wait_seconds=90.0,
    stable_seconds=120.0,
    retry_seconds=600.0,
    domain_timeout_seconds=1_200.0,
    upgrade_timeout_seconds=3_600.0,
)


def test_policy_is_read_in_seconds() -> None:
    assert monitoring_policy_of(ANSWER) == POLICY


@pytest.mark.parametrize("value", [None, [], "Monitored", 5])
def test_missing_policy_is_none(value: object) -> None:
    assert monitoring_policy_of(value) is None


def test_infinite_and_odd_limits_are_none() -> None:
    infinite = "P10675199DT02H48M05.4775807S"
    answer = {
        **dict.fromkeys(ANSWER, "soon"),
        "UpgradeTimeoutInMilliseconds": infinite,
        "FailureAction": None,
    }
    assert monitoring_policy_of(answer) == MonitoringPolicy()


@pytest.mark.parametrize(
    ("phase", "limit"),
    [("WaitDuration", 90.0), ("StableDuration", 120.0), ("Retry", 600.0), ("Invalid", None), (None, None)],
)
def test_each_phase_has_its_limit(phase: str | None, limit: float | None) -> None:
    assert POLICY.limit_of(phase) == limit


def test_policy_survives_json() -> None:
    assert MonitoringPolicy.from_dict(POLICY.to_dict()) == POLICY
    assert list(POLICY.to_dict().values()) == ["Manual", 90.0, 120.0, 600.0, 1_200.0, 3_600.0]
