"""How each fault is done: plans that go on once a second."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from tests.e2e.preparations import write_secrets
from tests.e2e.world import ENDED, pause, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.fault import Plan
    from tests.e2e.world import Case, World

GONE_SECONDS = 40.0
SHORT_SECONDS = 20.0


def nothing(world: World, case: Case) -> Iterator[None]:  # noqa: ARG001 - as the others
    """Let the upgrades go on."""
    yield


def read_again(case: Case, after: float = 2.0) -> Iterator[None]:
    """Wait until all upgrades have been read again so many seconds after the fault."""
    names = [case.upgrade_name(task) for task in case.fault.ends]
    yield from until(lambda: all(case.cluster.reads(name, case.fault_at + after) for name in names))


# The cluster and the connection.


def close_one_gateway(world: World, case: Case) -> Iterator[None]:  # noqa: ARG001
    case.cluster.close(0)
    yield from read_again(case)


def let_one_gateway_hang(world: World, case: Case) -> Iterator[None]:  # noqa: ARG001
    case.cluster.hung.add(0)
    yield from read_again(case)
    case.cluster.time.go_on()
    yield from until(case.has_ended)
    case.cluster.hang_ended.set()


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


def refuse_certificate(world: World, case: Case) -> Iterator[None]:  # noqa: ARG001
    refused = case.cluster.exchanges[-1].thumbprint
    case.cluster.revoked.add(refused)
    yield from _until_only_the_release_retries(case)
    case.cluster.revoked.clear()


def renew_client_secret(world: World, case: Case) -> Iterator[None]:
    case.cluster.set_client_secret("renewed~secret")
    yield from pause(SHORT_SECONDS)
    world.live.edit_connection(case.name, **case.cluster.connection())
    yield from read_again(case)


def refuse_client_secret(world: World, case: Case) -> Iterator[None]:  # noqa: ARG001
    accepted = case.cluster.entra.client_secret
    case.cluster.set_client_secret("another~secret")
    yield from _until_only_the_release_retries(case)
    case.cluster.set_client_secret(accepted)


def _until_only_the_release_retries(case: Case) -> Iterator[None]:
    """Wait until all sensors have failed, and the second try of the release will follow."""
    sensors = [task for task in case.fault.ends if task != "release"]
    yield from until(lambda: all(case.state(task) in ENDED for task in sensors))
    yield from until(lambda: case.state("release") == "up_for_retry")


def edit_connection(world: World, case: Case) -> Iterator[None]:
    """Move the cluster to another port: the old ones are closed, and the connection names the new one."""
    world.live.edit_connection(case.name, **case.cluster.connection(from_gateway=2))
    case.cluster.close(0, 1)
    yield from read_again(case)


def delete_connection(world: World, case: Case) -> Iterator[None]:
    world.live.delete_connection(case.name)
    yield from pause(GONE_SECONDS)
    world.live.add_connection(case.name, **case.cluster.connection())


def move_connection(world: World, case: Case) -> Iterator[None]:
    """Move the cluster to another port; its new connection is in the file of secrets, and no longer in the database."""
    write_secrets(world.live.home, {case.name: case.cluster.connection(from_gateway=2)})
    world.live.delete_connection(case.name)
    case.cluster.close(0, 1)
    yield from read_again(case)


# Tasks, runs and DAGs.


def clear_tasks(world: World, case: Case) -> Iterator[None]:
    for run in case.runs:
        world.live.clear(run.dag, run.run_id, list(run.fault.ends))
    second = partial(_is_in_try, case, 2)
    yield from until(lambda: second() and case.are_all("deferred", *ENDED))


def _is_in_try(case: Case, number: int) -> bool:
    return all(case.tasks[task]["try_number"] == number for task in case.fault.ends)


def mark(state: str) -> Plan:
    """Return the plan of a person who marks all tasks."""

    def plan(world: World, case: Case) -> Iterator[None]:
        for run in case.runs:
            for task in run.fault.ends:
                world.live.mark(run.dag, run.run_id, task, state)
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


def change_dag_file(world: World, case: Case) -> Iterator[None]:
    """Change a parameter of the tasks, and wait until Airflow has the new version of the DAG."""
    file = world.live.dags / f"{case.dag}.py"
    versions = world.live.dag_versions(case.dag)
    file.write_text(re.sub(r"(?<=retries=)\d+", lambda found: str(int(found[0]) + 1), file.read_text()))
    yield from until(lambda: world.live.dag_versions(case.dag) > versions)


def remove_dag_file_at_the_end(world: World, case: Case) -> Iterator[None]:
    """Put it back when Airflow has rescheduled each sensor, because it could not find the DAG."""
    waiting = {(run.name, task) for run in case.runs for task in run.fault.ends if task != "release"}

    def is_each_rescheduled() -> bool:
        for run in case.runs:
            waiting.difference_update(
                (run.name, task) for task in run.fault.ends if run.state(task) == "up_for_reschedule"
            )
        return not waiting

    case.cluster.time.go_on()
    yield from _without_dag_file(world, case, until(is_each_rescheduled))


def _without_dag_file(world: World, case: Case, meanwhile: Iterator[None]) -> Iterator[None]:
    file = world.live.dags / f"{case.dag}.py"
    text = file.read_text()
    file.unlink()
    yield from meanwhile
    file.write_text(text)
