"""Nodes, repair tasks, compose deployments and the health of a cluster, as published, and as odd answers."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sf.upgrades.application_types import ApplicationType
from airflow_provider_sf.upgrades.cluster_health import ClusterHealth
from airflow_provider_sf.upgrades.compose_deployments import ComposeDeployment
from airflow_provider_sf.upgrades.nodes import Node, RepairTask

NODE = {
    "Name": "_Node_3",
    "IpAddressOrFQDN": "localhost",
    "Type": "NodeType03",
    "CodeVersion": "5.7.0.0",
    "NodeStatus": "Up",
    "HealthState": "Ok",
    "IsSeedNode": True,
    "UpgradeDomain": "UD3",
    "FaultDomain": "fd:/RACK3",
    "Id": {"Id": "87e0b3b8ae4a4ea9f3bd8d6a64d0a0f4"},
}
"""From the page of GetNodeInfoList."""

TASK = {"TaskId": "Azure/1", "State": "Executing", "Action": "System.Azure.Host.Update", "Flags": 0}
DEPLOYMENT = {
    "Name": "shop",
    "ApplicationName": "fabric:/shop",
    "Status": "Upgrading",
    "StatusDetails": "",
}


def test_published_node_is_read() -> None:
    assert Node.from_answer(NODE) == Node("_Node_3", "NodeType03", "Up", "Ok", "UD3", "fd:/RACK3")
    assert Node.from_answer(NODE).raw == NODE


def test_repair_task_is_read() -> None:
    assert RepairTask.from_answer(TASK) == RepairTask("Azure/1", "Executing", "System.Azure.Host.Update")


def test_compose_deployment_is_read() -> None:
    assert ComposeDeployment.from_answer(DEPLOYMENT) == ComposeDeployment(
        "shop", "fabric:/shop", "Upgrading", ""
    )


def test_bad_cluster_health_has_reasons() -> None:
    evaluation = {
        "Kind": "Event",
        "AggregatedHealthState": "Error",
        "UnhealthyEvent": {"SourceId": "System.FM", "Property": "State", "Description": "Node is down."},
    }
    answer = {
        "AggregatedHealthState": "Error",
        "UnhealthyEvaluations": [{"HealthEvaluation": evaluation}],
    }
    health = ClusterHealth.from_answer(answer)
    assert (health.aggregated_health_state, health.omitted, health.raw) == ("Error", 0, answer)
    assert health.unhealthy_evaluations == ("Error: System.FM reports State: Node is down.",)


@pytest.mark.parametrize("value", [None, [], {}, True, "", [None]])
def test_odd_members_are_not_reported(value: Any) -> None:
    keys = {*NODE, *TASK, *DEPLOYMENT, "AggregatedHealthState", "UnhealthyEvaluations"}
    answer = dict.fromkeys(keys, value)
    empty = "" if value == "" else None
    assert Node.from_answer(answer) == Node(empty, empty, empty, empty, empty, empty)
    assert RepairTask.from_answer(answer) == RepairTask(empty, empty, empty)
    assert ComposeDeployment.from_answer(answer) == ComposeDeployment(empty, empty, empty, empty)
    assert ClusterHealth.from_answer(answer) == ClusterHealth(empty)


def test_status_of_a_type_hides_queries() -> None:
    """The query of a package's address is a password."""
    answer = {
        "Name": "ShopType",
        "Version": "v2",
        "StatusDetails": "Downloading https://c/a.sfpkg?sig=b (58%)",
    }
    assert ApplicationType.from_answer(answer).status_details == "Downloading https://c/a.sfpkg?*** (58%)"
