"""The application types of a simulated cluster: a fold over the journal. A pure function; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.behaviours import WORDS, behaviour_of
from airflow_provider_sf.simulator.body_values import parameter_list
from airflow_provider_sf.simulator.manifests import Package, generated_package

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from airflow_provider_sf.simulator.journal import Command

FIRST_VERSIONS = ("v0", "v1", "v2")
"""The versions that are provisioned at the beginning."""

PROVISION_SECONDS = 20.0
"""How long a provision takes, in seconds of a scenario."""

BAD = "bad"
"""A version that contains this word cannot be provisioned."""


@dataclass(frozen=True, slots=True)
class TypeVersion:
    """A provisioned version of an application type. ``ready_at`` is a Unix time; None is the beginning."""

    name: str
    version: str
    package: Package = field(repr=False)
    ready_at: float | None = None

    def status(self, at: float) -> str:
        """Return the status at a Unix time."""
        if self.ready_at is not None and at < self.ready_at:
            return "Provisioning"
        return "Failed" if BAD in self.version and self.ready_at is not None else "Available"

    def info(self, at: float, *, has_parameters: bool = True) -> dict[str, Any]:
        """Return ApplicationTypeInfo."""
        status = self.status(at)
        parameters = self.package.parameters if has_parameters and status == "Available" else {}
        return {
            "Name": self.name,
            "Version": self.version,
            "DefaultParameterList": parameter_list(parameters),
            "Status": status,
            "StatusDetails": _DETAILS[status].format(name=self.name, version=self.version),
            "ApplicationTypeDefinitionKind": "ServiceFabricApplicationPackage",
        }


_DETAILS = {
    "Available": "",
    "Provisioning": "Copying the package of {name} {version} to the image store.",
    "Failed": "The package of {name} {version} is invalid: the code package Code was not found.",
}

_FIRST_NAMES = "|".join(
    "".join(part.capitalize() for part in word.split("_"))
    for word in WORDS
    if behaviour_of(word).scenario.exists
)


def has_first_versions(name: str) -> bool:
    """Whether versions of a type are provisioned at the beginning: its applications have a scenario."""
    return re.fullmatch(rf"({_FIRST_NAMES})(?![a-z])\w*Type", name) is not None


def type_versions(
    commands: Iterable[Command], names: Iterable[str], *, speed: float, first: Container[str] = ()
) -> dict[tuple[str, str], TypeVersion]:
    """
    Return the versions of all types, by name and version.

    :param names: the types to list that were provisioned at the beginning
    :param first: types that were provisioned at the beginning, besides those of :func:`has_first_versions`
    """
    found = {
        (name, version): TypeVersion(name, version, generated_package(name, version))
        for name in names
        if name in first or has_first_versions(name)
        for version in FIRST_VERSIONS
    }
    for command in commands:
        if command.call == "provision_application_type":
            provisioned = _provisioned(command, speed)
            found[provisioned.name, provisioned.version] = provisioned
        elif command.call == "unprovision_application_type":
            found.pop((command.name, command.body["ApplicationTypeVersion"]), None)
    return found


def cleanups(commands: Iterable[Command], *, speed: float) -> Iterator[tuple[float, str]]:
    """Yield the Unix times at which provisions delete their package, and its path in the image store."""
    for command in commands:
        if command.call != "provision_application_type" or BAD in _package(command).version:
            continue
        if command.body.get("ApplicationPackageCleanupPolicy") == "Automatic":
            yield _ready_at(command, speed), command.body.get("ApplicationTypeBuildPath", "")


def _provisioned(command: Command, speed: float) -> TypeVersion:
    package = _package(command)
    return TypeVersion(package.type_name, package.version, package, _ready_at(command, speed))


def _package(command: Command) -> Package:
    return command.package or generated_package(command.name, "")


def _ready_at(command: Command, speed: float) -> float:
    return command.at + (PROVISION_SECONDS / speed if command.body["Async"] else 0.0)
