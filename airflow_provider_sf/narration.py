"""How progress reads to a person while a wait lasts: opening, status lines, change lines. Pure; no I/O."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from airflow_provider_sf.kinds import KINDS
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.story import Verdict
from airflow_provider_sf.upgrades import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from airflow_provider_sf.identity import Meant
    from airflow_provider_sf.story import Memory
    from airflow_provider_sf.upgrades import ServiceProgress, UpgradeProgress
    from airflow_provider_sf.watching import Policy

Line = tuple[int, str]
"""A level of the logging module and a text of one line."""

_SHOULD_MOVE = frozenset({Outcome.IN_PROGRESS, Outcome.ROLLING_BACK})
_NOT_OURS = {
    False: "not, as far as can be told, the upgrade that is meant: {}",
    True: "there already, which is enough (accept_current_version): {}",
}
NOBODY_KNOWS = "a state that this package does not know; it never counts as success"


def title(kind: str, name: str) -> str:
    """Name what is upgraded: ``application resource 'shop'``."""
    return f"{KINDS[kind].title} {name!r}"


def sentence(words: str) -> str:
    """Begin with a capital, as a sentence does."""
    return words[:1].upper() + words[1:]


def span(seconds: float | None) -> str:
    """Word a duration: ``7s``, ``12m04s``, ``1h05m``, ``2d03h``; ``-`` if it is not known."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def clock(moment: datetime) -> str:
    """Word a time: ``2026-03-01 03:12:44 UTC``."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def percent(value: float | None) -> str:
    """Word how far an upgrade is: ``62 %``."""
    return "percent unknown" if value is None else f"{value:.0f} %"


def replicas(service: ServiceProgress) -> str:
    """Word how many replicas of a service are upgraded: ``3/8``; ``?`` for what is not said."""
    done, pending = service.completed_replicas, service.pending_replicas
    total = "?" if done is None or pending is None else done + pending
    return f"{'?' if done is None else done}/{total}"


def state_words(state: str | None) -> str:
    """Spell a state of Service Fabric as words: RollingForward -> rolling forward."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", state).lower() if state else "no state"


def which(record: UpgradeProgress) -> str:
    """Say which upgrade a record is about: ``to v1, started 2026-03-01 03:00:00 UTC``."""
    direction = "back to" if record.going_back else "to"
    start = f"started {clock(record.started_at)}" if record.started_at else "not started yet"
    return f"{direction} {record.target_version or 'an unknown version'}, {start}"


def meaning(meant: Meant) -> str:
    """Say which upgrade is meant."""
    said = []
    if meant.previous is not None and meant.previous.outcome is Outcome.NOT_UPGRADED:
        said.append("the first one ever (previous)")
    elif meant.previous is not None:
        said.append(f"another than the one {which(meant.previous)} (previous)")
    if meant.started_after is not None:
        skew = f" or up to {span(meant.clock_skew)} before" if meant.clock_skew else ""
        said.append(f"one that starts after {clock(meant.started_after)}{skew} (started_after)")
    if meant.target_version is not None:
        said.append(f"one to {meant.target_version} (target_version)")
    there = f"; {meant.target_version} there already is enough (accept_current_version)"
    return (" and ".join(said) or "the latest on record") + (there if meant.accept_current_version else "")


def opening(kind: str, name: str, policy: Policy, clock_name: str, limit: float) -> str:
    """Say what is awaited, which upgrade is meant and by which clocks, before the first poll."""
    allowed = [
        f"{span(policy.start_timeout)} until it begins (start_timeout)",
        f"{span(policy.unreachable_timeout)} of silence (unreachable_timeout)",
        f"{span(policy.unknown_state_timeout)} of an unknown state (unknown_state_timeout)",
    ]
    if policy.stall_timeout is not None:
        allowed.append(f"{span(policy.stall_timeout)} without change (stall_timeout)")
    return (
        f"Waiting for the upgrade of {title(kind, name)}, {meaning(policy.meant)}: asking every "
        f"{span(policy.poke_interval)}, for {span(limit)} at most ({clock_name}); allowed are "
        f"{', '.join(allowed)}"
    )


def status_line(record: UpgradeProgress, services: Iterable[ServiceProgress] | None = None) -> str:
    """Put a record on one line: elapsed time, state, percent, replicas done of each service."""
    done = "  - %" if record.percent_completed is None else f"{record.percent_completed:3.0f} %"
    shown = record.services if services is None else services
    counts = "  ".join(f"{service.name} {replicas(service)}" for service in shown)
    parts = (f"{span(record.duration_seconds):>7}", f"{state_words(record.state):<22}", done, counts)
    return "  ".join(part for part in parts if part)


