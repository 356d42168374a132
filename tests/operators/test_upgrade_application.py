"""The operator starts exactly one upgrade, whatever fails, and ends as the sensor does."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, TaskDeferred

from airflow_provider_sf.exceptions import ChangeRefused, UpgradeFailed
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeApplicationOperator
from airflow_provider_sf.releases import ApplicationHealthPolicy, MonitoringPolicy
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.simulator.responses import FAULTS, fabric_error
from tests.sensors.running import fire

if TYPE_CHECKING:
    from airflow_provider_sf.simulator import Simulator
    from tests.scripted_cluster import ScriptedCluster

SHOP = "fabric:/idle-shop/web"
NO_RIGHTS = fabric_error(403, "E_ACCESSDENIED", "no rights")


class Operator(ServiceFabricUpgradeApplicationOperator):
    """Logs to the standard library, where caplog sees it: Airflow versions differ."""

    log = logging.getLogger("operator")  # type: ignore[assignment]


def operator(name: str = SHOP, **keywords: Any) -> Operator:
    return Operator(
        task_id="upgrade",
        name=name,
        **{"target_version": "v1", "deferrable": False, "poke_interval": 60, **keywords},
    )


def start_another(version: str = "v2", name: str = SHOP) -> None:
    """Start an upgrade as another person does."""
    upgrade = ApplicationUpgrade(
        name=name,
        target_version=version,
        monitoring_policy=MonitoringPolicy(),
        parameters={"Web_LogLevel": "Warning"},
    )
    ServiceFabricHook().start_application_upgrade(upgrade)


def test_upgrade_is_started_and_awaited(simulator: Simulator, context: Any, ti: Any) -> None:
    record = operator(parameters={"Web_LogLevel": "Debug"}).execute(context)
    assert (record["outcome"], record["target_version"]) == ("succeeded", "v1")
    (command,) = simulator.journal
    assert command.body["Parameters"] == [
        {"Key": "Web_InstanceCount", "Value": "-1"},
        {"Key": "Web_LogLevel", "Value": "Debug"},
    ]
    assert ti.xcoms["upgrade_start"]["how"] == "started"
    assert ti.xcoms["upgrade_start"]["before"]["version"] == "v0"
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "upgrade"
    assert ti.xcoms["upgrade_wait"]["message"].endswith("from v0 to v1")


def test_rollback_fails_the_task(context: Any, simulator: Simulator) -> None:
    with pytest.raises(UpgradeFailed, match=r"^Rolled back, "):
        operator("fabric:/idle_rolled_back-shop/web").execute(context)
    assert len(simulator.journal) == 1


def test_present_parameters_are_kept(context: Any, simulator: Simulator) -> None:
    operator(parameters={"Api_InstanceCount": "2"}).execute(context)
    assert {item["Key"]: item["Value"] for item in simulator.journal[0].body["Parameters"]} == {
        "Web_InstanceCount": "-1",
        "Api_InstanceCount": "2",
    }


def test_manifest_resets_the_other_parameters(context: Any, simulator: Simulator) -> None:
    operator(parameters_from="manifest").execute(context)
    assert simulator.journal[0].body["Parameters"] == []


def test_deferred_wait_resumes_to_the_record(context: Any, clock: Any, ti: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        operator(deferrable=True).execute(context)
    clock.now += 3_600
    payload = fire(deferred.value)
    record = operator(deferrable=True).execute_complete(context, payload)
    assert record["outcome"] == "succeeded"
    assert ti.xcoms["upgrade_wait"]["polls"] == 2
    assert ti.xcoms["upgrade_wait"]["message"].endswith("from v0 to v1")


def test_early_start_is_explained(context: Any, caplog: Any) -> None:
    with caplog.at_level("INFO"):
        operator().execute(context)
    line = "The cluster has accepted the upgrade, but has not started it yet; reading the cluster again"
    assert caplog.messages.count(line) == 1


def test_task_need_not_wait(context: Any, starts: Any) -> None:
    record = operator(wait_for_completion=False).execute(context)
    assert record["outcome"] == "not_upgraded"
    assert starts() == ["v1"]


# Exactly one upgrade.


@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "unavailable", "timeout_after"])
def test_lost_answer_starts_one_upgrade(
    fault: str, simulator: Simulator, context: Any, starts: Any, caplog: Any
) -> None:
    simulator.fault_next_write(fault)
    with caplog.at_level("INFO"):
        record = operator().execute(context)
    assert record["outcome"] == "succeeded"
    assert starts() == ["v1"]
    assert "did not confirm the start" in caplog.text


def test_killed_before_the_request(
    context: Any, starts: Any, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The state is stored, the request was not sent: the retry looks until it would have been answered.

    The call is replaced, because the process of the tests cannot die.
    """
    task = operator()
    with monkeypatch.context() as patch:
        patch.setattr(ServiceFabricHook, "start_application_upgrade", _killed)
        with pytest.raises(KeyboardInterrupt):
            task.execute(context)
    ti.try_number = 2
    assert operator().execute(context)["outcome"] == "succeeded"
    assert starts() == ["v1"]


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("seconds", [0, 120, 3_600])
def test_retry_finds_the_started_upgrade(
    seconds: float, context: Any, clock: Any, starts: Any, ti: Any
) -> None:
    """The worker was killed after the answer, before the deferral or when it resumed."""
    with pytest.raises(TaskDeferred):
        operator(deferrable=True).execute(context)
    clock.now += seconds
    ti.try_number = 2
    assert operator().execute(context)["outcome"] == "succeeded"
    assert ti.xcoms["upgrade_start"]["how"] == "adopted"
    assert starts() == ["v1"]


