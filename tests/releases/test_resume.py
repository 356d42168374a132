"""Which upgrade domain is started next, for each record and request."""

from __future__ import annotations

import pytest

from airflow_provider_sf.releases.resume import ResumeStep, next_resume_step
from airflow_provider_sf.upgrades import UpgradeProgress


def record(state: str = "RollingForwardPending", following: str = "UD2", **more: object) -> UpgradeProgress:
    return UpgradeProgress.from_answer(
        "application",
        "fabric:/shop/web",
        {
            "Name": "fabric:/shop/web",
            "UpgradeState": state,
            "RollingUpgradeMode": "UnmonitoredManual",
            "TargetApplicationTypeVersion": "v1",
            "StartTimestampUtc": "2026-03-01T03:00:00Z",
            "NextUpgradeDomain": following,
            "UpgradeDomains": [
                {"Name": "UD1", "State": "Completed"},
                {"Name": "UD2", "State": "Pending"},
                {"Name": "UD3", "State": "Pending"},
            ],
            **more,
        },
    )


@pytest.mark.parametrize(
    ("domain", "step"),
    [
        (None, ResumeStep("UD2")),
        ("UD2", ResumeStep("UD2")),
        ("UD1", ResumeStep("UD1", is_done=True)),
        ("UD3", ResumeStep(problem="the next upgrade domain is 'UD2', not 'UD3'")),
        ("UD9", ResumeStep(problem="there is no upgrade domain 'UD9': choose one of UD1, UD2, UD3")),
    ],
)
def test_only_the_next_domain_is_started(domain: str | None, step: ResumeStep) -> None:
    assert next_resume_step(record(), domain) == step


@pytest.mark.parametrize("state", ["RollingForwardInProgress", "RollingForwardCompleted", "Failed"])
def test_moving_upgrade_is_not_resumed(state: str) -> None:
    assert next_resume_step(record(state), None) == ResumeStep(problem="the upgrade is not paused")


def test_completed_domain_is_done_after_the_end() -> None:
    assert next_resume_step(record("RollingForwardCompleted"), "UD1").is_done


def test_last_domain_has_no_next() -> None:
    step = next_resume_step(record(following=""), None)
    assert step == ResumeStep(problem="no upgrade domain is left to start")
