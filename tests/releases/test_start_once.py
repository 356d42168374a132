"""
Exactly one upgrade: whole lives of a task against a model of the cluster manager.

Answers are lost before and after the request was accepted, or the request is accepted late; the process dies at any
point; a person clears the task; and other people start, change and roll back upgrades.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis import assume, given, note, settings

from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.releases.parameters import merged
from airflow_provider_sf.releases.policies import MonitoringPolicy
from airflow_provider_sf.releases.start_once import (
    LookAgain,
    NothingToDo,
    Refused,
    Seen,
    Send,
    Started,
    StartOptions,
    StartState,
    Step,
    WaitForOther,
    after_answer,
    next_step,
)
from airflow_provider_sf.rest import Rejected, ResultUnknown, ServiceFabricError, Unreachable
from airflow_provider_sf.upgrades import UpgradeProgress
from tests.releases.cluster_model import EPOCH, MOVING, Accepted, Cluster, Start, parameters_of

MANY = settings(max_examples=max(50, settings().max_examples))

REQUEST_SECONDS = 300.0
HORIZON = 6_000.0
OUR_PARAMETERS = {"Web": "3"}


class ProcessDied(Exception):
    """The worker was killed."""


def at(second: float) -> datetime:
    return EPOCH + timedelta(seconds=second)


@dataclass
class Task:
    """
    A task, and what happens to it.

    ``deaths`` are the numbers of the steps at which its process dies; ``faults`` what becomes of each request;
    ``clears`` how long after its end a person clears it.
    """

    cluster: Cluster
    if_upgrading: str
    keeps_state: bool
    ends: str
    deaths: list[int]
    faults: list[str]
    delays: list[float]
    forward_seconds: float
    retry_after: list[float]
    clears: list[float]
    log: list[str] = field(default_factory=list)
    stored: dict[str, Any] | None = None
    steps: int = 0
    tries: int = 0
    max_tries: int = 10
    sends: int = 0
    results: list[Step | Exception] = field(default_factory=list)
    moved: list[bool] = field(default_factory=list)
    """For each request, whether an upgrade was in progress when the task looked."""

    def note(self, text: str) -> None:
        self.log.append(f"{self.cluster.now:7.1f} {text}")

    def _repr_pretty_(self, printer: Any, _cycle: object) -> None:
        printer.text(f"{self.if_upgrading}, keeps_state={self.keeps_state}, {self.ends}")

    def run(self) -> None:
        """Run the task, its retries, and the runs after each clear."""
        for pause in [*self.clears, 0.0]:
            self.results.append(self.run_with_retries())
            if self.cluster.now >= HORIZON:
                break
            self.cluster.advance(pause)
            self.max_tries += 1
            self.note("cleared")
        self.cluster.advance(2_000.0)
        note("\n".join([*self.log, *map(str, self.results)]))

    def run_with_retries(self) -> Step | Exception:
        while self.cluster.now < HORIZON:
            self.tries += 1
            try:
                return self.run_once()
            except (ProcessDied, ServiceFabricError) as error:
                self.note(f"try {self.tries} ended: {error!r}")
                if not self.keeps_state:
                    self.stored = None
                pause = self.retry_after[self.tries % len(self.retry_after)]
                self.cluster.advance(pause)
        return TimeoutError()

    def run_once(self) -> Step | Exception:
        options = StartOptions(
            if_upgrading=self.if_upgrading,
            is_retry=self.tries > 1,
            keeps_state=self.keeps_state,
            max_tries=self.max_tries,
            run_started_at=at(0),
            try_began_at=at(self.cluster.now),
            request_seconds=REQUEST_SECONDS,
        )
        state = None if self.stored is None else StartState.from_dict(self.stored)
        while self.cluster.now < HORIZON:
            self.die()
            seen = self.look()
            upgrade = self.describe(seen)
            step = next_step(upgrade, options, state, seen)
            self.note(f"{type(step).__name__} {getattr(step, 'reason', '')}{getattr(step, 'identity', '')}")
            if isinstance(step, Send):
                found = self.send(step, upgrade, options, seen)
                state = found if isinstance(found, StartState) else None
                if isinstance(found, (NothingToDo, Refused)):
                    return found
            elif isinstance(step, (LookAgain, WaitForOther)):
                self.cluster.advance(step.seconds if isinstance(step, LookAgain) else 15.0)
            else:
                if isinstance(step, Started) and state is not None:
                    self.stored = state.with_started(step.identity).to_dict()
                self.die()
                return step
        return TimeoutError()

    def die(self) -> None:
        self.steps += 1
        if self.steps in self.deaths:
            raise ProcessDied

    def look(self) -> Seen:
        """Read the cluster as the task does: the record first."""
        answer = self.cluster.progress()
        self.cluster.advance(0.5)
        version, parameters = self.cluster.application()
        progress = UpgradeProgress.from_answer("application", "fabric:/shop/web", answer)
        return Seen(progress, version, parameters, at(self.cluster.now))

    def describe(self, seen: Seen) -> ApplicationUpgrade:
        return ApplicationUpgrade(
            name="fabric:/shop/web",
            target_version="v1",
            parameters=merged(seen.parameters, OUR_PARAMETERS, keeps_current=True),
            monitoring_policy=MonitoringPolicy(
                failure_action="Manual" if self.ends == "pauses" else "Rollback"
            ),
        )

    def send(
        self, step: Send, upgrade: ApplicationUpgrade, options: StartOptions, seen: Seen
    ) -> StartState | NothingToDo | Refused:
        self.die()
        self.stored = step.state.to_dict()
        self.moved.append(seen.progress.outcome.active)
        self.die()
        error = self.answer_to(upgrade)
        self.note(f"sent, answer {error!r}")
        self.die()
        try:
            after = after_answer(step.state, options, error)
        except ServiceFabricError:
            self.stored = None
            raise
        self.stored = after.to_dict() if isinstance(after, StartState) else None
        return after

    def answer_to(self, upgrade: ApplicationUpgrade) -> ServiceFabricError | None:
        """Send the request, and return the answer as the client reads it."""
        fault = self.faults[self.sends] if self.sends < len(self.faults) else "answered"
        delay = self.delays[self.sends % len(self.delays)]
        self.sends += 1
        self.note(f"sends, {fault}")
        answers: list[str] = []
        start = Start("ours", upgrade.body(), self.ends, delay, self.forward_seconds, answer=answers.append)
        start.deadline, start.looked_at = self.cluster.now + REQUEST_SECONDS, self.cluster.now
        if fault == "refused":
            return Unreachable("connection refused")
        if fault == "lost before":
            return ResultUnknown("the connection was closed")
        self.cluster.at(
            self.cluster.now + (delay if fault == "late" else 0.2), lambda: self.cluster.start(start)
        )
        self.cluster.advance(
            1.0 if fault in {"late", "lost after"} else REQUEST_SECONDS, lambda: bool(answers)
        )
        if fault != "answered" or not answers:
            return ResultUnknown("timed out")
        if answers == ["ok"]:
            return None
        is_transient = answers[0] == "FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS"
        return (Unreachable if is_transient else Rejected)("refused", 409, answers[0])

    # What is true of it.

    @property
    def ours(self) -> list[Accepted]:
        """The accepted requests of the task that did not fail in their preparation."""
        accepted = [item for item in self.cluster.accepted if item.start.owner == "ours"]
        return [] if self.ends == "invalid" else accepted


def act(task: Task, other: tuple[float, str]) -> None:
    """Let another person do something at some time."""
    at_second, what = other
    cluster = task.cluster

    def happen() -> None:
        task.note(f"another person: {what}")
        body = task.describe(Seen(None, *cluster.application(), at(0))).body()  # type: ignore[arg-type]
        more = [*body["Parameters"], {"Key": "More", "Value": "m"}]
        changes: dict[str, dict[str, Any]] = {
            "starts v2": {"TargetApplicationTypeVersion": "v2", "Parameters": more},
            "starts v1 otherwise": {"Parameters": [{"Key": "Web", "Value": "9"}]},
            "starts v0": {"TargetApplicationTypeVersion": "v0"},
            "starts the same": {},
        }
        if what in changes:
            cluster.start(Start("other", {**body, **changes[what]}, deadline=cluster.now + 60))
        elif what == "rolls back":
            cluster.rollback()
        elif what == "updates":
            cluster.update({"MonitoringPolicy": MonitoringPolicy(failure_action="Manual").body()})
        elif what == "freezes":
            cluster.update({"RollingUpgradeMode": "UnmonitoredManual"})
        else:
            cluster.resume()

    cluster.at(at_second, happen)


STARTS = ["starts v2", "starts v1 otherwise", "starts v0", "starts the same"]
OTHERS = [*STARTS, "rolls back", "updates", "freezes", "resumes"]
SECONDS = st.sampled_from([0.0, 2.0, 15.0, 100.0, 299.0, 365.0]) | st.floats(0, 900).map(round)
DELAYS = st.sampled_from([0.0, 1.0, 60.0, REQUEST_SECONDS]) | st.floats(0, REQUEST_SECONDS).map(round)


@st.composite
def tasks(draw: st.DrawFn, *, others: bool = True, keeps_state: bool | None = None) -> Task:
    task = Task(
        Cluster(),
        if_upgrading=draw(st.sampled_from(["fail", "wait", "supersede"])),
        keeps_state=draw(st.booleans()) if keeps_state is None else keeps_state,
        ends=draw(st.sampled_from(["succeeds", "succeeds", "rolls back", "fails", "pauses", "invalid"])),
        deaths=draw(st.lists(st.integers(1, 10), max_size=4)),
        faults=draw(
            st.lists(
                st.sampled_from(["answered", "answered", "lost before", "lost after", "late", "refused"]),
                min_size=1,
                max_size=4,
            )
        ),
        delays=draw(st.lists(DELAYS, min_size=1, max_size=3)),
        forward_seconds=draw(st.sampled_from([1.0, 20.0, 200.0])),
        retry_after=draw(st.lists(st.sampled_from([0.0, 30.0, 300.0]), min_size=1, max_size=3)),
        clears=draw(st.lists(st.sampled_from([1.0, 100.0, 1_000.0]), max_size=2)),
    )
    if others:
        for other in draw(st.lists(st.tuples(SECONDS, st.sampled_from(OTHERS)), max_size=4)):
            act(task, other)
        task.cluster.advance(draw(st.sampled_from([0.0, 100.0, 500.0])))
    return task


@MANY
@given(tasks(keeps_state=True))
def test_task_is_accepted_once(task: Task) -> None:
    """Without a clear, at most one request of a task is accepted, whatever others do."""
    task.clears = []
    task.run()
    assert len(task.ours) <= 1


@MANY
@given(tasks(others=False, keeps_state=False))
def test_task_without_state_is_accepted_once(task: Task) -> None:
    """Even if Airflow keeps nothing for a retry, as long as no other person changes the upgrade."""
    assume(task.ends != "invalid")
    task.clears = []
    task.run()
    assert len([upgrade for upgrade in task.cluster.begun if upgrade.start.owner == "ours"]) <= 1


@MANY
@given(tasks())
def test_nothing_is_sent_during_an_upgrade(task: Task) -> None:
    """Except by the first request of a task that supersedes."""
    task.run()
    if task.if_upgrading != "supersede":
        assert not any(task.moved)


@MANY
@given(tasks(keeps_state=True))
def test_cleared_task_never_interrupts_its_upgrade(task: Task) -> None:
    """A start of the task is never accepted while an upgrade of the task goes forward or is prepared."""
    seen: list[bool] = []
    accept = task.cluster._accept

    def watched(start: Start, *, is_moving: bool) -> None:
        record = task.cluster.record
        if start.owner == "ours" and record is not None and record.start.owner == "ours":
            seen.append(record.phase in MOVING)
        accept(start, is_moving=is_moving)

    task.cluster._accept = watched  # type: ignore[method-assign]
    task.run()
    assert not any(seen)


@MANY
@given(tasks(others=False, keeps_state=True))
def test_undisturbed_task_starts_its_upgrade(task: Task) -> None:
    """Each run ends with the upgrade of the task, or with the reason why the cluster refused it."""
    task.run()
    for result in task.results:
        assert isinstance(result, (Started, NothingToDo, Refused)), result
    first = task.results[0]
    if task.ends != "invalid" and isinstance(first, Refused):
        assert "never answered" in first.reason


@MANY
@given(tasks())
def test_started_upgrade_is_the_right_one(task: Task) -> None:
    """The upgrade that the task waits for is its own, or one to the same version with all of its parameters."""
    task.run()
    for result in task.results:
        if not isinstance(result, Started) or result.identity.started_at is None:
            continue
        if result.identity.rolled_back:
            continue  # a rollback does not show what it undoes; this identity fails the task
        (upgrade,) = [
            upgrade
            for upgrade in task.cluster.begun
            if upgrade.started_at is not None and at(upgrade.started_at) == result.identity.started_at
        ]
        assert upgrade.description["TargetApplicationTypeVersion"] == "v1"
        assert OUR_PARAMETERS.items() <= parameters_of(upgrade.description).items()


@MANY
@given(tasks())
def test_parameters_are_never_lost(task: Task) -> None:
    """Each accepted request keeps the parameters that are deployed, unless they changed after it was made."""
    task.run()
    for item in task.ours:
        if item.deployed_at <= item.start.looked_at:
            assert parameters_of(item.start.body) == {**item.parameters, **OUR_PARAMETERS}
