"""The scenarios of simulated upgrades, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.descriptions import Configuration

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.descriptions import Description


@dataclass(frozen=True, slots=True)
class Upgrade:
    """
    The old and the new version of an upgrade.

    ``number`` distinguishes upgrades between the same versions. An upgrade that a command has started has a
    description.
    """

    old: str
    new: str
    number: int = 0
    description: Description | None = field(default=None, compare=False)
    before: Configuration = field(default_factory=Configuration, compare=False)
    after: Configuration = field(default_factory=Configuration, compare=False)


NO_UPGRADE = Upgrade("v0", "v0")
FIRST = Upgrade("v0", "v1")
SECOND = Upgrade("v1", "v2")
THIRD = Upgrade("v2", "v3")
UNDO = Upgrade("v1", "v0")

REFUSAL = "-2147017627 : System.Fabric.FabricException: The upgrade policy is not allowed"
"""The details of a cluster configuration after a refused start."""


@dataclass(frozen=True, slots=True)
class Phase:
    """
    A period of an upgrade in one state.

    ``done`` is the fraction of the replicas, 0.0 to 1.0, that have the target version when the phase begins;
    ``until`` is the fraction when it ends. The last phase of a scenario never ends. Without ``mode``, it is
    UnmonitoredAuto for a rollback, else Monitored. With ``failure``, a failure is recorded when the phase
    begins. ``reason`` is the reason of this failure, of a rollback, or of the state Failed. ``config`` is the
    version of the cluster configuration; by default the new one when the upgrade is completed, else the old
    one. ``details`` are the status details of a cluster configuration.
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
    config: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault instead of a response, between two seconds of the scenario."""

    kind: str
    from_second: float
    to_second: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """The phases of an upgrade. At the first request, ``elapsed_at_start`` seconds of them have passed."""

    summary: str
    phases: tuple[Phase, ...]
    faults: tuple[Fault, ...] = ()
    elapsed_at_start: float = 0.0
    exists: bool = True


MANUAL = "UnmonitoredManual"
NO_MODE = "Invalid"
"""The mode of an application without an upgrade on record."""

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


def never_upgraded(seconds: float = 0.0, upgrade: Upgrade = NO_UPGRADE) -> Phase:
    """Return the phase of an application without an upgrade on record."""
    return Phase("CompletedRollforward", seconds, done=1.0, until=1.0, upgrade=upgrade, mode=NO_MODE)


SCENARIOS: dict[str, Scenario] = {
    "good": Scenario("succeeds after 10 minutes", _forward(540)),
    "rolled_back": Scenario(
        "reaches 62 %, rolls back, and ends as CompletedRollback",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 330, until=0.5),
            Phase("RollingBack", 210, done=0.5, until=1.0, backward=True),
            Phase("UnprovisioningTarget", 30, done=1.0, until=1.0, backward=True),
            Phase("CompletedRollback", done=1.0, until=1.0, backward=True),
        ),
    ),
    "failed": Scenario(
        "reaches 62 %, then ends as Failed, without a rollback",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 330, until=0.5),
            Phase("Failed", done=0.5, until=0.5),
        ),
    ),
    "stuck": Scenario(
        "reaches 50 % and makes no more progress, without an error",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 180, until=0.4),
            Phase("RollingForward", done=0.4, until=0.4),
        ),
    ),
    "paused": Scenario(
        "reaches 62 %, fails a health check and pauses; after 5 minutes it is resumed and succeeds",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 330, until=0.5),
            Phase("Paused", 300, done=0.5, until=0.5, mode=MANUAL, failure=True),
            Phase("RollingForward", 200, done=0.5, until=1.0, mode=MANUAL, failure=True),
            Phase("UnprovisioningCurrent", 30, done=1.0, until=1.0, mode=MANUAL, failure=True),
            Phase("CompletedRollforward", done=1.0, until=1.0, mode=MANUAL, failure=True),
        ),
    ),
    "next_domain": Scenario(
        "is in manual mode and waits at 50 % for the next upgrade domain; it starts after 200 s",
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
        "exists, but was never upgraded",
        (never_upgraded(),),
    ),
    "slow_start": Scenario(
        "is never upgraded for 5 minutes, then an upgrade starts and succeeds, as in good",
        (never_upgraded(300), *_forward(540)),
    ),
    "previous_first": Scenario(
        "shows yesterday's success for a minute, then the next upgrade starts and succeeds, as in good",
        (
            Phase("RollingForward", 600, until=1.0),
            Phase("CompletedRollforward", DAY - 600 + 60, done=1.0, until=1.0),
            *_forward(540, SECOND),
        ),
        elapsed_at_start=DAY,
    ),
    "superseded": Scenario(
        "reaches 43 %, then another upgrade replaces it and succeeds",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 200, until=0.4),
            *_forward(300, SECOND),
        ),
    ),
    "interrupted": Scenario(
        "reaches 37 % and rolls back because a newer upgrade was started, which then succeeds",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 120, until=0.3),
            Phase("RollingBack", 120, done=0.7, until=1.0, backward=True, reason="Interrupted"),
            *_forward(300, Upgrade("v0", "v2")),
        ),
    ),
    "unknown_state": Scenario(
        "reaches 25 %, then stays in a state that is not documented",
        (
            Phase("ProvisioningTarget", 30),
            Phase("RollingForward", 100, until=0.2),
            Phase("RollingSideways", done=0.2, until=0.2),
        ),
    ),
    "flapping": Scenario(
        "succeeds as in good; between seconds 60 and 360 the gateway has five faults",
        _forward(540),
        faults=(
            Fault("unavailable", 60, 120),
            Fault("reset", 120, 180),
            Fault("slow", 180, 240),
            Fault("html", 240, 300),
            Fault("empty", 300, 360),
        ),
    ),
    "several_phases": Scenario(
        "is a cluster configuration; its upgrade has three phases and succeeds after 12 minutes",
        (
            Phase("RollingForward", 200, until=1.0, config="v0"),
            Phase("CompletedRollforward", 30, done=1.0, until=1.0, config="v0"),
            Phase("RollingForward", 200, until=1.0, upgrade=SECOND, config="v0"),
            Phase("CompletedRollforward", 30, done=1.0, until=1.0, upgrade=SECOND, config="v0"),
            Phase("RollingForward", 250, until=1.0, upgrade=THIRD, config="v0"),
            Phase("CompletedRollforward", 10, done=1.0, until=1.0, upgrade=THIRD, config="v0"),
            Phase("CompletedRollforward", done=1.0, until=1.0, upgrade=THIRD, config="v1"),
        ),
    ),
    "later_phase_fails": Scenario(
        "is a cluster configuration; the second phase rolls back, and the first is undone by a phase forward",
        (
            Phase("RollingForward", 200, until=1.0, config="v0"),
            Phase("CompletedRollforward", 30, done=1.0, until=1.0, config="v0"),
            Phase("RollingForward", 120, until=0.5, upgrade=SECOND, config="v0"),
            Phase("RollingBack", 120, done=0.5, until=1.0, backward=True, upgrade=SECOND, config="v0"),
            Phase("RollingForward", 120, until=1.0, upgrade=UNDO, config="v0"),
            Phase("CompletedRollforward", done=1.0, until=1.0, upgrade=UNDO, config="v0"),
        ),
    ),
    "refused": Scenario(
        "is a cluster configuration; the start of an upgrade is refused, and the details say why",
        (Phase("CompletedRollforward", done=1.0, until=1.0, details=REFUSAL),),
    ),
    "unauthorised": Scenario("is refused: 403 without a body", (), faults=(Fault("forbidden", 0, FOREVER),)),
    "not_found": Scenario("does not exist", (), exists=False),
}

SERVICES: dict[str, int] = {"web": 8, "api": 5, "worker": 3}
"""The services of each simulated application, and how many replicas each has."""

UPGRADE_DOMAINS: dict[str, tuple[str, str]] = {
    f"UD{number}": (f"node{2 * number - 1}", f"node{2 * number}") for number in range(1, 6)
}
"""The upgrade domains of the cluster in order, and their nodes."""
