"""Describe an upgrade in words: which one it is, how far it is, why it is paused. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import (
    MAX_SENTENCE_LENGTH,
    format_duration,
    format_percent,
    format_state,
    format_time,
    format_version,
    one_line,
    safety_checks,
    services_behind,
)
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import Outcome

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.matching import UpgradeSelector
    from airflow_provider_sf.wait.timeline import Stage

UNHEALTHY_PHASE = "Retry"
"""The phase in which a health check has found a problem and tries again."""

HEALTH_CHECK_PHASES = frozenset({"WaitDuration", "StableDuration", UNHEALTHY_PHASE})
"""The phases in which a monitored upgrade checks the health of what it has upgraded."""


def describe_state(progress: UpgradeProgress | Stage) -> str:
    """Return the state in words; an application without any upgrade reports the state completed."""
    return "not upgraded" if progress.outcome is Outcome.NOT_UPGRADED else format_state(progress.state)


def describe_upgrade(record: UpgradeProgress) -> str:
    """Identify an upgrade: ``v1, started 2026-03-01 03:00:00 UTC``."""
    rollback = "rollback to " if record.going_back else ""
    start = f", started {format_time(record.started_at)}" if record.started_at else ", not started yet"
    has_start_time = "started_at" in KINDS[record.kind].keys
    return f"{rollback}{format_version(record.target_version)}{start if has_start_time else ''}"


def describe_selector(selector: UpgradeSelector) -> str:
    """Identify the expected upgrade by the criteria that the user has set."""
    criteria = []
    if selector.previous is not None and selector.previous.outcome is Outcome.NOT_UPGRADED:
        criteria.append("the first one ever (previous)")
    elif selector.previous is not None:
        criteria.append(f"any except {describe_upgrade(selector.previous)} (previous)")
    if selector.started_after is not None:
        skew = f" or up to {format_duration(selector.clock_skew)} before" if selector.clock_skew else ""
        criteria.append(f"started after {format_time(selector.started_after)}{skew} (started_after)")
    if selector.target_version is not None:
        criteria.append(f"{format_version(selector.target_version)} (target_version)")
    current = f"; or {format_version(selector.target_version)} is deployed already (accept_current_version)"
    return ("; ".join(criteria) or "the latest on record") + (
        current if selector.accept_current_version else ""
    )


def percent_done(record: UpgradeProgress) -> float | None:
    """Return the percentage that Service Fabric reports, else that of upgrade domains, else of replicas."""
    if record.percent_completed is not None:
        return record.percent_completed
    counts = [(service.completed_replicas, service.pending_replicas) for service in record.services]
    known = [(max(0, done), max(0, left)) for done, left in counts if done is not None and left is not None]
    done = sum(done for done, _ in known)
    completed, total = record.domains_done or (done, done + sum(left for _, left in known))
    return 100.0 * completed / total if total else None


def describe_position(progress: UpgradeProgress | Stage | None) -> str | None:
    """Return how far an upgrade is: ``62 %``, else ``domain UD2 (2 of 5)``; None if that is not known."""
    if progress is None:
        return None
    if progress.percent_completed is not None:
        return format_percent(progress.percent_completed)
    return progress.place and one_line(progress.place)


def describe_progress(progress: UpgradeProgress | Stage) -> str:
    """Return state and position: ``rolling forward, 62 %``."""
    return f"{format_state(progress.state)}, {describe_position(progress) or 'percent unknown'}"


def describe_record(record: UpgradeProgress | None) -> str:
    """Return what is on record: ``v1, started 2026-03-01 03:00:00 UTC (rolling forward, 62 %)``."""
    if record is None:
        return "it does not exist"
    if record.outcome is Outcome.NOT_UPGRADED:
        return "it was never upgraded"
    return f"{describe_upgrade(record)} ({describe_progress(record)})"


def describe_place(record: UpgradeProgress, *, with_checks: bool = True) -> list[str]:
    """Return the upgrade domain of a rolling upgrade and what it waits for there, or nothing."""
    parts = []
    if record.place and record.outcome.active:
        parts.append(one_line(record.place))
    if with_checks and record.domains.pending_safety_checks:
        parts.append(pending_safety_checks(record))
    if record.health_check_phase in HEALTH_CHECK_PHASES and record.outcome.active:
        parts.append(f"health check, {format_state(record.health_check_phase)}")
        parts += [one_line(sentence, MAX_SENTENCE_LENGTH) for sentence in record.unhealthy_evaluations[:1]]
    return [": ".join(parts)] if parts else []


def pending_safety_checks(record: UpgradeProgress) -> str:
    """List the safety checks that an upgrade waits for, or return an empty text."""
    return safety_checks(
        record.domains.pending_safety_checks, dict(record.omitted).get("pending_safety_checks", 0)
    )


def pending_services(record: UpgradeProgress) -> str:
    """List the services with pending replicas, or return an empty text."""
    return services_behind([service for service in record.services if service.behind], record.more_behind)


def pause_message(record: UpgradeProgress) -> str:
    """Explain why an upgrade is paused and what a person must do."""
    if record.going_back:
        cause = "Paused during its rollback, before the next upgrade domain (UnmonitoredManual mode)"
        action = "start the next upgrade domain"
    elif record.failed_at:
        cause = f"Paused after a failure at {format_time(record.failed_at)} (its FailureAction is Manual)"
        action = "fix the cause, then resume the upgrade or roll it back"
    else:
        cause = "Paused before the next upgrade domain (UnmonitoredManual mode)"
        action = "start the next upgrade domain, or roll the upgrade back"
    return f"{cause}. Nothing continues until a person acts: {action}"
