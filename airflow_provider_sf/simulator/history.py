"""The upgrades of a name as its commands have made them: a fold over the journal. A pure function; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.courses import (
    BACK_PENDING,
    PREPARATION_SECONDS,
    back_cleanup,
    backward,
    cleanup,
    domain_end,
    forward,
    mode_of,
    pending,
    preparing,
    with_mode,
)
from airflow_provider_sf.simulator.descriptions import AUTO, MANUAL, MONITORED, Description, Monitoring
from airflow_provider_sf.simulator.scenarios import Phase, Upgrade, never_upgraded
from airflow_provider_sf.simulator.timeline import (
    FINISHED,
    PENDING,
    Snapshot,
    begun_phases,
    rolling_mode,
    snapshot_at,
)

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.courses import Course
    from airflow_provider_sf.simulator.scenarios import Scenario


@dataclass(frozen=True, slots=True)
class History:
    """The phases of a name, when they began, and how its next upgrades will go."""

    scenario: Scenario
    started_at: float
    """The Unix time of second 0."""
    speed: float
    course: Course

    def second(self, at: float) -> float:
        """Return the second of the scenario at a Unix time."""
        return max(0.0, at - self.started_at) * self.speed

    def snapshot(self, at: float) -> Snapshot:
        """Return the state at a Unix time."""
        second = self.second(at)
        return snapshot_at(self.scenario, second, started_at=self.started_at, speed=self.speed)

    def is_running(self, at: float) -> bool:
        """Whether an upgrade or a rollback has not ended."""
        return self.snapshot(at).phase.state not in FINISHED

    def description(self, at: float) -> Description:
        """Return the stored description of the upgrade on record."""
        return upgrade_on_record(self.snapshot(at)).description or Description("", {})

    def versions(self, at: float) -> set[str]:
        """Return the versions that are in use at a Unix time: what runs, and what will be deployed."""
        snapshot = self.snapshot(at)
        if snapshot.phase.state in FINISHED:
            return {snapshot.deployed_version}
        upgrade = snapshot.phase.upgrade
        goal = self._goal(at) if snapshot.phase.backward else ()
        return {upgrade.old, upgrade.new, *(phase.upgrade.new for phase in goal)}

    def started(self, at: float, upgrade: Upgrade) -> History:
        """Return the history after the start of an upgrade: it interrupts the one that runs."""
        snapshot, new = self.snapshot(at), preparing(upgrade, self.course)
        if snapshot.phase.state in FINISHED:
            return self._continued(at, new)
        return self._continued(at, self._back(at, snapshot, goal=new))

    def rolled_back(self, at: float) -> History:
        """Return the history after a rollback by command. A rollback that runs loses its goal."""
        return self._continued(at, self._back(at, self.snapshot(at), goal=()))

    def updated(self, at: float, description: Description) -> History:
        """Return the history after a change of the description."""
        snapshot = self.snapshot(at)
        upgrade = replace(upgrade_on_record(snapshot), description=description)
        if snapshot.phase.backward:
            return self._continued(at, self._back(at, snapshot, goal=self._goal(at), upgrade=upgrade))
        return self._continued(at, self._forward(at, snapshot, upgrade))

    def resumed(self, at: float) -> History:
        """Return the history after the command to go on with the next domain."""
        snapshot = self.snapshot(at)
        phase, upgrade = snapshot.phase, upgrade_on_record(snapshot)
        if phase.backward:
            phases = backward(upgrade, done=snapshot.fraction, reason=phase.reason)
        else:
            phases = forward(upgrade, self.course, done=snapshot.fraction, has_failed=phase.failure)
        return self._continued(at, phases)

    def cleared(self, at: float) -> History:
        """Return the history after a start that failed its validation: no upgrade is on record."""
        snapshot = self.snapshot(at)
        version = snapshot.deployed_version
        upgrade = Upgrade(version, version, -1, before=snapshot.deployed, after=snapshot.deployed)
        return self._continued(at, (never_upgraded(upgrade=upgrade),))

    def _continued(self, at: float, future: tuple[Phase, ...]) -> History:
        """Return the history with other phases from a Unix time on."""
        second = self.second(at)
        *past, (begun, current) = begun_phases(self.scenario, second)
        cut = replace(current, seconds=second - begun, until=self.snapshot(at).fraction)
        phases = (*(phase for _, phase in past), cut, *future)
        return replace(self, scenario=replace(self.scenario, phases=phases))

    def _forward(self, at: float, snapshot: Snapshot, upgrade: Upgrade) -> tuple[Phase, ...]:
        """Return how a running upgrade goes on with another description."""
        phase, course = snapshot.phase, self.course
        if phase.state == "ProvisioningTarget":
            left = self._seconds_left(at, PREPARATION_SECONDS)
            return (
                replace(phase, seconds=left, upgrade=upgrade, mode=mode_of(upgrade)),
                *forward(upgrade, course),
            )
        if phase.state == "UnprovisioningCurrent":
            return cleanup(upgrade, self._seconds_left(at, phase.seconds), has_failed=phase.failure)
        is_between = phase.state == PENDING or snapshot.check is not None
        if is_between and mode_of(upgrade) == MANUAL:
            done = snapshot.fraction if phase.state == PENDING else domain_end(snapshot.fraction)
            return (pending(upgrade, done, has_failed=phase.failure),)
        return forward(upgrade, course, done=snapshot.fraction, has_failed=phase.failure)

    def _back(
        self, at: float, snapshot: Snapshot, *, goal: tuple[Phase, ...], upgrade: Upgrade | None = None
    ) -> tuple[Phase, ...]:
        """Return the phases of a rollback that begins or goes on."""
        phase = snapshot.phase
        upgrade = upgrade or upgrade_on_record(snapshot)
        if not phase.backward:
            # A rollback of a manual upgrade stays manual, unless a goal waits for it.
            mode = MANUAL if mode_of(upgrade) == MANUAL and not goal else AUTO
            done = 1.0 - snapshot.fraction
            return backward(with_mode(upgrade, mode), done=done, reason="Interrupted", goal=goal)
        if goal:
            upgrade = with_mode(upgrade, AUTO)
        if phase.state == "UnprovisioningTarget" and not goal:
            return back_cleanup(
                replace(phase, upgrade=upgrade, mode=mode_of(upgrade)), self._seconds_left(at, phase.seconds)
            )
        if phase.state == BACK_PENDING and mode_of(upgrade) == MANUAL:
            return (replace(phase, upgrade=upgrade, mode=MANUAL, details=""),)
        return backward(upgrade, done=snapshot.fraction, reason=phase.reason, goal=goal)

    def _goal(self, at: float) -> tuple[Phase, ...]:
        """Return the phases of the upgrade that starts after the current rollback, if there is one."""
        begun = begun_phases(self.scenario, self.second(at))
        current, later = begun[-1][1], self.scenario.phases[len(begun) :]
        return tuple(phase for phase in later if phase.upgrade != current.upgrade)

    def _seconds_left(self, at: float, seconds: float) -> float:
        begun = begun_phases(self.scenario, self.second(at))[-1][0]
        return max(0.0, begun + seconds - self.second(at))


def upgrade_on_record(snapshot: Snapshot) -> Upgrade:
    """Return the upgrade with a description: an upgrade of a scenario has the one that it shows."""
    upgrade, mode = snapshot.phase.upgrade, rolling_mode(snapshot.phase)
    if upgrade.description is not None:
        return upgrade
    policy = Monitoring("Manual" if snapshot.phase.failure else "Rollback")
    description = Description(
        upgrade.new, upgrade.after.parameters, mode, monitoring=policy if mode == MONITORED else None
    )
    return replace(upgrade, description=description)
