"""The sensor has the same result in poke, reschedule and deferrable mode."""

from __future__ import annotations

import json
import logging
import os
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.messages.summary import summary_lines
from airflow_provider_sf.rest import Rejected, UnexpectedAnswer, Unreachable
from airflow_provider_sf.rest.json_values import utc
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor, UpgradeFailed
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.responses import HttpResponse, fabric_error
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import PollAgain
from tests.sensors.running import MODES, fire, run, sensor

if TYPE_CHECKING:
    from tests.scripted_cluster import ScriptedCluster

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*poke_interval is 0.01 s"),
    pytest.mark.usefixtures("short_pauses"),
]

CONNECTION = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.usefixtures("simulator")
def test_every_mode_returns_the_same_record(clock: Any, ti: Any) -> None:
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
    clock.step = 60.0
    result = run(lambda: sensor("good-shop", mode), ti)
    assert (result["state"], result["percent_completed"]) == ("CompletedRollforward", 100.0)
    assert set(ti.xcoms) == {"service_fabric_explorer", "upgrade_wait", "upgrade_progress"}
    wait = ti.xcoms["upgrade_wait"]
    assert (wait["ended_by"], wait["error"]) == ("upgrade", None)
    assert wait["timeline"][-1]["outcome"] == "succeeded"


@pytest.mark.usefixtures("simulator")
def test_every_mode_explains_a_rollback(mode: str, clock: Any, ti: Any) -> None:
    clock.step = 20.0
    with pytest.raises(UpgradeFailed) as failed:
        run(lambda: sensor("rolled_back-shop", mode), ti)
    assert isinstance(failed.value, AirflowFailException)
    lines = str(failed.value).splitlines()
    turn = "" if mode == "reschedule" else ", last seen going forward at 62 %"
    assert lines[0] == (
        f"Rolled back{turn}: upgrade of application resource 'rolled_back-shop' from v0 to v1 (CompletedRollback)."
    )
    if mode != "reschedule":  # its last process did not see the upgrade going forward
        assert lines[1].startswith("It was last seen going forward at ")
        assert " It failed at 2026-03-01 03:06:" in lines[1]
        assert (
            lines[2] == "Services behind: web 6/8 (2 pending), api 2/5 (3 pending), worker 2/3 (1 pending)."
        )
    assert ti.xcoms["upgrade_progress"]["outcome"] == "rolled_back"
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "upgrade"


@pytest.mark.usefixtures("simulator")
def test_every_mode_names_services_behind_at_failure(mode: str, clock: Any, ti: Any) -> None:
    ServiceFabricHook().get_upgrade_progress("failed-shop")
    clock.now += 3600
    with pytest.raises(
        UpgradeFailed, match=r"web 6/8 \(2 pending\), api 2/5 \(3 pending\), worker 2/3 \(1 pending\)"
    ):
        run(lambda: sensor("failed-shop", mode), ti)
    assert ti.xcoms["upgrade_progress"]["state"] == "Failed"


@pytest.mark.usefixtures("simulator")
def test_bad_result_is_confirmed_in_every_mode(mode: str, simulator: Any, clock: Any, ti: Any) -> None:
    ServiceFabricHook().get_upgrade_progress("failed-shop")
    clock.now += 3600
    with pytest.raises(UpgradeFailed):
        run(lambda: sensor("failed-shop", mode), ti)
    assert [request.split()[1] for request in simulator.requests] == [
        *["/Resources/Applications/failed-shop/$/GetUpgradeProgress?api-version=7.0&timeout=25"] * 3,
        "/Applications/failed-shop/$/GetUpgradeProgress?api-version=6.0&timeout=25",  # failure details
        "/Applications/failed-shop/$/GetHealth?api-version=6.0&timeout=25",
    ]


class NoClassicApplications(Simulator):
    """A cluster that does not answer calls about classic applications."""

    def respond(self, target: str) -> HttpResponse:
        is_classic = target.startswith("/Applications/")
        return fabric_error(504, "FABRIC_E_TIMEOUT", "Timed out.") if is_classic else super().respond(target)


