"""The state of a simulated upgrade at a second of its scenario, the same for all kinds. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.scenarios import NO_MODE, UPGRADE_DOMAINS

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.descriptions import Configuration
    from airflow_provider_sf.simulator.scenarios import Phase, Scenario

_MOVING = frozenset({"RollingForward", "RollingBack"})

FINISHED = frozenset({"CompletedRollforward", "CompletedRollback", "Failed"})

PENDING = "RollingForwardPending"
"""The state between two domains of an upgrade in manual mode."""

UPGRADE_SHARE = 0.75
"""The fraction of a domain's time in which its nodes are upgraded, before its health check."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Check:
    """A health check of a domain: its phase in Service Fabric's word, and its duration so far in seconds."""

    phase: str
    duration: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A recorded failure: its Unix time, its reason, and the fraction of replicas with the new version."""

    at: float
    reason: str
    fraction: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    The state of a simulated upgrade at one second.

    ``fraction``, 0.0 to 1.0, is how much of the upgrade is done; during a rollback, how much of the rollback.
    ``started_at`` is a Unix time or None. ``duration`` and ``domain_duration``, the time in the current
    domain, are in seconds. All three are in real time.
    """

    phase: Phase
    fraction: float
    started_at: float | None
    duration: float
    failure: Failure | None
    check: Check | None
    domain_duration: float

    @property
    def upgraded(self) -> bool:
        """Whether an upgrade is on record."""
        return self.phase.mode != NO_MODE

    @property
    def mode(self) -> str:
        """The rolling upgrade mode."""
        return rolling_mode(self.phase)

    @property
    def version(self) -> str:
        """The target version: the old one during a rollback."""
        return self.phase.upgrade.old if self.phase.backward else self.phase.upgrade.new

    @property
    def target(self) -> Configuration:
        """The parameters and identity of the target version."""
        return self.phase.upgrade.before if self.phase.backward else self.phase.upgrade.after

    @property
    def deployed_version(self) -> str:
        """The version of the application: the new one when the upgrade is completed."""
        upgrade = self.phase.upgrade
        return upgrade.new if self.phase.state == "CompletedRollforward" else upgrade.old

    @property
    def deployed(self) -> Configuration:
        """The parameters and identity of the application."""
        is_completed = self.phase.state == "CompletedRollforward"
        return self.phase.upgrade.after if is_completed else self.phase.upgrade.before

    @property
    def config(self) -> str:
        """The version of a configuration, which changes at the end of its upgrade."""
        phase, is_completed = self.phase, self.phase.state == "CompletedRollforward"
        return phase.config or (phase.upgrade.new if is_completed else phase.upgrade.old)


def snapshot_at(scenario: Scenario, second: float, *, started_at: float, speed: float) -> Snapshot:
    """Return the state at a second of a scenario. ``started_at`` is the Unix time of its start."""
    phases = begun_phases(scenario, second)
    begun, phase = phases[-1]
    start = next(start for start, earlier in phases if earlier.upgrade == phase.upgrade)
    fraction = fraction_at(phase, second - begun)
    unset = phase.mode == NO_MODE or phase.state == "ProvisioningTarget"
    return Snapshot(
        phase=phase,
        fraction=fraction,
        started_at=None if unset else started_at + start / speed,
        duration=((begun if phase.state in FINISHED else second) - start) / speed,
        failure=_failure(phases, started_at, speed),
        check=_check(phase, fraction, speed),
        domain_duration=_domain_seconds(phase, fraction, second - begun) / speed,
    )


def rolling_mode(phase: Phase) -> str:
    """Return the rolling upgrade mode of a phase."""
    return phase.mode or ("UnmonitoredAuto" if phase.backward else "Monitored")


def checks_health(phase: Phase) -> bool:
    """Return whether a phase has health checks between its domains."""
    return phase.state == "RollingForward" and rolling_mode(phase) == "Monitored" and phase.done < phase.until


def domain_at(fraction: float) -> tuple[int, float]:
    """Return how many domains are completed, and the completed fraction of the next one."""
    done = int(fraction * len(UPGRADE_DOMAINS) + _ROUNDING)
    return done, max(0.0, fraction * len(UPGRADE_DOMAINS) - done)


def begun_phases(scenario: Scenario, second: float) -> list[tuple[float, Phase]]:
    """Return the phases that have begun, each with the second at which it began."""
    begun, start = [], -scenario.elapsed_at_start
    for phase in scenario.phases:
        if start <= second:
            begun.append((start, phase))
        start += phase.seconds
    return begun


def fraction_at(phase: Phase, seconds: float) -> float:
    """Return the completed fraction of the replicas at a second of a phase."""
    share = seconds / phase.seconds if phase.seconds else 1.0
    return phase.done + (phase.until - phase.done) * share


def _failure(phases: list[tuple[float, Phase]], started_at: float, speed: float) -> Failure | None:
    """Return the failure on record: the first phase of the current setback; None if there is no setback."""
    failure = None
    for start, phase in phases:
        if not _is_setback(phase):
            failure = None
        elif failure is None:
            failure = Failure(started_at + start / speed, phase.reason, _failed_fraction(phase))
    return failure


def _failed_fraction(phase: Phase) -> float:
    """Return how much of the upgrade was done at its failure. A domain fails its check after its upgrade."""
    if phase.state == PENDING:
        return phase.done - 2 * _ROUNDING
    return 1.0 - phase.done if phase.backward else phase.done


def _domain_seconds(phase: Phase, fraction: float, seconds: float) -> float:
    """Return for how long the current domain has been upgraded and checked at a second of a phase."""
    if phase.state not in _MOVING:
        return 0.0
    if phase.done == phase.until:
        return seconds
    begun = max(phase.done, domain_at(fraction)[0] / len(UPGRADE_DOMAINS))
    return round(max(0.0, fraction - begun) / (phase.until - phase.done) * phase.seconds, 6)


def _is_setback(phase: Phase) -> bool:
    return phase.failure or phase.backward or phase.state == "Failed"


def _check(phase: Phase, fraction: float, speed: float) -> Check | None:
    """Return the current health check of a domain. It first waits, then checks for a stable period."""
    done, share = domain_at(fraction)
    if not checks_health(phase) or share < UPGRADE_SHARE - _ROUNDING:
        return None
    since = max(phase.done, (done + UPGRADE_SHARE) / len(UPGRADE_DOMAINS))
    duration = max(0.0, fraction - since) / (phase.until - phase.done) * phase.seconds / speed
    is_first_half = share < (1.0 + UPGRADE_SHARE) / 2 - _ROUNDING
    return Check("WaitDuration" if is_first_half else "StableDuration", round(duration, 6))
