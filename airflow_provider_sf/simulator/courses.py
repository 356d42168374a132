"""How an upgrade that a command has started goes on: the phases that follow. A pure function; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.descriptions import AUTO, MANUAL, MONITORED
from airflow_provider_sf.simulator.scenarios import UPGRADE_DOMAINS, Phase
from airflow_provider_sf.simulator.timeline import PENDING, domain_at

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.scenarios import Upgrade

PREPARATION_SECONDS = 30.0
CLEANUP_SECONDS = 30.0
ROLLBACK_SECONDS = 420.0
"""How long the rollback of a whole upgrade takes."""

BACK_PENDING = "RollingBackPending"
"""Between two domains of a rollback in manual mode. The gateway reports RollingBackInProgress."""

RESTART_DETAILS = (
    "Upgrade will restart with target version '{version}' after rollback completes "
    "(use the explicit rollback API to clear)"
)
"""The status details of a rollback with a goal: IDS_CM 81 in resourceids.h of microsoft/service-fabric."""


@dataclass(frozen=True, slots=True)
class Course:
    """
    How upgrades of a name go: ``seconds`` for all domains, and what happens at the fraction ``stops_at``.

    ``end`` is ``check`` for a failed health check, ``stuck``, ``http_errors`` for errors that Service Fabric
    does not see, or the state that it ends in.
    """

    summary: str
    seconds: float = 540.0
    stops_at: float = 1.0
    end: str = ""


COURSES: dict[str, Course] = {
    "idle": Course("is not upgraded until a command starts an upgrade, which succeeds, as in good"),
    "idle_rolled_back": Course(
        "its upgrade fails a health check, and rolls back or pauses, as FailureAction decides",
        660,
        0.5,
        "check",
    ),
    "idle_failed": Course("its upgrade ends as Failed, as in failed", 660, 0.5, "Failed"),
    "idle_paused": Course(
        "its upgrade fails a health check; with FailureAction Manual it pauses", 660, 0.5, "check"
    ),
    "idle_stuck": Course("its upgrade makes no more progress, as in stuck", 450, 0.4, "stuck"),
    "idle_http_errors": Course(
        "its upgrade succeeds, but from the second upgrade domain on its web page shows HTTP 500",
        540,
        0.2,
        "http_errors",
    ),
    "idle_unknown_state": Course(
        "its upgrade stays in a state that is not documented, as in unknown_state",
        500,
        0.2,
        "RollingSideways",
    ),
}
"""How the upgrades of names go that wait for commands."""


def course_of(scenario: str) -> Course:
    """Return how upgrades go that commands start for a name with this scenario."""
    return COURSES.get(f"idle_{scenario}", COURSES["idle"])


def preparing(upgrade: Upgrade, course: Course) -> tuple[Phase, ...]:
    """Return the phases of an upgrade that starts now."""
    mode = mode_of(upgrade)
    return (
        Phase("ProvisioningTarget", PREPARATION_SECONDS, upgrade=upgrade, mode=mode),
        *forward(upgrade, course),
    )


def forward(
    upgrade: Upgrade, course: Course, *, done: float = 0.0, has_failed: bool = False
) -> tuple[Phase, ...]:
    """Return the phases of an upgrade that goes forward from a fraction of its replicas."""
    mode = mode_of(upgrade)
    stop = _stop(course, upgrade, done, has_failed=has_failed)
    limit = domain_end(done) if mode == MANUAL else 1.0
    until = min(limit, stop)
    rolling = Phase(
        "RollingForward", course.seconds * (until - done), done, until, upgrade=upgrade, mode=mode
    )
    phases = (replace(rolling, failure=has_failed),)
    if limit <= stop and limit < 1.0:
        return (*phases, pending(upgrade, limit, has_failed=has_failed))
    if stop < 1.0:
        return (*phases, *_setback(upgrade, course, stop))
    return (*phases, *cleanup(upgrade, CLEANUP_SECONDS, has_failed=has_failed))


def pending(upgrade: Upgrade, done: float, *, has_failed: bool = False) -> Phase:
    """Return the phase in which an upgrade in manual mode waits for the command to go on."""
    return Phase(PENDING, done=done, until=done, upgrade=upgrade, mode=MANUAL, failure=has_failed)


def cleanup(upgrade: Upgrade, seconds: float, *, has_failed: bool = False) -> tuple[Phase, ...]:
    """Return the phases after the last domain of an upgrade."""
    mode = mode_of(upgrade)
    completed = Phase(
        "CompletedRollforward", done=1.0, until=1.0, upgrade=upgrade, mode=mode, failure=has_failed
    )
    return replace(completed, state="UnprovisioningCurrent", seconds=seconds), completed


def backward(
    upgrade: Upgrade, *, done: float, reason: str, goal: tuple[Phase, ...] = ()
) -> tuple[Phase, ...]:
    """
    Return the phases of a rollback, of which a fraction is done.

    :param goal: the phases of the upgrade that starts after the rollback
    """
    mode = mode_of(upgrade)
    limit = domain_end(done) if mode == MANUAL else 1.0
    details = RESTART_DETAILS.format(version=goal[0].upgrade.new) if goal else ""
    rolling = Phase(
        "RollingBack",
        ROLLBACK_SECONDS * (limit - done),
        done,
        limit,
        backward=True,
        upgrade=upgrade,
        mode=mode,
        reason=reason,
        details=details,
    )
    if limit < 1.0:
        return rolling, replace(rolling, state=BACK_PENDING, seconds=0.0, done=limit)
    return (rolling, *goal) if goal else (rolling, *back_cleanup(rolling, CLEANUP_SECONDS))


def back_cleanup(rolling: Phase, seconds: float) -> tuple[Phase, ...]:
    """Return the phases after the last domain of a rollback."""
    completed = replace(rolling, state="CompletedRollback", seconds=0.0, done=1.0, until=1.0, details="")
    return replace(completed, state="UnprovisioningTarget", seconds=seconds), completed


def mode_of(upgrade: Upgrade) -> str:
    """Return the mode of an upgrade."""
    return upgrade.description.mode if upgrade.description else MONITORED


def with_mode(upgrade: Upgrade, mode: str) -> Upgrade:
    """Return an upgrade in another mode: the cluster rewrites the stored description."""
    description = upgrade.description
    return replace(upgrade, description=description and description.with_mode(mode))


def domain_end(done: float) -> float:
    """Return the fraction at which the current domain ends."""
    return min(1.0, (domain_at(done)[0] + 1) / len(UPGRADE_DOMAINS))


def _stop(course: Course, upgrade: Upgrade, done: float, *, has_failed: bool) -> float:
    """Return the fraction at which the upgrade stops; 1.0 if it does not."""
    if has_failed or done > course.stops_at or course.end == "http_errors":
        return 1.0
    if course.end != "check":
        return course.stops_at
    if mode_of(upgrade) != MONITORED:
        return 1.0  # without health checks
    return domain_end(course.stops_at) if _pauses(upgrade) else course.stops_at


def _setback(upgrade: Upgrade, course: Course, stop: float) -> tuple[Phase, ...]:
    """Return the phases after the stop of an upgrade."""
    if course.end == "check" and _pauses(upgrade):
        return (pending(with_mode(upgrade, MANUAL), stop, has_failed=True),)
    if course.end == "check":
        return backward(with_mode(upgrade, AUTO), done=1.0 - stop, reason="HealthCheck")
    state = "RollingForward" if course.end == "stuck" else course.end
    return (Phase(state, done=stop, until=stop, upgrade=upgrade, mode=mode_of(upgrade)),)


def _pauses(upgrade: Upgrade) -> bool:
    """Whether a failed health check pauses the upgrade instead of rolling it back."""
    policy = upgrade.description.monitoring if upgrade.description else None
    return policy is not None and policy.failure_action == "Manual"
