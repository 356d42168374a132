"""An outage that is not one of the cluster: Airflow could not read the connection, or it cannot be used."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_sf.messages.timeouts import timeout_message
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import step
from tests.messages.logged_lines import (
    FORWARD,
    FORWARD_LINE,
    MISSING,
    POLICY,
    START,
    UNREACHABLE,
    info,
    lines,
    warning,
)

NOT_READ = Unreachable("connection 'sf' could not be read: Airflow did not return it within 30 s")
HALF_ROTATED = Rejected("connection 'sf': extra field 'private_key' does not belong to the certificate")
REFUSED = Rejected("answered with an empty body", 403, None, "http://c:19080")


@pytest.mark.parametrize("problem", [NOT_READ, HALF_ROTATED, REFUSED])
def test_connection_problem_does_not_blame_the_cluster(problem: Any) -> None:
    assert lines(FORWARD, problem, problem, problem, FORWARD) == info(FORWARD_LINE) + warning(
        f"    30s  connection cannot be used; retrying for up to 5m00s (unreachable_timeout): {problem}",
        "  1m00s  connection can be used again after 45s",
    )


def test_heartbeat_names_the_connection() -> None:
    patient = replace(POLICY, unreachable_timeout=3600.0)
    logged = lines(FORWARD, *[NOT_READ] * 44, policy=patient)
    assert logged[-1] == (
        logging.WARNING,
        " 10m30s  connection still cannot be used after 10m15s; retrying for up to 49m45s more (unreachable_timeout)",
    )


def test_final_error_after_an_outage_is_no_outage() -> None:
    """The task raises it, so the log has no line about it."""
    assert lines(FORWARD, UNREACHABLE, UNREACHABLE, Rejected("no", 404, "E_X", "http://c:19080")) == info(
        FORWARD_LINE
    ) + warning(
        "    30s  cluster unreachable; retrying for up to 5m00s (unreachable_timeout): http://c:19080: Connection refused"
    )


def ended(*observations: Any) -> str:
    policy = Policy(15.0, deadline=START + timedelta(minutes=1))
    state = WaitState()
    for poll, observation in enumerate(observations):
        state, _ = step(policy, state, observation, START + timedelta(seconds=15 * poll))
    state = state.ended("timeout", START + timedelta(minutes=1))
    return timeout_message(policy, state, "application_resource", "shop", ("timeout", 60.0))


def test_timeout_names_the_connection() -> None:
    assert ended(NOT_READ, NOT_READ).splitlines()[:2] == [
        (
            "No result within 1m00s (timeout), the connection cannot be used: upgrade of application "
            "resource 'shop'."
        ),
        f"The connection could not be used at the end: {NOT_READ}",
    ]
    assert f"The connection could not be used at the end: {HALF_ROTATED}" in ended(FORWARD, HALF_ROTATED)
    assert f"The cluster was unreachable at the end: {UNREACHABLE}" in ended(FORWARD, UNREACHABLE)
    assert "the cluster is unreachable: " in ended(UNREACHABLE).splitlines()[0]


def test_answer_is_no_connection_problem() -> None:
    policy = Policy(15.0, wait_for_existence=True)
    assert "does not exist" in lines(MISSING, policy=policy)[0][1]
