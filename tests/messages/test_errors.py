"""The error of a wait, with what the wait knows about the upgrade."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_sf.messages.errors import explained_error
from airflow_provider_sf.rest import Rejected, ServiceFabricError, UnexpectedAnswer, Unreachable
from airflow_provider_sf.rest.protocol import Response, error_from_response
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import Ended, Observation, step
from tests.messages.finished_waits import (
    BACK,
    BACKWARD,
    FORWARD,
    OLD,
    ONLY_WATCHED,
    PATIENT,
    UNREACHABLE,
    at,
    record,
)

ENDPOINT = "http://c:19080"
GONE = error_from_response(
    Response(
        404,
        b'{"Error": {"Code": "FABRIC_E_APPLICATION_NOT_FOUND", "Message": "Application not found"}}',
        endpoint=ENDPOINT,
    )
)
LAST_SEEN = "It started at 2026-03-01 03:00:00 UTC and was last seen at 2026-03-01 03:00:00 UTC: rolling forward, 62 %."


def ended(*observations: Observation, policy: Any = PATIENT) -> WaitState:
    """Poll every 30 seconds; repeat the last observation until the wait has ended."""
    state, poll = WaitState(), 0
    while True:
        state, decision = step(policy, state, observations[min(poll, len(observations) - 1)], at(30 * poll))
        if isinstance(decision, Ended):
            return state.ended(decision.by, at(30 * poll))
        poll += 1


def explained(*observations: Observation, policy: Any = PATIENT) -> ServiceFabricError:
    state = ended(*observations, policy=policy)
    assert state.error is not None
    return explained_error(state.error, state, "application_resource", "shop")


def test_deletion_has_the_last_progress() -> None:
    error = explained(FORWARD, GONE)
    assert str(error) == (
        f"Deleted during its upgrade to v1: application resource 'shop'. {LAST_SEEN} Next: find out "
        f"who deleted it. Service Fabric answered: {ENDPOINT}: HTTP 404 "
        "FABRIC_E_APPLICATION_NOT_FOUND: Application not found"
    )
    assert type(error) is Rejected
    assert (error.status, error.code, error.endpoint) == (404, "FABRIC_E_APPLICATION_NOT_FOUND", ENDPOINT)


def test_deletion_after_the_end_is_named_so() -> None:
    """The second look at a rollback found nothing any more."""
    rolled_back = record("CompletedRollback", 100.0, **BACKWARD)
    assert str(explained(FORWARD, BACK, rolled_back, GONE)).startswith(
        "Deleted after its upgrade to v1: application resource 'shop'. It started at "
    )


def test_deletion_without_advice_keeps_its_message() -> None:
    plain = Rejected("Application not found", 404, "FABRIC_E_APPLICATION_NOT_FOUND")
    assert str(explained(FORWARD, plain)).endswith("FABRIC_E_APPLICATION_NOT_FOUND: Application not found")


def test_missing_at_the_first_poll_keeps_its_advice() -> None:
    error = explained(GONE)
    assert error is GONE
    assert "check name and kind" in str(error)


def test_missing_after_another_upgrade_is_no_deletion() -> None:
    policy = replace(PATIENT, selector=replace(PATIENT.selector, previous=OLD))
    assert str(explained(OLD, GONE, policy=policy)).startswith(
        "Progress cannot be read any more, so the wait has ended: upgrade of application resource "
        "'shop'. This wait only watched the upgrade"
    )


def test_outage_has_duration_and_last_progress() -> None:
    error = explained(FORWARD, UNREACHABLE, policy=replace(PATIENT, unreachable_timeout=90.0))
    assert str(error) == (
        "Cluster unreachable for 1m30s (unreachable_timeout, 4 polls): upgrade of application "
        f"resource 'shop' to v1. {LAST_SEEN} {ONLY_WATCHED} Last error: {ENDPOINT}: Connection "
        "refused"
    )
    assert type(error) is Unreachable


def test_outage_without_any_answer() -> None:
    error = explained(UNREACHABLE, policy=replace(PATIENT, unreachable_timeout=90.0))
    assert str(error) == (
        "Cluster unreachable for 1m30s (unreachable_timeout, 4 polls): upgrade of application "
        f"resource 'shop'. {ONLY_WATCHED} Last error: {ENDPOINT}: Connection refused"
    )


def test_lost_connection_is_no_outage_of_the_cluster() -> None:
    state = replace(ended(FORWARD, UNREACHABLE), error=Unreachable("connection 'sf' could not be read"))
    assert state.error is not None
    assert str(explained_error(state.error, state, "application_resource", "shop")).startswith(
        "Connection could not be used for 5m00s "
    )


def test_outage_without_its_start() -> None:
    """No wait produces this state, but a state is read from a database."""
    state = replace(ended(FORWARD, UNREACHABLE), unreachable_since=None)
    assert state.error is not None
    assert str(explained_error(state.error, state, "application_resource", "shop")).startswith(
        "Cluster unreachable (unreachable_timeout, "
    )


@pytest.mark.parametrize(
    "error",
    [
        Rejected("no", 400, "E_INVALIDARG", ENDPOINT),
        UnexpectedAnswer("expected a JSON object", 200, None, ENDPOINT),
    ],
)
def test_refusal_has_the_last_progress(error: ServiceFabricError) -> None:
    result = explained(FORWARD, error)
    assert str(result) == (
        "Progress cannot be read any more, so the wait has ended: upgrade of application resource "
        f"'shop' to v1. {LAST_SEEN} {ONLY_WATCHED} Last error: {error}"
    )
    assert type(result) is type(error)
    assert result.to_dict() == error.to_dict()


def test_refusal_at_the_first_poll_is_unchanged() -> None:
    error = Rejected("no", 400, "E_INVALIDARG", ENDPOINT)
    assert explained(error) is error


def test_explained_error_keeps_its_cause() -> None:
    cause = OSError("refused")
    error = Unreachable("Connection refused", endpoint=ENDPOINT)
    error.__cause__ = cause
    assert explained(FORWARD, error).__cause__ is cause


def test_explained_error_survives_copies() -> None:
    error = explained(FORWARD, GONE)
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own bytes
        assert str(copied) == str(error)


def test_explained_error_stays_short() -> None:
    policy = replace(PATIENT, unreachable_timeout=timedelta(hours=1).total_seconds())
    long = record("RollingForward", target_version="v" * 5_000, services=())
    assert (
        len(str(explained(long, Unreachable("x" * 5_000, endpoint="http://" + "c" * 900), policy=policy)))
        < 3_000
    )
