"""
Decide what a wait does next. No I/O, no clock, no random numbers.

    step(policy, state, observation, now) -> (state, decision)

An observation is the result of one poll: a record or an error. This is what follows from it:

    the expected upgrade succeeded           ended by "upgrade"
    it failed, was superseded, or is where   poll again 2 s later; ended by "upgrade" if it is still so
    the policy does not want to wait
    an upgrade is in progress                poll again; at last ended by "stall_timeout" or "timeout"
    finished, but not the expected upgrade   poll again; at last ended by "start_timeout" or "timeout"
    only a phase of the upgrade completed    poll again; at last ended by "start_timeout" or "timeout"
    an unknown state                         poll again; at last ended by "unknown_state_timeout" or "timeout"
    Unreachable                              poll again; at last ended by "unreachable_timeout" or "timeout"
    an error about the connection, which     poll again; as Unreachable
    worked before
    not found, but it was found before       poll again 2 s later; ended by "error" if it is still so
    Rejected, UnexpectedAnswer               ended by "error"; "not found" may count as "not started yet"
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf
from typing import TYPE_CHECKING

from airflow_provider_sf.rest import ServiceFabricError, Unreachable
from airflow_provider_sf.rest.protocol import is_about_connection, is_missing
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.failure_reasons import FailureDetails, failure_reasons
from airflow_provider_sf.upgrades.kinds import get_kind
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.identity import History, UpgradeIdentity
from airflow_provider_sf.wait.matching import Match
from airflow_provider_sf.wait.policy import MIN_OUTAGE_POLLS, Policy
from airflow_provider_sf.wait.state import OutageStats, Verdict, WaitState
from airflow_provider_sf.wait.timeline import extend_timeline

if TYPE_CHECKING:
    from datetime import datetime

CONFIRM_AFTER_SECONDS = 2.0
"""A bad result is read once more after this pause before it ends the wait."""


@dataclass(frozen=True, slots=True)
class PollAgain:
    """The wait goes on; poll again after this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The wait is over; ``by`` is ``upgrade``, ``error`` or the name of the timeout that expired."""

    by: str


Observation = UpgradeProgress | ServiceFabricError
Decision = PollAgain | Ended


def judge(policy: Policy, match: Match, record: UpgradeProgress, history: History) -> Verdict:
    """Return what a record means for the wait."""
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
        return _judge_success(policy, record, history)
    return Verdict.FAILED if outcome.finished or _is_unwanted(policy, record) else Verdict.PENDING


def _judge_success(policy: Policy, record: UpgradeProgress, history: History) -> Verdict:
    """Return what a completed record means: it may be only a phase, or the end of an undone upgrade."""
    if not policy.selector.is_phase(record, history):
        return Verdict.SUCCEEDED
    is_undone = history.expected is not None and history.expected.rolled_back
    return Verdict.FAILED if is_undone else Verdict.PHASE_COMPLETED


def verdict_of(policy: Policy, state: WaitState, record: UpgradeProgress, now: datetime) -> Verdict:
    """Return what the last record of a wait means, worked out again from what the wait has seen."""
    match = policy.selector.match(record, now, state.history)
    return judge(policy, match, record, state.history)


def _is_unwanted(policy: Policy, record: UpgradeProgress) -> bool:
    """Return whether the policy does not want to wait in this state."""
    if record.outcome is Outcome.PAUSED and policy.is_unwanted_pause(record.domains.next_domain):
        return True
    return record.going_back and policy.on_rollback == "fail_fast"


def step(
    policy: Policy, state: WaitState, observation: Observation, now: datetime, *, jitter: float = 1.0
) -> tuple[WaitState, Decision]:
    """
    Add the result of one poll to the state and decide what is next.

    ``jitter`` is a random number from 0 to 1 by which the pause in an outage is multiplied. It keeps many
    waits from polling at the same moment when the cluster is back.
    """
    state = replace(state, polls=state.polls + 1, began_at=state.began_at or now)
    if isinstance(observation, UpgradeProgress):
        return _on_record(policy, state, observation, now)
    if policy.wait_for_existence and is_missing(observation):
        return _on_missing(policy, state, observation, now)
    if isinstance(observation, Unreachable) or (state.answers and is_about_connection(observation)):
        return _on_unreachable(policy, state, observation, now, jitter)
    if is_missing(observation) and state.record is not None and not state.is_deleted:
        return replace(state, error=observation), PollAgain(CONFIRM_AFTER_SECONDS)
    return replace(state, error=observation), Ended("error")


def seconds_unchanged(policy: Policy, state: WaitState, now: datetime) -> float:
    """
    Return for how many seconds the same record would change nothing: no timeout expires before.

    Polls that find it need no step until then, see :func:`with_unchanged_polls`. It is 0 if time alone may
    decide: an upgrade without a start time becomes the expected one when ``started_after`` has come.
    """
    record = state.record
    if record is None or state.error is not None or state.unconfirmed or policy.exponential_backoff:
        return 0.0
    if policy.selector.started_after is not None and record.started_at is None:
        return 0.0
    return min(_remaining_seconds(policy, state, now).values(), default=inf)


def with_unchanged_polls(state: WaitState, polls: int, last_seen_at: datetime) -> WaitState:
    """Count polls that found the same record as before, the last of them at this time."""
    *earlier, last = state.timeline
    timeline = (*earlier, replace(last, last_seen_at=last_seen_at))
    return replace(state, polls=state.polls + polls, timeline=timeline)


def _on_record(
    policy: Policy, state: WaitState, record: UpgradeProgress, now: datetime
) -> tuple[WaitState, Decision]:
    history, selector = state.history, policy.selector
    match = selector.match(record, now, history)
    verdict = judge(policy, match, record, history)
    after = replace(
        _with_answer(state, record, verdict, now),
        expected=selector.update_identity(record, match, history),
        before=state.before or identity_before(record, match, verdict),
        timeline=extend_timeline(
            state.timeline, record, now, expected=match is Match.EXPECTED, is_first=state.stale
        ),
        reasons=_reasons_so_far(state, record, match),
        error=None,
    )
    if verdict.bad and not state.unconfirmed:
        return after, PollAgain(CONFIRM_AFTER_SECONDS)
    if verdict.bad or verdict is Verdict.SUCCEEDED:
        return after, Ended("upgrade")
    return after, _poll_again_or_time_out(policy, after, now)


def _reasons_so_far(state: WaitState, record: UpgradeProgress, match: Match) -> tuple[str, ...]:
    """Return the reasons of a rollback. A later record may no longer have them."""
    if match is not Match.EXPECTED or not record.going_back:
        return state.reasons
    return max(failure_reasons([FailureDetails.from_record(record)]), state.reasons, key=len)


def identity_before(record: UpgradeProgress, match: Match, verdict: Verdict) -> UpgradeIdentity | None:
    """Return the identity of the upgrade before the expected one, if a record shows it."""
    if verdict in {Verdict.UNKNOWN, Verdict.SUCCEEDED}:
        return None
    if get_kind(record.kind).is_multi_phase:  # its records have the old version until it ends
        return UpgradeIdentity(None, next(iter(record.versions), None))
    return UpgradeIdentity.from_record(record) if match is Match.OTHER else None


def _on_missing(
    policy: Policy, state: WaitState, error: ServiceFabricError, now: datetime
) -> tuple[WaitState, Decision]:
    before = state.before or UpgradeIdentity(None, None)
    after = replace(_with_answer(state, None, Verdict.NOT_STARTED, now), before=before, error=error)
    return after, _poll_again_or_time_out(policy, after, now)


def _on_unreachable(
    policy: Policy, state: WaitState, error: ServiceFabricError, now: datetime, jitter: float
) -> tuple[WaitState, Decision]:
    since = state.unreachable_since or now
    after = replace(
        state, error=error, unreachable_since=since, unreachable_polls=state.unreachable_polls + 1
    )
    retry_after = error.retry_after if isinstance(error, Unreachable) else None
    pause = max(jitter * policy.backoff(after.unreachable_polls), retry_after or 0.0)
    remaining = _seconds_to_deadline(policy, now)
    if not state.stale or after.unreachable_polls >= MIN_OUTAGE_POLLS:
        remaining["unreachable_timeout"] = policy.unreachable_timeout - _seconds_between(since, now)
    decision = _decide(pause, remaining)
    if state.unconfirmed and decision == Ended("timeout"):
        return after, Ended("upgrade")
    return after, decision


def _with_answer(
    state: WaitState, record: UpgradeProgress | None, verdict: Verdict, now: datetime
) -> WaitState:
    """Add an answer and its verdict to the state; a record of None means that nothing was found."""
    position = state.record and state.record.position
    moved = state.moved_at is None or position != (record and record.position)
    unchanged = verdict is state.verdict and not (state.stale and moved)
    return replace(
        state,
        answers=state.answers + 1,
        record=record,
        verdict=verdict,
        verdict_since=state.verdict_since if unchanged else _verdict_start(state, record, verdict, now),
        moved_at=now if moved else state.moved_at,
        unreachable_since=None,
        unreachable_polls=0,
        outages=_updated_outages(state, now),
        stale=False,
    )


def _updated_outages(state: WaitState, now: datetime) -> OutageStats:
    """Return the outage statistics when an answer has come: it ends an outage, if there was one."""
    if state.unreachable_since is None:
        return state.outages
    duration = _seconds_between(state.unreachable_since, now)
    return state.outages.plus(state.unreachable_polls, duration, state.error)


def _verdict_start(
    state: WaitState, record: UpgradeProgress | None, verdict: Verdict, now: datetime
) -> datetime:
    """Return when a new verdict became true: in reschedule mode that may be before this poll."""
    if state.verdict is not None or not state.earlier_polls_unknown or verdict is not Verdict.NOT_STARTED:
        return now
    waited = _seconds_between(state.began_at, now)
    if record is None or record.started_at is None or record.duration_seconds is None:
        return now - timedelta(seconds=waited)
    finished_for = _seconds_between(record.started_at, now) - record.duration_seconds
    return now - timedelta(seconds=max(0.0, min(finished_for, waited)))


def _poll_again_or_time_out(policy: Policy, state: WaitState, now: datetime) -> Decision:
    return _decide(policy.interval(state.answers), _remaining_seconds(policy, state, now))


def _remaining_seconds(policy: Policy, state: WaitState, now: datetime) -> dict[str, float]:
    """Return how many seconds are left of each timeout that applies now."""
    remaining = _seconds_to_deadline(policy, now)
    outcome = state.record and state.record.outcome
    verdict_age = _seconds_between(state.verdict_since, now)
    if state.verdict in {Verdict.NOT_STARTED, Verdict.PHASE_COMPLETED}:
        remaining["start_timeout"] = policy.start_timeout - verdict_age
    if state.verdict is Verdict.UNKNOWN:
        remaining["unknown_state_timeout"] = policy.unknown_state_timeout - verdict_age
    if policy.stall_timeout is not None and outcome in {Outcome.IN_PROGRESS, Outcome.ROLLING_BACK}:
        remaining["stall_timeout"] = policy.stall_timeout - _seconds_between(state.moved_at, now)
    return remaining


def _seconds_to_deadline(policy: Policy, now: datetime) -> dict[str, float]:
    return {} if policy.deadline is None else {"timeout": _seconds_between(now, policy.deadline)}


def _decide(pause: float, remaining: dict[str, float]) -> Decision:
    """Poll again after the pause or when a timeout expires; the timeout that expired first ends the wait."""
    first = min(remaining, key=lambda timeout: remaining[timeout], default=None)
    if first is None or remaining[first] > 0:
        return PollAgain(min([pause, *remaining.values()]))
    return Ended(first)


def _seconds_between(start: datetime | None, end: datetime) -> float:
    return 0.0 if start is None else (end - start).total_seconds()