def test_unreadable_failure_details_are_logged(
    clock: Any, ti: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock.step = 60.0
    with NoClassicApplications(clock=clock) as simulator:
        monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{simulator.port}")
        with caplog.at_level(logging.INFO), pytest.raises(UpgradeFailed) as failed:
            run(lambda: sensor("rolled_back-shop", "poke"), ti)
    lines = [line for line in caplog.messages if line.startswith("Could not read more")]
    assert lines == [
        f"Could not read more failure details: /Applications/{{applicationId}}/$/{call} could not be read: "
        f"{simulator.url}: HTTP 504 FABRIC_E_TIMEOUT: Timed out."
        for call in ("GetUpgradeProgress", "GetHealth")
    ]
    assert "Why: " not in str(failed.value)
    assert ti.xcoms["upgrade_wait"]["reasons"] == []


class DeletedApplication(Simulator):
    """A cluster in which the application is deleted after three responses."""

    def respond(self, target: str) -> HttpResponse:
        if len(self.requests) > 3:
            return fabric_error(404, "FABRIC_E_APPLICATION_NOT_FOUND", "Application not found.")
        return super().respond(target)


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
def test_deletion_is_explained(mode: str, clock: Any, ti: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In reschedule mode no process knows what the one before it has seen."""
    clock.step = 60.0
    with DeletedApplication(clock=clock, start_delay=0.0) as simulator:
        monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{simulator.port}")
        with pytest.raises(Rejected) as deleted:
            run(lambda: sensor("fabric:/good-shop/web", mode, kind="application"), ti)
    message = ti.xcoms["upgrade_wait"]["message"]
    assert message == str(deleted.value)
    assert message.startswith(
        "Deleted during its upgrade to v1: application 'fabric:/good-shop/web'. It started at "
    )
    assert "check name and kind" not in message
    assert (deleted.value.status, deleted.value.code) == (404, "FABRIC_E_APPLICATION_NOT_FOUND")
    assert ti.xcoms["upgrade_wait"]["error"]["code"] == "FABRIC_E_APPLICATION_NOT_FOUND"


@pytest.mark.usefixtures("simulator")
def test_every_mode_reads_more_failure_details(mode: str, clock: Any, ti: Any) -> None:
    clock.step = 60.0
    with pytest.raises(UpgradeFailed) as failed:
        run(lambda: sensor("rolled_back-shop", mode, kind="compose_deployment"), ti)
    assert "\nWhy: failure reason HealthCheck, in domain UD3.\n" in str(failed.value)
    assert ti.xcoms["upgrade_wait"]["reasons"][0] == "failure reason HealthCheck, in domain UD3"


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize("parameter", ["soft_fail", "never_fail"])
def test_skip_logs_its_reason(
    mode: str, parameter: str, clock: Any, ti: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Airflow replaces the message of the exception by the name of the parameter."""
    clock.step = 30.0
    with pytest.raises(AirflowSkipException):
        run(lambda: sensor("rolled_back-shop", mode, **{parameter: True}), ti)
    assert ti.xcoms["upgrade_progress"]["outcome"] == "rolled_back"
    warnings = [line.getMessage() for line in caplog.records if line.levelname == "WARNING"]
    assert "\n".join(warnings).endswith(ti.xcoms["upgrade_wait"]["message"])


@pytest.mark.usefixtures("simulator")
def test_soft_fail_never_hides_a_rejection(mode: str, ti: Any) -> None:
    with pytest.raises(
        Rejected, match="FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND: Application resource"
    ) as error:
        run(lambda: sensor("not_found-shop", mode, soft_fail=True), ti)
    assert not isinstance(error.value, AirflowException)
    assert ti.xcoms["upgrade_wait"]["error"]["class"] == "Rejected"
    assert "upgrade_progress" not in ti.xcoms


@pytest.mark.usefixtures("simulator")
def test_lost_connection_settings_are_an_outage(ti: Any, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    For example during the rotation of a certificate: its file is new, and the key's is not.

    The pause is replaced to edit the connection between two polls.
    """
    clock.step = 60.0
    waits = iter(["ftp://broken", None])
    good = os.environ[CONNECTION]

    def edit(seconds: float) -> None:  # noqa: ARG001 - replaces time.sleep
        broken = next(waits, good)
        if broken is None:
            monkeypatch.delenv(CONNECTION)
        else:
            monkeypatch.setenv(CONNECTION, broken)

    monkeypatch.setattr("time.sleep", edit)
    assert run(lambda: sensor("good-shop", "poke"), ti)["outcome"] == "succeeded"
    outages = ti.xcoms["upgrade_wait"]["outages"]
    assert (outages["count"], outages["polls"]) == (1, 2)
    assert outages["last_error"].startswith("connection 'service_fabric_default' could not be read: ")


def test_invalid_connection_ends_the_wait_later(ti: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    After an answer, the same error is raised in poke mode as in the triggerer.

    The pause is replaced to edit the connection between two polls.
    """
    with Simulator() as simulator:
        monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{simulator.port}")
        monkeypatch.setattr("time.sleep", lambda _: monkeypatch.setenv(CONNECTION, "service-fabric://c/ftp"))
        with pytest.raises(Rejected, match="connection 'service_fabric_default': invalid schema 'ftp'"):
            run(lambda: sensor("good-shop", "poke", unreachable_timeout=0.01), ti)
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "unreachable_timeout"


def test_invalid_connection_without_answer_is_final(
    closed_port: int, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause is replaced to edit the connection between two polls."""
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")
    monkeypatch.setattr("time.sleep", lambda _: monkeypatch.setenv(CONNECTION, "service-fabric://c/ftp"))
    with pytest.raises(ValueError, match="invalid schema 'ftp'"):
        run(lambda: sensor("good-shop", "poke"), ti)


def test_deleted_connection_without_answer_is_final(
    closed_port: int, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause is replaced to delete the connection between two polls."""
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")
    monkeypatch.setattr("time.sleep", lambda _: monkeypatch.delenv(CONNECTION))
    with pytest.raises(AirflowNotFoundException, match="service_fabric_default"):
        run(lambda: sensor("good-shop", "poke"), ti)


def test_continued_wait_without_its_connection_is_an_outage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process continues the wait of an earlier one."""
    monkeypatch.delenv(CONNECTION, raising=False)
    wait = sensor("good-shop")._make_wait_task()._wait
    wait.state = WaitState(answers=1)
    assert isinstance(wait.poll(), PollAgain)
    assert isinstance(wait.state.error, Unreachable)


@pytest.mark.usefixtures("simulator")
def test_invalid_rendered_name_is_raised_at_once(mode: str, ti: Any) -> None:
    def rendered() -> ServiceFabricUpgradeSensor:
        made = sensor("{{ params.name }}", mode)
        made.name = "a/b"
        return made

    with pytest.raises(ValueError, match="invalid name 'a/b': it contains the separator '/'"):
        run(rendered, ti)


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize("name", [None, "", "x" * 513])
def test_missing_rendered_name_is_raised_at_once(name: Any, mode: str, ti: Any) -> None:
    """The task that should name the application pushed no XCom, or too much."""

    def rendered() -> ServiceFabricUpgradeSensor:
        previous = ServiceFabricHook().get_upgrade_progress("good-shop")
        made = sensor("{{ params.name }}", mode, previous=previous.to_dict())
        made.name = name
        return made

    problem = "invalid name 'xxx" if name else "name is empty: set name to the application resource"
    with pytest.raises(ValueError, match=f"^{problem}"):
        run(rendered, ti)
    assert ti.xcoms == {}


@pytest.mark.usefixtures("simulator")
def test_name_of_a_cluster_may_be_none(mode: str, clock: Any, ti: Any) -> None:
    """As a mapped task passes it on."""
    ServiceFabricHook().get_upgrade_progress(kind="cluster")
    clock.now += 3600
    record = run(lambda: sensor(None, mode, kind="cluster"), ti)  # type: ignore[arg-type]
    assert (record["name"], ti.xcoms["upgrade_wait"]["name"]) == ("", "")


def test_invalid_connection_is_raised_at_once(mode: str, ti: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION, "service-fabric://c/ftp")
    with pytest.raises(ValueError, match="connection 'service_fabric_default': invalid schema 'ftp'"):
        run(lambda: sensor("shop", mode), ti)


def test_outage_ends_every_mode_after_unreachable_timeout(
    mode: str, closed_port: int, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")
    with pytest.raises(Unreachable, match="Connection refused"):
        run(lambda: sensor("shop", mode, unreachable_timeout=0.04, soft_fail=True), ti)
    wait = ti.xcoms["upgrade_wait"]
    assert wait["ended_by"] == "unreachable_timeout"
    assert wait["polls"] > 1


@pytest.mark.usefixtures("simulator")
def test_every_mode_survives_a_flapping_gateway(mode: str, clock: Any, ti: Any) -> None:
    clock.step = 60.0
    assert run(lambda: sensor("flapping-shop", mode), ti)["outcome"] == "succeeded"


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize("soft_fail", [False, True])
def test_every_timeout_names_the_last_progress(mode: str, *, soft_fail: bool, ti: Any) -> None:
    expected = AirflowSkipException if soft_fail else AirflowSensorTimeout
    with pytest.raises(expected) as timeout:
        run(lambda: sensor("good-shop", mode, timeout=0, soft_fail=soft_fail), ti)
    message = ti.xcoms["upgrade_wait"]["message"]
    assert str(timeout.value) == message
    assert message.startswith(
        "Not finished within 0s (timeout): upgrade of application resource 'good-shop' to v1; "
        "last seen: provisioning target, 0 %.\nServices behind: web 0/8 (8 pending)"
    )
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "timeout"
    assert ti.xcoms["upgrade_progress"]["state"] == "ProvisioningTarget"


@pytest.mark.usefixtures("simulator")
def test_timeout_names_the_health_now(mode: str, ti: Any) -> None:
    """A timeout asks for the health once, as a failure asks for its reasons."""
    with pytest.raises(AirflowSensorTimeout, match=r"\nHealth now: Ok\.\nThis wait only watched"):
        run(lambda: sensor("fabric:/good-shop/web", mode, timeout=0), ti)


@pytest.mark.usefixtures("simulator")
def test_unmonitored_success_names_the_health(mode: str, clock: Any, ti: Any) -> None:
    """Service Fabric has checked no health in this mode."""
    clock.step = 60.0
    run(lambda: sensor("fabric:/next_domain-shop/web", mode), ti)
    assert ti.xcoms["upgrade_wait"]["message"].splitlines()[1:] == ["Health now: Ok."]


def test_unknown_health_changes_no_result(
    clock: Any, ti: Any, simulator: ScriptedCluster, caplog: pytest.LogCaptureFixture
) -> None:
    simulator.script("/$/GetHealth", fabric_error(403, "E_ACCESSDENIED", "not now"))
    clock.step = 60.0
    with caplog.at_level("INFO"):
        run(lambda: sensor("fabric:/next_domain-shop/web"), ti)
    assert "\n" not in ti.xcoms["upgrade_wait"]["message"]
    reason = f"{simulator.url}: HTTP 403 E_ACCESSDENIED: not now"
    assert f"Could not read the health: {reason}" in caplog.text


@pytest.mark.usefixtures("simulator")
def test_never_upgraded_is_no_success(mode: str, ti: Any) -> None:
    with pytest.raises(AirflowSensorTimeout, match="it was never upgraded"):
        run(lambda: sensor("never_upgraded-shop", mode, timeout=0), ti)


def test_never_fail_skips_in_every_mode(
    mode: str, closed_port: int, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")
    with pytest.raises(AirflowSkipException):
        run(lambda: sensor("shop", mode, unreachable_timeout=0.04, never_fail=True), ti)
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "unreachable_timeout"


@pytest.mark.usefixtures("simulator")
def test_never_fail_skips_rollback_and_timeout(mode: str, clock: Any, ti: Any) -> None:
    with pytest.raises(AirflowSkipException):
        run(lambda: sensor("good-shop", mode, timeout=0, never_fail=True), ti)
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "timeout"
    clock.step = 30.0
    with pytest.raises(AirflowSkipException):
        run(lambda: sensor("rolled_back-shop", mode, never_fail=True), ti)
    assert ti.xcoms["upgrade_wait"]["ended_by"] == "upgrade"


def test_outage_ends_with_the_timeout(
    mode: str, closed_port: int, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")
    with pytest.raises(AirflowSensorTimeout, match="the cluster is unreachable"):
        run(lambda: sensor("shop", mode, timeout=0.05, unreachable_timeout=600), ti)


@pytest.mark.filterwarnings("ignore:.*is shorter than poke_interval")
@pytest.mark.usefixtures("simulator")
def test_first_poll_is_before_the_deadline(ti: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor("good-shop", "deferrable", poke_interval=3600, timeout=600).execute({"ti": ti})
    _, keywords = deferred.value.trigger.serialize()
    deadline, first_poll_at = utc(keywords["deadline"]), utc(keywords["first_poll_at"])
    assert deadline is not None
    assert first_poll_at is not None
    assert abs(deadline - first_poll_at) < timedelta(seconds=1)


@pytest.mark.usefixtures("simulator")
def test_never_fail_names_the_invalid_connection(ti: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION, "service-fabric://")
    with pytest.raises(AirflowSkipException):
        sensor("good-shop", never_fail=True).execute({"ti": ti})
    assert ti.xcoms == {}


@pytest.mark.usefixtures("simulator")
def test_do_xcom_push_false_pushes_nothing(ti: Any, clock: Any) -> None:
    clock.step = 60.0
    run(lambda: sensor("good-shop", do_xcom_push=False), ti)
    assert ti.xcoms == {}


@pytest.mark.usefixtures("simulator")
def test_deferral_has_deadline_and_minimum_delay(ti: Any) -> None:
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
    assert deferred.value.trigger.wait_state.polls == 1


@pytest.mark.usefixtures("simulator")
def test_execution_timeout_holds_while_deferred(ti: Any) -> None:
    def make() -> ServiceFabricUpgradeSensor:
        return sensor("good-shop", "deferrable", execution_timeout=timedelta(seconds=0))

    with pytest.raises(AirflowSensorTimeout, match=r"^Not finished within 0s \(execution_timeout\)"):
        run(make, ti)


@pytest.mark.usefixtures("simulator")
def test_backoff_is_passed_to_the_trigger(ti: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor("good-shop", "deferrable", exponential_backoff=True, max_wait=120).execute({"ti": ti})
    _, keywords = deferred.value.trigger.serialize()
    assert (keywords["exponential_backoff"], keywords["max_wait"]) == (True, 120.0)


def test_unreachable_first_poll_defers(closed_port: int, ti: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")
    with pytest.raises(TaskDeferred) as deferred:
        sensor("shop", "deferrable", poke_interval=3600).execute({"ti": ti})
    _, keywords = deferred.value.trigger.serialize()
    first_poll_at = utc(keywords["first_poll_at"])
    assert first_poll_at is not None
    assert first_poll_at - datetime.now(timezone.utc) <= timedelta(minutes=1), (
        "a fifth of unreachable_timeout"
    )
    assert deferred.value.trigger.wait_state.unreachable_since is not None
    assert isinstance(deferred.value.trigger.wait_state.error, Unreachable)


@pytest.mark.usefixtures("simulator")
def test_opening_lines_are_not_repeated(
    mode: str, clock: Any, ti: Any, caplog: pytest.LogCaptureFixture
) -> None:
    clock.step = 60.0
    with caplog.at_level(logging.INFO):
        run(lambda: sensor("good-shop", mode), ti)
    lines = [record.getMessage() for record in caplog.records if record.name == "sensor"]
    assert sum(line.startswith("Waiting for the upgrade of") for line in lines) == (mode != "reschedule")
    assert "Completed in 10m00s: upgrade of application resource 'good-shop' from v0 to v1" in lines


@pytest.mark.usefixtures("simulator")
def test_every_mode_logs_the_summary(
    mode: str, clock: Any, ti: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Log lines of the triggerer can be lost, so the worker repeats them in a fold."""
    clock.step = 60.0
    with caplog.at_level(logging.INFO), pytest.raises(UpgradeFailed):
        run(lambda: sensor("rolled_back-shop", mode), ti)
    lines = [record.getMessage() for record in caplog.records if record.name == "sensor"]
    begin, end = lines.index("::group::Summary"), lines.index("::endgroup::")
    state = WaitState.from_dict(ti.xcoms["upgrade_wait"])
    assert lines[begin + 1 : end] == list(summary_lines("application_resource", "rolled_back-shop", state))


@pytest.mark.usefixtures("simulator")
def test_upgrade_wait_explains_a_rollback(ti: Any, clock: Any) -> None:
    clock.step = 20.0
    with pytest.raises(UpgradeFailed) as failed:
        run(lambda: sensor("rolled_back-shop", "deferrable"), ti)
    wait = ti.xcoms["upgrade_wait"]
    assert (wait["kind"], wait["name"]) == ("application_resource", "rolled_back-shop")
    assert wait["message"] == str(failed.value)
    assert wait["expected"] == {
        "started_at": "2026-03-01T03:00:20Z",
        "target_version": "v1",
        "rolled_back": True,
    }
    (forward,) = [stage for stage in wait["timeline"] if stage["state"] == "RollingForward"]
    assert forward["percent_completed"] == 62.0
    assert [service["name"] for service in forward["services_behind"]] == ["web", "api", "worker"]
    assert wait["record"]["outcome"] == "rolled_back"
    assert utc(wait["began_at"]) < utc(wait["ended_at"])  # type: ignore[operator]


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize("do_xcom_push", [False, True])
def test_deferred_wait_shows_its_first_poll(ti: Any, *, do_xcom_push: bool) -> None:
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
    state = deferred.value.trigger.wait_state.to_dict()
    assert {key: wait[key] for key in state} == state


@pytest.mark.usefixtures("simulator")
def test_state_is_pushed_last(ti: Any) -> None:
    """If a worker dies between the two pushes, the state does not name a record that is missing."""
    with pytest.raises(TaskDeferred):
        sensor("good-shop", "deferrable").execute({"ti": ti})
    assert [key for key in ti.xcoms if key.startswith("upgrade")] == ["upgrade_progress", "upgrade_wait"]


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
def test_invalid_event_is_a_failure(event: Any, ti: Any) -> None:
    with pytest.raises(UnexpectedAnswer):
        sensor("shop", "deferrable").execute_complete({"ti": ti}, event)


@pytest.mark.usefixtures("simulator")
def test_worker_checks_the_record_again(ti: Any, clock: Any) -> None:
    """The event of an older triggerer may disagree with its record. The record counts."""
    progress = ServiceFabricHook().get_upgrade_progress("good-shop")
    clock.now += 3600
    event = WaitState(record=progress, ended_by="upgrade").to_dict()
    event["record"]["outcome"] = "succeeded"
    with pytest.raises(
        UnexpectedAnswer, match="unknown result of the wait: ended by 'upgrade' with outcome in_progress"
    ):
        sensor("good-shop", "deferrable").execute_complete({"ti": ti}, event)


def test_dead_triggerer_is_airflows_own_timeout(ti: Any) -> None:
    expected = AirflowException if airflow_version.startswith("2.") else AirflowSensorTimeout
    with pytest.raises(expected, match="Trigger timeout"):
        sensor("shop", "deferrable").resume_execution("__fail__", {"error": "Trigger timeout"}, {"ti": ti})


def test_template_fields() -> None:
    assert sensor("{{ params.a }}").template_fields == (
        "name",
        "kind",
        "service_fabric_conn_id",
        "previous",
        "started_after",
        "target_version",
    )


def test_defaults_are_documented() -> None:
    made = ServiceFabricUpgradeSensor(task_id="wait", name="shop")
    assert (made.poke_interval, made.timeout, made.mode) == (15.0, 21_600.0, "poke")
    assert (made.kind, made.service_fabric_conn_id) == (None, "service_fabric_default")
    assert (made.unreachable_timeout, made.deferrable) == (300.0, False)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"name": "a/b"}, "invalid name 'a/b': it contains the separator '/'"),
        ({"name": ""}, "name is empty"),
        ({"name": "shop", "kind": "mesh"}, "kind 'mesh' is not supported"),
        ({"name": "shop", "kind": ""}, "kind '' is not supported"),
        ({"name": "shop", "unreachable_timeout": -1}, "unreachable_timeout must be .* not -1"),
        ({"name": "shop", "unreachable_timeout": "5m"}, "unreachable_timeout must be .* not '5m'"),
        ({"name": "shop", "mode": "deferrable", "silent_fail": True}, "silent_fail is not supported"),
        ({"name": "shop", "mode": "poke", "silent_fail": True}, "silent_fail is not supported"),
        ({"name": "shop", "mode": "deferrable", "poke_interval": 0}, "poke_interval must be more than 0 s"),
        ({"name": "shop", "unreachable_timeout": float("inf")}, "unreachable_timeout must be .* not inf"),
        ({"name": 5}, "invalid name 5"),
    ],
)
def test_invalid_parameter_is_refused_at_parse_time(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sensor(**keywords)


def test_error_begins_with_the_task() -> None:
    message = "^task 'wait': stall_timeout must be a timedelta or a number of seconds, not '5m'$"
    with pytest.raises(ValueError, match=message):
        sensor("shop", stall_timeout="5m")


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"timeout": "2h"}, "timeout must be a timedelta or a number of seconds, not '2h'"),
        ({"poke_interval": "30"}, "poke_interval must be a timedelta or a number of seconds, not '30'"),
    ],
)
def test_invalid_duration_of_airflow_is_named(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^task 'wait': {message}$"):
        ServiceFabricUpgradeSensor(task_id="wait", name="shop", **keywords)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"poke_interval": 3}, "task 'wait': poke_interval is 3 s"),
        ({"timeout": 12}, r"task 'wait': timeout \(12 s\) is shorter than poke_interval \(15 s\)"),
        ({"deferrable": True, "mode": "reschedule"}, "mode='reschedule' has no effect with deferrable=True"),
    ],
)
def test_odd_parameters_warn(keywords: dict[str, Any], message: str) -> None:
    with pytest.warns(UserWarning, match=message):
        ServiceFabricUpgradeSensor(task_id="wait", name="shop", **keywords)


