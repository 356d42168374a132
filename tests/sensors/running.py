"""Run a sensor as Airflow does, leg by leg, in this process."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from airflow.exceptions import AirflowRescheduleException
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger

if TYPE_CHECKING:
    from collections.abc import Callable

MODES = ("poke", "reschedule", "deferrable")


class Sensor(ServiceFabricUpgradeSensor):
    """Logs where pytest can see it, whatever this Airflow logs with."""

    log = logging.getLogger("sensor")  # type: ignore[assignment]


def sensor(name: str, mode: str = "poke", **keywords: Any) -> ServiceFabricUpgradeSensor:
    how = {"deferrable": True} if mode == "deferrable" else {"deferrable": False, "mode": mode}
    return Sensor(task_id="wait", name=name, **{"poke_interval": 0.01, **how, **keywords})


def fire(deferred: TaskDeferred, **changes: Any) -> Any:
    """Run a deferred trigger from its serialised keywords, at once, and return its event's payload."""
    _, keywords = deferred.trigger.serialize()
    keywords = {**json.loads(json.dumps(keywords)), "first_poll_at": "2020-01-01T00:00:00Z", **changes}

    async def drain() -> list[Any]:
        return [event.payload async for event in ServiceFabricUpgradeTrigger(**keywords).run()]

    (payload,) = asyncio.run(drain())
    return json.loads(json.dumps(payload, allow_nan=False))


def run(make: Callable[[], ServiceFabricUpgradeSensor], ti: Any, **trigger_changes: Any) -> Any:
    """Run a task as Airflow does, leg by leg, each with an operator of its own, and return its result."""
    context: Any = {"ti": ti}
    began = datetime.now(timezone.utc)
    for _ in range(200):
        try:
            return make().execute(context)
        except AirflowRescheduleException:
            ti.first_leg_began = began
        except TaskDeferred as deferred:
            payload = fire(deferred, **trigger_changes)
            return make().resume_execution(deferred.method_name, {"event": payload}, context)
    pytest.fail("the task did not end")
