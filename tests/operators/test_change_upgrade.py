"""The operators that roll back, resume and update a running upgrade are idempotent."""

from __future__ import annotations

import logging
from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_sf.exceptions import ChangeRefused, UpgradeFailed
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators import start_task, waiting
from airflow_provider_sf.operators.resume_task import MAX_LOST_ANSWERS
from airflow_provider_sf.operators.service_fabric import (
    ServiceFabricResumeUpgradeOperator,
    ServiceFabricRollbackUpgradeOperator,
    ServiceFabricUpdateUpgradeOperator,
)
from airflow_provider_sf.operators.task_state import TaskState
from airflow_provider_sf.releases import ApplicationHealthPolicy, MonitoringPolicy
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.releases.compose_upgrade import ComposeUpgrade
from airflow_provider_sf.releases.start_report import StartReport
from airflow_provider_sf.rest import Rejected, ResultUnknown
from airflow_provider_sf.simulator.responses import OK, fabric_error
from tests.sensors.running import fire

if TYPE_CHECKING:
    from airflow_provider_sf.simulator import Simulator
    from tests.scripted_cluster import ScriptedCluster

SHOP = "fabric:/idle-shop/web"
PROGRESS = "/Applications/idle-shop~web/$/GetUpgradeProgress?api-version=6.0"
CLOCKS = (start_task._now, waiting.utc_now)
LOG: Any = logging.getLogger("operator")


class Rollback(ServiceFabricRollbackUpgradeOperator):
    log = LOG


class Resume(ServiceFabricResumeUpgradeOperator):
    log = LOG


class Update(ServiceFabricUpdateUpgradeOperator):
    log = LOG


def rollback(**keywords: Any) -> Rollback:
    return Rollback(
        task_id="rollback", **{"name": SHOP, "deferrable": False, "poke_interval": 60, **keywords}
    )


def start(mode: str = "Monitored", version: str = "v1", name: str = SHOP) -> None:
    policy = MonitoringPolicy() if mode == "Monitored" else None
    upgrade = ApplicationUpgrade(name=name, target_version=version, mode=mode, monitoring_policy=policy)
    ServiceFabricHook().start_application_upgrade(upgrade)


def calls(simulator: Simulator) -> list[str]:
    return [command.call.removesuffix("_application_upgrade") for command in simulator.journal]


# Rollback.


def test_rollback_is_a_success(context: Any, simulator: Simulator, clock: Any, caplog: Any, ti: Any) -> None:
    start()
    clock.now += 200
    with caplog.at_level("INFO"):
        record = rollback().execute(context)
    assert (record["outcome"], record["target_version"]) == ("rolled_back", "v0")
    assert calls(simulator) == ["start", "rollback"]
    assert "Rolled back, as requested" in caplog.text
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "upgrade"


def test_repeated_rollback_only_waits(context: Any, simulator: Simulator, clock: Any) -> None:
    start()
    clock.now += 200
    with pytest.raises(TaskDeferred):
        rollback(deferrable=True).execute(context)
    clock.now += 5
    assert rollback().execute(context)["outcome"] == "rolled_back"
    assert rollback().execute(context)["outcome"] == "rolled_back"
    assert calls(simulator) == ["start", "rollback"]


def test_deferred_rollback_ends_green(context: Any, simulator: Simulator, clock: Any) -> None:
    start()
    clock.now += 200
    with pytest.raises(TaskDeferred) as deferred:
        rollback(deferrable=True).execute(context)
    clock.now += 3_600
    record = rollback(deferrable=True).execute_complete(context, fire(deferred.value))
    assert record["outcome"] == "rolled_back"
    assert calls(simulator) == ["start", "rollback"]


@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "unavailable", "timeout_after"])
def test_lost_answer_rolls_back_once(fault: str, context: Any, simulator: Simulator, clock: Any) -> None:
    start()
    clock.now += 200
    simulator.fault_next_write(fault)
    assert rollback().execute(context)["outcome"] == "rolled_back"
    assert calls(simulator) == ["start", "rollback"]


def test_manual_rollback_is_driven_on(context: Any, simulator: Simulator, clock: Any) -> None:
    start("UnmonitoredManual")
    clock.now += 200
    assert rollback().execute(context)["outcome"] == "rolled_back"
    assert calls(simulator)[:3] == ["start", "rollback", "update"]


def test_finished_upgrade_cannot_be_rolled_back(context: Any, clock: Any, simulator: Simulator) -> None:
    start()
    clock.now += 3_600
    with pytest.raises(ChangeRefused, match="no upgrade is in progress"):
        rollback().execute(context)
    assert calls(simulator) == ["start"]


def test_other_upgrade_is_not_rolled_back(context: Any, clock: Any, simulator: Simulator) -> None:
    expected = ServiceFabricHook()
    start()
    clock.now += 10
    record = expected.get_upgrade_progress(SHOP, kind="application").to_dict()
    clock.now += 3_600
    start(version="v2")
    clock.now += 100
    with pytest.raises(ChangeRefused, match="not the upgrade that the task may roll back"):
        rollback(upgrade=record).execute(context)
    assert calls(simulator) == ["start", "start"]