# The kind of the upgrade.


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("good-shop", None, "application_resource"),
        ("fabric:/good-shop/web", None, "application"),
        ("Fabric:/good-shop/web", None, "application"),
        ("good-shop/web", "application", "application"),
        ("good-shop", "compose_deployment", "compose_deployment"),
    ],
)
@pytest.mark.usefixtures("simulator", "short_pauses")
def test_name_shows_the_kind(
    *, name: str, kind: str | None, expected: str, mode: str, ti: Any, clock: Any
) -> None:
    clock.step = 60.0
    assert run(lambda: sensor(name, mode, kind=kind), ti)["kind"] == expected


def test_rendered_kind_is_checked_in_the_task(ti: Any) -> None:
    made = sensor("{{ params.name }}", kind="{{ params.kind }}", started_after="2026-03-01T03:00:00Z")
    made.name, made.kind = "", "cluster_configuration"
    with pytest.raises(ValueError, match="started_after is not supported for kind 'cluster_configuration'"):
        made.execute({"ti": ti})


def test_rendered_name_shows_the_kind(ti: Any) -> None:
    made = sensor("{{ params.name }}", started_after="2026-03-01T03:00:00Z")
    made.name = "shop/web"
    with pytest.raises(ValueError, match="contains the separator '/'"):
        made.execute({"ti": ti})


def test_arguments_are_keyword_only() -> None:
    with pytest.raises(Exception, match=r"keyword|positional"):
        ServiceFabricUpgradeSensor("wait", "shop")  # type: ignore[call-arg]
