"""
A model of Service Fabric's cluster manager for one classic application: who may start what, and what is on record.

The rules are those of the runtime's source, microsoft/service-fabric: ClusterManagerReplica.cpp and
ProcessApplicationUpgradeContextAsyncOperation.cpp. The model uses no code of the package.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
BACK_SECONDS = 40.0
GOAL_SECONDS = 3.0

STATES = {
    "preparing": "RollingForwardInProgress",
    "forward": "RollingForwardInProgress",
    "paused": "RollingForwardPending",
    "back": "RollingBackInProgress",
    "completed": "RollingForwardCompleted",
    "back completed": "RollingBackCompleted",
    "failed": "Failed",
}
MOVING = ("preparing", "forward", "paused", "back")


def timestamp(second: float | None) -> str:
    if second is None:
        return "0001-01-01T00:00:00.000Z"
    return (EPOCH + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")


def parameters_of(description: dict[str, Any]) -> dict[str, str]:
    return {item["Key"]: item["Value"] for item in description["Parameters"]}


@dataclass
class Start:
    """A request for an upgrade. ``answer`` is called once, with a code, if the client still waits."""

    owner: str
    body: dict[str, Any]
    ends: str = "succeeds"
    prepare_seconds: float = 10.0
    forward_seconds: float = 200.0
    deadline: float = float("inf")
    looked_at: float = 0.0
    """When its sender has read the parameters that are deployed."""
    answer: Callable[[str], None] = lambda _: None


@dataclass
class Upgrade:
    """An upgrade on record. ``description`` is the one that Service Fabric keeps, which changes."""

    start: Start
    description: dict[str, Any]
    phase: str
    old: str
    started_at: float | None = None
    ended_at: float | None = None
    mode: str = "Monitored"
    reason: str = "None"


@dataclass
class Accepted:
    """An accepted start, and the parameters that were deployed."""

    at: float
    start: Start
    parameters: dict[str, str]
    deployed_at: float
    """When these parameters were deployed."""


@dataclass
class Cluster:
    """Time passes with :meth:`advance` only."""

    version: str = "v0"
    parameters: dict[str, str] = field(default_factory=lambda: {"Web": "1", "Kept": "k"})
    deployed_at: float = 0.0
    now: float = 0.0
    record: Upgrade | None = None
    goal: Start | None = None
    accepted: list[Accepted] = field(default_factory=list)
    begun: list[Upgrade] = field(default_factory=list)
    """All upgrades that were prepared."""
    events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    numbers: count[int] = field(default_factory=count)

    def at(self, second: float, event: Callable[[], None]) -> None:
        heapq.heappush(self.events, (max(second, self.now), next(self.numbers), event))

    def advance(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass; stop early if something is so."""
        end = self.now + seconds
        while self.events and self.events[0][0] <= end and not until():
            self.now, _, event = heapq.heappop(self.events)
            event()
        if not until():
            self.now = end

    # Requests.

    def start(self, start: Start) -> None:
        """Who answers what to a start."""
        found = self.record
        moving = found is not None and found.phase in MOVING
        if found is not None and moving and found.phase != "back" and found.description == start.body:
            start.answer("FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS")
        elif found is not None and found.phase == "preparing":  # the cluster manager tries again
            if self.now + 5 <= start.deadline:
                self.at(self.now + 5, lambda: self.start(start))
        elif not moving and self._is_deployed(start):
            start.answer("FABRIC_E_APPLICATION_ALREADY_IN_TARGET_VERSION")
        else:
            self.accepted.append(Accepted(self.now, start, dict(self.parameters), self.deployed_at))
            self._accept(start, is_moving=moving)

    def rollback(self) -> None:
        self.goal = None
        if self.record is not None and self.record.phase in {"forward", "paused"}:
            self._turn_back(self.record, "Interrupted")

    def update(self, changes: dict[str, Any]) -> None:
        if self.record is not None and self.record.phase in {"forward", "paused"}:
            self.record.description = {**self.record.description, **changes}
            self.record.mode = self.record.description["RollingUpgradeMode"]

    def resume(self) -> None:
        if self.record is not None and self.record.phase == "paused":
            self.record.phase = "forward"
            self._end_later(self.record, "completed")

    # What follows.

    def _is_deployed(self, start: Start) -> bool:
        has_failed = self.record is not None and self.record.phase == "failed"
        target = start.body["TargetApplicationTypeVersion"], parameters_of(start.body)
        return not has_failed and target == (self.version, self.parameters)

    def _accept(self, start: Start, *, is_moving: bool) -> None:
        if not is_moving:
            self._prepare(start)
            return
        self.goal = start
        start.answer("ok")
        if self.record is not None and self.record.phase != "back":
            self._turn_back(self.record, "Interrupted")

    def _prepare(self, start: Start) -> None:
        upgrade = Upgrade(start, dict(start.body), "preparing", self.version)
        upgrade.mode = upgrade.description["RollingUpgradeMode"]
        self.record = upgrade
        self.at(self.now + start.prepare_seconds, lambda: self._prepared(upgrade))

    def _prepared(self, upgrade: Upgrade) -> None:
        if upgrade.start.ends == "invalid":
            self.record = None
            upgrade.start.answer("FABRIC_E_APPLICATION_UPGRADE_VALIDATION_ERROR")
            return
        upgrade.started_at, upgrade.phase = self.now, "forward"
        self.begun.append(upgrade)
        upgrade.start.answer("ok")
        ends = {"succeeds": "completed", "fails": "failed", "rolls back": "back", "pauses": "paused"}
        self._end_later(upgrade, ends[upgrade.start.ends])

    def _end_later(self, upgrade: Upgrade, phase: str) -> None:
        self.at(self.now + upgrade.start.forward_seconds, lambda: self._end(upgrade, phase))

    def _end(self, upgrade: Upgrade, phase: str) -> None:
        if upgrade.phase != "forward":
            return
        if phase == "back":
            self._turn_back(upgrade, "HealthCheck")
            return
        upgrade.phase = phase
        if phase == "paused":
            upgrade.mode = "UnmonitoredManual"
            upgrade.description = {**upgrade.description, "RollingUpgradeMode": "UnmonitoredManual"}
        else:
            upgrade.ended_at = self.now
        if phase == "completed":
            self.version = upgrade.description["TargetApplicationTypeVersion"]
            self.parameters, self.deployed_at = parameters_of(upgrade.description), self.now

    def _turn_back(self, upgrade: Upgrade, reason: str) -> None:
        upgrade.phase, upgrade.mode, upgrade.reason = "back", "UnmonitoredAuto", reason
        upgrade.description = {**upgrade.description, "RollingUpgradeMode": "UnmonitoredAuto"}
        self.at(self.now + BACK_SECONDS, lambda: self._rolled_back(upgrade))

    def _rolled_back(self, upgrade: Upgrade) -> None:
        upgrade.phase, upgrade.ended_at = "back completed", self.now
        if self.goal is not None:
            self.at(self.now + GOAL_SECONDS, self._start_goal)

    def _start_goal(self) -> None:
        goal, self.goal = self.goal, None
        if goal is not None and self._is_deployed(goal):  # it completes at once, without a start time
            upgrade = Upgrade(goal, dict(goal.body), "completed", self.version)
            upgrade.mode = goal.body["RollingUpgradeMode"]
            self.record = upgrade
            self.begun.append(upgrade)
        elif goal is not None:
            self._prepare(goal)

    # What is reported.

    def application(self) -> tuple[str, dict[str, str]]:
        return self.version, dict(self.parameters)

    def progress(self) -> dict[str, Any]:
        found = self.record
        if found is None:
            return {
                "Name": "fabric:/shop/web",
                "TargetApplicationTypeVersion": self.version,
                "UpgradeState": "RollingForwardCompleted",
                "RollingUpgradeMode": "Invalid",
                "StartTimestampUtc": timestamp(None),
                "FailureTimestampUtc": timestamp(None),
            }
        is_back = found.phase in {"back", "back completed"}
        ended_at = self.now if found.ended_at is None else found.ended_at
        description = found.description
        if is_back:  # GetApplicationUpgradeStatus shows what is being restored
            restored = [{"Key": name, "Value": value} for name, value in self.parameters.items()]
            description = {**description, "TargetApplicationTypeVersion": found.old, "Parameters": restored}
        duration = 0.0 if found.started_at is None else ended_at - found.started_at
        return {
            "Name": "fabric:/shop/web",
            "TargetApplicationTypeVersion": description["TargetApplicationTypeVersion"],
            "UpgradeState": STATES[found.phase],
            "RollingUpgradeMode": found.mode,
            "StartTimestampUtc": timestamp(found.started_at),
            "FailureTimestampUtc": timestamp(None),
            "FailureReason": found.reason,
            "UpgradeDurationInMilliseconds": f"PT{duration:.6f}S",
            "UpgradeDescription": description,
        }