def change_lines(before: Memory, after: Memory, policy: Policy, now: datetime) -> Iterator[Line]:
    """Yield what a poll has changed, as log lines; nothing if nothing has changed."""
    if isinstance(after.error, Unreachable) and before.silent_since is None:
        budget = span(policy.unreachable_timeout)
        yield logging.WARNING, f"No usable answer, forgiven for {budget}: {after.error}"
    if before.silent_since is not None and after.silent_since is None:
        silence = span((now - before.silent_since).total_seconds())
        yield logging.INFO, f"The cluster answers again after {silence}"
    if after.record is not None and after.error is None:
        yield from _record_lines(before, after, after.record, policy, now)
    if after.record is None and after.verdict is Verdict.NOT_BEGUN and _is_news(before, after):
        yield (
            logging.INFO,
            f"It does not exist, which counts as not begun (wait_for_existence): {after.error}",
        )


def _record_lines(
    before: Memory, after: Memory, record: UpgradeProgress, policy: Policy, now: datetime
) -> Iterator[Line]:
    seen = before.record.services if before.record else ()
    is_new_stage = len(after.timeline) > len(before.timeline)
    if before.record is None or before.record.position != record.position or is_new_stage:
        moved = [service for service in record.services if service not in seen]
        remark = _remark(before, after, record) if is_new_stage else None
        yield _level(after, record), status_line(record, moved) + (f"  ({remark})" if remark else "")
    if is_new_stage and record.outcome is Outcome.PAUSED:
        yield logging.WARNING, pause(record)
    if policy.stall_timeout is not None and _half_stalled(before, after, policy.stall_timeout, now):
        yield (
            logging.WARNING,
            f"Nothing has changed for {span(policy.stall_timeout / 2)}, half of stall_timeout",
        )


def _level(after: Memory, record: UpgradeProgress) -> int:
    """Warn of what goes badly with ours, and of what nobody knows."""
    is_concern = after.timeline[-1].ours or after.verdict in {Verdict.OVERTAKEN, Verdict.UNKNOWN}
    goes_well = record.outcome in {Outcome.IN_PROGRESS, Outcome.SUCCEEDED} and not _is_overtaken(after)
    return logging.INFO if goes_well or not is_concern else logging.WARNING


def _remark(before: Memory, after: Memory, record: UpgradeProgress) -> str | None:
    """Say what the state alone does not: whose upgrade it is, or that we do not know the state."""
    earlier = before.timeline[-1] if before.timeline else None
    if record.outcome is Outcome.UNKNOWN:
        return NOBODY_KNOWS
    if record.outcome is Outcome.NOT_UPGRADED:
        return (
            "no upgrade is on record any more: ours is gone" if after.ours else "no upgrade is on record yet"
        )
    if _is_overtaken(after):
        return f"another upgrade has taken the place of ours: {which(record)}"
    if not after.timeline[-1].ours:
        return _NOT_OURS[after.verdict is Verdict.SUCCEEDED].format(which(record))
    if earlier and not earlier.ours:
        return f"the upgrade that is meant: {which(record)}"
    was_paused = earlier is not None and earlier.outcome is Outcome.PAUSED
    return "moves again" if was_paused and record.outcome in _SHOULD_MOVE else None


def _is_overtaken(after: Memory) -> bool:
    return after.verdict is Verdict.OVERTAKEN


def pause(record: UpgradeProgress) -> str:
    """Say why an upgrade is paused and what a person must do."""
    if record.going_back:
        cause = "Paused in its rollback before the next upgrade domain, as its mode is UnmonitoredManual"
        remedy = "let the next upgrade domain begin"
    elif record.failed_at:
        cause = f"Paused after a failure at {clock(record.failed_at)}, as its FailureAction is Manual"
        remedy = "mend the cause, then resume the upgrade or roll it back"
    else:
        cause = "Paused before the next upgrade domain, as its mode is UnmonitoredManual"
        remedy = "let the next upgrade domain begin, or roll the upgrade back"
    return f"{cause}. Nothing moves until a person acts: {remedy}"


def _is_news(before: Memory, after: Memory) -> bool:
    return before.record is not None or before.verdict is not after.verdict


def _half_stalled(before: Memory, after: Memory, stall_timeout: float, now: datetime) -> bool:
    """Whether half of the time without change has passed with this answer, in a state that should move."""
    outcome = after.record and after.record.outcome
    if outcome not in _SHOULD_MOVE or not before.timeline:
        return False
    was_still = _seconds(after.moved_at, before.timeline[-1].last_seen_at)
    return was_still < stall_timeout / 2 <= _seconds(after.moved_at, now)


def _seconds(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else (now - since).total_seconds()
