"""Which gateway is asked, and when: conversations as values, with a clock that stands where it is put."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sf.cluster.failover import (
    COOL_DOWN_SECONDS,
    Attempt,
    AttemptResult,
    Gateways,
    try_gateways,
)
from airflow_provider_sf.rest import Rejected, ServiceFabricError, Unreachable
from airflow_provider_sf.rest.protocol import Response

A, B, C = "https://a:19080", "https://b:19080", "https://c:19080"
ALL = (A, B, C)


def says(status: int, endpoint: str = A) -> Response:
    return Response(status, b"", endpoint=endpoint)


def silent(endpoint: str = A) -> Unreachable:
    return Unreachable("Connection refused", endpoint=endpoint)


def stranger(endpoint: str = A) -> Rejected:
    return Rejected("the server's certificate is none of server_thumbprints", endpoint=endpoint)


class Cluster:
    """Holds conversations and remembers what they leave behind."""

    def __init__(self, endpoints: tuple[str, ...] = ALL) -> None:
        self.endpoints = endpoints
        self.known: dict[tuple[str, ...], Gateways] = {}
        self.now = 1_000.0

    def talk(self, *heard: AttemptResult, renewable: bool = False) -> tuple[list[Attempt], Response]:
        """Return what was tried, and the answer; each try is given the next of what is heard."""
        talk = try_gateways(self.known, self.endpoints, lambda: self.now, renewable=renewable)
        tried, answers = [], iter(heard)
        try:
            tried.append(next(talk))
            while True:
                tried.append(talk.send(next(answers)))
        except StopIteration as end:
            assert list(answers) == []
            return tried, end.value

    def asked(self, *heard: AttemptResult) -> list[str]:
        return [one.endpoint for one in self.talk(*heard)[0]]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


# One gateway.


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504])
def test_what_the_only_gateway_says_is_the_answer(status: int) -> None:
    assert Cluster((A,)).talk(says(status)) == ([Attempt(A)], says(status))


@pytest.mark.parametrize("error", [silent(), stranger()])
def test_error_of_the_only_gateway_is_raised(error: ServiceFabricError) -> None:
    with pytest.raises(type(error)) as raised:
        Cluster((A,)).talk(error)  # type: ignore[arg-type]
    assert raised.value is error


def test_only_gateway_never_cools_down() -> None:
    cluster = Cluster((A,))
    for _ in range(3):
        with pytest.raises(Unreachable):
            cluster.talk(silent())
    assert cluster.asked(says(200)) == [A]


# Several.


def test_a_gateway_that_answers_is_asked_again(cluster: Cluster) -> None:
    assert [cluster.asked(says(200)) for _ in range(3)] == [[A], [A], [A]]


@pytest.mark.parametrize("trouble", [silent(), stranger(), says(502), says(503), says(504)])
def test_working_gateway_becomes_current(trouble: Any, cluster: Cluster) -> None:
    assert cluster.talk(trouble, says(200, B)) == ([Attempt(A), Attempt(B)], says(200, B))
    cluster.now += COOL_DOWN_SECONDS + 1
    assert cluster.asked(says(200, B)) == [B]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_cluster_errors_are_no_gateway_failures(status: int, cluster: Cluster) -> None:
    assert cluster.talk(says(status)) == ([Attempt(A)], says(status))


def test_failed_gateway_cools_down(cluster: Cluster) -> None:
    cluster.talk(silent(A), says(200, B))
    cluster.now += COOL_DOWN_SECONDS - 1
    assert cluster.asked(silent(B), says(200, C)) == [B, C]
    cluster.now += 1
    assert cluster.asked(silent(C), says(200, A)) == [C, A]
    assert cluster.asked(silent(A), silent(B), says(200, C)) == [A, B, C]


def test_after_the_last_one_comes_the_first(cluster: Cluster) -> None:
    cluster.talk(silent(A), silent(B), says(200, C))
    cluster.now += COOL_DOWN_SECONDS
    assert cluster.asked(silent(C), silent(A), says(200, B)) == [C, A, B]


def test_cooling_gateways_are_tried_before_failing(cluster: Cluster) -> None:
    """The one whose rest is the next to end comes first."""
    cluster.talk(silent(A), says(200, B))
    cluster.now += 10
    with pytest.raises(Unreachable):
        cluster.talk(silent(B), silent(C), silent(A))
    cluster.now += 1
    assert cluster.asked(silent(B), silent(C), says(200, A)) == [B, C, A]
    assert cluster.asked(says(200, A)) == [A]


def test_first_unavailable_response_is_returned(cluster: Cluster) -> None:
    assert cluster.talk(silent(A), says(503, B), says(502, C))[1] == says(503, B)


def test_all_failed_gateways_are_named(cluster: Cluster) -> None:
    with pytest.raises(Unreachable) as raised:
        cluster.talk(stranger(A), silent(B), silent(C))
    assert raised.value.endpoint == B
    assert str(raised.value) == (
        "https://b:19080: Connection refused (and https://a:19080: the server's certificate is none of "
        "server_thumbprints; https://c:19080: Connection refused)"
    )


def test_only_unverified_gateways_are_rejected(cluster: Cluster) -> None:
    with pytest.raises(Rejected, match="none of server_thumbprints"):
        cluster.talk(stranger(A), stranger(B), stranger(C))


def test_clusters_do_not_know_each_others_gateways(cluster: Cluster) -> None:
    cluster.talk(silent(A), says(200, B))
    other = Cluster((A, C))
    other.known = cluster.known
    assert other.asked(says(200, A)) == [A]


# Rests, as values.


def test_cooling_gateways_are_tried_last() -> None:
    gateways = Gateways(ALL).after_failure(B, 100.0)
    assert gateways == Gateways(ALL, 0, ((B, 130.0),))
    assert gateways.order(129.0) == (A, C, B)
    assert gateways.order(130.0) == (A, B, C)
    both = gateways.after_failure(A, 110.0)
    assert both.order(120.0) == (C, B, A)
    assert both.after_failure(B, 120.0) == Gateways(ALL, 0, ((A, 140.0), (B, 150.0)))
    assert both.after_failure(B, 120.0).order(125.0) == (C, A, B)
    assert Gateways(ALL, 0, ((A, 0.75), (B, 0.5))).order(0.25) == (C, B, A)


def test_a_gateway_that_answers_rests_no_more() -> None:
    gateways = Gateways(ALL, 0, ((A, 140.0), (B, 150.0)))
    assert gateways.after_answer(B) == Gateways(ALL, 1, ((A, 140.0),))


def test_failures_are_remembered_per_cluster(cluster: Cluster) -> None:
    cluster.talk(silent(A), says(200, B))
    assert cluster.known == {ALL: Gateways(ALL, 1, ((A, 1_030.0),))}


# Credentials.


def test_attempt_uses_current_credentials_by_default() -> None:
    assert Attempt(A).with_new_credentials is False


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_renewed_once(status: int, cluster: Cluster) -> None:
    tried, answer = cluster.talk(says(status), says(200), renewable=True)
    assert (tried, answer) == ([Attempt(A), Attempt(A, with_new_credentials=True)], says(200))


def test_credentials_that_are_refused_again_are_refused(cluster: Cluster) -> None:
    tried, answer = cluster.talk(says(401), says(403), renewable=True)
    assert (tried, answer) == ([Attempt(A), Attempt(A, with_new_credentials=True)], says(403))


def test_refusal_of_new_credentials_is_final(cluster: Cluster) -> None:
    tried, answer = cluster.talk(says(401), silent(A), says(401, B), renewable=True)
    assert (tried, answer) == ([Attempt(A), Attempt(A, with_new_credentials=True), Attempt(B)], says(401, B))
