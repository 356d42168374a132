"""
How the responses of each kind of upgrade differ, as a table.

A kind without a row has the format of classic applications.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.responses import fabric_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.simulator.responses import HttpResponse

_CLASSIC: dict[str, str] = {
    "ProvisioningTarget": "RollingForwardInProgress",
    "RollingForward": "RollingForwardInProgress",
    "UnprovisioningCurrent": "RollingForwardInProgress",
    "CompletedRollforward": "RollingForwardCompleted",
    "RollingBack": "RollingBackInProgress",
    "UnprovisioningTarget": "RollingBackInProgress",
    "CompletedRollback": "RollingBackCompleted",
    "RollingBackPending": "RollingBackInProgress",
    "Paused": "RollingForwardPending",
}
_COMPOSE = _CLASSIC | {
    word: word for word in ("ProvisioningTarget", "UnprovisioningCurrent", "UnprovisioningTarget")
}

_FORWARD = "Deployment upgrading from version: {old} to version: {new}."
_BACK = "Deployment rolling back from version: {new} to version: {old}."


@dataclass(frozen=True, slots=True)
class KindFormat:
    """The format of one kind. A state or version without an entry stays as in the scenarios."""

    states: Mapping[str, str] = field(default_factory=lambda: _CLASSIC)
    versions: Mapping[str, str | int] = field(default_factory=dict)
    config_versions: Mapping[str, str] = field(default_factory=dict)
    forward: str = ""
    """The status details of an upgrade."""
    back: str = ""
    """The status details of a rollback."""
    extra_keys: Mapping[str, str] = field(default_factory=dict)
    """Extra keys of the response -> the field that they repeat."""
    not_found: tuple[int, str, str] = (
        404,
        "FABRIC_E_APPLICATION_NOT_FOUND",
        "Application {name} does not exist.",
    )
    """The status, error code and message if the subject of the call does not exist."""

    def not_found_response(self, name: str) -> HttpResponse:
        """Return the error for something that does not exist."""
        status, code, message = self.not_found
        return fabric_error(status, code, message.format(name=name))


_NO_ROUTE = (400, "E_INVALIDARG", "The route is not known.")

KIND_FORMATS: dict[str, KindFormat] = {
    "application_resource": KindFormat(
        states={
            "Paused": "RollingForward",
            "RollingBackPending": "RollingBack",
        },  # this kind has no Pending state
        forward=_FORWARD,
        back=_BACK,
        not_found=(
            500,
            "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND",
            "Application resource {name} does not exist.",
        ),
    ),
    "application": KindFormat(
        extra_keys={
            "TypeName": "type_name",
            # The specification requires both in each UpgradeDescription.
            "UpgradeDescription.Name": "name",
            "UpgradeDescription.TargetApplicationTypeVersion": "target_version",
        },
    ),
    "compose_deployment": KindFormat(
        states=_COMPOSE,
        forward=_FORWARD,
        back=_BACK,
        not_found=(404, "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND", "Compose deployment {name} does not exist."),
    ),
    "cluster": KindFormat(
        versions={
            "v0": "10.0.1949.9590",
            "v1": "10.1.2175.9590",
            "v2": "10.1.2338.9590",
            "v3": "10.1.2493.9590",
        },
        config_versions={"v0": "1", "v1": "2", "v2": "3", "v3": "4"},
        not_found=_NO_ROUTE,
    ),
    # The manifest of each phase has a number. The configuration file has a version, a text.
    "cluster_configuration": KindFormat(
        versions={"v0": 1, "v1": 2, "v2": 3, "v3": 4, "v4": 5},
        config_versions={"v0": "1.0.0", "v1": "1.1.0", "v2": "1.2.0", "v3": "1.3.0"},
        not_found=_NO_ROUTE,
    ),
}
