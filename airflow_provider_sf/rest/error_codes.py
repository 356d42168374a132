"""What Service Fabric's codes for errors mean where the HTTP status does not say it: tables. Pure; no I/O."""

from __future__ import annotations

# FabricError codes whose meaning the HTTP status hides. The gateway maps what it has no rule for to 500, so a
# missing application resource looks like a server fault, and a passing conflict like a bad request.
PASSING_CODES = frozenset(
    {
        "FABRIC_E_APPLICATION_TYPE_PROVISION_IN_PROGRESS",
        "FABRIC_E_APPLICATION_UPDATE_IN_PROGRESS",
        "FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS",
        "FABRIC_E_CONSTRAINT_KEY_UNDEFINED",
        "FABRIC_E_FABRIC_UPGRADE_IN_PROGRESS",
        "FABRIC_E_NODE_TRANSITION_IN_PROGRESS",
        "FABRIC_E_STOP_IN_PROGRESS",
        "FABRIC_E_WRITE_CONFLICT",
    }
)
LASTING_CODES = frozenset(
    {
        "E_ACCESSDENIED",
        "E_INVALIDARG",
        "E_NOTIMPL",
        "FABRIC_E_APPLICATION_NOT_FOUND",
        "FABRIC_E_INVALID_NAME_URI",
        "FABRIC_E_OPERATION_NOT_SUPPORTED",
        "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND",
    }
)
MISSING_CODES = frozenset(
    {
        "FABRIC_E_APPLICATION_NOT_FOUND",
        "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND",
        "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND",
        "NotFound",
    }
)

_NOT_FOUND = (
    "check the name, and the kind: application resources, classic applications (fabric:/...) and compose "
    "deployments are different things"
)
ADVICE: dict[str | int, str] = {
    "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND": _NOT_FOUND,
    "FABRIC_E_APPLICATION_NOT_FOUND": _NOT_FOUND,
    "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND": _NOT_FOUND,
    204: _NOT_FOUND,
    404: "check host and port of the connection, and the name; the REST port is 19080 unless changed",
}
