"""Whole waits for simulated upgrades, by a simulated clock and without Airflow: what is logged and told in the end."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.messages.progress_log import Line, LogState, changed_lines, opening_lines
from airflow_provider_sf.messages.results import failure, success, timeout_message
from airflow_provider_sf.messages.summary import summary_lines
from airflow_provider_sf.rest import ServiceFabricError, Unreachable
from airflow_provider_sf.rest.protocol import Response
from airflow_provider_sf.simulator.model import progress_answer
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import DomainProgress, Domains, UpgradeUnit
from airflow_provider_sf.upgrades.failure_reasons import FailureDetails, failure_reasons
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.wait.state import Verdict, WaitState
from airflow_provider_sf.wait.state_machine import PollAgain, judge, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.wait.policy import Policy
    from airflow_provider_sf.wait.state_machine import Observation

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
ENDPOINT = "http://mycluster.example.com:19080"
KIND = "application_resource"

CANNOT_SHOW: dict[str, set[str]] = {
    "cluster": {"not_found"},
    "cluster_configuration": {"not_found", "never_upgraded", "slow_start", "paused", "next_domain"},
}
"""Kind -> the scenarios that it has no way to show; a kind that is not here shows all."""

SHOWN = [
    (kind, scenario)
    for kind in KINDS
    for scenario in SCENARIOS
    if scenario not in CANNOT_SHOW.get(kind, set())
]
"""Each kind with each scenario that it can show."""


@dataclass(frozen=True)
class Telling:
    """What a wait has logged, how it went, and its last words."""

    kind: str
    name: str
    lines: list[Line]
    story: WaitState
    end: str

    def levels(self) -> list[tuple[str, str]]:
        """Return the lines that the wait has logged while it lasted, with the names of their levels."""
        return [(logging.getLevelName(level), line) for level, line in self.lines]

    @property
    def text(self) -> str:
        """All that is logged and said."""
        log = [f"{level:<7}  {line}" for level, line in self.levels()]
        again = [f"INFO     {line}" for line in summary_lines(self.kind, self.name, self.story)]
        group = ["INFO     ::group::The whole wait again", *again, "INFO     ::endgroup::"]
        return "\n".join([*log, *group, self.end, ""])


def name_of(scenario: str, kind: str) -> str:
    """Return the name of what a scenario happens to, for a kind that has names."""
    named = {"application": f"fabric:/{scenario}-shop/web"}.get(kind, f"{scenario}-shop")
    return named if KINDS[kind].takes_name else ""


def domains(completed: int, *, of: int = 5, between: bool = False, checks: tuple[str, ...] = ()) -> Domains:
    """Return where an upgrade is: in the domain after those that are completed, or in the pause before it."""
    states = [*["Completed"] * completed, "Pending" if between else "InProgress", *["Pending"] * of]
    units = tuple(UpgradeUnit(f"UD{place + 1}", states[place]) for place in range(of))
    return Domains(units, current=DomainProgress(safety_checks=checks))


def simulated(
    scenario: str, *, kind: str = KIND, begins: datetime = START, speed: float = 1.0
) -> Callable[[datetime], Observation]:
    """Return what a simulated cluster answers at a time about something whose scenario begins at another."""
    name = name_of(scenario, kind)

    def look(now: datetime) -> Observation:
        elapsed = (now - begins).total_seconds()
        answer = progress_answer(
            SCENARIOS[scenario],
            name,
            kind=kind,
            elapsed=elapsed,
            started_at=begins.timestamp(),
            speed=speed,
        )
        if answer.reset:
            return Unreachable("Connection reset by peer", endpoint=ENDPOINT)
        try:
            body = Cluster((ENDPOINT,)).read(Response(answer.status, answer.body, endpoint=ENDPOINT))
        except ServiceFabricError as error:
            return error
        return UpgradeProgress.from_answer(kind, name, body, observed_at=now, endpoint=ENDPOINT)

    return look


def tell(
    name: str,
    look: Callable[[datetime], Observation],
    policy: Policy,
    *,
    kind: str = KIND,
    timeout: float = 21_600.0,
    begins: datetime = START,
) -> Telling:
    """Wait as the adapters do, but let time pass at once."""
    policy = replace(policy, deadline=begins + timedelta(seconds=timeout))
    limit = ("timeout", timeout)
    lines = [(logging.INFO, line) for line in opening_lines(kind, name, ENDPOINT, policy, limit)]
    memory, told, now = WaitState(), LogState(), begins
    while True:
        before = memory
        memory, decision = step(policy, before, look(now), now)
        told, more = changed_lines(told, before, memory, policy, now)
        lines += more
        if not isinstance(decision, PollAgain):
            break
        now += timedelta(seconds=decision.seconds)
    story = memory.ended(decision.by, now)
    if story.record is not None and verdict(policy, story) is Verdict.FAILED:
        story = replace(story, reasons=failure_reasons([FailureDetails.from_record(story.record)]))
    return Telling(kind, name, lines, story, _end(policy, kind, name, story, limit))


def verdict(policy: Policy, story: WaitState) -> Verdict | None:
    """Judge what has ended a wait, if that is an upgrade."""
    if story.ended_by != "upgrade" or story.record is None or story.ended_at is None:
        return None
    return judge(policy, policy.selector.match(story.record, story.ended_at, story.expected), story.record)


def _end(policy: Policy, kind: str, name: str, story: WaitState, limit: tuple[str, float]) -> str:
    record = story.record
    if story.ended_by in {"error", "unreachable"}:
        return f"{type(story.error).__name__}: {story.error}"
    end = verdict(policy, story)
    if record is None or end is None:
        return timeout_message(policy, story, kind, name, limit)
    return success(story, record) if end is Verdict.SUCCEEDED else failure(policy, story, record, end)
