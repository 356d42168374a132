"""The result of a wait that ended by an upgrade: success, failure, superseded. No I/O."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.descriptions import (
    describe_position,
    describe_progress,
    describe_record,
    pause_message,
    pending_services,
)
from airflow_provider_sf.messages.formatting import (
    capitalize_first,
    format_duration,
    format_time,
    format_version,
    one_line,
    services_behind,
    upgrade_subject,
)
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import Outcome, is_rollback_state
from airflow_provider_sf.wait.state import Verdict
from airflow_provider_sf.wait.timeline import last_forward

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.policy import Policy
    from airflow_provider_sf.wait.state import WaitState
    from airflow_provider_sf.wait.timeline import Stage

_MAX_DETAILS_LENGTH, _MAX_REASON_LENGTH, _MAX_REASONS = 500, 300, 5


def success_message(state: WaitState, record: UpgradeProgress) -> str:
    """Say that the upgrade succeeded, or that its version was deployed already."""
    subject = upgrade_subject(record.kind, record.name)
    if state.timeline and not state.timeline[-1].expected:
        start = f", from an upgrade started {format_time(record.started_at)}" if record.started_at else ""
        origin = " and was never upgraded" if record.outcome is Outcome.NOT_UPGRADED else start
        version = format_version(record.target_version)
        return f"{capitalize_first(subject)} is already at {version}{origin} (accept_current_version)"
    duration = record.duration_seconds
    took = "" if duration is None else f" in {format_duration(duration)}"
    return f"Upgrade of {subject}{from_to(*_versions(record, state.timeline))} completed{took}"


def failure_message(policy: Policy, state: WaitState, record: UpgradeProgress, verdict: Verdict) -> str:
    """Say what failed, its versions and progress, the services behind, the reasons and the next step."""
    if verdict is Verdict.SUPERSEDED:
        return _superseded_message(state, record)
    forward, is_rollback = last_forward(state.timeline), _has_rolled_back(record, state.timeline)
    behind = _services_behind(record, forward, is_rollback=is_rollback)
    upgrade = f"{upgrade_subject(record.kind, record.name)}{from_to(*_versions(record, state.timeline))}"
    result = _what_failed(record, forward, is_rollback=is_rollback)
    reported = one_line(record.state or "no state")
    lines = [
        f"Upgrade of {upgrade} {result} ({reported}){_parameter(policy, record)}.",
        *_when(record, state.timeline, is_rollback=is_rollback),
        *([f"Services behind: {behind}."] if behind else []),
        *_reasons(state.reasons),
    ]
    if record.status_details:
        lines.append(f"Service Fabric says: {one_line(record.status_details, _MAX_DETAILS_LENGTH)}")
    return "\n".join((*lines, _next_step(record, has_services_behind=bool(behind))))


def last_seen_lines(state: WaitState) -> list[str]:
    """Say in one line when and how the expected upgrade was last seen; in none if it never was."""
    stages = [stage for stage in state.timeline if stage.expected]
    if not stages:
        return []
    last = stages[-1]
    start = f"started at {format_time(last.started_at)} and " if last.started_at else ""
    return [f"It {start}was last seen at {format_time(last.last_seen_at)}: {describe_progress(last)}."]


def from_to(old: str | None, new: str | None) -> str:
    """Name the versions that are known: `` from v0 to v1``."""
    return f"{f' from {one_line(old)}' if old else ''}{f' to {one_line(new)}' if new else ''}"


def _superseded_message(state: WaitState, record: UpgradeProgress) -> str:
    to = from_to(None, state.expected.target_version if state.expected else None)
    position = _at(last_forward(state.timeline))
    upgrade = f"{upgrade_subject(record.kind, record.name)}{to}"
    lines = [
        f"Upgrade of {upgrade} was superseded{position}: another upgrade replaced it.",
        *last_seen_lines(state),
        f"On record now: {describe_record(record)}.",
        "Its result cannot be known: Service Fabric keeps only the record of the latest upgrade.",
        "Next: find out who started the other upgrade. Then wait for that upgrade, or release again.",
    ]
    return "\n".join(lines)


def _what_failed(record: UpgradeProgress, forward: Stage | None, *, is_rollback: bool) -> str:
    """Name the failure, and the position at which the upgrade failed or its rollback started."""
    position = _at(forward if is_rollback else record)
    if record.outcome is Outcome.ROLLED_BACK:
        return f"was rolled back{position}"
    if record.outcome is Outcome.ROLLING_BACK:
        return f"started to roll back{position}"
    verb = "failed" if record.outcome is Outcome.FAILED else "is paused"
    if is_rollback:
        return f"{verb} during its rollback{f', which started{position}' if position else ''}"
    return f"{verb}{position}"


def _at(progress: UpgradeProgress | Stage | None) -> str:
    """Return the position with its preposition: at a percentage, in a domain or after some domains."""
    position = describe_position(progress)
    if not progress or not position:
        return ""
    if progress.percent_completed is not None:
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
        return [_turn(timeline, record.failed_at or _last_failure(timeline))]
    if record.failed_at and record.outcome is Outcome.FAILED:
        return [f"It failed at {format_time(record.failed_at)}."]
    return []


def _turn(timeline: tuple[Stage, ...], failed_at: datetime | None) -> str:
    """Say between which two polls the rollback started."""
    forward = last_forward(timeline)
    if forward is None:
        text = "Its progress before the rollback is unknown: the rollback had started before this wait."
    else:
        later = timeline[timeline.index(forward) + 1 :]
        back = [stage.first_seen_at for stage in later if is_rollback_state(stage.state)][:1]
        times = " and first seen rolling back at ".join(
            format_time(moment) for moment in (forward.last_seen_at, *back)
        )
        text = f"It was last seen going forward at {times}."
    return f"{text} It failed at {format_time(failed_at)}." if failed_at else text


def _last_failure(timeline: Iterable[Stage]) -> datetime | None:
    """Return the failure that was seen last. Service Fabric clears it when it tries again."""
    failures = [stage.failed_at for stage in timeline if stage.expected and stage.failed_at]
    return failures[-1] if failures else None


def _services_behind(record: UpgradeProgress, forward: Stage | None, *, is_rollback: bool) -> str:
    """List the services behind; for a rollback, those before it started."""
    if not is_rollback:
        return pending_services(record)
    return services_behind(forward.services_behind, forward.more_behind) if forward else ""


def _reasons(reasons: tuple[str, ...]) -> list[str]:
    shown = [one_line(reason, _MAX_REASON_LENGTH) for reason in reasons[:_MAX_REASONS]]
    return [f"Why: {reason.removesuffix('.')}." for reason in shown]


def _next_step(record: UpgradeProgress, *, has_services_behind: bool) -> str:
    services = "the services behind" if has_services_behind else f"its {KINDS[record.kind].components}"
    if record.outcome is Outcome.PAUSED:
        return f"{pause_message(record)}."
    if record.outcome is Outcome.ROLLING_BACK:
        return f"Next: the rollback continues by itself; check {services} before you release again."
    return (
        f"Next: check the health and the logs of {services}, fix the new version and release it again. "
        "This task is not retried: waiting again cannot change the result of the upgrade."
    )


def _versions(record: UpgradeProgress, timeline: Iterable[Stage]) -> tuple[str | None, str | None]:
    """
    Return the old and the new version of the upgrade, where known.

    During and after a rollback, Service Fabric reports the old version as the target.
    """
    forward = last_forward(timeline)
    new = forward.target_version if forward else None
    if _has_rolled_back(record, timeline):
        new = new if forward else record.previous_version
        return record.target_version, None if new == record.target_version else new
    return record.previous_version or _version_before(timeline), record.target_version


def _version_before(timeline: Iterable[Stage]) -> str | None:
    """Return the version of a success that was on record right before the expected upgrade."""
    earlier = list(takewhile(lambda stage: not stage.expected, timeline))[-1:]
    return next((stage.target_version for stage in earlier if stage.outcome is Outcome.SUCCEEDED), None)


def _has_rolled_back(record: UpgradeProgress, timeline: Iterable[Stage]) -> bool:
    """Whether the rollback has started. A rollback can fail, too: then only the old version shows it."""
    forward = last_forward(timeline)
    new = forward.target_version if forward else None
    return record.going_back or (
        record.outcome is Outcome.FAILED and new not in {None, record.target_version}
    )
