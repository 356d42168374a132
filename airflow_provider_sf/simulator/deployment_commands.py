"""Who answers what to a command about a compose deployment or application resource. No I/O."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.application_commands import not_upgrading
from airflow_provider_sf.simulator.commands import Decision, Route
from airflow_provider_sf.simulator.deployments import COMPOSE, RESOURCE, STARTS, compose_description
from airflow_provider_sf.simulator.kind_formats import KIND_FORMATS
from airflow_provider_sf.simulator.responses import (
    ACCEPTED,
    CREATED,
    INVALID,
    TIMED_OUT,
    HttpResponse,
    Refusal,
    fabric_error,
)

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.commands import ApiRequest
    from airflow_provider_sf.simulator.state import ClusterState, Deployment

BUSY = HttpResponse(503)
"""The response to another description of an application resource while one is being deployed."""


def compose(state: ClusterState, name: str) -> Deployment:
    """
    Return the compose deployment with this name.

    :raises Refusal: there is no such deployment
    """
    found = state.find(name)
    if found is None or (found.is_defined and found.definition != COMPOSE):
        raise Refusal(KIND_FORMATS["compose_deployment"].not_found_response(name))
    return found


def _create_compose(state: ClusterState, _: str, request: ApiRequest) -> Decision:
    name = _compose_body(request)["DeploymentName"]
    if state.find(name) is not None:
        message = f"Compose deployment {name} exists already"
        raise Refusal(fabric_error(409, "FABRIC_E_COMPOSE_DEPLOYMENT_ALREADY_EXISTS", message))
    return Decision(name, ACCEPTED)


def _start_compose(state: ClusterState, name: str, request: ApiRequest) -> Decision:
    body = _compose_body(request)
    if body["DeploymentName"] != name:
        raise Refusal(INVALID)
    found = compose(state, name)
    compose_description(body, "")
    if found.history.is_running(state.now):
        raise Refusal(TIMED_OUT)  # the cluster waits for the end of the upgrade
    return Decision(name, ACCEPTED)


def _rollback_compose(state: ClusterState, name: str, _: ApiRequest) -> Decision:
    found = compose(state, name)
    if not found.history.is_running(state.now):
        raise not_upgrading(name, "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_UPGRADING")
    if found.history.snapshot(state.now).phase.state == "UnprovisioningCurrent":
        message = f"The upgrade of {name} has ended"
        raise Refusal(fabric_error(409, "FABRIC_E_APPLICATION_ALREADY_IN_TARGET_VERSION", message))
    return Decision(name)


def _compose_body(request: ApiRequest) -> dict[str, Any]:
    body = request.json()
    if not isinstance(body, dict):
        raise Refusal(INVALID)
    for key in ("DeploymentName", "ComposeFileContent"):
        if not isinstance(body.get(key), str) or not body[key]:
            raise Refusal(INVALID)
    return body


def _apply_resource(state: ClusterState, name: str, request: ApiRequest) -> Decision:
    body = request.json()
    if not isinstance(body, dict) or body.get("name") != name or not isinstance(body.get("properties"), dict):
        raise Refusal(INVALID)
    found = state.find(name)
    if found is None:
        return Decision(name, ACCEPTED, "create_application_resource")
    if found.is_defined and found.definition != RESOURCE:
        raise Refusal(
            fabric_error(500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_ALREADY_EXISTS", f"{name} exists")
        )
    current = json.dumps(description_in_force(state, found), sort_keys=True)
    if current == json.dumps(body, sort_keys=True):
        return Decision("", CREATED)
    if found.history.is_running(state.now):
        raise Refusal(BUSY)
    return Decision(name, ACCEPTED)


def description_in_force(state: ClusterState, found: Deployment) -> Any:
    """Return the description of a resource that runs or is being deployed; None if it is not known."""
    commands = state.commands(found.name)
    starts = [command for command in commands if command.call in STARTS]
    if found.history.is_running(state.now):
        return starts[-1].body if starts else None
    deployed = found.history.snapshot(state.now).deployed_version
    upgrades = [phase.upgrade for phase in found.history.scenario.phases]
    numbers = [upgrade.number for upgrade in upgrades if upgrade.new == deployed and upgrade.number > 0]
    if numbers:
        return starts[numbers[-1] - 1].body
    created = [command.body for command in commands if command.call == "create_application_resource"]
    return created[0] if created else None


DEPLOYMENT_ROUTES = (
    Route("create_compose_deployment", "PUT", "/ComposeDeployments/$/Create", "6.0-preview", _create_compose),
    Route(
        "start_compose_upgrade",
        "POST",
        "/ComposeDeployments/{deploymentName}/$/Upgrade",
        "6.0-preview",
        _start_compose,
    ),
    Route(
        "rollback_compose_upgrade",
        "POST",
        "/ComposeDeployments/{deploymentName}/$/RollbackUpgrade",
        "6.4-preview",
        _rollback_compose,
    ),
    Route(
        "upgrade_application_resource",
        "PUT",
        "/Resources/Applications/{applicationResourceName}",
        "6.4-preview",
        _apply_resource,
    ),
)
