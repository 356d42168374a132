"""How progress reads to a person while a wait lasts: an opening, changes, signs of life. Pure; no I/O."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import (
    NOBODY_KNOWS,
    STATE_WIDTH,
    UNHEALTHY,
    bar,
    behind,
    counts,
    how_far,
    meaning,
    pause,
    plain,
    span,
    standing,
    title,
    where,
    which,
)
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.state import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.upgrades.services import ServiceProgress
    from airflow_provider_sf.wait.policy import Policy
    from airflow_provider_sf.wait.state import WaitState

Line = tuple[int, str]
"""A level of the logging module and a text of one line."""

HEARTBEAT_SECONDS = 600.0
"""A line comes at least this often, even if nothing changes."""

STILL_SECONDS = 120.0
"""How long nothing must have changed until the safety checks that an upgrade waits for are worth a line."""

WORTH_A_LINE = 5.0
"""How much further, in percent, an upgrade must have come within one state to be worth a line."""

_SHOULD_MOVE = frozenset({Outcome.IN_PROGRESS, Outcome.ROLLING_BACK})
_NOT_OURS = {
    False: "not the upgrade meant: {}",
    True: "there already, which is enough (accept_current_version): {}",
}


@dataclass(frozen=True, slots=True)
class LogState:
    """
    What the log of this process said last: about which record, when that was, and when anything was.

    ``checks`` are the safety checks that hold the upgrade up, if they were told.
    """

    record: UpgradeProgress | None = None
    record_at: datetime | None = None
    at: datetime | None = None
    checks: tuple[str, ...] = ()

    @classmethod
    def of(cls, record: UpgradeProgress | None, now: datetime) -> LogState:
        """Return what another process of this wait has said, as far as that is known."""
        return cls(record, now, now)


def opening_lines(
    kind: str, name: str, endpoint: str, policy: Policy, limit: tuple[str, float]
) -> tuple[str, str]:
    """Say what is awaited and where and which upgrade is meant; and, as a second line, by which clocks."""
    clocks = {
        limit[0]: limit[1],
        "start_timeout": policy.start_timeout,
        "stall_timeout": policy.stall_timeout,
        "unknown_state_timeout": policy.unknown_state_timeout,
        "unreachable_timeout": policy.unreachable_timeout,
    }
    said = ", ".join(f"{name} {span(seconds)}" for name, seconds in clocks.items() if seconds is not None)
    growing = " at first" if policy.exponential_backoff else ""
    return (
        f"Waiting for the upgrade of {title(kind, name)} at {endpoint}: {meaning(policy.selector)}",
        f"Asking every {span(policy.poke_interval)}{growing}; {said}",
    )


def status_line(record: UpgradeProgress, services: Iterable[ServiceProgress], *, waiting: bool = True) -> str:
    """
    Put a record on one line: state, how far, where, and how many replicas of these services are upgraded.

    Every domain begins with safety checks, so what it is ``waiting`` for may be too early to tell.
    """
    value = None if record.outcome is Outcome.NOT_UPGRADED else how_far(record)
    done = "  - %" if value is None else f"{value:3.0f} %"
    line = (
        f"{standing(record):<{STATE_WIDTH}}",
        done,
        bar(value),
        *where(record, waiting=waiting),
        *counts(services),
    )
    return "  ".join(line)


def changed_lines(
    told: LogState, before: WaitState, after: WaitState, policy: Policy, now: datetime
) -> tuple[LogState, list[Line]]:
    """
    Return what a poll has changed, as log lines, and what the log says then; mostly there is nothing to say.

    Every line begins with the time since the wait began. Progress within one state is told when it has come
    5 percent further or ten minutes have passed; when nothing has changed for these, that is told.
    """
    progress = [*_of_the_record(told, before, after, policy, now)]
    lines = [*_of_silence(before, after, policy, now), *progress]
    if not lines and _is_long_ago(told.at, now) and not _is_refused(after):
        lines = [_heartbeat(after, policy, now)]
    elapsed = f"{span(_seconds(after.began_at, now)):>7}"
    told = replace(told, at=now if lines else told.at or now)
    if progress or after.record is None:
        told = replace(told, record=after.record, record_at=now, checks=_held_up_by(after, now))
    elif told.record is not None and told.record.content == after.record.content:
        told = replace(told, record=after.record)  # of ten thousand waits each would keep two
    return told, [(level, f"{elapsed}  {text}") for level, text in lines]


def quiet_for(told: LogState, memory: WaitState, policy: Policy, now: datetime) -> float:
    """Return for how many seconds there is nothing to say if polls bring nothing new."""
    record = memory.record
    if told.at is None or record is None:
        return 0.0
    silent = [HEARTBEAT_SECONDS - _seconds(told.at, now)]
    if told.record is None or told.record.position != record.position:
        silent.append(HEARTBEAT_SECONDS - _seconds(told.record_at, now))
    still = _seconds(memory.moved_at, now)
    checks = record.domains.current.safety_checks
    if checks and set(checks) != set(told.checks):
        silent.append(STILL_SECONDS - still)
    if policy.stall_timeout is not None and _should_move(memory) and still < policy.stall_timeout / 2:
        silent.append(policy.stall_timeout / 2 - still)
    return max(0.0, min(silent))


def _of_silence(before: WaitState, after: WaitState, policy: Policy, now: datetime) -> Iterator[Line]:
    """Tell of what is missing; a single lost answer among others is only counted, not told."""
    enough = 2 if before.answers else 1
    if isinstance(after.error, Unreachable) and after.unreachable_polls == enough:
        budget = span(policy.unreachable_timeout)
        yield logging.WARNING, f"no usable answer, forgiven for {budget}: {_reason(after)}"
    if (
        before.unreachable_since is not None
        and after.unreachable_since is None
        and before.unreachable_polls >= enough
    ):
        yield (
            logging.WARNING,
            f"the cluster answers again after {span(_seconds(before.unreachable_since, now))}",
        )
    is_new = before.record is not None or before.verdict is not after.verdict
    if _is_missing(after) and is_new:
        yield (
            logging.INFO,
            f"it does not exist, which counts as not begun (wait_for_existence): {_reason(after)}",
        )


def _of_the_record(
    told: LogState, before: WaitState, after: WaitState, policy: Policy, now: datetime
) -> Iterator[Line]:
    record = after.record
    if record is None or after.error is not None:
        return
    is_new_stage = _is_new_stage(before, after)
    moves_again = _moves_again(before, after, policy, now)
    checks = _held_up_by(after, now)
    is_held_up = bool(checks) and set(checks) != set(told.checks)
    if is_new_stage or moves_again or is_held_up or _is_worth_a_line(told, record, now):
        seen = told.record.services if told.record else ()
        remark = (_remark(before, after, record) if is_new_stage else None) or moves_again
        services = [service for service in record.services if service not in seen]
        line = status_line(record, services, waiting=bool(checks) or told.record is None)
        yield _level(before, after, record, moves_again), line + (f"  ({remark})" if remark else "")
    if is_new_stage and record.outcome is Outcome.PAUSED:
        yield logging.WARNING, pause(record)
    if policy.stall_timeout is not None and _half_stalled(before, after, policy.stall_timeout, now):
        still, waiting = span(_seconds(after.moved_at, now)), [one for one in record.services if one.behind]
        limit = span(policy.stall_timeout)
        whom = f"; services behind: {behind(waiting, record.more_behind)}" if waiting else ""
        place = "".join(f"; {said}" for said in where(record))
        yield logging.WARNING, f"nothing has changed for {still}; stall_timeout is {limit}{place}{whom}"


def _heartbeat(after: WaitState, policy: Policy, now: datetime) -> Line:
    """Say that the wait goes on, and for how long nothing has changed."""
    if after.unreachable_polls > 1:
        silence = _seconds(after.unreachable_since, now)
        left = span(policy.unreachable_timeout - silence)
        return logging.WARNING, f"still no usable answer, for {span(silence)}; forgiven for {left} more"
    still = span(_seconds(after.moved_at, now))
    if after.record is None or after.verdict is Verdict.NOT_STARTED:
        left = span(policy.start_timeout - _seconds(after.verdict_since, now))
        what = "ours is gone" if after.expected else "not begun"
        return logging.INFO, f"{what}: nothing has changed for {still}; start_timeout is in {left}"
    paused = "paused, " if after.record.outcome is Outcome.PAUSED else ""
    return logging.INFO, f"{status_line(after.record, ())}  {paused}unchanged for {still}"


def _is_new_stage(before: WaitState, after: WaitState) -> bool:
    return not before.timeline or before.timeline[-1].first_seen_at != after.timeline[-1].first_seen_at


def _is_worth_a_line(told: LogState, record: UpgradeProgress, now: datetime) -> bool:
    """Whether progress within one state is to be told: often enough to follow it, and no more."""
    if told.record is None or _is_long_ago(told.record_at, now):
        return told.record is None or told.record.position != record.position
    if record.health_check_phase == UNHEALTHY != told.record.health_check_phase:
        return True
    come_from, come_to = how_far(told.record), how_far(record)
    is_known = come_from is not None and come_to is not None
    is_further = is_known and abs((come_to or 0.0) - (come_from or 0.0)) >= WORTH_A_LINE
    before, domain = told.record.domains.under_way, record.domains.under_way
    if domain is None and record.domains_done is None:
        return is_further
    # The next domain is worth the line, not the pause before it.
    return domain not in {None, before} and (is_further or not is_known or before is None)


def _level(before: WaitState, after: WaitState, record: UpgradeProgress, moves_again: str | None) -> int:
    """Warn of what goes badly with ours, of the end of that, and of what nobody knows."""
    if moves_again or _was_paused(before):
        return logging.WARNING
    is_concern = after.timeline[-1].expected or after.verdict in {Verdict.SUPERSEDED, Verdict.UNKNOWN}
    goes_well = record.outcome in {Outcome.IN_PROGRESS, Outcome.SUCCEEDED} and not _is_overtaken(after)
    return logging.INFO if goes_well or not is_concern else logging.WARNING


def _remark(before: WaitState, after: WaitState, record: UpgradeProgress) -> str | None:
    """Say what the state alone does not: whose upgrade it is, or that we do not know the state."""
    earlier = before.timeline[-1] if before.timeline else None
    if record.outcome is Outcome.UNKNOWN:
        return NOBODY_KNOWS
    if record.outcome is Outcome.NOT_UPGRADED:
        is_gone = after.expected and after.verdict is not Verdict.SUCCEEDED
        return "no upgrade is on record any more: ours is gone" if is_gone else "no upgrade is on record yet"
    if _is_overtaken(after):
        return f"another upgrade has taken the place of ours: {which(record)}"
    if not after.timeline[-1].expected:
        return _NOT_OURS[after.verdict is Verdict.SUCCEEDED].format(which(record))
    if earlier and not earlier.expected:
        return f"the upgrade meant: {which(record)}"
    return "moves again" if _was_paused(before) and record.outcome in _SHOULD_MOVE else None


def _is_overtaken(after: WaitState) -> bool:
    return after.verdict is Verdict.SUPERSEDED


def _is_missing(after: WaitState) -> bool:
    return after.record is None and after.verdict is Verdict.NOT_STARTED


def _is_refused(after: WaitState) -> bool:
    """Whether the wait ends with an error, which speaks for itself."""
    return after.error is not None and not isinstance(after.error, Unreachable) and not _is_missing(after)


def _was_paused(before: WaitState) -> bool:
    return bool(before.timeline) and before.timeline[-1].outcome is Outcome.PAUSED


def _reason(after: WaitState) -> str:
    return plain(str(after.error), 500)


def _half_stalled(before: WaitState, after: WaitState, stall_timeout: float, now: datetime) -> bool:
    """Whether half of the time without change has passed with this answer, in a state that should move."""
    if not _should_move(after) or not before.timeline:
        return False
    return _was_still(before) < stall_timeout / 2 <= _seconds(after.moved_at, now)


def _moves_again(before: WaitState, after: WaitState, policy: Policy, now: datetime) -> str | None:
    """Say that an end has come to a time without change that was warned of."""
    has_moved = before.moved_at != after.moved_at
    if policy.stall_timeout is None or not before.timeline or not _should_move(before) or not has_moved:
        return None
    if _was_still(before) < policy.stall_timeout / 2:
        return None
    again = "moves again, " if _should_move(after) else ""
    return f"{again}after {span(_seconds(before.moved_at, now))} without a change"


def _should_move(memory: WaitState) -> bool:
    return memory.record is not None and memory.record.outcome in _SHOULD_MOVE


def _was_still(before: WaitState) -> float:
    """For how long nothing had changed at the last answer."""
    return _seconds(before.moved_at, before.timeline[-1].last_seen_at)


def _held_up_by(memory: WaitState, now: datetime) -> tuple[str, ...]:
    """Return the safety checks that have been pending for a while and nothing else has changed."""
    if memory.record is None or _seconds(memory.moved_at, now) < STILL_SECONDS:
        return ()
    return memory.record.domains.current.safety_checks


def _is_long_ago(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and _seconds(moment, now) >= HEARTBEAT_SECONDS


def _seconds(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else (now - since).total_seconds()