def test_retry_of_a_rollback_starts_nothing(context: Any, clock: Any, starts: Any, ti: Any) -> None:
    name = "fabric:/idle_rolled_back-shop/web"
    with pytest.raises(TaskDeferred):
        operator(name, deferrable=True).execute(context)
    clock.now += 3_600
    ti.try_number = 2
    with pytest.raises(UpgradeFailed, match=r"^Rolled back, "):
        operator(name).execute(context)
    assert starts() == ["v1"]


def test_task_cleared_while_it_runs_is_adopted(context: Any, clock: Any, starts: Any, ti: Any) -> None:
    with pytest.raises(TaskDeferred):
        operator(deferrable=True).execute(context)
    clock.now += 60
    ti.try_number, ti.max_tries = 2, 1
    assert operator().execute(context)["outcome"] == "succeeded"
    assert starts() == ["v1"]


def test_task_cleared_after_a_rollback_starts_again(context: Any, clock: Any, starts: Any, ti: Any) -> None:
    name = "fabric:/idle_rolled_back-shop/web"
    with pytest.raises(UpgradeFailed):
        operator(name).execute(context)
    clock.now += 3_600
    ti.try_number, ti.max_tries = 2, 1
    with pytest.raises(UpgradeFailed):
        operator(name).execute(context)
    assert starts() == ["v1", "v1"]


def test_task_cleared_after_success_starts_nothing(context: Any, starts: Any, ti: Any) -> None:
    operator().execute(context)
    ti.try_number, ti.max_tries = 2, 1
    assert operator().execute(context)["outcome"] == "succeeded"
    assert ti.xcoms["upgrade_start"]["how"] == "not_necessary"
    assert starts() == ["v1"]


def test_retry_without_state_adopts_the_same_upgrade(ti: Any, clock: Any, starts: Any) -> None:
    """Airflow before 3.3 keeps nothing for a retry."""
    with pytest.raises(TaskDeferred):
        operator(deferrable=True).execute({"ti": ti})
    clock.now += 120
    ti.try_number = 2
    assert operator().execute({"ti": ti})["outcome"] == "succeeded"
    assert starts() == ["v1"]


def test_unreachable_cluster_sends_nothing(simulator: Simulator, context: Any) -> None:
    simulator.down(0)
    with pytest.raises(Unreachable):
        operator(unreachable_timeout=0).execute(context)
    simulator.up(0)
    assert not simulator.journal
    assert not context["task_state_store"].values


def test_failed_store_sends_nothing(simulator: Simulator, context: Any, store: Any) -> None:
    def fail(*_: Any) -> None:
        msg = "the API server is down"
        raise RuntimeError(msg)

    store.set = fail
    with pytest.raises(RuntimeError, match="API server"):
        operator().execute(context)
    assert not simulator.journal


# Other people's upgrades.


def test_upgrade_in_progress_is_not_disturbed(context: Any, starts: Any) -> None:
    start_another()
    with pytest.raises(ChangeRefused, match="another upgrade is in progress"):
        operator().execute(context)
    assert starts() == ["v2"]


def test_running_rollback_is_not_disturbed(context: Any, clock: Any, starts: Any) -> None:
    start_another()
    clock.now += 120
    ServiceFabricHook().rollback_application_upgrade(SHOP)
    clock.now += 5
    with pytest.raises(ChangeRefused, match="another upgrade is in progress"):
        operator().execute(context)
    assert starts() == ["v2"]


