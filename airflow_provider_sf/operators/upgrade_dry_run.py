"""The dry run of an upgrade, as a task. Not for DAG files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.messages.plans import plan_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.operators.waiting import WaitingOperator
    from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
    from airflow_provider_sf.upgrades.applications import Application


def dry_run(task: WaitingOperator, describe: Callable[[Application], ApplicationUpgrade]) -> dict[str, Any]:
    """
    Log and return the plan of an upgrade. Nothing is changed, and problems are no error.

    :param describe: returns the request for the application as it is now
    """
    hook = ServiceFabricHook(task.service_fabric_conn_id)
    upgrade = describe(task.read(partial(hook.get_application, task.name)))
    plan = task.read(partial(hook.plan_application_upgrade, upgrade))
    for line in plan_lines(plan):
        task.log.info("%s", line)
    return plan.to_dict()
