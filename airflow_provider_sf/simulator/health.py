"""The health evaluations of a failed upgrade, nested as the gateway writes them. No I/O."""

from __future__ import annotations

from typing import Any

from airflow_provider_sf.simulator.domains import PARTITION
from airflow_provider_sf.simulator.scenarios import SERVICES, UPGRADE_DOMAINS


def application_evaluations(application: str) -> list[dict[str, Any]]:
    """Return UnhealthyEvaluations of an application with a partition that System.FM reports as unhealthy."""
    name = next(iter(SERVICES))
    service = f"{application}/{name}"
    event = _event("System.FM", "State", f"The partition of {name} has fewer replicas ready than it needs.")
    partition = _evaluation("Partition", "A partition is in error.", event, PartitionId=PARTITION)
    partitions = _evaluation(
        "Partitions",
        "1 of 1 partitions is unhealthy, none may be.",
        partition,
        MaxPercentUnhealthyPartitionsPerService=0,
        TotalCount=1,
    )
    of_service = _evaluation(
        "Service", f"The service {service} is in error.", partitions, ServiceName=service
    )
    services = _evaluation(
        "Services",
        "1 of 1 services is unhealthy, none may be.",
        of_service,
        ServiceTypeName=f"{name.capitalize()}Type",
        MaxPercentUnhealthyServices=0,
        TotalCount=1,
    )
    description = f"The application {application} is in error."
    return [_evaluation("Application", description, services, ApplicationName=application)]


def cluster_evaluations(node: str) -> list[dict[str, Any]]:
    """Return UnhealthyEvaluations of a cluster with a node that System.FM reports as unhealthy."""
    event = _event("System.FM", "State", f"{node} has not come back since its upgrade.")
    unhealthy = _evaluation("Node", f"The node {node} is in error.", event, NodeName=node)
    count = sum(map(len, UPGRADE_DOMAINS.values()))
    description = f"1 of {count} nodes is unhealthy, none may be."
    return [_evaluation("Nodes", description, unhealthy, MaxPercentUnhealthyNodes=0, TotalCount=count)]


def _evaluation(kind: str, description: str, inner: dict[str, Any], **members: object) -> dict[str, Any]:
    return {
        "HealthEvaluation": {
            "Kind": kind,
            "AggregatedHealthState": "Error",
            "Description": description,
            **members,
            "UnhealthyEvaluations": [inner],
        }
    }


def _event(source: str, reported: str, description: str) -> dict[str, Any]:
    return {
        "HealthEvaluation": {
            "Kind": "Event",
            "AggregatedHealthState": "Error",
            "Description": f"{source} reports an error: {reported}.",
            "ConsiderWarningAsError": False,
            "UnhealthyEvent": {
                "SourceId": source,
                "Property": reported,
                "HealthState": "Error",
                "Description": description,
                "IsExpired": False,
            },
        }
    }
