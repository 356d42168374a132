"""The message of a wait that ended by a timeout. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.descriptions import (
    describe_progress,
    describe_record,
    describe_selector,
    describe_upgrade,
    pause_message,
    pending_safety_checks,
    pending_services,
)
from airflow_provider_sf.messages.formatting import (
    capitalize_first,
    format_duration,
    one_line,
    upgrade_subject,
)
from airflow_provider_sf.messages.results import from_to, last_seen_lines
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.upgrades.outcomes import Outcome

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.policy import Policy
    from airflow_provider_sf.wait.state import WaitState

_ONLY_WATCHED = "This task only watched the upgrade: it did not stop it or roll it back."
_MAX_REASON_LENGTH = 500


def timeout_message(policy: Policy, state: WaitState, kind: str, name: str, limit: tuple[str, float]) -> str:
    """
    Say which timeout ended the wait and what was last known about the upgrade.

    ``limit`` is the name and length of the timeout of the whole task.
    """
    subject = upgrade_subject(kind, name)
    timeouts = {
        "start_timeout": policy.start_timeout,
        "stall_timeout": policy.stall_timeout,
        "unknown_state_timeout": policy.unknown_state_timeout,
    }
    parameter = state.ended_by if state.ended_by in timeouts else limit[0]
    timeout = f"{format_duration(timeouts.get(parameter, limit[1]))} ({parameter})"
    first, *more = _lines(policy, state, subject, timeout)
    return "\n".join((first, *_last_error(state), *more))


def _lines(policy: Policy, state: WaitState, subject: str, timeout: str) -> list[str]:
    record, is_expected = state.record, bool(state.timeline) and state.timeline[-1].expected
    to = from_to(None, state.expected.target_version if state.expected else None)
    upgrade = f"Upgrade of {subject}{to}"
    latest = upgrade if is_expected else f"Upgrade of {subject}"
    if record is not None and state.ended_by == "unknown_state_timeout":
        return _unknown_state(latest, timeout, record)
    if record is not None and state.ended_by == "stall_timeout":
        return _stalled(upgrade, timeout, record, is_expected=is_expected)
    if record is not None and (is_expected or record.outcome is Outcome.UNKNOWN):
        return _unfinished(latest, timeout, record)
    if state.expected is not None:
        return _gone(upgrade, timeout, state)
    if record is None and (state.error is None or isinstance(state.error, Unreachable)):
        return [f"{upgrade}: no result within {timeout}; the cluster is unreachable.", _ONLY_WATCHED]
    return _not_started(policy, subject, timeout, record)


def _last_error(state: WaitState) -> list[str]:
    if state.error is None:
        return []
    reason = one_line(str(state.error), _MAX_REASON_LENGTH)
    is_outage = isinstance(state.error, Unreachable)
    return [f"{'The cluster was unreachable at the end' if is_outage else 'The cluster answered'}: {reason}"]


def _unknown_state(upgrade: str, timeout: str, record: UpgradeProgress) -> list[str]:
    state = f"reports {one_line(record.state)!r}" if record.state else "reports no state"
    return [
        f"{upgrade} has been in an unknown state for {timeout}: Service Fabric {state}.",
        "An unknown state never counts as success. Please report it to the maintainers of this provider.",
        _ONLY_WATCHED,
    ]


def _stalled(upgrade: str, timeout: str, record: UpgradeProgress, *, is_expected: bool) -> list[str]:
    subject = upgrade if is_expected else f"Another u{upgrade[1:]}"
    lines = [f"{subject} has stalled: nothing changed for {timeout}; last seen: {describe_progress(record)}."]
    if not is_expected:
        lines.append(f"It is not the expected upgrade, as far as is known: {describe_upgrade(record)}.")
    pending = _pending(record)
    if not pending:
        return [*lines, _ONLY_WATCHED]
    return [*lines, *pending, _replica_check_timeout(record), _ONLY_WATCHED]


def _pending(record: UpgradeProgress) -> list[str]:
    """Say which services and safety checks the upgrade waits for."""
    behind, checks = pending_services(record), pending_safety_checks(record)
    return [
        *([f"Services behind: {behind}."] if behind else []),
        *([f"Safety checks: {checks}."] if checks else []),
    ]


def _replica_check_timeout(record: UpgradeProgress) -> str:
    limit = record.replica_check_timeout_seconds
    if limit is None:
        return "The replica check timeout is infinite: Service Fabric never continues without them."
    return (
        f"Service Fabric continues without them after {format_duration(limit)} in an upgrade domain, even if "
        "that reduces availability (replica check timeout)."
    )


def _unfinished(upgrade: str, timeout: str, record: UpgradeProgress) -> list[str]:
    lines = [
        f"{upgrade} did not finish within {timeout}; last seen: {describe_progress(record)}.",
        *_pending(record),
    ]
    if record.outcome is Outcome.PAUSED:
        lines.append(f"{pause_message(record)}.")
    if record.outcome is Outcome.UNKNOWN:
        lines.append("This package does not know that state; an unknown state never counts as success.")
    return [*lines, _ONLY_WATCHED]


def _gone(upgrade: str, timeout: str, state: WaitState) -> list[str]:
    is_start = state.ended_by == "start_timeout"
    since = f"it was missing for {timeout}" if is_start else f"the wait ended after {timeout}"
    return [
        f"{upgrade} is no longer on record; {since}.",
        *last_seen_lines(state),
        f"Last answer: {describe_record(state.record)}.",
        "Next: find out who deleted or replaced it.",
    ]


def _not_started(policy: Policy, subject: str, timeout: str, record: UpgradeProgress | None) -> list[str]:
    if record is None or record.outcome is Outcome.NOT_UPGRADED:
        found = describe_record(record)
    elif record.outcome.finished:
        found = f"last upgrade on record: {describe_record(record)}"
    else:
        found = f"another upgrade is running: {describe_record(record)}"
    is_paused = record is not None and record.outcome is Outcome.PAUSED
    return [
        f"{capitalize_first(subject)}: no matching upgrade started within {timeout}; {found}.",
        *([f"{pause_message(record)}."] if record is not None and is_paused else []),
        f"Expected upgrade: {describe_selector(policy.selector)}.",
        "Next: check whether the task that starts the upgrade did so, and which upgrade it started.",
    ]
