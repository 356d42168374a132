"""Records, and the log lines of short waits for them, for the tests of these lines."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_sf.messages.log_state import LogLine, LogState
from airflow_provider_sf.messages.progress_log import changed_lines
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import Observation, PollAgain, step

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
YESTERDAY = START - timedelta(days=1)
FIVE_PAST = START + timedelta(minutes=5)
POLICY = Policy(poke_interval=15.0)
STALL_POLICY = Policy(poke_interval=15.0, stall_timeout=90.0)
WEB, API, WORKER = ServiceProgress("web", 6, 2), ServiceProgress("api", 2, 3), ServiceProgress("worker", 3, 0)


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


ROLLING, PENDING = "RollingForward", "RollingForwardPending"
FORWARD, BACK = record("RollingForward"), record("RollingBack", 75.0, target_version="v0")
FURTHER = record(ROLLING, 64.0, services=(ServiceProgress("web", 7, 1), API, WORKER))
DONE = record("CompletedRollforward", 100.0, services=())
NEVER_UPGRADED = record("CompletedRollforward", 100.0, started_at=None, duration_seconds=0.0, services=())
OTHERS: dict[str, Any] = {"started_at": YESTERDAY, "target_version": "v0", "services": ()}
OLD = record("CompletedRollforward", 100.0, **OTHERS)
AFTER_OLD = Policy(poke_interval=15.0, selector=UpgradeSelector(previous=OLD))
MANUAL: dict[str, Any] = {"rolling_upgrade_mode": "UnmonitoredManual", "services": ()}
MANUAL_BACK = record("RollingBackPending", 75.0, target_version="v0", **MANUAL)
UNREACHABLE = Unreachable("Connection refused", endpoint="http://c:19080")
MISSING = Rejected(
    "no such application", 500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND", endpoint="http://c:19080"
)

FORWARD_STATUS = "rolling forward               62 %  [######----]  web 6/8  api 2/5  worker 3/3"
FORWARD_LINE = f"     0s  {FORWARD_STATUS}"
BEHIND = "services behind: web 6/8 (2 pending), api 2/5 (3 pending)"
UNKNOWN_STATE = "unknown state, never counts as success"
PAUSED_AFTER_FAILURE = (
    "Paused after a failure at 2026-03-01 03:05:00 UTC (its FailureAction is Manual). Nothing continues until a "
    "person acts: fix the cause, then resume the upgrade or roll it back"
)
PAUSED_BACK = (
    "Paused during its rollback, before the next upgrade domain (UnmonitoredManual mode). Nothing continues "
    "until a person acts: start the next upgrade domain"
)
PAUSED_BETWEEN_DOMAINS = (
    "Paused before the next upgrade domain (UnmonitoredManual mode). Nothing continues until a "
    "person acts: start the next upgrade domain, or roll the upgrade back"
)


def lines(*observations: Observation, policy: Policy = POLICY) -> list[LogLine]:
    """Return the lines of a wait that polls every 15 seconds; only the last poll may end it."""
    state, log_state = WaitState(), LogState()
    logged: list[LogLine] = []
    for poll, observation in enumerate(observations):
        before, now = state, START + timedelta(seconds=15 * poll)
        state, decision = step(policy, before, observation, now)
        is_last = poll == len(observations) - 1
        assert is_last or isinstance(decision, PollAgain), "the wait must not end before the last poll"
        log_state, new_lines = changed_lines(log_state, before, state, policy, now)
        logged += new_lines
    return logged


def info(*texts: str) -> list[LogLine]:
    return [(logging.INFO, text) for text in texts]


def warning(*texts: str) -> list[LogLine]:
    return [(logging.WARNING, text) for text in texts]


def half_stalled(elapsed: str, *more: str, unchanged: str = "45s") -> list[str]:
    """Return the lines of a warning after half of STALL_POLICY's timeout."""
    return [
        f"{elapsed}  nothing has changed for {unchanged} of 1m30s (stall_timeout)",
        *(f"{elapsed}    {text}" for text in more),
    ]
