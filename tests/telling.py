"""Whole waits for simulated upgrades, by a simulated clock and without Airflow: what is logged and told in the end."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_sf.endings import failure, success, timed_out
from airflow_provider_sf.narration import Line, Told, news, opening
from airflow_provider_sf.rest import Response, ServiceFabricError, Unreachable, json_from
from airflow_provider_sf.retelling import retelling
from airflow_provider_sf.simulator.model import progress_answer
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.story import Memory, Verdict
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.watching import AskAgain, Policy, judge, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.watching import Observation

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
ENDPOINT = "http://mycluster.example.com:19080"
KIND = "application_resource"


@dataclass(frozen=True)
class Telling:
    """What a wait has logged, how it went, and its last words."""

    name: str
    lines: list[Line]
    story: Memory
    end: str

    def levels(self) -> list[tuple[str, str]]:
        """Return the lines that the wait has logged while it lasted, with the names of their levels."""
        return [(logging.getLevelName(level), line) for level, line in self.lines]

    @property
    def text(self) -> str:
        """All that is logged and said."""
        log = [f"{level:<7}  {line}" for level, line in self.levels()]
        again = [f"INFO     {line}" for line in retelling(KIND, self.name, self.story)]
        group = ["INFO     ::group::The whole wait again", *again, "INFO     ::endgroup::"]
        return "\n".join([*log, *group, self.end, ""])


def simulated(
    scenario: str, *, begins: datetime = START, speed: float = 1.0
) -> Callable[[datetime], Observation]:
    """Return what a simulated cluster answers at a time about an application whose scenario begins at another."""
    name = f"{scenario}-shop"

    def look(now: datetime) -> Observation:
        elapsed = (now - begins).total_seconds()
        answer = progress_answer(
            SCENARIOS[scenario], name, elapsed=elapsed, started_at=begins.timestamp(), speed=speed
        )
        if answer.reset:
            return Unreachable("Connection reset by peer", endpoint=ENDPOINT)
        try:
            body = json_from(Response(answer.status, answer.body), ENDPOINT)
        except ServiceFabricError as error:
            return error
        return UpgradeProgress.from_answer(KIND, name, body, observed_at=now, endpoint=ENDPOINT)

    return look


def tell(
    name: str,
    look: Callable[[datetime], Observation],
    policy: Policy,
    *,
    timeout: float = 21_600.0,
    begins: datetime = START,
) -> Telling:
    """Wait as the adapters do, but let time pass at once."""
    policy = replace(policy, deadline=begins + timedelta(seconds=timeout))
    limit = ("timeout", timeout)
    lines = [(logging.INFO, line) for line in opening(KIND, name, ENDPOINT, policy, limit)]
    memory, told, now = Memory(), Told(), begins
    while True:
        before = memory
        memory, decision = step(policy, before, look(now), now)
        told, more = news(told, before, memory, policy, now)
        lines += more
        if not isinstance(decision, AskAgain):
            break
        now += timedelta(seconds=decision.after)
    story = memory.ended(decision.by, now)
    return Telling(name, lines, story, _end(policy, name, story, limit))


def _end(policy: Policy, name: str, story: Memory, limit: tuple[str, float]) -> str:
    record = story.record
    if story.ended_by in {"error", "unreachable"}:
        return f"{type(story.error).__name__}: {story.error}"
    if story.ended_by != "upgrade" or record is None or story.ended_at is None:
        return timed_out(policy, story, KIND, name, limit)
    verdict = judge(policy, policy.meant.whose(record, story.ended_at, story.ours), record)
    if verdict is Verdict.SUCCEEDED:
        return success(story, record)
    return failure(policy, story, record, verdict)
