"""Read the bodies of commands about upgrades as a cluster reads them. No I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.body_values import (
    duration_text,
    parameter_list,
    read_boolean,
    read_duration,
    read_health_policy,
    read_integer,
    read_object,
    read_parameters,
)
from airflow_provider_sf.simulator.responses import INVALID, Refusal, fabric_error

if TYPE_CHECKING:
    from collections.abc import Mapping

MONITORED, AUTO, MANUAL = "Monitored", "UnmonitoredAuto", "UnmonitoredManual"
MODES = frozenset({MONITORED, AUTO, MANUAL, "UnmonitoredDeferred"})

IDENTITY = "ManagedApplicationIdentity"
CLOSE_DELAY = "InstanceCloseDelayDurationInSeconds"

INFINITE_SECONDS = 4_294_967_295
"""The replica set check timeout that never ends."""


FIRST_PARAMETERS: Mapping[str, str] = {"Web_InstanceCount": "-1"}
"""The parameters of an application that no command has changed."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What an upgrade replaces beside the version: the parameters and the managed identity."""

    parameters: Mapping[str, str] = field(default_factory=lambda: FIRST_PARAMETERS)
    identity: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Monitoring:
    """A monitoring policy; durations in seconds. The defaults are those of the runtime, 6.4."""

    failure_action: str = field(default="Manual", metadata={"key": "FailureAction"})
    wait: float = field(default=0.0, metadata={"key": "HealthCheckWaitDurationInMilliseconds"})
    stable: float = field(default=120.0, metadata={"key": "HealthCheckStableDurationInMilliseconds"})
    retry: float = field(default=600.0, metadata={"key": "HealthCheckRetryTimeoutInMilliseconds"})
    upgrade: float = field(default=math.inf, metadata={"key": "UpgradeTimeoutInMilliseconds"})
    domain: float = field(default=math.inf, metadata={"key": "UpgradeDomainTimeoutInMilliseconds"})

    def changed_by(self, body: Mapping[str, Any]) -> Monitoring:
        """
        Return the policy with the members that a body has.

        :raises Refusal: a member is invalid, or the timeouts contradict each other
        """
        changes: dict[str, Any] = {}
        for item in fields(self):
            value = body.get(item.metadata["key"])
            if value is not None:
                changes[item.name] = value if item.name == "failure_action" else read_duration(value)
        changed = replace(self, **changes)
        if changed.failure_action not in {"Rollback", "Manual"}:
            raise Refusal(INVALID)
        _check(changed)
        return changed

    def to_body(self) -> dict[str, str]:
        """Return MonitoringPolicyDescription as the gateway writes it."""
        values = {item.metadata["key"]: getattr(self, item.name) for item in fields(self)}
        return {
            key: value if isinstance(value, str) else duration_text(value) for key, value in values.items()
        }


_MONITORING_KEYS = tuple(item.metadata["key"] for item in fields(Monitoring))


@dataclass(frozen=True, slots=True)
class Description:
    """
    What a start asks for. Two are equal if the cluster takes a start for a repetition of the other.

    ``identity`` and ``other`` are members that the cluster stores without comparing them.
    """

    target: str
    parameters: Mapping[str, str]
    mode: str = MONITORED
    force_restart: bool = False
    replica_check_timeout: int = INFINITE_SECONDS
    monitoring: Monitoring | None = None
    health_policy: Mapping[str, Any] | None = None
    identity: Mapping[str, Any] | None = field(default=None, compare=False)
    other: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def with_mode(self, mode: str) -> Description:
        """Return the description after the cluster has changed its mode."""
        return replace(self, mode=mode)

    def to_body(self, name: str, target: str, configuration: Configuration) -> dict[str, Any]:
        """Return ApplicationUpgradeDescription for the version and configuration that are being deployed."""
        body = {
            "Name": name,
            "TargetApplicationTypeVersion": target,
            "Parameters": parameter_list(configuration.parameters),
            "UpgradeKind": "Rolling",
            "RollingUpgradeMode": self.mode,
            "UpgradeReplicaSetCheckTimeoutInSeconds": self.replica_check_timeout,
            "ForceRestart": self.force_restart,
            **self.other,
        }
        if self.monitoring is not None:
            body["MonitoringPolicy"] = self.monitoring.to_body()
        if self.health_policy is not None:
            body["ApplicationHealthPolicy"] = dict(self.health_policy)
        if configuration.identity is not None:
            body[IDENTITY] = configuration.identity
        return body


@dataclass(frozen=True, slots=True)
class Start:
    """A request to start the upgrade of an application."""

    name: str
    description: Description


def read_start(body: object) -> Start:
    """
    Read ApplicationUpgradeDescription.

    :raises Refusal: the body is invalid
    """
    document = read_object(body)
    name, target = document.get("Name"), document.get("TargetApplicationTypeVersion")
    if not (_is_name(name) and isinstance(target, str) and target):
        raise Refusal(INVALID)
    return Start(
        str(name),
        rolling_description(document, target=target, parameters=read_parameters(document.get("Parameters"))),
    )


