"""The log lines of a running wait: what it waits for, changes, heartbeats. No I/O."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.blockers import (
    describe_place,
    details_lines,
    health_problems,
    pending_services,
    reason_lines,
)
from airflow_provider_sf.messages.changes import (
    PollChange,
    is_long_ago,
    is_worth_logging,
    seconds_between,
)
from airflow_provider_sf.messages.descriptions import (
    describe_identity,
    describe_selector,
    describe_state,
    describe_upgrade,
    percent_done,
)
from airflow_provider_sf.messages.formatting import (
    STATE_WIDTH,
    format_duration,
    one_line,
    progress_bar,
    service_counts,
    upgrade_subject,
)
from airflow_provider_sf.messages.pauses import pause_message, resume_command
from airflow_provider_sf.messages.versions import describe_configuration
from airflow_provider_sf.rest.protocol import is_about_connection
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.state import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.upgrades.services import ServiceProgress
    from airflow_provider_sf.wait.identity import UpgradeIdentity
    from airflow_provider_sf.wait.policy import Policy
    from airflow_provider_sf.wait.state import WaitState

LogLine = tuple[int, str]
"""A level of the logging module and the text of one line."""

_MAX_REASON_LENGTH = 500


@dataclass(frozen=True, slots=True)
class LogState:
    """
    What this process has logged so far.

    ``record`` is the last one that was logged, at ``record_logged_at``; ``last_line_at`` is the time of any
    last line. ``safety_checks`` are those that were logged because they block the upgrade.
    """

    record: UpgradeProgress | None = None
    record_logged_at: datetime | None = None
    last_line_at: datetime | None = None
    safety_checks: tuple[str, ...] = ()

    @classmethod
    def from_record(cls, record: UpgradeProgress | None, now: datetime) -> LogState:
        """Return the state of a log in which another process has logged this record."""
        return cls(record, now, now)


def opening_lines(  # noqa: PLR0917 - all positional
    kind: str,
    name: str,
    endpoint: str,
    policy: Policy,
    limit: tuple[str, float],
    started: UpgradeIdentity | None = None,
) -> tuple[str, str]:
    """
    Name the target and the expected upgrade; in a second line, the poll interval and the timeouts.

    ``started`` is the expected upgrade if the task itself has started it.
    """
    timeouts = {
        limit[0]: limit[1],
        "start_timeout": policy.start_timeout,
        "stall_timeout": policy.stall_timeout,
        "unknown_state_timeout": policy.unknown_state_timeout,
        "unreachable_timeout": policy.unreachable_timeout,
    }
    limits = [f"{key} {format_duration(seconds)}" for key, seconds in timeouts.items() if seconds is not None]
    at_first = " at first" if policy.exponential_backoff else ""
    upgrade = describe_identity(started) if started else describe_selector(policy.selector)
    expected = f"expected upgrade: {upgrade}"
    return (
        f"Waiting for the upgrade of {upgrade_subject(kind, name)} at {endpoint}; {expected}",
        f"Polling every {format_duration(policy.poke_interval)}{at_first}; {', '.join(limits)}",
    )


def status_line(
    record: UpgradeProgress, services: Sequence[ServiceProgress], *, with_checks: bool = True
) -> str:
    """
    Put a record on one line: state, percentage, place, and how many replicas of these services are upgraded.

    Every domain starts with safety checks, so they may be left out while they are new.
    """
    value = None if record.outcome is Outcome.NOT_UPGRADED else percent_done(record)
    line = (
        f"{describe_state(record):<{STATE_WIDTH}}",
        "  - %" if value is None else f"{value:3.0f} %",
        progress_bar(value),
        *describe_configuration(record),
        *describe_place(record, with_checks=with_checks),
        *service_counts(services),
    )
    return "  ".join(line)


def changed_lines(
    log_state: LogState, before: WaitState, after: WaitState, policy: Policy, now: datetime
) -> tuple[LogState, list[LogLine]]:
    """
    Return the state of the log after one poll, and the new lines, often none.

    Every line starts with the time since the wait began. Progress within one state is logged in steps of 5
    percent or after ten minutes. Without progress a heartbeat is logged after ten minutes.
    """
    change = PollChange(before, after, policy, now)
    record_lines = [*_record_lines(log_state, change)]
    lines = [*_outage_lines(change), *record_lines]
    if not lines and is_long_ago(log_state.last_line_at, now) and not change.is_fatal:
        lines = [_heartbeat(change)]
    log_state = replace(log_state, last_line_at=now if lines else log_state.last_line_at or now)
    if record_lines or after.record is None:
        log_state = LogState(after.record, now, log_state.last_line_at, change.blocking_safety_checks)
    elif log_state.record is not None and log_state.record.content == after.record.content:
        # Ten thousand waits need not keep an equal record twice.
        log_state = replace(log_state, record=after.record)
    elapsed = f"{format_duration(seconds_between(after.began_at, now)):>7}"
    return log_state, [(level, f"{elapsed}  {text}") for level, text in lines]


def _outage_lines(change: PollChange) -> Iterator[LogLine]:
    """Log outages and a missing application. A single lost answer between others is only counted."""
    before, after = change.before, change.after
    min_polls = 2 if before.answers else 1
    is_outage = after.unreachable_polls > before.unreachable_polls
    if is_outage and after.unreachable_polls == min_polls:
        problem = "connection cannot be used" if _is_about_connection(after) else "cluster unreachable"
        limit = format_duration(change.policy.unreachable_timeout)
        text = f"{problem}; retrying for up to {limit} (unreachable_timeout): {_reason(after)}"
        yield logging.WARNING, text
    has_recovered = before.unreachable_since is not None and after.unreachable_since is None
    if has_recovered and before.unreachable_polls >= min_polls:
        outage = format_duration(seconds_between(before.unreachable_since, change.now))
        recovered = "connection can be used" if _is_about_connection(before) else "cluster reachable"
        yield logging.WARNING, f"{recovered} again after {outage}"
    if change.is_missing and (before.record is not None or before.verdict is not after.verdict):
        problem = "no longer exists" if after.expected else "does not exist"
        level = logging.WARNING if after.expected else logging.INFO
        yield level, f"{problem}; counts as not started (wait_for_existence): {_reason(after)}"


def _record_lines(log_state: LogState, change: PollChange) -> Iterator[LogLine]:
    record = change.after.record
    if record is None or change.after.error is not None:
        return
    if _is_status_due(log_state, change, record):
        yield _status(log_state, change, record)
    if change.is_new_stage and record.outcome is Outcome.PAUSED:
        problems = reason_lines(health_problems(record)) if record.failed_at else []
        for line in (pause_message(record), *problems, *resume_command(record)):
            yield logging.WARNING, line
    if change.is_half_stalled:
        yield logging.WARNING, _stall_warning(change, record)


def _is_status_due(log_state: LogState, change: PollChange, record: UpgradeProgress) -> bool:
    checks = change.blocking_safety_checks
    if change.is_new_stage or change.has_ended_half_stall or change.has_new_failed_units:
        return True
    if checks and set(checks) != set(log_state.safety_checks):
        return True
    is_old = is_long_ago(log_state.record_logged_at, change.now)
    return is_worth_logging(log_state.record, record, is_old=is_old)


def _status(log_state: LogState, change: PollChange, record: UpgradeProgress) -> LogLine:
    """Show the record; of the services, those that have changed since the last line."""
    logged = log_state.record.services if log_state.record else ()
    services = [service for service in record.services if service not in logged]
    with_checks = bool(change.blocking_safety_checks) or log_state.record is None
    remark = (_remark(change, record) if change.is_new_stage else None) or _stall_end(change)
    line = status_line(record, services, with_checks=with_checks)
    return _level(change, record), f"{line}  ({remark})" if remark else line


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
        return f"superseded by another upgrade: {describe_upgrade(record)}"
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
        return f"ignored, its new version is unknown (target_version): {describe_upgrade(record)}"
    return f"ignored, not the expected upgrade: {describe_upgrade(record)}"


def _stall_end(change: PollChange) -> str | None:
    if not change.has_ended_half_stall:
        return None
    unchanged = format_duration(seconds_between(change.before.moved_at, change.now))
    return f"{'moving again ' if change.should_move else ''}after {unchanged} without a change"


def _stall_warning(change: PollChange, record: UpgradeProgress) -> str:
    behind = pending_services(record)
    parts = [
        f"nothing has changed for {format_duration(change.seconds_unchanged)}",
        f"stall_timeout is {format_duration(change.policy.stall_timeout)}",
        *describe_place(record),
        *([f"services behind: {behind}"] if behind else []),
        *details_lines(record),
    ]
    return "; ".join(parts)


def _heartbeat(change: PollChange) -> LogLine:
    """Say that the wait goes on, and for how long nothing has changed."""
    after, policy = change.after, change.policy
    if after.unreachable_polls > 1:
        outage = seconds_between(after.unreachable_since, change.now)
        left = format_duration(policy.unreachable_timeout - outage)
        subject = (
            "connection still cannot be used" if _is_about_connection(after) else "cluster still unreachable"
        )
        text = f"{subject} after {format_duration(outage)}; retrying for up to {left} more"
        return logging.WARNING, f"{text} (unreachable_timeout)"
    unchanged = format_duration(change.seconds_unchanged)
    left = format_duration(policy.start_timeout - seconds_between(after.verdict_since, change.now))
    if after.record is None or after.verdict is Verdict.NOT_STARTED:
        problem = "no longer on record" if after.expected else "not started"
        text = f"expected upgrade {problem}: nothing has changed for {unchanged}; start_timeout in {left}"
        return logging.INFO, text
    paused = "paused, " if after.record.outcome is Outcome.PAUSED else ""
    next_phase = f"; start_timeout in {left}" if after.verdict is Verdict.PHASE_COMPLETED else ""
    return logging.INFO, f"{status_line(after.record, ())}  {paused}unchanged for {unchanged}{next_phase}"


def _reason(state: WaitState) -> str:
    return one_line(str(state.error), _MAX_REASON_LENGTH)


def _is_about_connection(state: WaitState) -> bool:
    return state.error is not None and is_about_connection(state.error)
