"""Run a sensor as Airflow does, process after process, but in this process."""

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
    """Logs to the standard library, where caplog sees it: Airflow versions differ."""

    log = logging.getLogger("sensor")  # type: ignore[assignment]


def sensor(name: str, mode: str = "poke", **keywords: Any) -> ServiceFabricUpgradeSensor:
    mode_keywords = {"deferrable": True} if mode == "deferrable" else {"deferrable": False, "mode": mode}
    return Sensor(task_id="wait", name=name, **{"poke_interval": 0.01, **mode_keywords, **keywords})


def fire(deferred: TaskDeferred, **changes: Any) -> Any:
    """Run a deferred trigger at once, from its serialized keywords; return the payload of its event."""
    _, keywords = deferred.trigger.serialize()
    at_once = {"first_poll_at": "2020-01-01T00:00:00Z", "poke_interval": 0.01}
    keywords = {**json.loads(json.dumps(keywords)), **at_once, **changes}

    async def drain() -> list[Any]:
        return [event.payload async for event in ServiceFabricUpgradeTrigger(**keywords).run()]

    (payload,) = asyncio.run(drain())
    return json.loads(json.dumps(payload, allow_nan=False))


def run(make: Callable[[], ServiceFabricUpgradeSensor], ti: Any, **trigger_changes: Any) -> Any:
    """Run a task to its end, with a new operator for each process, and return its result."""
    context: Any = {"ti": ti}
    began = datetime.now(timezone.utc)
    for _ in range(200):
        try:
            return make().execute(context)
        except AirflowRescheduleException:
            ti.first_leg_started_at = began
        except TaskDeferred as deferred:
            payload = fire(deferred, **trigger_changes)
            return make().resume_execution(deferred.method_name, {"event": payload}, context)
    pytest.fail("the task did not end")
