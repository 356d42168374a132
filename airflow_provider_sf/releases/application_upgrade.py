"""The description of an upgrade of a classic application. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.releases.parameters import read_parameters, sha256_of_json, wire_list
from airflow_provider_sf.releases.value_checks import (
    NO_LIMIT,
    check_choice,
    check_flag,
    check_whole_seconds,
    check_word,
    whole_seconds,
)
from airflow_provider_sf.rest.json_values import objects, text, value_at
from airflow_provider_sf.rest.url_names import application_id, application_name
from airflow_provider_sf.upgrades.monitoring_policy import monitoring_policy_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from airflow_provider_sf.releases.policies import ApplicationHealthPolicy, MonitoringPolicy

MODES = ("Monitored", "UnmonitoredAuto", "UnmonitoredManual", "UnmonitoredDeferred")
SORT_ORDERS = ("Default", "Numeric", "Lexicographical", "ReverseNumeric", "ReverseLexicographical")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationUpgrade:
    """
    An upgrade of a classic application: ApplicationUpgradeDescription.

    ``parameters`` are all of them: Service Fabric sets those that are missing to their defaults.
    ``managed_identity`` is sent back as it was read, since an upgrade replaces it, too. The ``repr`` shows no
    values of parameters.
    """

    name: str
    target_version: str
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    mode: str = "Monitored"
    monitoring_policy: MonitoringPolicy | None = None
    """Only with the mode Monitored."""
    health_policy: ApplicationHealthPolicy | None = None
    """None is the policy of the application manifest."""
    force_restart: bool = False
    sort_order: str = "Default"
    instance_close_delay: timedelta | None = None
    """None is the setting of each service."""
    replica_set_check_timeout: timedelta | None = None
    """None is without limit."""
    managed_identity: Mapping[str, Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """
        Check the values.

        :raises ValueError: a value is invalid
        """
        application_id(self.name)
        check_word("target_version", self.target_version)
        check_choice("mode", self.mode, MODES)
        check_choice("sort_order", self.sort_order, SORT_ORDERS)
        check_flag("force_restart", self.force_restart)
        if (self.mode == "Monitored") != (self.monitoring_policy is not None):
            msg = f"monitoring_policy belongs to the mode 'Monitored', not to {self.mode!r}"
            raise ValueError(msg)
        if self.instance_close_delay is not None:
            check_whole_seconds("instance_close_delay", self.instance_close_delay)
        if self.replica_set_check_timeout is not None:  # in this request, 0 is without limit, too
            check_whole_seconds("replica_set_check_timeout", self.replica_set_check_timeout, minimum=1)
        read_parameters(dict(self.parameters))

    @property
    def full_name(self) -> str:
        """The name with its scheme. The gateway upgrades what the body names, whatever the path says."""
        return application_name(self.name)

    def body(self) -> dict[str, Any]:
        """
        Return the body. UpgradeKind is first, because the gateway reads other members by it.

        Mode and FailureAction are always there: without them the gateway refuses the request, or the upgrade
        waits for a person after a failure.
        """
        members: dict[str, Any] = {
            "UpgradeKind": "Rolling",
            "Name": self.full_name,
            "TargetApplicationTypeVersion": self.target_version,
            "Parameters": wire_list(self.parameters),
            "RollingUpgradeMode": self.mode,
            "UpgradeReplicaSetCheckTimeoutInSeconds": _seconds_or_no_limit(self.replica_set_check_timeout),
            "ForceRestart": self.force_restart,
        }
        if self.sort_order != "Default":  # not known to every runtime
            members["SortOrder"] = self.sort_order
        if self.monitoring_policy is not None:
            members["MonitoringPolicy"] = self.monitoring_policy.body()
        if self.health_policy is not None:
            members["ApplicationHealthPolicy"] = self.health_policy.body()
        if self.instance_close_delay is not None:
            members["InstanceCloseDelayDurationInSeconds"] = whole_seconds(self.instance_close_delay)
        if self.managed_identity is not None:
            members["ManagedApplicationIdentity"] = dict(self.managed_identity)
        return members

    def sha256(self) -> str:
        """Return the SHA-256 hash of the body."""
        return sha256_of_json(self.body())

    def matches_description(self, answer: object) -> bool:
        """
        Whether an answer of the progress call is about an upgrade with this description, which goes forward.

        A monitored upgrade with the FailureAction Manual has the mode UnmonitoredManual after a failure. A
        person who changes a running upgrade changes its description, too.
        """
        if described_content(answer) != (self.target_version, dict(self.parameters)):
            return False
        description = value_at(answer, "UpgradeDescription")
        if text(value_at(description, "RollingUpgradeMode")) not in self._modes:
            return False
        if bool(value_at(description, "ForceRestart")) != self.force_restart:
            return False
        policy = value_at(description, "MonitoringPolicy")
        return self.monitoring_policy is None or (
            monitoring_policy_of(policy) == monitoring_policy_of(self.monitoring_policy.body())
        )

    @property
    def _modes(self) -> set[str]:
        policy = self.monitoring_policy
        waits = policy is not None and policy.failure_action == "Manual"
        return {self.mode, "UnmonitoredManual"} if waits else {self.mode}


def described_content(answer: object) -> tuple[str | None, dict[str, str]]:
    """
    Return version and parameters in the description of an answer of the progress call.

    A person cannot change these while the upgrade goes forward, unlike its mode and its policies. During and
    after a rollback they are those that are restored: GetApplicationUpgradeStatus in
    ClusterManagerReplica.cpp of microsoft/service-fabric.
    """
    description = value_at(answer, "UpgradeDescription")
    parameters = {
        text(item.get("Key")) or "": text(item.get("Value")) or ""
        for item in objects(value_at(description, "Parameters"))
    }
    return text(value_at(description, "TargetApplicationTypeVersion")), parameters


def _seconds_or_no_limit(duration: timedelta | None) -> int:
    return NO_LIMIT if duration is None else whole_seconds(duration)
