"""The reasons of a failure, as short sentences from a record and from other calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.rest.storage_limits import json_size
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import Domains
from airflow_provider_sf.upgrades.failure_reasons import REASONS_BYTES, FailureDetails, failure_reasons

if TYPE_CHECKING:
    from collections.abc import Callable

DETAILS = FailureDetails(
    failure_reason="HealthCheck",
    domain="UD1",
    safety_checks=("n0 waits for A", "n1 waits for B"),
    unhealthy_evaluations=("Error: node n0: Node", "Error: node n1: Node"),
)


def test_details_of_a_record() -> None:
    record = UpgradeProgress(
        "application",
        "fabric:/shop",
        failure_reason="HealthCheck",
        domains=Domains(failure_domain="UD1", safety_checks_at_failure=DETAILS.safety_checks),
        unhealthy_evaluations=DETAILS.unhealthy_evaluations,
    )
    assert FailureDetails.from_record(record) == DETAILS


def test_pending_checks_are_not_failure_details() -> None:
    pending = Domains(pending_safety_checks=("n0 waits for A",))
    record = UpgradeProgress("application", "fabric:/shop", domains=pending)
    assert FailureDetails.from_record(record) == FailureDetails()


def test_reason_comes_before_checks_and_evaluations() -> None:
    assert failure_reasons([DETAILS]) == (
        "failure reason HealthCheck, in domain UD1",
        "n0 waits for A",
        "n1 waits for B",
        "Error: node n0: Node",
        "Error: node n1: Node",
    )


def test_reason_without_a_domain() -> None:
    assert failure_reasons([FailureDetails("OverallUpgradeTimeout")]) == (
        "failure reason OverallUpgradeTimeout",
    )


def test_domain_alone_is_no_reason() -> None:
    assert failure_reasons([FailureDetails(domain="UD1")]) == ()


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


def test_reasons_fit_into_their_size_limit() -> None:
    assert REASONS_BYTES == 1_536
    many = FailureDetails(
        unhealthy_evaluations=tuple(f"Error: {number:03} {'é' * 20}" for number in range(500))
    )
    reasons = failure_reasons([many])
    assert 1_400 < json_size(list(reasons)) <= 1_536
    assert reasons == many.unhealthy_evaluations[: len(reasons)]


def test_long_reason_is_cut_to_one_line() -> None:
    (reason,) = failure_reasons([FailureDetails(unhealthy_evaluations=("a\n b" + "x" * 5_000,))])
    assert reason.startswith("a bxxx")
    assert json_size(reason) <= 400


# Answers of other calls.


def test_details_of_an_application_progress(sample: Callable[[str], dict[str, Any]]) -> None:
    answer = sample("cluster/busy")
    failed = {key: answer[key] for key in ("FailureReason", "UpgradeDomainProgressAtFailure")}
    assert failure_reasons([FailureDetails.from_answer(failed)]) == (
        "failure reason HealthCheck, in domain 1",
        "_back_1 waits for WaitForPrimaryPlacement: the primary replica of partition 6a1fcd54-0000-4000-8000-2d6e3b1f0a08 is to come back first",
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


def test_long_failure_reason_is_cut() -> None:
    details = FailureDetails.from_answer({"FailureReason": "x" * 5_000})
    assert json_size(details.failure_reason) <= 256
