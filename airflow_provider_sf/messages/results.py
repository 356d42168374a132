"""How the end of a wait reads to a person: success, failure, a clock that ran out. Pure; no I/O."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import (
    NOBODY_KNOWS,
    behind,
    clock,
    meaning,
    pause,
    percent,
    plain,
    sentence,
    span,
    state_words,
    title,
    version,
    waits_for,
    which,
)
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import Outcome, is_rollback_state
from airflow_provider_sf.wait.state import Verdict
from airflow_provider_sf.wait.timeline import last_forward

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.policy import Policy
    from airflow_provider_sf.wait.state import WaitState
    from airflow_provider_sf.wait.timeline import Stage

_WATCHED = "This task only watched it: nothing was stopped or rolled back."
_MOST_DETAILS, _MOST_OF_A_REASON, _MOST_REASONS = 500, 300, 5


def success(story: WaitState, record: UpgradeProgress) -> str:
    """Say that the upgrade ended well, or that its version was there already."""
    what = title(record.kind, record.name)
    if story.timeline and not story.timeline[-1].expected:
        start = f", from an upgrade that started {clock(record.started_at)}" if record.started_at else ""
        never = ", and was never upgraded" if record.outcome is Outcome.NOT_UPGRADED else ""
        there = version(record.target_version)
        return f"{sentence(what)} is at {there} already{never or start} (accept_current_version)"
    old, new = _versions(record, story.timeline)
    took = "" if record.duration_seconds is None else f" in {span(record.duration_seconds)}"
    return f"Upgrade of {what}{_from_to(old, new)} completed{took}"


def failure(policy: Policy, story: WaitState, record: UpgradeProgress, verdict: Verdict) -> str:
    """Say what ended badly, from which version to which, how far it had come, who was behind, what to do."""
    if verdict is Verdict.SUPERSEDED:
        return _overtaken(story, record)
    old, new = _versions(record, story.timeline)
    what = f"Upgrade of {title(record.kind, record.name)}{_from_to(old, new)}"
    forward, turned = last_forward(story.timeline), _has_turned(record, story.timeline)
    verb, reason = _verb(policy, record, _at(forward if turned else record), turned=turned)
    lines = [f"{what} {verb} ({_word(record)}){reason}."]
    who = _behind_now(record)
    if turned:
        lines.append(_turn(story.timeline, record.failed_at or _failed_at(story.timeline)))
        who = behind(forward.services_behind, forward.more_behind) if forward else ""
    elif record.failed_at and record.outcome is Outcome.FAILED:
        lines.append(f"It failed at {clock(record.failed_at)}.")
    if who:
        lines.append(f"Services behind: {who}.")
    lines += [
        f"Why: {plain(reason, _MOST_OF_A_REASON).removesuffix('.')}."
        for reason in story.reasons[:_MOST_REASONS]
    ]
    if record.status_details:
        lines.append(f"Service Fabric says: {plain(record.status_details, _MOST_DETAILS)}")
    return "\n".join((*lines, _what_next(record, who)))


def timeout_message(policy: Policy, story: WaitState, kind: str, name: str, limit: tuple[str, float]) -> str:
    """Say which clock ran out while nothing was decided, and how far it was; ``limit`` is the last clock."""
    what = title(kind, name)
    clocks = {
        "start_timeout": f"{span(policy.start_timeout)} (start_timeout)",
        "stall_timeout": f"{span(policy.stall_timeout)} (stall_timeout)",
        "unknown_state_timeout": f"{span(policy.unknown_state_timeout)} (unknown_state_timeout)",
    }
    ran_out = clocks.get(story.ended_by or "", f"{span(limit[1])} ({limit[0]})")
    upgrade = f"Upgrade of {what}{_from_to(None, story.expected.target_version if story.expected else None)}"
    first, *more = _state_of_things(policy, story, what, upgrade, ran_out)
    if isinstance(story.error, Unreachable):
        more.insert(0, f"The cluster was silent at the end: {_reason(story)}")
    elif story.error is not None:
        more.insert(0, f"The cluster says: {_reason(story)}")
    return "\n".join((first, *more))


def _state_of_things(policy: Policy, story: WaitState, what: str, upgrade: str, ran_out: str) -> list[str]:
    record, is_ours = story.record, bool(story.timeline) and story.timeline[-1].expected
    latest = upgrade if is_ours else f"Upgrade of {what}"
    if record is not None and story.ended_by == "unknown_state_timeout":
        return _unknown(latest, ran_out, record)
    if record is not None and story.ended_by == "stall_timeout":
        return _stalled(upgrade, ran_out, record, is_ours=is_ours)
    if record is not None and (is_ours or record.outcome is Outcome.UNKNOWN):
        return _not_over(latest, ran_out, record)
    if story.expected is not None:
        return _gone(upgrade, ran_out, story, record)
    if record is None and (story.error is None or isinstance(story.error, Unreachable)):
        return [f"{upgrade} was not seen to end within {ran_out}; the cluster does not answer.", _WATCHED]
    return _not_begun(policy, what, ran_out, record)


def _unknown(upgrade: str, ran_out: str, record: UpgradeProgress) -> list[str]:
    said = f"says {_word(record)!r}" if record.state else "names no state"
    return [
        f"{upgrade} has been in an unknown state for {ran_out}: Service Fabric {said}.",
        "An unknown state never counts as success. Please report it.",
        _WATCHED,
    ]


def _stalled(upgrade: str, ran_out: str, record: UpgradeProgress, *, is_ours: bool) -> list[str]:
    subject = upgrade if is_ours else f"Another u{upgrade[1:]}"
    lines = [f"{subject} has stalled: nothing changed for {ran_out}; last seen: {_in_a_sentence(record)}."]
    who, limit = _behind_now(record), record.replica_check_timeout_seconds
    waiting = waits_for(record)
    if not is_ours:
        lines.append(f"It is not the upgrade that is meant, as far as can be told: {which(record)}.")
    if who:
        lines.append(f"Services behind: {who}.")
    if waiting:
        lines.append(f"Safety checks: {waiting}.")
    if (who or waiting) and limit is None:
        lines.append("The replica check timeout is infinite: Service Fabric never goes on without them.")
    elif who or waiting:
        lines.append(
            f"After {span(limit)} in an upgrade domain Service Fabric goes on without them, even at the cost "
            "of availability (replica check timeout)."
        )
    return [*lines, _WATCHED]


def _not_over(upgrade: str, ran_out: str, record: UpgradeProgress) -> list[str]:
    lines = [f"{upgrade} is not over after {ran_out}; last seen: {_in_a_sentence(record)}."]
    if _behind_now(record):
        lines.append(f"Services behind: {_behind_now(record)}.")
    if waits_for(record):
        lines.append(f"Safety checks: {waits_for(record)}.")
    if record.outcome is Outcome.PAUSED:
        lines.append(f"{pause(record)}.")
    if record.outcome is Outcome.UNKNOWN:
        lines.append(f"This is {NOBODY_KNOWS}.")
    return [*lines, _WATCHED]


def _gone(upgrade: str, ran_out: str, story: WaitState, record: UpgradeProgress | None) -> list[str]:
    since = "nothing of it was there for" if story.ended_by == "start_timeout" else "the wait ended after"
    return [
        f"{upgrade} is gone from the record; {since} {ran_out}.",
        *_last_seen(story),
        f"The last answer: {_on_record(record)}.",
        "Next: find out who deleted or replaced it.",
    ]


def _not_begun(policy: Policy, what: str, ran_out: str, record: UpgradeProgress | None) -> list[str]:
    if record is None or record.outcome is Outcome.NOT_UPGRADED:
        found = _on_record(record)
    elif record.outcome.finished:
        found = f"the last one on record is {_on_record(record)}"
    else:
        found = f"another one is under way: {_on_record(record)}"
    paused = [f"{pause(record)}."] if record is not None and record.outcome is Outcome.PAUSED else []
    return [
        f"{sentence(what)}: no matching upgrade appeared within {ran_out}; {found}.",
        *paused,
        f"Awaited was {meaning(policy.selector)}.",
        "Next: see whether the task that starts the upgrade did so, and whether it started what is awaited.",
    ]


def _overtaken(story: WaitState, record: UpgradeProgress) -> str:
    to = _from_to(None, story.expected.target_version if story.expected else None)
    what = f"Upgrade of {title(record.kind, record.name)}{to}"
    lines = [
        f"{what} was overtaken{_at(last_forward(story.timeline))}: another upgrade has taken its place.",
        *_last_seen(story),
        f"On record is now: {_on_record(record)}.",
        "How ours ended cannot be known: Service Fabric keeps one record, that of the latest.",
        "Next: find out who started the other upgrade, and wait for that one or release again.",
    ]
    return "\n".join(lines)


def _last_seen(story: WaitState) -> list[str]:
    """Say in one line when and how our upgrade was seen last; in none if it never was."""
    return [
        f"Ours{f', started {clock(stage.started_at)},' if stage.started_at else ''} was last seen at "
        f"{clock(stage.last_seen_at)}: {_in_a_sentence(stage)}."
        for stage in [stage for stage in story.timeline if stage.expected][-1:]
    ]


def _verb(policy: Policy, record: UpgradeProgress, at: str, *, turned: bool) -> tuple[str, str]:
    """Return what became of the upgrade, and what ended the wait if the upgrade itself has not ended."""
    if record.outcome is Outcome.FAILED:
        return f"turned back{at}, then failed" if turned else f"failed{at}", ""
    if record.outcome is Outcome.ROLLED_BACK:
        return f"was rolled back{at}", ""
    is_too_soon = record.going_back and policy.on_rollback == "fail_fast"
    reason = "; on_rollback='fail_fast' ends the wait" if is_too_soon else "; on_paused='fail' ends the wait"
    if record.outcome is Outcome.PAUSED:
        return f"turned back{at} and is paused in its rollback" if turned else f"is paused{at}", reason
    return f"turned back{at} and is being rolled back", reason


def _at(last: UpgradeProgress | Stage | None) -> str:
    """Say how far an upgrade had come, if that is known."""
    said = _how_far(last) if last else None
    return f" at {said}" if said else ""


def _how_far(one: UpgradeProgress | Stage) -> str | None:
    """Say how far an upgrade was: in percent, or in which upgrade domain."""
    if one.percent_completed is not None:
        return percent(one.percent_completed)
    return one.place and plain(one.place)


def _what_next(record: UpgradeProgress, behind_then: str) -> str:
    who = "the services behind" if behind_then else f"its {KINDS[record.kind].components}"
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
    return f"{_in_a_sentence(record)}, {which(record)}"


def _in_a_sentence(one: UpgradeProgress | Stage) -> str:
    return f"{state_words(one.state)}, {_how_far(one) or 'percent unknown'}"


def _turn(timeline: tuple[Stage, ...], failed_at: datetime | None) -> str:
    """Say when it turned: between the last look that saw it go forward and the next one."""
    forward = last_forward(timeline)
    if forward is None:
        said = "How far it had come is not known: it was going back already when this task first saw it."
    else:
        after = timeline[timeline.index(forward) + 1 :]
        back = [stage.first_seen_at for stage in after if is_rollback_state(stage.state)][:1]
        said = ", first seen going back at ".join(clock(moment) for moment in (forward.last_seen_at, *back))
        said = f"It was last seen going forward at {said}."
    return f"{said} It failed at {clock(failed_at)}." if failed_at else said


def _failed_at(timeline: Iterable[Stage]) -> datetime | None:
    """Return the failure that was seen last: Service Fabric forgets it when it tries again."""
    seen = [stage.failed_at for stage in timeline if stage.expected and stage.failed_at]
    return seen[-1] if seen else None


def _versions(record: UpgradeProgress, timeline: Iterable[Stage]) -> tuple[str | None, str | None]:
    """
    Return the versions that the upgrade went from and to, where known.

    From the turn to rollback on, Service Fabric reports the old version as the target.
    """
    forward = last_forward(timeline)
    new = forward.target_version if forward else None
    if _has_turned(record, timeline):
        new = new if forward else record.previous_version
        return record.target_version, None if new == record.target_version else new
    return record.previous_version or _found(timeline), record.target_version


def _found(timeline: Iterable[Stage]) -> str | None:
    """Return the version that an earlier upgrade had brought, if that was seen right before ours."""
    earlier = list(takewhile(lambda stage: not stage.expected, timeline))[-1:]
    return next((stage.target_version for stage in earlier if stage.outcome is Outcome.SUCCEEDED), None)


def _has_turned(record: UpgradeProgress, timeline: Iterable[Stage]) -> bool:
    """Whether the upgrade has turned to rollback, though it may have failed on that way, too."""
    forward = last_forward(timeline)
    new = forward.target_version if forward else None
    return record.going_back or (
        record.outcome is Outcome.FAILED and new not in {None, record.target_version}
    )


def _from_to(old: str | None, new: str | None) -> str:
    return f"{f' from {plain(old)}' if old else ''}{f' to {plain(new)}' if new else ''}"


def _behind_now(record: UpgradeProgress) -> str:
    return behind([service for service in record.services if service.behind], record.more_behind)


def _word(record: UpgradeProgress) -> str:
    """Return Service Fabric's word for the state."""
    return plain(record.state or "no state")


def _reason(story: WaitState) -> str:
    return plain(str(story.error), _MOST_DETAILS)
