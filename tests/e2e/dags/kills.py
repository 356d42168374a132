"""Where the process of a task is killed in its first try: the configuration of the run says it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.sensors.wait_task import WaitTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import Context


def die(*_: object) -> None:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(function: Callable[..., object]) -> Callable[..., None]:
    """Return a function that calls another one, and kills this process."""

    def call(*arguments: Any, **keywords: Any) -> None:
        function(*arguments, **keywords)
        die()

    return call


def kill_where_configured(context: Context) -> None:
    """
    Kill the process of the first try where the run says.

    ``start``: before its first request. ``request``: after its first poll, or when the start of its upgrade is sent.
    ``resume``: before it reads the event with the end of its wait. ``end``: after it has read that.
    ``poke``: before the first poke of a sensor that knows the expected upgrade, in the same process or in another one.
    """
    ti: Any = context["ti"]
    dies_at = (context["dag_run"].conf or {}).get("dies_at")
    if ti.try_number > 1 or not dies_at:
        return
    # These replace a method in this process only.
    if dies_at == "request":
        start = ServiceFabricHook.start_application_upgrade
        setattr(ServiceFabricHook, start.__name__, die_after(start))
        setattr(WaitTask, WaitTask._defer.__name__, die)
    elif dies_at == "end":
        setattr(WaitTask, WaitTask.end.__name__, die)
    elif dies_at == "poke":
        if _knows_upgrade(context):
            die()
        poke = WaitTask.poke
        setattr(
            WaitTask, poke.__name__, lambda wait, again: die() if _knows_upgrade(again) else poke(wait, again)
        )
    elif dies_at == ("resume" if _is_resumed_for_the_end(context) else "start"):
        die()


def _is_resumed_for_the_end(context: Context) -> bool:
    """Return whether this process reads the end of its wait. A sensor also resumes to store what it expects."""
    ti: Any = context["ti"]
    if _stored(context) and not _knows_upgrade(context):
        return False
    return ti.xcom_pull(task_ids=ti.task_id, key="upgrade_wait", map_indexes=ti.map_index) is not None


def _knows_upgrade(context: Context) -> bool:
    """Return whether a sensor has stored which upgrade it expects."""
    return bool((_stored(context) or {}).get("expected"))


def _stored(context: Context) -> Any:
    store: Any = context["task_state_store"]
    return store.get("expected_upgrade")
