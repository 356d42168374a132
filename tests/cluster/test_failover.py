"""Failover as values: which gateway is tried, and when, with a clock that the test sets."""

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
from airflow_provider_sf.rest import (
    Rejected,
    ResultUnknown,
    ServiceFabricError,
    UnexpectedAnswer,
    Unreachable,
)
from airflow_provider_sf.rest.protocol import Response

A, B, C = "https://a:19080", "https://b:19080", "https://c:19080"
ALL = (A, B, C)


def response(status: int, endpoint: str = A) -> Response:
    return Response(status, b"", endpoint=endpoint)


def no_answer(endpoint: str = A) -> Unreachable:
    return Unreachable("Connection refused", endpoint=endpoint)


def unverified(endpoint: str = A) -> Rejected:
    return Rejected("the server's certificate is none of server_thumbprints", endpoint=endpoint)


class Cluster:
    """Runs failovers and keeps the state of the gateways."""

    def __init__(self, endpoints: tuple[str, ...] = ALL) -> None:
        self.endpoints = endpoints
        self.known: dict[tuple[str, ...], Gateways] = {}
        self.now = 1_000.0

    def run(
        self, *results: AttemptResult, renewable: bool = False, is_change: bool = False
    ) -> tuple[list[Attempt], Response]:
        """Return the attempts and the response; each attempt gets the next result."""
        attempts = try_gateways(
            self.known, self.endpoints, lambda: self.now, renewable=renewable, is_change=is_change
        )
        tried, answers = [], iter(results)
        try:
            tried.append(next(attempts))
            while True:
                tried.append(attempts.send(next(answers)))
        except StopIteration as end:
            assert list(answers) == []
            return tried, end.value

    def tried(self, *results: AttemptResult) -> list[str]:
        return [attempt.endpoint for attempt in self.run(*results)[0]]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


# One gateway.


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504])
def test_what_the_only_gateway_says_is_the_answer(status: int) -> None:
    assert Cluster((A,)).run(response(status)) == ([Attempt(A)], response(status))


@pytest.mark.parametrize("error", [no_answer(), unverified()])
def test_error_of_the_only_gateway_is_raised(error: ServiceFabricError) -> None:
    with pytest.raises(type(error)) as raised:
        Cluster((A,)).run(error)  # type: ignore[arg-type]
    assert raised.value is error


def test_only_gateway_never_cools_down() -> None:
    cluster = Cluster((A,))
    for _ in range(3):
        with pytest.raises(Unreachable):
            cluster.run(no_answer())
    assert cluster.tried(response(200)) == [A]


# Several.


def test_a_gateway_that_answers_is_asked_again(cluster: Cluster) -> None:
    assert [cluster.tried(response(200)) for _ in range(3)] == [[A], [A], [A]]


@pytest.mark.parametrize("failure", [no_answer(), unverified(), response(502), response(503), response(504)])
def test_working_gateway_becomes_current(failure: Any, cluster: Cluster) -> None:
    assert cluster.run(failure, response(200, B)) == ([Attempt(A), Attempt(B)], response(200, B))
    cluster.now += COOL_DOWN_SECONDS + 1
    assert cluster.tried(response(200, B)) == [B]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_cluster_errors_are_no_gateway_failures(status: int, cluster: Cluster) -> None:
    assert cluster.run(response(status)) == ([Attempt(A)], response(status))


def test_failed_gateway_cools_down(cluster: Cluster) -> None:
    cluster.run(no_answer(A), response(200, B))
    cluster.now += COOL_DOWN_SECONDS - 1
    assert cluster.tried(no_answer(B), response(200, C)) == [B, C]
    cluster.now += 1
    assert cluster.tried(no_answer(C), response(200, A)) == [C, A]
    assert cluster.tried(no_answer(A), no_answer(B), response(200, C)) == [A, B, C]


def test_after_the_last_one_comes_the_first(cluster: Cluster) -> None:
    cluster.run(no_answer(A), no_answer(B), response(200, C))
    cluster.now += COOL_DOWN_SECONDS
    assert cluster.tried(no_answer(C), no_answer(A), response(200, B)) == [C, A, B]


def test_cooling_gateways_are_tried_before_failing(cluster: Cluster) -> None:
    """The gateway with the earliest end comes first."""
    cluster.run(no_answer(A), response(200, B))
    cluster.now += 10
    with pytest.raises(Unreachable):
        cluster.run(no_answer(B), no_answer(C), no_answer(A))
    cluster.now += 1
    assert cluster.tried(no_answer(B), no_answer(C), response(200, A)) == [B, C, A]
    assert cluster.tried(response(200, A)) == [A]


