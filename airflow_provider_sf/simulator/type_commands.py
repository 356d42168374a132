"""Who answers what to the provision of an application type: decisions from the cluster's state. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_sf.simulator.application_types import BAD
from airflow_provider_sf.simulator.commands import Decision, Route
from airflow_provider_sf.simulator.image_store import incomplete_folders, store_path
from airflow_provider_sf.simulator.manifests import generated_package, uploaded_package
from airflow_provider_sf.simulator.responses import ACCEPTED, INVALID, OK, Refusal, fabric_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.simulator.commands import ApiRequest
    from airflow_provider_sf.simulator.manifests import Package
    from airflow_provider_sf.simulator.state import ClusterState

_MAX_NAME = 256
_EXISTS = (409, "FABRIC_E_APPLICATION_TYPE_ALREADY_EXISTS", "The application type and version exist already")
_IN_PROGRESS = (
    409,
    "FABRIC_E_APPLICATION_TYPE_PROVISION_IN_PROGRESS",
    "The application type is being provisioned",
)


def _provision(state: ClusterState, _: str, request: ApiRequest) -> Decision:
    body = request.json()
    # The gateway chooses the type of the body by its first member.
    if not isinstance(body, dict) or next(iter(body), "") not in {"Kind", "kind"}:
        raise Refusal(INVALID)
    if not isinstance(body.get("Async"), bool):
        raise Refusal(INVALID)
    package = _package(state, next(iter(body.values())), body)
    _check_new(state, package)
    if not body["Async"] and BAD in package.version:
        raise Refusal(_invalid_package("The code package Code was not found."))
    return Decision(package.type_name, ACCEPTED if body["Async"] else OK, package=package)


def _package(state: ClusterState, kind: object, body: Mapping[str, Any]) -> Package:
    """
    Return the package of a provision.

    :raises Refusal: the body is invalid, or the package does not exist
    """
    keys = {
        "ImageStorePath": ("ApplicationTypeBuildPath",),
        "ExternalStore": ("ApplicationPackageDownloadUri", "ApplicationTypeName", "ApplicationTypeVersion"),
    }
    values = [body.get(key) for key in keys.get(str(kind), ("",))]
    if not all(isinstance(value, str) and value for value in values):
        raise Refusal(INVALID)
    if kind == "ImageStorePath":
        return _uploaded(state, store_path(str(values[0])))
    uri, name, version = map(str, values)
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"} or not parts.path.lower().endswith(".sfpkg"):
        message = "The download URI must start with http or https and end with .sfpkg"
        raise Refusal(fabric_error(400, "E_INVALIDARG", message))
    if max(len(name), len(version)) > _MAX_NAME or ":" in name:
        raise Refusal(
            fabric_error(400, "E_INVALIDARG", "The name or version of the application type is invalid")
        )
    return generated_package(name, version)


def _uploaded(state: ClusterState, path: str) -> Package:
    """
    Return the package in a folder of the image store.

    :raises Refusal: the folder does not exist or is not complete, or its manifest is invalid
    """
    files = state.image_store().folder(path)
    incomplete = list(incomplete_folders(files))
    if incomplete:
        place = "/".join(part for part in (path, incomplete[0]) if part)
        message = f"The folder {place} does not exist in the image store, or is not complete."
        raise Refusal(fabric_error(404, "FABRIC_E_DIRECTORY_NOT_FOUND", message))
    package = uploaded_package(files)
    if package is None:
        raise Refusal(_invalid_package(f"{path}/ApplicationManifest.xml does not exist or is invalid."))
    return package


def _check_new(state: ClusterState, package: Package) -> None:
    """Refuse a version that exists. After a failed provision it can be provisioned again."""
    found = state.types(package.type_name).get((package.type_name, package.version))
    status = found.status(state.now) if found else "Failed"
    if status != "Failed":
        raise Refusal(fabric_error(*(_IN_PROGRESS if status == "Provisioning" else _EXISTS)))


def _unprovision(state: ClusterState, name: str, request: ApiRequest) -> Decision:
    body = request.json()
    version = body.get("ApplicationTypeVersion") if isinstance(body, dict) else None
    if not isinstance(version, str) or not version:
        raise Refusal(INVALID)
    found = state.types(name).get((name, version))
    if found is None:
        message = f"Application type {name} version {version} does not exist"
        raise Refusal(fabric_error(404, "FABRIC_E_APPLICATION_TYPE_NOT_FOUND", message))
    if found.status(state.now) == "Provisioning":
        raise Refusal(fabric_error(*_IN_PROGRESS))
    user = state.user_of(name, version)
    if user:
        message = f"Application type {name} version {version} is in use by {user}"
        raise Refusal(fabric_error(409, "FABRIC_E_APPLICATION_TYPE_IN_USE", message))
    return Decision(name, ACCEPTED if body.get("Async") is True else OK)


def _invalid_package(message: str) -> Any:
    return fabric_error(400, "FABRIC_E_IMAGEBUILDER_VALIDATION_ERROR", message)


TYPE_ROUTES = (
    Route("provision_application_type", "POST", "/ApplicationTypes/$/Provision", "6.2", _provision),
    Route(
        "unprovision_application_type",
        "POST",
        "/ApplicationTypes/{applicationTypeName}/$/Unprovision",
        "6.0",
        _unprovision,
    ),
)
