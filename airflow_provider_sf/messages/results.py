"""
The result of a wait that ended by an upgrade: success, failure, superseded. No I/O.

The first words say what happened: Airflow's log page shows about fifty characters of an error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.blockers import details_lines, failed_units, pending_services, reason_lines
from airflow_provider_sf.messages.descriptions import (
    describe_position,
    describe_progress,
    describe_record,
)
from airflow_provider_sf.messages.formatting import (
    format_duration,
    format_time,
    format_version,
    one_line,
    services_behind,
    upgrade_subject,
)
from airflow_provider_sf.messages.pauses import pause_message, resume_command
from airflow_provider_sf.messages.versions import describe_version, from_to, old_and_new, to_new
from airflow_provider_sf.upgrades.failure_reasons import MAX_REASONS
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import Outcome, is_rollback_state
from airflow_provider_sf.wait.state import Verdict
from airflow_provider_sf.wait.timeline import is_followed_by_gap, last_forward

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.policy import Policy
    from airflow_provider_sf.wait.state import WaitState
    from airflow_provider_sf.wait.timeline import Stage

_NOT_RETRIED = "The wait is not retried: waiting again cannot change the result of the upgrade."


def success_message(state: WaitState, record: UpgradeProgress) -> str:
    """Say that the upgrade succeeded, or that its version was deployed already."""
    subject = upgrade_subject(record.kind, record.name)
    if state.timeline and not state.timeline[-1].expected:
        start = f", from an upgrade started {format_time(record.started_at)}" if record.started_at else ""
        origin = ", which was never upgraded" if record.outcome is Outcome.NOT_UPGRADED else start
        version = describe_version(record)
        return f"Already at {version}: {subject}{origin} (accept_current_version)"
    duration = record.duration_seconds
    took = "" if duration is None else f" in {format_duration(duration)}"
    old, new = old_and_new(record, state.timeline, is_rollback=False)
    if not old.main and not KINDS[record.kind].is_multi_phase:
        old = replace(old, main=state.old_version)
    versions = from_to(record.kind, old, new)
    return f"Completed{took}: upgrade of {subject}{versions}"


def failure_message(policy: Policy, state: WaitState, record: UpgradeProgress, verdict: Verdict) -> str:
    """Say what failed, its versions and progress, the services behind, the reasons and the next step."""
    if verdict is Verdict.SUPERSEDED:
        return _superseded_message(state, record)
    timeline = _without_undo(state.timeline) if record.outcome is Outcome.SUCCEEDED else state.timeline
    is_rollback = _has_rolled_back(record, timeline)
    behind = _services_behind(record, timeline, is_rollback=is_rollback)
    units = failed_units(record)
    lines = [
        f"{_failure_subject(record, timeline, is_rollback=is_rollback)}{_parameter(policy, record)}.",
        *_when(record, timeline, is_rollback=is_rollback),
        *([f"Services behind{behind}."] if behind else []),
        *([f"Failed units: {units}."] if units else []),
        *reason_lines(state.reasons[: MAX_REASONS + 1]),
        *details_lines(record),
        *_next_step(record, has_services_behind=bool(behind)),
    ]
    return "\n".join(lines)


def last_seen_lines(state: WaitState) -> list[str]:
    """Say in one line when and how the expected upgrade was last seen; in none if it never was."""
    stages = [stage for stage in state.timeline if stage.expected]
    if not stages:
        return []
    last = stages[-1]
    start = f"started at {format_time(last.started_at)} and " if last.started_at else ""
    return [f"It {start}was last seen at {format_time(last.last_seen_at)}: {describe_progress(last)}."]


def _superseded_message(state: WaitState, record: UpgradeProgress) -> str:
    to = to_new(record.kind, state.timeline, state.expected)
    upgrade = f"{upgrade_subject(record.kind, record.name)}{to}"
    lines = [
        f"Superseded by another upgrade: upgrade of {upgrade}.",
        *last_seen_lines(state),
        f"On record now: {describe_record(record)}.",
        "Its result cannot be known: Service Fabric keeps only the record of the latest upgrade.",
        "Next: find out who started the other upgrade. Then wait for that upgrade, or release again.",
    ]
    return "\n".join(lines)


def _without_undo(timeline: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Return the stages until the end of the rollback; the later ones undo earlier phases, forward."""
    back = [place for place, stage in enumerate(timeline) if is_rollback_state(stage.state)]
    return timeline[: back[-1] + 1] if back else timeline


def _failure_subject(record: UpgradeProgress, timeline: tuple[Stage, ...], *, is_rollback: bool) -> str:
    """Name the upgrade with its versions, and what has happened to it."""
    versions = from_to(record.kind, *old_and_new(record, timeline, is_rollback=is_rollback))
    result = _what_failed(record, _forward_until_turn(timeline), is_rollback=is_rollback)
    reported = one_line(record.state or "no state")
    return f"{result}: upgrade of {upgrade_subject(record.kind, record.name)}{versions} ({reported})"