def test_task_waits_for_another_upgrade(context: Any, starts: Any) -> None:
    start_another()
    record = operator(if_upgrading="wait").execute(context)
    assert (record["outcome"], record["target_version"]) == ("succeeded", "v1")
    assert starts() == ["v2", "v1"]


def test_deferred_task_waits_for_another_upgrade(context: Any, starts: Any, clock: Any) -> None:
    start_another(name="fabric:/idle_rolled_back-shop/web")
    keywords: dict[str, Any] = {"name": "fabric:/idle_rolled_back-shop/web", "if_upgrading": "wait"}
    with pytest.raises(TaskDeferred) as deferred:
        operator(**keywords, deferrable=True).execute(context)
    assert deferred.value.method_name == "start_after_other"
    clock.now += 3_600
    payload = fire(deferred.value)
    with pytest.raises(UpgradeFailed, match=r"^Rolled back, "):
        operator(**keywords).start_after_other(context, payload)
    assert starts() == ["v2", "v1"]


def test_pause_of_another_upgrade_is_no_end(context: Any, starts: Any) -> None:
    """The task waits for a person, also with on_paused='fail'."""
    name = "fabric:/idle_paused-shop/web"
    upgrade = ApplicationUpgrade(
        name=name, target_version="v2", monitoring_policy=MonitoringPolicy(failure_action="Manual")
    )
    ServiceFabricHook().start_application_upgrade(upgrade)
    with pytest.raises(AirflowSensorTimeout):
        operator(name, if_upgrading="wait", on_paused="fail", timeout=3_600).execute(context)
    assert starts() == ["v2"]


def test_rollback_of_another_upgrade_is_awaited(context: Any, starts: Any, clock: Any) -> None:
    """Also with on_rollback='fail_fast'."""
    start_another()
    clock.now += 120
    ServiceFabricHook().rollback_application_upgrade(SHOP)
    record = operator(if_upgrading="wait", on_rollback="fail_fast").execute(context)
    assert (record["outcome"], record["target_version"]) == ("succeeded", "v1")
    assert starts() == ["v2", "v1"]


def test_supersede_rolls_the_other_upgrade_back(context: Any, starts: Any, clock: Any) -> None:
    start_another()
    clock.now += 120
    record = operator(if_upgrading="supersede").execute(context)
    assert (record["outcome"], record["target_version"]) == ("succeeded", "v1")
    assert starts() == ["v2", "v1"]


@pytest.fixture
def without_store(context: dict[str, Any]) -> dict[str, Any]:
    """The context before Airflow 3.3."""
    del context["task_state_store"]
    return context


def test_without_a_store_nothing_starts_again(without_store: Any, starts: Any, clock: Any, ti: Any) -> None:
    """The task resumes late: both upgrades have been rolled back."""
    name = "fabric:/idle_rolled_back-shop/web"
    start_another(name=name)
    clock.now += 120
    with pytest.raises(TaskDeferred) as deferred:
        operator(name, if_upgrading="supersede", deferrable=True).execute(without_store)
    assert deferred.value.method_name == "start_after_other"
    assert ti.xcoms["upgrade_start_state"]["schema"].startswith("service_fabric.")
    clock.now += 36_000
    with pytest.raises(UpgradeFailed, match=r"^Rolled back, "):
        operator(name, if_upgrading="supersede").start_after_other(without_store, fire(deferred.value))
    assert starts() == ["v2", "v1"]


def test_retry_without_a_store_finds_its_upgrade(without_store: Any, starts: Any, ti: Any) -> None:
    operator(wait_for_completion=False).execute(without_store)
    ti.try_number, ti.xcoms = 2, {}  # Airflow deletes the XComs
    assert operator().execute(without_store)["outcome"] == "succeeded"
    assert starts() == ["v1"]


def test_refused_start_leaves_no_state(without_store: Any, simulator: ScriptedCluster, ti: Any) -> None:
    simulator.script("/$/Upgrade", NO_RIGHTS)
    with pytest.raises(ChangeRefused, match="no rights"):
        operator().execute(without_store)
    assert ti.xcoms["upgrade_start_state"] is None


# Refusals.


def test_deployed_version_needs_no_upgrade(context: Any, starts: Any, ti: Any) -> None:
    record = operator(target_version="v0").execute(context)
    assert record["outcome"] == "not_upgraded"
    assert ti.xcoms["upgrade_start"]["how"] == "not_necessary"
    assert not starts()


def test_deployed_version_may_be_refused(context: Any, starts: Any) -> None:
    with pytest.raises(ChangeRefused, match="deployed already"):
        operator(target_version="v0", if_same_version="fail").execute(context)
    assert not starts()


