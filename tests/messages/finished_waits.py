"""Records and waits that have ended, for the tests of the messages about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import Ended, Observation, step

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
YESTERDAY = START - timedelta(days=1)
WEB, API, WORKER = ServiceProgress("web", 6, 2), ServiceProgress("api", 2, 3), ServiceProgress("worker", 3, 0)
PATIENT = Policy(poke_interval=30.0)
STALL_POLICY = replace(PATIENT, stall_timeout=60.0)
ONE_MINUTE = Policy(poke_interval=30.0, deadline=START + timedelta(minutes=1))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def record(state: str | None, percent: float | None = 62.0, **fields: Any) -> UpgradeProgress:
    values = {
        "started_at": START,
        "previous_version": "v0",
        "target_version": "v1",
        "duration_seconds": 724.0,
        "services": (WEB, API, WORKER),
        **fields,
    }
    return UpgradeProgress("application_resource", "shop", state=state, percent_completed=percent, **values)


FORWARD, UNKNOWN = record("RollingForward"), record("RollingSideways", services=())
BACKWARD: dict[str, Any] = {"previous_version": "v1", "target_version": "v0", "services": ()}
FAILED_BACK = record(
    "Failed", 75.0, target_version="v0", services=(), failed_at=START + timedelta(seconds=60)
)
BACK, ROLLED_BACK = record("RollingBack", 75.0, **BACKWARD), record("CompletedRollback", 100.0, **BACKWARD)
DONE = record("CompletedRollforward", 100.0)
NEVER_UPGRADED = record("CompletedRollforward", 100.0, started_at=None, duration_seconds=0.0, services=())
OTHERS: dict[str, Any] = {"started_at": YESTERDAY, "target_version": "v0", "services": ()}
OLD = record("CompletedRollforward", 100.0, **OTHERS)
AFTER_OLD = UpgradeSelector(previous=OLD)
MANUAL: dict[str, Any] = {"rolling_upgrade_mode": "UnmonitoredManual"}
PAUSED = record("RollingForward", failed_at=at(-60), **MANUAL)
BETWEEN_DOMAINS = record("RollingForwardPending", **MANUAL)
PAUSED_BACK = record("RollingBackPending", 75.0, **BACKWARD, **MANUAL)
UNREACHABLE = Unreachable("Connection refused", endpoint="http://c:19080")
MISSING = Rejected(
    "no such application", 500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND", endpoint="http://c:19080"
)

ONLY_WATCHED = "This wait only watched the upgrade: it did not stop it or roll it back."
CHECK_SERVICES_BEHIND = (
    "Next: check the health and the logs of the services behind, fix the new version and release it again. "
    "The wait is not retried: waiting again cannot change the result of the upgrade."
)
CHECK_ITS_SERVICES = (
    "Next: check the health and the logs of its services, fix the new version and release it again. "
    "The wait is not retried: waiting again cannot change the result of the upgrade."
)
CHECK_THE_START = "Next: check whether the expected upgrade was started, or another one."
FIND_OUT_WHO = "Next: find out who deleted or replaced it."
PAUSED_AFTER_FAILURE = (
    "Paused after a failure at 2026-03-01 02:59:00 UTC (its FailureAction is Manual). Nothing continues until a "
    "person acts: fix the cause, then resume the upgrade or roll it back."
)
PAUSED_BETWEEN_DOMAINS = (
    "Paused before the next upgrade domain (UnmonitoredManual mode). Nothing continues until a "
    "person acts: start the next upgrade domain, or roll the upgrade back."
)
PAUSED_IN_ROLLBACK = (
    "Paused during its rollback, before the next upgrade domain (UnmonitoredManual mode). Nothing continues "
    "until a person acts: start the next upgrade domain."
)


def wait(*observations: Observation, policy: Policy = PATIENT) -> WaitState:
    """Poll every 30 seconds until the wait has ended, which must be at the last poll."""
    state, decision = WaitState(), None
    for poll, observation in enumerate(observations):
        assert not isinstance(decision, Ended), "the wait must not end before the last poll"
        state, decision = step(policy, state, observation, at(30 * poll))
    assert isinstance(decision, Ended), "the last poll must end the wait"
    return state.ended(decision.by, at(30 * (len(observations) - 1)))


def lines_of(message: str) -> list[str]:
    lines = message.splitlines()
    assert len(lines) <= 15
    return lines
