"""How Service Fabric checks the health of an upgrade: typed values, checked when they are made. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.releases.value_checks import (
    check_choice,
    check_duration,
    check_flag,
    check_percent,
    iso_duration,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILURE_ACTIONS = ("Rollback", "Manual")

_NONE = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringPolicy:
    """
    The health checks and time limits of a monitored upgrade.

    All durations are timedeltas. See
    https://learn.microsoft.com/rest/api/servicefabric/sfclient-model-monitoringpolicydescription

    :raises ValueError: a value is invalid, or the time limits do not fit together
    """

    failure_action: str = "Rollback"
    """After a failed health check: Rollback, or Manual, which waits for a person."""
    health_check_wait: timedelta = _NONE
    """The wait after an upgrade domain is complete, before its health is checked."""
    health_check_stable: timedelta = timedelta(minutes=2)
    """How long the application must be healthy."""
    health_check_retry: timedelta = timedelta(minutes=10)
    """How long bad health is checked again before the upgrade fails."""
    upgrade_domain_timeout: timedelta | None = None
    """How long one upgrade domain may take; None is the limit of the whole upgrade."""
    upgrade_timeout: timedelta | None = None
    """How long the whole upgrade may take; None is without limit."""

    def __post_init__(self) -> None:
        """Check the values, and the rules that the cluster manager checks."""
        check_choice("failure_action", self.failure_action, FAILURE_ACTIONS)
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name != "failure_action" and not (value is None and item.name.endswith("timeout")):
                check_duration(item.name, value)
        self._check_limits()

    def _check_limits(self) -> None:
        """
        Check the five rules of the cluster manager, which refuses the upgrade otherwise.

        See RollingUpgradeMonitoringPolicy of microsoft/service-fabric.
        """
        checks = {
            "health_check_wait + health_check_retry": self.health_check_wait + self.health_check_retry,
            "health_check_wait + health_check_stable": self.health_check_wait + self.health_check_stable,
        }
        for name in ("upgrade_timeout", "upgrade_domain_timeout"):
            limit = getattr(self, name)
            for parts, needed in checks.items():
                if limit is not None and limit <= needed:
                    msg = f"{name} ({limit}) must be longer than {parts} ({needed})"
                    raise ValueError(msg)
        domain, upgrade = self.upgrade_domain_timeout, self.upgrade_timeout
        if domain is not None and upgrade is not None and domain > upgrade:
            msg = f"upgrade_domain_timeout ({domain}) must not be longer than upgrade_timeout ({upgrade})"
            raise ValueError(msg)

    def body(self) -> dict[str, Any]:
        """
        Return MonitoringPolicyDescription.

        All members are there, since the defaults differ: that of the runtime for FailureAction is Manual. The
        cluster manager refuses a domain that may take longer than the whole upgrade, so the limit of the
        upgrade is the limit of each domain, too.
        """
        return {
            "FailureAction": self.failure_action,
            "HealthCheckWaitDurationInMilliseconds": iso_duration(self.health_check_wait),
            "HealthCheckStableDurationInMilliseconds": iso_duration(self.health_check_stable),
            "HealthCheckRetryTimeoutInMilliseconds": iso_duration(self.health_check_retry),
            "UpgradeTimeoutInMilliseconds": iso_duration(self.upgrade_timeout),
            "UpgradeDomainTimeoutInMilliseconds": iso_duration(
                self.upgrade_domain_timeout or self.upgrade_timeout
            ),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTypeHealthPolicy:
    """
    How much of the services of one type may be unhealthy, in percent, 0 to 100.

    See https://learn.microsoft.com/rest/api/servicefabric/sfclient-model-servicetypehealthpolicy
    """

    max_percent_unhealthy_services: int = 0
    max_percent_unhealthy_partitions_per_service: int = 0
    max_percent_unhealthy_replicas_per_partition: int = 0

    def __post_init__(self) -> None:
        """Check the percentages."""
        for item in fields(self):
            check_percent(item.name, getattr(self, item.name))

    def body(self) -> dict[str, Any]:
        """Return ServiceTypeHealthPolicy."""
        return {
            "MaxPercentUnhealthyPartitionsPerService": self.max_percent_unhealthy_partitions_per_service,
            "MaxPercentUnhealthyReplicasPerPartition": self.max_percent_unhealthy_replicas_per_partition,
            "MaxPercentUnhealthyServices": self.max_percent_unhealthy_services,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationHealthPolicy:
    """
    What counts as a healthy application. It replaces the whole policy of the application manifest.

    See https://learn.microsoft.com/rest/api/servicefabric/sfclient-model-applicationhealthpolicy
    """

    consider_warning_as_error: bool = False
    max_percent_unhealthy_deployed_applications: int = 0
    default_service_type: ServiceTypeHealthPolicy = ServiceTypeHealthPolicy()
    """The policy of service types that ``service_types`` does not name."""
    service_types: Mapping[str, ServiceTypeHealthPolicy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the values."""
        check_flag("consider_warning_as_error", self.consider_warning_as_error)
        name = "max_percent_unhealthy_deployed_applications"
        check_percent(name, self.max_percent_unhealthy_deployed_applications)
        policies = (self.default_service_type, *self.service_types.values())
        if not all(isinstance(policy, ServiceTypeHealthPolicy) for policy in policies):
            msg = "default_service_type and service_types must be ServiceTypeHealthPolicy objects"
            raise ValueError(msg)

    def body(self) -> dict[str, Any]:
        """Return ApplicationHealthPolicy."""
        return {
            "ConsiderWarningAsError": self.consider_warning_as_error,
            "MaxPercentUnhealthyDeployedApplications": self.max_percent_unhealthy_deployed_applications,
            "DefaultServiceTypeHealthPolicy": self.default_service_type.body(),
            "ServiceTypeHealthPolicyMap": [
                {"Key": name, "Value": policy.body()} for name, policy in self.service_types.items()
            ],
        }


def health_policy_from_body(body: Mapping[str, Any]) -> ApplicationHealthPolicy:
    """Return the policy of a body that :meth:`ApplicationHealthPolicy.body` has made."""
    return ApplicationHealthPolicy(
        consider_warning_as_error=body["ConsiderWarningAsError"],
        max_percent_unhealthy_deployed_applications=body["MaxPercentUnhealthyDeployedApplications"],
        default_service_type=_service_type_policy(body["DefaultServiceTypeHealthPolicy"]),
        service_types={
            item["Key"]: _service_type_policy(item["Value"]) for item in body["ServiceTypeHealthPolicyMap"]
        },
    )


def _service_type_policy(body: Mapping[str, int]) -> ServiceTypeHealthPolicy:
    return ServiceTypeHealthPolicy(
        max_percent_unhealthy_services=body["MaxPercentUnhealthyServices"],
        max_percent_unhealthy_partitions_per_service=body["MaxPercentUnhealthyPartitionsPerService"],
        max_percent_unhealthy_replicas_per_partition=body["MaxPercentUnhealthyReplicasPerPartition"],
    )


def monitoring_policy_for(
    mode: str, policy: MonitoringPolicy | None, failure_action: str | None
) -> MonitoringPolicy | None:
    """Return the policy of a monitored upgrade; the other modes check no health."""
    if mode != "Monitored":
        for name, value in {"monitoring_policy": policy, "failure_action": failure_action}.items():
            if value is not None:
                msg = f"{name} belongs to the mode 'Monitored', not to {mode!r}: remove it, or change mode"
                raise ValueError(msg)
        return None
    policy = policy or MonitoringPolicy()
    return policy if failure_action is None else replace(policy, failure_action=failure_action)
