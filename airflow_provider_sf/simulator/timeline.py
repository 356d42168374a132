"""The position in a scenario at a second, independent of the kind of upgrade. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.scenarios import NO_UPGRADE, UPGRADE_DOMAINS

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.scenarios import Phase, Scenario

AT_REST = frozenset({"CompletedRollforward", "CompletedRollback", "Failed"})

WORK = 0.75
"""The fraction of a domain's time in which its nodes are upgraded, before its health check."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Check:
    """A health check of a domain: its phase in Service Fabric's word, and its duration so far in seconds."""

    phase: str
    lasted: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A recorded failure: its Unix time, its reason, and the fraction with the new version."""

    at: float
    reason: str
    part: float


@dataclass(frozen=True, slots=True)
class Moment:
    """
    The position in a scenario at one second.

    ``part`` is the completed fraction of the phase's direction, 0.0 to 1.0. ``started_at`` is a Unix time or
    None, and ``lasted`` is in seconds, both in real time.
    """

    phase: Phase
    part: float
    started_at: float | None
    lasted: float
    failure: Failure | None
    check: Check | None

    @property
    def upgraded(self) -> bool:
        """Whether an upgrade is on record."""
        return self.phase.upgrade != NO_UPGRADE

    @property
    def mode(self) -> str:
        """The rolling upgrade mode."""
        return mode_of(self.phase)

    @property
    def version(self) -> str:
        """The target version: the old one during a rollback."""
        return self.phase.upgrade.old if self.phase.backward else self.phase.upgrade.new


def moment_at(scenario: Scenario, second: float, *, started_at: float, speed: float) -> Moment:
    """Return the position in a scenario; ``started_at`` is the Unix time of its start."""
    story = _story(scenario, second)
    begun, phase = story[-1]
    start = next(start for start, earlier in story if earlier.upgrade == phase.upgrade)
    part = _part(phase, second - begun)
    unset = phase.upgrade == NO_UPGRADE or phase.state == "ProvisioningTarget"
    return Moment(
        phase=phase,
        part=part,
        started_at=None if unset else started_at + start / speed,
        lasted=((begun if phase.state in AT_REST else second) - start) / speed,
        failure=_failure(story, started_at, speed),
        check=_check(phase, part, speed),
    )


def mode_of(phase: Phase) -> str:
    """Return the rolling upgrade mode of a phase."""
    return phase.mode or ("UnmonitoredAuto" if phase.backward else "Monitored")


def checks_health(phase: Phase) -> bool:
    """Return whether a phase has health checks between its domains."""
    return phase.state == "RollingForward" and mode_of(phase) == "Monitored" and phase.done < phase.until


def domain_at(part: float) -> tuple[int, float]:
    """Return how many domains are completed, and the completed fraction of the next one."""
    done = int(part * len(UPGRADE_DOMAINS) + _ROUNDING)
    return done, max(0.0, part * len(UPGRADE_DOMAINS) - done)


def _story(scenario: Scenario, second: float) -> list[tuple[float, Phase]]:
    """Return the phases that have begun, each with the second of its begin."""
    story, start = [], -scenario.past
    for phase in scenario.phases:
        if start <= second:
            story.append((start, phase))
        start += phase.seconds
    return story


def _part(phase: Phase, seconds: float) -> float:
    """Return the completed fraction of the replicas at a second of a phase."""
    share = seconds / phase.seconds if phase.seconds else 1.0
    return phase.done + (phase.until - phase.done) * share


def _failure(story: list[tuple[float, Phase]], started_at: float, speed: float) -> Failure | None:
    """Return the first of the last consecutive backward phases; None if the upgrade goes forward."""
    failure = None
    for start, phase in story:
        if not _is_setback(phase):
            failure = None
        elif failure is None:
            part = 1.0 - phase.done if phase.backward else phase.done
            failure = Failure(started_at + start / speed, phase.reason, part)
    return failure


def _is_setback(phase: Phase) -> bool:
    return phase.failure or phase.backward or phase.state == "Failed"


def _check(phase: Phase, part: float, speed: float) -> Check | None:
    """Return the current health check of a domain: first the wait, then the stable period."""
    done, share = domain_at(part)
    if not checks_health(phase) or share < WORK - _ROUNDING:
        return None
    since = max(phase.done, (done + WORK) / len(UPGRADE_DOMAINS))
    lasted = max(0.0, part - since) / (phase.until - phase.done) * phase.seconds / speed
    is_first_half = share < (1.0 + WORK) / 2 - _ROUNDING
    return Check("WaitDuration" if is_first_half else "StableDuration", round(lasted, 6))
