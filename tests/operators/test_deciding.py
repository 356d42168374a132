"""An upgrade that Service Fabric has paused: a person is asked, and the answer is followed if it still fits."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_sf import airflow_versions
from airflow_provider_sf.exceptions import UpgradeFailed
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators import asking, gate_parameters
from airflow_provider_sf.operators.service_fabric import (
    ServiceFabricRollbackUpgradeOperator,
    ServiceFabricUpgradeApplicationOperator,
)
from airflow_provider_sf.rest.json_values import utc
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
from tests.operators.answers import answer, asked, calls, started_domains
from tests.sensors.running import fire

if TYPE_CHECKING:
    from airflow_provider_sf.simulator import Simulator

pytestmark = pytest.mark.usefixtures("questions")

BAD = "fabric:/idle_rolled_back-shop/web"
LOG: Any = logging.getLogger("operator")


class Upgrade(ServiceFabricUpgradeApplicationOperator):
    log = LOG


def upgrade(**keywords: Any) -> Upgrade:
    """An upgrade that fails a health check in its third upgrade domain, and pauses."""
    options = {"name": BAD, "target_version": "v1", "failure_action": "Manual", "on_paused": "ask"}
    return Upgrade(task_id="upgrade", **{**options, "deferrable": False, "poke_interval": 30, **keywords})


def test_pause_after_a_failure_asks(
    context: Any, simulator: Simulator, questions: Any, ti: Any, caplog: Any
) -> None:
    with caplog.at_level("INFO"):
        asked(lambda: upgrade(assigned_users=[{"id": "3", "name": "kim"}]).execute(context))
    (shown,) = questions
    assert shown["subject"] == f"Continue the upgrade of application '{BAD}' to v1?"
    assert "**Why: Service Fabric has paused the upgrade after a failure: HealthCheck**" in shown["body"]
    assert "| UD3 | Completed |\n| UD4 | **next** |" in shown["body"]
    assert "has fewer replicas ready than it needs" in shown["body"]
    assert "May answer: kim." in shown["body"]
    assert "wait 10m00s, then decide or ask again" in shown["body"]
    assert shown["assigned_users"] == [{"id": "3", "name": "kim"}]
    assert calls(simulator) == ["start"]
    assert ti.xcoms["upgrade_gate"]["questions"][0]["next_upgrade_domain"] == "UD4"
    assert "Waiting for a person: Service Fabric has paused the upgrade" in caplog.text


def test_second_pause_asks_again(context: Any, simulator: Simulator, questions: Any, ti: Any) -> None:
    """After a failure Service Fabric stops before each further upgrade domain."""
    asked(lambda: upgrade().execute(context))
    asked(lambda: upgrade().answered(context, answer("Continue")))
    assert started_domains(simulator) == ["UD4"]
    assert questions[1]["body"].startswith("**Why: the application is unhealthy: Error: service type WebType")
    assert questions[1]["body"].count("has fewer replicas") == 1
    record = upgrade().answered(context, answer("Continue", by="ada"))
    assert (record["outcome"], started_domains(simulator)) == ("succeeded", ["UD4", "UD5"])
    answers = [(item["answered_by"], item["acted"]) for item in ti.xcoms["upgrade_gate"]["questions"]]
    assert answers == [("kim", True), ("ada", True)]


def test_manual_upgrade_asks_before_each_domain(context: Any, simulator: Simulator, questions: Any) -> None:
    manual: dict[str, Any] = {
        "name": "fabric:/idle-shop/web",
        "mode": "UnmonitoredManual",
        "failure_action": None,
    }
    asked(lambda: upgrade(**manual).execute(context))
    for _ in range(3):
        asked(lambda: upgrade(**manual).answered(context, answer("Continue")))
    assert upgrade(**manual).answered(context, answer("Continue"))["outcome"] == "succeeded"
    assert len(questions) == len(started_domains(simulator)) == 4
    assert "**Why: Service Fabric waits before each upgrade domain (UnmonitoredManual" in questions[3]["body"]


def test_answer_rolls_back(context: Any, simulator: Simulator) -> None:
    asked(lambda: upgrade().execute(context))
    with pytest.raises(UpgradeFailed, match="Why: Roll back: answered by kim"):
        upgrade().answered(context, answer("Roll back"))
    assert calls(simulator) == ["start", "rollback", "update"]
    assert ServiceFabricHook().get_upgrade_progress(BAD, kind="application").outcome == "rolled_back"


def test_answer_leaves_the_pause(context: Any, simulator: Simulator, ti: Any) -> None:
    asked(lambda: upgrade(default_answer="leave").execute(context))
    with pytest.raises(UpgradeFailed, match=r"Paused before upgrade domain UD4(?s:.)*no answer in time"):
        upgrade().answered(context, answer("Leave it", by=None))
    assert calls(simulator) == ["start"]
    assert ti.xcoms["upgrade_gate"]["questions"][0]["timed_out"] is True
    ti.try_number, ti.max_tries, ti.xcoms = 2, 1, {}
    asked(lambda: upgrade().execute(context))
    assert calls(simulator) == ["start"]


def test_answer_asks_again_later(context: Any, simulator: Simulator, questions: Any, clock: Any) -> None:
    asked(lambda: upgrade(ask_again_after=1_200).execute(context))
    before = clock.now
    asked(lambda: upgrade(ask_again_after=1_200).answered(context, answer("Wait longer")))
    assert clock.now - before >= 1_200
    assert calls(simulator) == ["start"]
    assert "after a failure: HealthCheck" in questions[1]["body"]


def test_longer_wait_is_deferred(context: Any, simulator: Simulator, clock: Any) -> None:
    """Also if it is longer than ``timeout``, which counts for each upgrade domain."""
    asked(lambda: upgrade().execute(context))
    longer: dict[str, Any] = {"ask_again_after": 36_000, "deferrable": True}
    with pytest.raises(TaskDeferred) as deferred:
        upgrade(**longer).answered(context, answer("Wait longer"))
    keywords = deferred.value.trigger.serialize()[1]
    at = datetime.fromtimestamp(clock.now + 36_000, timezone.utc)
    assert [utc(keywords[name]) for name in ("until", "deadline")] == [at, at]
    clock.now += 36_001
    asked(lambda: upgrade(**longer).bake_ended(context, {"reason": "time"}))
    assert calls(simulator) == ["start"]


def test_late_answer_is_refused(context: Any, simulator: Simulator, clock: Any, ti: Any) -> None:
    asked(lambda: upgrade().execute(context))
    ServiceFabricHook().resume_application_upgrade(BAD, "UD4")
    clock.now += 3_600
    asked(lambda: upgrade().answered(context, answer("Roll back")))
    first, second = ti.xcoms["upgrade_gate"]["questions"]
    assert first["refused_because"] == (
        "the question was about upgrade domain UD4, but it now waits before upgrade domain UD5"
    )
    assert (first["acted"], second["next_upgrade_domain"]) == (False, "UD5")
    assert calls(simulator) == ["start", "resume UD4"]


def test_pause_is_seen_while_deferred(context: Any, simulator: Simulator, clock: Any) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        upgrade(deferrable=True).execute(context)
    clock.now += 3_600
    event = fire(deferred.value)
    asked(lambda: upgrade(deferrable=True).execute_complete(context, event))
    assert calls(simulator) == ["start"]


def test_retry_goes_on_with_the_rollback(context: Any, simulator: Simulator, ti: Any) -> None:
    asked(lambda: upgrade(deferrable=False).execute(context))
    with pytest.raises(TaskDeferred):
        upgrade(deferrable=True).answered(context, answer("Roll back"))
    ti.try_number, ti.xcoms = 2, {}
    with pytest.raises(UpgradeFailed, match="Why: Roll back: answered by kim"):
        upgrade().execute(context)
    assert calls(simulator) == ["start", "rollback", "update"]


def test_upgrade_without_a_pause_asks_nothing(context: Any, questions: Any, ti: Any) -> None:
    assert upgrade(name="fabric:/idle-shop/web").execute(context)["outcome"] == "succeeded"
    assert questions == []
    assert ti.xcoms["upgrade_gate"]["decisions"] == []


def test_time_of_the_person_is_logged(context: Any, simulator: Simulator, clock: Any, caplog: Any) -> None:
    asked(lambda: upgrade().execute(context))
    clock.now += 240
    at = datetime.fromtimestamp(clock.now, timezone.utc)
    with caplog.at_level("INFO"), pytest.raises(UpgradeFailed):
        upgrade().answered(context, answer("Leave it", at=at))
    assert "Time added by this task: 4m00s" in caplog.text
    assert "  before upgrade domain UD4: 4m00s (questions 4m00s)" in caplog.text
    assert calls(simulator) == ["start"]


# Parse time.


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"wait_for_completion": False}, "on_paused='ask' needs wait_for_completion=True"),
        ({"do_xcom_push": False}, "keeps its state in the XCom"),
        ({"default_answer": "no"}, "default_answer must be"),
        ({"ask_again_after": "soon"}, "ask_again_after must be a timedelta"),
        (
            {"assigned_users": [{"id": "3"}]},
            r"assigned_users must be a list of users, for example \[{'id': '3'",
        ),
        ({"assigned_users": ["kim"]}, "assigned_users must be a list of users"),
        ({"on_paused": "stop"}, "on_paused must be 'wait' or 'fail' or 'ask'"),
    ],
)
def test_invalid_parameters_name_the_fix(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"task 'upgrade': .*{message}"):
        upgrade(**keywords)


def test_airflow_3_0_cannot_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed version is replaced: a run has only one. The check that a fixture replaces is real."""
    monkeypatch.setattr(airflow_versions, "INSTALLED", (3, 0))
    monkeypatch.setattr(gate_parameters, "check_can_ask", asking.check_can_ask)
    with pytest.raises(ValueError, match=r"on_paused='ask' asks a person, which needs Airflow 3\.1"):
        upgrade()
    upgrade(on_paused="wait")


@pytest.mark.parametrize("other", [ServiceFabricUpgradeSensor, ServiceFabricRollbackUpgradeOperator])
def test_other_tasks_cannot_follow_an_answer(other: Any) -> None:
    with pytest.raises(
        ValueError, match="on_paused='ask' is only for ServiceFabricUpgradeApplicationOperator"
    ):
        other(task_id="wait", name=BAD, on_paused="ask")
