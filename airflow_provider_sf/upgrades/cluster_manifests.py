"""The settings in the manifest of a cluster. No I/O."""

from __future__ import annotations

from typing import Any

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.xml_values import read_xml

_SETTINGS = "{*}FabricSettings/{*}Section"


def manifest_of(answer: dict[str, Any]) -> str:
    """
    Return the XML in an answer that contains a manifest.

    :raises UnexpectedAnswer: there is no manifest
    """
    manifest = answer.get("Manifest")
    if not isinstance(manifest, str) or not manifest:
        msg = "expected a manifest, got an object without Manifest"
        raise UnexpectedAnswer(msg)
    return manifest


def setting_of(manifest: str, section: str, name: str) -> str | None:
    """
    Return the value of a setting; None if the manifest does not set it, so that the default applies.

    :param manifest: the manifest as XML
    :raises UnexpectedAnswer: it is no cluster manifest, or has a document type definition
    """
    try:
        root = read_xml(manifest, "ClusterManifest")
    except ValueError as error:
        raise UnexpectedAnswer(str(error)) from error
    for found in root.iterfind(_SETTINGS):
        if found.get("Name") == section:
            values = (
                item.get("Value") for item in found.iterfind("{*}Parameter") if item.get("Name") == name
            )
            return next(values, None)
    return None
