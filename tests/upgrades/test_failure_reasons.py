"""Why an upgrade failed, in short sentences, from its own record and from what other calls say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.storage_limits import json_size
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import DomainProgress, Domains
from airflow_provider_sf.upgrades.failure_reasons import REASONS_BYTES, explanation, failure_reasons

if TYPE_CHECKING:
    from collections.abc import Callable


def record(**fields: Any) -> UpgradeProgress:
    return UpgradeProgress("application", "fabric:/shop", **fields)


def failed_in(domain: str | None, *checks: str) -> Domains:
    return Domains(at_failure=DomainProgress(domain, (), checks))


def test_a_record_says_its_failure_reason_then_the_checks_at_the_failure_then_what_is_unhealthy() -> None:
    failed = record(
        failure_reason="HealthCheck",
        domains=failed_in("UD1", "n0 waits for A", "n1 waits for B"),
        unhealthy_evaluations=("Error: node n0: Node", "Error: node n1: Node"),
    )
    assert failure_reasons([failed]) == (
        "failure reason HealthCheck, in domain UD1",
        "n0 waits for A",
        "n1 waits for B",
        "Error: node n0: Node",
        "Error: node n1: Node",
    )


def test_a_failure_may_be_in_no_domain() -> None:
    assert failure_reasons([record(failure_reason="OverallUpgradeTimeout")]) == (
        "failure reason OverallUpgradeTimeout",
    )


def test_a_domain_alone_is_no_reason() -> None:
    assert failure_reasons([record(domains=failed_in("UD1"))]) == ()


@pytest.mark.parametrize("records", [[], [record()], [record(), record()]])
def test_what_says_no_reason_has_none(records: list[UpgradeProgress]) -> None:
    assert failure_reasons(records) == ()


def test_checks_that_are_pending_now_are_no_reason() -> None:
    assert (
        failure_reasons([record(domains=Domains(current=DomainProgress("UD1", (), ("n0 waits for A",))))])
        == ()
    )


def test_each_sentence_is_said_once_in_the_order_of_the_records() -> None:
    one = record(unhealthy_evaluations=("Error: a", "Error: b"))
    other = record(failure_reason="HealthCheck", unhealthy_evaluations=("Error: b", "Error: c", "Error: c"))
    assert failure_reasons([one, other]) == ("Error: a", "Error: b", "failure reason HealthCheck", "Error: c")


def test_reasons_take_no_more_than_one_and_a_half_kib() -> None:
    assert REASONS_BYTES == 1_536
    many = record(unhealthy_evaluations=tuple(f"Error: {place:03} {'é' * 20}" for place in range(500)))
    reasons = failure_reasons([many])
    assert 1_400 < json_size(list(reasons)) <= 1_536
    assert reasons == many.unhealthy_evaluations[: len(reasons)]


def test_a_reason_is_cut_to_one_sentence_on_one_line() -> None:
    (reason,) = failure_reasons([record(unhealthy_evaluations=("a\n b" + "x" * 5_000,))])
    assert reason.startswith("a bxxx")
    assert json_size(reason) <= 400


# What other calls say.


def test_the_progress_of_the_application_explains(sample: Callable[[str], dict[str, Any]]) -> None:
    answer = sample("cluster/busy")
    failed = {key: answer[key] for key in ("FailureReason", "UpgradeDomainProgressAtFailure")}
    assert failure_reasons([explanation(failed)]) == (
        "failure reason HealthCheck, in domain 1",
        "_back_1 waits for WaitForPrimaryPlacement: the primary replica of partition 6a1fcd54-0000-4000-8000-2d6e3b1f0a08 is to come back first",
    )


def test_the_health_of_the_application_explains(sample: Callable[[str], dict[str, Any]]) -> None:
    assert failure_reasons([explanation(sample("reads/application_health_busy"))]) == (
        "Error: service type FrontType, service fabric:/shop/web/front: Watchdog reports Ready: GET /ready answered 503.",
    )


@pytest.mark.parametrize("published", ["reads/application_health", "application/published"])
def test_what_is_well_explains_nothing(published: str, sample: Callable[[str], dict[str, Any]]) -> None:
    assert failure_reasons([explanation(sample(published))]) == ()


@pytest.mark.parametrize("answer", [None, [], "x", 5])
def test_an_explanation_that_is_no_object_is_unexpected(answer: object) -> None:
    with pytest.raises(UnexpectedAnswer):
        explanation(answer)
