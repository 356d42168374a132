"""Nested health evaluations as sentences, for all kinds and for unknown ones."""

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

# Kind -> its other members in the specification, and its sentence without a description.
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
    fields = {"Kind": kind, "AggregatedHealthState": state, **members}
    return {"HealthEvaluation": {**fields, "UnhealthyEvaluations": list(inner)} if inner else fields}


def sentences_of(*evaluations: object) -> list[str]:
    sentences, omitted = unhealthy_sentences(list(evaluations))
    assert omitted == 0
    return list(sentences)


# Every kind.


def test_kinds_match_the_specification(
    sample: Callable[[str], dict[str, Any]],
) -> None:
    definitions = sample("upgrade_progress.swagger")["definitions"]
    published = {
        definition["x-ms-discriminator-value"]: set(definition["properties"])
        for name, definition in definitions.items()
        if name.endswith("HealthEvaluation") and "x-ms-discriminator-value" in definition
    }
    assert len(published) == 22
    assert {kind: set(members) for kind, (members, _) in KINDS.items()} == published
    assert {"Invalid", *KINDS} == set(definitions["HealthEvaluationKind"]["enum"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_names_its_entity(kind: str) -> None:
    members, sentence = KINDS[kind]
    assert sentences_of(evaluation(kind, **members)) == [sentence]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Event"])
def test_description_is_used_for_every_kind(kind: str) -> None:
    members, sentence = KINDS[kind]
    assert sentences_of(evaluation(kind, Description="It is\r\n  bad.", **members)) == [
        sentence.removesuffix(kind) + "It is bad."
    ]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Event"])
def test_nested_cause_is_used_for_every_kind(kind: str) -> None:
    members, sentence = KINDS[kind]
    cause = evaluation("Event", Description="An event.", UnhealthyEvent=EVENT)
    (result,) = sentences_of(
        evaluation(kind, Description="Not used.", **{**members, "UnhealthyEvaluations": [cause]})
    )
    assert result == sentence.removesuffix(kind) + "Watchdog reports Ready: GET /ready: 503."


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
def test_unknown_kind_names_its_entity(members: dict[str, object], sentence: str) -> None:
    assert sentences_of(evaluation("AKindOfTomorrow", **members)) == [sentence]


# The places in a sentence.


def test_three_innermost_places_are_named() -> None:
    replica = evaluation(
        "Replica",
        evaluation("Event", UnhealthyEvent=EVENT),
        PartitionId=PARTITION,
        ReplicaOrInstanceId=REPLICA,
    )
    partition = evaluation("Partition", evaluation("Replicas", replica), PartitionId=PARTITION)
    service = evaluation("Service", evaluation("Partitions", partition), ServiceName=SERVICE)
    application = evaluation("Application", evaluation("Services", service), ApplicationName=APPLICATION)
    assert sentences_of(application) == [
        f"Error: service {SERVICE}, partition {PARTITION}, replica {REPLICA}: Watchdog reports Ready: GET /ready: 503."
    ]


def test_inner_name_replaces_an_outer_name() -> None:
    inner = evaluation("DeployedApplication", NodeName="_web_2", ApplicationName=APPLICATION)
    assert sentences_of(evaluation("Node", inner, NodeName=NODE)) == [
        f"Error: node _web_2, application {APPLICATION}: DeployedApplication"
    ]


def test_sentences_keep_the_order_of_the_answer() -> None:
    nodes = [
        evaluation("Node", state=state, NodeName=f"n{place}")
        for place, state in enumerate(["Error", "Warning"])
    ]
    apps = evaluation("Applications", evaluation("Application", ApplicationName=APPLICATION))
    assert sentences_of(evaluation("Nodes", *nodes), evaluation("DeltaNodesCheck"), apps) == [
        "Error: node n0: Node",
        "Warning: node n1: Node",
        "Error: DeltaNodesCheck",
        f"Error: application {APPLICATION}: Application",
    ]  # fmt: skip


# Incomplete answers.


@pytest.mark.parametrize("listed", [None, [], {}, "unhealthy", 5, [None, 3, "x"]])
def test_no_evaluations_give_no_sentences(listed: object) -> None:
    assert unhealthy_sentences(listed) == ((), 0)


@pytest.mark.parametrize(
    ("item", "sentence"),
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
        (evaluation("Event", UnhealthyEvent={}), "Error: unknown source reports unknown property"),
    ],
)
def test_incomplete_evaluation_gives_a_sentence(item: object, sentence: str) -> None:
    assert sentences_of(item) == [sentence]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "Watchdog reports Ready: GET /ready: 503."),
        ({"IsExpired": False}, "Watchdog reports Ready: GET /ready: 503."),
        ({"IsExpired": True}, "Watchdog reports Ready (expired): GET /ready: 503."),
        ({"IsExpired": "true"}, "Watchdog reports Ready: GET /ready: 503."),
        ({"Description": ""}, "Watchdog reports Ready"),
        ({"SourceId": None, "Description": None}, "unknown source reports Ready"),
        ({"Property": ""}, "Watchdog reports unknown property: GET /ready: 503."),
        ({"Description": "a\x00b\n\tc"}, "Watchdog reports Ready: a?b c"),
    ],
)
def test_event_names_source_and_property(change: dict[str, object], text: str) -> None:
    assert sentences_of(evaluation("Event", UnhealthyEvent={**EVENT, **change})) == [f"Error: {text}"]


