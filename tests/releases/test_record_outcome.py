"""A release has succeeded only if each of its upgrades has, and no task has failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.releases.record_builder import TaskXComs, build_record
from tests.releases.recorded_release import NOW, RUN, START, wait_xcoms

if TYPE_CHECKING:
    from airflow_provider_sf.releases.release_record import ReleaseRecord, TaskRecord

GOOD, ROLLED_BACK = wait_xcoms("good"), wait_xcoms("rolled_back")
READ = {"return_value": GOOD["upgrade_progress"]}


def record_of(*tasks: tuple[str, str | None, dict[str, Any]]) -> ReleaseRecord:
    """Return the record of tasks: the id, the state and the XComs of each."""
    xcoms = (TaskXComs(task_id, None, state, values) for task_id, state, values in tasks)
    return build_record(RUN, tuple(xcoms), NOW)


def task_of(record: ReleaseRecord, task_id: str) -> TaskRecord:
    return next(task for task in record.tasks if task.task_id == task_id)


def named(values: dict[str, Any], name: str) -> dict[str, Any]:
    wait = values["upgrade_wait"]
    return {**values, "upgrade_wait": {**wait, "name": name, "kind": "application"}}


def began(values: dict[str, Any], at: str) -> dict[str, Any]:
    return {**values, "upgrade_wait": {**values["upgrade_wait"], "began_at": at}}


@pytest.mark.parametrize("state", ["failed", "upstream_failed"])
def test_refused_upgrade_is_no_success(state: str) -> None:
    """The task has pushed nothing, and the read before it is about the upgrade of an earlier release."""
    assert record_of(("before", "success", READ), ("upgrade", state, {})).outcome == "failed"


@pytest.mark.parametrize("other", [{}, {"upgrade_start": START}])
def test_failed_task_beside_a_success_counts(other: dict[str, Any]) -> None:
    good = named(GOOD, "fabric:/shop/api")
    assert record_of(("a", "success", good), ("b", "failed", other)).outcome == "failed"


def test_unknown_end_is_no_success() -> None:
    """The task that has started the upgrade does not wait, and no other task does."""
    good = named(GOOD, "fabric:/shop/api")
    record = record_of(("a", "success", good), ("b", "success", {"upgrade_start": START}))
    assert record.outcome is None


def test_wait_in_another_task_counts() -> None:
    """The spelling of a name does not matter."""
    good = named(GOOD, "Shop~Web")
    record = record_of(("start", "success", {"upgrade_start": START}), ("wait", "success", good))
    assert record.outcome == "succeeded"


def test_failure_without_details_keeps_the_rollback() -> None:
    rolled_back = named(ROLLED_BACK, "fabric:/shop/web")
    late = {"upgrade_start": START | {"posted_at": "2026-03-01T09:00:00Z"}}
    record = record_of(("upgrade", "failed", rolled_back), ("again", "failed", late))
    assert record.outcome == "rolled_back"


def test_known_outcome_precedes_an_unknown_one() -> None:
    tasks = ("start", "success", {"upgrade_start": START}), ("other", "failed", ROLLED_BACK)
    assert record_of(*tasks).outcome == "rolled_back"


def test_later_success_replaces_a_failure() -> None:
    """The upgrade was paused, and a person has resumed it."""
    later = named(began(GOOD, "2026-03-01T09:00:00Z"), "fabric:/shop/web")
    first = named(wait_xcoms("paused"), "fabric:/shop/web")
    assert record_of(("upgrade", "failed", first), ("resume", "success", later)).outcome == "succeeded"


def test_failed_task_is_no_success() -> None:
    """The upgrade has succeeded, but the task has failed for another reason."""
    assert record_of(("upgrade", "failed", GOOD)).outcome == "failed"


@pytest.mark.parametrize("state", ["success", None])
def test_read_alone_has_its_outcome(state: str | None) -> None:
    assert record_of(("read", state, READ)).outcome == "succeeded"


def test_success_of_another_upgrade_does_not_count() -> None:
    """An upgrade from before is on record until the start timeout, or another one replaces the expected one."""
    wait = GOOD["upgrade_wait"]
    timeline = [*wait["timeline"][:-1], {**wait["timeline"][-1], "expected": False}]
    other = {**GOOD, "upgrade_wait": {**wait, "timeline": timeline, "ended_by": "start_timeout"}}
    for state, outcome in (("failed", "failed"), ("skipped", None)):
        record = record_of(("wait", state, other))
        task = task_of(record, "wait")
        assert (record.outcome, task.outcome, task.upgrade_state) == (outcome, None, None)


def test_application_without_upgrades_is_named() -> None:
    record = record_of(("wait", "failed", wait_xcoms("never_upgraded")))
    assert record.outcome == "not_upgraded"


@pytest.mark.parametrize(
    ("clusters", "indexes", "outcome"),
    [
        (("west", "east"), (None, None), "rolled_back"),
        ((None, None), (0, 1), "rolled_back"),
        (("west", "west"), (None, None), "succeeded"),
        ((None, None), (None, None), "succeeded"),
    ],
)
def test_each_cluster_has_its_outcome(
    clusters: tuple[str | None, ...], indexes: tuple[int | None, ...], outcome: str
) -> None:
    """The same name on another cluster is another upgrade."""
    bad = began(named(ROLLED_BACK, "fabric:/shop/web"), "2026-03-01T01:00:00Z")
    good = began(named(GOOD, "fabric:/shop/web"), "2026-03-01T02:00:00Z")
    tasks = tuple(
        TaskXComs(f"upgrade_{place}", index, None, values, connection=cluster)
        for place, (cluster, index, values) in enumerate(zip(clusters, indexes, (bad, good), strict=True))
    )
    assert build_record(RUN, tasks, NOW).outcome == outcome


def test_failed_bake_time_is_no_success() -> None:
    health = {"at": "2026-03-01T03:00:00Z", "state": "Error", "unhealthy_evaluations": ["a node is down"]}
    baked = {
        "schema": "service_fabric.bake_result/1",
        "kind": "application",
        "name": "fabric:/shop/web",
        "result": "unhealthy",
        "bake_seconds": 600.0,
        "began_at": "2026-03-01T05:00:00Z",
        "ended_at": "2026-03-01T05:10:00Z",
        "health": health,
    }
    upgrade = ("upgrade", "success", named(GOOD, "fabric:/shop/web"))
    record = record_of(upgrade, ("bake", "failed", {"bake_result": baked}))
    assert record.outcome == "failed"
    bake = task_of(record, "bake")
    assert bake.bake is not None
    assert (bake.bake.result, bake.bake.bake_seconds, bake.name) == ("unhealthy", 600.0, "fabric:/shop/web")
    assert (bake.health_at_end and bake.health_at_end.to_dict()) == health
    good = record_of(upgrade, ("bake", "success", {"bake_result": {**baked, "result": "healthy"}}))
    assert good.outcome == "succeeded"
