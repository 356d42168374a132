"""Which state of an earlier try is valid for a later one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.earlier_try import EarlierTry, WaitTarget
from airflow_provider_sf.wait.identity import UpgradeIdentity
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.state import WaitState

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
PREVIOUS = UpgradeProgress(
    "application", "fabric:/shop/web", state="RollingForwardCompleted", started_at=START - timedelta(days=1)
)
SELECTOR = UpgradeSelector(previous=PREVIOUS, started_after=START, target_version="v1")
V0, V1 = UpgradeIdentity(START - timedelta(days=1), "v0"), UpgradeIdentity(START, "v1")


def target(
    selector: UpgradeSelector = SELECTOR,
    *,
    kind: str = "application",
    name: str = "shop/web",
    max_tries: int = 1,
) -> WaitTarget:
    return WaitTarget.of(kind, name, max_tries, selector)


EARLIER = EarlierTry.of(target(), WaitState(expected=V1, before=V0))


def test_state_is_stored_as_json() -> None:
    stored = EARLIER.to_dict()
    assert stored == {
        "schema": "service_fabric.earlier_try/1",
        "target": {
            "kind": "application",
            "name": "shop/web",
            "max_tries": 1,
            "target_version": "v1",
            "previous": {"started_at": "2026-02-28T03:00:00Z", "target_version": None, "rolled_back": False},
        },
        "expected": {"started_at": "2026-03-01T03:00:00Z", "target_version": "v1", "rolled_back": False},
        "before": {"started_at": "2026-02-28T03:00:00Z", "target_version": "v0", "rolled_back": False},
    }
    assert EarlierTry.from_dict(json.loads(json.dumps(stored))) == EARLIER


@pytest.mark.parametrize("name", ["shop/web", "fabric:/shop/web", "shop~web"])
def test_retry_waits_for_the_same_upgrade(name: str) -> None:
    assert EARLIER.is_valid_for(target(name=name), SELECTOR)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_tries": 2},
        {"kind": "compose_deployment"},
        {"name": "shop/api"},
        {"selector": replace(SELECTOR, target_version="v2")},
        {"selector": replace(SELECTOR, target_version=None)},
        {"selector": replace(SELECTOR, previous=None)},
        {"selector": replace(SELECTOR, previous=replace(PREVIOUS, started_at=START))},
    ],
    ids=[
        "cleared",
        "other kind",
        "other name",
        "other version",
        "any version",
        "no previous",
        "other previous",
    ],
)
def test_changed_task_does_not_use_it(changes: dict[str, Any]) -> None:
    assert not EARLIER.is_valid_for(target(**changes), SELECTOR)


@pytest.mark.parametrize(("seconds", "is_valid"), [(-3600, True), (0, True), (60, True), (61, False)])
def test_later_start_of_the_wait_counts(seconds: float, *, is_valid: bool) -> None:
    """A template may give each try another ``started_after``. The clock skew is 60 seconds."""
    selector = replace(SELECTOR, started_after=START + timedelta(seconds=seconds))
    assert EARLIER.is_valid_for(target(selector), selector) is is_valid


@pytest.mark.parametrize("expected", [None, UpgradeIdentity(None, "v1")])
def test_unknown_start_is_not_too_early(expected: UpgradeIdentity | None) -> None:
    selector = replace(SELECTOR, started_after=START + timedelta(days=1))
    assert replace(EARLIER, expected=expected).is_valid_for(target(selector), selector)


def test_target_without_previous_is_valid() -> None:
    earlier = EarlierTry.of(target(UpgradeSelector()), WaitState())
    assert earlier.is_valid_for(target(UpgradeSelector()), UpgradeSelector())
    assert EarlierTry.from_dict(earlier.to_dict()) == earlier
