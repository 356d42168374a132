"""The health of an application is watched for some time, on the worker and in the triggerer."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, TaskDeferred

from airflow_provider_sf.exceptions import ApplicationUnhealthy
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.service_fabric import ServiceFabricBakeOperator
from airflow_provider_sf.releases import ApplicationHealthPolicy, ServiceTypeHealthPolicy
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.releases.bake_result import BakeResult
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.rest.json_values import utc
from airflow_provider_sf.sensors.wait_task import DEFERRAL_MARGIN
from airflow_provider_sf.simulator.responses import json_response
from airflow_provider_sf.triggers.health import ServiceFabricHealthTrigger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sf.simulator.responses import HttpResponse
    from tests.scripted_cluster import ScriptedCluster

SHOP = "fabric:/idle-shop/web"
BAD = "fabric:/idle_rolled_back-shop/web"
LOG: Any = logging.getLogger("operator")
TOLERANT = ApplicationHealthPolicy(
    service_types={"WebType": ServiceTypeHealthPolicy(max_percent_unhealthy_services=100)}
)


class Bake(ServiceFabricBakeOperator):
    log = LOG


class Trigger(ServiceFabricHealthTrigger):
    log = LOG


def bake(**keywords: Any) -> Bake:
    given = {"name": SHOP, "bake_time": 300, "deferrable": False, "poke_interval": 30, **keywords}
    return Bake(task_id="bake", **given)


def start_bad_version(clock: Any) -> None:
    """Make the application unhealthy."""
    upgrade = ApplicationUpgrade(name=BAD, target_version="v1", mode="UnmonitoredAuto")
    ServiceFabricHook().start_application_upgrade(upgrade)
    clock.now += 3_600


@pytest.mark.usefixtures("simulator")
def test_healthy_application_succeeds_after_the_time(context: Any, clock: Any, caplog: Any, ti: Any) -> None:
    before = clock.now
    with caplog.at_level("INFO"):
        assert bake().execute(context) == {"healthy_seconds": 300.0}
    assert clock.now - before >= 300
    assert "is healthy; it must stay so for 5m00s (bake_time)" in caplog.text
    assert "Healthy for 5m00s: application 'fabric:/idle-shop/web'" in caplog.text
    assert "service_fabric_explorer" in ti.xcoms
    result = BakeResult.from_dict(ti.xcoms["bake_result"])
    assert (result.result, result.bake_seconds, result.health.state) == ("healthy", 300.0, "Ok")
    assert (result.ended_at - result.began_at).total_seconds() == clock.now - before


@pytest.mark.usefixtures("simulator")
def test_unhealthy_application_fails_with_its_reasons(context: Any, clock: Any, caplog: Any) -> None:
    start_bad_version(clock)
    before = clock.now
    with caplog.at_level("INFO"), pytest.raises(ApplicationUnhealthy) as failed:
        bake(name=BAD, health_check_retry=120, do_xcom_push=False).execute(context)
    assert 120 <= clock.now - before < 300
    assert str(failed.value).startswith(
        "Unhealthy for 2m00s: application 'fabric:/idle_rolled_back-shop/web'."
    )
    assert "fewer replicas ready" in str(failed.value)
    assert "is unhealthy; the task waits 2m00s (health_check_retry): " in caplog.text


@pytest.mark.usefixtures("simulator")
def test_policy_of_the_task_counts(context: Any, clock: Any) -> None:
    start_bad_version(clock)
    assert bake(name=BAD, health_policy=TOLERANT).execute(context) == {"healthy_seconds": 300.0}


def healths(*states: str) -> list[HttpResponse]:
    return [json_response({"Name": SHOP, "AggregatedHealthState": state}) for state in states]


def test_bad_moment_restarts_the_bake_time(
    context: Any, clock: Any, simulator: ScriptedCluster, caplog: Any
) -> None:
    simulator.script("/$/GetHealth", *healths(*["Ok"] * 9, "Error", "Warning"))
    before = clock.now
    with caplog.at_level("INFO"):
        bake().execute(context)
    assert clock.now - before >= 9 * 30 + 300
    assert "is unhealthy; the task waits 10m00s (health_check_retry)\n" in caplog.text


def test_changing_health_ends_by_the_timeout(context: Any, simulator: ScriptedCluster, ti: Any) -> None:
    simulator.script("/$/GetHealth", *healths(*["Ok", "Error"] * 50))
    with pytest.raises(AirflowSensorTimeout, match=r"Not healthy for long enough within 20m00s \(timeout\)"):
        bake(timeout=1_200).execute(context)
    assert ti.xcoms["bake_result"]["result"] == "timeout"


@pytest.mark.usefixtures("simulator")
def test_reasons_of_bad_health_are_pushed(context: Any, clock: Any, ti: Any) -> None:
    start_bad_version(clock)
    with pytest.raises(ApplicationUnhealthy):
        bake(name=BAD, health_check_retry=0).execute(context)
    result = ti.xcoms["bake_result"]
    assert (result["result"], result["health"]["state"]) == ("unhealthy", "Error")
    assert "fewer replicas ready" in result["health"]["unhealthy_evaluations"][0]


def watch(deferred: TaskDeferred, **changes: Any) -> dict[str, Any]:
    _, stored = deferred.trigger.serialize()
    keywords = {**json.loads(json.dumps(stored)), "first_poll_at": "2020-01-01T00:00:00Z", **changes}

    async def drain() -> Iterator[Any]:
        return iter([event.payload async for event in Trigger(**keywords).run()])

    return dict(next(asyncio.run(drain())))


@pytest.mark.usefixtures("simulator")
def test_deferred_bake_keeps_its_time(context: Any, clock: Any) -> None:
    with pytest.raises(TaskDeferred) as first:
        bake(deferrable=True, health_policy=TOLERANT).execute(context)
    event = watch(first.value)  # the clock of the test is behind that of the trigger
    assert event["reason"] == "time"
    clock.now += 200
    with pytest.raises(TaskDeferred) as second:
        bake(deferrable=True).execute_complete(context, event)
    assert second.value.trigger.until == first.value.trigger.until
    assert second.value.trigger.deadline == first.value.trigger.deadline
    clock.now += 101
    assert bake(deferrable=True).execute_complete(context, event) == {"healthy_seconds": 300.0}


def test_bad_moment_restarts_the_deferred_bake_time(
    context: Any, clock: Any, simulator: ScriptedCluster, caplog: Any
) -> None:
    """The application is healthy again when the worker looks."""
    simulator.script("/$/GetHealth", *healths("Ok", "Error", "Ok"))
    with pytest.raises(TaskDeferred) as first:
        bake(deferrable=True).execute(context)
    event = watch(first.value)
    assert event["reason"] == "health"
    assert "has become unhealthy; the bake time begins again" in caplog.text
    clock.now += 200
    with pytest.raises(TaskDeferred) as second:
        bake(deferrable=True).execute_complete(context, event)
    first_until, until = (utc(deferred.value.trigger.until) for deferred in (first, second))
    assert first_until is not None
    assert until == first_until + timedelta(seconds=200)


@pytest.mark.usefixtures("simulator")
def test_deadline_wakes_the_task(context: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        bake(deferrable=True).execute(context)
    event = watch(deferred.value, until="2999-01-01T00:00:00Z")
    assert event["reason"] == "time"
    assert event["deadline"].startswith("2026-03-08")


def test_lost_connection_is_an_outage_later(
    context: Any, simulator: ScriptedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow may fail to return a connection for a moment; an earlier process has used it."""
    with pytest.raises(TaskDeferred) as deferred:
        bake(deferrable=True).execute(context)
    event = watch(deferred.value)
    assert simulator.requests
    monkeypatch.delenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT")
    with pytest.raises(Unreachable, match="connection 'service_fabric_default' could not be read"):
        bake(deferrable=True, unreachable_timeout=0).execute_complete(context, event)


@pytest.mark.usefixtures("simulator")
def test_bake_ends_without_a_triggerer(context: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        bake(deferrable=True, timeout=3_600).execute(context)
    assert deferred.value.timeout == timedelta(seconds=3_600) + DEFERRAL_MARGIN


@pytest.mark.parametrize(
    ("keywords", "message"),
    [({"bake_time": -1}, "bake_time must be"), ({"poke_interval": 0}, "poke_interval must be more than 0 s")],
)
def test_invalid_parameters_are_refused(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"task 'bake': {message}"):
        bake(**keywords)


def test_bake_time_may_be_a_timedelta() -> None:
    assert bake(bake_time=timedelta(hours=1)).bake_time == 3_600
