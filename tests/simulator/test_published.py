"""Whatever the simulator says of an upgrade, against what Microsoft published: its specification and its client."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from azure.servicefabric import models
from msrest import Deserializer
from msrest.serialization import Model

from airflow_provider_sf.simulator.applications import application_health, application_info, page_after
from airflow_provider_sf.simulator.model import progress_body
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.simulator.timeline import snapshot_at
from airflow_provider_sf.upgrades.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

SWAGGER = Path(__file__).parent.parent / "samples" / "upgrade_progress.swagger.json"
START = 1_772_334_000.0
SECONDS = (*range(0, 2_001, 15), 86_400)
SPOKEN = [name for name, scenario in SCENARIOS.items() if scenario.phases]

RESPONSES = {
    "application_resource": "ApplicationResourceUpgradeProgressInfo",
    "application": "ApplicationUpgradeProgressInfo",
    "compose_deployment": "ComposeDeploymentUpgradeProgressInfo",
    "cluster": "ClusterUpgradeProgressObject",
    "cluster_configuration": "ClusterConfigurationUpgradeStatusInfo",
}

# Members that clusters send and version 8.2 of the specification does not have; 11.3 has the first two.
CHECKS = {"HealthCheckPhase", "HealthCheckElapsedTime"}
MORE = {
    "ApplicationUpgradeProgressInfo": CHECKS,
    "ClusterUpgradeProgressObject": {*CHECKS, "UpgradeStatusDetails"},
}

# States that not every kind has, and the only scenarios with them.
FOREIGN_STATES = {
    **{("unknown_state", kind): ["RollingSideways"] for kind in KINDS},
    ("next_domain", "application_resource"): ["RollingForwardPending"],
}


def bodies(kind: str, scenario: str, *, step: int = 1) -> list[dict[str, Any]]:
    """Return the different answers at these seconds."""
    name = f"{scenario}-shop" if KINDS[kind].takes_name else ""
    said = (
        progress_body(SCENARIOS[scenario], name, kind=kind, second=second, started_at=START, speed=1.0)
        for second in SECONDS[::step]
    )
    return list({json.dumps(body): body for body in said}.values())


@cache
def strict() -> dict[str, Any]:
    """Return the specification's definitions as a JSON schema that takes no member it does not know."""
    published = json.loads(SWAGGER.read_bytes())["definitions"]
    return {name: closed(name, published) for name in published}


def closed(name: str, published: dict[str, Any]) -> dict[str, Any]:
    definition = published[name]
    if "discriminator" in definition:
        return one_of_its_kinds(name, published)
    if definition.get("type") in {"array", "string", "integer", "number", "boolean"}:
        return dict(definition)
    members, required = members_of(name, published)
    more = {member: {"type": "string"} for member in MORE.get(name, ())}
    return {
        "type": "object",
        "properties": members | more,
        "required": required,
        "additionalProperties": False,
    }


def one_of_its_kinds(base: str, published: dict[str, Any]) -> dict[str, Any]:
    """Choose the definition by the member that names the kind."""
    words = {
        definition["x-ms-discriminator-value"]: name
        for name, definition in published.items()
        if "x-ms-discriminator-value" in definition and base in ancestors(name, published)
    }
    return {
        "type": "object",
        "properties": {"Kind": {"enum": list(words)}},
        "required": ["Kind"],
        "allOf": [
            {"if": {"properties": {"Kind": {"const": word}}}, "then": {"$ref": f"#/definitions/{name}"}}
            for word, name in words.items()
        ],
    }


def parents(name: str, published: dict[str, Any]) -> list[str]:
    return [parent["$ref"].rpartition("/")[2] for parent in published[name].get("allOf", ())]


def ancestors(name: str, published: dict[str, Any]) -> set[str]:
    above = parents(name, published)
    return {*above, *(further for parent in above for further in ancestors(parent, published))}


