"""How the end of a wait reads to a person: success, failure, a clock that ran out. Pure; no I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_sf.narration import (
    NOBODY_KNOWS,
    clock,
    meaning,
    pause,
    percent,
    replicas,
    sentence,
    span,
    state_words,
    status_line,
    title,
    which,
)
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.story import Verdict
from airflow_provider_sf.upgrades import Outcome, goes_back

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from airflow_provider_sf.story import Stage, Story
    from airflow_provider_sf.upgrades import ServiceProgress, UpgradeProgress
    from airflow_provider_sf.watching import Policy

_FORWARD = frozenset({Outcome.IN_PROGRESS, Outcome.PAUSED})
_WATCHED = "This task only watched it: nothing was stopped or rolled back."
_MOST_DETAILS = 500


def success(story: Story, record: UpgradeProgress) -> str:
    """Say that the upgrade ended well, or that its version was there already."""
    what = title(record.kind, record.name)
    if story.timeline and not story.timeline[-1].ours:
        start = (
            f"from an upgrade that started {clock(record.started_at)}"
            if record.started_at
            else "and was never upgraded"
        )
        return f"{sentence(what)} is at {record.target_version} already, {start} (accept_current_version)"
    old, new = _versions(record, story.timeline)
    took = "" if record.duration_seconds is None else f" in {span(record.duration_seconds)}"
    return f"Upgrade of {what}{_from_to(old, new)} completed{took}"


def failure(policy: Policy, story: Story, record: UpgradeProgress, verdict: Verdict) -> str:
    """Say what ended badly, from which version to which, how far it had come, who was behind, what to do."""
    if verdict is Verdict.OVERTAKEN:
        return _overtaken(story, record)
    old, new = _versions(record, story.timeline)
    what = f"Upgrade of {title(record.kind, record.name)}{_from_to(old, new)}"
    verb, reason = _verb(policy, record)
    lines = [f"{what} {verb} ({record.state}, {percent(record.percent_completed)}){reason}."]
    behind = _behind_now(record)
    if record.going_back:
        forward = _last_forward(story.timeline)
        lines.append(_turn(forward, record.failed_at or _failed_at(story.timeline)))
        behind = forward.services_behind if forward else ()
    elif record.failed_at and record.outcome is Outcome.FAILED:
        lines.append(f"It failed at {clock(record.failed_at)}.")
    if behind:
        lines.append(f"Services behind: {_named(behind)}.")
    if record.status_details:
        lines.append(f"Service Fabric says: {_one_line(record.status_details)}")
    return "\n".join((*lines, _what_next(record, behind)))


def timed_out(policy: Policy, story: Story, kind: str, name: str, limit: tuple[str, float]) -> str:
    """Say which clock ran out while nothing was decided, and how far it was; ``limit`` is the last clock."""
    what = title(kind, name)
    clocks = {
        "start": f"{span(policy.start_timeout)} (start_timeout)",
        "stall": f"{span(policy.stall_timeout)} (stall_timeout)",
        "unknown": f"{span(policy.unknown_state_timeout)} (unknown_state_timeout)",
    }
    ran_out = clocks.get(story.ended_by, f"{span(limit[1])} ({limit[0]})")
    upgrade = f"Upgrade of {what}{_from_to(None, story.ours.target_version if story.ours else None)}"
    first, *more = _state_of_things(policy, story, what, upgrade, ran_out)
    if isinstance(story.error, Unreachable):
        more.insert(0, f"The cluster was silent at the end: {story.error}")
    elif story.error is not None:
        more.insert(0, f"The cluster says: {story.error}")
    return "\n".join((first, *more))


def _state_of_things(policy: Policy, story: Story, what: str, upgrade: str, ran_out: str) -> list[str]:
    record, is_ours = story.record, bool(story.timeline) and story.timeline[-1].ours
    latest = upgrade if is_ours else f"Upgrade of {what}"
    if record is not None and story.ended_by == "unknown":
        return _unknown(latest, ran_out, record)
    if record is not None and story.ended_by == "stall":
        return _stalled(upgrade, ran_out, record, is_ours=is_ours)
    if record is not None and (is_ours or record.outcome is Outcome.UNKNOWN):
        return _not_over(latest, ran_out, record)
    if story.ours is not None:
        return _gone(upgrade, ran_out, story, record)
    if record is None and (story.error is None or isinstance(story.error, Unreachable)):
        return [f"{upgrade} was not seen to end within {ran_out}; the cluster does not answer.", _WATCHED]
    return _not_begun(policy, what, ran_out, record)


def _unknown(upgrade: str, ran_out: str, record: UpgradeProgress) -> list[str]:
    said = f"says {record.state!r}" if record.state else "names no state"
    return [
        f"{upgrade} has been in an unknown state for {ran_out}: Service Fabric {said}.",
        "An unknown state never counts as success. Please report it.",
        _WATCHED,
    ]


def _stalled(upgrade: str, ran_out: str, record: UpgradeProgress, *, is_ours: bool) -> list[str]:
    subject = upgrade if is_ours else f"Another u{upgrade[1:]}"
    lines = [f"{subject} has stalled: nothing changed for {ran_out}; last seen: {_in_a_sentence(record)}."]
    behind, limit = _behind_now(record), record.replica_check_timeout_seconds
    if not is_ours:
        lines.append(f"It is not the upgrade that is meant, as far as can be told: {which(record)}.")
    if behind:
        lines.append(f"Services behind: {_named(behind)}.")
    if behind and limit is None:
        lines.append("The replica check timeout is infinite: Service Fabric never goes on without them.")
    elif behind:
        lines.append(
            f"After {span(limit)} in an upgrade domain Service Fabric goes on without them, even at the cost "
            "of availability (replica check timeout)."
        )
    return [*lines, _WATCHED]


def _not_over(upgrade: str, ran_out: str, record: UpgradeProgress) -> list[str]:
    lines = [f"{upgrade} is not over after {ran_out}; last seen: {_in_a_sentence(record)}."]
    if record.outcome is Outcome.PAUSED:
        lines.append(f"{pause(record)}.")
    if record.outcome is Outcome.UNKNOWN:
        lines.append(f"This is {NOBODY_KNOWS}.")
    return [*lines, _WATCHED]


def _gone(upgrade: str, ran_out: str, story: Story, record: UpgradeProgress | None) -> list[str]:
    since = "nothing of it was there for" if story.ended_by == "start" else "the wait ended after"
    return [
        f"{upgrade} is gone from the record; {since} {ran_out}.",
        *_last_seen(story),
        f"Last on record: {_on_record(record)}.",
        "Next: find out who deleted or replaced it.",
    ]


def _not_begun(policy: Policy, what: str, ran_out: str, record: UpgradeProgress | None) -> list[str]:
    if record is None or record.outcome is Outcome.NOT_UPGRADED:
        found = _on_record(record)
    elif record.outcome.at_rest:
        found = f"the last one on record is {_on_record(record)}"
    else:
        found = f"another one is under way: {_on_record(record)}"
    paused = [f"{pause(record)}."] if record is not None and record.outcome is Outcome.PAUSED else []
    return [
        f"{sentence(what)}: no matching upgrade appeared within {ran_out}; {found}.",
        *paused,
        f"Awaited was {meaning(policy.meant)}.",
        "Next: see whether the task that starts the upgrade did so, and whether it started what is awaited.",
    ]


def _overtaken(story: Story, record: UpgradeProgress) -> str:
    to = _from_to(None, story.ours.target_version if story.ours else None)
    what = f"Upgrade of {title(record.kind, record.name)}{to}"
    lines = [
        f"{what} was overtaken: another upgrade has taken its place.",
        *_last_seen(story),
        f"On record is now: {_on_record(record)}.",
        "How ours ended cannot be known: Service Fabric keeps one record, that of the latest.",
        "Next: find out who started the other upgrade, and wait for that one or release again.",
    ]
    return "\n".join(lines)


def _last_seen(story: Story) -> list[str]:
    """Say in one line when and how our upgrade was seen last; in none if it never was."""
    return [
        f"Ours{f', started {clock(stage.started_at)},' if stage.started_at else ''} was last seen at "
        f"{clock(stage.last_seen_at)}: {state_words(stage.state)}, {percent(stage.percent_completed)}."
        for stage in [stage for stage in story.timeline if stage.ours][-1:]
    ]


def _verb(policy: Policy, record: UpgradeProgress) -> tuple[str, str]:
    """Return what became of the upgrade, and what ended the wait if the upgrade itself has not ended."""
    if record.outcome is Outcome.FAILED:
        return "failed", ""
    if record.outcome is Outcome.ROLLED_BACK:
        return "was rolled back", ""
    is_too_soon = record.going_back and policy.on_rollback == "fail_fast"
    reason = "; on_rollback='fail_fast' ends the wait" if is_too_soon else "; on_paused='fail' ends the wait"
    if record.outcome is Outcome.PAUSED:
        return f"is paused{' in its rollback' if record.going_back else ''}", reason
    return "is being rolled back", reason


def _what_next(record: UpgradeProgress, behind: tuple[ServiceProgress, ...]) -> str:
    who = "the services behind" if behind else "its services"
    if record.outcome is Outcome.PAUSED:
        return f"{pause(record)}."
    if record.outcome is Outcome.ROLLING_BACK:
        return f"Next: the rollback goes on by itself; look at {who} before you release again."
    return (
        f"Next: look at the health and the logs of {who}, mend the new version and release it again. "
        "This task is not retried: to wait again cannot change how the upgrade ended."
    )


def _on_record(record: UpgradeProgress | None) -> str:
    if record is None:
        return "it does not exist"
    if record.outcome is Outcome.NOT_UPGRADED:
        return "nobody ever upgraded it"
    return f"{state_words(record.state)}, {percent(record.percent_completed)}, {which(record)}"


def _in_a_sentence(record: UpgradeProgress) -> str:
    said = re.sub(r" {2,}", ", ", status_line(record).strip().removeprefix("-").strip())
    return said.replace("- %", percent(None))


def _turn(forward: Stage | None, failed_at: datetime | None) -> str:
    if forward is None:
        said = "How far it had come is not known: it was going back already when this task first saw it."
    else:
        done = percent(forward.percent_completed)
        said = f"Last seen going forward at {clock(forward.last_seen_at)}: {done}."
    return f"{said} It failed at {clock(failed_at)}." if failed_at else said


def _last_forward(timeline: Iterable[Stage]) -> Stage | None:
    forward = [
        stage for stage in timeline if stage.ours and stage.outcome in _FORWARD and not goes_back(stage.state)
    ]
    return forward[-1] if forward else None


def _failed_at(timeline: Iterable[Stage]) -> datetime | None:
    """Return the failure that was seen last: Service Fabric forgets it when it tries again."""
    seen = [stage.failed_at for stage in timeline if stage.ours and stage.failed_at]
    return seen[-1] if seen else None


def _versions(record: UpgradeProgress, timeline: Iterable[Stage]) -> tuple[str | None, str | None]:
    """
    Return the versions that the upgrade went from and to, where known.

    From the turn to rollback on, Service Fabric reports the old version as the target.
    """
    forward = _last_forward(timeline)
    new = forward.target_version if forward else None
    failed_on_its_way_back = record.outcome is Outcome.FAILED and new not in {None, record.target_version}
    if record.going_back or failed_on_its_way_back:
        new = new if forward else record.previous_version
        return record.target_version, None if new == record.target_version else new
    return record.previous_version, record.target_version


def _from_to(old: str | None, new: str | None) -> str:
    return f"{f' from {old}' if old else ''}{f' to {new}' if new else ''}"


def _behind_now(record: UpgradeProgress) -> tuple[ServiceProgress, ...]:
    return tuple(service for service in record.services if service.behind)


def _named(services: Iterable[ServiceProgress]) -> str:
    return ", ".join(f"{one.name} {replicas(one)} ({one.pending_replicas} to come)" for one in services)


def _one_line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _MOST_DETAILS else f"{words[:_MOST_DETAILS]}..."
