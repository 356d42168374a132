"""The nodes of a simulated cluster, and its health. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.body_values import read_health_policy, read_percents
from airflow_provider_sf.simulator.responses import INVALID, Refusal
from airflow_provider_sf.simulator.scenarios import UPGRADE_DOMAINS

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.state import ClusterState

SEED_NODES = 5
NODE_STATUSES = frozenset(
    {"default", "all", "up", "down", "enabling", "disabling", "disabled", "unknown", "removed"}
)
UP_SECONDS = 86_400
"""For how long the nodes have been up."""


_NOT_DEACTIVATED = {
    "NodeDeactivationIntent": "Invalid",
    "NodeDeactivationStatus": "None",
    "NodeDeactivationTask": [],
    "PendingSafetyChecks": [],
}


def nodes(status: str, code_version: str) -> dict[str, dict[str, Any]]:
    """
    Return NodeInfo of the nodes with a status, by name. All are up.

    :raises Refusal: the status is invalid
    """
    if status.lower() not in NODE_STATUSES:
        raise Refusal(INVALID)
    if status.lower() not in {"default", "all", "up"}:
        return {}
    places = [(node, domain) for domain, names in UPGRADE_DOMAINS.items() for node in names]
    return {node: _node(number, node, domain, code_version) for number, (node, domain) in enumerate(places)}


def cluster_health(state: ClusterState, body: object = None) -> dict[str, Any]:
    """
    Return ClusterHealth: always Ok.

    :param body: the policies of the request
    :raises Refusal: a policy is invalid
    """
    if body is not None:
        _check_policies(body)
    applications = [
        {"Name": found.full_name, "AggregatedHealthState": "Ok"} for found in state.known_applications()
    ]
    health = [{"Name": name, "AggregatedHealthState": "Ok"} for name in nodes("all", "")]
    return {
        "AggregatedHealthState": "Ok",
        "HealthEvents": [],
        "UnhealthyEvaluations": [],
        "NodeHealthStates": health,
        "ApplicationHealthStates": applications,
    }


def _check_policies(body: object) -> None:
    if not isinstance(body, dict):
        raise Refusal(INVALID)
    read_percents(
        body.get("ClusterHealthPolicy", {}), "MaxPercentUnhealthyNodes", "MaxPercentUnhealthyApplications"
    )
    items = body.get("ApplicationHealthPolicyMap", [])
    if not isinstance(items, list):
        raise Refusal(INVALID)
    for item in items:
        read_health_policy(item.get("Value") if isinstance(item, dict) else "")


def _node(number: int, name: str, domain: str, code_version: str) -> dict[str, Any]:
    return {
        "Name": name,
        "IpAddressOrFQDN": f"10.0.0.{number + 4}",
        "Type": "NodeType0",
        "CodeVersion": code_version,
        "ConfigVersion": "1",
        "NodeStatus": "Up",
        "NodeUpTimeInSeconds": str(UP_SECONDS),
        "HealthState": "Ok",
        "IsSeedNode": number < SEED_NODES,
        "UpgradeDomain": domain,
        "FaultDomain": f"fd:/{number % 5}",
        "Id": {"Id": f"{number + 1:032x}"},
        "InstanceId": str(132_000_000_000_000_000 + number),
        "NodeDeactivationInfo": _NOT_DEACTIVATED,
        "IsStopped": False,
        "NodeDownTimeInSeconds": "0",
    }