# Similar causes.


def failing_replica(place: int, text: str, *, partition: str = PARTITION) -> dict[str, Any]:
    event = {**EVENT, "Description": text}
    return evaluation(
        "Replica",
        evaluation("Event", UnhealthyEvent=event),
        PartitionId=partition,
        ReplicaOrInstanceId=f"1320{place}",
    )


def test_one_cause_on_many_replicas_is_one_sentence() -> None:
    replicas = [failing_replica(place, "It cannot open.") for place in range(8)]
    package = evaluation(
        "DeployedServicePackage", NodeName="n1", ServiceManifestName="WebPkg", Description="Exit 7."
    )
    assert sentences_of(*replicas, package) == [
        f"Error: partition {PARTITION}, 8 replicas: Watchdog reports Ready: It cannot open.",
        "Error: node n1, service manifest WebPkg: Exit 7.",
    ]


def test_causes_that_name_their_node_are_similar() -> None:
    replicas = [
        failing_replica(place, f"Replica {place * 10**17 + 10**17} failed on _nt_{place}.")
        for place in (1, 2)
    ]
    places = f"partition {PARTITION}, 2 replicas"
    reason = "Watchdog reports Ready, for example: Replica 200000000000000000 failed on _nt_1."
    assert sentences_of(*replicas) == [f"Error: {places}: {reason}"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Error 0x80131500.", "Error 0x80131501."),
        ("Error (-2146233088).", "Error (-2146233089)."),
        ("It answered 503.", "It answered 404."),
        ("exit code:3762504530", "exit code:1"),
    ],
)
def test_other_error_numbers_are_other_causes(first: str, second: str) -> None:
    assert len(sentences_of(failing_replica(1, first), failing_replica(2, second))) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"see {PARTITION}", "see 3f0c9a52-77d1-4f1b-8a7e-1b2c3d4e5f60"),
        ("since 2026-03-01T03:00:00.125Z", "since 2026-03-01 04:11:12Z"),
        ("GET http://10.0.0.4:80/ready", "GET http://10.0.0.15:80/ready"),
        ("on N004", "on N005"),
        ("on vm-4", "on vm-5"),
    ],
)
def test_places_and_times_do_not_make_causes_different(first: str, second: str) -> None:
    assert len(sentences_of(failing_replica(1, first), failing_replica(2, second))) == 1


