"""The record of a release has what its XComs say, and no values of parameters."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from airflow_provider_sf.releases.gate_state import CheckResult, GateDecision, GateState, Question
from airflow_provider_sf.releases.record_builder import Run, TaskXComs, build_record
from airflow_provider_sf.releases.release_record import Bake, ReleaseRecord
from airflow_provider_sf.upgrades.observed_health import ObservedHealth
from tests.releases.recorded_release import GATE, NOW, RUN, START, UNHEALTHY, release, wait_xcoms
from tests.wait.test_schemas import RELEASE, validate


@pytest.mark.parametrize("scenario", ["good", "rolled_back", "paused", "failed", "superseded", "not_found"])
def test_record_of_each_result_is_valid(scenario: str) -> None:
    record = release(scenario)
    validate(RELEASE, record.to_dict())
    assert ReleaseRecord.from_dict(record.to_dict()) == record


def test_record_has_what_was_changed() -> None:
    upgrade = release().tasks[1]
    change = upgrade.change
    assert change is not None
    assert (change.version_before, change.version_after, change.how) == ("v0", "v1", "started")
    assert change.parameters_before == ("Web_Password",)
    assert change.parameters_after == ("Web_LogLevel", "Web_Password")
    assert [name for name, _ in change.policies] == ["RollingUpgradeMode", "MonitoringPolicy"]
    assert change.posted_at == datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)


def test_record_has_the_states_with_times() -> None:
    upgrade = release().tasks[1]
    assert [phase.outcome for phase in upgrade.timeline] == ["in_progress", "rolling_back", "rolled_back"]
    assert upgrade.timeline[1].first_seen_at == datetime(2026, 3, 1, 3, 6, tzinfo=timezone.utc)
    assert (upgrade.previous_version, upgrade.target_version) == ("v0", "v1")
    assert (upgrade.state, upgrade.map_index, upgrade.ended_by) == ("failed", 0, "upgrade")


def test_record_has_the_health_with_times() -> None:
    bake, upgrade, gate = release().tasks
    start, end = upgrade.health_at_start, upgrade.health_at_end
    assert start is not None
    assert (start.at.minute, start.state, start.unhealthy_evaluations) == (59, "Ok", ())
    assert (end and end.to_dict()) == UNHEALTHY
    assert (bake.bake, bake.health_at_end) == (Bake("healthy", 600.0), None)
    assert (gate.health_at_start, gate.health_at_end, gate.connection) == (None, None, "sf_west")


def test_last_health_of_a_gate_counts() -> None:
    """A gate that leaves the upgrade paused has read the health before its decision."""
    gate = {**GATE, "health": UNHEALTHY}
    record = build_record(RUN, (TaskXComs("gate", None, "failed", {"upgrade_gate": gate}),), NOW)
    assert record.tasks[0].health_at_end == ObservedHealth.from_dict(UNHEALTHY)


def test_record_has_checks_and_answers() -> None:
    gate = release().tasks[2]
    (check,) = gate.decisions[0].checks
    assert (check.name, check.passed, check.message) == ("http_check", False, "HTTP 500 <b>from</b> shop")
    assert (gate.questions[0].answered_by, gate.questions[0].answer, gate.questions[0].acted) == (
        "grace",
        "Roll back",
        True,
    )
    assert (gate.questions[1].timed_out, gate.questions[1].asked_at) == (True, None)


def test_gate_is_recorded_as_it_is_pushed() -> None:
    at = datetime(2026, 3, 1, 3, 2, tzinfo=timezone.utc)
    checks = (CheckResult("http_check", passed=False, message="HTTP 500"),)
    decision = GateDecision(at, "UD1", "UD2", 120.0, checks, "ask", "a check failed")
    question = Question(at, "UD2", "a check failed", "Roll back", at, "kim", acted=True)
    state = GateState("application", "fabric:/shop/web", "v1", decisions=(decision,), questions=(question,))
    pushed = TaskXComs("gate", None, "failed", {"upgrade_gate": state.to_dict()})
    (task,) = build_record(Run("d", "r", None, None, None), (pushed,), at).tasks
    assert [item.to_dict() for item in task.decisions] == [decision.to_dict()]
    assert [item.to_dict() for item in task.questions] == [question.to_dict()]


@pytest.mark.parametrize("secret", ["planted-value", "planted-identity", "planted-member"])
def test_values_are_not_recorded(secret: str) -> None:
    assert secret not in json.dumps(release().to_dict())


def test_queries_of_addresses_are_hidden() -> None:
    wait = wait_xcoms("good")["upgrade_wait"] | {"message": "https://blob/app.sfpkg?sig=planted-sig failed"}
    record = release("good", more={"upgrade_wait": wait})
    assert record.tasks[1].message == "https://blob/app.sfpkg?*** failed"


@pytest.mark.parametrize(
    ("scenario", "outcome"), [("good", "succeeded"), ("rolled_back", "rolled_back"), ("paused", "paused")]
)
def test_outcome_is_that_of_the_upgrade(scenario: str, outcome: str) -> None:
    assert release(scenario).outcome == outcome


def test_last_outcome_of_an_upgrade_counts() -> None:
    paused, good = wait_xcoms("paused"), wait_xcoms("good")
    for wait in (paused, good):
        wait["upgrade_wait"] |= {"kind": "application", "name": "fabric:/shop/web"}
    good["upgrade_wait"] |= {"began_at": "2026-03-01T05:00:00Z"}
    tasks = (TaskXComs("after", None, None, good), TaskXComs("before", None, None, paused))
    record = build_record(RUN, tasks, NOW)
    assert [task.task_id for task in record.tasks] == ["before", "after"]
    assert record.outcome == "succeeded"


def test_release_without_xcoms_is_refused() -> None:
    tasks = (TaskXComs("upgrade", None, "skipped", {"upgrade_wait": None, "return_value": {"other": 1}}),)
    with pytest.raises(ValueError, match=r"no XComs to record, read from: upgrade\. Set task_ids"):
        build_record(RUN, tasks, NOW)
    with pytest.raises(ValueError, match="no task"):
        build_record(RUN, (), NOW)


@pytest.mark.parametrize("names", ["{", "[" * 100_000], ids=["no JSON", "deep"])
def test_strange_members_are_null(names: str) -> None:
    description = {"Parameters": names}
    start = {"schema": START["schema"], "before": 1, "description": description, "posted_at": "soon"}
    gate = {"decisions": [{"at": 1, "checks": [{"passed": "yes"}]}, 5], "questions": {}}
    wait = {"timeline": [{"state": "a"}]}
    values = {"upgrade_start": start, "upgrade_gate": gate, "upgrade_wait": wait, "upgrade_progress": "text"}
    (task,) = build_record(RUN, (TaskXComs("a", None, None, values),), NOW).tasks
    assert task.change is not None
    assert (task.change.posted_at, task.change.parameters_after, task.timeline) == (None, (), ())
    assert (task.decisions[0].at, task.decisions[0].checks[0].passed, len(task.decisions)) == (None, None, 1)
    assert task.unread == ("upgrade_progress",)


def test_unknown_starter_is_null() -> None:
    run: Run = replace(RUN, started_by=None, started_at=None)
    assert release(run=run).to_dict()["started_by"] is None
