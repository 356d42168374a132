"""The manifests of an application package, as far as they say what an upgrade does. No I/O."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_sf.releases.value_checks import check_word
from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.xml_values import canonical_xml, read_xml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree import ElementTree as ET

_REFERENCE = re.compile(r'(?<=")\[([^"\]]+)\](?=")|(?<=>)\[([^<\]]+)\](?=<)')
"""A parameter in place of the value of an attribute, or of the text of an element, in canonical XML."""

PACKAGE_KINDS = {"CodePackage": "code", "ConfigPackage": "config", "DataPackage": "data"}
"""The packages in a service manifest: the element of each kind, and its name here."""


@dataclass(frozen=True, slots=True)
class ApplicationManifest:
    """
    An application manifest. ``parameters`` are names and defaults, which may be secrets.

    ``default_services`` are the services that it creates, by name, as canonical XML.
    """

    type_name: str
    version: str
    parameters: Mapping[str, str] = field(repr=False)
    service_manifests: Mapping[str, str]
    """Name -> version of each service manifest that is imported."""
    default_services: Mapping[str, str] = field(repr=False)

    @classmethod
    def from_xml(cls, manifest: str) -> ApplicationManifest:
        """
        Read an application manifest.

        :raises UnexpectedAnswer: it is something else, or too large
        """
        root = _root(manifest, "ApplicationManifest")
        references = root.iterfind("{*}ServiceManifestImport/{*}ServiceManifestRef")
        services = root.iterfind("{*}DefaultServices/*")
        return cls(
            type_name=root.get("ApplicationTypeName", ""),
            version=root.get("ApplicationTypeVersion", ""),
            parameters={
                item.get("Name", ""): item.get("DefaultValue", "")
                for item in root.iterfind("{*}Parameters/{*}Parameter")
            },
            service_manifests={
                item.get("ServiceManifestName", ""): item.get("ServiceManifestVersion", "")
                for item in references
            },
            default_services={item.get("Name", ""): canonical_xml(item) for item in services},
        )

    def services_with(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Return the default services with the values of the parameters: ``[Name]`` stands for a value."""
        values = {**self.parameters, **parameters}

        def value_of(reference: re.Match[str]) -> str:
            value = values.get(reference[1] or reference[2])
            return reference[0] if value is None else _escaped(value, is_attribute=reference[1] is not None)

        return {name: _REFERENCE.sub(value_of, text) for name, text in self.default_services.items()}


def _escaped(value: str, *, is_attribute: bool) -> str:
    """Return a value as canonical XML writes it."""
    text = value.replace("&", "&amp;").replace("<", "&lt;")
    return text.replace('"', "&quot;") if is_attribute else text.replace(">", "&gt;")


@dataclass(frozen=True, slots=True)
class ServiceManifest:
    """A service manifest: the version of each of its packages, by kind (code, config, data) and name."""

    name: str
    version: str
    packages: Mapping[tuple[str, str], str]

    @classmethod
    def from_xml(cls, manifest: str) -> ServiceManifest:
        """
        Read a service manifest.

        :raises UnexpectedAnswer: it is something else, or too large
        """
        root = _root(manifest, "ServiceManifest")
        packages = {
            (kind, item.get("Name", "")): item.get("Version", "")
            for element, kind in PACKAGE_KINDS.items()
            for item in root.iterfind("{*}" + element)
        }
        return cls(root.get("Name", ""), root.get("Version", ""), packages)


def read_type_version(manifest: bytes) -> tuple[str, str]:
    """
    Return name and version of the application type in an application manifest.

    :raises ValueError: it is not an application manifest, or name or version is invalid
    """
    root = read_xml(manifest, "ApplicationManifest")
    name, version = root.get("ApplicationTypeName"), root.get("ApplicationTypeVersion")
    check_word("ApplicationTypeName in the manifest", name)
    check_word("ApplicationTypeVersion in the manifest", version)
    return str(name), str(version)


def manifest_hash(manifest: str | bytes) -> str | None:
    """
    Return the SHA-256 hash of an application manifest; None if it is something else.

    Comments, blanks around texts, the order of attributes and the prefixes of namespaces do not matter.
    """
    try:
        root = read_xml(manifest, "ApplicationManifest")
    except ValueError:
        return None
    return hashlib.sha256(canonical_xml(root).encode()).hexdigest()


def _root(manifest: str, expected: str) -> ET.Element:
    try:
        return read_xml(manifest, expected)
    except ValueError as error:
        raise UnexpectedAnswer(str(error)) from error
