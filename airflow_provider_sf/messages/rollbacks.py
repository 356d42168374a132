"""A rollback that the task has requested: its steps, and the result of the wait. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.descriptions import describe_record
from airflow_provider_sf.messages.formatting import capitalize_first, format_duration, upgrade_subject
from airflow_provider_sf.messages.versions import from_to, old_and_new
from airflow_provider_sf.releases.rollback import RollbackStep

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.state import WaitState


_STEPS = {
    RollbackStep.REQUEST: "requesting its rollback",
    RollbackStep.LEAVE_MANUAL_MODE: (
        "the rollback waits for a person before each upgrade domain; changing its mode from "
        "UnmonitoredManual to UnmonitoredAuto"
    ),
    RollbackStep.WAIT: "the rollback was requested; nothing more to do",
    RollbackStep.DONE: "it was rolled back already; nothing to do",
    RollbackStep.FINISHED: (
        "no upgrade is in progress, so none can be rolled back. Next: to return to the version before, "
        "upgrade to that version"
    ),
    RollbackStep.OTHER: (
        "this is not the upgrade that the task may roll back (upgrade); nothing was changed. Next: find out "
        "who started it"
    ),
    RollbackStep.UNKNOWN: "the state is unknown, so nothing was changed",
}


def step_line(step: RollbackStep, record: UpgradeProgress) -> str:
    """Say what is on record, and what the task does about it."""
    subject = capitalize_first(upgrade_subject(record.kind, record.name))
    return f"{subject}: {describe_record(record)}; {_STEPS[step]}"


def rollback_message(state: WaitState, record: UpgradeProgress) -> str:
    """Say that the upgrade was rolled back, as requested."""
    duration = record.duration_seconds
    took = "" if duration is None else f", {format_duration(duration)} after the upgrade started"
    return f"Rolled back, as requested{took}: {_upgrade(state, record, is_rollback=True)}"


def no_rollback_message(state: WaitState, record: UpgradeProgress) -> str:
    """Say that the upgrade completed although its rollback was requested."""
    return "\n".join(
        [
            f"Completed before its rollback started: {_upgrade(state, record, is_rollback=False)}.",
            "Next: to return to the version before, upgrade to that version.",
        ]
    )


def _upgrade(state: WaitState, record: UpgradeProgress, *, is_rollback: bool) -> str:
    versions = from_to(record.kind, *old_and_new(record, state.timeline, is_rollback=is_rollback))
    return f"upgrade of {upgrade_subject(record.kind, record.name)}{versions}"
