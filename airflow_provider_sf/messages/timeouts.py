"""The message of a wait that ended by a timeout. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.blockers import (
    blocker_lines,
    details_lines,
    pending_safety_checks,
    pending_services,
)
from airflow_provider_sf.messages.descriptions import (
    describe_progress,
    describe_record,
    describe_selector,
    describe_upgrade,
)
from airflow_provider_sf.messages.formatting import (
    format_duration,
    format_version,
    one_line,
    upgrade_subject,
)
from airflow_provider_sf.messages.pauses import pause_message, resume_command
from airflow_provider_sf.messages.results import last_seen_lines
from airflow_provider_sf.messages.versions import to_new
from airflow_provider_sf.rest.protocol import is_about_connection
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.state import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.policy import Policy
    from airflow_provider_sf.wait.state import WaitState

ONLY_WATCHED = "This wait only watched the upgrade: it did not stop it or roll it back."
_MAX_REASON_LENGTH = 500

_STOPPED_CLOCK_SECONDS = 300.0
"""A domain that has been current for this much longer than Service Fabric counts is remarkable."""

_CHECK_CLUSTER_MANAGER = (
    "Next: check the health of fabric:/System/ClusterManagerService and of the node of its primary."
)
_INFINITE_CHECK = (
    "The replica check timeout (UpgradeReplicaSetCheckTimeout) is infinite: Service Fabric never continues "
    "without them. Next: make them available, or update the upgrade with a finite timeout."
)


_NO_NEW_VERSION = "Service Fabric reports no new version for a rollback, so target_version is not proved"


@dataclass(frozen=True, slots=True)
class _End:
    """How a wait has ended: its last state, and the words for what it waited for."""

    policy: Policy
    state: WaitState
    subject: str
    upgrade: str
    """The expected upgrade, with its version: ``upgrade of application 'fabric:/shop/web' to v1``."""
    timeout: str
    """Length and name of the timeout."""

    @property
    def is_expected(self) -> bool:
        """Whether the last record is about the expected upgrade."""
        return bool(self.state.timeline) and self.state.timeline[-1].expected

    @property
    def latest(self) -> str:
        """The upgrade on record, with its version if it is the expected one."""
        return self.upgrade if self.is_expected else f"upgrade of {self.subject}"

    @property
    def seconds_unchanged(self) -> float:
        """For how long nothing has changed."""
        moved_at, ended_at = self.state.moved_at, self.state.ended_at
        return (ended_at - moved_at).total_seconds() if moved_at and ended_at else 0.0


def timeout_message(
    policy: Policy,
    state: WaitState,
    kind: str,
    name: str,
    limit: tuple[str, float],
    *,
    more_lines: Sequence[str] = (),
) -> str:
    """
    Say which timeout ended the wait and what was last known about the upgrade.

    ``limit`` is the name and length of the timeout of the whole task. ``more_lines`` say what was read at the
    end.
    """
    timeouts = {
        "start_timeout": policy.start_timeout,
        "stall_timeout": policy.stall_timeout,
        "unknown_state_timeout": policy.unknown_state_timeout,
    }
    parameter = state.ended_by if state.ended_by in timeouts else limit[0]
    timeout = f"{format_duration(timeouts.get(parameter, limit[1]))} ({parameter})"
    subject = upgrade_subject(kind, name)
    upgrade = f"upgrade of {subject}{to_new(kind, state.timeline, state.expected)}"
    end = _End(policy, state, subject, upgrade, timeout)
    first, *more = _without_record(end) if state.record is None else _with_record(end, state.record)
    return "\n".join((first, *_last_error(state), *more[:-1], *more_lines, *more[-1:]))


def _without_record(end: _End) -> list[str]:
    error = end.state.error
    if end.state.expected is not None:
        return _gone(end)
    if error is None or end.state.unreachable_since is not None:
        is_connection = error is not None and is_about_connection(error)
        problem = "the connection cannot be used" if is_connection else "the cluster is unreachable"
        return [f"No result within {end.timeout}, {problem}: {end.upgrade}.", ONLY_WATCHED]
    return _not_started(end, None)


def _with_record(end: _End, record: UpgradeProgress) -> list[str]:
    state = end.state
    if state.ended_by == "unknown_state_timeout":
        return _unknown_state(end, record)
    if state.ended_by == "stall_timeout":
        return _stalled(end, record)
    if state.verdict is Verdict.PHASE_COMPLETED:
        return _undone(end, record)
    if end.is_expected or record.outcome is Outcome.UNKNOWN:
        return _unfinished(end, record)
    return _gone(end) if state.expected else _not_started(end, record)


def _last_error(state: WaitState) -> list[str]:
    if state.error is None:
        return []
    reason = one_line(str(state.error), _MAX_REASON_LENGTH)
    if is_about_connection(state.error):
        return [f"The connection could not be used at the end: {reason}"]
    is_outage = state.unreachable_since is not None
    return [f"{'The cluster was unreachable at the end' if is_outage else 'The cluster answered'}: {reason}"]


def _unknown_state(end: _End, record: UpgradeProgress) -> list[str]:
    state = f"reports {one_line(record.state)!r}" if record.state else "reports no state"
    return [
        f"In an unknown state for {end.timeout}: {end.latest}; Service Fabric {state}.",
        *details_lines(record),
        "An unknown state never counts as success. Please report it to the maintainers of this provider.",
        ONLY_WATCHED,
    ]


def _stalled(end: _End, record: UpgradeProgress) -> list[str]:
    subject = end.upgrade if end.is_expected else f"another {end.upgrade}"
    stalled = f"Stalled, without a change for {end.timeout}"
    lines = [f"{stalled}: {subject}; last seen: {describe_progress(record)}."]
    if not end.is_expected:
        lines.append(f"It is not the expected upgrade, as far as is known: {describe_upgrade(record)}.")
    return [
        *lines,
        *blocker_lines(record),
        *_replica_check_timeout(record),
        *_stopped_clock(end, record),
        ONLY_WATCHED,
    ]


def _replica_check_timeout(record: UpgradeProgress) -> list[str]:
    """Say whether Service Fabric will continue without the replicas that it waits for."""
    if not pending_services(record) and not pending_safety_checks(record):
        return []
    limit = record.replica_check_timeout_seconds
    if limit is None:
        return [_INFINITE_CHECK]
    text = f"Service Fabric continues without them after {format_duration(limit)} in an upgrade domain"
    return [f"{text}, even if that reduces availability (replica check timeout)."]


def _stopped_clock(end: _End, record: UpgradeProgress) -> list[str]:
    """
    Say that Service Fabric does not count the time in a domain: then its cluster manager does nothing.

    The cluster manager adds the time whenever it processes the upgrade:
    ProcessUpgradeContextAsyncOperationBase.cpp of microsoft/service-fabric.
    """
    counted = record.domain_duration_seconds
    if counted is None or record.domains.under_way is None or record.outcome is Outcome.PAUSED:
        return []
    if end.seconds_unchanged - counted < _STOPPED_CLOCK_SECONDS:
        return []
    text = f"Service Fabric counts only {format_duration(counted)} in this upgrade domain"
    return [f"{text}: its cluster manager may be stuck. {_CHECK_CLUSTER_MANAGER}"]


def _undone(end: _End, record: UpgradeProgress) -> list[str]:
    no_phase = f"No other phase started within {end.timeout} after a completed one"
    return [
        f"Not successful, the version is still {format_version(record.new_version)}: {end.upgrade}.",
        f"{no_phase}: the upgrade was rolled back or refused.",
        *details_lines(record),
        "Next: find out why the last phase failed, fix the cause and upgrade again.",
    ]


def _unfinished(end: _End, record: UpgradeProgress) -> list[str]:
    lines = [
        f"Not finished within {end.timeout}: {end.latest}; last seen: {describe_progress(record)}.",
        *blocker_lines(record),
        *_stopped_clock(end, record),
        *_pause(record),
    ]
    if record.outcome is Outcome.UNKNOWN:
        lines.append("This package does not know that state; an unknown state never counts as success.")
    return [*lines, ONLY_WATCHED]


def _gone(end: _End) -> list[str]:
    is_start = end.state.ended_by == "start_timeout"
    since = f"it was missing for {end.timeout}" if is_start else f"the wait ended after {end.timeout}"
    return [
        f"No longer on record: {end.upgrade}; {since}.",
        *last_seen_lines(end.state),
        f"Last answer: {describe_record(end.state.record)}.",
        "Next: find out who deleted or replaced it.",
    ]


def _not_started(end: _End, record: UpgradeProgress | None) -> list[str]:
    return [
        f"No matching upgrade started within {end.timeout}: {end.subject}; {_found(record)}.",
        *_refusal(record),
        *(_pause(record) if record else []),
        *_unknown_version(end, record),
        f"Expected upgrade: {describe_selector(end.policy.selector)}.",
        "Next: check whether the expected upgrade was started, or another one.",
    ]


def _unknown_version(end: _End, record: UpgradeProgress | None) -> list[str]:
    now = end.state.ended_at
    if record is None or now is None or not end.policy.selector.lacks_version(record, now):
        return []
    return [f"It may be the rollback of the expected upgrade: {_NO_NEW_VERSION}."]


def _found(record: UpgradeProgress | None) -> str:
    if record is None or record.outcome is Outcome.NOT_UPGRADED:
        return describe_record(record)
    if record.outcome.finished:
        return f"last upgrade on record: {describe_record(record)}"
    return f"another upgrade is running: {describe_record(record)}"


def _refusal(record: UpgradeProgress | None) -> list[str]:
    """
    Quote the status details if they may be the reason of a refused start.

    Without a start time a refused start leaves the record of the upgrade before it, with new details.
    """
    if record is None or "started_at" in KINDS[record.kind].keys:
        return []
    return details_lines(record)


def _pause(record: UpgradeProgress) -> list[str]:
    """Explain a pause, and how a person ends it."""
    if record.outcome is not Outcome.PAUSED:
        return []
    return [f"{pause_message(record)}.", *resume_command(record)]
