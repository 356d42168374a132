"""How a monitored upgrade checks its health: the limits that the person who started it has set. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_sf.rest.json_values import seconds, word
from airflow_provider_sf.serialization import Record


@dataclass(frozen=True, slots=True)
class MonitoringPolicy(Record):
    """Durations in seconds and the action after a failure; None means "not reported" or "no limit"."""

    failure_action: str | None = None
    """Service Fabric's word: Rollback or Manual."""
    wait_seconds: float | None = None
    """How long a health check waits before it begins: the limit of the phase WaitDuration."""
    stable_seconds: float | None = None
    """How long the health must be good: the limit of the phase StableDuration."""
    retry_seconds: float | None = None
    """How long bad health is evaluated again: the limit of the phase Retry."""
    domain_timeout_seconds: float | None = None
    """How long the upgrade of one domain may take."""
    upgrade_timeout_seconds: float | None = None
    """How long the whole upgrade may take."""

    def limit_of(self, phase: str | None) -> float | None:
        """Return how long a phase of a health check takes at most."""
        limits = {
            "WaitDuration": self.wait_seconds,
            "StableDuration": self.stable_seconds,
            "Retry": self.retry_seconds,
        }
        return limits.get(phase or "")


def monitoring_policy_of(value: object) -> MonitoringPolicy | None:
    """Read MonitoringPolicyDescription. The durations are ISO 8601, whatever their names claim."""
    if not isinstance(value, dict):
        return None
    return MonitoringPolicy(
        failure_action=word(value.get("FailureAction")),
        wait_seconds=seconds(value.get("HealthCheckWaitDurationInMilliseconds")),
        stable_seconds=seconds(value.get("HealthCheckStableDurationInMilliseconds")),
        retry_seconds=seconds(value.get("HealthCheckRetryTimeoutInMilliseconds")),
        domain_timeout_seconds=seconds(value.get("UpgradeDomainTimeoutInMilliseconds")),
        upgrade_timeout_seconds=seconds(value.get("UpgradeTimeoutInMilliseconds")),
    )
