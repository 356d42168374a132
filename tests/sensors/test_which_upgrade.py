"""The parameters that select the expected upgrade, and their checks at parse time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import DAG, AirflowSensorTimeout, AirflowSkipException, TaskDeferred

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.sensors import service_fabric as sensor_module
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor, UpgradeFailed
from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.identity import UpgradeIdentity
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from tests.sensors.running import fire, run, sensor

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*poke_interval is 0.01 s"),
    pytest.mark.usefixtures("short_pauses"),
]

SNAPSHOT = UpgradeProgress(
    "application_resource",
    "good-shop",
    state="CompletedRollforward",
    started_at=datetime(2026, 2, 1, tzinfo=timezone.utc),
)

BEGAN = datetime(2026, 3, 1, tzinfo=timezone.utc)


def policy_of(made: ServiceFabricUpgradeSensor) -> Policy:
    return made._policy("application_resource", BEGAN + timedelta(seconds=made._limit()[1]))


def test_default_policy() -> None:
    made = ServiceFabricUpgradeSensor(task_id="wait", name="shop")
    assert policy_of(made) == Policy(
        poke_interval=15.0,
        unreachable_timeout=300.0,
        start_timeout=900.0,
        unknown_state_timeout=600.0,
        stall_timeout=None,
        on_paused="wait",
        on_rollback="wait",
        wait_for_existence=False,
        deadline=BEGAN + timedelta(hours=6),
        selector=UpgradeSelector(clock_skew=60.0),
    )


@pytest.mark.parametrize(
    "previous",
    [SNAPSHOT, SNAPSHOT.to_dict(), str(SNAPSHOT.to_dict()), {**SNAPSHOT.to_dict(), "name": "Good-Shop"}],
    ids=["record", "dict", "rendered text", "another case"],
)
def test_parameters_are_in_the_policy(previous: Any) -> None:
    made = sensor(
        "good-shop",
        "deferrable",
        previous=previous,
        started_after="2026-03-01T03:00:00+01:00",
        clock_skew=timedelta(seconds=5),
        target_version="v2",
        accept_current_version=True,
        on_paused="fail",
        on_rollback="fail_fast",
        start_timeout=timedelta(minutes=1),
        stall_timeout=timedelta(minutes=2),
        unknown_state_timeout=3,
        unreachable_timeout=4,
        wait_for_existence=True,
        exponential_backoff=True,
        max_wait=timedelta(seconds=50),
    )
    policy = policy_of(made)
    assert policy.selector.previous is not None
    assert policy.selector.previous.started_at == SNAPSHOT.started_at
    assert policy.selector.started_after == datetime(2026, 3, 1, 2, 0, tzinfo=timezone.utc)
    assert (
        policy.selector.clock_skew,
        policy.selector.target_version,
        policy.selector.accept_current_version,
    ) == (
        5.0,
        "v2",
        True,
    )
    assert (policy.on_paused, policy.on_rollback, policy.wait_for_existence) == ("fail", "fail_fast", True)
    assert (policy.start_timeout, policy.stall_timeout, policy.unknown_state_timeout) == (60.0, 120.0, 3.0)
    assert (policy.unreachable_timeout, policy.exponential_backoff, policy.max_wait) == (4.0, True, 50.0)


@pytest.mark.usefixtures("simulator")
def test_policy_is_in_the_trigger_keywords(ti: Any) -> None:
    made = sensor("good-shop", "deferrable", previous=SNAPSHOT, on_paused="fail", stall_timeout=60)
    with pytest.raises(TaskDeferred) as deferred:
        made.execute({"ti": ti})
    _, keywords = deferred.value.trigger.serialize()
    policy = ServiceFabricUpgradeTrigger(**json.loads(json.dumps(keywords))).policy
    assert replace(policy, deadline=BEGAN + timedelta(hours=6)) == policy_of(made)
    assert policy.selector.previous == UpgradeProgress.from_dict(SNAPSHOT.to_dict())


def test_operator_output_may_select_the_upgrade() -> None:
    with DAG(dag_id="release", schedule=None):
        snapshot = ServiceFabricUpgradeProgressOperator(task_id="snapshot", name="good-shop")
        made = sensor(
            "good-shop", previous=snapshot.output, started_after="{{ ts }}", target_version="{{ params.v }}"
        )
    assert made._selected_by == ["previous", "started_after", "target_version"]
    assert made.upstream_task_ids == {"snapshot"}


@pytest.mark.parametrize("parameter", ["previous", "started_after", "target_version"])
@pytest.mark.usefixtures("simulator")
def test_missing_xcom_is_refused(parameter: str, ti: Any) -> None:
    """
    Otherwise the upgrade of yesterday could count as the one of today.

    The value is set, as Airflow sets it when it renders the template.
    """
    keywords: dict[str, Any] = {parameter: "{{ ti.xcom_pull('snapshot') }}"}
    made = sensor("good-shop", **keywords)
    setattr(made, parameter, None)
    with pytest.raises(ValueError, match=f"^{parameter} is None: the task that provides it pushed no XCom"):
        made.execute({"ti": ti})


@pytest.mark.parametrize("parameter", ["previous", "started_after", "target_version"])
def test_missing_value_of_mapped_task_is_refused(parameter: str) -> None:
    """Airflow knows mapped values before it makes the task, so None is a missing XCom."""
    keywords: dict[str, Any] = {parameter: None}
    with pytest.raises(ValueError, match=f"Leave {parameter} out to wait for the latest upgrade on record"):
        sensor("good-shop", **keywords)


@pytest.mark.usefixtures("simulator")
def test_previous_must_be_about_the_same_application(ti: Any) -> None:
    with pytest.raises(ValueError, match="previous is a record of application_resource 'good-shop': set it"):
        sensor("good-other", previous=SNAPSHOT).execute({"ti": ti})


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"previous": {}}, "previous must be a record that ServiceFabricUpgradeProgressOperator returned"),
        ({"started_after": datetime(2026, 3, 1)}, "started_after must be a date and time with a time zone"),  # noqa: DTZ001 - it has no time zone
        ({"started_after": "yesterday"}, "invalid started_after 'yesterday'"),
        ({"target_version": ""}, "target_version must be a version"),
        ({"clock_skew": -1}, "clock_skew must be .* not -1"),
        ({"accept_current_version": True}, "accept_current_version needs target_version"),
        ({"on_paused": "stop"}, "on_paused must be 'wait' or 'fail', not 'stop'"),
        ({"on_rollback": "fail"}, "on_rollback must be 'wait' or 'fail_fast', not 'fail'"),
        ({"start_timeout": "soon"}, "start_timeout must be .* not 'soon'"),
        ({"unknown_state_timeout": None}, "unknown_state_timeout must be .* not None"),
        ({"stall_timeout": 0}, "stall_timeout must be more than 0 s"),
        ({"stall_timeout": -1}, "stall_timeout must be .* not -1"),
        (
            {"stall_timeout": 60, "mode": "reschedule"},
            "stall_timeout is not supported in reschedule mode, which keeps no state",
        ),
        (
            {"target_version": "v1", "mode": "reschedule"},
            "target_version alone is not supported in reschedule mode",
        ),
        ({"max_wait": timedelta(0)}, "max_wait must be more than 0 s"),
        ({"timeout": timedelta.max}, "timeout must be a timedelta or a number of seconds"),
    ],
)
def test_invalid_parameter_is_refused_at_parse_time(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sensor("shop", **keywords)


@pytest.mark.parametrize(
    "keywords",
    [
        {"target_version": "v1", "previous": SNAPSHOT},
        {"target_version": "v1", "started_after": "2026-03-01T03:00:00Z"},
    ],
)
def test_version_with_previous_works_in_reschedule_mode(keywords: dict[str, Any]) -> None:
    assert sensor("good-shop", "reschedule", **keywords).target_version == "v1"


@pytest.mark.filterwarnings("ignore:.*has no effect with deferrable=True")
def test_deferrable_overrides_reschedule_mode() -> None:
    made = ServiceFabricUpgradeSensor(
        task_id="wait", name="shop", deferrable=True, mode="reschedule", stall_timeout=60, target_version="v1"
    )
    assert policy_of(made).stall_timeout == 60.0


@pytest.mark.usefixtures("simulator")
def test_current_version_is_accepted(ti: Any) -> None:
    keywords: dict[str, Any] = {"target_version": "v0", "accept_current_version": True}
    assert run(lambda: sensor("never_upgraded-shop", **keywords), ti)["outcome"] == "not_upgraded"
    assert ti.xcoms["upgrade_wait"]["message"] == (
        "Already at v0: application resource 'never_upgraded-shop', which was never upgraded (accept_current_version)"
    )


def test_event_without_a_timeline_has_a_result(ti: Any) -> None:
    """No wait produces it, but an event comes from a database."""
    record = UpgradeProgress(
        "application",
        "fabric:/shop/web",
        state="RollingForwardCompleted",
        started_at=datetime(2026, 1, 1, tzinfo=timezone.utc),
        rolling_upgrade_mode="UnmonitoredAuto",
    )
    event = WaitState(record=record, ended_by="upgrade").to_dict()
    waiting = sensor("fabric:/shop/web", "deferrable")
    assert waiting.execute_complete({"ti": ti}, event)["outcome"] == "succeeded"


@pytest.mark.usefixtures("simulator")
def test_success_of_another_upgrade_fails(clock: Any, ti: Any) -> None:
    """The worker checks the event again: the success of another upgrade does not count."""
    read = ServiceFabricHook().get_upgrade_progress
    read("good-shop")
    clock.now += 3600
    expected = UpgradeIdentity(datetime(2026, 1, 1, tzinfo=timezone.utc), "v9")
    event = WaitState(record=read("good-shop"), expected=expected, ended_by="upgrade").to_dict()
    with pytest.raises(UpgradeFailed, match=r"^Superseded by another upgrade: .* to v9"):
        sensor("good-shop", "deferrable").execute_complete({"ti": ti}, event)
    assert ti.xcoms["upgrade_progress"]["outcome"] == "succeeded"


@pytest.mark.usefixtures("simulator")
def test_upgrade_wait_names_the_expected_upgrade(clock: Any, ti: Any) -> None:
    clock.step = 60.0
    with pytest.raises(UpgradeFailed) as failed:
        run(lambda: sensor("superseded-shop", "deferrable"), ti)
    assert str(failed.value).splitlines()[0] == (
        "Superseded by another upgrade: upgrade of application resource 'superseded-shop' to v1."
    )
    assert ti.xcoms["upgrade_wait"]["expected"]["target_version"] == "v1"
    expected = [stage["expected"] for stage in ti.xcoms["upgrade_wait"]["timeline"]]
    assert (expected[0], expected[-1]) == (True, False)


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize("soft_fail", [False, True])
def test_start_timeout_is_not_reported_as_timeout(ti: Any, *, soft_fail: bool) -> None:
    expected = AirflowSkipException if soft_fail else AirflowSensorTimeout
    with pytest.raises(expected):
        run(lambda: sensor("never_upgraded-shop", start_timeout=0, soft_fail=soft_fail), ti)
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "start_timeout"


@pytest.mark.skipif(airflow_version.startswith("2."), reason="Airflow 2 keeps this time in its database")
@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize("never_fail", [False, True])
def test_rescheduled_retry_keeps_airflows_start(ti: Any, *, never_fail: bool) -> None:
    """Airflow may count ``timeout`` from an earlier try. Then its own loop ends the task."""
    dates = iter([datetime(2026, 3, 1, tzinfo=timezone.utc), None])
    ti.get_first_reschedule_date = lambda _: next(dates)
    expected = AirflowSkipException if never_fail else AirflowSensorTimeout
    with pytest.raises(expected, match=r"^Not finished within 1m00s \(timeout\)"):
        sensor("good-shop", "reschedule", timeout=60, never_fail=never_fail).execute({"ti": ti})
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "timeout"


def test_airflow_2_start_date_is_the_first_process() -> None:
    began = datetime(2026, 3, 1, tzinfo=timezone.utc)
    context: Any = {"ti": SimpleNamespace(start_date=began)}
    assert sensor_module._first_process_began_at(context) == began


@pytest.mark.usefixtures("simulator")
def test_poke_mode_keeps_early_timeouts(ti: Any) -> None:
    began = datetime.now(timezone.utc)
    with pytest.raises(AirflowSensorTimeout, match="start_timeout"):
        sensor("never_upgraded-shop", poke_interval=600, start_timeout=0.05).execute({"ti": ti})
    assert ti.xcoms["upgrade_wait"]["polls"] in {2, 3}
    assert datetime.now(timezone.utc) - began < timedelta(seconds=60)


@pytest.mark.usefixtures("simulator")
def test_unknown_state_stays_in_one_process(ti: Any, clock: Any) -> None:
    ServiceFabricHook().get_upgrade_progress("unknown_state-shop")
    clock.now += 600
    with pytest.raises(AirflowSensorTimeout, match="unknown_state_timeout"):
        sensor("unknown_state-shop", "reschedule", unknown_state_timeout=0.05).execute({"ti": ti})
    assert ti.xcoms["upgrade_wait"]["polls"] > 1


@pytest.mark.usefixtures("simulator")
def test_trigger_waits_for_the_expected_upgrade(ti: Any, clock: Any) -> None:
    read = ServiceFabricHook().get_upgrade_progress
    previous = read("previous_first-shop").to_dict()
    made = sensor("previous_first-shop", "deferrable", previous=previous)
    with pytest.raises(TaskDeferred) as deferred:
        made.execute({"ti": ti})
    clock.step = 20.0
    result = made.execute_complete({"ti": ti}, fire(deferred.value))
    assert (result["target_version"], result["outcome"]) == ("v2", "succeeded")
    timeline = ti.xcoms["upgrade_wait"]["timeline"]
    assert [stage["expected"] for stage in timeline] == [False, True, True, True, True]
