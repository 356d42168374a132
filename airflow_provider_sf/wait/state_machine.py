"""
Decide what a wait does next. Pure; no clock, no dice, no I/O.

    step(policy, memory, observation, now) -> (memory, decision)

An observation is what one poll brought, a record or an error. Its verdict says what is next:

    our upgrade ended well            ended by "upgrade"
    it ended badly, was overtaken,    ask once more 2 s later; ended by "upgrade" if the answer stays bad
    or stands as nobody wants it
    an upgrade moves                  ask again; at last ended by "stall" or "timeout"
    at rest, but not ours             ask again; at last ended by "start" or "timeout"
    a state that we do not know       ask again; at last ended by "unknown" or "timeout"
    Unreachable                       ask again, backing off; at last ended by "unreachable" or "timeout"
    Rejected, UnexpectedAnswer        ended by "error"; what is missing may count as "not ours yet"
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from math import inf
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest import ServiceFabricError, Unreachable
from airflow_provider_sf.rest.json_values import changed_fields, utc
from airflow_provider_sf.rest.protocol import is_missing
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.matching import Identity, Meant, Whose
from airflow_provider_sf.wait.state import Forgiven, Memory, Verdict
from airflow_provider_sf.wait.timeline import continued

if TYPE_CHECKING:
    from datetime import datetime

CONFIRM_AFTER_SECONDS = 2.0
"""A bad end is read once more this much later before it is believed."""

LOOKS_INTO_A_SILENCE = 5
"""A silence is looked into at least so often before its budget is spent, and in each process anew."""

FIRST_BACKOFF_SECONDS = 1.0
"""The longest pause after the first unanswered poll; it doubles with each further one."""

_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Policy:
    """
    How to wait, and for what. Durations are seconds; a deadline of None is somebody else's to keep.

    The defaults are promises, as those of :class:`Meant` are: a policy that was written does not name them.
    """

    poke_interval: float
    unreachable_timeout: float = 300.0
    start_timeout: float = 900.0
    unknown_state_timeout: float = 600.0
    stall_timeout: float | None = None
    on_paused: str = "wait"
    on_rollback: str = "wait"
    wait_for_existence: bool = False
    exponential_backoff: bool = False
    max_wait: float | None = None
    deadline: datetime | None = None
    meant: Meant = field(default_factory=Meant)

    def interval(self, answers: int) -> float:
        """Return the pause after that many answers: constant, or doubled each time up to ``max_wait``."""
        if not self.exponential_backoff:
            return self.poke_interval
        pause = self.poke_interval * _doubled(answers)
        return pause if self.max_wait is None else min(pause, self.max_wait)

    def backoff(self, silent_polls: int) -> float:
        """Return the longest pause after so many unanswered polls in a row."""
        return min(
            FIRST_BACKOFF_SECONDS * _doubled(silent_polls), self.unreachable_timeout / LOOKS_INTO_A_SILENCE
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what is not as by default, as flat JSON types; :meth:`from_dict` undoes it."""
        mine = changed_fields(self)
        del mine["meant"]
        return {**mine, **self.meant.to_dict()}

    @classmethod
    def from_dict(cls, policy: dict[str, Any]) -> Policy:
        """Undo :meth:`to_dict`."""
        meant = {one.name for one in fields(Meant)}
        mine = {name: value for name, value in policy.items() if name not in meant}
        return cls(**{**mine, "deadline": utc(policy.get("deadline")), "meant": Meant.from_dict(policy)})


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Nothing is decided; ask again after so many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The wait is over, ended by ``upgrade``, ``error``, ``unreachable`` or by the clock of that name."""

    by: str


Observation = UpgradeProgress | ServiceFabricError
Decision = AskAgain | Ended


def judge(policy: Policy, whose: Whose, record: UpgradeProgress) -> Verdict:
    """Tell what a record means for a wait, once it is known whose upgrade it is about."""
    outcome = record.outcome
    if outcome is Outcome.UNKNOWN:
        return Verdict.UNKNOWN
    if policy.meant.accepts(record):
        return Verdict.SUCCEEDED
    if whose is Whose.SUCCESSORS:
        return Verdict.OVERTAKEN
    if whose is Whose.ANOTHERS:
        return Verdict.NOT_BEGUN if outcome.at_rest else Verdict.PENDING
    if outcome is Outcome.SUCCEEDED:
        return Verdict.SUCCEEDED
    unwanted = (
        outcome.at_rest
        or (outcome is Outcome.PAUSED and policy.on_paused == "fail")
        or (record.going_back and policy.on_rollback == "fail_fast")
    )
    return Verdict.FAILED if unwanted else Verdict.PENDING


def step(
    policy: Policy, memory: Memory, observation: Observation, now: datetime, *, chance: float = 1.0
) -> tuple[Memory, Decision]:
    """
    Take in what a poll brought and decide what is next.

    ``chance``, from 0 to 1, is the part of the longest pause that a silence is given: thrown anew for each
    poll, it keeps those who wait for one cluster from asking all at once when it comes back.
    """
    memory = replace(memory, polls=memory.polls + 1, began_at=memory.began_at or now)
    if isinstance(observation, UpgradeProgress):
        return _after_answer(policy, memory, observation, now)
    if policy.wait_for_existence and is_missing(observation):
        return _after_missing(policy, memory, observation, now)
    if isinstance(observation, Unreachable):
        return _after_silence(policy, memory, observation, now, chance)
    return replace(memory, error=observation), Ended("error")


def rested(memory: Memory, polls: int, record: UpgradeProgress) -> Memory:
    """
    Take in polls that all brought what is known already, the last of them this record, then observed.

    It comes to the same as a step for each, if no clock is due; but these do not let an interval grow.
    """
    *earlier, last = memory.timeline
    timeline = (*earlier, replace(last, last_seen_at=record.observed_at or last.last_seen_at))
    return replace(memory, polls=memory.polls + polls, record=record, timeline=timeline)


def may_rest(policy: Policy, memory: Memory) -> bool:
    """
    Tell whether polls that bring nothing new change nothing until a clock is due.

    They do while the last answer is doubted or none came; and what moves without a start may be taken for
    ours as soon as ``started_after`` has come.
    """
    record = memory.record
    if record is None or memory.error is not None or memory.doubted:
        return False
    return policy.meant.started_after is None or record.started_at is not None


def until_a_clock(policy: Policy, memory: Memory, now: datetime) -> float:
    """Return in how many seconds the first clock of a wait is due, if nothing changes."""
    return min(_clocks(policy, memory, now).values(), default=inf)


def _after_answer(
    policy: Policy, memory: Memory, record: UpgradeProgress, now: datetime
) -> tuple[Memory, Decision]:
    whose = policy.meant.whose(record, now, memory.ours, memory.before)
    verdict = judge(policy, whose, record)
    is_before = whose is Whose.ANOTHERS and verdict is not Verdict.UNKNOWN
    after = replace(
        _noted(memory, record, verdict, now),
        ours=policy.meant.learned(record, whose, memory.ours),
        before=memory.before or (Identity.of(record) if is_before else None),
        timeline=continued(memory.timeline, record, now, ours=whose is Whose.OURS),
        error=None,
    )
    if verdict.bad and not memory.doubted:
        return after, AskAgain(CONFIRM_AFTER_SECONDS)
    if verdict.bad or verdict is Verdict.SUCCEEDED:
        return _claimed(after), Ended("upgrade")
    return after, _by_the_clocks(policy, after, now)


def _after_missing(
    policy: Policy, memory: Memory, error: ServiceFabricError, now: datetime
) -> tuple[Memory, Decision]:
    before = memory.before or Identity(None, None)
    after = replace(_noted(memory, None, Verdict.NOT_BEGUN, now), before=before, error=error)
    return after, _by_the_clocks(policy, after, now)


def _after_silence(
    policy: Policy, memory: Memory, error: Unreachable, now: datetime, chance: float
) -> tuple[Memory, Decision]:
    since = memory.silent_since or now
    after = replace(memory, error=error, silent_since=since, silent_polls=memory.silent_polls + 1)
    pause = max(chance * policy.backoff(after.silent_polls), error.retry_after or 0.0)
    left = _until_deadline(policy, now)
    if not memory.outdated or after.silent_polls >= LOOKS_INTO_A_SILENCE:
        left["unreachable"] = policy.unreachable_timeout - _seconds(since, now)
    decision = _next(pause, left)
    if memory.doubted and decision == Ended("timeout"):
        return _claimed(after), Ended("upgrade")
    return after, decision


def _claimed(memory: Memory) -> Memory:
    """Take what is on record for ours, now that it has ended the wait, so that the worker judges it alike."""
    return memory if memory.ours or not memory.record else replace(memory, ours=Identity.of(memory.record))


def _noted(memory: Memory, record: UpgradeProgress | None, verdict: Verdict, now: datetime) -> Memory:
    """Take in an answer and what it means; a record of None is the answer that there is none."""
    before = memory.record and memory.record.position
    moved = memory.moved_at is None or before != (record and record.position)
    goes_on = verdict is memory.verdict and not (memory.outdated and moved)
    return replace(
        memory,
        answers=memory.answers + 1,
        record=record,
        verdict=verdict,
        verdict_since=memory.verdict_since if goes_on else _since(memory, record, verdict, now),
        moved_at=now if moved else memory.moved_at,
        silent_since=None,
        silent_polls=0,
        forgiven=_forgiven(memory, now),
        outdated=False,
    )


def _forgiven(memory: Memory, now: datetime) -> Forgiven:
    """Return what is forgiven by now, when an answer has come: the silence before it, if there was one."""
    if memory.silent_since is None:
        return memory.forgiven
    silence = _seconds(memory.silent_since, now)
    return memory.forgiven.and_one_more(memory.silent_polls, silence, memory.error)


def _since(memory: Memory, record: UpgradeProgress | None, verdict: Verdict, now: datetime) -> datetime:
    """Return since when a new verdict holds. What is at rest at a first look may have been so for long."""
    if memory.verdict is not None or not memory.forgetful or verdict is not Verdict.NOT_BEGUN:
        return now
    waited = _seconds(memory.began_at, now)
    if record is None or record.started_at is None or record.duration_seconds is None:
        return now - timedelta(seconds=waited)
    at_rest = _seconds(record.started_at, now) - record.duration_seconds
    return now - timedelta(seconds=max(0.0, min(at_rest, waited)))


def _by_the_clocks(policy: Policy, memory: Memory, now: datetime) -> Decision:
    return _next(policy.interval(memory.answers), _clocks(policy, memory, now))


def _clocks(policy: Policy, memory: Memory, now: datetime) -> dict[str, float]:
    """Return how many seconds each clock that runs has left."""
    left = _until_deadline(policy, now)
    outcome = memory.record and memory.record.outcome
    if memory.verdict is Verdict.NOT_BEGUN:
        left["start"] = policy.start_timeout - _seconds(memory.verdict_since, now)
    if memory.verdict is Verdict.UNKNOWN:
        left["unknown"] = policy.unknown_state_timeout - _seconds(memory.verdict_since, now)
    if policy.stall_timeout is not None and outcome in {Outcome.IN_PROGRESS, Outcome.ROLLING_BACK}:
        left["stall"] = policy.stall_timeout - _seconds(memory.moved_at, now)
    return left


def _until_deadline(policy: Policy, now: datetime) -> dict[str, float]:
    return {} if policy.deadline is None else {"timeout": _seconds(now, policy.deadline)}


def _next(pause: float, left: dict[str, float]) -> Decision:
    """Ask again after the pause, or when a clock is due; of those that have run out, the first ends it."""
    first = min(left, key=lambda clock: left[clock], default=None)
    if first is None or left[first] > 0:
        return AskAgain(min([pause, *left.values()]))
    return Ended(first)


def _seconds(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else (now - since).total_seconds()


def _doubled(times: int) -> float:
    return 2.0 ** min(times - 1, _MOST_DOUBLINGS)