def test_expected_upgrade_is_rolled_back(context: Any, clock: Any) -> None:
    start()
    clock.now += 100
    record = ServiceFabricHook().get_upgrade_progress(SHOP, kind="application").to_dict()
    assert rollback(upgrade=str(record)).execute(context)["outcome"] == "rolled_back"


def test_record_of_another_name_is_refused(context: Any, clock: Any) -> None:
    start()
    clock.now += 100
    record = ServiceFabricHook().get_upgrade_progress(SHOP, kind="application").to_dict()
    with pytest.raises(ValueError, match="upgrade is about the application"):
        rollback(name="fabric:/idle-cart", upgrade=record).execute(context)
    with pytest.raises(ValueError, match="upgrade must be the XCom"):
        rollback(upgrade="{}").execute(context)


def test_rollback_need_not_wait(context: Any, clock: Any) -> None:
    start()
    clock.now += 100
    assert rollback(wait_for_completion=False).execute(context)["outcome"] in {"in_progress", "rolling_back"}


def test_compose_deployment_is_rolled_back(context: Any, clock: Any, simulator: Simulator) -> None:
    upgrade = ComposeUpgrade(
        name="idle-shop", compose_file="version: '3'", monitoring_policy=MonitoringPolicy()
    )
    ServiceFabricHook().start_compose_upgrade(upgrade)
    clock.now += 200
    task = rollback(name="idle-shop", kind="compose_deployment")
    assert task.execute(context)["outcome"] == "rolled_back"
    assert [command.call for command in simulator.journal][-1] == "rollback_compose_upgrade"


def test_kind_without_a_rollback_is_refused() -> None:
    with pytest.raises(ValueError, match="kind must be 'application' or 'compose_deployment'"):
        rollback(kind="application_resource")


def test_upgrade_that_completes_first_fails(context: Any, clock: Any, simulator: ScriptedCluster) -> None:
    """The cluster has accepted the request, and the upgrade has completed since."""
    start()
    clock.now += 100
    simulator.script("/$/RollbackUpgrade", OK)
    with pytest.raises(UpgradeFailed, match="Completed before its rollback started"):
        rollback().execute(context)


def test_upgrade_that_fails_first_fails(context: Any, clock: Any, simulator: ScriptedCluster) -> None:
    start(name="fabric:/idle_failed-shop/web")
    clock.now += 100
    simulator.script("/$/RollbackUpgrade", OK)
    with pytest.raises(UpgradeFailed, match=r"Failed in domain UD3 .*\(Failed\)"):
        rollback(name="fabric:/idle_failed-shop/web").execute(context)


def test_rollback_in_manual_mode_may_be_late(context: Any, clock: Any, simulator: ScriptedCluster) -> None:
    """The record shows an accepted rollback only after the cluster manager has processed it."""
    start("UnmonitoredManual")
    clock.now += 200
    record = simulator.respond(PROGRESS)
    simulator.script("/$/GetUpgradeProgress", record, record, record, None)
    assert rollback().execute(context)["outcome"] == "rolled_back"
    assert calls(simulator)[:3] == ["start", "rollback", "update"]
    requests = [line.partition("$/")[2].partition("?")[0] for line in simulator.requests]
    assert requests[1:5] == ["GetUpgradeProgress", "RollbackUpgrade", *["GetUpgradeProgress"] * 2]
    assert requests.count("RollbackUpgrade") == 1


def test_start_of_a_task_selects_its_upgrade(context: Any, clock: Any) -> None:
    start()
    clock.now += 100
    record = ServiceFabricHook().get_upgrade_progress(SHOP, kind="application")
    report = StartReport(
        kind="application",
        name=SHOP,
        target_version="v1",
        how="started",
        posted_at=None,
        started_at=record.started_at,
    )
    assert rollback(upgrade=report.to_dict()).execute(context)["outcome"] == "rolled_back"


def test_state_needs_no_store() -> None:
    """Airflow before 3.3 has no store."""
    state = TaskState({}, "key")
    state.set({"a": 1})
    state.delete()
    assert state.get() is None


def test_clocks_have_a_time_zone() -> None:
    """Most tests replace them. They are read before the fixture does."""
    assert all(now().tzinfo is timezone.utc for now in CLOCKS)


def test_refused_rollback_is_an_error(context: Any, clock: Any, simulator: ScriptedCluster) -> None:
    start()
    clock.now += 100
    simulator.script("/$/RollbackUpgrade", fabric_error(403, "E_ACCESSDENIED", "no rights"))
    with pytest.raises(Rejected, match="HTTP 403 E_ACCESSDENIED: no rights"):
        rollback().execute(context)


