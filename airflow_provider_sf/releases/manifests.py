"""The manifests of an application package, as far as they say what an upgrade does. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.storage_limits import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_LENGTH = 16 * 1024 * 1024

_TAG_BYTES = 100

_REFERENCE = re.compile(r'"\[([^"\]]+)\]"')
"""A parameter in place of the value of an attribute."""

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
            default_services={item.get("Name", ""): _canonical(item) for item in services},
        )

    def services_with(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Return the default services with the values of the parameters: ``[Name]`` stands for a value."""
        values = {**self.parameters, **parameters}

        def value_of(reference: re.Match[str]) -> str:
            value = values.get(reference[1])
            return reference[0] if value is None else f'"{value}"'

        return {name: _REFERENCE.sub(value_of, text) for name, text in self.default_services.items()}


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


def _root(manifest: str, expected: str) -> ET.Element:
    """Return the root of a manifest; entities may grow without limit, so their definitions are refused."""
    if len(manifest) > _MAX_LENGTH or "<!DOCTYPE" in manifest:
        msg = f"expected {expected}, got XML of more than 16 MiB or with a document type definition"
        raise UnexpectedAnswer(msg)
    try:
        root = ET.fromstring(manifest.lstrip("\ufeff"))  # noqa: S314 - without a document type definition
    except (ET.ParseError, ValueError) as error:
        msg = f"expected {expected}, got text that is not XML"
        raise UnexpectedAnswer(msg) from error
    tag = root.tag.rpartition("}")[2]
    if tag != expected:
        msg = f"expected {expected}, got XML with the root {shorten(tag, _TAG_BYTES)!r}"
        raise UnexpectedAnswer(msg)
    return root


def _canonical(element: ET.Element) -> str:
    text = ET.tostring(element, encoding="unicode")
    return ET.canonicalize(text, strip_text=True, rewrite_prefixes=True)
