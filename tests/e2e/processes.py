"""How processes of Airflow and its servers fail: plans that go on once a second."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.connection import CERTIFICATE, KEY
from tests.e2e.injections import GONE_SECONDS, SHORT_SECONDS, read_again
from tests.e2e.world import MIDDLE, pause, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.fault import Plan
    from tests.e2e.world import Case, World

LOG_PAGE = 4096
"""A volume in memory is filled in steps of so many bytes."""


def triggerer_of(world: World, case: Case) -> str:
    """Return the triggerer that has most waits of a case, of those that also have waits beside it, if there are any."""
    owners = [world.live.triggerer_of(entry) for entry in case.tasks.values()]
    beside = {world.live.triggerer_of(entry) for run in case.beside for entry in run.tasks.values()}
    owner = max(set(owners), key=lambda owner: (owner in beside, owners.count(owner)))
    return owner or world.live.triggerers[0]


def kill_one_triggerer(world: World, case: Case) -> Iterator[None]:
    part = triggerer_of(world, case)
    world.live.kill(part)
    yield from read_again(case)
    world.live.begin(part)


def terminate_one_triggerer(world: World, case: Case) -> Iterator[None]:
    part = triggerer_of(world, case)
    world.live.end(part)
    yield from read_again(case)
    world.live.begin(part)


def stop_one_triggerer(world: World, case: Case) -> Iterator[None]:
    part = triggerer_of(world, case)
    world.live.send(part, signal.SIGSTOP)
    yield from read_again(case)
    world.live.send(part, signal.SIGCONT)


def wake_triggerer_after_the_end(world: World, case: Case) -> Iterator[None]:
    part = triggerer_of(world, case)
    world.live.send(part, signal.SIGSTOP)
    case.cluster.time.go_on()
    yield from until(case.has_ended)
    world.live.send(part, signal.SIGCONT)


def kill_triggerers(world: World, case: Case) -> Iterator[None]:
    """Let the upgrades go on meanwhile, which a triggerer cannot see then."""
    for part in world.live.triggerers:
        world.live.kill(part)
    case.cluster.time.go_on()
    yield from pause(GONE_SECONDS)
    for part in world.live.triggerers:
        world.live.begin(part)


def kill(part: str, seconds: float) -> Plan:
    """Return the plan that kills a part and starts it again after some time."""

    def plan(world: World, case: Case) -> Iterator[None]:
        world.live.kill(part)
        yield from pause(seconds)
        world.live.begin(part)
        yield from until(world.live.is_up)
        yield from read_again(case, seconds)

    return plan


def kill_until_the_first_end(part: str, seconds: float) -> Plan:
    """Return the plan that kills a part while the upgrades go on; the first one ends after 21 s."""

    def plan(world: World, case: Case) -> Iterator[None]:
        world.live.kill(part)
        case.cluster.time.go_on()
        yield from pause(seconds)
        world.live.begin(part)

    return plan


def fill_log_folder(world: World, case: Case) -> Iterator[None]:
    """Let the upgrades go on while no process can write a log."""
    filler = world.live.home / "logs" / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(LOG_PAGE))
    case.cluster.time.go_on()
    yield from pause(GONE_SECONDS)
    filler.unlink()


def freeze_scheduler_at_first_start(world: World, case: Case) -> Iterator[None]:
    """
    Stop the scheduler, not its workers, before tasks are deferred; let it go on when their triggers have fired.

    The scheduler then reads that the task is to resume before it reads that the worker has ended.
    """
    yield from until(lambda: case.are_all("running", "deferred"))
    world.live.freeze("scheduler")
    yield from until(case.has_begun)
    case.cluster.time.jump(MIDDLE)
    sensors = [task for task in case.fault.ends if task != "release"]
    yield from until(lambda: all(case.state(task) == "scheduled" for task in sensors))
    world.live.send("scheduler", signal.SIGCONT)


def stop_postgres(seconds: float) -> Plan:
    """Return the plan that stops PostgreSQL. Parts that end without it are started again."""

    def plan(world: World, case: Case) -> Iterator[None]:
        postgres = world.live.postgres
        assert postgres
        postgres.stop()
        yield from pause(seconds)
        postgres.start()
        yield from read_again(case, seconds)

    return plan


def kill_redis(world: World, case: Case) -> Iterator[None]:
    redis = world.live.redis
    assert redis
    redis.stop(signal.SIGKILL)
    case.cluster.time.go_on()
    yield from pause(SHORT_SECONDS)
    redis.start()


def kill_workers_at_resume(world: World, case: Case) -> Iterator[None]:
    """Kill both workers while a task that the trigger has ended is in one of them."""
    case.cluster.time.go_on()
    yield from until(lambda: any(case.state(task) == "running" for task in case.fault.ends))
    for part in world.live.workers:
        world.live.kill(part)
    yield from pause(5.0)
    for part in world.live.workers:
        world.live.begin(part)


def kill_processes_that_poke(world: World, case: Case) -> Iterator[None]:  # noqa: ARG001
    """Wait until the process of each sensor has killed itself, and let the upgrades go on before the retries."""
    sensors = [(run, task) for run in case.runs for task in run.fault.ends if task != "release"]
    names = [run.upgrade_name(task) for run in case.runs for task in run.fault.ends]
    yield from until(lambda: all(map(case.cluster.reads, names)))
    case.cluster.time.jump(MIDDLE)
    yield from until(lambda: all(run.state(task) == "up_for_retry" for run, task in sensors))
    for run in case.runs:
        run.fault_at = time.time()


def restart_while_certificate_is_torn(world: World, case: Case) -> Iterator[None]:
    """Write a new certificate, restart both triggerers, and write its key only then."""
    new = case.cluster.authority.client()
    (case.cluster.folder / CERTIFICATE).write_bytes(new.pem)
    for part in world.live.triggerers:
        world.live.restart(part)
    yield from pause(GONE_SECONDS)
    (case.cluster.folder / KEY).write_bytes(new.key_pem)
    yield from read_again(case, GONE_SECONDS)


def restart_triggerers_often(world: World, case: Case) -> Iterator[None]:
    """Kill both triggerers twice, while the upgrades stand still, until a timeout has ended the tasks."""
    for _ in range(2):
        for part in world.live.triggerers:
            world.live.restart(part)
        yield from read_again(case)
        yield from pause(SHORT_SECONDS)
    yield from until(case.has_ended)
