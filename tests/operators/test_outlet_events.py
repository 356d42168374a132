"""What the asset events of a task have: how its upgrade has ended, if the task succeeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import Asset, AssetAlias, TaskDeferred

from airflow_provider_sf.exceptions import UpgradeFailed
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.service_fabric import (
    ServiceFabricRollbackUpgradeOperator,
    ServiceFabricUpgradeApplicationOperator,
)
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
from tests.sensors.running import fire

try:
    from airflow.sdk.execution_time.context import OutletEventAccessors
except ImportError:  # Airflow 2
    from airflow.utils.context import OutletEventAccessors

if TYPE_CHECKING:
    from collections.abc import Callable

SHOP = "fabric:/idle-shop/web"
ASSET = Asset("servicefabric://service_fabric_default/application/idle-shop~web")
REPORT = Asset("s3://reports/shop.json")


class Task:
    """Runs operators with the events of Airflow's own class."""

    def __init__(self, context: dict[str, Any]) -> None:
        self._context = context

    def run(self, make: Callable[..., Any], clock: Any, **keywords: Any) -> dict[str, Any]:
        """Run a task to its end, and return what the event of its asset has."""
        keywords = {"task_id": "wait", "name": SHOP, "outlets": [ASSET, AssetAlias("any")], **keywords}
        operator = make(**keywords)
        context = self.context(operator)
        try:
            operator.execute(context)
        except TaskDeferred as deferred:
            clock.now += 3_600
            operator = make(**keywords)
            context = self.context(operator)
            getattr(operator, str(deferred.method_name))(context, fire(deferred))
        return dict(context["outlet_events"][ASSET].extra)

    def context(self, operator: Any) -> Any:
        return {**self._context, "task": operator, "outlet_events": OutletEventAccessors()}


@pytest.fixture
def task(context: dict[str, Any]) -> Task:
    return Task(context)


def start(version: str) -> None:
    upgrade = ApplicationUpgrade(name=SHOP, target_version=version, mode="UnmonitoredAuto")
    ServiceFabricHook().start_application_upgrade(upgrade)


@pytest.mark.parametrize("deferrable", [True, False])
def test_event_of_a_wait_has_its_end(task: Task, clock: Any, deferrable: bool) -> None:  # noqa: FBT001 - a case
    start("v1")
    clock.now += 0 if deferrable else 3_600
    extra = task.run(ServiceFabricUpgradeSensor, clock, deferrable=deferrable)
    assert (
        extra.items()
        >= {
            "schema": "service_fabric.upgrade_end/1",
            "kind": "application",
            "name": SHOP,
            "outcome": "succeeded",
            "target_version": "v1",
        }.items()
    )


@pytest.mark.parametrize("deferrable", [True, False])
def test_event_of_a_release_has_its_end(task: Task, clock: Any, deferrable: bool) -> None:  # noqa: FBT001 - a case
    extra = task.run(
        ServiceFabricUpgradeApplicationOperator, clock, target_version="v1", deferrable=deferrable
    )
    assert (extra["outcome"], extra["target_version"]) == ("succeeded", "v1")


def test_event_of_a_rollback_has_both_versions(task: Task, clock: Any) -> None:
    start("v1")
    clock.now += 200
    for _ in range(2):  # the second task finds that it was rolled back
        extra = task.run(ServiceFabricRollbackUpgradeOperator, clock, poke_interval=60)
        assert (extra["outcome"], extra["previous_version"]) == ("rolled_back", "v0")


def test_event_has_nothing_of_another_upgrade(task: Task, clock: Any) -> None:
    """The task waits for it, and finds that there is nothing left to do."""
    start("v1")
    extra = task.run(ServiceFabricUpgradeApplicationOperator, clock, target_version="v1", if_upgrading="wait")
    assert extra == {}


def test_keys_of_the_user_stay(task: Task, clock: Any) -> None:
    start("v1")
    clock.now += 3_600
    operator = ServiceFabricUpgradeSensor(task_id="wait", name=SHOP, outlets=[ASSET, REPORT])
    context = task.context(operator)
    context["outlet_events"][REPORT].extra["rows"] = 5
    operator.execute(context)
    assert context["outlet_events"][REPORT].extra.items() >= {"rows": 5, "outcome": "succeeded"}.items()


@pytest.mark.usefixtures("simulator")
def test_failed_upgrade_describes_no_event(task: Task) -> None:
    """Airflow would not send it."""
    operator = ServiceFabricUpgradeApplicationOperator(
        task_id="upgrade", name="fabric:/idle_rolled_back-shop/web", target_version="v1", outlets=[ASSET]
    )
    context = task.context(operator)
    with pytest.raises(UpgradeFailed):
        operator.execute(context)
    assert context["outlet_events"][ASSET].extra == {}
