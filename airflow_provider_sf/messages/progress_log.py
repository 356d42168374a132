"""The log lines of a running wait: what it waits for, changes, heartbeats. No I/O."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.blockers import (
    describe_place,
    problem_lines,
    waiting_lines,
)
from airflow_provider_sf.messages.changes import (
    PollChange,
    is_long_ago,
    seconds_between,
)
from airflow_provider_sf.messages.descriptions import (
    describe_identity,
    describe_selector,
    describe_state,
)
from airflow_provider_sf.messages.formatting import (
    format_duration,
    format_percent,
    one_line,
    upgrade_subject,
)
from airflow_provider_sf.messages.log_state import LogState
from airflow_provider_sf.messages.record_lines import record_lines
from airflow_provider_sf.messages.versions import describe_configuration
from airflow_provider_sf.rest.protocol import is_about_connection
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.state import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from airflow_provider_sf.messages.log_state import LogLine
    from airflow_provider_sf.wait.identity import UpgradeIdentity
    from airflow_provider_sf.wait.policy import Policy
    from airflow_provider_sf.wait.state import WaitState

_MAX_REASON_LENGTH = 500


def opening_lines(  # noqa: PLR0917 - all positional
    kind: str,
    name: str,
    endpoint: str,
    policy: Policy,
    limit: tuple[str, float],
    started: UpgradeIdentity | None = None,
) -> tuple[str, str, str]:
    """
    Name the target, the expected upgrade, and the poll interval with the timeouts: a line each.

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
    return (
        f"Waiting for the upgrade of {upgrade_subject(kind, name)} at {endpoint}",
        f"Expected upgrade: {upgrade}",
        f"Polling every {format_duration(policy.poke_interval)}{at_first}; {', '.join(limits)}",
    )


def changed_lines(
    log_state: LogState, before: WaitState, after: WaitState, policy: Policy, now: datetime
) -> tuple[LogState, list[LogLine]]:
    """
    Return the state of the log after one poll, and the new lines, often none.

    Every line starts with the time since the wait began. Progress within one state is logged in steps of 5
    percent or after ten minutes. Without progress a heartbeat is logged after ten minutes.
    """
    change = PollChange(before, after, policy, now)
    about_record = [*record_lines(log_state, change)]
    lines = [*_outage_lines(change), *about_record]
    if not lines and is_long_ago(log_state.last_line_at, now) and not change.is_fatal:
        lines = [*_heartbeat(change)]
    log_state = replace(log_state, last_line_at=now if lines else log_state.last_line_at or now)
    if about_record or after.record is None:
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


def _heartbeat(change: PollChange) -> Iterator[LogLine]:
    """Say that the wait goes on, and for how long nothing has changed."""
    after, policy = change.after, change.policy
    if after.unreachable_polls > 1:
        outage = seconds_between(after.unreachable_since, change.now)
        left = format_duration(policy.unreachable_timeout - outage)
        subject = (
            "connection still cannot be used" if _is_about_connection(after) else "cluster still unreachable"
        )
        text = f"{subject} after {format_duration(outage)}; retrying for up to {left} more"
        yield logging.WARNING, f"{text} (unreachable_timeout)"
        return
    unchanged = format_duration(change.seconds_unchanged)
    left = format_duration(policy.start_timeout - seconds_between(after.verdict_since, change.now))
    if after.record is None or after.verdict is Verdict.NOT_STARTED:
        problem = "no longer on record" if after.expected else "not started"
        text = f"expected upgrade {problem}: nothing has changed for {unchanged}; start_timeout in {left}"
        yield logging.INFO, text
        return
    record = after.record
    paused = "paused, " if record.outcome is Outcome.PAUSED else ""
    next_phase = f"; start_timeout in {left}" if after.verdict is Verdict.PHASE_COMPLETED else ""
    percent = "" if record.percent_done is None else f" {format_percent(record.percent_done)}"
    where = "".join(f"  {part}" for part in (*describe_configuration(record), *describe_place(record)))
    yield (
        logging.INFO,
        f"{paused}unchanged for {unchanged}{next_phase}: {describe_state(record)}{percent}{where}",
    )
    for line in (*waiting_lines(record), *problem_lines(record)):
        yield logging.INFO, f"  {line}"


def _reason(state: WaitState) -> str:
    return one_line(str(state.error), _MAX_REASON_LENGTH)


def _is_about_connection(state: WaitState) -> bool:
    return state.error is not None and is_about_connection(state.error)
