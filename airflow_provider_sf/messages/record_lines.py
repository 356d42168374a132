"""The log lines about the record of a poll. No I/O."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.blockers import (
    describe_place,
    details_lines,
    health_problems,
    is_long_in_domain,
    pending_services,
    problem_lines,
    reason_lines,
    waiting_lines,
)
from airflow_provider_sf.messages.changes import is_long_ago, is_worth_logging, seconds_between
from airflow_provider_sf.messages.descriptions import describe_record, describe_state, describe_upgrade
from airflow_provider_sf.messages.formatting import (
    STATE_WIDTH,
    format_duration,
    progress_bar,
    service_counts,
    upgrade_subject,
)
from airflow_provider_sf.messages.pauses import pause_message, resume_command
from airflow_provider_sf.messages.versions import describe_configuration
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.state import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_sf.messages.changes import PollChange
    from airflow_provider_sf.messages.log_state import LogLine, LogState
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.upgrades.services import ServiceProgress


def status_line(
    record: UpgradeProgress, services: Sequence[ServiceProgress], *, with_time: bool = True
) -> str:
    """
    Put a record on one line: state, percentage, place, and how many replicas of these services are upgraded.

    The time that an upgrade has been in its domain may be left out while that is new.
    """
    value = None if record.outcome is Outcome.NOT_UPGRADED else record.percent_done
    line = (
        f"{describe_state(record):<{STATE_WIDTH}}",
        "  - %" if value is None else f"{value:3.0f} %",
        progress_bar(value, going_back=record.going_back),
        *describe_configuration(record),
        *describe_place(record, with_time=with_time),
        *service_counts(services),
    )
    return "  ".join(line)


def snapshot_lines(kind: str, name: str, record: UpgradeProgress) -> list[str]:
    """Show a record that was read once: a line, and below it what the upgrade waits for."""
    line = f"Upgrade of {upgrade_subject(kind, name)}: {status_line(record, record.services)}"
    return [line, *(f"  {more}" for more in (*waiting_lines(record), *problem_lines(record)))]


def record_lines(log_state: LogState, change: PollChange) -> Iterator[LogLine]:
    """Show the record if it is worth a line, explain a pause, and warn of half a ``stall_timeout``."""
    record = change.after.record
    if record is None or change.after.error is not None:
        return
    if _is_status_due(log_state, change, record):
        yield from _status(log_state, change, record)
    if change.is_new_stage and record.outcome is Outcome.PAUSED:
        problems = reason_lines(health_problems(record)) if record.failed_at else []
        for line in (pause_message(record), *problems, *resume_command(record)):
            yield logging.WARNING, line
    if change.is_half_stalled:
        for line in _stall_warning(change, record):
            yield logging.WARNING, line


def _is_status_due(log_state: LogState, change: PollChange, record: UpgradeProgress) -> bool:
    checks = change.blocking_safety_checks
    if change.is_new_stage or change.has_ended_half_stall or change.has_new_failed_units:
        return True
    if checks and set(checks) != set(log_state.safety_checks):
        return True
    is_old = is_long_ago(log_state.record_logged_at, change.now)
    return is_worth_logging(log_state.record, record, is_old=is_old)


def _status(log_state: LogState, change: PollChange, record: UpgradeProgress) -> Iterator[LogLine]:
    """
    Show the record; of the services, those that have changed since the last line.

    Long texts have lines of their own. Only an upgrade that may be the expected one has a bar.
    """
    level = _level(change, record)
    remark = (_remark(change, record) if change.is_new_stage else None) or _stall_end(change)
    if remark:
        yield level, remark
    if not _has_bar(change, record):
        if not remark:
            yield level, f"ignored: {describe_record(record)}"
        return
    logged = log_state.record.services if log_state.record else ()
    services = [service for service in record.services if service not in logged]
    is_first = log_state.record is None
    is_blocked = bool(change.blocking_safety_checks) or (is_first and is_long_in_domain(record))
    yield level, status_line(record, services, with_time=is_blocked)
    for line in (*(waiting_lines(record) if is_blocked else ()), *problem_lines(record)):
        yield level, f"  {line}"


def _has_bar(change: PollChange, record: UpgradeProgress) -> bool:
    """Whether the record is about the expected upgrade, or may be."""
    is_expected = change.after.timeline[-1].expected and not change.is_superseded
    return record.outcome is Outcome.UNKNOWN or (is_expected and record.outcome is not Outcome.NOT_UPGRADED)


def _level(change: PollChange, record: UpgradeProgress) -> int:
    """Warn of problems of the expected upgrade, of their end, and of unknown states."""
    if change.has_ended_half_stall or change.was_paused or change.has_new_failed_units:
        return logging.WARNING
    if change.is_superseded or change.is_gone:
        return logging.WARNING
    is_good = record.outcome in {Outcome.IN_PROGRESS, Outcome.SUCCEEDED}
    is_relevant = change.after.timeline[-1].expected or change.after.verdict is Verdict.UNKNOWN
    return logging.WARNING if is_relevant and not is_good else logging.INFO


def _remark(change: PollChange, record: UpgradeProgress) -> str | None:
    """Say what the state does not show: which upgrade it is, or that the state is unknown."""
    after = change.after
    if record.outcome is Outcome.UNKNOWN:
        return "unknown state, never counts as success"
    if record.outcome is Outcome.NOT_UPGRADED:
        is_gone = after.expected and after.verdict is not Verdict.SUCCEEDED
        return "the expected upgrade is no longer on record" if is_gone else "no upgrade on record yet"
    if change.is_superseded:
        return f"superseded by another upgrade: {describe_record(record)}"
    if not after.timeline[-1].expected:
        return _remark_on_other(change, record)
    return _remark_on_expected(change, record)


def _remark_on_expected(change: PollChange, record: UpgradeProgress) -> str | None:
    before = change.before
    if before.timeline and not before.timeline[-1].expected:
        return f"expected upgrade found: {describe_upgrade(record)}"
    if change.after.verdict is Verdict.PHASE_COMPLETED:
        return "a phase has completed; waiting for the next one"
    return "moving again" if change.was_paused and change.should_move else None


def _remark_on_other(change: PollChange, record: UpgradeProgress) -> str:
    if change.after.verdict is Verdict.SUCCEEDED:
        return f"accepted, deployed already (accept_current_version): {describe_upgrade(record)}"
    if change.policy.selector.lacks_version(record, change.now):
        return f"ignored, its new version is unknown (target_version): {describe_record(record)}"
    return f"ignored, not the expected upgrade: {describe_record(record)}"


def _stall_end(change: PollChange) -> str | None:
    if not change.has_ended_half_stall:
        return None
    unchanged = format_duration(seconds_between(change.before.moved_at, change.now))
    return f"{'moving again' if change.should_move else 'changed'} after {unchanged} without a change"


def _stall_warning(change: PollChange, record: UpgradeProgress) -> Iterator[str]:
    behind = pending_services(record)
    unchanged, limit = format_duration(change.seconds_unchanged), format_duration(change.policy.stall_timeout)
    place = "".join(f"; {part}" for part in describe_place(record))
    yield f"nothing has changed for {unchanged} of {limit} (stall_timeout){place}"
    for line in (
        *waiting_lines(record),
        *problem_lines(record),
        *([f"services behind: {behind}"] if behind else []),
        *details_lines(record),
    ):
        yield f"  {line}"
