"""What can happen to a simulated upgrade, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phase:
    """
    A stretch of an upgrade in one state.

    ``done`` and ``until`` are the parts, 0.0 to 1.0, of the replicas that run the version this phase heads
    for, at its start and at its end. The last phase of a scenario has no end.
    """

    state: str
    seconds: float = 0.0
    done: float = 0.0
    until: float = 0.0
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """What stands in the way of an answer, from one second of the scenario to another."""

    kind: str
    from_second: float
    to_second: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way an upgrade can go."""

    summary: str
    phases: tuple[Phase, ...]
    faults: tuple[Fault, ...] = ()
    upgraded: bool = True
    exists: bool = True


FORWARD = (
    Phase("ProvisioningTarget", 30),
    Phase("RollingForward", 540, until=1.0),
    Phase("UnprovisioningCurrent", 30, done=1.0, until=1.0),
    Phase("CompletedRollforward", done=1.0, until=1.0),
)

SCENARIOS: dict[str, Scenario] = {
    "good": Scenario("goes through: 10 minutes at speed 1", FORWARD),
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
    "never_upgraded": Scenario(
        "exists, but nobody ever upgraded it",
        (Phase("CompletedRollforward", done=1.0, until=1.0),),
        upgraded=False,
    ),
    "flapping": Scenario(
        "goes through as good does, while the gateway answers badly between seconds 60 and 360",
        FORWARD,
        faults=(
            Fault("unavailable", 60, 120),
            Fault("reset", 120, 180),
            Fault("slow", 180, 240),
            Fault("html", 240, 300),
            Fault("empty", 300, 360),
        ),
    ),
    "not_found": Scenario("does not exist", (), exists=False),
}

SERVICES: dict[str, int] = {"web": 8, "api": 5, "worker": 3}
"""The services of every simulated application and how many replicas each has."""

UPGRADE_DOMAINS = 5