def test_upgrade_may_end_before_the_request(context: Any, clock: Any, simulator: ScriptedCluster) -> None:
    """The task reads a record from before the end."""
    start()
    clock.now += 100
    simulator.script("/$/GetUpgradeProgress", simulator.respond(PROGRESS), None)
    clock.now += 3_600
    with pytest.raises(ChangeRefused, match="no upgrade is in progress"):
        rollback().execute(context)
    assert any("/$/RollbackUpgrade" in line for line in simulator.requests)


# Resume.


def resume(**keywords: Any) -> Resume:
    return Resume(task_id="resume", **{"name": SHOP, **keywords})


def pause(clock: Any) -> None:
    start("UnmonitoredManual")
    clock.now += 600


def test_next_domain_is_started(context: Any, clock: Any, simulator: Simulator) -> None:
    pause(clock)
    result = resume().execute(context)
    assert result["resumed"]
    assert simulator.journal[-1].body == {"UpgradeDomainName": result["upgrade_domain"]}


def test_retry_starts_no_second_domain(context: Any, clock: Any, simulator: Simulator, ti: Any) -> None:
    pause(clock)
    first = resume().execute(context)
    clock.now += 600
    ti.try_number = 2
    assert resume().execute(context) == {"upgrade_domain": first["upgrade_domain"], "resumed": False}
    assert calls(simulator) == ["start", "resume"]


def test_cleared_task_starts_the_next_domain(context: Any, clock: Any, simulator: Simulator, ti: Any) -> None:
    pause(clock)
    first = resume().execute(context)
    clock.now += 600
    ti.try_number, ti.max_tries = 2, 1
    assert resume().execute(context)["upgrade_domain"] != first["upgrade_domain"]
    assert calls(simulator) == ["start", "resume", "resume"]


def test_retry_without_state_needs_the_domain(context: Any, clock: Any, ti: Any) -> None:
    pause(clock)
    ti.try_number = 2
    with pytest.raises(ChangeRefused, match="Set upgrade_domain"):
        resume().execute({"ti": ti})
    assert resume(upgrade_domain="UD1").execute({"ti": ti}) == {"upgrade_domain": "UD1", "resumed": False}
    assert context


@pytest.mark.parametrize("fault", ["lost_after", "lost_before"])
def test_lost_answer_resumes_once(fault: str, context: Any, clock: Any, simulator: Simulator) -> None:
    pause(clock)
    simulator.fault_next_write(fault)
    assert resume().execute(context)["resumed"]
    assert calls(simulator)[:2] == ["start", "resume"]


def test_lost_answers_end_with_the_error(context: Any, clock: Any, simulator: Simulator) -> None:
    pause(clock)
    simulator.fault_next_write("lost_before", MAX_LOST_ANSWERS)
    with pytest.raises(ResultUnknown):
        resume().execute(context)
    assert calls(simulator) == ["start"]
    assert resume().execute(context)["resumed"]


def test_moving_upgrade_is_not_resumed(context: Any, clock: Any, simulator: Simulator) -> None:
    start()
    clock.now += 200
    with pytest.raises(ChangeRefused, match="the upgrade is not paused"):
        resume().execute(context)
    assert calls(simulator) == ["start"]


# Update.


def update(**keywords: Any) -> Update:
    return Update(task_id="update", **{"name": SHOP, **keywords})


def test_update_keeps_the_mode(context: Any, clock: Any, simulator: Simulator) -> None:
    start()
    clock.now += 100
    update(upgrade_timeout=timedelta(hours=3)).execute(context)
    assert simulator.journal[-1].body["UpdateDescription"] == {
        "RollingUpgradeMode": "Monitored",
        "UpgradeTimeoutInMilliseconds": "PT10800S",
        "UpgradeDomainTimeoutInMilliseconds": "PT10800S",
    }


def test_update_may_change_the_mode(context: Any, clock: Any, simulator: Simulator) -> None:
    start()
    clock.now += 100
    update(mode="UnmonitoredManual").execute(context)
    assert simulator.journal[-1].body["UpdateDescription"] == {"RollingUpgradeMode": "UnmonitoredManual"}


def test_lost_answer_of_an_update_is_repeated(context: Any, clock: Any, simulator: Simulator) -> None:
    start()
    clock.now += 100
    simulator.fault_next_write("lost_after")
    update(health_policy=ApplicationHealthPolicy(), force_restart=True).execute(context)
    assert calls(simulator) == ["start", "update", "update"]


def test_update_needs_a_running_upgrade(context: Any, simulator: Simulator) -> None:
    with pytest.raises(ChangeRefused, match="none is in progress"):
        update(mode="Monitored").execute(context)
    assert not simulator.journal


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({}, "nothing to update"),
        ({"mode": "Fast"}, "mode must be one of"),
        (
            {"mode": "UnmonitoredAuto", "failure_action": "Manual"},
            "failure_action needs the mode 'Monitored'",
        ),
        ({"upgrade_timeout": 3600}, "upgrade_timeout must be a timedelta"),
    ],
)
def test_invalid_update_is_refused(keywords: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        update(**keywords)