def test_three_of_many_nodes_are_named() -> None:
    nodes = [evaluation("Node", NodeName=f"N{place}", Description="It is down.") for place in range(5)]
    assert sentences_of(*nodes) == ["Error: 5 nodes (N0, N1, N2, ...): It is down."]


def test_similar_causes_on_nodes_name_the_nodes() -> None:
    nodes = [
        evaluation("Node", NodeName=f"N{place}", Description=f"Node 'N{place}' is down.") for place in (1, 2)
    ]
    assert sentences_of(*nodes) == ["Error: 2 nodes (N1, N2): for example: Node 'N1' is down."]


def test_only_the_innermost_differing_names_are_counted() -> None:
    replicas = [failing_replica(place, "It cannot open.", partition=f"p{place}") for place in range(2)]
    assert sentences_of(*replicas) == ["Error: 2 replicas: Watchdog reports Ready: It cannot open."]


def test_equal_causes_in_other_services_are_kept_apart() -> None:
    services = [
        evaluation("Service", failing_replica(1, "It cannot open."), ServiceName=f"{APPLICATION}/{name}")
        for name in ("front", "back")
    ]
    assert len(sentences_of(*services)) == 2


# Times.


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({}, ""),
        ({"SourceUtcTimestamp": "2026-02-25T08:47:28.5Z"}, " at 2026-02-25 08:47:28 UTC"),
        (
            {"SourceUtcTimestamp": "2026-02-25T08:47:28Z", "LastErrorTransitionAt": "2026-02-24T01:02:03Z"},
            " since 2026-02-24 01:02:03 UTC",
        ),
        (
            {"SourceUtcTimestamp": "2026-02-25T08:47:28Z", "LastErrorTransitionAt": "0001-01-01T00:00:00Z"},
            " at 2026-02-25 08:47:28 UTC",
        ),
        ({"LastWarningTransitionAt": "2026-02-24T01:02:03Z"}, ""),
        ({"SourceUtcTimestamp": "yesterday", "LastErrorTransitionAt": 5}, ""),
    ],
)
def test_event_has_the_time_of_its_state(times: dict[str, object], expected: str) -> None:
    assert sentences_of(evaluation("Event", UnhealthyEvent={**EVENT, **times})) == [
        f"Error: Watchdog reports Ready{expected}: GET /ready: 503."
    ]


# Depth and size.


def nested(levels: int) -> dict[str, Any]:
    result = evaluation("Node", NodeName="n0")
    for level in range(1, levels):
        result = evaluation("Nodes", result, NodeName=f"n{level}")
    return result


def test_fifty_levels_are_read() -> None:
    assert sentences_of(nested(50)) == ["Error: node n0: Node"]


@pytest.mark.parametrize("levels", [51, 1_000])
def test_deeper_levels_are_not_read(levels: int) -> None:
    assert sentences_of(nested(levels)) == [f"Error: node n{levels - 50}: Nodes"]


def test_sentences_fit_into_two_kib() -> None:
    assert EVALUATIONS_BYTES == 2_048
    services = [evaluation("Service", ServiceName=f"{place:04}" * 25) for place in range(1_000)]
    sentences, omitted = unhealthy_sentences(services)
    size = json_size("Error: service : Service") + 100 + 2
    assert (len(sentences), omitted) == (2_048 // size, 1_000 - 2_048 // size)
    assert json_size(list(sentences)) <= 2_048


def test_omitted_causes_are_counted_once() -> None:
    many = [
        evaluation("Services", *[evaluation("Service", ServiceName=f"s{place}")] * 3) for place in range(200)
    ]
    sentences, omitted = unhealthy_sentences(many)
    assert sentences[:2] == ("Error: service s0: Service", "Error: service s1: Service")
    assert len(sentences) + omitted == 200


def test_long_sentence_is_cut() -> None:
    (sentence,) = sentences_of(evaluation("Node", NodeName=NODE, Description="x" * 5_000))
    assert json_size(sentence) <= 400
    assert sentence.startswith("Error: node _web_1: xxx")
    assert sentence.endswith(" characters more)")
