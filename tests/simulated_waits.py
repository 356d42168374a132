"""Run whole waits for simulated upgrades with a simulated clock, without Airflow."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.messages.errors import explained_error
from airflow_provider_sf.messages.log_state import LogLine, LogState
from airflow_provider_sf.messages.progress_log import changed_lines, opening_lines
from airflow_provider_sf.messages.results import failure_message, success_message
from airflow_provider_sf.messages.summary import summary_lines
from airflow_provider_sf.messages.timeouts import timeout_message
from airflow_provider_sf.rest import ServiceFabricError, Unreachable
from airflow_provider_sf.rest.protocol import Response
from airflow_provider_sf.simulator.model import progress_response
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import Domains, UpgradeUnit
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.wait.state import Verdict, WaitState
from airflow_provider_sf.wait.state_machine import PollAgain, step, verdict_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.simulator.responses import HttpResponse
    from airflow_provider_sf.wait.policy import Policy
    from airflow_provider_sf.wait.state_machine import Observation

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
ENDPOINT = "http://mycluster.example.com:19080"
KIND = "application_resource"

UNSUPPORTED_SCENARIOS: dict[str, set[str]] = {
    "cluster": {"not_found"},
    "cluster_configuration": {"not_found", "paused", "next_domain", "superseded", "interrupted"},
}
"""Kind -> the scenarios that cannot happen to it."""

PHASE_SCENARIOS = {"several_phases", "later_phase_fails", "refused"}
"""The scenarios that happen only to a cluster configuration."""

KIND_SCENARIOS = [
    (kind, scenario)
    for kind in KINDS
    for scenario in SCENARIOS
    if scenario not in UNSUPPORTED_SCENARIOS.get(kind, set())
    and (kind == "cluster_configuration" or scenario not in PHASE_SCENARIOS)
]
"""Each kind with each of its scenarios."""


@dataclass(frozen=True)
class SimulatedWait:
    """A wait that has ended: its log lines, its state and the message of its result."""

    kind: str
    name: str
    lines: list[LogLine]
    state: WaitState
    message: str

    def lines_with_levels(self) -> list[tuple[str, str]]:
        """Return the log lines before the Summary, with the names of their levels."""
        return [(logging.getLevelName(level), line) for level, line in self.lines]

    @property
    def text(self) -> str:
        """The whole log and the message."""
        log = [f"{level:<7}  {line}" for level, line in self.lines_with_levels()]
        summary = [f"INFO     {line}" for line in summary_lines(self.kind, self.name, self.state)]
        fold = ["INFO     ::group::Summary", *summary, "INFO     ::endgroup::"]
        return "\n".join([*log, *fold, self.message, ""])


def subject_name(scenario: str, kind: str) -> str:
    """Return the name of what a scenario happens to; empty for a kind without names."""
    name = f"fabric:/{scenario}-shop/web" if kind == "application" else f"{scenario}-shop"
    return name if KINDS[kind].takes_name else ""


def make_domains(
    completed: int, *, count: int = 5, is_between: bool = False, checks: tuple[str, ...] = ()
) -> Domains:
    """Return an upgrade in the domain after the completed ones, or in the pause before that domain."""
    states = [*["Completed"] * completed, "Pending" if is_between else "InProgress", *["Pending"] * count]
    units = tuple(UpgradeUnit(f"UD{index + 1}", states[index]) for index in range(count))
    return Domains(units, pending_safety_checks=checks)


def simulated_cluster(
    scenario: str, *, kind: str = KIND, start: datetime = START, speed: float = 1.0
) -> Callable[[datetime], Observation]:
    """Return a function that polls a scenario, which begins at ``start``, at any time."""
    name = subject_name(scenario, kind)

    def poll(now: datetime) -> Observation:
        answer = progress_response(
            SCENARIOS[scenario],
            name,
            kind=kind,
            elapsed=(now - start).total_seconds(),
            started_at=start.timestamp(),
            speed=speed,
        )
        return observation(answer, kind, name, now)

    return poll


def observation(answer: HttpResponse, kind: str, name: str, now: datetime) -> Observation:
    """Read a response as the hook does."""
    if answer.reset:
        return Unreachable("Connection reset by peer", endpoint=ENDPOINT)
    try:
        body = Cluster((ENDPOINT,)).read(Response(answer.status, answer.body, endpoint=ENDPOINT))
    except ServiceFabricError as error:
        return error
    return UpgradeProgress.from_answer(kind, name, body, observed_at=now, endpoint=ENDPOINT)


def run_wait(
    name: str,
    poll: Callable[[datetime], Observation],
    policy: Policy,
    *,
    kind: str = KIND,
    timeout: float = 21_600.0,
) -> SimulatedWait:
    """Poll as the sensor does, from START on, but without sleeping."""
    policy, limit = replace(policy, deadline=START + timedelta(seconds=timeout)), ("timeout", timeout)
    lines = [(logging.INFO, line) for line in opening_lines(kind, name, ENDPOINT, policy, limit)]
    state, log_state, now = WaitState(), LogState(), START
    while True:
        before = state
        state, decision = step(policy, before, poll(now), now)
        log_state, new_lines = changed_lines(log_state, before, state, policy, now)
        lines += new_lines
        if not isinstance(decision, PollAgain):
            break
        now += timedelta(seconds=decision.seconds)
    state = state.ended(decision.by, now)
    if state.record is not None and final_verdict(policy, state) is Verdict.FAILED:
        state = state.explained()
    return SimulatedWait(kind, name, lines, state, _message(policy, kind, name, state, limit))


def final_verdict(policy: Policy, state: WaitState) -> Verdict | None:
    """Judge the last record, if an upgrade has ended the wait."""
    if state.ended_by != "upgrade" or state.record is None or state.ended_at is None:
        return None
    return verdict_of(policy, state, state.record, state.ended_at)


def _message(policy: Policy, kind: str, name: str, state: WaitState, limit: tuple[str, float]) -> str:
    if state.ended_by in {"error", "unreachable_timeout"} and state.error is not None:
        return f"{type(state.error).__name__}: {explained_error(state.error, state, kind, name)}"
    verdict, record = final_verdict(policy, state), state.record
    if record is None or verdict is None:
        return timeout_message(policy, state, kind, name, limit)
    if verdict is Verdict.SUCCEEDED:
        return success_message(state, record)
    return failure_message(policy, state, record, verdict)
