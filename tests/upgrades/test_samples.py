"""Every recorded answer becomes the documented record: what is published, and what says as much as a cluster can."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sf.rest.protocol import runtime_version
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import KINDS

SAMPLES = Path(__file__).parents[1] / "samples"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
PARTITION = "6a1fcd54-0000-4000-8000-2d6e3b1f0a"

ANSWERS = [f"{kind}/{path.stem}" for kind in KINDS for path in sorted((SAMPLES / kind).glob("*.json"))]

NOTHING: dict[str, Any] = {
    "schema": "service_fabric.upgrade_progress/1",
    "kind": None,
    "name": "",
    "outcome": None,
    "state": None,
    "target_version": None,
    "previous_version": None,
    "percent_completed": None,
    "started_at": None,
    "failed_at": None,
    "duration_seconds": None,
    "rolling_upgrade_mode": None,
    "replica_check_timeout_seconds": None,
    "status_details": None,
    "services": [],
    "config_version": None,
    "upgrade_kind": None,
    "failure_reason": None,
    "failure_classification": None,
    "health_check_phase": None,
    "health_check_elapsed_seconds": None,
    "domain_duration_seconds": None,
    "monitoring_policy": None,
    "upgrade_domains": [],
    "upgrade_units": [],
    "current_domain": None,
    "pending_safety_checks": [],
    "failure_domain": None,
    "nodes_at_failure": [],
    "safety_checks_at_failure": [],
    "next_domain": None,
    "unhealthy_evaluations": [],
    "observed_at": "2026-03-01T12:00:00Z",
    "endpoint": "http://c:19080",
    "omitted": {},
}
"""What a record says of an answer that says nothing."""

LIMITS = (
    "wait_seconds",
    "stable_seconds",
    "retry_seconds",
    "domain_timeout_seconds",
    "upgrade_timeout_seconds",
)

RECORDS: dict[str, dict[str, Any]] = {
    "application_resource/founding_page": {
        "name": "sampleApplication",
        "outcome": "in_progress",
        "state": "RollingForward",
        "target_version": "v1",
        "previous_version": "v0",
        "percent_completed": 0.0,
        "duration_seconds": 2.31669,
        "rolling_upgrade_mode": "Monitored",
        "status_details": "Deployment upgrading from version: v0 to version: v1.",
        "services": [{"name": "helloWorldService", "completed_replicas": 0, "pending_replicas": 3}],
    },
    "application_resource/busy": {
        "name": "shop",
        "outcome": "paused",
        "state": "RollingForward",
        "target_version": "v7",
        "previous_version": "v6",
        "percent_completed": 62.0,
        "started_at": "2026-03-01T02:58:40.123000Z",
        "failed_at": "2026-03-01T03:10:44Z",
        "duration_seconds": 93784.1234567,
        "rolling_upgrade_mode": "UnmonitoredManual",
        "replica_check_timeout_seconds": 1200,
        "status_details": "Deployment upgrading from version: v6 to version: v7.",
        "services": [
            {"name": "web", "completed_replicas": 6, "pending_replicas": 2},
            {"name": "api", "completed_replicas": 2, "pending_replicas": 3},
        ],
    },
    "application/published": {
        "name": "fabric:/VisualObjects",
        "outcome": "not_upgraded",
        "state": "RollingForwardCompleted",
        "target_version": "33.0.0",
        "duration_seconds": 0.0,
        "domain_duration_seconds": 0.0,
        "rolling_upgrade_mode": "Invalid",
        "status_details": "",
    },
    "application/busy": {
        "name": "fabric:/shop/web",
        "outcome": "in_progress",
        "state": "RollingForwardInProgress",
        "target_version": "2.1.0",
        "started_at": "2026-03-01T02:58:40.123000Z",
        "duration_seconds": 723.5,
        "rolling_upgrade_mode": "Monitored",
        "replica_check_timeout_seconds": 1200,
        "status_details": "Performing health check. Retrying for 01:30.500.",
        "upgrade_kind": "Rolling",
        "health_check_phase": "Retry",
        "health_check_elapsed_seconds": 90.5,
        "domain_duration_seconds": 240.25,
        "monitoring_policy": {
            "failure_action": "Rollback",
            "wait_seconds": 30.0,
            "stable_seconds": 120.0,
            "retry_seconds": 600.0,
            "domain_timeout_seconds": None,
            "upgrade_timeout_seconds": None,
        },
        "next_domain": "UD2",
        "upgrade_domains": [
            {"name": "UD1", "state": "InProgress"},
            {"name": "UD2", "state": "Pending"},
            {"name": "UD3", "state": "Pending"},
            {"name": "UD4", "state": "Pending"},
            {"name": "UD0", "state": "Completed"},
        ],
        "current_domain": {
            "name": "UD1",
            "nodes": [
                {"name": "_web_1", "phase": "PreUpgradeSafetyCheck", "duration_seconds": 192.0},
                {"name": "_web_6", "phase": "Upgrading", "duration_seconds": None},
            ],
        },
        "pending_safety_checks": [
            f"node _web_1 waits for EnsureAvailability: partition {PARTITION}01 would not be available",
            f"node _web_1 waits for WaitForInbuildReplica: a replica of partition {PARTITION}02 is still being built",
        ],
        "unhealthy_evaluations": [
            f"Error: service fabric:/shop/web/front, partition {PARTITION}01, replica 132874562931874562: Watchdog reports Ready at 2026-03-01 03:08:01 UTC: GET /ready answered 503.",
            "Warning: node _web_0, application fabric:/shop/web, service manifest FrontPkg: Service package 'FrontPkg' is in Warning.",
        ],
    },
    "compose_deployment/published": {
        "name": "newDeployment",
        "outcome": "unknown",
        "upgrade_kind": "Rolling",
    },
    "compose_deployment/never_upgraded": {
        "name": "shop",
        "outcome": "not_upgraded",
        "state": "RollingForwardCompleted",
        "target_version": "v0",
        "duration_seconds": 0.0,
        "domain_duration_seconds": 0.0,
        "status_details": "",
        "upgrade_kind": "Invalid",
    },
    "compose_deployment/busy": {
        "name": "shop",
        "outcome": "paused",
        "state": "RollingForwardPending",
        "target_version": "v4",
        "started_at": "2026-03-01T02:58:40.123000Z",
        "failed_at": "2026-03-01T03:10:44.500000Z",
        "duration_seconds": 93784.25,
        "domain_duration_seconds": 0.0,
        "monitoring_policy": {
            "failure_action": "Manual",
            **dict.fromkeys(LIMITS),
        },
        "rolling_upgrade_mode": "UnmonitoredManual",
        "status_details": "Upgrading the application.",
        "upgrade_kind": "Rolling",
        "failure_reason": "UpgradeDomainTimeout",
        "current_domain": {"name": "1", "nodes": []},
        "failure_domain": "0",
        "nodes_at_failure": [
            {"name": "_node_0", "phase": "PostUpgradeSafetyCheck", "duration_seconds": None}
        ],
        "safety_checks_at_failure": [
            f"node _node_0 waits for WaitForPrimaryPlacement: the primary replica of partition {PARTITION}03 is to come back first",
        ],
        "unhealthy_evaluations": [
            "Error: node _node_2, application fabric:/shop, service manifest cartPkg: System.Hosting reports Download:1.0 (expired): The image cart:4 cannot be pulled.",
        ],
    },
    "cluster/published": {
        "outcome": "succeeded",
        "state": "RollingForwardCompleted",
        "target_version": "9.1.1390.9590",
        "started_at": "2022-10-31T18:48:39.781000Z",
        "duration_seconds": 600.1752,
        "domain_duration_seconds": 0.0154527,
        "monitoring_policy": {
            "failure_action": "Rollback",
            **dict(zip(LIMITS, (300.0, 300.0, 9_000.0, 10_800.0, 57_600.0), strict=True)),
        },
        "rolling_upgrade_mode": "Monitored",
        "config_version": "3",
        "upgrade_kind": "Rolling",
        "upgrade_domains": [{"name": "0", "state": "Completed"}],
        "upgrade_units": [{"name": "0", "state": "Completed"}],
    },
    "cluster/never_upgraded": {
        "outcome": "not_upgraded",
        "state": "RollingForwardCompleted",
        "target_version": "0.0.0.0",  # noqa: S104 - no address
        "duration_seconds": 0.0,
        "domain_duration_seconds": 0.0,
        "rolling_upgrade_mode": "Invalid",
        "config_version": "",
    },
    "cluster/busy": {
        "outcome": "rolling_back",
        "state": "RollingBackInProgress",
        "target_version": "10.1.2338.9590",
        "started_at": "2026-03-01T01:30:00Z",
        "failed_at": "2026-03-01T02:31:15.750000Z",
        "duration_seconds": 4210.25,
        "rolling_upgrade_mode": "UnmonitoredAuto",
        "status_details": "Upgrade failed due to health policy violation in upgrade domain 1.",
        "config_version": "12",
        "upgrade_kind": "Rolling",
        "failure_reason": "HealthCheck",
        "failure_classification": "PostUpgradeHealthCheck",
        "domain_duration_seconds": 60.0,
        "next_domain": "0",
        "health_check_phase": "Invalid",
        "health_check_elapsed_seconds": 0.0,
        "upgrade_domains": [
            {"name": "2", "state": "InProgress"},
            {"name": "0", "state": "Pending"},
            {"name": "1", "state": "Completed"},
        ],
        "upgrade_units": [
            {"name": "2", "state": "InProgress"},
            {"name": "0", "state": "Pending"},
            {"name": "1", "state": "Completed"},
        ],
        "current_domain": {
            "name": "2",
            "nodes": [
                {"name": "_back_2", "phase": "PreUpgradeSafetyCheck", "duration_seconds": None},
                {"name": "_back_4", "phase": "PostUpgradeSafetyCheck", "duration_seconds": None},
            ],
        },
        "pending_safety_checks": [
            "node _back_2 waits for EnsureSeedNodeQuorum: a quorum of the seed nodes would be lost",
            f"node _back_2 waits for EnsurePartitionQuorum: partition {PARTITION}04 would lose its quorum of replicas",
            f"node _back_2 waits for WaitForPrimarySwap: the primary replica of partition {PARTITION}05 is to move to another node first",
            f"node _back_4 waits for WaitForReconfiguration: partition {PARTITION}06 is still reconfiguring",
            f"node _back_4 waits for ACheckOfTomorrow: partition {PARTITION}07",
        ],
        "failure_domain": "1",
        "nodes_at_failure": [
            {"name": "_back_1", "phase": "PostUpgradeSafetyCheck", "duration_seconds": None},
            {"name": "_back_3", "phase": "Upgrading", "duration_seconds": None},
        ],
        "safety_checks_at_failure": [
            f"node _back_1 waits for WaitForPrimaryPlacement: the primary replica of partition {PARTITION}08 is to come back first",
        ],
        "unhealthy_evaluations": [
            "Error: node type backend, node _back_2: System.FM reports State: Fabric node is down.",
            "Error: node type backend, node _back_4: Node '_back_4' is in Error.",
            "Error: upgrade domain 1: Delta unhealthy nodes in upgrade domain '1': baseline 0% (0/5), now 40% (2/5).",
            "Warning: application type WebType: ApplicationTypeApplications",
            "Warning: volume data: The volume is full.",
        ],
    },
    "cluster/node_by_node": {
        "outcome": "in_progress",
        "state": "RollingForwardInProgress",
        "target_version": "10.1.2448.9590",
        "started_at": "2026-03-01T02:55:00Z",
        "duration_seconds": 172.5361,
        "domain_duration_seconds": 172.5361,
        "rolling_upgrade_mode": "UnmonitoredDeferred",
        "replica_check_timeout_seconds": 10,
        "config_version": "13",
        "upgrade_kind": "Rolling",
        "upgrade_units": [
            {"name": "_back_0", "state": "Completed"},
            {"name": "_back_1", "state": "Failed"},
            {"name": "_back_2", "state": "InProgress"},
            {"name": "_back_3", "state": "Pending"},
        ],
        "current_domain": {
            "name": None,
            "nodes": [{"name": "_back_2", "phase": "PreUpgradeSafetyCheck", "duration_seconds": None}],
        },
        "pending_safety_checks": [
            f"node _back_2 waits for EnsureAvailability: partition {PARTITION}09 would not be available",
            f"node _back_2 waits for WaitForInbuildReplica: a replica of partition {PARTITION}0a is still being built",
        ],
    },
    "cluster_configuration/published": {
        "outcome": "rolling_back",
        "state": "RollingBackInProgress",
        "target_version": "4",
        "config_version": "3",
    },
    "cluster_configuration/busy": {
        "outcome": "rolled_back",
        "state": "RollingBackCompleted",
        "target_version": "5",
        "status_details": "FABRIC_E_UPGRADE_FAILED : The cluster manifest of version 6 was rolled back.",
        "config_version": "1.0.3",
    },
}

PLACES = {
    "application/busy": "domain UD1 (2 of 5)",
    "compose_deployment/busy": "domain 1",
    "cluster/published": "1 of 1 domains",
    "cluster/busy": "domain 2 (2 of 3)",
    "cluster/node_by_node": "unit _back_2 (1 of 4 completed, 1 failed)",
}


def recorded(answer: str) -> Any:
    return json.loads((SAMPLES / f"{answer}.json").read_bytes())


def read(answer: str) -> UpgradeProgress:
    kind, body = answer.partition("/")[0], recorded(answer)
    return UpgradeProgress.from_answer(kind, "", body, observed_at=NOON, endpoint="http://c:19080")


# All samples.


def test_every_sample_has_its_record_here() -> None:
    assert sorted(RECORDS) == sorted(ANSWERS)


@pytest.mark.kind_samples
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_published_and_busy_samples(kind: str) -> None:
    published = "founding_page" if kind == "application_resource" else "published"
    assert {f"{kind}/{published}", f"{kind}/busy"} <= set(ANSWERS)


@pytest.mark.kind_samples
@pytest.mark.parametrize("answer", ANSWERS)
def test_recorded_answer_reads_as_documented(answer: str) -> None:
    kind = answer.partition("/")[0]
    assert read(answer).to_dict() == {**NOTHING, "kind": kind, **RECORDS[answer]}


@pytest.mark.parametrize("answer", ANSWERS)
def test_record_keys_are_in_documented_order(answer: str) -> None:
    assert list(read(answer).to_dict()) == list(NOTHING)


@pytest.mark.parametrize("answer", ANSWERS)
def test_answer_is_kept_unchanged(answer: str) -> None:
    body = recorded(answer)
    before = copy.deepcopy(body)
    progress = UpgradeProgress.from_answer(answer.partition("/")[0], "", body)
    assert progress.raw is body
    assert body == before
    assert progress.to_dict(include_raw=True)["raw"] == before


@pytest.mark.kind_samples
@pytest.mark.parametrize("answer", ANSWERS)
def test_recorded_answer_has_its_place(answer: str) -> None:
    assert read(answer).place == PLACES.get(answer)


# The same answer in other forms.


def test_policy_map_may_be_list_or_object() -> None:
    """Runtimes and releases of the specification disagree; nothing in it is needed."""
    maps = {
        answer: type(recorded(answer)["UpgradeDescription"]["ApplicationHealthPolicyMap"])
        for answer in ("cluster/busy", "cluster/node_by_node")
    }
    assert maps == {"cluster/busy": dict, "cluster/node_by_node": list}


def test_duration_in_milliseconds_may_be_iso_8601() -> None:
    durations = {
        answer: recorded(answer)["UpgradeDurationInMilliseconds"]
        for answer in ("application/busy", "cluster/busy")
    }
    assert durations == {"application/busy": "PT0H12M3.5S", "cluster/busy": "4210250"}
    assert (read("application/busy").duration_seconds, read("cluster/busy").duration_seconds) == (
        723.5,
        4210.25,
    )


def test_samples_contain_every_specified_safety_check() -> None:
    definitions = recorded("upgrade_progress.swagger")["definitions"]
    sentences = [sentence for record in RECORDS.values() for key in ("pending_safety_checks", "safety_checks_at_failure")
            for sentence in record.get(key, [])]  # fmt: skip
    kinds = {sentence.partition(" waits for ")[2].partition(":")[0] for sentence in sentences}
    assert kinds == {*definitions["SafetyCheckKind"]["enum"], "ACheckOfTomorrow"} - {"Invalid"}


# The samples keep to the specification, so that they are no inventions.

EXTRA = {
    "FailureClassification",
    "HealthCheckElapsedTime",
    "HealthCheckPhase",
    "HealthCheckRetryFlips",
    "SomethingThatComesWithARuntimeOfTomorrow",
    "UpgradeStatusDetails",
}
"""What runtimes say and the specification 8.2 does not; some of it came with 11.3."""


def root_of(kind: str) -> dict[str, Any]:
    """Return the definition of the answer of a kind."""
    swagger = recorded("upgrade_progress.swagger")
    (operation,) = [
        item for item in swagger["operations"].values() if item["path"] == KINDS[kind].progress.path
    ]
    return dict(swagger["definitions"][operation["response"]])


@pytest.mark.kind_samples
@pytest.mark.parametrize("answer", ANSWERS)
def test_samples_have_specified_members_only(answer: str) -> None:
    known = set(root_of(answer.partition("/")[0])["properties"])
    assert set(recorded(answer)) <= known | EXTRA


@pytest.mark.kind_samples
@pytest.mark.parametrize("kind", KINDS)
def test_row_keys_are_specified(kind: str) -> None:
    definitions = recorded("upgrade_progress.swagger")["definitions"]
    root = root_of(kind)["properties"]
    for path in KINDS[kind].keys.values():
        outer, _, inner = path.partition(".")
        assert outer in {*root, *EXTRA}
        if inner:
            assert inner in definitions[root[outer]["$ref"].removeprefix("#/definitions/")]["properties"]


def test_every_specified_resource_member_is_read() -> None:
    root = root_of("application_resource")["properties"]
    assert sorted(KINDS["application_resource"].keys.values()) == sorted(root)


def test_cluster_version_is_read() -> None:
    assert runtime_version(recorded("reads/cluster_version")) == "6.4.514.9494"
