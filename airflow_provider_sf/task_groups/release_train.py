"""A release to many clusters in waves, as task groups: a bad version stops the later waves."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    BaseOperator,
    TaskGroup,
    XComArg,
    chain,
    task,
)

from airflow_provider_sf.operators.service_fabric import (
    ServiceFabricBakeOperator,
    ServiceFabricUpgradeApplicationOperator,
)
from airflow_provider_sf.rest.plain_text import shorten_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_sf.releases import ApplicationHealthPolicy

log = logging.getLogger("airflow.task")

Gate = BaseOperator | TaskGroup | XComArg

Stop = str | tuple[str, str]
"""A connection, or a connection and the name of an application."""


@dataclass(frozen=True)
class TrainStop:
    """One application on one cluster, and the id of its task group."""

    group: str
    connection: str
    name: str


def release_train(
    waves: Sequence[Sequence[Stop]],
    *,
    target_version: str | XComArg,
    name: str | XComArg | None = None,
    bake_time: timedelta | float = timedelta(minutes=30),
    health_policy: ApplicationHealthPolicy | None = None,
    max_parallel: int | None = None,
    before_wave: Callable[[int], Gate | None] | None = None,
    roll_back_finished: bool = False,
    group_id: str = "train",
    deferrable: bool = True,
    upgrade_operator: type[ServiceFabricUpgradeApplicationOperator] = ServiceFabricUpgradeApplicationOperator,
    upgrade_options: Mapping[str, Any] | None = None,
) -> TaskGroup:
    """
    Release an application to many clusters, wave after wave, and stop at the first failure.

        wave_1 (westeurope: upgrade -> bake) -> wave_2 (northeurope, eastus) -> ... -> report

    A wave begins when all upgrades of the wave before have succeeded and their applications were healthy for
    the bake time, and when its gate (``before_wave``) has succeeded. ``report`` runs with any result: it logs
    the result of each cluster, and fails if one does not have the new version. After a fix, clear the failed
    tasks with "downstream", or trigger the DAG again: clusters that have the version already are not upgraded
    again. Call it within a DAG.

    :param waves: lists of connection ids, or of pairs ``(connection id, application name)``
    :param target_version: the new version; it may be a template
    :param name: the application, for stops without a name; it may be a template
    :param bake_time: how long an application must be healthy after its upgrade; 0 does not wait
    :param health_policy: what counts as healthy during the upgrade and the bake time
    :param max_parallel: how many clusters of a wave are upgraded at the same time; None is all
    :param before_wave: makes a task or a task group that must succeed before a wave begins, for example an
        approval by a person. It gets the number of the wave, from 1 on; None is no gate before that wave
    :param roll_back_finished: if the release fails, bring back the version and the parameters from before to
        the clusters that have been upgraded, by new upgrades; ``report`` still fails
    :param group_id: the id of the task group
    :param deferrable: wait in the triggerer
    :param upgrade_operator: ``ServiceFabricUpgradeGateOperator`` decides between upgrade domains, too
    :param upgrade_options: further parameters of the upgrade operator

    Return the task group.

    :raises ValueError: ``waves``, ``max_parallel`` or ``before_wave`` is invalid
    """
    stops = _read_stops(waves, name)
    if max_parallel is not None and max_parallel < 1:
        msg = f"max_parallel must be a number from 1 on, not {max_parallel}"
        raise ValueError(msg)
    if before_wave is not None and not callable(before_wave):
        msg = f"before_wave must be a function of the wave's number, not {shorten_repr(before_wave)}"
        raise ValueError(msg)
    options = {"health_policy": health_policy, "deferrable": deferrable, **(upgrade_options or {})}
    if roll_back_finished:
        options.setdefault("store_parameters", True)
    upgrades: dict[str, ServiceFabricUpgradeApplicationOperator] = {}

    def make_stop(stop: TrainStop) -> TaskGroup:
        with TaskGroup(stop.group) as part:
            upgrade = upgrade_operator(
                task_id="upgrade",
                name=stop.name,
                target_version=target_version,
                service_fabric_conn_id=stop.connection,
                **options,
            )
            upgrade >> ServiceFabricBakeOperator(
                task_id="bake",
                name=stop.name,
                bake_time=bake_time,
                health_policy=health_policy,
                service_fabric_conn_id=stop.connection,
                deferrable=deferrable,
            )
        upgrades[upgrade.task_id] = upgrade
        return part

    with TaskGroup(group_id) as train:
        groups: list[TaskGroup] = []
        steps: list[Gate] = []
        for number, wave in enumerate(stops, start=1):
            if before_wave and (gate := before_wave(number)) is not None:
                steps.append(gate)
            with TaskGroup(f"wave_{number}") as wave_group:
                parts = [make_stop(stop) for stop in wave]
                for before, after in zip(parts, parts[max_parallel or len(parts) :], strict=False):
                    before >> after
            groups.append(wave_group)
            steps.append(wave_group)
        chain(*steps)
        bakes = [f"{task_id.removesuffix('upgrade')}bake" for task_id in upgrades]
        end = report(list(upgrades), bakes, restores=roll_back_finished)
        if roll_back_finished:
            groups[-1] >> _rollbacks(upgrades, bakes, deferrable=deferrable) >> end
        groups >> end
    return train


def _rollbacks(
    upgrades: Mapping[str, ServiceFabricUpgradeApplicationOperator], bakes: list[str], *, deferrable: bool
) -> TaskGroup:
    """Make an upgrade to the version before for each cluster; those that were not upgraded are skipped."""
    with TaskGroup("roll_back") as group:
        for task_id, upgrade in upgrades.items():
            with TaskGroup(_stop_of(task_id)):
                restore = ServiceFabricUpgradeApplicationOperator(
                    task_id="restore",
                    name=upgrade.name,
                    restore=XComArg(upgrade, key="upgrade_start"),
                    service_fabric_conn_id=upgrade.service_fabric_conn_id,
                    deferrable=deferrable,
                )
                must_restore(task_id, bakes) >> restore
    return group


def _stop_of(task_id: str) -> str:
    """Return the group of a cluster: ``westeurope`` of ``train.wave_1.westeurope.upgrade``."""
    return task_id.split(".")[-2]


@task.short_circuit(trigger_rule="all_done", ignore_downstream_trigger_rules=False)
def must_restore(upgrade_task: str, bake_tasks: list[str], ti: Any = None) -> bool:
    """Return whether the release has failed and this cluster has got the new version in this run."""
    has_failed = not all(ti.xcom_pull(task_ids=bake_task) for bake_task in bake_tasks)
    record = ti.xcom_pull(task_ids=upgrade_task)
    start = ti.xcom_pull(task_ids=upgrade_task, key="upgrade_start") or {}
    return has_failed and bool(record) and start.get("how") in {"started", "adopted"}


@task(trigger_rule="all_done")
def report(upgrade_tasks: list[str], bake_tasks: list[str], *, restores: bool, ti: Any = None) -> None:
    """Log the result of each cluster; fail if one does not have the new version, or was not healthy."""
    results = {}
    for upgrade_task, bake_task in zip(upgrade_tasks, bake_tasks, strict=True):
        stop, wave = _stop_of(upgrade_task), upgrade_task.split(".")[-3]
        result = _result(ti, upgrade_task, bake_task)
        restore = upgrade_task.replace(f"{wave}.{stop}.upgrade", f"roll_back.{stop}.restore")
        if restores and (record := ti.xcom_pull(task_ids=restore)):
            result = f"{RESTORED} {record['target_version']}"
        results[stop] = result
        log.log(logging.INFO if result == DONE else logging.WARNING, "%s: %s", stop, result)
    counts = {
        "have the new version and are healthy": sum(result == DONE for result in results.values()),
        "are untouched": sum(result == UNTOUCHED for result in results.values()),
        "are back at the version before": sum(result.startswith(RESTORED) for result in results.values()),
    }
    counts["failed"] = len(results) - sum(counts.values())
    if counts["have the new version and are healthy"] < len(results):
        words = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        msg = f"Of {len(results)} clusters: {words}"
        raise AirflowFailException(msg)
    log.info("All %d clusters have the new version", len(results))


DONE, UNTOUCHED, RESTORED = "has the new version, healthy", "untouched", "restored to"


def _result(ti: Any, upgrade_task: str, bake_task: str) -> str:
    """Return the result of a cluster in words."""
    if ti.xcom_pull(task_ids=bake_task):
        return DONE
    if ti.xcom_pull(task_ids=upgrade_task):
        return "has the new version, but was not healthy for the bake time"
    wait = ti.xcom_pull(task_ids=upgrade_task, key="upgrade_wait") or {}
    if wait.get("message"):
        return str(wait["message"].splitlines()[0])
    start = ti.xcom_pull(task_ids=upgrade_task, key="upgrade_start")
    return UNTOUCHED if start is None else "its upgrade was started; the result is not known"


def _read_stops(waves: Sequence[Sequence[Stop]], name: str | XComArg | None) -> list[list[TrainStop]]:
    """Read the waves; each stop gets a group id that is unique in the train."""
    stops, seen = [], set()
    for wave in waves:
        read = []
        for entry in wave:
            connection, own_name = (entry, name) if isinstance(entry, str) else entry
            if own_name is None:
                msg = f"waves: {connection!r} has no application: set name, or write ({connection!r}, '...')"
                raise ValueError(msg)
            group = _group_id(connection, None if isinstance(entry, str) else str(own_name))
            if group in seen:
                msg = f"waves contains {entry!r} twice: remove one"
                raise ValueError(msg)
            seen.add(group)
            read.append(TrainStop(group, connection, own_name))  # type: ignore[arg-type]  # a template stands for its value
        stops.append(read)
    if not all(stops) or not stops:
        msg = "waves must be a list of lists that are not empty, for example [['west'], ['north', 'east']]"
        raise ValueError(msg)
    return stops


def _group_id(connection: str, name: str | None) -> str:
    """Return the id of a task group: letters, digits, dashes and underscores."""
    parts = [connection.removeprefix("service_fabric_"), *([name.removeprefix("fabric:/")] if name else [])]
    return re.sub(r"[^\w-]+", "_", "_".join(parts), flags=re.ASCII)
