"""What Microsoft published about responses: the specification as a strict JSON schema, and the Python client."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
from azure.servicefabric import models
from msrest import Deserializer
from msrest.serialization import Model

from airflow_provider_sf.upgrades.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

SWAGGER = Path(__file__).parent.parent / "samples" / "upgrade_progress.swagger.json"

RESPONSES = {
    "application_resource": "ApplicationResourceUpgradeProgressInfo",
    "application": "ApplicationUpgradeProgressInfo",
    "compose_deployment": "ComposeDeploymentUpgradeProgressInfo",
    "cluster": "ClusterUpgradeProgressObject",
    "cluster_configuration": "ClusterConfigurationUpgradeStatusInfo",
}
"""The definition of the progress of each kind."""

CHECKS = {"HealthCheckPhase", "HealthCheckElapsedTime"}
UNPUBLISHED_MEMBERS = {
    "ApplicationUpgradeProgressInfo": CHECKS,
    "ClusterUpgradeProgressObject": {*CHECKS, "UpgradeStatusDetails"},
}
"""Members that clusters send but version 8.2 of the specification does not have; 11.3 has the first two."""

UNPUBLISHED_STATES = {
    **{("unknown_state", kind): ["RollingSideways"] for kind in KINDS},
    ("next_domain", "application_resource"): ["RollingForwardPending"],
}
"""States that the kind does not have, by the only scenarios with them."""


def validator(root: str, unpublished_states: list[str] | None = None) -> Any:
    """Return a validator for a definition of the specification, which accepts these extra states."""
    definitions = strict_definitions()
    states = {
        name: {**definition, "enum": [*definition["enum"], *(unpublished_states or ())]}
        for name, definition in definitions.items()
        if name.endswith("UpgradeState")
    }
    return jsonschema.Draft7Validator({"$ref": f"#/definitions/{root}", "definitions": definitions | states})


@cache
def strict_definitions() -> dict[str, Any]:
    """Return the specification's definitions as JSON schemas that refuse unknown members."""
    published = json.loads(SWAGGER.read_bytes())["definitions"]
    return {name: strict_definition(name, published) for name in published}


def strict_definition(name: str, published: dict[str, Any]) -> dict[str, Any]:
    definition = published[name]
    if "discriminator" in definition:
        return subtype_by_kind(name, published)
    if definition.get("type") in {"array", "string", "integer", "number", "boolean"}:
        return dict(definition)
    members, required = members_of(name, published)
    unpublished = {member: {"type": "string"} for member in UNPUBLISHED_MEMBERS.get(name, ())}
    return {
        "type": "object",
        "properties": members | unpublished,
        "required": required,
        "additionalProperties": False,
    }


def subtype_by_kind(base: str, published: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that chooses the definition by the member ``Kind``."""
    kinds = {
        definition["x-ms-discriminator-value"]: name
        for name, definition in published.items()
        if "x-ms-discriminator-value" in definition and base in ancestors(name, published)
    }
    return {
        "type": "object",
        "properties": {"Kind": {"enum": list(kinds)}},
        "required": ["Kind"],
        "allOf": [
            {"if": {"properties": {"Kind": {"const": kind}}}, "then": {"$ref": f"#/definitions/{name}"}}
            for kind, name in kinds.items()
        ],
    }


def parents(name: str, published: dict[str, Any]) -> list[str]:
    return [parent["$ref"].rpartition("/")[2] for parent in published[name].get("allOf", ())]


def ancestors(name: str, published: dict[str, Any]) -> set[str]:
    direct = parents(name, published)
    return {*direct, *(ancestor for parent in direct for ancestor in ancestors(parent, published))}


def members_of(name: str, published: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the members of a definition, including inherited ones, and the required members."""
    members = dict(published[name].get("properties", {}))
    required = list(published[name].get("required", ()))
    for parent in parents(name, published):
        inherited, inherited_required = members_of(parent, published)
        members, required = inherited | members, required + inherited_required
    return members, required


@cache
def client() -> Any:
    """Return the reader of Microsoft's Python client, azure-servicefabric, which only the tests use."""
    return Deserializer(  # type: ignore[no-untyped-call]  # msrest has no types
        {name: value for name, value in vars(models).items() if isinstance(value, type)}
    )


def unknown_members(value: object) -> Iterator[str]:
    """Yield the members of a response, at any depth, that the client does not know."""
    if isinstance(value, Model):
        yield from value.additional_properties or ()
        for inner in vars(value).values():
            yield from unknown_members(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from unknown_members(inner)
