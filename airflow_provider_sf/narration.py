"""How progress reads to a person: status lines, change lines, the text of a failure. Pure; no I/O."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.upgrades import KINDS, Outcome, ServiceProgress, UpgradeProgress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from airflow_provider_sf.watching import Memory, Policy, Stage, Story

Line = tuple[int, str]
"""A level of the logging module and a text of one line."""

_LEVELS = {
    Outcome.IN_PROGRESS: logging.INFO,
    Outcome.SUCCEEDED: logging.INFO,
    Outcome.NOT_UPGRADED: logging.INFO,
}
_REMARKS = {
    Outcome.NOT_UPGRADED: "no upgrade is on record yet",
    Outcome.PAUSED: "paused: Service Fabric waits for a person to resume or roll back the upgrade",
    Outcome.UNKNOWN: "a state that this package does not know; it never counts as success",
}
_MOST_DETAILS = 500
_BACKWARD = frozenset({Outcome.ROLLING_BACK, Outcome.ROLLED_BACK})


def title(kind: str, name: str) -> str:
    """Name what is upgraded: ``application resource 'shop'``."""
    return f"{KINDS[kind].title} {name!r}"


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


def opening(kind: str, name: str, policy: Policy, clock_name: str, limit: float) -> str:
    """Say what is awaited and by which clocks, before the first poll."""
    return (
        f"Waiting for the upgrade of {title(kind, name)}: asking every {span(policy.poke_interval)}, "
        f"for {span(limit)} at most ({clock_name}); a silent cluster is forgiven for "
        f"{span(policy.unreachable_timeout)} (unreachable_timeout)"
    )


def status_line(record: UpgradeProgress, services: Iterable[ServiceProgress] | None = None) -> str:
    """Put a record on one line: elapsed time, state, percent, replicas done of each service."""
    percent = "  - %" if record.percent_completed is None else f"{record.percent_completed:3.0f} %"
    shown = record.services if services is None else services
    counts = "  ".join(f"{service.name} {replicas(service)}" for service in shown)
    parts = (f"{span(record.duration_seconds):>7}", f"{_words(record.state):<22}", percent, counts)
    return "  ".join(part for part in parts if part)


def replicas(service: ServiceProgress) -> str:
    """Word how many replicas of a service are upgraded: ``3/8``; ``?`` for what is not said."""
    done, pending = service.completed_replicas, service.pending_replicas
    total = "?" if done is None or pending is None else done + pending
    return f"{'?' if done is None else done}/{total}"


def change_lines(before: Memory, after: Memory, policy: Policy, now: datetime) -> Iterator[Line]:
    """Yield what a poll has changed, as log lines; nothing if nothing has changed."""
    if isinstance(after.error, Unreachable) and before.silent_since is None:
        budget = span(policy.unreachable_timeout)
        yield logging.WARNING, f"No usable answer, forgiven for {budget}: {after.error}"
    if before.silent_since is not None and after.silent_since is None:
        silence = span((now - before.silent_since).total_seconds())
        yield logging.INFO, f"The cluster answers again after {silence}"
    if after.record is not None and _said(after.record) != _said(before.record):
        yield _record_line(before.record, after.record)


def _record_line(before: UpgradeProgress | None, record: UpgradeProgress) -> Line:
    moved = [service for service in record.services if before is None or service not in before.services]
    level = _LEVELS.get(record.outcome, logging.WARNING)
    is_new = before is None or before.outcome is not record.outcome
    remark = f"  ({_REMARKS[record.outcome]})" if is_new and record.outcome in _REMARKS else ""
    return level, status_line(record, moved) + remark


def _said(record: UpgradeProgress | None) -> tuple[object, ...] | None:
    """Return what makes a record worth a new line: not the clock, which always moves."""
    if record is None:
        return None
    return record.outcome, record.state, record.percent_completed, record.services, record.started_at


def success(record: UpgradeProgress) -> str:
    """Say that an upgrade ended well."""
    old, new = _versions(record, ())
    what = f"Upgrade of {title(record.kind, record.name)}{_from_to(old, new)}"
    return f"{what} completed in {span(record.duration_seconds)}"


def failure(story: Story, record: UpgradeProgress) -> str:
    """Say what ended badly, from which version to which, how far it had come, who was behind, what to do."""
    old, new = _versions(record, story.timeline)
    verb = "was rolled back" if record.outcome is Outcome.ROLLED_BACK else "failed"
    what = f"Upgrade of {title(record.kind, record.name)}{_from_to(old, new)}"
    lines = [f"{what} {verb} ({record.state}, {_percent(record.percent_completed)})."]
    behind = tuple(service for service in record.services if service.behind)
    if record.outcome is Outcome.ROLLED_BACK:
        forward = _last_forward(story.timeline)
        lines.append(_turn(record, forward))
        behind = forward.services_behind if forward else behind
    if behind:
        lines.append(f"Services behind: {', '.join(_behind(service) for service in behind)}.")
    if record.status_details:
        lines.append(f"Service Fabric says: {_one_line(record.status_details)}")
    lines.append(
        "Next: look at the health and the logs of the services behind, mend the new version and release "
        "it again. This task is not retried: to wait again cannot change how the upgrade ended."
    )
    return "\n".join(lines)


def timed_out(kind: str, name: str, clock_name: str, limit: float, story: Story) -> str:
    """Say that a clock ran out while the upgrade was still pending, and how far it was."""
    record = story.record
    so_far = "the cluster has not answered yet" if record is None else f"last seen: {_in_a_sentence(record)}"
    lines = [
        f"Upgrade of {title(kind, name)} is not over after {span(limit)} ({clock_name}); {so_far}.",
        "The upgrade itself goes on: this task only watched it.",
    ]
    if story.error:
        lines.insert(1, f"The cluster was silent at the end: {story.error}")
    if record is not None and record.outcome in _REMARKS:
        remark = _REMARKS[record.outcome]
        lines.insert(1, f"{remark[0].upper()}{remark[1:]}.")
    return "\n".join(lines)


def _in_a_sentence(record: UpgradeProgress) -> str:
    return re.sub(r" {2,}", ", ", status_line(record).strip())


def _turn(record: UpgradeProgress, forward: Stage | None) -> str:
    if forward is None:
        return "How far it had come is not known: the rollback had begun when this process first looked."
    last_seen = (
        f"Last seen going forward at {clock(forward.last_seen_at)}: {_percent(forward.percent_completed)}."
    )
    return f"{last_seen} It failed at {clock(record.failed_at)}." if record.failed_at else last_seen


def _last_forward(timeline: Iterable[Stage]) -> Stage | None:
    forward = [stage for stage in timeline if stage.outcome in {Outcome.IN_PROGRESS, Outcome.PAUSED}]
    return forward[-1] if forward else None


def _versions(record: UpgradeProgress, timeline: Iterable[Stage]) -> tuple[str | None, str | None]:
    """
    Return the versions that the upgrade went from and to, where known.

    From the turn to rollback on, Service Fabric reports the old version as the target.
    """
    if record.outcome not in _BACKWARD:
        return record.previous_version, record.target_version
    forward = _last_forward(timeline)
    new = forward.target_version if forward else record.previous_version
    return record.target_version, None if new == record.target_version else new


def _from_to(old: str | None, new: str | None) -> str:
    return f"{f' from {old}' if old else ''}{f' to {new}' if new else ''}"


def _behind(service: ServiceProgress) -> str:
    return f"{service.name} {replicas(service)} ({service.pending_replicas} to come)"


def _one_line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _MOST_DETAILS else f"{words[:_MOST_DETAILS]}..."


def _percent(percent: float | None) -> str:
    return "percent unknown" if percent is None else f"{percent:.0f} %"


def _words(state: str | None) -> str:
    """Spell a state of Service Fabric as words: RollingForward -> rolling forward."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", state).lower() if state else "no state"
