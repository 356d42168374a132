"""
The format of each kind of upgrade, as a table.

A kind without a row has the format of classic applications.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.responses import fabric_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.simulator.responses import Answer

_CLASSIC: dict[str, str] = {
    "ProvisioningTarget": "RollingForwardInProgress",
    "RollingForward": "RollingForwardInProgress",
    "UnprovisioningCurrent": "RollingForwardInProgress",
    "CompletedRollforward": "RollingForwardCompleted",
    "RollingBack": "RollingBackInProgress",
    "UnprovisioningTarget": "RollingBackInProgress",
    "CompletedRollback": "RollingBackCompleted",
}
_COMPOSE = _CLASSIC | {
    word: word for word in ("ProvisioningTarget", "UnprovisioningCurrent", "UnprovisioningTarget")
}

_FORWARD = "Deployment upgrading from version: {old} to version: {new}."
_BACK = "Deployment rolling back from version: {new} to version: {old}."


@dataclass(frozen=True, slots=True)
class Dialect:
    """The format of one kind; a word that is not in a table stays as in the scenarios."""

    states: Mapping[str, str] = field(default_factory=lambda: _CLASSIC)
    versions: Mapping[str, str | int] = field(default_factory=dict)
    config_versions: Mapping[str, str] = field(default_factory=dict)
    forward: str = ""
    """The status details of an upgrade."""
    back: str = ""
    """The status details of a rollback."""
    also: Mapping[str, str] = field(default_factory=dict)
    """Extra keys of the answer -> the field that they repeat."""
    missing: tuple[int, str, str] = (
        404,
        "FABRIC_E_APPLICATION_NOT_FOUND",
        "Application {name} does not exist.",
    )

    def is_missing(self, name: str) -> Answer:
        """Return the error for something that does not exist."""
        status, code, message = self.missing
        return fabric_error(status, code, message.format(name=name))


_NO_ROUTE = (400, "E_INVALIDARG", "The route is not known.")

DIALECTS: dict[str, Dialect] = {
    "application_resource": Dialect(
        states={},
        forward=_FORWARD,
        back=_BACK,
        missing=(
            500,
            "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND",
            "Application resource {name} does not exist.",
        ),
    ),
    "application": Dialect(
        also={
            "TypeName": "type_name",
            # The specification requires them of every UpgradeDescription.
            "UpgradeDescription.Name": "name",
            "UpgradeDescription.TargetApplicationTypeVersion": "target_version",
        },
    ),
    "compose_deployment": Dialect(
        states=_COMPOSE,
        forward=_FORWARD,
        back=_BACK,
        missing=(404, "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND", "Compose deployment {name} does not exist."),
    ),
    "cluster": Dialect(
        versions={"v0": "10.0.1949.9590", "v1": "10.1.2175.9590", "v2": "10.1.2338.9590"},
        config_versions={"v0": "1", "v1": "2", "v2": "3"},
        missing=_NO_ROUTE,
    ),
    # The manifest has a number for a version, the configuration file has a text.
    "cluster_configuration": Dialect(versions={"v0": 1, "v1": 2, "v2": 3}, missing=_NO_ROUTE),
}