def _what_failed(record: UpgradeProgress, forward: Stage | None, *, is_rollback: bool) -> str:
    """Name the failure, and where the upgrade failed or was last seen going forward."""
    position = _turn_position(record, forward) if is_rollback else _at(record)
    if record.outcome is Outcome.SUCCEEDED:
        return f"Undone, the configuration is still {format_version(record.config_version)}"
    if record.outcome is Outcome.ROLLED_BACK:
        return f"Rolled back{position}"
    if record.outcome is Outcome.ROLLING_BACK:
        return f"Rolling back{position}"
    verb = "Failed" if record.outcome is Outcome.FAILED else "Paused"
    return f"{verb} during its rollback{position}" if is_rollback else f"{verb}{position}"


def _turn_position(record: UpgradeProgress, forward: Stage | None) -> str:
    """Return where the upgrade failed if that is on record, else where it was last seen going forward."""
    domain = record.domains.failure_domain
    if domain:
        return f", failed in domain {one_line(domain)}"
    position = _at(forward)
    return f", last seen going forward{position}" if position else ""


def _at(progress: UpgradeProgress | Stage | None) -> str:
    """Return the position with its preposition: in a domain, after some domains or at a percentage."""
    position = describe_position(progress)
    if not progress or not position:
        return ""
    if not progress.place:
        return f" at {position}"
    return f" after {position}" if position[0].isdigit() else f" in {position}"


def _parameter(policy: Policy, record: UpgradeProgress) -> str:
    """Name the parameter that ends the wait, if the upgrade itself has not finished."""
    if record.outcome.finished:
        return ""
    is_fail_fast = record.going_back and policy.on_rollback == "fail_fast"
    parameter = "on_rollback='fail_fast'" if is_fail_fast else "on_paused='fail'"
    return f"; {parameter} ends the wait"


def _when(record: UpgradeProgress, timeline: tuple[Stage, ...], *, is_rollback: bool) -> list[str]:
    if is_rollback:
        return [_turn(record, timeline)]
    if record.outcome is not Outcome.FAILED:
        return []
    failed = _failure(record, record.failed_at)
    return [failed] if failed else []


def _turn(record: UpgradeProgress, timeline: tuple[Stage, ...]) -> str:
    """Say between which two polls the rollback started."""
    forward = last_forward(timeline)
    if forward is not None:
        later = timeline[timeline.index(forward) + 1 :]
        back = [stage.first_seen_at for stage in later if is_rollback_state(stage.state)][:1]
        times = " and first seen rolling back at ".join(
            format_time(moment) for moment in (forward.last_seen_at, *back)
        )
        text = f"It was last seen going forward at {times}."
        if is_followed_by_gap(timeline, forward):
            text = f"{text} The time in between is unknown: the triggerer was replaced or started late."
    elif record.domains.failure_domain:
        text = "The rollback had started before this wait."
    else:
        text = "Its progress before the rollback is unknown: the rollback had started before this wait."
    return f"{text} {_failure(record, record.failed_at or _last_failure(timeline))}".rstrip()


def _failure(record: UpgradeProgress, failed_at: datetime | None) -> str:
    """Say in which domain and when the upgrade failed, as far as that is known."""
    domain = record.domains.failure_domain
    place = f" in domain {one_line(domain)}" if domain else ""
    time = f" at {format_time(failed_at)}" if failed_at else ""
    return f"It failed{place}{time}." if place or time else ""


def _last_failure(timeline: Iterable[Stage]) -> datetime | None:
    """Return the failure that was seen last. Service Fabric clears it when it tries again."""
    failures = [stage.failed_at for stage in timeline if stage.expected and stage.failed_at]
    return failures[-1] if failures else None


def _services_behind(record: UpgradeProgress, timeline: tuple[Stage, ...], *, is_rollback: bool) -> str:
    """List the services behind; for a rollback, those before it started, with their time if that is old."""
    if not is_rollback:
        services = pending_services(record)
        return f": {services}" if services else ""
    forward = last_forward(timeline)
    if forward is None or not forward.services_behind:
        return ""
    is_old = is_followed_by_gap(timeline, forward)
    time = f" at {format_time(forward.last_seen_at)}" if is_old else ""
    return f"{time}: {services_behind(forward.services_behind, forward.more_behind)}"


def _forward_until_turn(timeline: tuple[Stage, ...]) -> Stage | None:
    """Return the last forward stage, if it lasted until the next one: then it shows the turn."""
    forward = last_forward(timeline)
    return None if forward and is_followed_by_gap(timeline, forward) else forward


def _next_step(record: UpgradeProgress, *, has_services_behind: bool) -> list[str]:
    services = "the services behind" if has_services_behind else f"its {KINDS[record.kind].components}"
    if record.outcome is Outcome.PAUSED:
        return [f"{pause_message(record)}.", *resume_command(record)]
    if record.outcome is Outcome.ROLLING_BACK:
        advice = f"check {services} before you release again"
        return [f"Next: the rollback continues by itself; {advice}."]
    advice = f"Next: check the health and the logs of {services}, fix the new version and release it again."
    return [f"{advice} {_NOT_RETRIED}"]


def _has_rolled_back(record: UpgradeProgress, timeline: Iterable[Stage]) -> bool:
    """
    Whether the rollback has started.

    A rollback can fail, too: then only the old version shows it. An upgrade with several phases is undone by
    upgrades to the old version, which succeed.
    """
    forward = last_forward(timeline)
    new = forward.target_version if forward else None
    has_old_version = record.outcome is Outcome.FAILED and new not in {None, record.target_version}
    return record.going_back or has_old_version or record.outcome is Outcome.SUCCEEDED
