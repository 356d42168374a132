"""Compose deployments and application resources are upgraded exactly once, whatever fails."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_sf.exceptions import ChangeRefused, UpgradeFailed
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.service_fabric import (
    ServiceFabricApplyApplicationResourceOperator,
    ServiceFabricUpgradeComposeDeploymentOperator,
)
from airflow_provider_sf.releases.generated_version import NextStep, RequestState, next_step
from airflow_provider_sf.releases.start_state import StartOptions
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.simulator.responses import FAULTS, HttpResponse, fabric_error
from airflow_provider_sf.upgrades import UpgradeProgress
from tests.sensors.running import fire

if TYPE_CHECKING:
    from airflow_provider_sf.simulator import Simulator
    from tests.scripted_cluster import ScriptedCluster

LOG: Any = logging.getLogger("operator")
STARTS = {"start_compose_upgrade", "upgrade_application_resource"}


class Compose(ServiceFabricUpgradeComposeDeploymentOperator):
    log = LOG


class Resource(ServiceFabricApplyApplicationResourceOperator):
    log = LOG


def compose(name: str = "idle-shop", **keywords: Any) -> Compose:
    file = keywords.pop("version", "1")
    return Compose(
        task_id="upgrade",
        **{"name": name, "compose_file": f"# {file}", "deferrable": False, "poke_interval": 60, **keywords},
    )


def resource(name: str = "idle-shop", **keywords: Any) -> Resource:
    description = {"name": name, "properties": {"description": keywords.pop("version", "1")}}
    return Resource(
        task_id="upgrade",
        **{"name": name, "description": description, "deferrable": False, "poke_interval": 60, **keywords},
    )


both = pytest.mark.parametrize("make", [compose, resource])


def starts(simulator: Simulator) -> int:
    return sum(command.call in STARTS for command in simulator.journal)


@both
def test_upgrade_is_started_and_awaited(make: Any, context: Any, simulator: Simulator, ti: Any) -> None:
    record = make().execute(context)
    assert (record["outcome"], record["target_version"]) == ("succeeded", "v1")
    assert starts(simulator) == 1
    assert ti.xcoms["upgrade_start"]["before"]["version"] in {"v0", None}


@both
def test_rollback_fails_the_task(make: Any, context: Any, simulator: Simulator) -> None:
    with pytest.raises(UpgradeFailed, match=r"^Rolled back, "):
        make("idle_rolled_back-shop").execute(context)
    assert starts(simulator) == 1


@both
@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "unavailable", "timeout_after"])
def test_lost_answer_starts_one_upgrade(make: Any, fault: str, context: Any, simulator: Simulator) -> None:
    simulator.fault_next_write(fault)
    assert make().execute(context)["outcome"] == "succeeded"
    assert starts(simulator) == 1


@both
@pytest.mark.parametrize("seconds", [0, 120, 3_600])
def test_retry_finds_the_started_upgrade(
    make: Any, seconds: float, context: Any, clock: Any, simulator: Simulator
) -> None:
    with pytest.raises(TaskDeferred):
        make(deferrable=True).execute(context)
    clock.now += seconds
    context["ti"].try_number = 2
    assert make().execute(context)["outcome"] == "succeeded"
    assert starts(simulator) == 1


@both
def test_deferred_wait_resumes_to_the_record(make: Any, context: Any, clock: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        make(deferrable=True).execute(context)
    clock.now += 3_600
    record = make(deferrable=True).execute_complete(context, fire(deferred.value))
    assert record["outcome"] == "succeeded"


@both
def test_upgrade_in_progress_is_not_disturbed(
    make: Any, context: Any, simulator: Simulator, store: Any, clock: Any
) -> None:
    with pytest.raises(TaskDeferred):
        make(deferrable=True).execute(context)
    clock.now += 100
    store.values.clear()
    with pytest.raises(ChangeRefused, match="another upgrade is in progress"):
        make(version="2").execute(context)
    assert starts(simulator) == 1


@both
def test_task_waits_for_another_upgrade(
    make: Any, context: Any, simulator: Simulator, store: Any, clock: Any
) -> None:
    with pytest.raises(TaskDeferred):
        make(deferrable=True).execute(context)
    clock.now += 100
    store.values.clear()
    assert make(version="2", if_upgrading="wait").execute(context)["target_version"] == "v2"
    assert starts(simulator) == 2


@both
def test_rollback_of_another_upgrade_ends_the_wait(
    make: Any, context: Any, simulator: Simulator, store: Any, clock: Any
) -> None:
    with pytest.raises(TaskDeferred):
        make("idle_rolled_back-shop", deferrable=True).execute(context)
    clock.now += 100
    store.values.clear()
    with pytest.raises(UpgradeFailed, match=r"^Rolled back, "):
        make("idle_rolled_back-shop", version="2", if_upgrading="wait").execute(context)
    assert starts(simulator) == 2


@both
def test_deferred_task_waits_for_another_upgrade(
    make: Any, context: Any, simulator: Simulator, store: Any, clock: Any
) -> None:
    with pytest.raises(TaskDeferred):
        make("idle_rolled_back-shop", deferrable=True).execute(context)
    clock.now += 100
    store.values.clear()
    waiting = make("idle_rolled_back-shop", version="2", if_upgrading="wait", deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        waiting.execute(context)
    clock.now += 3_600
    with pytest.raises(TaskDeferred):
        waiting.start_after_other(context, fire(deferred.value))
    assert starts(simulator) == 2


def test_same_description_needs_no_upgrade(context: Any, simulator: Simulator, ti: Any, clock: Any) -> None:
    resource().execute(context)
    clock.now += 3_600
    ti.max_tries = 1
    assert resource().execute(context)["outcome"] == "succeeded"
    assert starts(simulator) == 1


@both
@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (fabric_error(400, "FABRIC_E_X", "the file is invalid"), ChangeRefused),
        (fabric_error(409, "FABRIC_E_WRITE_CONFLICT", "the file is invalid"), Unreachable),
    ],
)
def test_refusal_keeps_no_state(
    make: Any, answer: HttpResponse, raised: Any, context: Any, simulator: ScriptedCluster
) -> None:
    for change in ("/$/Upgrade", "/Resources/Applications/idle-shop"):
        simulator.script(change, answer)
    with pytest.raises(raised, match="the file is invalid"):
        make().execute(context)
    assert not context["task_state_store"].values


@both
def test_task_need_not_wait_or_push(make: Any, context: Any, simulator: Simulator, ti: Any) -> None:
    make(wait_for_completion=False, do_xcom_push=False).execute(context)
    assert starts(simulator) == 1
    assert not ti.xcoms


@pytest.mark.parametrize(
    ("state", "keywords", "expected"),
    [
        ("RollingSideways", {}, NextStep.UNKNOWN_STATE),
        ("RollingForwardCompleted", {"is_accepted": True, "late": True}, NextStep.NOT_ON_RECORD),
        ("RollingForwardCompleted", {"is_accepted": True}, NextStep.LOOK_AGAIN),
        ("RollingForwardCompleted", {"late": True}, NextStep.SEND),
        ("RollingForwardCompleted", {"late": True, "sends": 3}, NextStep.NEVER_ANSWERED),
    ],
)
def test_record_without_a_change(state: str, keywords: Any, expected: NextStep) -> None:
    start = datetime(2026, 3, 1, tzinfo=timezone.utc)
    record = UpgradeProgress(
        kind="compose_deployment",
        name="shop",
        state=state,
        target_version="v1",
        started_at=start,
        failed_at=None,
        rolling_upgrade_mode="Monitored",
        upgrade_kind="Rolling",
    )
    now = start + timedelta(hours=1 if keywords.pop("late", False) else 0)
    request = RequestState(record, 0, sent_at=start, answer_due_at=start, **keywords)
    assert next_step(StartOptions(), request, record, now, is_repeatable=False) is expected


def test_cleared_task_trusts_no_old_answer(context: Any, simulator: ScriptedCluster, ti: Any) -> None:
    """Nothing had to change; then an upgrade has begun, and a person clears the task."""
    simulator.script("/Resources/Applications/idle-shop", HttpResponse(201, b"{}"))
    assert resource().execute(context)["target_version"] == "v0"
    simulator.script("/Resources/Applications/idle-shop", None)
    ServiceFabricHook().apply_application_resource(
        "idle-shop", {"name": "idle-shop", "properties": {"description": "2"}}
    )
    ti.max_tries = 1
    assert resource().execute(context)["target_version"] == "v1"
    assert starts(simulator) == 1


def resource_is_unchanged(simulator: ScriptedCluster, lost: HttpResponse) -> None:
    """Lose the answer to the first request; answer to the second that nothing changes."""
    unchanged = HttpResponse(201, b"{}")
    simulator.script("/Resources/Applications/idle-shop", lost, unchanged)


def test_late_effect_of_an_unanswered_request_is_awaited(
    context: Any, simulator: ScriptedCluster, clock: Any, monkeypatch: Any
) -> None:
    """
    The first request starts the upgrade after the second one was answered.

    The pause between two looks is replaced, because the upgrade must start in it.
    """
    resource_is_unchanged(simulator, FAULTS["html"])
    looks = 0

    def pass_time(seconds: float) -> None:
        nonlocal looks
        looks += 1
        clock.now += seconds
        if looks == 3:
            simulator.script("/Resources/Applications/idle-shop", None)
            ServiceFabricHook().apply_application_resource(
                "idle-shop", {"name": "idle-shop", "properties": {"description": "1"}}
            )

    monkeypatch.setattr("airflow_provider_sf.operators.generated_version.time.sleep", pass_time)
    record = resource().execute(context)
    assert (record["outcome"], record["target_version"]) == ("succeeded", "v1")


def test_unchanged_resource_without_an_upgrade_is_done(context: Any, simulator: ScriptedCluster) -> None:
    resource_is_unchanged(simulator, FAULTS["html"])
    assert resource().execute(context)["target_version"] == "v0"
    assert starts(simulator) == 0


def test_refusal_after_an_unanswered_request_keeps_the_state(
    context: Any, simulator: ScriptedCluster
) -> None:
    """The first request may have started the upgrade: a retry must know that it is its own."""
    simulator.script(
        "/Resources/Applications/idle-shop",
        FAULTS["html"],
        fabric_error(409, "FABRIC_E_WRITE_CONFLICT", "busy"),
    )
    with pytest.raises(Unreachable, match="busy"):
        resource().execute(context)
    assert context["task_state_store"].values


@both
def test_request_that_is_never_answered(make: Any, context: Any, simulator: Simulator) -> None:
    simulator.fault_next_write("lost_before", times=9)
    with pytest.raises(ChangeRefused, match="never answered"):
        make().execute(context)
    assert starts(simulator) == 0


@pytest.mark.parametrize(
    ("make", "keywords", "message"),
    [
        (compose, {"registry_user": "a"}, "belong together"),
        (compose, {"compose_file": " "}, "compose_file must be the content"),
        (compose, {"mode": "Fast"}, "mode must be one of"),
        (compose, {"if_upgrading": "supersede"}, "if_upgrading must be"),
        (resource, {"description": {"name": "other"}}, "its member 'name' is 'other'"),
        (resource, {"request_timeout": 0}, "request_timeout must be"),
    ],
)
def test_invalid_value_is_refused(make: Any, keywords: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**keywords)


def test_description_must_be_a_dict(context: Any) -> None:
    description: Any = "{{ params.d }}"
    with pytest.raises(ValueError, match="description must be a dict, not str"):
        Resource(task_id="a", name="idle-shop", description=description).execute(context)


def test_password_is_sent_and_masked(context: Any, simulator: Simulator) -> None:
    task = compose(registry_user="me", registry_password="open sesame")
    task.render_template_fields({})
    task.execute(context)
    assert simulator.journal[-1].body["RegistryCredential"]["RegistryPassword"] == "open sesame"
    assert "sesame" not in str(context["task_state_store"].values)