def members_of(name: str, published: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the members of a definition and which are required, those that it inherits included."""
    members = dict(published[name].get("properties", {}))
    required = list(published[name].get("required", ()))
    for parent in parents(name, published):
        inherited, needed = members_of(parent, published)
        members, required = inherited | members, required + needed
    return members, required


def validator(root: str, foreign: list[str] | None = None) -> Any:
    definitions = strict()
    states = {
        name: {**definition, "enum": [*definition["enum"], *(foreign or ())]}
        for name, definition in definitions.items()
        if name.endswith("UpgradeState")
    }
    return jsonschema.Draft7Validator({"$ref": f"#/definitions/{root}", "definitions": definitions | states})


def test_the_specification_becomes_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema({"definitions": strict()})


def test_every_kind_is_in_the_specification() -> None:
    operations = json.loads(SWAGGER.read_bytes())["operations"].values()
    published = {operation["path"]: operation["response"] for operation in operations}
    assert {kind.progress.path: RESPONSES[name] for name, kind in KINDS.items()} == published


@pytest.mark.kind_samples
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scenario", SPOKEN)
def test_every_answer_fits_the_published_specification(kind: str, scenario: str) -> None:
    foreign = FOREIGN_STATES.get((scenario, kind), [])
    fits = validator(RESPONSES[kind], foreign)
    seen = bodies(kind, scenario)
    for body in seen:
        fits.validate(body)
    assert set(foreign) <= {body["UpgradeState"] for body in seen}


@pytest.mark.parametrize("kind", KINDS)
def test_answer_has_every_key_of_its_kind(kind: str) -> None:
    keys = {key.partition(".")[0] for key in KINDS[kind].keys.values()}
    also = {"TypeName"} if kind == "application" else set()
    for scenario in SPOKEN:
        for body in bodies(kind, scenario):
            missing = keys - set(body)
            # A never upgraded application has no description of an upgrade: application/published.json.
            assert missing == set() or (missing, body["RollingUpgradeMode"]) == (
                {"UpgradeDescription"},
                "Invalid",
            )
            assert set(body) - keys == also


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"Surprise": 1}, "'Surprise' was unexpected"),
        ({"UpgradeState": "RollingForward"}, "is not one of"),
        ({"UpgradeDescription": {"UpgradeKind": "Rolling"}}, "'Name' is a required property"),
        ({"UnhealthyEvaluations": [{"HealthEvaluation": {"Kind": "Node", "Node": 1}}]}, "'Node' was unex"),
        ({"UnhealthyEvaluations": [{"HealthEvaluation": {"Kind": "Invalid"}}]}, "is not one of"),
    ],
)
def test_the_specification_is_taken_strictly(spoilt: dict[str, Any], why: str) -> None:
    body = bodies("application", "good")[-1]
    with pytest.raises(jsonschema.ValidationError, match=why):
        validator(RESPONSES["application"]).validate(body | spoilt)


@cache
def client() -> Any:
    return Deserializer(  # type: ignore[no-untyped-call]  # msrest has no types
        {name: cls for name, cls in vars(models).items() if isinstance(cls, type)}
    )


def leftovers(value: object) -> Iterator[str]:
    """Yield the members of an answer, at any depth, that the client did not know."""
    if isinstance(value, Model):
        yield from value.additional_properties or ()
        for inner in vars(value).values():
            yield from leftovers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leftovers(inner)


@pytest.mark.kind_samples
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scenario", SPOKEN)
def test_microsofts_client_reads_every_member(kind: str, scenario: str) -> None:
    """The package azure-servicefabric is a tool of the tests only."""
    for body in bodies(kind, scenario, step=8):
        read = client()(RESPONSES[kind], body)
        assert set(leftovers(read)) == MORE.get(RESPONSES[kind], set())
        assert read.upgrade_state == body["UpgradeState"]


def test_microsofts_client_knows_evaluations_and_checks() -> None:
    failed = client()("ApplicationUpgradeProgressInfo", bodies("application", "failed")[-1])
    trail, found = [], failed.unhealthy_evaluations
    while found:
        trail.append(type(found[0].health_evaluation))
        found = getattr(found[0].health_evaluation, "unhealthy_evaluations", None)
    assert trail == [
        models.ApplicationHealthEvaluation,
        models.ServicesHealthEvaluation,
        models.ServiceHealthEvaluation,
        models.PartitionsHealthEvaluation,
        models.PartitionHealthEvaluation,
        models.EventHealthEvaluation,
    ]
    stuck = client()("ApplicationUpgradeProgressInfo", bodies("application", "stuck")[-1])
    node = stuck.current_upgrade_domain_progress.node_upgrade_progress_list[0]
    assert isinstance(node.pending_safety_checks[0].safety_check, models.EnsureAvailabilitySafetyCheck)


@pytest.mark.parametrize("scenario", SPOKEN)
def test_microsofts_client_reads_application_answers(scenario: str) -> None:
    for second in SECONDS[::10]:
        snapshot = snapshot_at(SCENARIOS[scenario], second, started_at=START, speed=1.0)
        name = f"{scenario}-shop~web"
        info, health = application_info(name, snapshot), application_health(name, snapshot)
        page = page_after("", {info["Id"]: info})
        for model, body in (
            ("ApplicationInfo", info),
            ("ApplicationHealth", health),
            ("PagedApplicationInfoList", page),
        ):
            assert not list(leftovers(client()(model, body)))
