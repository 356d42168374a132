"""The description of an upgrade of a compose deployment. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.releases.application_upgrade import MODES
from airflow_provider_sf.releases.parameters import sha256_of_json
from airflow_provider_sf.releases.value_checks import (
    NO_LIMIT,
    check_choice,
    check_flag,
    check_whole_seconds,
    whole_seconds,
)
from airflow_provider_sf.rest.plain_text import shorten_repr

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow_provider_sf.releases.policies import ApplicationHealthPolicy, MonitoringPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryCredential:
    """
    The account with which the cluster pulls images. The ``repr`` does not show the password.

    See https://learn.microsoft.com/rest/api/servicefabric/sfclient-model-registrycredential
    """

    user_name: str
    password: str = field(repr=False)
    is_encrypted: bool = False
    """Whether the password is encrypted with a certificate of the cluster."""

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("user_name", "password"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                msg = f"{name} of the registry must be a string that is not empty"
                raise ValueError(msg)
        check_flag("is_encrypted", self.is_encrypted)

    def body(self) -> dict[str, Any]:
        """Return RegistryCredential."""
        return {
            "RegistryUserName": self.user_name,
            "RegistryPassword": self.password,
            "PasswordEncrypted": self.is_encrypted,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeUpgrade:
    """
    An upgrade of a compose deployment: ComposeDeploymentUpgradeDescription.

    The ``repr`` does not show the file, which may contain secrets.
    See https://learn.microsoft.com/rest/api/servicefabric/sfclient-model-composedeploymentupgradedescription

    :raises ValueError: a value is invalid
    """

    name: str
    compose_file: str = field(repr=False)
    """The whole content of the file, not its path."""
    registry_credential: RegistryCredential | None = None
    mode: str = "Monitored"
    monitoring_policy: MonitoringPolicy | None = None
    """Only with the mode Monitored."""
    health_policy: ApplicationHealthPolicy | None = None
    force_restart: bool = False
    replica_set_check_timeout: timedelta | None = None
    """None is without limit."""

    def __post_init__(self) -> None:
        """Check the values."""
        name: object = self.name
        if not isinstance(name, str) or not name or name.lower().startswith("fabric:/"):
            msg = f"name must be that of a compose deployment, such as 'shop', not {shorten_repr(name)}"
            raise ValueError(msg)
        content: object = self.compose_file
        if not isinstance(content, str) or not content.strip():
            msg = "compose_file must be the content of a compose file, but it is empty"
            raise ValueError(msg)
        check_choice("mode", self.mode, MODES)
        check_flag("force_restart", self.force_restart)
        if (self.mode == "Monitored") != (self.monitoring_policy is not None):
            msg = f"monitoring_policy belongs to the mode 'Monitored', not to {self.mode!r}"
            raise ValueError(msg)
        if self.replica_set_check_timeout is not None:
            check_whole_seconds("replica_set_check_timeout", self.replica_set_check_timeout)

    def body(self) -> dict[str, Any]:
        """
        Return the body.

        The replica set timeout is always there. Without it a compose deployment does not wait for its
        replicas at all, other than a classic application.
        """
        timeout = self.replica_set_check_timeout
        members: dict[str, Any] = {
            "UpgradeKind": "Rolling",
            "DeploymentName": self.name,
            "ComposeFileContent": self.compose_file,
            "RollingUpgradeMode": self.mode,
            "UpgradeReplicaSetCheckTimeoutInSeconds": NO_LIMIT if timeout is None else whole_seconds(timeout),
            "ForceRestart": self.force_restart,
        }
        if self.registry_credential is not None:
            members["RegistryCredential"] = self.registry_credential.body()
        if self.monitoring_policy is not None:
            members["MonitoringPolicy"] = self.monitoring_policy.body()
        if self.health_policy is not None:
            members["ApplicationHealthPolicy"] = self.health_policy.body()
        return members

    def sha256(self) -> str:
        """Return the SHA-256 hash of the body."""
        return sha256_of_json(self.body())
