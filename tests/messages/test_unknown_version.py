"""A rollback that may be that of the expected upgrade, but its new version is not known."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from tests.simulated_waits import START, run_wait

if TYPE_CHECKING:
    from datetime import datetime

NAME = "fabric:/shop/web"


def record(state: str, version: str, started_at: datetime | None) -> UpgradeProgress:
    return UpgradeProgress(
        "application",
        NAME,
        state=state,
        target_version=version,
        started_at=started_at,
        rolling_upgrade_mode="Monitored",
    )


PREVIOUS = record("RollingForwardCompleted", "v1", START - timedelta(days=1))
ROLLED_BACK = record("RollingBackCompleted", "v1", START)


def test_unknown_version_of_a_rollback_is_explained() -> None:
    policy = Policy(15.0, selector=UpgradeSelector(previous=PREVIOUS, target_version="v2"))
    wait = run_wait(NAME, lambda _: ROLLED_BACK, policy, kind="application")
    assert wait.lines[2][1] == (
        "Polling every 15s; timeout 6h00m, start_timeout 15m00s, unknown_state_timeout 10m00s, "
        "unreachable_timeout 5m00s"
    )
    assert wait.message.splitlines()[1] == (
        "It may be the rollback of the expected upgrade: Service Fabric reports no new version for a rollback, "
        "so target_version is not proved."
    )


def test_completed_upgrade_may_have_no_start_time() -> None:
    policy = Policy(15.0, selector=UpgradeSelector(target_version="v2"))
    deployed = record("RollingForwardCompleted", "v1", None)
    wait = run_wait(NAME, lambda _: deployed, policy, kind="application")
    assert "last upgrade on record: v1, without a start time (rolling forward completed" in wait.message
