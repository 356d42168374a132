"""
Exactly one upgrade: the operator, its tries and other people's commands against the simulated cluster.

Answers are lost before and after the request was accepted, or the request is accepted late; the process dies
before or after any call of the hook; a person clears the task; and other people start, change and roll back
upgrades of the same application. The journal of the cluster shows what was accepted.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout
from hypothesis import HealthCheck, event, given, note, settings

from airflow_provider_sf.exceptions import ChangeRefused, UpgradeFailed
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeApplicationOperator
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.releases.policies import MonitoringPolicy
from airflow_provider_sf.rest import ResultUnknown, ServiceFabricError
from airflow_provider_sf.simulator.commands import ApiRequest
from tests.conftest import TaskInstance
from tests.operators.conftest import MODULES, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.simulator import Simulator
    from airflow_provider_sf.simulator.timeline import Snapshot
    from tests.conftest import Clock

# The simulated cluster is that of all examples; each has its own application.
SHARED = settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
pytestmark = pytest.mark.thorough

NUMBERS = count()
REQUEST_SECONDS = 60.0
OURS = {"Web_LogLevel": "Debug"}
FAULTS = ["", "", "lost_before", "lost_after", "unavailable", "timeout_after", "late"]
STARTS = ["starts v2", "starts v1 otherwise", "starts v0", "starts the same", "starts badly"]
OTHERS = [*STARTS, "rolls back", "updates", "freezes", "resumes"]
COURSES = ["idle", "idle", "idle_rolled_back", "idle_failed", "idle_paused"]


class ProcessDied(BaseException):
    """The worker was killed: no code of the task sees it."""


class Operator(ServiceFabricUpgradeApplicationOperator):
    log = logging.getLogger("operator_in_histories")  # type: ignore[assignment]
    log.disabled = True  # pytest keeps what is logged


@dataclass(frozen=True)
class Accepted:
    """A start of the task that the cluster accepted: when the task looked, and when it was accepted."""

    was_moving_at_look: bool
    runs_own_upgrade: bool
    at_look: dict[str, str]
    at_acceptance: dict[str, str]
    parameters: dict[str, str]


@dataclass
class History:
    """
    A task, its application, and what happens to both.

    ``deaths`` are calls of the hook at which the process dies, and whether it dies after the call; ``pause`` is
    the shortest pause of the task, and ``latency`` the time of each call; ``others`` are commands of other people,
    each some seconds after the one before.
    """

    course: str
    if_upgrading: str
    failure_action: str
    keeps_state: bool
    deaths: dict[int, bool]
    faults: list[str]
    delays: list[float]
    pause: float
    latency: float
    retry_after: list[float]
    clears: list[float]
    others: list[tuple[float, str]]
    log: list[str] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)
    wrong_successes: list[str] = field(default_factory=list)

    def run(self, simulator: Simulator, clock: Clock) -> None:
        """Run the task to its end, and again after each clear."""
        self.simulator, self.clock = simulator, clock
        simulator.journal.clear()
        self.name = f"fabric:/{self.course}-shop/web{next(NUMBERS)}"
        self.calls = self.sends = 0
        self.is_own = False
        self.events: list[tuple[float, Callable[[], None]]] = []
        self.began = at = clock.now
        for seconds, what in self.others:
            at += seconds
            self.later(at, what)
        self.store, self.ti = Store(), TaskInstance()
        with pytest.MonkeyPatch.context() as patch:
            self.patch(patch)
            self.run_and_clear()
        note("\n".join(self.log))

    def later(self, at: float, what: str) -> None:
        self.events.append((at, lambda: self.act(what)))

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        """
        Let pauses and calls move the time, and calls fail.

        They are replaced, because an upgrade takes minutes and the process of the tests cannot die.
        """
        for module in MODULES:
            sleep = SimpleNamespace(sleep=lambda seconds: self.advance(max(seconds, self.pause)))
            patch.setattr(f"airflow_provider_sf.{module}.time", sleep)
        for name, around in {
            "get_upgrade_progress": self.read_progress,
            "get_application": self.read_application,
            "start_application_upgrade": self.send,
        }.items():
            original = getattr(ServiceFabricHook, name)
            patch.setattr(ServiceFabricHook, name, self.dying(original, around))

    def dying(self, original: Callable[..., Any], around: Callable[..., Any]) -> Callable[..., Any]:
        def call(hook: ServiceFabricHook, *arguments: Any, **keywords: Any) -> Any:
            self.calls += 1
            dies_after = self.deaths.get(self.calls)
            if dies_after is False:
                raise ProcessDied
            self.advance(self.latency)
            try:
                return around(lambda: original(hook, *arguments, **keywords), *arguments)
            finally:
                if dies_after:
                    raise ProcessDied

        return call

    def advance(self, seconds: float) -> None:
        """Move the time; what is due happens in its order."""
        end = self.clock.now + seconds
        while due := sorted((item for item in self.events if item[0] <= end), key=lambda item: item[0]):
            self.events.remove(due[0])
            self.clock.now = max(self.clock.now, due[0][0])
            due[0][1]()
        self.clock.now = end

    # The calls of the task.

    def snapshot(self) -> Snapshot:
        found = self.simulator.state(self.name).find(self.name)
        assert found is not None
        return found.history.snapshot(self.clock.now)

    def is_moving(self) -> bool:
        found = self.simulator.state(self.name).find(self.name)
        assert found is not None
        return found.history.is_running(self.clock.now)

    def read_progress(self, call: Callable[[], Any], *_: Any) -> Any:
        self.was_moving_at_look = self.is_moving()
        return call()

    def read_application(self, call: Callable[[], Any], *_: Any) -> Any:
        self.parameters_at_look = dict(self.snapshot().deployed.parameters)
        return call()

    def send(self, call: Callable[[], None], upgrade: ApplicationUpgrade) -> None:
        fault = self.faults[self.sends] if self.sends < len(self.faults) else ""
        delay = self.delays[self.sends % len(self.delays)]
        self.sends += 1
        self.write(f"the task sends {fault}")
        sent = self.sent(upgrade)
        if fault == "late":
            self.events.append((self.clock.now + delay, lambda: sent(lambda: self.post(upgrade.body()))))
            msg = "the connection was closed"
            raise ResultUnknown(msg)
        if fault:
            self.simulator.fault_next_write(fault)
        sent(call)

    def sent(self, upgrade: ApplicationUpgrade) -> Callable[[Callable[[], object]], None]:
        """Return a function that makes the request, and records whether the cluster has accepted it."""
        was_moving, at_look = self.was_moving_at_look, self.parameters_at_look

        def make(call: Callable[[], object]) -> None:
            length, found = len(self.simulator.journal), self.snapshot()
            runs_own_upgrade = self.is_own and self.is_moving() and not found.phase.backward
            try:
                call()
            finally:
                calls = [command.call for command in self.simulator.journal[length:]]
                self.write(f"accepted: {calls}")
                if calls == ["start_application_upgrade"]:
                    at_acceptance = dict(found.deployed.parameters)
                    self.accepted.append(
                        Accepted(
                            was_moving, runs_own_upgrade, at_look, at_acceptance, dict(upgrade.parameters)
                        )
                    )
                    self.is_own = True

        return make

    # Other people.

    def act(self, what: str) -> None:
        """Send the command of another person."""
        parameters = {**self.snapshot().deployed.parameters, **OURS}
        changes: dict[str, tuple[str, dict[str, str]]] = {
            "starts v2": ("v2", {**parameters, "Api_InstanceCount": "2"}),
            "starts v1 otherwise": ("v1", {"Web_LogLevel": "Error"}),
            "starts v0": ("v0", parameters),
            "starts the same": ("v1", parameters),
            "starts badly": ("v2", {"Unknown": "1"}),
        }
        length = len(self.simulator.journal)
        if what in changes:
            self.post(self.description(*changes[what]).body())
        elif what == "rolls back":
            self.post(None, "RollbackUpgrade")
        elif what == "resumes":
            self.post({"UpgradeDomainName": "UD2"}, "MoveToNextUpgradeDomain")
        else:
            mode = "UnmonitoredManual" if what == "freezes" else "UnmonitoredAuto"
            update = {"RollingUpgradeMode": mode}
            body = {"Name": self.name, "UpgradeKind": "Rolling", "UpdateDescription": update}
            self.post(body, "UpdateUpgrade")
        calls = [command.call for command in self.simulator.journal[length:]]
        self.is_own = self.is_own and "start_application_upgrade" not in calls
        self.write(f"another person {what}: {calls}")

    def description(self, version: str, parameters: dict[str, str]) -> ApplicationUpgrade:
        return ApplicationUpgrade(
            name=self.name,
            target_version=version,
            parameters=parameters,
            monitoring_policy=MonitoringPolicy(failure_action=self.failure_action),
        )

    def post(self, body: object, call: str = "Upgrade") -> None:
        path = (
            f"/Applications/{self.name.removeprefix('fabric:/').replace('/', '~')}/$/{call}?api-version=6.0"
        )
        data = b"" if body is None else json.dumps(body).encode()
        self.simulator.change(ApiRequest("POST", path, data))

    # The task.

    def run_and_clear(self) -> None:
        for pause in [*self.clears, 0.0]:
            self.write(self.run_with_retries())
            self.advance(pause)
            self.ti.max_tries += 1
        self.advance(2 * REQUEST_SECONDS)

    def run_with_retries(self) -> str:
        while self.ti.try_number < 12:
            self.ti.start_date = datetime.fromtimestamp(self.clock.now, timezone.utc)  # type: ignore[attr-defined]
            try:
                self.execute()
            except (ChangeRefused, UpgradeFailed, AirflowSensorTimeout) as error:
                return f"failed: {error}".partition("\n")[0]
            except (ProcessDied, ServiceFabricError) as error:
                self.write(f"try {self.ti.try_number} ended: {error!r}")
                self.advance(self.retry_after[self.ti.try_number % len(self.retry_after)])
            else:
                return "succeeded"
            finally:
                self.ti.try_number += 1
        return "no more tries"

    def execute(self) -> None:
        context: Any = {"ti": self.ti, "dag_run": SimpleNamespace(start_date=self.at(self.began))}
        if self.keeps_state:
            context["task_state_store"] = self.store
        operator = Operator(
            task_id="upgrade",
            name=self.name,
            target_version="v1",
            parameters=dict(OURS),
            if_upgrading=self.if_upgrading,
            failure_action=self.failure_action,
            request_timeout=REQUEST_SECONDS,
            deferrable=False,
            poke_interval=60,
            timeout=3_600,
            on_paused="fail",
        )
        operator.execute(context)
        snapshot = self.snapshot()
        if snapshot.deployed_version != "v1" or not OURS.items() <= snapshot.deployed.parameters.items():
            self.wrong_successes.append(f"{snapshot.deployed_version} {snapshot.deployed.parameters}")

    def at(self, second: float) -> datetime:
        return datetime.fromtimestamp(second, timezone.utc)

    def write(self, text: str) -> None:
        self.log.append(f"{self.clock.now - self.began:7.1f} {text}")


SECONDS = st.sampled_from([0.0, 2.0, 61.0, 120.0, 600.0]) | st.integers(0, 300).map(float)
DEATHS = st.dictionaries(st.integers(1, 12), st.booleans(), max_size=3)


@st.composite
def histories(draw: st.DrawFn, *, keeps_state: bool) -> History:
    has_others = keeps_state or draw(st.booleans())
    return History(
        course=draw(st.sampled_from(COURSES)),
        if_upgrading=draw(st.sampled_from(["fail", "wait", "supersede"])),
        failure_action=draw(st.sampled_from(["Rollback", "Manual"])),
        keeps_state=keeps_state,
        deaths=draw(DEATHS),
        faults=draw(st.lists(st.sampled_from(FAULTS), min_size=1, max_size=4)),
        delays=draw(st.lists(st.sampled_from([1.0, 30.0, REQUEST_SECONDS]), min_size=1, max_size=2)),
        pause=draw(st.sampled_from([10.0, 40.0, 100.0])),
        latency=draw(st.sampled_from([0.5, 2.0, 30.0])),
        retry_after=draw(st.lists(st.sampled_from([0.0, 30.0, 300.0]), min_size=1, max_size=2)),
        clears=draw(st.lists(st.sampled_from([1.0, 100.0, 1_000.0]), max_size=1)),
        others=draw(st.lists(st.tuples(SECONDS, st.sampled_from(OTHERS)), max_size=3 if has_others else 0)),
    )


@SHARED
@given(history=histories(keeps_state=True))
def test_stored_state_starts_one_upgrade(history: History, simulator: Simulator, clock: Clock) -> None:
    """A cleared task may start another one, but never while its own goes forward."""
    history.run(simulator, clock)
    event(f"{len(history.accepted)} accepted")
    assert history.clears or len(history.accepted) <= 1
    assert not any(start.runs_own_upgrade for start in history.accepted)
    check(history)


@SHARED
@given(history=histories(keeps_state=False))
def test_no_state_starts_one_upgrade(history: History, simulator: Simulator, clock: Clock) -> None:
    """As long as no other person changes the upgrade, and no person clears the task."""
    history.run(simulator, clock)
    event(f"{len(history.accepted)} accepted")
    assert history.clears or history.others or len(history.accepted) <= 1
    check(history)


def check(history: History) -> None:
    """Nothing is sent during an upgrade; no parameter is lost; a success is that of the version."""
    assert not history.wrong_successes
    for start in history.accepted:
        assert not start.was_moving_at_look or history.if_upgrading == "supersede"
        if start.at_acceptance == start.at_look:
            assert start.parameters == {**start.at_look, **OURS}
