"""The description of a change to a running upgrade of a classic application. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.releases.application_upgrade import MODES
from airflow_provider_sf.releases.policies import FAILURE_ACTIONS
from airflow_provider_sf.releases.value_checks import (
    check_choice,
    check_duration,
    check_flag,
    check_whole_seconds,
    iso_duration,
    milliseconds,
    whole_seconds,
)
from airflow_provider_sf.rest.url_names import application_name

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow_provider_sf.releases.policies import ApplicationHealthPolicy

_MONITORED_ONLY = {
    "failure_action": "FailureAction",
    "health_check_wait": "HealthCheckWaitDurationInMilliseconds",
    "health_check_stable": "HealthCheckStableDurationInMilliseconds",
    "health_check_retry": "HealthCheckRetryTimeoutInMilliseconds",
    "upgrade_timeout": "UpgradeTimeoutInMilliseconds",
    "upgrade_domain_timeout": "UpgradeDomainTimeoutInMilliseconds",
}
"""The parameters that the cluster manager accepts only in the mode Monitored, and their members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeUpdate:
    """
    A change to a running upgrade: ApplicationUpgradeUpdateDescription. None keeps the present value.

    ``mode`` is always sent: the present mode, unless it is to be changed. Without it, some clients switch a
    monitored upgrade to UnmonitoredAuto, which checks no health.

    :raises ValueError: a value is invalid, or only valid in the mode Monitored
    """

    name: str
    mode: str
    failure_action: str | None = None
    health_check_wait: timedelta | None = None
    health_check_stable: timedelta | None = None
    health_check_retry: timedelta | None = None
    upgrade_timeout: timedelta | None = None
    upgrade_domain_timeout: timedelta | None = None
    force_restart: bool | None = None
    replica_set_check_timeout: timedelta | None = None
    instance_close_delay: timedelta | None = None
    health_policy: ApplicationHealthPolicy | None = None
    """It replaces the whole policy."""

    def __post_init__(self) -> None:
        """Check the values."""
        application_name(self.name)
        check_choice("mode", self.mode, MODES)
        for name in _MONITORED_ONLY:
            if getattr(self, name) is not None:
                self._check_monitored(name)
        if self.force_restart is not None:
            check_flag("force_restart", self.force_restart)
        if self.replica_set_check_timeout is not None:
            check_duration("replica_set_check_timeout", self.replica_set_check_timeout)
        if self.instance_close_delay is not None:
            check_whole_seconds("instance_close_delay", self.instance_close_delay)

    def _check_monitored(self, name: str) -> None:
        if self.mode != "Monitored":
            msg = f"{name} needs the mode 'Monitored', but the mode is {self.mode!r}"
            raise ValueError(msg)
        if name == "failure_action":
            check_choice(name, self.failure_action, FAILURE_ACTIONS)
        else:
            check_duration(name, getattr(self, name))

    def body(self) -> dict[str, Any]:
        """Return the body: only what is to be changed, and the mode."""
        update: dict[str, Any] = {"RollingUpgradeMode": self.mode}
        for name, member in _MONITORED_ONLY.items():
            value = getattr(self, name)
            if value is not None:
                update[member] = value if name == "failure_action" else iso_duration(value)
        if self.force_restart is not None:
            update["ForceRestart"] = self.force_restart
        if self.replica_set_check_timeout is not None:  # another name and unit than at the start
            update["ReplicaSetCheckTimeoutInMilliseconds"] = milliseconds(self.replica_set_check_timeout)
        if self.instance_close_delay is not None:
            update["InstanceCloseDelayDurationInSeconds"] = whole_seconds(self.instance_close_delay)
        body: dict[str, Any] = {
            "UpgradeKind": "Rolling",
            "Name": application_name(self.name),
            "UpdateDescription": update,
        }
        if self.health_policy is not None:
            body["ApplicationHealthPolicy"] = self.health_policy.body()
        return body
