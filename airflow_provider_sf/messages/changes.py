"""What one poll has changed, and whether that is worth a log line. No text, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.blockers import UNHEALTHY_PHASE
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.state import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.policy import Policy
    from airflow_provider_sf.wait.state import WaitState

HEARTBEAT_SECONDS = 600.0
"""A line comes at least this often, even if nothing changes."""

SAFETY_CHECK_SECONDS = 120.0
"""Pending safety checks are worth a line after this time without a change: each domain starts with some."""

MIN_PERCENT_STEP = 5.0
"""Progress within one state is worth a line if it is at least this large, in percent."""

_MOVING = frozenset({Outcome.IN_PROGRESS, Outcome.ROLLING_BACK})


@dataclass(frozen=True, slots=True)
class PollChange:
    """The state of a wait before and after one poll."""

    before: WaitState
    after: WaitState
    policy: Policy
    now: datetime

    @property
    def is_new_stage(self) -> bool:
        """Whether the poll has found another upgrade or another state."""
        before, after = self.before.timeline, self.after.timeline
        return not before or before[-1].first_seen_at != after[-1].first_seen_at

    @property
    def is_missing(self) -> bool:
        """Whether the application does not exist, and the wait goes on."""
        return self.after.record is None and self.after.verdict is Verdict.NOT_STARTED

    @property
    def is_fatal(self) -> bool:
        """Whether the wait ends with an error. The task raises it, so no line is needed."""
        error = self.after.error
        is_outage = self.after.unreachable_polls > self.before.unreachable_polls
        return error is not None and not is_outage and not self.is_missing

    @property
    def is_superseded(self) -> bool:
        """Whether another upgrade has replaced the expected one."""
        return self.after.verdict is Verdict.SUPERSEDED

    @property
    def was_paused(self) -> bool:
        """Whether the last record before the poll was paused."""
        return bool(self.before.timeline) and self.before.timeline[-1].outcome is Outcome.PAUSED

    @property
    def should_move(self) -> bool:
        """Whether the upgrade is in a state in which progress is expected."""
        return _should_move(self.after)

    @property
    def has_new_failed_units(self) -> bool:
        """Whether the poll is the first one that has found failed upgrade units."""
        return _has_failed_units(self.after.record) and not _has_failed_units(self.before.record)

    @property
    def is_gone(self) -> bool:
        """Whether the expected upgrade was seen, and nothing about it is on record any more."""
        return self.after.expected is not None and self.after.verdict is Verdict.NOT_STARTED

    @property
    def seconds_unchanged(self) -> float:
        """For how long nothing has changed."""
        return seconds_between(self.after.moved_at, self.now)

    @property
    def is_half_stalled(self) -> bool:
        """Whether half of ``stall_timeout`` has passed without a change with this poll, and not before."""
        stall_timeout = self.policy.stall_timeout
        if stall_timeout is None or not self.should_move or not self.before.timeline:
            return False
        return _seconds_unchanged_at_last_answer(self.before) < stall_timeout / 2 <= self.seconds_unchanged

    @property
    def has_ended_half_stall(self) -> bool:
        """Whether the poll has found a change after more than half of ``stall_timeout`` without one."""
        before, stall_timeout = self.before, self.policy.stall_timeout
        if stall_timeout is None or not before.timeline or not _should_move(before):
            return False
        has_moved = before.moved_at != self.after.moved_at
        return has_moved and _seconds_unchanged_at_last_answer(before) >= stall_timeout / 2

    @property
    def blocking_safety_checks(self) -> tuple[str, ...]:
        """The pending safety checks, if nothing has changed for a while."""
        if self.after.record is None or self.seconds_unchanged < SAFETY_CHECK_SECONDS:
            return ()
        return self.after.record.domains.pending_safety_checks


def is_worth_logging(logged: UpgradeProgress | None, record: UpgradeProgress, *, is_old: bool) -> bool:
    """
    Whether progress within one state is worth a line, compared with the record of the last one.

    A line that is old is renewed after any progress. Else only large steps count, such as the next domain.
    """
    if logged is None:
        return True
    if is_old:
        return logged.position != record.position
    if record.health_check_phase == UNHEALTHY_PHASE != logged.health_check_phase:
        return True
    before, domain = logged.domains.under_way, record.domains.under_way
    if domain is None and record.domains_done is None:
        return _is_large_step(logged, record) or False
    if domain in {None, before}:
        return False  # The next domain is worth a line, not the pause before it.
    return before is None or _is_large_step(logged, record) is not False


def is_long_ago(moment: datetime | None, now: datetime) -> bool:
    """Whether a heartbeat is due if the last line was logged at this moment."""
    return moment is not None and seconds_between(moment, now) >= HEARTBEAT_SECONDS


def seconds_between(since: datetime | None, now: datetime) -> float:
    """Return the seconds from one time to another; 0 if the first is not known."""
    return 0.0 if since is None else (now - since).total_seconds()


def _is_large_step(logged: UpgradeProgress, record: UpgradeProgress) -> bool | None:
    """Whether the percentage has changed much; None if one of them is not known."""
    before, after = logged.percent_done, record.percent_done
    if before is None or after is None:
        return None
    return abs(after - before) >= MIN_PERCENT_STEP


def _should_move(state: WaitState) -> bool:
    return state.record is not None and state.record.outcome in _MOVING


def _seconds_unchanged_at_last_answer(state: WaitState) -> float:
    return seconds_between(state.moved_at, state.timeline[-1].last_seen_at)


def _has_failed_units(record: UpgradeProgress | None) -> bool:
    return record is not None and bool(record.domains.failed)
