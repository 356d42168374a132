"""The calls that read a simulated cluster, except the progress of upgrades, as a table. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.applications import (
    application_health,
    application_info,
    no_health_response,
    page_after,
)
from airflow_provider_sf.simulator.body_values import read_health_policy
from airflow_provider_sf.simulator.commands import name_in
from airflow_provider_sf.simulator.deployment_commands import compose
from airflow_provider_sf.simulator.image_store import store_path
from airflow_provider_sf.simulator.image_store_commands import session_id
from airflow_provider_sf.simulator.manifests import cluster_manifest
from airflow_provider_sf.simulator.nodes import cluster_health, nodes
from airflow_provider_sf.simulator.responses import NO_CONTENT, Refusal, fabric_error, json_response
from airflow_provider_sf.upgrades.applications import APPLICATION
from airflow_provider_sf.upgrades.kinds import APPLICATION_HEALTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.simulator.application_types import TypeVersion
    from airflow_provider_sf.simulator.commands import ApiRequest
    from airflow_provider_sf.simulator.responses import HttpResponse
    from airflow_provider_sf.simulator.state import ClusterState

NODES_PER_PAGE = 4
"""Few, so that a small cluster has several pages."""


@dataclass(frozen=True, slots=True)
class Read:
    """A call that reads: its path, its api-version, its methods and its answer."""

    path: str
    api_version: str
    answer: Callable[[ClusterState, str, ApiRequest], HttpResponse]
    methods: tuple[str, ...] = ("GET",)
    has_scenario: bool = False
    """Whether the first request starts the scenario of the name, and its faults apply."""

    def name_in(self, request: ApiRequest) -> str | None:
        """Return the name in the path of a request, None if it is for another call."""
        return name_in(self.path, request.path) if request.method in self.methods else None


def _application(state: ClusterState, name: str, _: ApiRequest) -> HttpResponse:
    """Return ApplicationInfo."""
    found = state.find(name)
    return json_response(application_info(found, state.now)) if found else NO_CONTENT


def _application_health(state: ClusterState, name: str, request: ApiRequest) -> HttpResponse:
    """Return ApplicationHealth, by the policy in the body if there is one."""
    found = state.find(name)
    if found is None:
        return no_health_response(name)
    policy = read_health_policy(request.json()) if request.body else None
    return json_response(application_health(found, state.now, policy))


def _types(state: ClusterState, name: str, request: ApiRequest) -> HttpResponse:
    """Return PagedApplicationTypeInfoList of one type or of all."""
    query = request.query
    names = [name] if name else state.known_types()
    version = query.get("ApplicationTypeVersion")
    has_parameters = query.get("ExcludeApplicationParameters", "false").lower() != "true"
    items = {
        f"{found.name}~{found.version}": found.info(state.now, has_parameters=has_parameters)
        for found in state.types(*names).values()
        if name in {"", found.name} and version in {None, found.version}
    }
    return json_response(page_after(query.get("ContinuationToken", ""), items))


def _manifest(state: ClusterState, name: str, request: ApiRequest) -> HttpResponse:
    return json_response({"Manifest": _version(state, name, request).package.manifest})


def _service_manifest(state: ClusterState, name: str, request: ApiRequest) -> HttpResponse:
    service = request.query.get("ServiceManifestName", "")
    manifest = _version(state, name, request).package.service_manifests.get(service)
    if manifest is None:
        message = f"The service manifest {service} does not exist"
        return fabric_error(404, "FABRIC_E_SERVICE_MANIFEST_NOT_FOUND", message)
    return json_response({"Manifest": manifest})


def _version(state: ClusterState, name: str, request: ApiRequest) -> TypeVersion:
    """
    Return the version of a type in a request.

    :raises Refusal: it is not available
    """
    version = request.query.get("ApplicationTypeVersion", "")
    found = state.types(name).get((name, version))
    if found is None or found.status(state.now) != "Available":
        message = f"Application type {name} version {version} does not exist"
        raise Refusal(fabric_error(404, "FABRIC_E_APPLICATION_TYPE_NOT_FOUND", message))
    return found


def _sessions(state: ClusterState, _: str, request: ApiRequest) -> HttpResponse:
    """Return UploadSession by the id of the session; no content without one, see imagestorehandler.cpp."""
    session = state.image_store().sessions.get(session_id(state, request))
    return json_response({"UploadSessions": [session.info()]}) if session else NO_CONTENT


def _sessions_of_path(state: ClusterState, name: str, _: ApiRequest) -> HttpResponse:
    """Return UploadSession by the path of the file."""
    sessions = [
        session for session in state.image_store().sessions.values() if session.path == store_path(name)
    ]
    infos = [session.info() for session in sessions]
    return json_response({"UploadSessions": infos}) if infos else NO_CONTENT


def _compose_status(state: ClusterState, name: str, _: ApiRequest) -> HttpResponse:
    """Return ComposeDeploymentStatusInfo."""
    is_running = compose(state, name).history.is_running(state.now)
    body = {
        "Name": name,
        "ApplicationName": f"fabric:/{name}",
        "Status": "Upgrading" if is_running else "Ready",
        "StatusDetails": "",
    }
    return json_response(body)


def _nodes(state: ClusterState, _: str, request: ApiRequest) -> HttpResponse:
    """Return PagedNodeInfoList."""
    items = nodes(request.query.get("NodeStatusFilter", "default"), state.runtime_version)
    token = request.query.get("ContinuationToken", "")
    return json_response(page_after(token, items, size=NODES_PER_PAGE))


def _cluster_manifest(state: ClusterState, _: str, __: ApiRequest) -> HttpResponse:
    manifest = cluster_manifest(updates_default_services=state.updates_default_services)
    return json_response({"Manifest": manifest})


def _cluster_health(state: ClusterState, _: str, request: ApiRequest) -> HttpResponse:
    return json_response(cluster_health(state, request.json() if request.body else None))


READS = (
    Read(APPLICATION.path, "6.0", _application, has_scenario=True),
    Read(APPLICATION_HEALTH.path, "6.0", _application_health, ("GET", "POST"), has_scenario=True),
    Read("/$/GetClusterManifest", "6.0", _cluster_manifest),
    Read("/$/GetClusterHealth", "6.0", _cluster_health, ("GET", "POST")),
    Read("/$/GetRepairTaskList", "6.0", lambda *_: json_response([])),
    Read("/Nodes", "6.3", _nodes),
    Read("/ApplicationTypes", "6.0", _types),
    Read("/ApplicationTypes/{applicationTypeName}", "6.0", _types),
    Read("/ApplicationTypes/{applicationTypeName}/$/GetApplicationManifest", "6.0", _manifest),
    Read("/ApplicationTypes/{applicationTypeName}/$/GetServiceManifest", "6.0", _service_manifest),
    Read("/ComposeDeployments/{deploymentName}", "6.0-preview", _compose_status, has_scenario=True),
    Read("/ImageStore/$/GetUploadSession", "6.0", _sessions),
    Read("/ImageStore/{contentPath}/$/GetUploadSession", "6.0", _sessions_of_path),
    Read("/ImageStore", "6.0", lambda state, _, __: json_response(state.image_store().content(""))),
    Read(
        "/ImageStore/{contentPath}",
        "6.2",
        lambda state, name, _: json_response(state.image_store().content(store_path(name))),
    ),
)


def is_read(request: ApiRequest) -> bool:
    """Whether a request changes nothing, with any method."""
    return any(read.name_in(request) is not None for read in READS)
