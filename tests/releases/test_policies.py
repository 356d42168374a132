"""Policies are checked when they are made, by the rules of the cluster manager."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_sf.releases import (
    ApplicationHealthPolicy,
    MonitoringPolicy,
    ServiceTypeHealthPolicy,
)
from airflow_provider_sf.releases.value_checks import iso_duration


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_default_policy_rolls_back() -> None:
    assert MonitoringPolicy().body() == {
        "FailureAction": "Rollback",
        "HealthCheckWaitDurationInMilliseconds": "PT0S",
        "HealthCheckStableDurationInMilliseconds": "PT120S",
        "HealthCheckRetryTimeoutInMilliseconds": "PT600S",
        "UpgradeTimeoutInMilliseconds": "P10675199DT2H48M5.4775807S",
        "UpgradeDomainTimeoutInMilliseconds": "P10675199DT2H48M5.4775807S",
    }


def test_upgrade_timeout_limits_each_domain() -> None:
    """The cluster manager refuses a domain without limit in an upgrade with one."""
    body = MonitoringPolicy(upgrade_timeout=minutes(60)).body()
    assert body["UpgradeDomainTimeoutInMilliseconds"] == body["UpgradeTimeoutInMilliseconds"] == "PT3600S"


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "PT0S"),
        (timedelta(days=40), "PT3456000S"),
        (timedelta(seconds=1234567), "PT1234567S"),
        (timedelta(milliseconds=1500), "PT1.5S"),
        (timedelta(microseconds=1), "PT0.000001S"),
        (None, "P10675199DT2H48M5.4775807S"),
    ],
)
def test_duration_has_form_of_runtime(duration: timedelta | None, text: str) -> None:
    """The regular expression is that of TimeSpan::TryFromIsoString of microsoft/service-fabric."""
    decimal = r"([0-9]*([.][0-9]+)?{})?"
    pattern = "P{}{}{}T{}{}{}".format(*(decimal.format(unit) for unit in "YMDHMS"))
    assert iso_duration(duration) == text
    assert re.fullmatch(pattern, text)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"upgrade_timeout": minutes(10)},
            "upgrade_timeout (0:10:00) must be longer than health_check_wait + health_check_retry (0:10:00)",
        ),
        (
            {"upgrade_domain_timeout": minutes(9)},
            "upgrade_domain_timeout (0:09:00) must be longer than health_check_wait + health_check_retry (0:10:00)",
        ),
        (
            {"upgrade_timeout": minutes(20), "health_check_stable": minutes(20)},
            "upgrade_timeout (0:20:00) must be longer than health_check_wait + health_check_stable (0:20:00)",
        ),
        (
            {
                "upgrade_domain_timeout": minutes(25),
                "health_check_wait": minutes(5),
                "health_check_stable": minutes(20),
            },
            "upgrade_domain_timeout (0:25:00) must be longer than health_check_wait + health_check_stable (0:25:00)",
        ),
        (
            {"upgrade_domain_timeout": minutes(40), "upgrade_timeout": minutes(30)},
            "upgrade_domain_timeout (0:40:00) must not be longer than upgrade_timeout (0:30:00)",
        ),
        (
            {"failure_action": "rollback"},
            "failure_action must be one of 'Rollback', 'Manual', not 'rollback'",
        ),
        (
            {"health_check_wait": 60},
            "health_check_wait must be a timedelta, for example timedelta(seconds=60), not 60",
        ),
        (
            {"health_check_stable": None},
            "health_check_stable must be a timedelta, for example timedelta(seconds=60), not None",
        ),
        (
            {"upgrade_timeout": timedelta(-1)},
            "upgrade_timeout must be from 0 s to 10000000 days, not -1 day, 0:00:00",
        ),
        (
            {"upgrade_timeout": timedelta.max},
            "upgrade_timeout must be from 0 s to 10000000 days, not 999999999 days, 23:59:59.999999",
        ),
    ],
)
def test_invalid_policy_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        MonitoringPolicy(**values)


@pytest.mark.parametrize("shorter", [timedelta(0), timedelta(microseconds=1)])
def test_timeouts_are_compared_exactly(shorter: timedelta) -> None:
    """Longer than the checks by the least amount is enough; domain and upgrade may have the same limit."""
    limit = minutes(10) + timedelta(microseconds=2) - shorter
    policy = MonitoringPolicy(upgrade_timeout=limit, upgrade_domain_timeout=limit)
    assert policy.upgrade_timeout == policy.upgrade_domain_timeout


def test_health_policy_has_all_members() -> None:
    policy = ApplicationHealthPolicy(
        consider_warning_as_error=True,
        max_percent_unhealthy_deployed_applications=10,
        service_types={"WebType": ServiceTypeHealthPolicy(max_percent_unhealthy_services=100)},
    )
    zeros = {
        "MaxPercentUnhealthyPartitionsPerService": 0,
        "MaxPercentUnhealthyReplicasPerPartition": 0,
        "MaxPercentUnhealthyServices": 0,
    }
    assert policy.body() == {
        "ConsiderWarningAsError": True,
        "MaxPercentUnhealthyDeployedApplications": 10,
        "DefaultServiceTypeHealthPolicy": zeros,
        "ServiceTypeHealthPolicyMap": [
            {"Key": "WebType", "Value": {**zeros, "MaxPercentUnhealthyServices": 100}}
        ],
    }


@pytest.mark.parametrize("percent", [-1, 101, 5.0, True, "5", None])
def test_percentage_is_whole_number(percent: Any) -> None:
    name = "max_percent_unhealthy_services"
    message = f"{name} must be a whole number from 0 to 100, not {percent!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ServiceTypeHealthPolicy(**{name: percent})
    with pytest.raises(ValueError, match=r"^max_percent_unhealthy_deployed_applications must be"):
        ApplicationHealthPolicy(max_percent_unhealthy_deployed_applications=percent)


@pytest.mark.parametrize(
    "values",
    [{"service_types": {"WebType": {"MaxPercentUnhealthyServices": 5}}}, {"default_service_type": None}],
)
def test_policies_of_types_are_objects(values: Any) -> None:
    with pytest.raises(ValueError, match=r"must be ServiceTypeHealthPolicy objects$"):
        ApplicationHealthPolicy(**values)


def test_flag_is_not_text() -> None:
    with pytest.raises(ValueError, match=r"^consider_warning_as_error must be True or False, not 'false'$"):
        ApplicationHealthPolicy(consider_warning_as_error="false")  # type: ignore[arg-type]
