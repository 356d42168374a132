"""The description of a classic application that is to be created. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.releases.parameters import effective, read_parameters, wire_list
from airflow_provider_sf.releases.value_checks import check_word
from airflow_provider_sf.rest.url_names import application_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.upgrades.applications import Application


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApplication:
    """
    A classic application to create: ApplicationDescription. The ``repr`` shows no values of parameters.

    See https://learn.microsoft.com/rest/api/servicefabric/sfclient-model-applicationdescription

    :raises ValueError: a value is invalid
    """

    name: str
    type_name: str
    type_version: str
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Those that differ from the defaults of the application manifest."""

    def __post_init__(self) -> None:
        """Check the values."""
        application_name(self.name)
        check_word("type_name", self.type_name)
        check_word("type_version", self.type_version)
        read_parameters(dict(self.parameters))

    def body(self) -> dict[str, Any]:
        """Return the body, with the full name, which the path of this call does not contain."""
        return {
            "Name": application_name(self.name),
            "TypeName": self.type_name,
            "TypeVersion": self.type_version,
            "ParameterList": wire_list(self.parameters),
        }

    def differences(self, found: Application, defaults: Mapping[str, str]) -> list[str]:
        """
        Return what differs in an application with this name, as short texts without values of parameters.

        :param defaults: the defaults of the application manifest
        """
        wanted = {"type": self.type_name, "version": self.type_version}
        present = {"type": found.type_name, "version": found.type_version}
        texts = [
            f"{what} {present[what]!r} instead of {wanted[what]!r}"
            for what in wanted
            if wanted[what] != present[what]
        ]
        new, old = effective(self.parameters, defaults), effective(found.parameters, defaults)
        changed = sorted(name for name in new.keys() | old.keys() if new.get(name) != old.get(name))
        return [*texts, *([f"parameters {', '.join(changed)}"] if changed else [])]
