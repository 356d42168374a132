"""Describe an upgrade in words: which one it is and how far it is. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.blockers import MAX_PLACE_LENGTH
from airflow_provider_sf.messages.formatting import (
    format_duration,
    format_percent,
    format_state,
    format_time,
    format_version,
    one_line,
)
from airflow_provider_sf.messages.versions import describe_version
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import Outcome

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.identity import UpgradeIdentity
    from airflow_provider_sf.wait.matching import UpgradeSelector
    from airflow_provider_sf.wait.timeline import Stage


def describe_state(progress: UpgradeProgress | Stage) -> str:
    """Return the state in words; an application without any upgrade reports the state completed."""
    return "not upgraded" if progress.outcome is Outcome.NOT_UPGRADED else format_state(progress.state)


def describe_upgrade(record: UpgradeProgress) -> str:
    """Identify an upgrade: ``v1, started 2026-03-01 03:00:00 UTC``."""
    rollback = "rollback to " if record.going_back else ""
    no_start = ", not started yet" if record.outcome.active else ", without a start time"
    start = f", started {format_time(record.started_at)}" if record.started_at else no_start
    has_start_time = "started_at" in KINDS[record.kind].keys
    return f"{rollback}{describe_version(record)}{start if has_start_time else ''}"


def describe_identity(identity: UpgradeIdentity) -> str:
    """Identify an upgrade that a task has started: ``v1, started 2026-03-01 03:00:00 UTC``."""
    start = f", started {format_time(identity.started_at)}" if identity.started_at else ""
    return f"{format_version(identity.target_version)}{start}"


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


def describe_position(progress: UpgradeProgress | Stage | None) -> str | None:
    """Return how far an upgrade is: ``domain UD2 (2 of 5)``, else ``62 %``; None if that is not known."""
    if progress is None:
        return None
    if progress.place:
        return one_line(progress.place, MAX_PLACE_LENGTH)
    return None if progress.percent_done is None else format_percent(progress.percent_done)


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
