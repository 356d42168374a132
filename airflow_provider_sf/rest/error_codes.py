"""Tables of the Service Fabric error codes that the HTTP status does not explain. No I/O."""

from __future__ import annotations

# The gateway answers with HTTP 500 to every error that it has no rule for. So a missing application resource
# looks like a server error, and a temporary conflict may look like a bad request.
TRANSIENT_CODES = frozenset(
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
PERMANENT_CODES = frozenset(
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
    "check name and kind: application resources, classic applications (fabric:/...) and compose deployments "
    "are different kinds"
)
ADVICE: dict[str | int, str] = {
    "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND": _NOT_FOUND,
    "FABRIC_E_APPLICATION_NOT_FOUND": _NOT_FOUND,
    "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND": _NOT_FOUND,
    204: _NOT_FOUND,
    404: "check host and port of the connection, and name; the REST port is 19080 by default",
}
