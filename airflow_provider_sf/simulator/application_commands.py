"""Who answers what to a command about a classic application: decisions from the cluster's state. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.body_values import read_parameters
from airflow_provider_sf.simulator.commands import Decision, Route
from airflow_provider_sf.simulator.courses import BACK_PENDING
from airflow_provider_sf.simulator.deployments import CLASSIC
from airflow_provider_sf.simulator.descriptions import (
    AUTO,
    MANUAL,
    Description,
    read_start,
    read_update,
    refused_upgrade,
)
from airflow_provider_sf.simulator.domains import next_domain, upgrade_domains
from airflow_provider_sf.simulator.manifests import default_services
from airflow_provider_sf.simulator.model import application_name
from airflow_provider_sf.simulator.responses import CREATED, INVALID, TIMED_OUT, Refusal, fabric_error
from airflow_provider_sf.simulator.timeline import FINISHED, PENDING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.simulator.application_types import TypeVersion
    from airflow_provider_sf.simulator.commands import ApiRequest
    from airflow_provider_sf.simulator.state import ClusterState, Deployment
    from airflow_provider_sf.simulator.timeline import Snapshot

NOT_UPGRADING = "FABRIC_E_APPLICATION_NOT_UPGRADING"


def start_upgrade(state: ClusterState, body: object) -> str:
    """
    Return the name of the application in the body: its upgrade starts.

    :raises Refusal: the cluster refuses the start; see ``docs/reference/simulator.md``
    """
    start = read_start(body)
    found, wanted = classic(state, start.name), start.description
    snapshot = found.history.snapshot(state.now)
    is_running = found.history.is_running(state.now)
    going_forward = is_running and not snapshot.phase.backward
    if going_forward and found.history.description(state.now) == wanted:
        raise Refusal(
            fabric_error(
                409, "FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS", "Application upgrade is in progress"
            )
        )
    target = available_version(state, found.type_name, wanted.target)
    if not is_running and snapshot.phase.state != "Failed" and _is_deployed(snapshot, wanted, target):
        message = "Application is already in the target version"
        raise Refusal(fabric_error(409, "FABRIC_E_APPLICATION_ALREADY_IN_TARGET_VERSION", message))
    check_parameters(wanted.parameters, target)
    if not state.updates_default_services:
        _check_default_services(state, found, wanted, target)
    return application_name(start.name)


def update_upgrade(state: ClusterState, body: object) -> str:
    """
    Return the name of the application in the body: its upgrade changes.

    :raises Refusal: the cluster refuses the change
    """
    update = read_update(body)
    found = classic(state, update.name)
    snapshot = found.history.snapshot(state.now)
    if not snapshot.upgraded:
        raise not_upgrading(update.name)
    if snapshot.phase.state in FINISHED:
        raise Refusal(fabric_error(400, "E_INVALIDARG", "Invalid upgrade state"))
    if snapshot.phase.backward and (
        update.monitoring or update.health_policy or update.mode not in {None, AUTO, MANUAL}
    ):
        message = "Only ReplicaSetCheckTimeout, ForceRestart and an unmonitored mode can change in a rollback"
        raise Refusal(fabric_error(400, "E_INVALIDARG", message))
    update.applied_to(found.history.description(state.now))
    return application_name(update.name)


def resume_upgrade(state: ClusterState, name: str, body: object) -> str:
    """
    Return the full name of an application: its next upgrade domain starts.

    :raises Refusal: the domain is not the next one, or the upgrade does not wait for this command
    """
    domain = body.get("UpgradeDomainName") if isinstance(body, dict) else None
    if not isinstance(domain, str) or not domain:
        raise Refusal(INVALID)
    found = classic(state, name)
    snapshot = found.history.snapshot(state.now)
    if not found.history.is_running(state.now):
        raise not_upgrading(name)
    if snapshot.mode != MANUAL:
        raise Refusal(fabric_error(400, "E_INVALIDARG", "Upgrade mode must be unmonitored manual"))
    _check_domain(snapshot, domain, name)
    return application_name(name)


def rollback_upgrade(state: ClusterState, name: str) -> str:
    """
    Return the full name of an application: its upgrade rolls back.

    :raises Refusal: no upgrade runs
    """
    if not classic(state, name).history.is_running(state.now):
        raise not_upgrading(name)
    return application_name(name)


def create_application(state: ClusterState, body: object) -> str:
    """
    Return the name of the new application.

    :raises Refusal: the body is invalid, the name is in use or the version is not available
    """
    document: dict[str, Any] = body if isinstance(body, dict) else {}
    values = [document.get(key) for key in ("Name", "TypeName", "TypeVersion")]
    if not all(isinstance(value, str) and value for value in values):
        raise Refusal(INVALID)
    name, type_name, version = map(str, values)
    parameters = read_parameters(document.get("ParameterList"))
    if not name.lower().startswith("fabric:/"):
        raise Refusal(fabric_error(400, "FABRIC_E_INVALID_NAME_URI", f"{name} is not a valid name"))
    if state.find(name) is not None:
        raise Refusal(fabric_error(409, "FABRIC_E_APPLICATION_ALREADY_EXISTS", f"{name} exists already"))
    check_parameters(parameters, available_version(state, type_name, version))
    return application_name(name)


def classic(state: ClusterState, name: str) -> Deployment:
    """
    Return the classic application with this name.

    :raises Refusal: it does not exist, or is not a classic one
    """
    found = state.find(name)
    full_name = application_name(name)
    if found is None:
        message = f"Application {full_name} does not exist."
        raise Refusal(fabric_error(404, "FABRIC_E_APPLICATION_NOT_FOUND", message))
    if found.definition != CLASSIC:
        raise Refusal(
            fabric_error(500, "E_FAIL", f"Invalid operation on {found.definition} defined application")
        )
    return found


def available_version(state: ClusterState, type_name: str, version: str) -> TypeVersion:
    """
    Return a version that applications can use.

    :raises Refusal: it is not provisioned; the cluster waits for a provision until the request times out
    """
    found = state.types(type_name).get((type_name, version))
    status = found.status(state.now) if found else ""
    if status == "Provisioning":
        raise Refusal(TIMED_OUT)
    if found is None or status != "Available":
        message = f"Application type {type_name} version {version} is not provisioned"
        raise Refusal(fabric_error(404, "FABRIC_E_APPLICATION_TYPE_NOT_FOUND", message))
    return found


class PreparationFailed(Refusal):
    """What the cluster finds while it prepares an upgrade, after it has replaced the record."""


def check_parameters(parameters: Mapping[str, str], version: TypeVersion) -> None:
    """
    Check that the manifest of a version declares the parameters, and that no value has several lines.

    :raises Refusal: it does not
    """
    for key, value in parameters.items():
        if "\r" in value or "\n" in value:
            msg = f"The value of the application parameter {key} contains a line break."
            raise refused_upgrade(msg)
        if key not in version.package.parameters:
            message = f"The application parameter {key} is not declared in the manifest of {version.version}."
            raise PreparationFailed(fabric_error(400, "FABRIC_E_IMAGEBUILDER_VALIDATION_ERROR", message))


def not_upgrading(name: str, code: str = NOT_UPGRADING) -> Refusal:
    """Return the refusal of a command about an upgrade that does not run."""
    return Refusal(fabric_error(400, code, f"{name} is not being upgraded"))


def _is_deployed(snapshot: Snapshot, wanted: Description, version: TypeVersion) -> bool:
    """Whether version and parameters are deployed already; the defaults of the manifest count."""
    defaults = version.package.parameters
    deployed = {**defaults, **snapshot.deployed.parameters}
    return snapshot.deployed_version == wanted.target and deployed == {**defaults, **wanted.parameters}


def _check_default_services(
    state: ClusterState, found: Deployment, wanted: Description, target: TypeVersion
) -> None:
    """Refuse other descriptions of default services. An upgrade may add and remove services."""
    deployed = found.history.snapshot(state.now)
    current = state.types(found.type_name).get((found.type_name, deployed.deployed_version))
    before = default_services(current.package, deployed.deployed.parameters) if current else {}
    for name, description in default_services(target.package, wanted.parameters).items():
        if before.get(name, description) != description:
            message = (
                "Default service descriptions can not be modified as part of upgrade. Modified default "
                f"service: {found.full_name}/{name}. To allow the modification, set "
                "EnableDefaultServicesUpgrade to true. For more details, refer to the weblink: "
                "aka.ms/upgrade-defaultservices"
            )
            code = "FABRIC_E_APPLICATION_UPGRADE_VALIDATION_ERROR"
            raise PreparationFailed(fabric_error(400, code, message))


def _check_domain(snapshot: Snapshot, domain: str, name: str) -> None:
    """Refuse a domain that is not the next one."""
    states = {item["Name"]: item["State"] for item in upgrade_domains(snapshot)}
    following = next_domain(snapshot)
    if states.get(domain) == "Completed":
        message = f"The upgrade domain {domain} is completed already"
        raise Refusal(fabric_error(400, "FABRIC_E_UPGRADE_DOMAIN_ALREADY_COMPLETED", message))
    if not following:
        raise not_upgrading(name)
    if snapshot.phase.state not in {PENDING, BACK_PENDING} or domain != following:
        message = f"{domain} cannot start now; the next upgrade domain is {following}"
        raise Refusal(fabric_error(400, "E_INVALIDARG", message))


def _start_upgrade(state: ClusterState, _: str, request: ApiRequest) -> Decision:
    body = request.json()
    try:
        return Decision(start_upgrade(state, body))
    except PreparationFailed as refusal:
        found = classic(state, body["Name"])
        if found.history.is_running(state.now):
            raise
        return Decision(application_name(found.name), refusal.response, "refuse_application_upgrade")


APPLICATION_ROUTES = (
    Route(
        "start_application_upgrade",
        "POST",
        "/Applications/{applicationId}/$/Upgrade",
        "6.0",
        _start_upgrade,
    ),
    Route(
        "update_application_upgrade",
        "POST",
        "/Applications/{applicationId}/$/UpdateUpgrade",
        "6.0",
        lambda state, _, request: Decision(update_upgrade(state, request.json())),
    ),
    Route(
        "resume_application_upgrade",
        "POST",
        "/Applications/{applicationId}/$/MoveToNextUpgradeDomain",
        "6.0",
        lambda state, name, request: Decision(resume_upgrade(state, name, request.json())),
    ),
    Route(
        "rollback_application_upgrade",
        "POST",
        "/Applications/{applicationId}/$/RollbackUpgrade",
        "6.0",
        lambda state, name, _: Decision(rollback_upgrade(state, name)),
    ),
    Route(
        "create_application",
        "POST",
        "/Applications/$/Create",
        "6.0",
        lambda state, _, request: Decision(create_application(state, request.json()), CREATED),
    ),
)