def rolling_description(
    document: Mapping[str, Any],
    *,
    target: str,
    parameters: Mapping[str, str],
    replica_check_default: int = INFINITE_SECONDS,
) -> Description:
    """
    Read the members that start requests of all kinds have in common.

    :raises Refusal: a member is invalid
    """
    rolling = after_kind(document)
    mode = rolling.get("RollingUpgradeMode")
    if document.get("UpgradeKind") != "Rolling" or mode not in MODES:
        raise Refusal(INVALID)
    timeout = read_integer(rolling.get("UpgradeReplicaSetCheckTimeoutInSeconds", 0), INFINITE_SECONDS)
    policy = read_object(rolling.get("MonitoringPolicy", {}))
    return Description(
        target=target,
        parameters=parameters,
        mode=mode,
        force_restart=read_boolean(rolling.get("ForceRestart", False)),
        replica_check_timeout=timeout or replica_check_default,
        monitoring=Monitoring().changed_by(policy) if mode == MONITORED else None,
        health_policy=read_health_policy(rolling.get("ApplicationHealthPolicy")),
        identity=rolling.get(IDENTITY),
        other={key: rolling[key] for key in ("SortOrder", CLOSE_DELAY) if rolling.get(key) is not None},
    )


@dataclass(frozen=True, slots=True)
class Update:
    """A request to change a running upgrade; None means that a member is absent."""

    name: str
    mode: str | None
    force_restart: bool | None
    replica_check_timeout: int | None
    monitoring: Mapping[str, Any]
    health_policy: Mapping[str, Any] | None
    close_delay: int | None

    def is_empty(self) -> bool:
        """Whether nothing changes."""
        times = (self.replica_check_timeout, self.close_delay)
        values = (self.mode, self.force_restart, self.health_policy, *times)
        return all(value is None for value in values) and not self.monitoring

    def applied_to(self, description: Description) -> Description:
        """
        Return the description with the changes.

        :raises Refusal: the changes are invalid
        """
        mode = self.mode or description.mode
        if self.monitoring and mode != MONITORED:
            msg = "Monitoring parameters can only be changed in the upgrade mode Monitored."
            raise refused_upgrade(msg)
        monitoring = description.monitoring
        if mode == MONITORED:
            monitoring = (monitoring or Monitoring()).changed_by(self.monitoring)
        restart, timeout, delay = self.force_restart, self.replica_check_timeout, self.close_delay
        return replace(
            description,
            mode=mode,
            monitoring=monitoring,
            force_restart=description.force_restart if restart is None else restart,
            replica_check_timeout=description.replica_check_timeout if timeout is None else timeout,
            health_policy=description.health_policy if self.health_policy is None else self.health_policy,
            other=description.other if delay is None else {**description.other, CLOSE_DELAY: delay},
        )


def read_update(body: object) -> Update:
    """
    Read ApplicationUpgradeUpdateDescription.

    :raises Refusal: the body is invalid, or changes nothing
    """
    document = read_object(body)
    rolling = after_kind(document)
    changes = read_object(rolling.get("UpdateDescription", {}))
    mode, restart = changes.get("RollingUpgradeMode"), changes.get("ForceRestart")
    is_rolling = document.get("UpgradeKind") == "Rolling"
    if not is_rolling or not _is_name(document.get("Name")) or mode not in {None, *MODES}:
        raise Refusal(INVALID)
    timeout, delay = changes.get("ReplicaSetCheckTimeoutInMilliseconds"), changes.get(CLOSE_DELAY)
    update = Update(
        name=document["Name"],
        mode=mode,
        force_restart=None if restart is None else read_boolean(restart),
        replica_check_timeout=None if timeout is None else _replica_check_timeout(timeout),
        monitoring={key: changes[key] for key in _MONITORING_KEYS if changes.get(key) is not None},
        health_policy=read_health_policy(rolling.get("ApplicationHealthPolicy")),
        close_delay=None if delay is None else read_integer(delay, INFINITE_SECONDS),
    )
    if update.is_empty():
        raise Refusal(fabric_error(400, "E_INVALIDARG", "Must specify an upgrade parameter to update"))
    return update


def after_kind(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members after UpgradeKind: the gateway reads the others only if it knows the kind."""
    keys = list(document)
    start = keys.index("UpgradeKind") if "UpgradeKind" in document else len(keys)
    return {key: document[key] for key in keys[start:]}


def refused_upgrade(message: str) -> Refusal:
    """Return the refusal of an upgrade with the reason."""
    return Refusal(fabric_error(400, "FABRIC_E_APPLICATION_UPGRADE_VALIDATION_ERROR", message))


def _check(policy: Monitoring) -> None:
    """Check the five rules of ``ClusterManagerReplica.cpp``, which apply to the mode Monitored only."""
    waits = {"HealthCheckRetryTimeout": policy.retry, "HealthCheckStableDuration": policy.stable}
    timeouts = {"UpgradeTimeout": policy.upgrade, "UpgradeDomainTimeout": policy.domain}
    for (wait, value), (timeout, limit) in product(waits.items(), timeouts.items()):
        if not limit > policy.wait + value:
            msg = f"{timeout} must be greater than the sum of HealthCheckWaitDuration and {wait}."
            raise refused_upgrade(msg)
    if policy.upgrade < policy.domain:
        msg = "UpgradeTimeout must be greater than or equal to UpgradeDomainTimeout."
        raise refused_upgrade(msg)


def _replica_check_timeout(value: object) -> int:
    """Return seconds. The specification has a number of milliseconds here; text is read, too."""
    seconds = value / 1_000 if type(value) is int and value >= 0 else read_duration(value)
    return int(min(seconds, INFINITE_SECONDS))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.lower().startswith("fabric:/")
