"""Nodes, repair tasks, manifest and health of a simulated cluster."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.driven import Driven
from tests.simulator.published import client, unknown_members

INVALID = (400, "E_INVALIDARG")


@pytest.fixture
def driven() -> Driven:
    return Driven()


def nodes(driven: Driven, **query: str) -> list[dict[str, Any]]:
    """Return the nodes of all pages."""
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        status, page = driven.send("GET", "/Nodes", version="6.3", ContinuationToken=token, **query)
        assert status == 200
        assert not list(unknown_members(client()("PagedNodeInfoList", page)))
        found += page["Items"]
        token = page["ContinuationToken"]
        if not token:
            return found


def test_nodes_have_upgrade_domains(driven: Driven) -> None:
    assert {node["Name"]: node["UpgradeDomain"] for node in nodes(driven)} == {
        f"node{number}": f"UD{(number + 1) // 2}" for number in range(1, 11)
    }
    assert {(node["NodeStatus"], node["HealthState"], node["CodeVersion"]) for node in nodes(driven)} == {
        ("Up", "Ok", "10.1.2338.9590")
    }
    assert sum(node["IsSeedNode"] for node in nodes(driven)) == 5


@pytest.mark.parametrize(("status", "count"), [("all", 10), ("up", 10), ("Default", 10), ("down", 0)])
def test_nodes_are_filtered_by_status(status: str, count: int, driven: Driven) -> None:
    assert len(nodes(driven, NodeStatusFilter=status)) == count


def test_unknown_node_status_is_refused(driven: Driven) -> None:
    assert driven.send("GET", "/Nodes", version="6.3", NodeStatusFilter="asleep") == INVALID


def test_repair_tasks_are_empty(driven: Driven) -> None:
    assert driven.send("GET", "/$/GetRepairTaskList") == (200, [])


def test_cluster_manifest_has_settings(driven: Driven) -> None:
    _, answer = driven.send("GET", "/$/GetClusterManifest")
    assert '<Parameter Name="ImageStoreConnectionString" Value="fabric:ImageStore" />' in answer["Manifest"]
    assert '<Parameter Name="EnableDefaultServicesUpgrade" Value="false" />' in answer["Manifest"]


def test_cluster_is_healthy_by_every_policy(driven: Driven) -> None:
    driven.start()
    policy = {
        "ClusterHealthPolicy": {"MaxPercentUnhealthyNodes": 10},
        "ApplicationHealthPolicyMap": [{"Key": driven.name, "Value": {}}],
    }
    for method, body in (("GET", None), ("POST", policy), ("POST", {})):
        status, health = driven.send(method, "/$/GetClusterHealth", body)
        assert (status, health["AggregatedHealthState"], len(health["NodeHealthStates"])) == (200, "Ok", 10)
        assert [item["Name"] for item in health["ApplicationHealthStates"]] == [driven.name]
        assert not list(unknown_members(client()("ClusterHealth", health)))
    assert driven.calls == ["start_application_upgrade"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"ClusterHealthPolicy": {"MaxPercentUnhealthyNodes": 101}},
        {"ApplicationHealthPolicyMap": {}},
        {"ApplicationHealthPolicyMap": ["x"]},
        {"ApplicationHealthPolicyMap": [{"Key": "x", "Value": {"ConsiderWarningAsError": 1}}]},
    ],
)
def test_wrong_cluster_policy_is_refused(body: object, driven: Driven) -> None:
    assert driven.send("POST", "/$/GetClusterHealth", body) == INVALID


SERVICES = {"MaxPercentUnhealthyServices": 100}
PARTITIONS = {"MaxPercentUnhealthyPartitionsPerService": 100}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, "Error"),
        ({}, "Error"),
        ({"DefaultServiceTypeHealthPolicy": SERVICES}, "Ok"),
        ({"DefaultServiceTypeHealthPolicy": PARTITIONS}, "Ok"),
        ({"DefaultServiceTypeHealthPolicy": {"MaxPercentUnhealthyReplicasPerPartition": 100}}, "Error"),
        ({"ServiceTypeHealthPolicyMap": [{"Key": "WebType", "Value": SERVICES}]}, "Ok"),
        ({"ServiceTypeHealthPolicyMap": [{"Key": "ApiType", "Value": SERVICES}]}, "Error"),
    ],
)
def test_application_health_depends_on_policy(policy: object, expected: str) -> None:
    driven = Driven("fabric:/idle_rolled_back-shop")
    driven.start()
    driven.second = 600
    method = "GET" if policy is None else "POST"
    _, health = driven.send(method, f"/Applications/{driven.id}/$/GetHealth", policy)
    assert health["AggregatedHealthState"] == expected
    assert (health["UnhealthyEvaluations"] == []) == (expected == "Ok")


def test_wrong_application_policy_is_refused(driven: Driven) -> None:
    path = f"/Applications/{driven.id}/$/GetHealth"
    assert driven.send("POST", path, {"ConsiderWarningAsError": "no"}) == INVALID
    assert driven.send("POST", "/Applications/shop/$/GetHealth", {})[0] == 404