def test_other_parameters_need_an_upgrade(context: Any, starts: Any) -> None:
    operator(target_version="v0", parameters={"Web_LogLevel": "Debug"}).execute(context)
    assert starts() == ["v0"]


def test_refusal_of_the_cluster_is_shown(context: Any, starts: Any, store: Any) -> None:
    with pytest.raises(ChangeRefused, match="FABRIC_E_APPLICATION_TYPE_NOT_FOUND"):
        operator(target_version="v9").execute(context)
    assert not starts()
    assert not store.values


def test_healthy_application_is_upgraded(context: Any, starts: Any) -> None:
    healthy = operator(require_healthy=ApplicationHealthPolicy(consider_warning_as_error=True))
    assert healthy.execute(context)["outcome"] == "succeeded"
    assert starts() == ["v1"]


def test_unhealthy_application_is_not_upgraded(context: Any, starts: Any, clock: Any) -> None:
    name = "fabric:/idle_failed-shop/web"
    start_another(name=name)
    clock.now += 3_600
    with pytest.raises(ChangeRefused, match=r"its health state is Error \(require_healthy\): Error: "):
        operator(name, require_healthy=True).execute(context)
    assert starts() == ["v2"]


def test_health_is_pushed_for_the_record(context: Any, ti: Any) -> None:
    operator().execute(context)
    before = ti.xcoms["upgrade_start"]["before"]["health"]
    assert (before["state"], before["unhealthy_evaluations"]) == ("Ok", [])
    assert ti.xcoms["health_at_end"]["state"] == "Ok"
    assert before["at"] < ti.xcoms["health_at_end"]["at"]


def test_bad_health_before_the_start_has_reasons(context: Any, clock: Any, ti: Any) -> None:
    name = "fabric:/idle_failed-shop/web"
    start_another(name=name)
    clock.now += 3_600
    operator(name, wait_for_completion=False).execute(context)
    before = ti.xcoms["upgrade_start"]["before"]["health"]
    assert before["state"] == "Error"
    assert "fewer replicas ready" in before["unhealthy_evaluations"][0]
    assert "health_at_end" not in ti.xcoms


def test_unreadable_health_does_not_stop_the_start(
    context: Any, clock: Any, ti: Any, simulator: ScriptedCluster, caplog: Any
) -> None:
    name = "fabric:/idle_failed-shop/web"
    start_another(name=name)
    clock.now += 3_600
    simulator.script("/$/GetHealth", NO_RIGHTS)
    with caplog.at_level("INFO"):
        operator(name, wait_for_completion=False).execute(context)
    assert ti.xcoms["upgrade_start"]["before"]["health"]["state"] == "Error"
    reason = f"{simulator.url}: HTTP 403 E_ACCESSDENIED: no rights"
    assert f"Could not read why the application is unhealthy: {reason}" in caplog.text


def test_unreadable_health_at_the_end_is_logged(
    context: Any, ti: Any, simulator: ScriptedCluster, caplog: Any
) -> None:
    simulator.script("/$/GetHealth", NO_RIGHTS)
    with caplog.at_level("INFO"):
        assert operator().execute(context)["outcome"] == "succeeded"
    assert "health_at_end" not in ti.xcoms
    reason = f"{simulator.url}: HTTP 403 E_ACCESSDENIED: no rights"
    assert f"Could not read the health: {reason}" in caplog.text


