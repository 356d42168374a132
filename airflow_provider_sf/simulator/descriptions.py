"""Read the bodies of commands about upgrades as a cluster reads them. No I/O."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.json_values import seconds
from airflow_provider_sf.simulator.responses import INVALID, Refusal, fabric_error

if TYPE_CHECKING:
    from collections.abc import Mapping

MONITORED, AUTO, MANUAL = "Monitored", "UnmonitoredAuto", "UnmonitoredManual"
MODES = frozenset({MONITORED, AUTO, MANUAL, "UnmonitoredDeferred"})

INFINITE_SECONDS = 4_294_967_295
"""The replica set check timeout that never ends."""

_INFINITE = "P10675199DT2H48M5.4775807S"
_DURATION = re.compile(r"\d+|P(?=.)(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")


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
                changes[item.name] = value if item.name == "failure_action" else _duration(value)
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


@dataclass(frozen=True, slots=True)
class Description:
    """
    What a start asks for. Two are equal if the cluster takes a start for a repetition of the other.

    ``other`` holds the members that the cluster stores without comparing them.
    """

    target: str
    parameters: Mapping[str, str]
    mode: str = MONITORED
    force_restart: bool = False
    replica_check_timeout: int = INFINITE_SECONDS
    monitoring: Monitoring | None = None
    health_policy: Mapping[str, Any] | None = None
    other: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def with_mode(self, mode: str) -> Description:
        """Return the description after the cluster has changed its mode."""
        return replace(self, mode=mode)

    def to_body(self, name: str, target: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return ApplicationUpgradeDescription for the version and parameters that are being deployed."""
        body = {
            "Name": name,
            "TargetApplicationTypeVersion": target,
            "Parameters": parameter_list(parameters),
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
    document = _object(body)
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
    timeout = _integer(rolling.get("UpgradeReplicaSetCheckTimeoutInSeconds", 0), INFINITE_SECONDS)
    monitoring = Monitoring().changed_by(_object(rolling.get("MonitoringPolicy") or {}))
    return Description(
        target=target,
        parameters=parameters,
        mode=mode,
        force_restart=_boolean(rolling.get("ForceRestart", False)),
        replica_check_timeout=timeout or replica_check_default,
        monitoring=monitoring if mode == MONITORED else None,
        health_policy=read_health_policy(rolling.get("ApplicationHealthPolicy")),
        other={key: rolling[key] for key in _STORED if rolling.get(key) is not None},
    )


_STORED = ("SortOrder", "InstanceCloseDelayDurationInSeconds", "ManagedApplicationIdentity")


@dataclass(frozen=True, slots=True)
class Update:
    """A request to change a running upgrade; None means that a member is absent."""

    name: str
    mode: str | None
    force_restart: bool | None
    replica_check_timeout: int | None
    monitoring: Mapping[str, Any]
    health_policy: Mapping[str, Any] | None

    def is_empty(self) -> bool:
        """Whether nothing changes."""
        values = (self.mode, self.force_restart, self.replica_check_timeout, self.health_policy)
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
        restart, timeout = self.force_restart, self.replica_check_timeout
        return replace(
            description,
            mode=mode,
            monitoring=monitoring,
            force_restart=description.force_restart if restart is None else restart,
            replica_check_timeout=description.replica_check_timeout if timeout is None else timeout,
            health_policy=description.health_policy if self.health_policy is None else self.health_policy,
        )


def read_update(body: object) -> Update:
    """
    Read ApplicationUpgradeUpdateDescription.

    :raises Refusal: the body is invalid, or changes nothing
    """
    document = _object(body)
    rolling = after_kind(document)
    changes = _object(rolling.get("UpdateDescription") or {})
    mode, restart = changes.get("RollingUpgradeMode"), changes.get("ForceRestart")
    if document.get("UpgradeKind") != "Rolling" or not _is_name(document.get("Name")):
        raise Refusal(INVALID)
    if mode is not None and mode not in MODES:
        raise Refusal(INVALID)
    timeout = changes.get("ReplicaSetCheckTimeoutInMilliseconds")
    keys = [item.metadata["key"] for item in fields(Monitoring)]
    update = Update(
        name=document["Name"],
        mode=mode,
        force_restart=None if restart is None else _boolean(restart),
        replica_check_timeout=None if timeout is None else int(min(_duration(timeout), INFINITE_SECONDS)),
        monitoring={key: changes[key] for key in keys if changes.get(key) is not None},
        health_policy=read_health_policy(rolling.get("ApplicationHealthPolicy")),
    )
    if update.is_empty():
        raise Refusal(fabric_error(400, "E_INVALIDARG", "Must specify an upgrade parameter to update"))
    return update


def read_parameters(value: object) -> dict[str, str]:
    """
    Read a list of keys and values.

    :raises Refusal: it is not such a list
    """
    if value is None:
        return {}
    if not isinstance(value, list):
        raise Refusal(INVALID)
    pairs = [_object(pair) for pair in value]
    if not all(isinstance(pair.get(key), str) for pair in pairs for key in ("Key", "Value")):
        raise Refusal(INVALID)
    return {pair["Key"]: pair["Value"] for pair in pairs}


def parameter_list(parameters: Mapping[str, str]) -> list[dict[str, str]]:
    """Return parameters as a list of keys and values."""
    return [{"Key": key, "Value": value} for key, value in parameters.items()]


def read_health_policy(value: object) -> dict[str, Any] | None:
    """
    Read ApplicationHealthPolicy, and add its defaults.

    :raises Refusal: it is invalid
    """
    if value is None:
        return None
    policy = _object(value)
    services = policy.get("ServiceTypeHealthPolicyMap", [])
    if not isinstance(services, list):
        raise Refusal(INVALID)
    return {
        "ConsiderWarningAsError": _boolean(policy.get("ConsiderWarningAsError", False)),
        "MaxPercentUnhealthyDeployedApplications": _percent(
            policy.get("MaxPercentUnhealthyDeployedApplications", 0)
        ),
        "DefaultServiceTypeHealthPolicy": _service_policy(policy.get("DefaultServiceTypeHealthPolicy")),
        "ServiceTypeHealthPolicyMap": [
            {"Key": _object(item).get("Key"), "Value": _service_policy(_object(item).get("Value"))}
            for item in services
        ],
    }


def read_percents(value: object, *keys: str) -> dict[str, int]:
    """
    Read the percentages of a policy; 0 is their default.

    :raises Refusal: one is invalid
    """
    policy = _object(value)
    return {key: _percent(policy.get(key, 0)) for key in keys}


_SERVICE_PERCENTS = (
    "MaxPercentUnhealthyPartitionsPerService",
    "MaxPercentUnhealthyReplicasPerPartition",
    "MaxPercentUnhealthyServices",
)


def _service_policy(value: object) -> dict[str, int]:
    return read_percents({} if value is None else value, *_SERVICE_PERCENTS)


def after_kind(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members after UpgradeKind: the gateway reads the others only if it knows the kind."""
    keys = list(document)
    start = keys.index("UpgradeKind") if "UpgradeKind" in document else len(keys)
    return {key: document[key] for key in keys[start:]}


def refused_upgrade(message: str) -> Refusal:
    """Return the refusal of an upgrade with the reason."""
    return Refusal(fabric_error(400, "FABRIC_E_APPLICATION_UPGRADE_VALIDATION_ERROR", message))


def duration_text(value: float) -> str:
    """ApiRequest a duration as the gateway does: hours, minutes and seconds, and days if there are any."""
    if value == math.inf:
        return _INFINITE
    minutes, rest = divmod(value, 60)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    return f"P{f'{days}D' if days else ''}T{hours}H{minutes}M{rest:.6g}S"


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


def _duration(value: object) -> float:
    """Return seconds. A number in text is milliseconds."""
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise Refusal(INVALID)
    found = seconds(value)
    return math.inf if found is None else found


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refusal(INVALID)
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Refusal(INVALID)
    return value


def _integer(value: object, limit: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
        raise Refusal(INVALID)
    return value


def _percent(value: object) -> int:
    return _integer(value, 100)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.lower().startswith("fabric:/")
