"""The progress of services: how it is read, which services fit into a record, and how the others are counted."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sf.rest.storage_limits import json_size
from airflow_provider_sf.upgrades.services import ServiceProgress, services_of

NOTHING = {"services": 0, "services_behind": 0, "pending_replicas": 0}


def listed(*pending: int) -> list[dict[str, Any]]:
    return [
        {"ServiceName": f"s{place}", "CompletedReplicaCount": 1, "PendingReplicaCount": count}
        for place, count in enumerate(pending)
    ]


def places(services: tuple[ServiceProgress, ...]) -> list[int]:
    return [int(service.name.removeprefix("s")) for service in services]


# What is read.


def test_services_keep_the_order_of_the_answer() -> None:
    answer = [
        {"ServiceName": "web", "CompletedReplicaCount": "6", "PendingReplicaCount": "2"},
        {"ServiceName": "api", "CompletedReplicaCount": 5, "PendingReplicaCount": 0},
    ]
    assert services_of(answer) == ((ServiceProgress("web", 6, 2), ServiceProgress("api", 5, 0)), NOTHING)


@pytest.mark.parametrize("answer", [None, 5, "web", {"ServiceName": "web"}, [], [None, "web", 3]])
def test_odd_service_lists_are_empty(answer: object) -> None:
    assert services_of(answer) == ((), NOTHING)


def test_service_without_name_is_a_question_mark() -> None:
    assert services_of([{"CompletedReplicaCount": "1"}]) == ((ServiceProgress("?", 1, None),), NOTHING)


def test_service_name_is_cut() -> None:
    (service,), _ = services_of([{"ServiceName": "x" * 5_000}])
    assert service.name == f"{'x' * 214}... (4786 characters more)"


@pytest.mark.parametrize("count", [10**300, -(10**300), "9" * 300])
def test_count_over_64_bits_is_none(count: object) -> None:
    counts = {"CompletedReplicaCount": count, "PendingReplicaCount": count}
    assert services_of([{"ServiceName": "a", **counts}]) == ((ServiceProgress("a", None, None),), NOTHING)


@pytest.mark.parametrize(("pending", "behind"), [(None, False), (0, False), (1, True), (7, True)])
def test_service_with_pending_replicas_is_behind(pending: int | None, *, behind: bool) -> None:
    assert ServiceProgress("web", 3, pending).behind is behind


def test_service_is_written_under_field_names() -> None:
    service = ServiceProgress("web", 6, None)
    assert service.to_dict() == {"name": "web", "completed_replicas": 6, "pending_replicas": None}
    assert ServiceProgress(**service.to_dict()) == service


# What there is room for.


def test_services_that_fit_are_all_kept() -> None:
    kept, omitted = services_of(listed(*[0, 3] * 45))
    assert places(kept) == list(range(90))
    assert omitted == NOTHING


def test_services_behind_are_kept_in_order() -> None:
    kept, omitted = services_of(listed(*[3 if place % 100 == 99 else 0 for place in range(1_000)]))
    assert [place for place in places(kept) if place % 100 == 99] == list(range(99, 1_000, 100))
    assert places(kept) == sorted(places(kept))
    assert len(kept) > 90
    assert omitted == {**NOTHING, "services": 1_000 - len(kept)}


def test_omitted_services_behind_are_counted() -> None:
    kept, omitted = services_of(listed(*[place % 2 * 3 for place in range(1_000)]))
    assert {place % 2 for place in places(kept)} == {1}
    assert omitted == {
        "services": 1_000 - len(kept),
        "services_behind": 500 - len(kept),
        "pending_replicas": 1_500 - 3 * len(kept),
    }


def test_services_are_kept_up_to_seven_kib() -> None:
    service = {"ServiceName": "s" * 50, "CompletedReplicaCount": 1, "PendingReplicaCount": 1}
    kept, omitted = services_of([service] * 64)
    assert json_size([service.to_dict() for service in kept]) == 7_168
    assert (len(kept), omitted) == (64, NOTHING)
    kept, omitted = services_of([*[service] * 63, {**service, "ServiceName": "s" * 51}])
    assert (len(kept), omitted["services"]) == (63, 1)


def test_kept_services_do_not_depend_on_order() -> None:
    services = listed(*[place % 7 for place in range(1_000)])
    (there, omitted), (back, omitted_back) = services_of(services), services_of(services[::-1])
    assert there == back[::-1]
    assert omitted == omitted_back


def test_omitted_sum_fits_into_64_bits() -> None:
    """The channel between triggerer and supervisor refuses what is wider, and with it the whole triggerer ends."""
    service = {"ServiceName": "x" * 150, "CompletedReplicaCount": "1", "PendingReplicaCount": str(2**63 - 1)}
    _, omitted = services_of([service] * 200)
    assert omitted["pending_replicas"] == 1 << 63


def test_long_list_is_cut_but_counted() -> None:
    kept, omitted = services_of(listed(*[1] * 50_000))
    assert len(kept) + omitted["services"] == 50_000
    assert omitted["services_behind"] == 2_000 - len(kept)


def test_negative_count_is_not_known() -> None:
    service = {"ServiceName": "web", "CompletedReplicaCount": -1, "PendingReplicaCount": "-5"}
    assert services_of([service]) == ((ServiceProgress("web", None, None),), NOTHING)


def test_negative_count_is_not_subtracted() -> None:
    service = {"ServiceName": "x" * 150, "PendingReplicaCount": "-5"}
    _, omitted = services_of([service] * 200)
    assert omitted["pending_replicas"] == 0