def test_refused_connection_keeps_no_state(
    simulator: Simulator, context: Any, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The cluster goes down between the look and the request: certainly nothing was sent.

    The call is replaced to close the port at that moment.
    """

    def send(hook: ServiceFabricHook, *arguments: Any, **keywords: Any) -> None:
        simulator.down(0)
        original(hook, *arguments, **keywords)

    original = ServiceFabricHook.start_application_upgrade
    monkeypatch.setattr(ServiceFabricHook, "start_application_upgrade", send)
    with pytest.raises(Unreachable):
        operator().execute(context)
    simulator.up(0)
    assert not simulator.journal
    assert not store.values


def test_outage_before_the_start_is_retried(simulator: ScriptedCluster, context: Any, caplog: Any) -> None:
    for path in ("/Applications/idle-shop~web", "/$/GetUpgradeProgress"):
        simulator.script(path, *[FAULTS["unavailable"]] * 2, None)
    with caplog.at_level("WARNING"):
        assert operator().execute(context)["outcome"] == "succeeded"
    assert "cluster unreachable; retrying for up to 5m00s (unreachable_timeout)" in caplog.text


def test_execution_timeout_limits_a_deferred_wait(context: Any, ti: Any) -> None:
    task = operator(deferrable=True, execution_timeout=timedelta(minutes=5))
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    assert deferred.value.timeout <= timedelta(minutes=15)
    assert ti.xcoms


def test_nothing_is_pushed_without_xcoms(context: Any, ti: Any) -> None:
    operator(do_xcom_push=False).execute(context)
    assert not ti.xcoms


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"mode": "monitored"}, "mode must be one of"),
        ({"mode": "UnmonitoredAuto", "failure_action": "Rollback"}, "failure_action belongs to the mode"),
        (
            {"mode": "UnmonitoredAuto", "monitoring_policy": MonitoringPolicy()},
            "monitoring_policy belongs to",
        ),
        ({"failure_action": "Undo"}, "failure_action must be one of"),
        ({"parameters": {"A": 1}}, "the parameter 'A' must be a string"),
        ({"parameters": {"A": "1\n"}}, "line break"),
        ({"parameters_from": "cluster"}, "parameters_from must be"),
        ({"sensitive_parameters": ["B"]}, "sensitive_parameters names parameters that are not set: B"),
        (
            {"parameters": {"A": "1"}, "sensitive_parameters": ["A"], "store_parameters": True},
            "store_parameters would store the values of sensitive_parameters",
        ),
        ({"if_upgrading": "force"}, "if_upgrading must be"),
        ({"if_same_version": "skip"}, "if_same_version must be"),
        ({"target_version": ""}, "target_version"),
        ({"restore": {}}, "restore sets version and parameters"),
        ({"sort_order": "Random"}, "sort_order must be one of"),
        ({"instance_close_delay": 5}, "instance_close_delay must be a timedelta"),
        ({"request_timeout": timedelta(hours=1)}, "request_timeout must be from 1 to 600 seconds"),
        ({"name": "fabric:/"}, "invalid name"),
        ({"stall_timeout": 0}, "stall_timeout"),
    ],
)
def test_invalid_value_is_refused_at_parse_time(keywords: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        operator(**{"name": SHOP, **keywords})


@pytest.mark.parametrize(
    "keywords", [{"parameters": {"Web_LogLevel": "Debug"}, "store_parameters": True}, {}]
)
def test_version_from_before_is_restored(
    keywords: Any, context: Any, simulator: Simulator, clock: Any
) -> None:
    """Without stored values the parameters must be unchanged."""
    operator(**keywords).execute(context)
    start = context["ti"].xcoms["upgrade_start"]
    clock.now += 3_600
    context["task_state_store"].values.clear()
    record = operator(target_version=None, restore=str(start)).execute(context)
    assert (record["outcome"], record["target_version"]) == ("succeeded", "v0")
    assert simulator.journal[-1].body["Parameters"] == [{"Key": "Web_InstanceCount", "Value": "-1"}]


def test_unknown_parameters_are_not_restored(context: Any, ti: Any, clock: Any, starts: Any) -> None:
    operator(parameters={"Web_LogLevel": "Debug"}).execute(context)
    start = ti.xcoms["upgrade_start"]
    clock.now += 3_600
    context["task_state_store"].values.clear()
    for wrong, message in {str(start): "Set store_parameters=True", "{}": "upgrade must be the XCom"}.items():
        with pytest.raises(ValueError, match=message):
            operator(target_version=None, restore=wrong).execute(context)
    with pytest.raises(ValueError, match="restore must be the XCom"):
        operator(target_version=None, restore={**start, "before": None}).execute(context)
    assert starts() == ["v1"]


def test_templates_are_checked_in_the_task() -> None:
    task = operator("{{ params.name }}", target_version="{{ params.version }}", parameters="{{ params.p }}")
    assert {"name", "service_fabric_conn_id", "target_version", "parameters"} <= set(task.template_fields)


def test_kill_rolls_back_only_if_asked(context: Any, simulator: Simulator) -> None:
    for task in (operator(deferrable=True), operator(deferrable=True, rollback_on_kill=True)):
        with pytest.raises(TaskDeferred):
            task.execute(context)
        task.on_kill()
    assert [command.call for command in simulator.journal] == [
        "start_application_upgrade",
        "rollback_application_upgrade",
    ]


def test_parameter_values_may_be_stored(context: Any, ti: Any) -> None:
    operator(store_parameters=True).execute(context)
    assert ti.xcoms["upgrade_start"]["before"]["values"] == {"Web_InstanceCount": "-1"}


def test_never_answered_request_is_unknown(simulator: Simulator, context: Any, starts: Any) -> None:
    simulator.fault_next_write("lost_before", times=9)
    with pytest.raises(ChangeRefused, match="sent 3 times and never answered"):
        operator().execute(context)
    assert not starts()
