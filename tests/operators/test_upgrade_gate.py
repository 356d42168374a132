"""The gate between upgrade domains: bake time, checks, rollback, pause, a person; also after a retry."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_sf.exceptions import ChangeRefused, UpgradeFailed
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators import gate_questions, gate_task
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeGateOperator
from airflow_provider_sf.releases import ApplicationHealthPolicy, PausedUpgrade, ServiceTypeHealthPolicy
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.releases.policies import health_policy_from_body
from airflow_provider_sf.releases.upgrade_update import UpgradeUpdate
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.sensors.wait_task import DEFERRAL_MARGIN
from airflow_provider_sf.simulator.responses import FAULTS, fabric_error, json_response
from airflow_provider_sf.triggers.health import ServiceFabricHealthTrigger
from tests.operators.answers import answer, asked, calls, started_domains
from tests.sensors.running import fire

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.simulator import Simulator
    from tests.scripted_cluster import ScriptedCluster

pytestmark = pytest.mark.usefixtures("questions")

SHOP = "fabric:/idle-shop/web"
BAD = "fabric:/idle_rolled_back-shop/web"
NO_RIGHTS = fabric_error(403, "E_ACCESSDENIED", "no rights")
CLOCKS = (gate_task._now, gate_questions._now)
LOG: Any = logging.getLogger("operator")


class Gate(ServiceFabricUpgradeGateOperator):
    log = LOG


def gate(**keywords: Any) -> Gate:
    given = {"name": SHOP, "target_version": "v1", "deferrable": False, "poke_interval": 30, **keywords}
    return Gate(task_id="wait", **given)


def test_each_domain_is_started_in_order(context: Any, simulator: Simulator, ti: Any, caplog: Any) -> None:
    with caplog.at_level("INFO"):
        record = gate(bake_time=60).execute(context)
    assert record["outcome"] == "succeeded"
    assert calls(simulator) == ["start", "resume UD2", "resume UD3", "resume UD4", "resume UD5"]
    decisions = ti.xcoms["upgrade_gate"]["decisions"]
    assert [item["action"] for item in decisions] == ["resume"] * 4
    assert [item["upgrade_domain"] for item in decisions] == ["UD1", "UD2", "UD3", "UD4"]
    assert all(item["healthy_seconds"] >= 60 for item in decisions)
    assert "Upgrade domain UD1 is completed (1 of 5 domains); next is upgrade domain UD2" in caplog.text
    assert "the application is healthy; it must stay so for 1m00s more (bake_time)" in caplog.text
    assert "Starting upgrade domain UD2" in caplog.text


def test_timeline_covers_the_whole_upgrade(context: Any, simulator: Simulator, ti: Any) -> None:
    gate(bake_time=0).execute(context)
    wait = ti.xcoms["upgrade_wait"]
    assert wait["ended_by"] == "upgrade"
    states = [stage["state"] for stage in wait["timeline"]]
    assert states[0] != states[-1] == "RollingForwardCompleted"
    assert len(simulator.journal) == 5


def failing_in(domain: str, words: str = "HTTP 500 from /health") -> Callable[[PausedUpgrade], str | None]:
    def http_check(upgrade: PausedUpgrade) -> str | None:
        return words if upgrade.upgrade_domain == domain else None

    return http_check


def test_failed_check_rolls_back(context: Any, simulator: Simulator, ti: Any) -> None:
    with pytest.raises(UpgradeFailed) as failed:
        gate(checks=[failing_in("UD2")]).execute(context)
    assert str(failed.value) == (
        "Rolled back by this task, stopped before upgrade domain UD3: upgrade of application "
        "'fabric:/idle-shop/web' to v1.\nWhy: http_check: HTTP 500 from /health."
    )
    assert calls(simulator) == ["start", "resume UD2", "rollback", "update"]
    assert ServiceFabricHook().get_upgrade_progress(SHOP, kind="application").outcome == "rolled_back"
    last = ti.xcoms["upgrade_gate"]["decisions"][-1]
    assert (last["action"], last["reason"]) == ("rollback", "http_check: HTTP 500 from /health")
    assert last["checks"] == [{"name": "http_check", "passed": False, "message": "HTTP 500 from /health"}]


ERRORS = "fabric:/idle_http_errors-shop/web"


def test_same_bug_reaches_two_or_all_domains(context: Any, simulator: Simulator, clock: Any, ti: Any) -> None:
    """The version has errors that Service Fabric does not see; without the gate all domains get it."""

    def page_answers(_: PausedUpgrade) -> str | None:
        page = simulator.respond("/simulator/page/idle_http_errors-shop~web")
        return None if page.status == 200 else f"HTTP {page.status}"

    with pytest.raises(UpgradeFailed, match="Why: page_answers: HTTP 500"):
        gate(name=ERRORS, checks=[page_answers], bake_time=60).execute(context)
    assert started_domains(simulator) == ["UD2"]
    last = ti.xcoms["upgrade_gate"]["decisions"][-1]
    assert (last["upgrade_domain"], last["next_upgrade_domain"]) == ("UD2", "UD3")

    simulator.reset(ERRORS)
    plain = ApplicationUpgrade(name=ERRORS, target_version="v1", mode="UnmonitoredAuto")
    ServiceFabricHook().start_application_upgrade(plain)
    clock.now += 3_600
    record = ServiceFabricHook().get_upgrade_progress(ERRORS, kind="application")
    assert [unit.completed for unit in record.domains.upgrade_domains] == [True] * 5
    assert simulator.respond("/simulator/page/idle_http_errors-shop~web").status == 500


def test_failed_check_may_leave_a_pause(context: Any, simulator: Simulator) -> None:
    with pytest.raises(UpgradeFailed, match=r"(?s)Paused before upgrade domain UD2: .*clear this task"):
        gate(checks=[failing_in("UD1")], on_failed_check="pause").execute(context)
    assert calls(simulator) == ["start"]


def broken(_: PausedUpgrade) -> None:
    msg = "no route to host"
    raise ConnectionError(msg)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (broken, "ConnectionError: no route to host"),
        (lambda _: False, "it returned False"),
        (lambda _: 17, "it returned 17, not None, True, False or a text"),
        (lambda _: "line\nbreak", "line break"),
    ],
)
def test_what_counts_as_a_failed_check(check: Any, message: str, context: Any, simulator: Simulator) -> None:
    with pytest.raises(UpgradeFailed, match=message):
        gate(checks=[check], on_failed_check="pause").execute(context)
    assert started_domains(simulator) == []


def test_all_checks_run(context: Any, caplog: Any, simulator: Simulator) -> None:
    with caplog.at_level("INFO"), pytest.raises(UpgradeFailed):
        gate(checks=[lambda _: True, broken, failing_in("UD1")], on_failed_check="pause").execute(context)
    assert "check <lambda> passed" in caplog.text
    assert "check broken failed" in caplog.text
    assert "check http_check failed" in caplog.text
    assert started_domains(simulator) == []


def test_bad_health_rolls_back(context: Any, simulator: Simulator) -> None:
    with pytest.raises(UpgradeFailed, match=r"Why: the application is unhealthy: .*fewer replicas"):
        gate(name=BAD, bake_time=60, health_check_retry=120).execute(context)
    assert started_domains(simulator) == ["UD2", "UD3"]


def test_health_policy_decides(context: Any, simulator: Simulator) -> None:
    policy = ApplicationHealthPolicy(
        service_types={"WebType": ServiceTypeHealthPolicy(max_percent_unhealthy_services=100)}
    )
    record = gate(name=BAD, bake_time=60, health_policy=policy).execute(context)
    assert record["outcome"] == "succeeded"
    assert len(started_domains(simulator)) == 4


@pytest.mark.usefixtures("simulator")
def test_rollback_by_another_is_followed(context: Any) -> None:
    def roll_back(_: PausedUpgrade) -> None:
        ServiceFabricHook().rollback_application_upgrade(SHOP)

    with pytest.raises(UpgradeFailed):
        gate(checks=[roll_back]).execute(context)
    assert ServiceFabricHook().get_upgrade_progress(SHOP, kind="application").outcome == "rolled_back"


@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "unavailable", "timeout_after"])
def test_lost_answer_starts_a_domain_once(fault: str, context: Any, simulator: Simulator) -> None:
    first = iter([True])

    def break_next_write(_: PausedUpgrade) -> None:
        if next(first, False):
            simulator.fault_next_write(fault)

    record = gate(checks=[break_next_write]).execute(context)
    assert record["outcome"] == "succeeded"
    assert started_domains(simulator) == ["UD2", "UD3", "UD4", "UD5"]


def test_domain_started_by_another_is_accepted(context: Any, simulator: Simulator) -> None:
    def resume(upgrade: PausedUpgrade) -> None:
        ServiceFabricHook().resume_application_upgrade(SHOP, upgrade.next_upgrade_domain)

    assert gate(checks=[resume]).execute(context)["outcome"] == "succeeded"
    assert started_domains(simulator) == ["UD2", "UD3", "UD4", "UD5"]


# Deferred.


def deferred_by(step: Callable[[], Any]) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as deferred:
        step()
    return deferred.value


def watch(deferred: TaskDeferred, **changes: Any) -> Any:
    """Run a health trigger from its serialized keywords."""
    path, keywords = deferred.trigger.serialize()
    assert path.endswith("ServiceFabricHealthTrigger")
    keywords = {**json.loads(json.dumps(keywords)), "first_poll_at": "2020-01-01T00:00:00Z", **changes}

    async def drain() -> list[Any]:
        return [event.payload async for event in ServiceFabricHealthTrigger(**keywords).run()]

    (payload,) = asyncio.run(drain())
    for member in ("is_healthy", "until", "deadline"):
        assert payload.pop(member) == keywords[member]
    return payload


def pause_before_ud2(context: Any, clock: Any, **keywords: Any) -> TaskDeferred:
    """Start a deferrable gate, and let its trigger see the first pause; return its bake time."""
    deferred = deferred_by(lambda: gate(deferrable=True, **keywords).execute(context))
    clock.now += 3_600
    event = fire(deferred)
    return deferred_by(lambda: gate(deferrable=True, **keywords).execute_complete(context, event))


def test_bake_time_is_deferred(context: Any, simulator: Simulator, clock: Any) -> None:
    deferred = pause_before_ud2(context, clock, bake_time=600)
    assert deferred.method_name == "bake_ended"
    assert deferred.timeout == timedelta(hours=6) + DEFERRAL_MARGIN
    assert watch(deferred, until="2020-01-01T00:00:00Z") == {"reason": "time"}
    clock.now += 300
    again = deferred_by(lambda: gate(deferrable=True, bake_time=600).bake_ended(context, {"reason": "time"}))
    assert again.method_name == "bake_ended"
    assert started_domains(simulator) == []
    clock.now += 301
    waiting = deferred_by(lambda: gate(deferrable=True, bake_time=600).bake_ended(context, {}))
    assert waiting.method_name == "execute_complete"
    assert started_domains(simulator) == ["UD2"]
    assert waiting.trigger.policy.resumed_domain == "UD2"


def test_bad_moment_begins_the_bake_time_again(context: Any, simulator: Simulator, clock: Any) -> None:
    """The trigger has seen bad health; the application is healthy again when the worker looks."""
    pause_before_ud2(context, clock, bake_time=600)
    clock.now += 500
    deferred_by(lambda: gate(deferrable=True, bake_time=600).bake_ended(context, {"reason": "health"}))
    clock.now += 500
    deferred_by(lambda: gate(deferrable=True, bake_time=600).bake_ended(context, {"reason": "time"}))
    assert started_domains(simulator) == []
    clock.now += 101
    deferred_by(lambda: gate(deferrable=True, bake_time=600).bake_ended(context, {"reason": "time"}))
    assert started_domains(simulator) == ["UD2"]


def test_lost_connection_is_an_outage_later(
    context: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause_before_ud2(context, clock, bake_time=600)
    monkeypatch.delenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT")
    resumed = gate(deferrable=True, bake_time=600, unreachable_timeout=0)
    with pytest.raises(Unreachable, match="connection 'service_fabric_default' could not be read"):
        resumed.bake_ended(context, {"reason": "time"})


def test_bake_time_survives_a_retry(context: Any, simulator: Simulator, clock: Any, ti: Any) -> None:
    pause_before_ud2(context, clock, bake_time=600)
    clock.now += 601
    ti.try_number, ti.max_tries, ti.xcoms = 2, 0, {}  # Airflow deletes the XComs
    deferred_by(lambda: gate(deferrable=True, bake_time=600).execute(context))
    assert started_domains(simulator) == ["UD2"]


def test_trigger_uses_the_health_policy(context: Any, clock: Any) -> None:
    keywords = {"name": BAD, "bake_time": 600, "health_check_retry": 600}
    tolerant = ApplicationHealthPolicy(
        max_percent_unhealthy_deployed_applications=5,
        service_types={"WebType": ServiceTypeHealthPolicy(max_percent_unhealthy_services=100)},
    )
    deferred = pause_before_ud2(context, clock, **keywords, health_policy=tolerant)
    for domain in ("UD2", "UD3"):
        ServiceFabricHook().resume_application_upgrade(BAD, domain)
        clock.now += 3_600
    _, stored = deferred.trigger.serialize()
    assert health_policy_from_body(stored["health_policy"]) == tolerant
    assert watch(deferred, next_domain=None, until="2020-01-01T00:00:00Z") == {"reason": "time"}
    assert watch(deferred, next_domain=None, health_policy=None) == {"reason": "health"}


def test_trigger_waits_out_an_outage(context: Any, simulator: ScriptedCluster, clock: Any) -> None:
    deferred = pause_before_ud2(context, clock, bake_time=600)
    health = json_response({"Name": SHOP, "AggregatedHealthState": "Error"})
    simulator.script("/$/GetHealth", *[FAULTS["unavailable"]] * 2, health)
    assert watch(deferred, poke_interval=0.001) == {"reason": "health"}
    assert started_domains(simulator) == []


def test_refused_read_wakes_the_task(context: Any, clock: Any, simulator: Simulator) -> None:
    deferred = pause_before_ud2(context, clock, bake_time=600)
    assert watch(deferred, name="fabric:/not_found-shop") == {"reason": "error"}
    assert started_domains(simulator) == []


def test_trigger_sees_bad_health(context: Any, simulator: Simulator, clock: Any) -> None:
    deferred = pause_before_ud2(context, clock, bake_time=600)
    assert watch(deferred, is_healthy=False) == {"reason": "health"}
    assert started_domains(simulator) == []


def test_trigger_sees_a_moved_upgrade(context: Any, simulator: Simulator, clock: Any) -> None:
    deferred = pause_before_ud2(context, clock, bake_time=600)
    ServiceFabricHook().resume_application_upgrade(SHOP, "UD2")
    assert watch(deferred) == {"reason": "upgrade"}
    waiting = deferred_by(lambda: gate(deferrable=True, bake_time=600).bake_ended(context, {}))
    assert waiting.method_name == "execute_complete"
    assert started_domains(simulator) == ["UD2"]


def test_outage_during_a_bake_ends_the_watch(context: Any, simulator: Simulator, clock: Any) -> None:
    deferred = pause_before_ud2(context, clock, bake_time=600)
    simulator.stop()
    assert watch(deferred, unreachable_timeout=0.0) == {"reason": "error"}


def test_rollback_is_deferred(context: Any, simulator: Simulator, clock: Any) -> None:
    keywords = {"bake_time": 0, "checks": [failing_in("UD1")]}
    deferred = deferred_by(lambda: gate(deferrable=True, **keywords).execute(context))
    clock.now += 3_600
    event = fire(deferred)
    waiting = deferred_by(lambda: gate(deferrable=True, **keywords).execute_complete(context, event))
    assert waiting.method_name == "rolled_back"
    clock.now += 3_600
    with pytest.raises(UpgradeFailed, match="Why: http_check"):
        gate(deferrable=True, **keywords).rolled_back(context, fire(waiting))
    assert calls(simulator) == ["start", "rollback", "update"]


def test_retry_goes_on_with_a_rollback(context: Any, simulator: Simulator, clock: Any, ti: Any) -> None:
    keywords = {"bake_time": 0, "checks": [failing_in("UD1")]}
    deferred = deferred_by(lambda: gate(deferrable=True, **keywords).execute(context))
    clock.now += 3_600
    event = fire(deferred)
    deferred_by(lambda: gate(deferrable=True, **keywords).execute_complete(context, event))
    ti.try_number, ti.xcoms = 2, {}
    with pytest.raises(UpgradeFailed, match="Why: http_check"):
        gate(bake_time=0).execute(context)
    assert started_domains(simulator) == []


def test_retry_rolls_an_upgrade_of_another_back(context: Any, simulator: Simulator, ti: Any) -> None:
    start_elsewhere()
    upgrade = ServiceFabricHook().get_upgrade_progress(SHOP, kind="application").to_dict()
    keywords: dict[str, Any] = {"target_version": None, "upgrade": upgrade, "checks": [failing_in("UD1")]}
    with pytest.raises(UpgradeFailed):
        gate(**keywords).execute(context)
    ti.try_number, ti.xcoms = 2, {}
    with pytest.raises(UpgradeFailed, match="Why: http_check"):
        gate(**keywords).execute(context)
    assert calls(simulator) == ["start", "rollback", "update"]


def test_retry_after_a_rollback_has_its_reason(
    context: Any, clock: Any, simulator: Simulator, ti: Any
) -> None:
    with pytest.raises(UpgradeFailed):
        gate(checks=[failing_in("UD1")]).execute(context)
    clock.now += 3_600
    ti.try_number, ti.xcoms = 2, {}
    with pytest.raises(UpgradeFailed, match="Why: http_check"):
        gate().execute(context)
    assert calls(simulator) == ["start", "rollback", "update"]


def test_refused_resumption_is_an_error(context: Any, simulator: ScriptedCluster) -> None:
    simulator.script("/$/MoveToNextUpgradeDomain", NO_RIGHTS)
    with pytest.raises(Rejected, match="no rights"):
        gate().execute(context)
    assert started_domains(simulator) == []


def test_clocks_are_in_utc() -> None:
    assert all(clock().tzinfo is timezone.utc for clock in CLOCKS)


def test_cleared_task_checks_again(context: Any, simulator: Simulator, ti: Any) -> None:
    with pytest.raises(UpgradeFailed):
        gate(checks=[failing_in("UD1")], on_failed_check="pause").execute(context)
    ti.try_number, ti.max_tries, ti.xcoms = 2, 1, {}
    assert gate().execute(context)["outcome"] == "succeeded"
    assert calls(simulator).count("start") == 1


# An upgrade that something else has started.


def start_elsewhere() -> None:
    ServiceFabricHook().start_application_upgrade(
        ApplicationUpgrade(name=SHOP, target_version="v1", mode="UnmonitoredManual")
    )


def test_upgrade_of_another_is_driven(context: Any, simulator: Simulator) -> None:
    start_elsewhere()
    upgrade = ServiceFabricHook().get_upgrade_progress(SHOP, kind="application").to_dict()
    assert gate(target_version=None, upgrade=upgrade).execute(context)["outcome"] == "succeeded"
    assert calls(simulator) == ["start", "resume UD2", "resume UD3", "resume UD4", "resume UD5"]


def test_one_domain_is_left_to_other_tasks(context: Any, simulator: Simulator, clock: Any) -> None:
    start_elsewhere()
    upgrade = ServiceFabricHook().get_upgrade_progress(SHOP, kind="application").to_dict()
    clock.now += 3_600
    keywords = {"target_version": None, "upgrade": upgrade, "upgrade_domain": "UD2"}
    assert gate(**keywords).execute(context)["outcome"] == "paused"
    assert calls(simulator) == ["start"]
    ServiceFabricHook().resume_application_upgrade(SHOP, "UD2")
    clock.now += 3_600
    keywords["upgrade_domain"] = "UD4"
    deferred_by(lambda: gate(**keywords, deferrable=True).execute(context))


def replace_the_upgrade(clock: Any) -> None:
    """Start another upgrade in the same mode; it pauses before the same upgrade domain."""
    hook = ServiceFabricHook()
    hook.rollback_application_upgrade(SHOP)
    hook.update_application_upgrade(UpgradeUpdate(name=SHOP, mode="UnmonitoredAuto"))
    clock.now += 3_600
    other = ApplicationUpgrade(name=SHOP, target_version="v2", mode="UnmonitoredManual")
    hook.start_application_upgrade(other)
    clock.now += 3_600


OTHERS = ["start", "rollback", "update", "start"]


def test_upgrade_that_replaces_ours_is_left_alone(context: Any, simulator: Simulator, clock: Any) -> None:
    pause_before_ud2(context, clock, bake_time=600)
    replace_the_upgrade(clock)
    with pytest.raises(UpgradeFailed, match="Superseded by another upgrade"):
        gate(deferrable=True, bake_time=600).bake_ended(context, {"reason": "time"})
    assert calls(simulator) == OTHERS


@pytest.mark.parametrize("option", ["Continue", "Roll back"])
def test_answer_is_not_for_another_upgrade(
    option: str, context: Any, simulator: Simulator, clock: Any, ti: Any
) -> None:
    asked(lambda: gate(max_domains=1).execute(context))
    replace_the_upgrade(clock)
    with pytest.raises(UpgradeFailed, match="Superseded by another upgrade"):
        gate(max_domains=1).answered(context, answer(option))
    assert calls(simulator) == OTHERS
    assert ti.xcoms["upgrade_gate"]["questions"][0]["refused_because"].endswith("or it is another one")


# A person.


def test_person_approves_the_second_domain(
    context: Any, simulator: Simulator, questions: Any, ti: Any
) -> None:
    keywords = {"approve_before": "second_domain"}
    asked(lambda: gate(**keywords).execute(context))
    assert started_domains(simulator) == []
    assert gate(**keywords).answered(context, answer("Continue"))["outcome"] == "succeeded"
    assert started_domains(simulator) == ["UD2", "UD3", "UD4", "UD5"]
    (question,) = ti.xcoms["upgrade_gate"]["questions"]
    assert (question["answer"], question["answered_by"], question["acted"]) == ("Continue", "kim", True)
    (shown,) = questions
    assert shown["subject"] == "Continue the upgrade of application 'fabric:/idle-shop/web' to v1?"
    assert "| UD2 | **next** |" in shown["body"]
    assert "**Why: the second upgrade domain needs an approval" in shown["body"]
    assert shown["default"] == "Leave it"


def test_each_domain_needs_its_approval(context: Any, simulator: Simulator, questions: Any) -> None:
    keywords = {"approve_before": "each_domain"}
    asked(lambda: gate(**keywords).execute(context))
    for _ in range(3):
        asked(lambda: gate(**keywords).answered(context, answer("Continue")))
    assert gate(**keywords).answered(context, answer("Continue"))["outcome"] == "succeeded"
    assert len(questions) == 4
    assert len(started_domains(simulator)) == 4


def test_canary_asks_after_some_domains(context: Any, simulator: Simulator) -> None:
    asked(lambda: gate(max_domains=2).execute(context))
    assert started_domains(simulator) == ["UD2"]
    assert gate(max_domains=2).answered(context, answer("Continue"))["outcome"] == "succeeded"


def test_start_needs_an_approval(context: Any, simulator: Simulator, questions: Any) -> None:
    keywords = {"approve_before": "start"}
    asked(lambda: gate(**keywords).execute(context))
    assert calls(simulator) == []
    assert "nothing is started and the task fails" in questions[0]["body"]
    asked(lambda: gate(**keywords).answered(context, answer("Wait longer")))
    assert gate(**keywords).answered(context, answer("Continue"))["outcome"] == "succeeded"
    assert calls(simulator)[0] == "start"


@pytest.mark.parametrize("option", ["Roll back", "Leave it"])
def test_refused_start_changes_nothing(option: str, context: Any, simulator: Simulator) -> None:
    asked(lambda: gate(approve_before="start").execute(context))
    with pytest.raises(ChangeRefused, match=f"Not started: {option}: answered by kim"):
        gate(approve_before="start").answered(context, answer(option))
    assert calls(simulator) == []


def release_another(version: str = "v1") -> None:
    other = ApplicationUpgrade(name=SHOP, target_version=version, mode="UnmonitoredAuto")
    ServiceFabricHook().start_application_upgrade(other)


@pytest.mark.parametrize("option", ["Continue", "Leave it"])
def test_late_approval_of_a_start_is_refused(
    option: str, context: Any, simulator: Simulator, clock: Any, ti: Any
) -> None:
    """Something else was released between the question and the answer."""
    keywords = {"approve_before": "start", "target_version": "v2"}
    asked(lambda: gate(**keywords).execute(context))
    release_another()
    clock.now += 3_600
    asked(lambda: gate(**keywords).answered(context, answer(option)))
    first, second = ti.xcoms["upgrade_gate"]["questions"]
    assert (first["acted"], second["answer"]) == (False, None)
    assert first["refused_because"] == "the question was about the start from v0, but v1 is deployed now"
    assert len(calls(simulator)) == 1
    assert gate(**keywords).answered(context, answer("Continue"))["outcome"] == "succeeded"
    assert calls(simulator).count("start") == 2


def test_approval_of_a_start_expires(context: Any, simulator: ScriptedCluster, clock: Any, ti: Any) -> None:
    """The start failed after the approval; before the retry, the application was upgraded and brought back."""
    keywords = {"approve_before": "start", "target_version": "v2"}
    asked(lambda: gate(**keywords).execute(context))
    simulator.script("/$/Upgrade", NO_RIGHTS, None)
    with pytest.raises(ChangeRefused, match="no rights"):
        gate(**keywords).answered(context, answer("Continue"))
    for version in ("v1", "v0"):
        release_another(version)
        clock.now += 3_600
    ti.try_number, ti.xcoms = 2, {}
    asked(lambda: gate(**keywords).execute(context))
    assert len(calls(simulator)) == 2


def test_another_upgrade_of_the_same_version_is_noticed(context: Any, clock: Any, ti: Any) -> None:
    keywords = {"approve_before": "start", "target_version": "v2"}
    asked(lambda: gate(**keywords).execute(context))
    for version in ("v1", "v0"):
        release_another(version)
        clock.now += 3_600
    asked(lambda: gate(**keywords).answered(context, answer("Continue")))
    first = ti.xcoms["upgrade_gate"]["questions"][0]
    assert first["refused_because"] == "another upgrade was started since the question, and v0 is deployed"


def test_failed_check_asks(context: Any, simulator: Simulator, questions: Any) -> None:
    keywords = {"checks": [failing_in("UD1", "5 | errors")], "on_failed_check": "ask"}
    asked(lambda: gate(**keywords).execute(context))
    assert "check http\\_check **failed**: 5 \\| errors" in questions[0]["body"]
    assert gate(**keywords).answered(context, answer("Continue"))["outcome"] == "succeeded"
    assert len(started_domains(simulator)) == 4


def test_person_rolls_back(context: Any, simulator: Simulator) -> None:
    asked(lambda: gate(max_domains=1).execute(context))
    with pytest.raises(UpgradeFailed, match="Why: Roll back: answered by kim"):
        gate(max_domains=1).answered(context, answer("Roll back"))
    assert calls(simulator) == ["start", "rollback", "update"]


def test_person_leaves_the_pause(context: Any, simulator: Simulator, ti: Any) -> None:
    asked(lambda: gate(max_domains=1).execute(context))
    with pytest.raises(UpgradeFailed, match="Why: Leave it: no answer in time"):
        gate(max_domains=1).answered(context, answer("Leave it", by=None))
    assert calls(simulator) == ["start"]
    assert ti.xcoms["upgrade_gate"]["decisions"][-1]["action"] == "pause"


def test_person_waits_longer(context: Any, simulator: Simulator, clock: Any) -> None:
    keywords = {"max_domains": 1, "bake_time": 600}
    asked(lambda: gate(**keywords).execute(context))
    before = clock.now
    asked(lambda: gate(**keywords).answered(context, answer("Wait longer")))
    assert clock.now - before >= 600
    assert calls(simulator) == ["start"]


def test_late_answer_is_not_followed(context: Any, simulator: Simulator, clock: Any, ti: Any) -> None:
    asked(lambda: gate(max_domains=1).execute(context))
    ServiceFabricHook().resume_application_upgrade(SHOP, "UD2")
    clock.now += 3_600
    asked(lambda: gate(max_domains=1).answered(context, answer("Roll back")))
    first, second = ti.xcoms["upgrade_gate"]["questions"]
    assert first["acted"] is False
    assert first["refused_because"] == (
        "the question was about upgrade domain UD2, but it now waits before upgrade domain UD3"
    )
    assert second["next_upgrade_domain"] == "UD3"
    assert calls(simulator) == ["start", "resume UD2"]


@pytest.mark.parametrize("approve_before", ["start", "second_domain"])
def test_other_option_is_asked_again(
    approve_before: str, context: Any, simulator: Simulator, ti: Any
) -> None:
    """Before Airflow 3.3 the REST API accepts any text."""
    keywords = {"approve_before": approve_before}
    asked(lambda: gate(**keywords).execute(context))
    before = calls(simulator)
    asked(lambda: gate(**keywords).answered(context, answer("Nuke")))
    first, second = ti.xcoms["upgrade_gate"]["questions"]
    assert (first["answer"], first["acted"]) == ("Nuke", False)
    assert first["refused_because"] == "the options are Continue, Wait longer, Roll back, Leave it"
    assert (second["next_upgrade_domain"], second["answer"]) == (first["next_upgrade_domain"], None)
    assert calls(simulator) == before
    assert gate(**keywords).answered(context, answer("Continue"))["outcome"] == "succeeded"


def test_answer_after_the_end_is_not_followed(context: Any, simulator: Simulator, clock: Any) -> None:
    asked(lambda: gate(max_domains=1).execute(context))
    for domain in ("UD2", "UD3", "UD4", "UD5"):
        ServiceFabricHook().resume_application_upgrade(SHOP, domain)
        clock.now += 3_600
    assert gate(max_domains=1).answered(context, answer("Roll back"))["outcome"] == "succeeded"
    assert "rollback" not in calls(simulator)


@pytest.mark.parametrize(
    ("option", "end"), [("Roll back", ["start", "rollback"]), ("Continue", ["start", "resume UD2"])]
)
def test_answer_during_an_outage_is_kept(
    option: str, end: list[str], context: Any, simulator: Simulator, questions: Any
) -> None:
    """The retry follows it, and asks nothing."""
    asked(lambda: gate(max_domains=1).execute(context))
    simulator.down(0)
    with pytest.raises(Unreachable):
        gate(max_domains=1, unreachable_timeout=0).answered(context, answer(option))
    simulator.up(0)
    context["ti"].try_number, context["ti"].xcoms = 2, {}
    with suppress(UpgradeFailed):
        gate(max_domains=1).execute(context)
    assert calls(simulator)[:2] == end
    assert len(questions) == 1


@pytest.mark.parametrize(("option", "starts"), [("Continue", 1), ("Leave it", 0)])
def test_answer_about_the_start_is_kept(
    option: str, starts: int, context: Any, simulator: Simulator, questions: Any
) -> None:
    asked(lambda: gate(approve_before="start").execute(context))
    simulator.down(0)
    with pytest.raises(Unreachable):
        gate(approve_before="start", unreachable_timeout=0).answered(context, answer(option))
    simulator.up(0)
    context["ti"].try_number, context["ti"].xcoms = 2, {}
    with suppress(ChangeRefused):
        gate(approve_before="start").execute(context)
    assert calls(simulator).count("start") == starts
    assert len(questions) == 1


def test_notifiers_are_called(context: Any, simulator: Simulator) -> None:
    notified: list[Any] = []
    asked(lambda: gate(max_domains=1, notifiers=[notified.append]).execute(context))
    assert notified == [context]
    assert calls(simulator) == ["start"]


@pytest.mark.parametrize("event", [None, {}, {"chosen_options": []}, {"error": "timeout"}])
def test_odd_answer_is_an_error(event: Any, context: Any, simulator: Simulator) -> None:
    asked(lambda: gate(max_domains=1).execute(context))
    with pytest.raises(ValueError, match="not an answer"):
        gate(max_domains=1).answered(context, event)
    assert calls(simulator) == ["start"]


# Parse time.


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"mode": "Monitored"}, "mode is not supported"),
        ({"on_paused": "wait"}, "on_paused is not supported"),
        ({"wait_for_completion": False}, "stand still"),
        ({"failure_action": "Manual"}, "set on_failed_check"),
        ({"target_version": None}, "set target_version"),
        ({"upgrade": {}}, "not both"),
        ({"checks": ["http"]}, "checks must be a list of functions"),
        ({"checks": failing_in("UD1")}, "checks must be a list of functions"),
        ({"on_failed_check": "retry"}, "'rollback' or 'pause' or 'ask'"),
        ({"approve_before": "third_domain"}, "approve_before must be"),
        ({"max_domains": 0}, "max_domains must be a number from 1 on"),
        ({"bake_time": -1}, "bake_time must be"),
        ({"bake_time": 60, "timeout": 60}, r"bake_time \(60 s\) must be shorter than timeout \(60 s\)"),
        ({"do_xcom_push": False}, "keeps its state in the XCom"),
        ({"default_answer": "no"}, "default_answer must be"),
        ({"target_version": None, "upgrade": {}, "approve_before": "start"}, "has started already"),
    ],
)
def test_invalid_parameters_name_the_fix(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"task 'wait': .*{message}"):
        gate(**keywords)


def test_plan_starts_nothing(context: Any, simulator: Simulator) -> None:
    assert gate(plan=True).execute(context)["target_version"] == "v1"
    assert calls(simulator) == []


def test_durations_may_be_timedeltas() -> None:
    assert gate(bake_time=timedelta(minutes=5), answer_timeout=timedelta(hours=1)).bake_time == 300
