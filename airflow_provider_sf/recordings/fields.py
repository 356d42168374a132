"""
The members of answers that a recording keeps, as a table: each has a rule. No I/O.

A member without a rule is dropped. A value that a rule does not expect is replaced or dropped, so no secret
in an unexpected place gets into the file. Parameters, health policies and their maps have no rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from airflow_provider_sf.recordings.enumerations import (
    ERROR_CODES,
    EVALUATIONS_AND_CHECKS,
    FAILURE_ACTIONS,
    FAILURE_REASONS,
    HEALTH_CHECK_PHASES,
    HEALTH_STATES,
    NODE_PHASES,
    UNIT_STATES,
    UPGRADE_KINDS,
    UPGRADE_MODES,
    UPGRADE_STATES,
)
from airflow_provider_sf.recordings.pseudonyms import Pseudonyms
from airflow_provider_sf.upgrades.kinds import NO_VERSION

Rule = Callable[[Any, Pseudonyms], object]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_DURATION = re.compile(
    r"P(?=.)(\d{1,8}D)?(T(\d{1,8}H)?(\d{1,8}M)?(\d{1,8}(\.\d{1,7})?([eE][+-]?\d\d?)?S)?)?", re.ASCII
)
_RUNTIME_VERSION = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{3,5})\.(\d{1,5})", re.ASCII)
_LARGEST_IN_ADDRESS = 255

MAX_DIGITS = 11
"""A longer number is not kept: the longest timeout of Service Fabric has 11 digits."""


def _replaced(value: object, pseudonyms: Pseudonyms) -> str | None:
    return pseudonyms.name(value) if isinstance(value, str) else None


def name(value: object, pseudonyms: Pseudonyms) -> str | None:
    """Replace a name or an id."""
    return _replaced(value, pseudonyms)


def version(value: object, pseudonyms: Pseudonyms) -> str | None:
    """Replace a version."""
    return pseudonyms.version(value) if isinstance(value, str) else None


def runtime_version(value: object, pseudonyms: Pseudonyms) -> str | None:
    """Keep a version of the runtime, which Microsoft has published. It is never an address."""
    if value == NO_VERSION:
        return NO_VERSION
    parts = _RUNTIME_VERSION.fullmatch(value) if isinstance(value, str) else None
    is_address = parts is None or all(int(part) <= _LARGEST_IN_ADDRESS for part in parts.groups())
    return version(value, pseudonyms) if is_address else str(value)


def text(value: object, pseudonyms: Pseudonyms) -> str | None:
    """Replace a text, except the words of the status details of a deployment."""
    return pseudonyms.text(value) if isinstance(value, str) else None


def moment(value: object, pseudonyms: Pseudonyms) -> str | None:
    """Keep a time."""
    return value if isinstance(value, str) and _MOMENT.fullmatch(value) else _replaced(value, pseudonyms)


def duration(value: object, pseudonyms: Pseudonyms) -> object:
    """Keep a duration: in ISO 8601, or a number of milliseconds."""
    is_iso = isinstance(value, str) and _DURATION.fullmatch(value)
    return value if is_iso else _milliseconds(value, pseudonyms)


def elapsed(value: object, pseudonyms: Pseudonyms) -> object:
    """Keep a duration that grows with time; a replay at another speed changes it."""
    return duration(value, pseudonyms)


def boolean(value: object, pseudonyms: Pseudonyms) -> object:
    """Keep true and false."""
    return value if isinstance(value, bool) else _replaced(value, pseudonyms)


def number(digits: int) -> Rule:
    """Return the rule that keeps a number, also as text, with up to so many digits before the point."""
    pattern = re.compile(rf"-?\d{{1,{digits}}}(\.\d{{1,7}})?", re.ASCII)

    def keep(value: object, pseudonyms: Pseudonyms) -> object:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            return None
        if isinstance(value, int) and abs(value) >= 10**digits:
            return None
        return value if pattern.fullmatch(str(value)) else _replaced(value, pseudonyms)

    return keep


_milliseconds = number(MAX_DIGITS)


def one_of(values: frozenset[str]) -> Rule:
    """Return the rule that keeps the values of an enumeration."""

    def keep(value: object, pseudonyms: Pseudonyms) -> object:
        return value if isinstance(value, str) and value in values else _replaced(value, pseudonyms)

    return keep


def members(value: object, pseudonyms: Pseudonyms) -> None:
    """Mark objects and lists of objects: the rules apply to their members. It keeps nothing else."""
    del value, pseudonyms


_PERCENT, _COUNT, _SECONDS = number(3), number(6), number(MAX_DIGITS)

FIELDS: dict[str, Rule] = {
    # progress
    "Name": name,
    "DeploymentName": name,
    "ApplicationName": name,
    "TypeName": name,
    "TargetApplicationTypeVersion": version,
    "CodeVersion": runtime_version,
    "ConfigVersion": version,
    "UpgradeState": one_of(UPGRADE_STATES),
    "RollingUpgradeMode": one_of(UPGRADE_MODES),
    "UpgradeKind": one_of(UPGRADE_KINDS),
    "PercentCompleted": _PERCENT,
    "ProgressStatus": _COUNT,
    "StartTimestampUtc": moment,
    "FailureTimestampUtc": moment,
    "UpgradeDuration": elapsed,
    "UpgradeDurationInMilliseconds": elapsed,
    "CurrentUpgradeDomainDuration": elapsed,
    "UpgradeDomainDurationInMilliseconds": elapsed,
    "UpgradeReplicaSetCheckTimeoutInSeconds": _SECONDS,
    "FailureReason": one_of(FAILURE_REASONS),
    "FailureClassification": name,
    "HealthCheckPhase": one_of(HEALTH_CHECK_PHASES),
    "HealthCheckElapsedTime": elapsed,
    "HealthCheckRetryFlips": _COUNT,
    "IsNodeByNode": boolean,
    "ApplicationUpgradeStatusDetails": text,
    "UpgradeStatusDetails": text,
    "Details": text,
    "UpgradeDescription": members,
    "ForceRestart": boolean,
    # services
    "ServiceUpgradeProgress": members,
    "ServiceName": name,
    "CompletedReplicaCount": _COUNT,
    "PendingReplicaCount": _COUNT,
    # monitoring policy
    "MonitoringPolicy": members,
    "FailureAction": one_of(FAILURE_ACTIONS),
    "HealthCheckWaitDurationInMilliseconds": duration,
    "HealthCheckStableDurationInMilliseconds": duration,
    "HealthCheckRetryTimeoutInMilliseconds": duration,
    "UpgradeTimeoutInMilliseconds": duration,
    "UpgradeDomainTimeoutInMilliseconds": duration,
    # upgrade domains, units and nodes
    "UpgradeDomains": members,
    "UpgradeUnits": members,
    "State": one_of(UNIT_STATES),
    "NextUpgradeDomain": name,
    "CurrentUpgradeDomainProgress": members,
    "CurrentUpgradeUnitsProgress": members,
    "UpgradeDomainProgressAtFailure": members,
    "DomainName": name,
    "NodeUpgradeProgressList": members,
    "NodeName": name,
    "UpgradePhase": one_of(NODE_PHASES),
    "PendingSafetyChecks": members,
    "SafetyCheck": members,
    "Kind": one_of(EVALUATIONS_AND_CHECKS),
    "PartitionId": name,
    # health
    "UnhealthyEvaluations": members,
    "ApplicationUnhealthyEvaluations": members,
    "HealthEvaluation": members,
    "AggregatedHealthState": one_of(HEALTH_STATES),
    "Description": text,
    "ServiceTypeName": name,
    "ServiceManifestName": name,
    "ServicePackageActivationId": name,
    "ReplicaOrInstanceId": name,
    "ApplicationTypeName": name,
    "NodeTypeName": name,
    "UpgradeDomainName": name,
    "UnhealthyEvent": members,
    "SourceId": name,
    "Property": name,
    "HealthState": one_of(HEALTH_STATES),
    "IsExpired": boolean,
    "SourceUtcTimestamp": moment,
    "LastModifiedUtcTimestamp": moment,
    "LastOkTransitionAt": moment,
    "LastWarningTransitionAt": moment,
    "LastErrorTransitionAt": moment,
    # classic applications
    "Id": name,
    "TypeVersion": version,
    "Status": name,
    # version of the cluster
    "Version": runtime_version,
    # errors
    "Error": members,
    "Code": one_of(ERROR_CODES),
    "Message": text,
}
"""The rule of each member, wherever it stands."""
