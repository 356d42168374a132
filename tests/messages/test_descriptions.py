"""Describe upgrades: which one it is and how far it is."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.messages.descriptions import (
    describe_record,
    describe_selector,
    describe_state,
    describe_upgrade,
)
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.timeline import Stage
from tests.simulated_waits import make_domains

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)


def record(state: str | None, percent: float | None = 62.0, **fields: Any) -> UpgradeProgress:
    values = {"started_at": START, "target_version": "v1", **fields}
    return UpgradeProgress("application_resource", "shop", state=state, percent_completed=percent, **values)


OLD = record("CompletedRollforward", 100.0, started_at=START - timedelta(days=1), target_version="v0")
NEVER_UPGRADED = record("CompletedRollforward", 100.0, started_at=None)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (record("RollingForward"), "rolling forward"),
        (record(None, None), "no state"),
        (NEVER_UPGRADED, "not upgraded"),
    ],
)
def test_state_without_any_upgrade_is_not_completed(progress: UpgradeProgress, expected: str) -> None:
    assert describe_state(progress) == expected
    assert describe_state(Stage.from_record(progress, START, expected=False)) == expected


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (OLD, "v0, started 2026-02-28 03:00:00 UTC"),
        (record("RollingBack"), "rollback to v1, started 2026-03-01 03:00:00 UTC"),
        (record("ProvisioningTarget", started_at=None), "v1, not started yet"),
        (record("Failed", target_version=None), "an unknown version, started 2026-03-01 03:00:00 UTC"),
    ],
)
def test_upgrade_has_version_and_start(progress: UpgradeProgress, expected: str) -> None:
    assert describe_upgrade(progress) == expected


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (None, "it does not exist"),
        (NEVER_UPGRADED, "it was never upgraded"),
        (OLD, "v0, started 2026-02-28 03:00:00 UTC (completed rollforward, 100 %)"),
        (
            record("Failed", None, target_version=None),
            "an unknown version, started 2026-03-01 03:00:00 UTC (failed, percent unknown)",
        ),
    ],
)
def test_record_has_upgrade_and_progress(progress: UpgradeProgress | None, expected: str) -> None:
    assert describe_record(progress) == expected


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (record("RollingForward", 62.0, domains=make_domains(1)), 62.0),
        (record("RollingForward", None, domains=make_domains(1)), 20.0),
        (record("RollingForward", None, services=(ServiceProgress("web", 1, 3),)), 25.0),
        (record("RollingForward", None, services=(ServiceProgress("web", None, 3),)), None),
        (record("RollingForward", None), None),
    ],
)
def test_percentage_falls_back_to_domains_and_replicas(
    progress: UpgradeProgress, expected: float | None
) -> None:
    assert progress.percent_done == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (UpgradeSelector(), "the latest on record"),
        (UpgradeSelector(previous=OLD), "any except v0, started 2026-02-28 03:00:00 UTC (previous)"),
        (UpgradeSelector(previous=NEVER_UPGRADED), "the first one ever (previous)"),
        (
            UpgradeSelector(previous=record("ProvisioningTarget", started_at=None)),
            "any except v1, not started yet (previous)",
        ),
        (
            UpgradeSelector(previous=record("CompletedRollback", target_version="v0")),
            "any except rollback to v0, started 2026-03-01 03:00:00 UTC (previous)",
        ),
        (
            UpgradeSelector(started_after=START),
            "started after 2026-03-01 03:00:00 UTC or up to 1m00s before (started_after)",
        ),
        (
            UpgradeSelector(started_after=START, clock_skew=0.0),
            "started after 2026-03-01 03:00:00 UTC (started_after)",
        ),
        (UpgradeSelector(target_version="v\n1"), "v 1 (target_version)"),
        (
            UpgradeSelector(target_version="v1", accept_current_version=True),
            "v1 (target_version); or v1 is deployed already (accept_current_version)",
        ),
        (
            UpgradeSelector(previous=OLD, started_after=START, clock_skew=5.0, target_version="v1"),
            (
                "any except v0, started 2026-02-28 03:00:00 UTC (previous); "
                "started after 2026-03-01 03:00:00 UTC or up to 5s before (started_after); v1 (target_version)"
            ),
        ),
    ],
)
def test_selector_lists_its_criteria(selector: UpgradeSelector, expected: str) -> None:
    assert describe_selector(selector) == expected
    assert describe_selector(selector).isascii()
