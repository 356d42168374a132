"""Nested evaluations become sentences that name what is unhealthy, of every kind that there is and will be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.rest.storage_limits import json_size
from airflow_provider_sf.upgrades.health_evaluations import EVALUATIONS_BYTES, unhealthy_sentences

if TYPE_CHECKING:
    from collections.abc import Callable

APPLICATION, SERVICE, NODE = "fabric:/shop/web", "fabric:/shop/web/front", "_web_1"
PARTITION, REPLICA = "6a1fcd54-0000-4000-8000-2d6e3b1f0a01", "132874562931874562"
EVENT: dict[str, object] = {
    "SourceId": "Watchdog",
    "Property": "Ready",
    "HealthState": "Error",
    "Description": "GET /ready: 503.",
}
COUNTS: dict[str, object] = {"TotalCount": "5", "UnhealthyEvaluations": []}
BASELINE: dict[str, object] = {
    "BaselineErrorCount": "0",
    "BaselineTotalCount": "5",
    "MaxPercentDeltaUnhealthyNodes": 10,
    **COUNTS,
}

# Each kind -> what else it has in the specification, and how that is said if there is no description.
KINDS: dict[str, tuple[dict[str, object], str]] = {
    "Application": (
        {"ApplicationName": APPLICATION, "UnhealthyEvaluations": []},
        "Error: application fabric:/shop/web: Application",
    ),
    "ApplicationTypeApplications": (
        {"ApplicationTypeName": "WebType", "MaxPercentUnhealthyApplications": 0, **COUNTS},
        "Error: application type WebType: ApplicationTypeApplications",
    ),
    "Applications": ({"MaxPercentUnhealthyApplications": 0, **COUNTS}, "Error: Applications"),
    "DeltaNodesCheck": (BASELINE, "Error: DeltaNodesCheck"),
    "DeployedApplication": (
        {"NodeName": NODE, "ApplicationName": APPLICATION, "UnhealthyEvaluations": []},
        "Error: node _web_1, application fabric:/shop/web: DeployedApplication",
    ),
    "DeployedApplications": (
        {"MaxPercentUnhealthyDeployedApplications": 0, **COUNTS},
        "Error: DeployedApplications",
    ),
    "DeployedServicePackage": (
        {
            "NodeName": NODE,
            "ApplicationName": APPLICATION,
            "ServiceManifestName": "FrontPkg",
            "UnhealthyEvaluations": [],
        },
        "Error: node _web_1, application fabric:/shop/web, service manifest FrontPkg: DeployedServicePackage",
    ),
    "DeployedServicePackages": (COUNTS, "Error: DeployedServicePackages"),
    "Event": (
        {"ConsiderWarningAsError": False, "UnhealthyEvent": EVENT},
        "Error: Watchdog reports Ready: GET /ready: 503.",
    ),
    "Node": ({"NodeName": NODE, "UnhealthyEvaluations": []}, "Error: node _web_1: Node"),
    "NodeTypeNodes": (
        {"NodeTypeName": "backend", "MaxPercentUnhealthyNodes": 20, **COUNTS},
        "Error: node type backend: NodeTypeNodes",
    ),
    "Nodes": ({"MaxPercentUnhealthyNodes": 20, **COUNTS}, "Error: Nodes"),
    "Partition": (
        {"PartitionId": PARTITION, "UnhealthyEvaluations": []},
        f"Error: partition {PARTITION}: Partition",
    ),
    "Partitions": ({"MaxPercentUnhealthyPartitionsPerService": 0, **COUNTS}, "Error: Partitions"),
    "Replica": (
        {"PartitionId": PARTITION, "ReplicaOrInstanceId": REPLICA, "UnhealthyEvaluations": []},
        f"Error: partition {PARTITION}, replica {REPLICA}: Replica",
    ),
    "Replicas": ({"MaxPercentUnhealthyReplicasPerPartition": 0, **COUNTS}, "Error: Replicas"),
    "Service": (
        {"ServiceName": SERVICE, "UnhealthyEvaluations": []},
        "Error: service fabric:/shop/web/front: Service",
    ),
    "Services": (
        {"ServiceTypeName": "FrontType", "MaxPercentUnhealthyServices": 10, **COUNTS},
        "Error: service type FrontType: Services",
    ),
    "SystemApplication": ({"UnhealthyEvaluations": []}, "Error: SystemApplication"),
    "UpgradeDomainDeltaNodesCheck": (
        {"UpgradeDomainName": "UD1", **BASELINE},
        "Error: upgrade domain UD1: UpgradeDomainDeltaNodesCheck",
    ),
    "UpgradeDomainDeployedApplications": (
        {"UpgradeDomainName": "UD1", "MaxPercentUnhealthyDeployedApplications": 0, **COUNTS},
        "Error: upgrade domain UD1: UpgradeDomainDeployedApplications",
    ),
    "UpgradeDomainNodes": (
        {"UpgradeDomainName": "UD1", "MaxPercentUnhealthyNodes": 20, **COUNTS},
        "Error: upgrade domain UD1: UpgradeDomainNodes",
    ),
}


def evaluation(
    kind: str | None, *inner: object, state: object = "Error", **members: object
) -> dict[str, Any]:
    """Return an evaluation in its wrapper."""
    said = {"Kind": kind, "AggregatedHealthState": state, **members}
    return {"HealthEvaluation": {**said, "UnhealthyEvaluations": list(inner)} if inner else said}


def said_of(*evaluations: object) -> list[str]:
    sentences, omitted = unhealthy_sentences(list(evaluations))
    assert omitted == 0
    return list(sentences)


# Every kind.


def test_the_kinds_and_their_members_are_those_of_the_specification(
    sample: Callable[[str], dict[str, Any]],
) -> None:
    definitions = sample("upgrade_progress.swagger")["definitions"]
    published = {
        one["x-ms-discriminator-value"]: set(one["properties"])
        for name, one in definitions.items()
        if name.endswith("HealthEvaluation") and "x-ms-discriminator-value" in one
    }
    assert len(published) == 22
    assert {kind: set(members) for kind, (members, _) in KINDS.items()} == published
    assert {"Invalid", *KINDS} == set(definitions["HealthEvaluationKind"]["enum"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_names_what_is_unhealthy(kind: str) -> None:
    members, sentence = KINDS[kind]
    assert said_of(evaluation(kind, **members)) == [sentence]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Event"])
def test_every_kind_says_what_its_description_says(kind: str) -> None:
    members, sentence = KINDS[kind]
    assert said_of(evaluation(kind, Description="It is\r\n  bad.", **members)) == [
        sentence.removesuffix(kind) + "It is bad."
    ]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Event"])
def test_of_every_kind_the_cause_beneath_it_is_told_where_it_is(kind: str) -> None:
    members, sentence = KINDS[kind]
    cause = evaluation("Event", Description="An event.", UnhealthyEvent=EVENT)
    (said,) = said_of(
        evaluation(kind, Description="Not said.", **{**members, "UnhealthyEvaluations": [cause]})
    )
    assert said == sentence.removesuffix(kind) + "Watchdog reports Ready: GET /ready: 503."


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"VolumeName": "data", "Description": "It is full."}, "Error: volume data: It is full."),
        (
            {"ServicePackageActivationId": "a1"},
            "Error: service package activation a1: AKindOfTomorrow",
        ),
        ({"Id": "7", "Name": "eight"}, "Error: 7, eight: AKindOfTomorrow"),
        ({"NodeName": "", "PartitionId": None, "ServiceName": 5}, "Error: AKindOfTomorrow"),
        ({}, "Error: AKindOfTomorrow"),
    ],
)
def test_a_kind_of_tomorrow_names_what_is_unhealthy_too(members: dict[str, object], sentence: str) -> None:
    assert said_of(evaluation("AKindOfTomorrow", **members)) == [sentence]


# What is named of what lies around it.


def test_the_three_nearest_things_are_named_from_the_outermost_to_the_innermost() -> None:
    replica = evaluation(
        "Replica",
        evaluation("Event", UnhealthyEvent=EVENT),
        PartitionId=PARTITION,
        ReplicaOrInstanceId=REPLICA,
    )
    partition = evaluation("Partition", evaluation("Replicas", replica), PartitionId=PARTITION)
    service = evaluation("Service", evaluation("Partitions", partition), ServiceName=SERVICE)
    application = evaluation("Application", evaluation("Services", service), ApplicationName=APPLICATION)
    assert said_of(application) == [
        f"Error: service {SERVICE}, partition {PARTITION}, replica {REPLICA}: Watchdog reports Ready: GET /ready: 503."
    ]


def test_of_two_names_for_the_same_kind_of_thing_the_nearer_one_counts() -> None:
    inner = evaluation("DeployedApplication", NodeName="_web_2", ApplicationName=APPLICATION)
    assert said_of(evaluation("Node", inner, NodeName=NODE)) == [
        f"Error: node _web_2, application {APPLICATION}: DeployedApplication"
    ]


def test_each_innermost_evaluation_has_its_sentence_in_the_order_of_the_answer() -> None:
    nodes = [
        evaluation("Node", state=state, NodeName=f"n{place}")
        for place, state in enumerate(["Error", "Warning"])
    ]
    apps = evaluation("Applications", evaluation("Application", ApplicationName=APPLICATION))
    assert said_of(evaluation("Nodes", *nodes), evaluation("DeltaNodesCheck"), apps) == [
        "Error: node n0: Node",
        "Warning: node n1: Node",
        "Error: DeltaNodesCheck",
        f"Error: application {APPLICATION}: Application",
    ]  # fmt: skip


# What is odd.


@pytest.mark.parametrize("listed", [None, [], {}, "unhealthy", 5, [None, 3, "x"]])
def test_nothing_unhealthy_is_nothing_to_say(listed: object) -> None:
    assert unhealthy_sentences(listed) == ((), 0)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"Kind": "Node", "NodeName": NODE}, "Unhealthy: node _web_1: Node"),
        ({"HealthEvaluation": None, "Kind": "Node"}, "Unhealthy: Node"),
        ({"HealthEvaluation": {}}, "Unhealthy: an evaluation without a kind"),
        ({}, "Unhealthy: an evaluation without a kind"),
        (evaluation(None, state=None, Description="Why."), "Unhealthy: Why."),
        (evaluation("Nodes", state=3), "3: Nodes"),
        (evaluation("Nodes", UnhealthyEvaluations="none"), "Error: Nodes"),
        (evaluation("Nodes", UnhealthyEvaluations=[None]), "Error: Nodes"),
        (evaluation("Event", Description="An event."), "Error: An event."),
        (evaluation("Event", UnhealthyEvent=None, Description="An event."), "Error: An event."),
        (evaluation("Event", UnhealthyEvent={}), "Error: somebody reports something"),
    ],
)
def test_an_odd_evaluation_is_told_as_far_as_it_is_said(said: object, sentence: str) -> None:
    assert said_of(said) == [sentence]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "Watchdog reports Ready: GET /ready: 503."),
        ({"IsExpired": False}, "Watchdog reports Ready: GET /ready: 503."),
        ({"IsExpired": True}, "Watchdog reports Ready (expired): GET /ready: 503."),
        ({"IsExpired": "true"}, "Watchdog reports Ready: GET /ready: 503."),
        ({"Description": ""}, "Watchdog reports Ready"),
        ({"SourceId": None, "Description": None}, "somebody reports Ready"),
        ({"Property": ""}, "Watchdog reports something: GET /ready: 503."),
        ({"Description": "a\x00b\n\tc"}, "Watchdog reports Ready: a?b c"),
    ],
)
def test_an_event_says_who_reported_what(change: dict[str, object], said: str) -> None:
    assert said_of(evaluation("Event", UnhealthyEvent={**EVENT, **change})) == [f"Error: {said}"]


# How deep and how much.


def nested(levels: int) -> dict[str, Any]:
    one = evaluation("Node", NodeName="n0")
    for level in range(1, levels):
        one = evaluation("Nodes", one, NodeName=f"n{level}")
    return one


def test_fifty_levels_are_followed() -> None:
    assert said_of(nested(50)) == ["Error: node n0: Node"]


@pytest.mark.parametrize("levels", [51, 1_000])
def test_of_more_levels_the_fiftieth_is_told(levels: int) -> None:
    assert said_of(nested(levels)) == [f"Error: node n{levels - 50}: Nodes"]


def test_there_is_room_for_two_kib_and_what_is_cut_is_counted() -> None:
    assert EVALUATIONS_BYTES == 2_048
    one = evaluation("Node", NodeName="n" * 100)
    sentences, omitted = unhealthy_sentences([one] * 1_000)
    size = json_size("Error: node : Node") + 100 + 2
    assert (len(sentences), omitted) == (2_048 // size, 1_000 - 2_048 // size)
    assert json_size(list(sentences)) <= 2_048


def test_what_is_cut_is_counted_by_its_causes() -> None:
    many = [evaluation("Nodes", *[evaluation("Node", NodeName=f"n{place}")] * 3) for place in range(200)]
    sentences, omitted = unhealthy_sentences(many)
    assert len(sentences) + omitted == 600


def test_a_long_sentence_is_cut_and_says_so() -> None:
    (sentence,) = said_of(evaluation("Node", NodeName=NODE, Description="x" * 5_000))
    assert json_size(sentence) <= 400
    assert sentence.startswith("Error: node _web_1: xxx")
    assert sentence.endswith(" characters more)")
