"""The sensor in poke, reschedule and deferrable mode: the same look, the same end."""

from __future__ import annotations

import json
import logging
import os
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_sf.messages.summary import summary_lines
from airflow_provider_sf.rest import Rejected, UnexpectedAnswer, Unreachable
from airflow_provider_sf.rest.json_values import utc
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor, UpgradeFailed
from airflow_provider_sf.sensors.wait_task import WaitTask
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.responses import Answer, fabric_error
from airflow_provider_sf.wait.state import WaitState
from tests.sensors.running import MODES, fire, run, sensor

pytestmark = [
    pytest.mark.filterwarnings("ignore:poke_interval is 0.01 s"),
    pytest.mark.usefixtures("asked_again_at_once"),
]

CONNECTION = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.usefixtures("simulator")
def test_every_mode_returns_the_same_record_of_one_ended_upgrade(clock: Any, ti: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor("good-shop", "deferrable").execute({"ti": ti})
    clock.now += 3600
    event = fire(deferred.value)
    results = [sensor("good-shop", "deferrable").execute_complete({"ti": ti}, event)]
    results += [run(lambda mode=mode: sensor("good-shop", mode), ti) for mode in MODES]  # type: ignore[misc]
    for result in results:
        assert utc(result.pop("observed_at")) is not None
    assert results == [results[0]] * 4
    assert results[0]["outcome"] == "succeeded"
    assert results[0]["started_at"] == "2026-03-01T03:00:00Z"
    assert json.loads(json.dumps(results[0], allow_nan=False)) == results[0]


@pytest.mark.usefixtures("simulator")
def test_every_mode_waits_for_a_success(mode: str, clock: Any, ti: Any) -> None:
    clock.step = 20.0
    result = run(lambda: sensor("good-shop", mode), ti)
    assert (result["state"], result["percent_completed"]) == ("CompletedRollforward", 100.0)
    assert set(ti.xcoms) == {"service_fabric_explorer", "upgrade_wait", "upgrade_progress"}
    wait = ti.xcoms["upgrade_wait"]
    assert (wait["ended_by"], wait["error"]) == ("upgrade", None)
    assert wait["timeline"][-1]["outcome"] == "succeeded"


@pytest.mark.usefixtures("simulator")
def test_every_mode_raises_the_story_of_a_rollback(mode: str, clock: Any, ti: Any) -> None:
    clock.step = 20.0
    with pytest.raises(UpgradeFailed) as failed:
        run(lambda: sensor("rolled_back-shop", mode), ti)
    assert isinstance(failed.value, AirflowFailException)
    said = str(failed.value).splitlines()
    assert said[0] == (
        "Upgrade of application resource 'rolled_back-shop' from v0 to v1 was rolled back"
        f"{'' if mode == 'reschedule' else ' at 62 %'} (CompletedRollback)."
    )
    if mode != "reschedule":  # whose last leg has not seen the way forward
        assert said[1].startswith("It was last seen going forward at ")
        assert " It failed at 2026-03-01 03:06:" in said[1]
        assert said[2] == "Services behind: web 6/8 (2 pending), api 2/5 (3 pending), worker 2/3 (1 pending)."
    assert ti.xcoms["upgrade_progress"]["outcome"] == "rolled_back"
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "upgrade"


@pytest.mark.usefixtures("simulator")
def test_every_mode_names_who_was_behind_when_service_fabric_gave_up(mode: str, clock: Any, ti: Any) -> None:
    WaitTask(sensor("failed-shop")).observe()
    clock.now += 3600
    with pytest.raises(
        UpgradeFailed, match=r"web 6/8 \(2 pending\), api 2/5 \(3 pending\), worker 2/3 \(1 pending\)"
    ):
        run(lambda: sensor("failed-shop", mode), ti)
    assert ti.xcoms["upgrade_progress"]["state"] == "Failed"


@pytest.mark.usefixtures("simulator")
def test_a_bad_end_is_read_twice_in_every_mode(mode: str, simulator: Any, clock: Any, ti: Any) -> None:
    WaitTask(sensor("failed-shop")).observe()
    clock.now += 3600
    with pytest.raises(UpgradeFailed):
        run(lambda: sensor("failed-shop", mode), ti)
    assert [request.split()[1] for request in simulator.requests] == [
        *["/Resources/Applications/failed-shop/$/GetUpgradeProgress?api-version=7.0"] * 3,
        "/Applications/failed-shop/$/GetUpgradeProgress?api-version=6.0",  # which explain it
        "/Applications/failed-shop/$/GetHealth?api-version=6.0",
    ]


class Taciturn(Simulator):
    """A cluster that does not say anything about classic applications."""

    def answer(self, target: str) -> Answer:
        is_classic = target.startswith("/Applications/")
        return fabric_error(504, "FABRIC_E_TIMEOUT", "Timed out.") if is_classic else super().answer(target)


def test_that_the_reasons_of_a_failure_cannot_be_had_is_a_remark(
    clock: Any, ti: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock.step = 20.0
    with Taciturn(clock=clock) as simulator:
        monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{simulator.port}")
        with caplog.at_level(logging.INFO), pytest.raises(UpgradeFailed) as failed:
            run(lambda: sensor("rolled_back-shop", "poke"), ti)
    remarks = [line for line in caplog.messages if line.startswith("Perhaps")]
    assert remarks == [
        f"Could not read more failure details: /Applications/{{applicationId}}/$/{call} could not be read: "
        f"{simulator.url}: HTTP 504 FABRIC_E_TIMEOUT: Timed out."
        for call in ("GetUpgradeProgress", "GetHealth")
    ]
    assert "Why: " not in str(failed.value)
    assert ti.xcoms["upgrade_wait"]["reasons"] == []


@pytest.mark.usefixtures("simulator")
def test_every_mode_says_why_an_upgrade_failed_whose_kind_says_little(mode: str, clock: Any, ti: Any) -> None:
    clock.step = 20.0
    with pytest.raises(UpgradeFailed) as failed:
        run(lambda: sensor("rolled_back-shop", mode, kind="compose_deployment"), ti)
    assert "\nWhy: failure reason HealthCheck, in domain UD3.\n" in str(failed.value)
    assert ti.xcoms["upgrade_wait"]["reasons"][0] == "failure reason HealthCheck, in domain UD3"


@pytest.mark.usefixtures("simulator")
def test_every_mode_skips_a_rollback_when_soft_fail_says_so(mode: str, clock: Any, ti: Any) -> None:
    clock.step = 30.0
    with pytest.raises(AirflowSkipException):
        run(lambda: sensor("rolled_back-shop", mode, soft_fail=True), ti)
    assert ti.xcoms["upgrade_progress"]["outcome"] == "rolled_back"


@pytest.mark.usefixtures("simulator")
def test_every_mode_raises_a_refusal_as_itself_even_with_soft_fail(mode: str, ti: Any) -> None:
    with pytest.raises(
        Rejected, match="FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND: Application resource"
    ) as error:
        run(lambda: sensor("not_found-shop", mode, soft_fail=True), ti)
    assert not isinstance(error.value, AirflowException)
    assert ti.xcoms["upgrade_wait"]["error"]["class"] == "Rejected"
    assert "upgrade_progress" not in ti.xcoms


@pytest.mark.usefixtures("simulator")
def test_a_connection_that_was_good_is_forgiven_like_a_silence_in_poke_mode(
    ti: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a certificate is being rotated: the new one is there, and its key is not yet."""
    clock.step = 20.0
    waits = iter(["ftp://broken", None])
    good = os.environ[CONNECTION]

    def edit(seconds: float) -> None:  # noqa: ARG001 - sleeps no time at all: nothing else happens in mid-wait
        broken = next(waits, good)
        if broken is None:
            monkeypatch.delenv(CONNECTION)
        else:
            monkeypatch.setenv(CONNECTION, broken)

    monkeypatch.setattr("time.sleep", edit)
    assert run(lambda: sensor("good-shop", "poke"), ti)["outcome"] == "succeeded"
    outages = ti.xcoms["upgrade_wait"]["outages"]
    assert (outages["silences"], outages["polls"]) == (1, 2)
    assert "the connection was good and is not now" in outages["last_error"]


@pytest.mark.usefixtures("simulator")
def test_a_name_that_turns_out_to_be_none_when_it_is_rendered_is_raised_at_once(mode: str, ti: Any) -> None:
    def rendered() -> ServiceFabricUpgradeSensor:
        made = sensor("{{ params.name }}", mode)
        made.name = "a/b"
        return made

    with pytest.raises(ValueError, match="invalid name 'a/b': it contains the separator '/'"):
        run(rendered, ti)


def test_a_connection_that_is_wrong_from_the_start_is_raised_at_once(
    mode: str, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, "service-fabric://c/ftp")
    with pytest.raises(ValueError, match="connection 'service_fabric_default': schema 'ftp'"):
        run(lambda: sensor("shop", mode), ti)


def test_every_mode_forgives_a_silence_for_its_budget_only(
    mode: str, closed_port: int, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")
    with pytest.raises(Unreachable, match="Connection refused"):
        run(lambda: sensor("shop", mode, unreachable_timeout=0.04, soft_fail=True), ti)
    wait = ti.xcoms["upgrade_wait"]
    assert wait["ended_by"] == "unreachable"
    assert wait["polls"] > 1


@pytest.mark.usefixtures("simulator")
def test_every_mode_gets_over_a_flapping_gateway(mode: str, clock: Any, ti: Any) -> None:
    clock.step = 20.0
    assert run(lambda: sensor("flapping-shop", mode), ti)["outcome"] == "succeeded"


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize("soft_fail", [False, True])
def test_every_mode_times_out_with_the_clock_and_the_last_progress(
    mode: str, *, soft_fail: bool, ti: Any
) -> None:
    expected = AirflowSkipException if soft_fail else AirflowSensorTimeout
    with pytest.raises(expected) as timeout:
        run(lambda: sensor("good-shop", mode, timeout=0, soft_fail=soft_fail), ti)
    if not soft_fail:
        assert str(timeout.value).startswith(
            "Upgrade of application resource 'good-shop' to v1 did not finish within 0s (timeout); last seen: provisioning target, 0 %.\nServices behind: web 0/8 (8 pending)"
        )
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "timeout"
    assert ti.xcoms["upgrade_progress"]["state"] == "ProvisioningTarget"


@pytest.mark.usefixtures("simulator")
def test_nobody_ever_upgraded_is_no_success(mode: str, ti: Any) -> None:
    with pytest.raises(AirflowSensorTimeout, match="it was never upgraded"):
        run(lambda: sensor("never_upgraded-shop", mode, timeout=0), ti)


def test_never_fail_skips_what_it_skips_in_every_mode(
    mode: str, closed_port: int, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")
    with pytest.raises(AirflowSkipException):
        run(lambda: sensor("shop", mode, unreachable_timeout=0.04, never_fail=True), ti)
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "unreachable"


@pytest.mark.usefixtures("simulator")
def test_never_fail_skips_a_rollback_and_a_timeout_in_every_mode(mode: str, clock: Any, ti: Any) -> None:
    with pytest.raises(AirflowSkipException):
        run(lambda: sensor("good-shop", mode, timeout=0, never_fail=True), ti)
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "timeout"
    clock.step = 30.0
    with pytest.raises(AirflowSkipException):
        run(lambda: sensor("rolled_back-shop", mode, never_fail=True), ti)
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "upgrade"


def test_a_silence_does_not_outlast_the_timeout_in_any_mode(
    mode: str, closed_port: int, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")
    with pytest.raises(AirflowSensorTimeout, match="the cluster is unreachable"):
        run(lambda: sensor("shop", mode, timeout=0.05, unreachable_timeout=600), ti)


@pytest.mark.usefixtures("simulator")
def test_the_first_poll_is_not_later_than_the_deadline(ti: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor("good-shop", "deferrable", poke_interval=3600, timeout=600).execute({"ti": ti})
    _, keywords = deferred.value.trigger.serialize()
    deadline, first_poll_at = utc(keywords["deadline"]), utc(keywords["first_poll_at"])
    assert deadline is not None
    assert first_poll_at is not None
    assert abs(deadline - first_poll_at) < timedelta(seconds=1)


@pytest.mark.usefixtures("simulator")
def test_a_wrong_connection_with_never_fail_is_not_told_as_a_timeout(
    ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, "service-fabric://")
    with pytest.raises(AirflowSkipException):
        sensor("good-shop", never_fail=True).execute({"ti": ti})
    assert ti.xcoms == {}


@pytest.mark.usefixtures("simulator")
def test_xcoms_stay_unpushed_when_the_task_says_so(ti: Any, clock: Any) -> None:
    clock.step = 60.0
    run(lambda: sensor("good-shop", do_xcom_push=False), ti)
    assert ti.xcoms == {}


@pytest.mark.usefixtures("simulator")
def test_the_deferral_carries_one_absolute_deadline_and_keeps_clear_of_a_quick_resume(ti: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor("good-shop", "deferrable", timeout=3600).execute({"ti": ti})
    _, keywords = deferred.value.trigger.serialize()
    now = datetime.now(timezone.utc)
    deadline, first_poll_at = utc(keywords["deadline"]), utc(keywords["first_poll_at"])
    assert deadline is not None
    assert first_poll_at is not None
    assert timedelta(minutes=59) < deadline - now <= timedelta(minutes=60)
    assert timedelta(seconds=5) < first_poll_at - now <= timedelta(seconds=10)
    assert timedelta(minutes=69) < deferred.value.timeout <= timedelta(minutes=70)
    assert deferred.value.method_name == "execute_complete"
    assert deferred.value.kwargs in (None, {})
    assert deferred.value.trigger.memory.polls == 1


@pytest.mark.usefixtures("simulator")
def test_an_execution_timeout_is_kept_while_deferred_and_named(ti: Any) -> None:
    def make() -> ServiceFabricUpgradeSensor:
        return sensor("good-shop", "deferrable", execution_timeout=timedelta(seconds=0))

    with pytest.raises(AirflowSensorTimeout, match=r"did not finish within 0s \(execution_timeout\)"):
        run(make, ti)


@pytest.mark.usefixtures("simulator")
def test_backoff_and_its_limit_go_to_the_trigger(ti: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor("good-shop", "deferrable", exponential_backoff=True, max_wait=120).execute({"ti": ti})
    _, keywords = deferred.value.trigger.serialize()
    assert (keywords["exponential_backoff"], keywords["max_wait"]) == (True, 120.0)


def test_a_silent_first_look_defers_and_starts_the_clock_of_the_silence(
    closed_port: int, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")
    with pytest.raises(TaskDeferred) as deferred:
        sensor("shop", "deferrable", poke_interval=3600).execute({"ti": ti})
    _, keywords = deferred.value.trigger.serialize()
    first_poll_at = utc(keywords["first_poll_at"])
    assert first_poll_at is not None
    assert first_poll_at - datetime.now(timezone.utc) <= timedelta(minutes=1), "a fifth of the budget"
    assert deferred.value.trigger.memory.unreachable_since is not None
    assert isinstance(deferred.value.trigger.memory.error, Unreachable)


@pytest.mark.usefixtures("simulator")
def test_the_log_opens_with_what_is_awaited_but_in_reschedule_mode(
    mode: str, clock: Any, ti: Any, caplog: pytest.LogCaptureFixture
) -> None:
    clock.step = 60.0
    with caplog.at_level(logging.INFO):
        run(lambda: sensor("good-shop", mode), ti)
    said = [record.getMessage() for record in caplog.records if record.name == "sensor"]
    assert sum(line.startswith("Waiting for the upgrade of") for line in said) == (mode != "reschedule")
    assert "Upgrade of application resource 'good-shop' from v0 to v1 completed in 10m00s" in said


@pytest.mark.usefixtures("simulator")
def test_every_mode_tells_the_whole_story_again_before_its_end(
    mode: str, clock: Any, ti: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Lines of the triggerer can be lost; the worker folds what it tells."""
    clock.step = 20.0
    with caplog.at_level(logging.INFO), pytest.raises(UpgradeFailed):
        run(lambda: sensor("rolled_back-shop", mode), ti)
    said = [record.getMessage() for record in caplog.records if record.name == "sensor"]
    begin, end = said.index("::group::Summary"), said.index("::endgroup::")
    story = WaitState.from_dict(ti.xcoms["upgrade_wait"])
    assert said[begin + 1 : end] == list(summary_lines("application_resource", "rolled_back-shop", story))


@pytest.mark.usefixtures("simulator")
def test_the_story_of_a_rollback_answers_without_opening_anything_else(ti: Any, clock: Any) -> None:
    clock.step = 20.0
    with pytest.raises(UpgradeFailed) as failed:
        run(lambda: sensor("rolled_back-shop", "deferrable"), ti)
    wait = ti.xcoms["upgrade_wait"]
    assert (wait["kind"], wait["name"]) == ("application_resource", "rolled_back-shop")
    assert wait["message"] == str(failed.value)
    assert wait["upgrade"] == {"started_at": "2026-03-01T03:00:20Z", "target_version": "v1"}
    (forward,) = [stage for stage in wait["timeline"] if stage["state"] == "RollingForward"]
    assert forward["percent_completed"] == 62.0
    assert [service["name"] for service in forward["services_behind"]] == ["web", "api", "worker"]
    assert wait["record"]["outcome"] == "rolled_back"
    assert utc(wait["began_at"]) < utc(wait["ended_at"])  # type: ignore[operator]


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize("do_xcom_push", [False, True])
def test_a_deferred_wait_shows_its_first_look(ti: Any, *, do_xcom_push: bool) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor("good-shop", "deferrable", do_xcom_push=do_xcom_push).execute({"ti": ti})
    _, keywords = deferred.value.trigger.serialize()
    assert keywords["live_progress"] is do_xcom_push
    if not do_xcom_push:
        assert ti.xcoms == {}
        return
    wait = ti.xcoms["upgrade_wait"]
    assert (wait["ended_by"], wait["ended_at"], wait["message"]) == (None, None, None)
    assert ti.xcoms["upgrade_progress"] == wait["record"]
    memory = deferred.value.trigger.memory.to_dict()
    assert {key: wait[key] for key in memory} == memory


@pytest.mark.usefixtures("simulator")
def test_live_progress_can_be_turned_off(ti: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor("good-shop", "deferrable", live_progress=False).execute({"ti": ti})
    assert deferred.value.trigger.serialize()[1]["live_progress"] is False


@pytest.mark.parametrize(
    "event",
    [
        None,
        True,
        {"status": "success"},
        {"schema": "service_fabric.upgrade_wait/1"},
        {**WaitState(ended_by="upgrade").to_dict(), "timeline": [{}]},
        WaitState().to_dict(),
        WaitState(ended_by="upgrade").to_dict(),
        WaitState(ended_by="hunger").to_dict(),
    ],
)
def test_an_event_that_is_not_understood_is_a_failure(event: Any, ti: Any) -> None:
    with pytest.raises(UnexpectedAnswer):
        sensor("shop", "deferrable").execute_complete({"ti": ti}, event)


@pytest.mark.usefixtures("simulator")
def test_the_worker_judges_the_record_again(ti: Any, clock: Any) -> None:
    """An older triggerer may say that it ended; what counts is what the record says."""
    progress = WaitTask(sensor("good-shop")).observe()
    clock.now += 3600
    event = WaitState(record=progress, ended_by="upgrade").to_dict()  # type: ignore[arg-type]
    event["record"]["outcome"] = "succeeded"
    with pytest.raises(UnexpectedAnswer, match="outcome in_progress, which is no end"):
        sensor("good-shop", "deferrable").execute_complete({"ti": ti}, event)


def test_a_dead_triggerer_is_airflows_own_timeout(ti: Any) -> None:
    expected = AirflowException if airflow_version.startswith("2.") else AirflowSensorTimeout
    with pytest.raises(expected, match="Trigger timeout"):
        sensor("shop", "deferrable").resume_execution("__fail__", {"error": "Trigger timeout"}, {"ti": ti})


def test_what_a_run_decides_is_templated() -> None:
    assert sensor("{{ params.a }}").template_fields == (
        "name",
        "service_fabric_conn_id",
        "previous",
        "started_after",
        "target_version",
    )


def test_the_defaults_are_those_that_are_documented() -> None:
    made = ServiceFabricUpgradeSensor(task_id="wait", name="shop")
    assert (made.poke_interval, made.timeout, made.mode) == (15.0, 21_600.0, "poke")
    assert (made.kind, made.service_fabric_conn_id) == ("application_resource", "service_fabric_default")
    assert (made.unreachable_timeout, made.deferrable) == (300.0, False)


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"name": "a/b"}, "invalid name 'a/b': it contains the separator '/'"),
        ({"name": ""}, "the name '' is none"),
        ({"name": "shop", "kind": "mesh"}, "kind 'mesh' is not supported"),
        ({"name": "shop", "unreachable_timeout": -1}, "unreachable_timeout must be .* not -1"),
        ({"name": "shop", "unreachable_timeout": "5m"}, "unreachable_timeout must be .* not '5m'"),
        ({"name": "shop", "mode": "deferrable", "silent_fail": True}, "silent_fail would hide"),
        ({"name": "shop", "mode": "poke", "silent_fail": True}, "silent_fail would hide"),
        ({"name": "shop", "mode": "deferrable", "poke_interval": 0}, "poke_interval must be more than 0 s"),
        ({"name": "shop", "unreachable_timeout": float("inf")}, "unreachable_timeout must be .* not inf"),
        ({"name": 5}, "the name 5 is none"),
    ],
)
def test_what_is_wrong_is_refused_when_the_dag_is_parsed(keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sensor(**keywords)


def test_a_short_interval_warns() -> None:
    with pytest.warns(UserWarning, match="poke_interval is 3 s"):
        ServiceFabricUpgradeSensor(task_id="wait", name="shop", poke_interval=3)


def test_arguments_are_keyword_only() -> None:
    with pytest.raises(Exception, match=r"keyword|positional"):
        ServiceFabricUpgradeSensor("wait", "shop")  # type: ignore[call-arg]
