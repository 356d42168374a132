"""Many mapped waits: their tasks and ends, and how their triggerer fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.e2e.dags.many_names import many_names
from tests.e2e.fault import End
from tests.e2e.injections import read_again
from tests.e2e.processes import triggerer_of
from tests.e2e.world import MIDDLE, pause, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.world import Case, World

COUNT_SECONDS = 60.0


def many_ends(upgrades: int) -> dict[str, End]:
    """
    Return how the waits for so many upgrades must end.

    Waits for the same one do not end at the same moment. With so many tasks the scheduler is slow, and Airflow may
    fail a try with ``state mismatch``.
    """
    reads = 0 if upgrades == len(many_names(upgrades)) else None
    return {
        f"many_{upgrades}[{index}]": End(
            "success" if "good" in name else "failed", tries=None, reads_after_end=reads
        )
        for index, name in enumerate(many_names(upgrades))
    }


def kill_triggerer_of_many(world: World, case: Case) -> Iterator[None]:
    """
    Kill the triggerer with most waits when all are deferred; count the polls of the other one, which has all then.

    The upgrades are in their middle before the tasks start: the first poll identifies them, and no task has to resume
    to store which upgrade it expects.
    """
    case.cluster.state(*map(case.upgrade_name, case.fault.ends))
    case.cluster.time.jump(MIDDLE)
    yield from until(lambda: case.are_all("deferred"))
    case.fault_at = time.time()
    part = triggerer_of(world, case)
    world.live.kill(part)
    yield from read_again(case)
    begin = time.time()
    yield from pause(COUNT_SECONDS)
    case.counted = (begin, time.time())
    world.live.begin(part)
