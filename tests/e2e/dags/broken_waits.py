"""
Typical mistakes, which the end-to-end tests must find. The configuration of a run says which one its tasks make.

Each replaces a part of the provider in the process of one task or of one trigger, never in the process that parses.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import FunctionType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_sf.cluster.per_loop import loop_resource
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.sensors import wait_task
from airflow_provider_sf.sensors.wait_task import WaitTask
from airflow_provider_sf.triggers import service_fabric
from airflow_provider_sf.triggers.poller import Poller
from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger
from airflow_provider_sf.wait.state import WaitState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import TriggerEvent

    from airflow_provider_sf.triggers.poller import PollQueue
    from airflow_provider_sf.wait.state_machine import Decision

STATE_KEY = "expected_upgrade"
SOON_SECONDS = 20.0

_kept: list[object] = []
"""What the triggers of this process never release."""


# In the process of a task.


def trust_each_event(context: Context) -> None:  # noqa: ARG001 - as the others
    """Succeed with the record of the event that ends the wait, whatever it says."""
    complete = WaitTask.complete

    def trust(self: WaitTask, context: Context, event: Any) -> dict[str, Any]:
        return dict(event["record"]) if event["ended_by"] else complete(self, context, event)

    setattr(WaitTask, complete.__name__, trust)


def forget_earlier_tries(context: Context) -> None:
    """Know nothing of the processes before this one."""
    store: Any = context["task_state_store"]
    store.delete(STATE_KEY)


def trust_and_forget(context: Context) -> None:
    """Make both mistakes: which one matters depends on whether the first try survives."""
    trust_each_event(context)
    forget_earlier_tries(context)


def expect_any_upgrade(context: Context) -> None:
    """Take the latest upgrade for the expected one, in each try of a sensor."""
    task = _task(context)
    if task.task_id != "release":  # it would start that version
        task.target_version = None
        task._selected_by = []
    forget_earlier_tries(context)


def end_at_first_failed_poll(context: Context) -> None:
    """End at the first poll without an answer."""
    _task(context).unreachable_timeout = 0.001


def end_soon(context: Context) -> None:
    """End an outage sooner, for mistakes in the connection that last."""
    _task(context).unreachable_timeout = SOON_SECONDS


def send_again(context: Context) -> None:
    """Send the request to start the upgrade in each later try, without a look at the cluster."""
    ti: Any = context["ti"]
    task = _task(context)
    if ti.try_number > 1 and ti.task_id == "release":
        upgrade = ApplicationUpgrade(
            name=task.name,
            target_version="v1",
            parameters={"Web_InstanceCount": "-1"},
            monitoring_policy=task.monitoring_policy,
        )
        ServiceFabricHook(task.service_fabric_conn_id).start_application_upgrade(upgrade)


def _task(context: Context) -> Any:
    ti: Any = context["ti"]
    return ti.task


# In the process of a triggerer.


class BrokenTrigger(ServiceFabricUpgradeTrigger):
    """A trigger that its task has put in the place of the right one."""

    @classmethod
    def use(cls, context: Context) -> None:  # noqa: ARG003 - as the others
        """Let a task defer to this trigger."""
        setattr(wait_task, ServiceFabricUpgradeTrigger.__name__, cls)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__name__}", super().serialize()[1]

    @property
    def continues_another(self) -> bool:
        """Whether another triggerer had the wait before."""
        return datetime.now(timezone.utc).isoformat() > self.first_poll_at


class ForgetfulTrigger(BrokenTrigger):
    """Begin again in each triggerer, with nothing of what an earlier process has found."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        if self.continues_another:
            self.wait_state, self.live_progress = WaitState(began_at=datetime.now(timezone.utc)), False


class RenamedTrigger(BrokenTrigger):
    """Write a row that the right trigger cannot read: a keyword has another name."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        path, keywords = ServiceFabricUpgradeTrigger.serialize(self)
        state = keywords.pop("wait_state")
        return path, {**keywords, "state": state}


class FragileTrigger(BrokenTrigger):
    """Fail in the second triggerer."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        if self.continues_another:
            msg = "the client of another triggerer cannot be used"
            raise RuntimeError(msg)
        async for event in super().run():
            yield event


class RelativeTrigger(BrokenTrigger):
    """Count the timeout from when a triggerer begins."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.policy = replace(self.policy, deadline=datetime.now(timezone.utc) + timedelta(seconds=150))


class StubbornTrigger(BrokenTrigger):
    """Go on polling for some time after Airflow has cancelled it."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            async for event in super().run():
                yield event
        except asyncio.CancelledError:
            _kept.append(asyncio.create_task(self._poll_on()))
            raise

    async def _poll_on(self) -> None:
        hook = ServiceFabricHook(self.service_fabric_conn_id)
        for _ in range(10):
            await hook.aget_progress_response(self.name, kind=self.kind)
            await asyncio.sleep(1.5)


class LeakyTrigger(BrokenTrigger):
    """Open a connection for each poll, and close none."""

    async def _next_step(self, *arguments: Any) -> Decision:
        cluster, _ = await ServiceFabricHook(self.service_fabric_conn_id).aget_progress_response(
            self.name, kind=self.kind
        )
        address = urlsplit(cluster.endpoints[0])
        _kept.append(await asyncio.open_connection(address.hostname, address.port))
        return await super()._next_step(*arguments)


class UncachedTrigger(BrokenTrigger):
    """Load the connection again for each poll, and fail without it."""

    async def _next_step(self, *arguments: Any) -> Decision:
        await asyncio.to_thread(ServiceFabricHook(self.service_fabric_conn_id).get_conn)
        return await super()._next_step(*arguments)


class UnsharedTrigger(BrokenTrigger):
    """Poll for this wait alone."""

    async def _final_state(self) -> WaitState:
        right = ServiceFabricUpgradeTrigger._final_state
        names = {**vars(service_fabric), "poller_for": own_poller}
        state: WaitState = await FunctionType(right.__code__, names)(self)
        return state


def own_poller(queue: PollQueue, kind: str, name: str) -> Poller:
    """Return another poller each time."""
    return loop_resource((Poller, object()), lambda: Poller(queue, kind, name))


BROKEN: dict[str, Callable[[Context], None]] = {
    "blind": trust_each_event,
    "forgetful": forget_earlier_tries,
    "naive": trust_and_forget,
    "careless": expect_any_upgrade,
    "impatient": end_at_first_failed_poll,
    "repeating": send_again,
    "first_gateway": end_soon,
    "pinned": end_soon,
    "read_once": end_soon,
    "restarted": ForgetfulTrigger.use,
    "renamed": RenamedTrigger.use,
    "fragile": FragileTrigger.use,
    "relative": RelativeTrigger.use,
    "stubborn": StubbornTrigger.use,
    "uncached": UncachedTrigger.use,
    "leaky": LeakyTrigger.use,
    "unshared": UnsharedTrigger.use,
}
"""What a task does before it runs, by the name of its mistake. Some are in the connection that it uses, too."""


def make_mistake(context: Context) -> None:
    """Make the mistake that the configuration of the run names."""
    mistake = (context["dag_run"].conf or {}).get("mistake")
    if mistake:
        BROKEN[mistake](context)
