"""The scenarios of simulated upgrades, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The old and the new version of an upgrade in a scenario."""

    old: str
    new: str


NO_UPGRADE = Upgrade("v0", "v0")
FIRST = Upgrade("v0", "v1")
SECOND = Upgrade("v1", "v2")


@dataclass(frozen=True, slots=True)
class Phase:
    """
    A period of an upgrade in one state.

    ``done`` and ``until`` are the fractions, 0.0 to 1.0, of the replicas with the target version of the
    phase, at its start and at its end. The last phase of a scenario has no end. Without a ``mode``, the
    direction decides. With ``failure``, a failure is recorded when the phase begins; ``reason`` is its cause,
    also for a rollback or for the state Failed.
    """

    state: str
    seconds: float = 0.0
    done: float = 0.0
    until: float = 0.0
    backward: bool = False
    upgrade: Upgrade = FIRST
    mode: str | None = None
    failure: bool = False
    reason: str = "HealthCheck"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault instead of an answer, from one second of the scenario to another."""

    kind: str
    from_second: float
    to_second: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """The phases of one upgrade. It starts ``past`` seconds after the begin of its phases."""

    summary: str
    phases: tuple[Phase, ...]
    faults: tuple[Fault, ...] = ()
    past: float = 0.0
    exists: bool = True


MANUAL = "UnmonitoredManual"
DAY = 86_400.0
FOREVER = float("inf")


def _forward(seconds: float, upgrade: Upgrade = FIRST) -> tuple[Phase, ...]:
    """Return the phases of a successful upgrade that rolls for this many seconds."""
    return (
        Phase("ProvisioningTarget", 30, upgrade=upgrade),
        Phase("RollingForward", seconds, until=1.0, upgrade=upgrade),
        Phase("UnprovisioningCurrent", 30, done=1.0, until=1.0, upgrade=upgrade),
        Phase("CompletedRollforward", done=1.0, until=1.0, upgrade=upgrade),
    )


def _never_upgraded(seconds: float = 0.0) -> Phase:
    """Return the phase of an application before its first upgrade."""
    return Phase("CompletedRollforward", seconds, done=1.0, until=1.0, upgrade=NO_UPGRADE, mode="Invalid")


SCENARIOS: dict[str, Scenario] = {
    "good": Scenario("goes through: 10 minutes at speed 1", _forward(540)),
    "rolled_back": Scenario(
        "reaches 62 %, turns back and ends as CompletedRollback",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 330, until=0.5),
            Phase("RollingBack", 210, done=0.5, until=1.0, backward=True),
            Phase("UnprovisioningTarget", 30, done=1.0, until=1.0, backward=True),
            Phase("CompletedRollback", done=1.0, until=1.0, backward=True),
        ),
    ),
    "failed": Scenario(
        "reaches 62 %, then Service Fabric gives up: Failed",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 330, until=0.5),
            Phase("Failed", done=0.5, until=0.5),
        ),
    ),
    "stuck": Scenario(
        "reaches 50 % and moves no more, without an error",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 180, until=0.4),
            Phase("RollingForward", done=0.4, until=0.4),
        ),
    ),
    "paused": Scenario(
        "reaches 62 %, fails a health check and pauses; after 5 minutes a person resumes it",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 330, until=0.5),
            Phase("RollingForward", 300, done=0.5, until=0.5, mode=MANUAL, failure=True),
            Phase("RollingForward", 200, done=0.5, until=1.0, mode=MANUAL),
            Phase("UnprovisioningCurrent", 30, done=1.0, until=1.0, mode=MANUAL),
            Phase("CompletedRollforward", done=1.0, until=1.0, mode=MANUAL),
        ),
    ),
    "next_domain": Scenario(
        "a manual upgrade that waits at 50 % until a person lets the next upgrade domain begin",
        (
            Phase("ProvisioningTarget", 30, mode=MANUAL),
            Phase("RollingForward", 100, until=0.4, mode=MANUAL),
            Phase("RollingForwardPending", 200, done=0.4, until=0.4, mode=MANUAL),
            Phase("RollingForward", 100, done=0.4, until=1.0, mode=MANUAL),
            Phase("UnprovisioningCurrent", 30, done=1.0, until=1.0, mode=MANUAL),
            Phase("CompletedRollforward", done=1.0, until=1.0, mode=MANUAL),
        ),
    ),
    "never_upgraded": Scenario(
        "exists, but nobody ever upgraded it",
        (_never_upgraded(),),
    ),
    "slow_start": Scenario(
        "is as never_upgraded for 5 minutes, then goes through as good does",
        (_never_upgraded(300), *_forward(540)),
    ),
    "previous_first": Scenario(
        "shows yesterday's success for a minute, then the next upgrade goes through as good does",
        (
            Phase("RollingForward", 600, until=1.0),
            Phase("CompletedRollforward", DAY - 600 + 60, done=1.0, until=1.0),
            *_forward(540, SECOND),
        ),
        past=DAY,
    ),
    "superseded": Scenario(
        "reaches 50 %, then another upgrade takes its place and goes through",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 200, until=0.4),
            *_forward(300, SECOND),
        ),
    ),
    "interrupted": Scenario(
        "reaches 37 % and rolls back because a newer upgrade was started, which then goes through",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 120, until=0.3),
            Phase("RollingBack", 120, done=0.7, until=1.0, backward=True, reason="Interrupted"),
            *_forward(300, Upgrade("v0", "v2")),
        ),
    ),
    "unknown_state": Scenario(
        "reaches 25 %, then its state is a word that nobody knows, for ever",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 100, until=0.2),
            Phase("RollingSideways", done=0.2, until=0.2),
        ),
    ),
    "flapping": Scenario(
        "goes through as good does, while the gateway answers badly between seconds 60 and 360",
        _forward(540),
        faults=(
            Fault("unavailable", 60, 120),
            Fault("reset", 120, 180),
            Fault("slow", 180, 240),
            Fault("html", 240, 300),
            Fault("empty", 300, 360),
        ),
    ),
    "unauthorised": Scenario(
        "may not be asked about: 403 without a word", (), faults=(Fault("forbidden", 0, FOREVER),)
    ),
    "not_found": Scenario("does not exist", (), exists=False),
}

SERVICES: dict[str, int] = {"web": 8, "api": 5, "worker": 3}
"""The services of every simulated application and their numbers of replicas."""

UPGRADE_DOMAINS: dict[str, tuple[str, str]] = {
    f"UD{number}": (f"node{2 * number - 1}", f"node{2 * number}") for number in range(1, 6)
}
"""The upgrade domains of the cluster in their order, and their nodes."""
