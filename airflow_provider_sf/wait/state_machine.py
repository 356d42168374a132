"""
Decide what a wait does next. Pure; no clock, no dice, no I/O.

    step(policy, memory, observation, now) -> (memory, decision)

An observation is what one poll brought, a record or an error. Its verdict says what is next:

    our upgrade ended well            ended by "upgrade"
    it ended badly, was overtaken,    ask once more 2 s later; ended by "upgrade" if the answer stays bad
    or stands as nobody wants it
    an upgrade moves                  ask again; at last ended by "stall_timeout" or "timeout"
    at rest, but not ours             ask again; at last ended by "start_timeout" or "timeout"
    a state that we do not know       ask again; at last ended by "unknown_state_timeout" or "timeout"
    Unreachable                       ask again later; at last ended by "unreachable_timeout" or "timeout"
    Rejected, UnexpectedAnswer        ended by "error"; what is missing may count as "not ours yet"
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf
from typing import TYPE_CHECKING

from airflow_provider_sf.rest import ServiceFabricError, Unreachable
from airflow_provider_sf.rest.protocol import is_missing
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.matching import Match, UpgradeIdentity
from airflow_provider_sf.wait.policy import MIN_OUTAGE_POLLS, Policy
from airflow_provider_sf.wait.state import OutageStats, Verdict, WaitState
from airflow_provider_sf.wait.timeline import extend_timeline

if TYPE_CHECKING:
    from datetime import datetime

CONFIRM_AFTER_SECONDS = 2.0
"""A bad end is read once more this much later before it is believed."""


@dataclass(frozen=True, slots=True)
class PollAgain:
    """Nothing is decided; ask again after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The wait is over, ended by ``upgrade``, ``error``, ``unreachable`` or by the clock of that name."""

    by: str


Observation = UpgradeProgress | ServiceFabricError
Decision = PollAgain | Ended


def judge(policy: Policy, match: Match, record: UpgradeProgress) -> Verdict:
    """Tell what a record means for a wait, once it is known whose upgrade it is about."""
    outcome = record.outcome
    if outcome is Outcome.UNKNOWN:
        return Verdict.UNKNOWN
    if policy.selector.accepts_current(record):
        return Verdict.SUCCEEDED
    if match is Match.REPLACED:
        return Verdict.SUPERSEDED
    if match is Match.OTHER:
        return Verdict.NOT_STARTED if outcome.finished else Verdict.PENDING
    if outcome is Outcome.SUCCEEDED:
        return Verdict.SUCCEEDED
    unwanted = (
        outcome.finished
        or (outcome is Outcome.PAUSED and policy.on_paused == "fail")
        or (record.going_back and policy.on_rollback == "fail_fast")
    )
    return Verdict.FAILED if unwanted else Verdict.PENDING


def step(
    policy: Policy, memory: WaitState, observation: Observation, now: datetime, *, jitter: float = 1.0
) -> tuple[WaitState, Decision]:
    """
    Take in what a poll brought and decide what is next.

    ``jitter``, from 0 to 1, is the part of the longest pause that a silence is given: thrown anew for each
    poll, it keeps those who wait for one cluster from asking all at once when it comes back.
    """
    memory = replace(memory, polls=memory.polls + 1, began_at=memory.began_at or now)
    if isinstance(observation, UpgradeProgress):
        return _after_answer(policy, memory, observation, now)
    if policy.wait_for_existence and is_missing(observation):
        return _after_missing(policy, memory, observation, now)
    if isinstance(observation, Unreachable):
        return _after_silence(policy, memory, observation, now, jitter)
    return replace(memory, error=observation), Ended("error")


def rested(memory: WaitState, polls: int, record: UpgradeProgress) -> WaitState:
    """
    Take in polls that all brought what is known already, the last of them this record, then observed.

    It comes to the same as a step for each, if no clock is due; but these do not let an interval grow.
    """
    *earlier, last = memory.timeline
    timeline = (*earlier, replace(last, last_seen_at=record.observed_at or last.last_seen_at))
    return replace(memory, polls=memory.polls + polls, record=record, timeline=timeline)


def may_rest(policy: Policy, memory: WaitState) -> bool:
    """
    Tell whether polls that bring nothing new change nothing until a clock is due.

    They do while the last answer is doubted or none came; and what moves without a start may be taken for
    ours as soon as ``started_after`` has come.
    """
    record = memory.record
    if record is None or memory.error is not None or memory.unconfirmed:
        return False
    return policy.selector.started_after is None or record.started_at is not None


def until_a_clock(policy: Policy, memory: WaitState, now: datetime) -> float:
    """Return in how many seconds the first clock of a wait is due, if nothing changes."""
    return min(_clocks(policy, memory, now).values(), default=inf)


def _after_answer(
    policy: Policy, memory: WaitState, record: UpgradeProgress, now: datetime
) -> tuple[WaitState, Decision]:
    match = policy.selector.match(record, now, memory.expected, memory.before)
    verdict = judge(policy, match, record)
    is_before = match is Match.OTHER and verdict is not Verdict.UNKNOWN
    after = replace(
        _noted(memory, record, verdict, now),
        expected=policy.selector.update_identity(record, match, memory.expected),
        before=memory.before or (UpgradeIdentity.from_record(record) if is_before else None),
        timeline=extend_timeline(memory.timeline, record, now, expected=match is Match.EXPECTED),
        error=None,
    )
    if verdict.bad and not memory.unconfirmed:
        return after, PollAgain(CONFIRM_AFTER_SECONDS)
    if verdict.bad or verdict is Verdict.SUCCEEDED:
        return _claimed(after), Ended("upgrade")
    return after, _by_the_clocks(policy, after, now)


def _after_missing(
    policy: Policy, memory: WaitState, error: ServiceFabricError, now: datetime
) -> tuple[WaitState, Decision]:
    before = memory.before or UpgradeIdentity(None, None)
    after = replace(_noted(memory, None, Verdict.NOT_STARTED, now), before=before, error=error)
    return after, _by_the_clocks(policy, after, now)


def _after_silence(
    policy: Policy, memory: WaitState, error: Unreachable, now: datetime, jitter: float
) -> tuple[WaitState, Decision]:
    since = memory.unreachable_since or now
    after = replace(
        memory, error=error, unreachable_since=since, unreachable_polls=memory.unreachable_polls + 1
    )
    pause = max(jitter * policy.backoff(after.unreachable_polls), error.retry_after or 0.0)
    left = _until_deadline(policy, now)
    if not memory.stale or after.unreachable_polls >= MIN_OUTAGE_POLLS:
        left["unreachable_timeout"] = policy.unreachable_timeout - _seconds(since, now)
    decision = _next(pause, left)
    if memory.unconfirmed and decision == Ended("timeout"):
        return _claimed(after), Ended("upgrade")
    return after, decision


def _claimed(memory: WaitState) -> WaitState:
    """Take what is on record for ours, now that it has ended the wait, so that the worker judges it alike."""
    return (
        memory
        if memory.expected or not memory.record
        else replace(memory, expected=UpgradeIdentity.from_record(memory.record))
    )


def _noted(memory: WaitState, record: UpgradeProgress | None, verdict: Verdict, now: datetime) -> WaitState:
    """Take in an answer and what it means; a record of None is the answer that there is none."""
    before = memory.record and memory.record.position
    moved = memory.moved_at is None or before != (record and record.position)
    goes_on = verdict is memory.verdict and not (memory.stale and moved)
    return replace(
        memory,
        answers=memory.answers + 1,
        record=record,
        verdict=verdict,
        verdict_since=memory.verdict_since if goes_on else _since(memory, record, verdict, now),
        moved_at=now if moved else memory.moved_at,
        unreachable_since=None,
        unreachable_polls=0,
        outages=_forgiven(memory, now),
        stale=False,
    )


def _forgiven(memory: WaitState, now: datetime) -> OutageStats:
    """Return what is forgiven by now, when an answer has come: the silence before it, if there was one."""
    if memory.unreachable_since is None:
        return memory.outages
    silence = _seconds(memory.unreachable_since, now)
    return memory.outages.and_one_more(memory.unreachable_polls, silence, memory.error)


def _since(memory: WaitState, record: UpgradeProgress | None, verdict: Verdict, now: datetime) -> datetime:
    """Return since when a new verdict holds. What is at rest at a first look may have been so for long."""
    if memory.verdict is not None or not memory.earlier_polls_unknown or verdict is not Verdict.NOT_STARTED:
        return now
    waited = _seconds(memory.began_at, now)
    if record is None or record.started_at is None or record.duration_seconds is None:
        return now - timedelta(seconds=waited)
    at_rest = _seconds(record.started_at, now) - record.duration_seconds
    return now - timedelta(seconds=max(0.0, min(at_rest, waited)))


def _by_the_clocks(policy: Policy, memory: WaitState, now: datetime) -> Decision:
    return _next(policy.interval(memory.answers), _clocks(policy, memory, now))


def _clocks(policy: Policy, memory: WaitState, now: datetime) -> dict[str, float]:
    """Return how many seconds each clock that runs has left."""
    left = _until_deadline(policy, now)
    outcome = memory.record and memory.record.outcome
    if memory.verdict is Verdict.NOT_STARTED:
        left["start_timeout"] = policy.start_timeout - _seconds(memory.verdict_since, now)
    if memory.verdict is Verdict.UNKNOWN:
        left["unknown_state_timeout"] = policy.unknown_state_timeout - _seconds(memory.verdict_since, now)
    if policy.stall_timeout is not None and outcome in {Outcome.IN_PROGRESS, Outcome.ROLLING_BACK}:
        left["stall_timeout"] = policy.stall_timeout - _seconds(memory.moved_at, now)
    return left


def _until_deadline(policy: Policy, now: datetime) -> dict[str, float]:
    return {} if policy.deadline is None else {"timeout": _seconds(now, policy.deadline)}


def _next(pause: float, left: dict[str, float]) -> Decision:
    """Ask again after the pause, or when a clock is due; of those that have run out, the first ends it."""
    first = min(left, key=lambda clock: left[clock], default=None)
    if first is None or left[first] > 0:
        return PollAgain(min([pause, *left.values()]))
    return Ended(first)


def _seconds(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else (now - since).total_seconds()
