"""
A model of Service Fabric's cluster manager: the answers that a history of requests leaves on a cluster.

The rules are those of the runtime's source, microsoft/service-fabric: ClusterManagerReplica.cpp and the contexts of
its upgrades, and UpgradeOrchestrator.cs for configurations. The model uses no code of the package.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

EPOCH = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
FOREVER = float("inf")

Answer = tuple[float, str, str, dict[str, Any]]
"""From which second on, the state, the version, and the other members."""

ACCEPTS_INTERRUPTION = ("application", "cluster")
"""These kinds accept a request while an upgrade runs, and roll it back first. The others refuse the request."""

WORDS = {
    "application_resource": {
        "forward": "RollingForward",
        "completed": "CompletedRollforward",
        "back": "RollingBack",
        "back completed": "CompletedRollback",
    }
}
CLASSIC_WORDS = {
    "forward": "RollingForwardInProgress",
    "pending": "RollingForwardPending",
    "completed": "RollingForwardCompleted",
    "back": "RollingBackInProgress",
    "back completed": "RollingBackCompleted",
}


@dataclass(frozen=True)
class Request:
    """
    A request for an upgrade, ``at`` a second, and how it would end.

    ``ends`` is succeeds, rolls back, fails, pauses (a person resumes it), fails early or rolls back early (during
    provisioning), or refused (configurations). A configuration is upgraded in ``phases``.
    """

    at: float
    version: str
    ends: str = "succeeds"
    seconds: float = 120.0
    phases: int = 1


@dataclass(frozen=True)
class Entry:
    """An answer from this second on; it is about the request with this number, or about none."""

    at: float
    body: dict[str, Any]
    request: int | None


def timestamp(second: float | None) -> str:
    if second is None:
        return "0001-01-01T00:00:00.000Z"
    return (EPOCH + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class ClusterManager:
    """Applies requests one after the other; ``entries`` are the answers, ``results`` how the requests ended."""

    kind: str
    deployed: str = "v0"
    entries: list[Entry] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    """The second at which each accepted request became an upgrade; infinite if it never did."""
    stamps: dict[int, float] = field(default_factory=dict)
    """The start time on record of each upgrade that got one."""
    kept_starts: set[int] = field(default_factory=set)
    """The requests that kept the start time of the upgrade that they interrupted."""
    configurations: set[str] = field(default_factory=lambda: {"v0"})
    last_start: float | None = None
    busy_until: float = -FOREVER
    manifest: int = 0

    def __post_init__(self) -> None:
        self.add(-FOREVER, "completed", None, version=self.deployed, mode="Invalid")

    def run(self, requests: list[Request]) -> None:
        for number, request in enumerate(requests):
            following = requests[number + 1] if number + 1 < len(requests) else None
            self.starts.append(FOREVER)
            self.results.append("refused")
            if self.kind not in ACCEPTS_INTERRUPTION and request.at < self.busy_until:
                continue
            if self.kind == "cluster_configuration":
                self.configure(number, request)
            elif self.kind in ACCEPTS_INTERRUPTION:
                self.upgrade(number, request, following)
            else:
                self.provision(number, request)

    def add(
        self,
        at: float,
        word: str,
        number: int | None,
        *,
        version: str,
        start: float | None = None,
        failed: float | None = None,
        mode: str = "Monitored",
        reason: str = "None",
        config: str | None = None,
        details: str = "",
    ) -> None:
        state = WORDS.get(self.kind, CLASSIC_WORDS).get(word, word)
        if self.kind == "cluster_configuration":
            body = {
                "UpgradeState": state,
                "ProgressStatus": self.manifest,
                "ConfigVersion": config or version,
                "Details": details,
            }
        else:
            named = {"CodeVersion": version, "ConfigVersion": "4"}
            body = {
                **(named if self.kind == "cluster" else {"TargetApplicationTypeVersion": version}),
                "UpgradeState": state,
                "StartTimestampUtc": timestamp(start),
                "FailureTimestampUtc": timestamp(failed),
                "RollingUpgradeMode": mode,
                "FailureReason": reason,
                "UpgradeKind": "Invalid" if mode == "Invalid" else "Rolling",
            }
        self.entries.append(Entry(at, body, number))

    # Applications and clusters.

    def upgrade(self, number: int, request: Request, following: Request | None) -> None:
        """Upgrade at once, or after the rollback of the running upgrade."""
        now, old = max(request.at, self.busy_until), self.deployed
        if now > request.at and request.version == old:
            self.call_off(number, request, now)
            return
        start = now + 5
        self.starts[number], self.stamps[number], self.last_start = now, start, start
        interrupted_at = following.at if following else FOREVER
        plan = self.plan(request, now, old, start)
        end = plan[-1][0]
        for at, word, version, more in plan:
            if at < interrupted_at:
                self.add(at, word, number, version=version, start=None if at < start else start, **more)
        self.results[number] = {"pauses": "succeeds"}.get(request.ends, request.ends)
        if interrupted_at >= end:
            self.busy_until = end
            self.deployed = old if request.ends == "rolls back" else request.version
            return
        self.results[number] = "called off"
        self.interrupt(number, old, start, interrupted_at, plan)

    def plan(self, request: Request, now: float, old: str, start: float) -> list[Answer]:
        """Return the answers of an upgrade that nothing interrupts."""
        forward: list[Answer] = [
            (now, "forward", request.version, {}),
            (start, "forward", request.version, {}),
        ]
        manual = {"failed": now + 40, "mode": "UnmonitoredManual", "reason": "HealthCheck"}
        back = {"failed": now + 60, "mode": "UnmonitoredAuto", "reason": "HealthCheck"}
        return {
            "succeeds": [*forward, (now + request.seconds, "completed", request.version, {})],
            "pauses": [
                *forward,
                (now + 40, "pending", request.version, manual),
                (now + 100, "forward", request.version, manual),
                (now + 160, "completed", request.version, manual),
            ],
            "rolls back": [*forward, (now + 60, "back", old, back), (now + 100, "back completed", old, back)],
            "fails": [*forward, (now + 60, "Failed", request.version, {**back, "mode": "Monitored"})],
        }[request.ends]

    def interrupt(
        self,
        number: int,
        old: str,
        start: float,
        at: float,
        plan: list[Answer],
    ) -> None:
        """Roll a running upgrade back before the next one starts; a rollback that runs goes on."""
        turned = [moment for moment, word, *_ in plan if word == "back" and moment < at]
        over = plan[-1][0] if turned else at + 40
        how: dict[str, Any] = {"failed": at, "mode": "UnmonitoredAuto", "reason": "Interrupted"}
        if not turned:
            self.add(at, "back", number, version=old, start=start, **how)
        self.add(over, "back completed", number, version=old, start=start, **how)
        self.busy_until = over + (10 if self.kind == "cluster" else 3)

    def call_off(self, number: int, request: Request, now: float) -> None:
        """The old version is there already: the upgrade completes at once, without a new start time."""
        self.starts[number], self.results[number] = now, "succeeds"
        if self.kind == "cluster":  # the record of the interrupted upgrade changes
            self.kept_starts.add(number)
            how: dict[str, Any] = {"start": self.last_start, "failed": now - 50, "reason": "Interrupted"}
        else:
            how = {}
        self.add(now, "completed", number, version=request.version, **how)
        self.busy_until = now

    # Compose deployments and application resources.

    def provision(self, number: int, request: Request) -> None:
        """Provision the new version; until that is done, the record has no start time of this upgrade."""
        now, old = request.at, self.deployed
        self.starts[number] = now
        self.results[number] = {"fails early": "fails", "rolls back early": "rolls back"}.get(
            request.ends, request.ends
        )
        self.add(now, "ProvisioningTarget", number, version=request.version)
        if request.ends == "fails early":
            self.add(now + 15, "Failed", number, version=request.version)
            self.busy_until = now + 15
            return
        if request.ends == "rolls back early":
            self.add(now + 15, "UnprovisioningTarget", number, version=old, start=self.last_start)
            self.add(now + 30, "back completed", number, version=old, start=self.last_start)
            self.busy_until = now + 30
            return
        start = self.stamps[number] = self.last_start = now + 20
        if self.kind == "application_resource":
            self.add(now + 18, "forward", number, version=request.version)
        for at, word, version, more in self.plan(replace(request, at=now), start, old, start):
            self.add(at, word, number, version=version, start=start, **more)
        self.busy_until = self.entries[-1].at
        self.deployed = old if request.ends == "rolls back" else request.version

    # Configurations.

    def configure(self, number: int, request: Request) -> None:
        """Upgrade in phases; the configuration changes after the last, or a failed phase is undone forward."""
        now, old = request.at, self.deployed
        if request.ends == "refused" or request.version in self.configurations:  # versions only go up
            self.add(now, "completed", number, version=old, details="-2147017627 : not allowed")
            return
        self.starts[number], self.results[number] = now, request.ends
        first = self.manifest
        for phase in range(request.phases):
            self.manifest += 1
            self.add(now, "forward", number, version=request.version, config=old)
            is_last = phase == request.phases - 1
            if is_last and request.ends == "rolls back":
                now = self.undo(number, request, now + 30, first)
                break
            now += 60
            self.add(now, "completed", number, version=request.version, config=old)
            now += 8 if is_last else 25
        else:
            self.add(now, "completed", number, version=request.version)
            self.deployed = request.version
            self.configurations.add(request.version)
        self.busy_until = now

    def undo(self, number: int, request: Request, now: float, first: int) -> float:
        """Roll the last phase back, and undo those before it by upgrades forward."""
        old = self.deployed
        self.add(now, "back", number, version=old)
        now += 40
        if request.phases == 1:
            self.add(now, "back completed", number, version=old)
            return now
        self.manifest = first
        self.add(now, "forward", number, version=old)
        self.add(now + 40, "completed", number, version=old)
        return now + 40

    def entry_at(self, second: float) -> Entry:
        """Return the last answer at a second. Answers of one second replace each other."""
        return [entry for entry in sorted(self.entries, key=lambda entry: entry.at) if entry.at <= second][-1]
