"""The calls that drive a release, as a table. No I/O."""

from __future__ import annotations

from airflow_provider_sf.rest.protocol import Call

_PAGES = "https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-"


def _get(path: str, api_version: str, page: str) -> Call:
    return Call(path, api_version, f"{_PAGES}{page}")


def _post(path: str, api_version: str, page: str) -> Call:
    return Call(path, api_version, f"{_PAGES}{page}", method="POST")


START_APPLICATION_UPGRADE = _post("/Applications/{applicationId}/$/Upgrade", "6.0", "startapplicationupgrade")
UPDATE_APPLICATION_UPGRADE = _post(
    "/Applications/{applicationId}/$/UpdateUpgrade", "6.0", "updateapplicationupgrade"
)
RESUME_APPLICATION_UPGRADE = _post(
    "/Applications/{applicationId}/$/MoveToNextUpgradeDomain", "6.0", "resumeapplicationupgrade"
)
ROLLBACK_APPLICATION_UPGRADE = _post(
    "/Applications/{applicationId}/$/RollbackUpgrade", "6.0", "rollbackapplicationupgrade"
)
CREATE_APPLICATION = _post("/Applications/$/Create", "6.0", "createapplication")
EVALUATE_APPLICATION_HEALTH = Call(
    "/Applications/{applicationId}/$/GetHealth",
    "6.0",
    f"{_PAGES}getapplicationhealthusingpolicy",
    method="POST",
    is_read=True,
)

START_COMPOSE_UPGRADE = _post(
    "/ComposeDeployments/{deploymentName}/$/Upgrade", "6.0-preview", "startcomposedeploymentupgrade"
)
ROLLBACK_COMPOSE_UPGRADE = _post(
    "/ComposeDeployments/{deploymentName}/$/RollbackUpgrade",
    "6.4-preview",
    "startrollbackcomposedeploymentupgrade",
)
COMPOSE_DEPLOYMENT = _get("/ComposeDeployments/{deploymentName}", "6.0-preview", "getcomposedeploymentstatus")

APPLY_APPLICATION_RESOURCE = Call(
    "/Resources/Applications/{applicationResourceName}",
    "6.4-preview",
    "https://learn.microsoft.com/rest/api/servicefabric/sfclient-v80-api-meshapplication_createorupdate",
    method="PUT",
)

CLUSTER_HEALTH = _get("/$/GetClusterHealth", "6.0", "getclusterhealth")
EVALUATE_CLUSTER_HEALTH = Call(
    "/$/GetClusterHealth", "6.0", f"{_PAGES}getclusterhealthusingpolicy", method="POST", is_read=True
)
CLUSTER_MANIFEST = _get("/$/GetClusterManifest", "6.0", "getclustermanifest")
NODES = _get("/Nodes", "6.3", "getnodeinfolist")
REPAIR_TASKS = _get("/$/GetRepairTaskList", "6.0", "getrepairtasklist")

APPLICATION_TYPES = _get("/ApplicationTypes", "6.0", "getapplicationtypeinfolist")
APPLICATION_TYPE = _get("/ApplicationTypes/{applicationTypeName}", "6.0", "getapplicationtypeinfolistbyname")
APPLICATION_MANIFEST = _get(
    "/ApplicationTypes/{applicationTypeName}/$/GetApplicationManifest", "6.0", "getapplicationmanifest"
)
SERVICE_MANIFEST = _get(
    "/ApplicationTypes/{applicationTypeName}/$/GetServiceManifest", "6.0", "getservicemanifest"
)
PROVISION_APPLICATION_TYPE = _post("/ApplicationTypes/$/Provision", "6.2", "provisionapplicationtype")
UNPROVISION_APPLICATION_TYPE = _post(
    "/ApplicationTypes/{applicationTypeName}/$/Unprovision", "6.0", "unprovisionapplicationtype"
)
