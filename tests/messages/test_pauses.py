"""Why an upgrade is paused, and what a person must do."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_sf.messages.pauses import pause_message, resume_command
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import Domains

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)


def paused(state: str, kind: str = "application", **fields: Any) -> UpgradeProgress:
    return UpgradeProgress(
        kind,
        "fabric:/shop",
        state=state,
        started_at=START,
        rolling_upgrade_mode="UnmonitoredManual",
        **fields,
    )


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            paused("RollingForwardPending", failed_at=START),
            (
                "Paused after a failure at 2026-03-01 03:00:00 UTC (its FailureAction is Manual). Nothing continues "
                "until a person acts: fix the cause, then resume the upgrade or roll it back"
            ),
        ),
        (
            paused("RollingForwardPending"),
            (
                "Paused before the next upgrade domain (UnmonitoredManual mode). Nothing continues until a person "
                "acts: start the next upgrade domain, or roll the upgrade back"
            ),
        ),
        (
            paused("RollingBackPending", failed_at=START),
            (
                "Paused during its rollback, before the next upgrade domain (UnmonitoredManual mode). Nothing "
                "continues until a person acts: start the next upgrade domain"
            ),
        ),
    ],
)
def test_pause_has_cause_and_action(record: UpgradeProgress, expected: str) -> None:
    assert pause_message(record) == expected


def test_pause_after_a_failure_has_its_reason() -> None:
    record = paused(
        "RollingForwardPending",
        failed_at=START,
        failure_reason="HealthCheck",
        failure_classification="PostUpgradeHealthCheck",
        domains=Domains(failure_domain="UD1", next_domain="UD2"),
    )
    assert pause_message(record) == (
        "Paused after a failure at 2026-03-01 03:00:00 UTC: HealthCheck (PostUpgradeHealthCheck), in domain UD1 "
        "(its FailureAction is Manual). Nothing continues until a person acts: fix the cause, then resume the "
        "upgrade with the next upgrade domain (UD2) or roll it back"
    )


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("RollingForwardPending", "start the next upgrade domain (UD2), or roll the upgrade back"),
        ("RollingBackPending", "start the next upgrade domain (UD2)"),
    ],
)
def test_pause_between_domains_names_the_next(state: str, action: str) -> None:
    assert pause_message(paused(state, domains=Domains(next_domain="UD2"))).endswith(f": {action}")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            paused("RollingForwardPending", domains=Domains(next_domain="UD2")),
            [
                "PowerShell: Resume-ServiceFabricApplicationUpgrade -ApplicationName 'fabric:/shop' -UpgradeDomainName 'UD2'"
            ],
        ),
        (
            paused("RollingBackPending", "cluster", domains=Domains(next_domain="0")),
            ["PowerShell: Resume-ServiceFabricClusterUpgrade -UpgradeDomainName '0'"],
        ),
        (paused("RollingForwardPending"), []),
        (paused("RollingForwardPending", "compose_deployment", domains=Domains(next_domain="UD2")), []),
        (paused("RollingForwardInProgress", failed_at=START, domains=Domains(next_domain="UD2")), []),
    ],
)
def test_command_needs_the_next_domain(record: UpgradeProgress, expected: list[str]) -> None:
    """While the failed domain is in progress, Service Fabric refuses to start the next one."""
    assert resume_command(record) == expected


@pytest.mark.parametrize(
    ("domain", "quoted"),
    [
        ("UD 2", "'UD 2'"),
        ("'; Remove-Item x", "'''; Remove-Item x'"),
        ("\u2019; Remove-Item x", "'\u2019\u2019; Remove-Item x'"),
        ("UD\n2", "'UD 2'"),
    ],
)
def test_names_in_a_command_are_quoted(domain: str, quoted: str) -> None:
    (command,) = resume_command(paused("RollingForwardPending", domains=Domains(next_domain=domain)))
    assert command.endswith(f" -UpgradeDomainName {quoted}")
