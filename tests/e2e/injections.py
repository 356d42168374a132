"""How each fault is done: plans that go on once a second."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.connection import CERTIFICATE, KEY
from tests.e2e.world import ENDED, pause, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.world import Case, World

    Plan = Callable[[World, Case], Iterator[None]]

GONE_SECONDS = 40.0
SHORT_SECONDS = 20.0


def nothing(world: World, case: Case) -> Iterator[None]:  # noqa: ARG001 - as the others
    """Let the upgrades go on."""
    yield


def read_again(case: Case, after: float = 2.0) -> Iterator[None]:
    """Wait until all upgrades have been read again so many seconds after the fault."""
    names = [case.upgrade_name(task) for task in case.fault.ends]
    yield from until(lambda: all(case.cluster.reads(name, case.fault_at + after) for name in names))


# Processes.


def triggerer_of(world: World, case: Case) -> str:
    """Return the triggerer that has most waits of a case."""
    owners = [world.live.triggerer_of(entry) for entry in case.tasks.values()]
    owner = max(set(owners), key=owners.count)
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


def stop_postgres(world: World, case: Case) -> Iterator[None]:
    """Parts that end without it are started again."""
    postgres = world.live.postgres
    assert postgres
    postgres.stop()
    yield from pause(SHORT_SECONDS)
    postgres.start()
    yield from read_again(case, SHORT_SECONDS)


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


# The cluster and the connection.


def close_one_gateway(world: World, case: Case) -> Iterator[None]:  # noqa: ARG001
    case.cluster.close(0)
    yield from read_again(case)


def close_gateways_for_a_while(world: World, case: Case) -> Iterator[None]:  # noqa: ARG001
    case.cluster.close(0, 1)
    yield from pause(GONE_SECONDS)
    case.cluster.open(0, 1)


def close_gateways_for_long(world: World, case: Case) -> Iterator[None]:  # noqa: ARG001
    case.cluster.close(0, 1)
    sensors = [task for task in case.fault.ends if task != "release"]
    yield from until(lambda: all(case.state(task) in ENDED for task in sensors))
    case.cluster.open(0, 1)


def renew_server_certificate(world: World, case: Case) -> Iterator[None]:  # noqa: ARG001
    case.cluster.renew_server_certificate()
    yield from read_again(case)


def renew_client_certificate(world: World, case: Case) -> Iterator[None]:  # noqa: ARG001
    """Revoke the old one some seconds later."""
    old = case.cluster.renew_client_certificate()
    yield from pause(5.0)
    case.cluster.revoked.add(old)
    yield from read_again(case, 15.0)


def restart_while_certificate_is_torn(world: World, case: Case) -> Iterator[None]:
    """Write a new certificate, restart both triggerers, and write its key only then."""
    new = case.cluster.authority.client()
    (case.cluster.folder / CERTIFICATE).write_bytes(new.pem)
    for part in world.live.triggerers:
        world.live.restart(part)
    yield from pause(GONE_SECONDS)
    (case.cluster.folder / KEY).write_bytes(new.key_pem)
    yield from read_again(case, GONE_SECONDS)


def edit_connection(world: World, case: Case) -> Iterator[None]:
    """Move the cluster to another port: the old ones are closed, and the connection names the new one."""
    world.live.edit_connection(case.name, **case.cluster.connection(from_gateway=2))
    case.cluster.close(0, 1)
    yield from read_again(case)


def delete_connection(world: World, case: Case) -> Iterator[None]:
    world.live.delete_connection(case.name)
    yield from pause(GONE_SECONDS)
    world.live.add_connection(case.name, **case.cluster.connection())


# Tasks, runs and DAGs.


def clear_tasks(world: World, case: Case) -> Iterator[None]:
    world.live.clear(case.dag, case.run_id, list(case.fault.ends))
    second = partial(_is_in_try, case, 2)
    yield from until(lambda: second() and case.are_all("deferred", *ENDED))


def _is_in_try(case: Case, number: int) -> bool:
    return all(case.tasks[task]["try_number"] == number for task in case.fault.ends)


def mark(state: str) -> Plan:
    """Return the plan of a person who marks all tasks."""

    def plan(world: World, case: Case) -> Iterator[None]:
        for task in case.fault.ends:
            world.live.mark(case.dag, case.run_id, task, state)
        yield from until(case.has_ended)

    return plan


def wait_for_the_end(world: World, case: Case) -> Iterator[None]:  # noqa: ARG001
    """Let the upgrades stand still until Airflow has ended the tasks."""
    yield from until(case.has_ended)


def pause_dag(world: World, case: Case) -> Iterator[None]:
    world.live.pause_dag(case.dag, is_paused=True)
    case.cluster.time.go_on()
    yield from pause(2 * GONE_SECONDS)
    world.live.pause_dag(case.dag, is_paused=False)


def remove_dag_file(world: World, case: Case) -> Iterator[None]:
    """Put it back before an upgrade ends."""
    yield from _without_dag_file(world, case, pause(GONE_SECONDS))


def remove_dag_file_at_the_end(world: World, case: Case) -> Iterator[None]:
    """Put it back when Airflow has rescheduled each sensor, because it could not find the DAG."""
    sensors = {task for task in case.fault.ends if task != "release"}
    seen: set[str] = set()

    def is_each_rescheduled() -> bool:
        seen.update(task for task in sensors if case.state(task) == "up_for_reschedule")
        return seen == sensors

    case.cluster.time.go_on()
    yield from _without_dag_file(world, case, until(is_each_rescheduled))


def _without_dag_file(world: World, case: Case, meanwhile: Iterator[None]) -> Iterator[None]:
    file = world.live.dags / f"{case.dag}.py"
    text = file.read_text()
    file.unlink()
    yield from meanwhile
    file.write_text(text)


def restart_triggerers_often(world: World, case: Case) -> Iterator[None]:
    """Kill both triggerers twice, while the upgrades stand still, until a timeout has ended the tasks."""
    for _ in range(2):
        for part in world.live.triggerers:
            world.live.restart(part)
        yield from read_again(case)
        yield from pause(5.0)
    yield from until(case.has_ended)
