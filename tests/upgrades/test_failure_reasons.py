"""The reasons of a failure, as short sentences from a record and from other calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.rest.storage_limits import json_size
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import Domains, NodeProgress
from airflow_provider_sf.upgrades.failure_reasons import (
    MAX_REASONS,
    REASONS_BYTES,
    FailureDetails,
    failure_reasons,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NODES = (NodeProgress("n0", "Upgrading"), NodeProgress("n1", None))
DETAILS = FailureDetails(
    failure_reason="UpgradeDomainTimeout",
    classification="PreUpgradeSafetyCheckTimeout",
    domain="UD1",
    nodes=NODES,
    safety_checks=("node n0 waits for A", "node n1 waits for B"),
    unhealthy_evaluations=("Error: node n0: Node",),
)


def evaluations(count: int) -> tuple[str, ...]:
    return tuple(f"Error: service s{number}" for number in range(count))


def test_details_of_a_record() -> None:
    record = UpgradeProgress(
        "application",
        "fabric:/shop",
        failure_reason="UpgradeDomainTimeout",
        failure_classification="PreUpgradeSafetyCheckTimeout",
        domains=Domains(
            failure_domain="UD1", nodes_at_failure=NODES, safety_checks_at_failure=DETAILS.safety_checks
        ),
        unhealthy_evaluations=DETAILS.unhealthy_evaluations,
    )
    assert FailureDetails.from_record(record) == DETAILS


def test_details_count_what_a_record_omits() -> None:
    omitted = {"nodes_at_failure": 1, "safety_checks_at_failure": 2, "unhealthy_evaluations": 4}
    record = UpgradeProgress("application", "fabric:/shop", omitted=tuple(omitted.items()))
    details = FailureDetails.from_record(record)
    assert (details.omitted_nodes, details.omitted) == (1, 6)


def test_pending_checks_are_not_failure_details() -> None:
    pending = Domains(pending_safety_checks=("node n0 waits for A",))
    record = UpgradeProgress("application", "fabric:/shop", domains=pending)
    assert FailureDetails.from_record(record) == FailureDetails()


def test_reason_comes_before_nodes_checks_and_evaluations() -> None:
    assert failure_reasons([DETAILS]) == (
        "failure reason UpgradeDomainTimeout (PreUpgradeSafetyCheckTimeout), in domain UD1",
        "nodes not complete at the failure: n0 (Upgrading), n1",
        "node n0 waits for A",
        "node n1 waits for B",
        "Error: node n0: Node",
    )


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        (FailureDetails("HealthCheck"), "HealthCheck"),
        (FailureDetails("HealthCheck", "UD1"), "HealthCheck, in domain UD1"),
        (FailureDetails("HealthCheck", classification="Other"), "HealthCheck (Other)"),
        (FailureDetails(domain="UD1", classification="Other"), None),
    ],
)
def test_reason_has_classification_and_domain(details: FailureDetails, expected: str | None) -> None:
    assert details.reason == expected
    assert failure_reasons([details]) == (() if expected is None else (f"failure reason {expected}",))


def test_sentence_names_four_nodes_and_counts_others() -> None:
    nodes = tuple(NodeProgress(f"n{place}", "Upgrading") for place in range(6))
    assert failure_reasons([FailureDetails(nodes=nodes, omitted_nodes=3)]) == (
        "nodes not complete at the failure: n0 (Upgrading), n1 (Upgrading), n2 (Upgrading), n3 (Upgrading) and 5 more",
    )


def test_many_safety_checks_do_not_hide_evaluations() -> None:
    checks = tuple(f"node n{place} waits for A" for place in range(9))
    details = FailureDetails(
        "UpgradeDomainTimeout", safety_checks=checks, unhealthy_evaluations=evaluations(1)
    )
    assert failure_reasons([details]) == (
        "failure reason UpgradeDomainTimeout",
        "node n0 waits for A",
        "node n1 waits for A",
        "Error: service s0",
        "node n2 waits for A",
        "node n3 waits for A",
        "and 5 more",
    )


@pytest.mark.parametrize("details", [[], [FailureDetails()], [FailureDetails(), FailureDetails()]])
def test_empty_details_have_no_reasons(details: list[FailureDetails]) -> None:
    assert failure_reasons(details) == ()


def test_repeated_sentences_are_omitted() -> None:
    first = FailureDetails(unhealthy_evaluations=("Error: a", "Error: b"))
    second = FailureDetails("HealthCheck", unhealthy_evaluations=("Error: b", "Error: c", "Error: c"))
    assert failure_reasons([first, second]) == (
        "Error: a",
        "Error: b",
        "failure reason HealthCheck",
        "Error: c",
    )


@pytest.mark.parametrize(("count", "note"), [(6, ()), (7, ("and 1 more",)), (500, ("and 494 more",))])
def test_other_reasons_are_counted(count: int, note: tuple[str, ...]) -> None:
    assert MAX_REASONS == 6
    assert failure_reasons([FailureDetails(unhealthy_evaluations=evaluations(count))]) == (
        *evaluations(6),
        *note,
    )


def test_reasons_that_answers_omit_are_counted_once() -> None:
    """Progress and health of an application repeat the same evaluations."""
    progress, health = (FailureDetails(unhealthy_evaluations=evaluations(2), omitted=3) for _ in range(2))
    assert failure_reasons([progress, health]) == (*evaluations(2), "and 3 more")


def test_reasons_fit_into_their_size_limit() -> None:
    assert REASONS_BYTES == 1_536
    many = FailureDetails(
        unhealthy_evaluations=tuple(f"Error: {number:03} {'x' * 340}" for number in range(500))
    )
    reasons = failure_reasons([many])
    assert 1_300 < json_size(list(reasons)) <= 1_536
    assert reasons[:3] == many.unhealthy_evaluations[:3]
    assert reasons[-1] == f"and {501 - len(reasons)} more"


def test_long_reason_is_cut_to_one_line() -> None:
    (reason,) = failure_reasons([FailureDetails(unhealthy_evaluations=("a\n b" + "x" * 5_000,))])
    assert reason.startswith("a bxxx")
    assert len(reason) <= 400


def test_long_reason_is_cut_to_its_room() -> None:
    """A letter outside ASCII takes six bytes of JSON."""
    long = FailureDetails("HealthCheck", unhealthy_evaluations=("\u6f22" * 390,))
    reason, evaluation = failure_reasons([long])
    assert reason == "failure reason HealthCheck"
    assert evaluation.startswith("\u6f22" * 200)
    assert json_size([reason, evaluation]) <= 1_536


# Answers of other calls.


def test_details_of_a_cluster_progress(sample: Callable[[str], dict[str, Any]]) -> None:
    assert failure_reasons([FailureDetails.from_answer(sample("cluster/busy"))]) == (
        "failure reason HealthCheck (PostUpgradeHealthCheck), in domain 1",
        "nodes not complete at the failure: _back_1 (PostUpgradeSafetyCheck), _back_3 (Upgrading)",
        "node _back_1 waits for WaitForPrimaryPlacement: the primary replica of partition 6a1fcd54-0000-4000-8000-2d6e3b1f0a08 is to come back first",
        "Error: node type backend, node _back_2: System.FM reports State: Fabric node is down.",
        "Error: node type backend, node _back_4: Node '_back_4' is in Error.",
        "Error: upgrade domain 1: Delta unhealthy nodes in upgrade domain '1': baseline 0% (0/5), now 40% (2/5).",
        "and 2 more",
    )


def test_details_of_an_application_health(sample: Callable[[str], dict[str, Any]]) -> None:
    details = FailureDetails.from_answer(sample("reads/application_health_busy"))
    assert details == FailureDetails(
        unhealthy_evaluations=(
            "Error: service type FrontType, service fabric:/shop/web/front: Watchdog reports Ready: GET /ready answered 503.",
        )
    )


@pytest.mark.parametrize("published", ["reads/application_health", "application/published"])
def test_healthy_answer_has_no_failure_details(
    published: str, sample: Callable[[str], dict[str, Any]]
) -> None:
    assert FailureDetails.from_answer(sample(published)) == FailureDetails()


def test_answer_counts_what_does_not_fit() -> None:
    nodes = [
        {"NodeName": f"n{place:03}", "PendingSafetyChecks": [{"Kind": "A" * 100}]} for place in range(90)
    ]
    services = [{"Kind": "Service", "ServiceName": f"{place:04}" * 25} for place in range(90)]
    details = FailureDetails.from_answer(
        {
            "UpgradeDomainProgressAtFailure": {"NodeUpgradeProgressList": nodes},
            "UnhealthyEvaluations": services,
        }
    )
    assert len(details.nodes) + details.omitted_nodes == 90
    assert len(details.safety_checks) + len(details.unhealthy_evaluations) + details.omitted == 180


def test_long_failure_reason_is_cut() -> None:
    details = FailureDetails.from_answer({"FailureReason": "x" * 5_000})
    assert json_size(details.failure_reason) <= 256
