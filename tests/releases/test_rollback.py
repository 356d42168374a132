"""The next step towards a rolled back upgrade, for each state that may be on record."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_sf.releases.rollback import RollbackStep, next_rollback_step
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.identity import UpgradeIdentity

START = datetime(2026, 3, 1, 3, tzinfo=timezone.utc)
LATER = datetime(2026, 3, 1, 4, tzinfo=timezone.utc)


def record(state: str, mode: str = "Monitored", start: datetime | None = START) -> UpgradeProgress:
    is_back = state.startswith("RollingBack")
    return UpgradeProgress(
        kind="application",
        name="fabric:/shop/web",
        state=state,
        target_version="v0" if is_back else "v1",
        started_at=start,
        failed_at=None,
        rolling_upgrade_mode=mode,
    )


STEPS: list[tuple[UpgradeProgress, RollbackStep]] = [
    (record("RollingForwardInProgress"), RollbackStep.REQUEST),
    (record("RollingForwardPending", "UnmonitoredManual"), RollbackStep.REQUEST),
    (record("RollingBackInProgress", "UnmonitoredAuto"), RollbackStep.WAIT),
    (record("RollingBackPending", "UnmonitoredManual"), RollbackStep.LEAVE_MANUAL_MODE),
    (record("RollingBackInProgress", "UnmonitoredManual"), RollbackStep.LEAVE_MANUAL_MODE),
    (record("RollingBackCompleted"), RollbackStep.DONE),
    (record("RollingForwardCompleted"), RollbackStep.FINISHED),
    (record("RollingForwardCompleted", "Invalid", None), RollbackStep.FINISHED),
    (record("Failed"), RollbackStep.FINISHED),
    (record("RollingSideways"), RollbackStep.UNKNOWN),
]


@pytest.mark.parametrize(("found", "step"), STEPS, ids=[f"{item[0].state}-{item[1].value}" for item in STEPS])
def test_record_decides_the_step(found: UpgradeProgress, step: RollbackStep) -> None:
    assert next_rollback_step(found, None) is step


@pytest.mark.parametrize(
    ("mode", "step"),
    [("Monitored", RollbackStep.WAIT), ("UnmonitoredManual", RollbackStep.LOOK_AGAIN)],
)
def test_accepted_request_is_not_repeated(mode: str, step: RollbackStep) -> None:
    found = record("RollingForwardInProgress", mode)
    assert next_rollback_step(found, None, is_accepted=True) is step


@pytest.mark.parametrize(
    ("identity", "found", "step"),
    [
        (UpgradeIdentity(START, "v1"), record("RollingForwardInProgress"), RollbackStep.REQUEST),
        (UpgradeIdentity(START, "v1"), record("RollingBackCompleted"), RollbackStep.DONE),
        (UpgradeIdentity(LATER, "v1"), record("RollingForwardInProgress"), RollbackStep.OTHER),
        (UpgradeIdentity(LATER, "v1"), record("RollingBackCompleted"), RollbackStep.OTHER),
        (UpgradeIdentity(START, "v2"), record("RollingForwardInProgress"), RollbackStep.OTHER),
        (
            UpgradeIdentity(START, "v1"),
            record("RollingForwardCompleted", "Invalid", None),
            RollbackStep.OTHER,
        ),
    ],
)
def test_only_the_expected_upgrade_is_changed(identity: Any, found: Any, step: RollbackStep) -> None:
    assert next_rollback_step(found, identity) is step