def test_first_unavailable_response_is_returned(cluster: Cluster) -> None:
    assert cluster.run(no_answer(A), response(503, B), response(502, C))[1] == response(503, B)


def test_all_failed_gateways_are_named(cluster: Cluster) -> None:
    with pytest.raises(Unreachable) as raised:
        cluster.run(unverified(A), no_answer(B), no_answer(C))
    assert raised.value.endpoint == B
    assert str(raised.value) == (
        "https://b:19080: Connection refused (and https://a:19080: the server's certificate is none of "
        "server_thumbprints; https://c:19080: Connection refused)"
    )


def test_only_unverified_gateways_are_rejected(cluster: Cluster) -> None:
    with pytest.raises(Rejected, match="none of server_thumbprints"):
        cluster.run(unverified(A), unverified(B), unverified(C))


def test_clusters_do_not_know_each_others_gateways(cluster: Cluster) -> None:
    cluster.run(no_answer(A), response(200, B))
    other = Cluster((A, C))
    other.known = cluster.known
    assert other.tried(response(200, A)) == [A]


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
    cluster.run(no_answer(A), response(200, B))
    assert cluster.known == {ALL: Gateways(ALL, 1, ((A, 1_030.0),))}


# Credentials.


def test_attempt_uses_current_credentials_by_default() -> None:
    assert Attempt(A).with_new_credentials is False


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_renewed_once(status: int, cluster: Cluster) -> None:
    tried, answer = cluster.run(response(status), response(200), renewable=True)
    assert (tried, answer) == ([Attempt(A), Attempt(A, with_new_credentials=True)], response(200))


def test_credentials_that_are_refused_again_are_refused(cluster: Cluster) -> None:
    tried, answer = cluster.run(response(401), response(403), renewable=True)
    assert (tried, answer) == ([Attempt(A), Attempt(A, with_new_credentials=True)], response(403))


def test_refusal_of_new_credentials_is_final(cluster: Cluster) -> None:
    tried, answer = cluster.run(response(401), no_answer(A), response(401, B), renewable=True)
    assert (tried, answer) == (
        [Attempt(A), Attempt(A, with_new_credentials=True), Attempt(B)],
        response(401, B),
    )


# Changes: another gateway is tried only if this one has received nothing.


@pytest.mark.parametrize("status", [200, 202, 400, 409, 500, 502, 503, 504])
def test_any_response_ends_a_change(status: int, cluster: Cluster) -> None:
    assert cluster.run(response(status), is_change=True) == ([Attempt(A)], response(status))


@pytest.mark.parametrize("failure", [no_answer(), unverified()])
def test_change_that_did_not_leave_is_tried_elsewhere(failure: Any, cluster: Cluster) -> None:
    tried, answer = cluster.run(failure, response(200, B), is_change=True)
    assert (tried, answer) == ([Attempt(A), Attempt(B)], response(200, B))


def test_change_with_unknown_result_is_never_repeated(cluster: Cluster) -> None:
    lost = ResultUnknown("timed out", endpoint=B)
    with pytest.raises(ResultUnknown) as raised:
        cluster.run(no_answer(A), lost, is_change=True)
    assert raised.value is lost
    assert [endpoint for endpoint, _ in cluster.known[ALL].cooling_down] == [A, B]


def test_gateway_that_failed_a_change_cools_down(cluster: Cluster) -> None:
    cluster.run(response(503), is_change=True)
    assert cluster.tried(response(200, B)) == [B]


def test_refused_change_is_sent_with_new_credentials(cluster: Cluster) -> None:
    tried, answer = cluster.run(response(401), response(202), renewable=True, is_change=True)
    assert (tried, answer) == ([Attempt(A), Attempt(A, with_new_credentials=True)], response(202))


def test_unexpected_answer_leaves_a_change_unknown(cluster: Cluster) -> None:
    strange = UnexpectedAnswer("the response is larger than 4 MiB", endpoint=A)
    with pytest.raises(UnexpectedAnswer) as raised:
        cluster.run(strange)
    assert raised.value is strange
    with pytest.raises(ResultUnknown, match="may have been made: the response is larger than 4 MiB"):
        cluster.run(strange, is_change=True)
