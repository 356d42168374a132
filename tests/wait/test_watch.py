"""A watch over histories of a modelled cluster manager: each end once, and no other."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.upgrade_end import END_OUTCOMES, UpgradeEnd
from airflow_provider_sf.wait.watch import WatchState, key_facts, observe
from tests.wait.cluster_manager import ClusterManager, Request

if TYPE_CHECKING:
    from collections.abc import Iterable

MANY = settings(max_examples=4 * settings().max_examples)
NOW = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)


def record(state: str, start: int | None = 1, version: str | None = "v1", **fields: Any) -> UpgradeProgress:
    """Return a record of a classic application; its upgrade started at minute ``start``."""
    started_at = None if start is None else NOW + timedelta(minutes=start)
    fields = {
        "kind": "application",
        "name": "fabric:/shop/web",
        "rolling_upgrade_mode": "Monitored",
        **fields,
    }
    return UpgradeProgress(state=state, started_at=started_at, target_version=version, **fields)


def watch(*records: UpgradeProgress, state: WatchState | None = None) -> list[UpgradeEnd]:
    """Return the ends that a series of records shows. The state is stored and read between two records."""
    state = state or WatchState()
    found: list[UpgradeEnd] = []
    for poll, seen in enumerate(records):
        state, ends = observe(state, seen, NOW + timedelta(hours=poll))
        found += ends
        state = WatchState.from_dict(json.loads(json.dumps(state.to_dict(), allow_nan=False)))
    return found


def short(ends: list[UpgradeEnd]) -> list[tuple[str, str | None]]:
    return [(end.outcome, end.target_version) for end in ends]


FORWARD, DONE = "RollingForwardInProgress", "RollingForwardCompleted"
BACK, BACK_DONE = "RollingBackInProgress", "RollingBackCompleted"
OLD = record(DONE, 0, "v0")
NEVER = record(DONE, None, "v0", rolling_upgrade_mode="Invalid")


@pytest.mark.parametrize(
    ("records", "ends"),
    [
        pytest.param([OLD, OLD], [], id="ended before the watch"),
        pytest.param([NEVER, NEVER], [], id="never upgraded"),
        pytest.param(
            [OLD, record(FORWARD), record(DONE), record(DONE)], [("succeeded", "v1")], id="whole upgrade"
        ),
        pytest.param(
            [record(FORWARD), record(DONE)], [("succeeded", "v1")], id="in flight at the first look"
        ),
        pytest.param(
            [record(FORWARD), record(BACK, 1, "v0"), record(BACK_DONE, 1, "v0"), record(BACK_DONE, 1, "v0")],
            [("rolled_back", "v1")],
            id="rollback",
        ),
        pytest.param(
            [record(BACK, 1, "v0"), record(BACK_DONE, 1, "v0")],
            [("rolled_back", None)],
            id="rollback in flight at the first look",
        ),
        pytest.param([OLD, record(FORWARD), record("Failed")], [("failed", "v1")], id="failure"),
        pytest.param([OLD, record(DONE)], [("succeeded", "v1")], id="between two polls"),
        pytest.param(
            [OLD, record(BACK_DONE, 1, "v0")], [("rolled_back", None)], id="rollback between two polls"
        ),
        pytest.param([NEVER, record(DONE)], [("succeeded", "v1")], id="first ever, between two polls"),
        pytest.param(
            [OLD, record(FORWARD), record(FORWARD, 2, "v2"), record(DONE, 2, "v2")],
            [("superseded", "v1"), ("succeeded", "v2")],
            id="superseded",
        ),
        pytest.param(
            [OLD, record(FORWARD), record(DONE, 2, "v2")],
            [("superseded", "v1"), ("succeeded", "v2")],
            id="superseded during an outage",
        ),
        pytest.param(
            [OLD, record(FORWARD), NEVER, NEVER, record(FORWARD, 9), record(DONE, 9)],
            [("succeeded", "v1")],
            id="created again during an upgrade",
        ),
        pytest.param(
            [OLD, record(FORWARD), record(DONE), NEVER, record(DONE)],
            [("succeeded", "v1")],
            id="one answer without an upgrade",
        ),
        pytest.param(
            [record(FORWARD), NEVER, record(DONE, 9)],
            [("succeeded", "v1")],
            id="created again after the first look",
        ),
        pytest.param(
            [OLD, record("NewState"), record(FORWARD), record("NewState"), record(DONE)],
            [("succeeded", "v1")],
            id="unknown states",
        ),
        pytest.param([record("NewState"), OLD], [], id="unknown state at the first look"),
        pytest.param(
            [OLD, record(FORWARD), OLD, record(FORWARD), record(DONE)],
            [("succeeded", "v1")],
            id="old answer during the upgrade",
        ),
        pytest.param(
            [OLD, record(DONE), record(FORWARD), record(DONE)],
            [("succeeded", "v1")],
            id="old answer after it",
        ),
        pytest.param(
            [OLD, record(DONE, -60)], [("succeeded", "v1")], id="clock of the cluster set back by an hour"
        ),
        pytest.param(
            [OLD, record(DONE, None, "v0"), record(DONE, None, "v0")],
            [("succeeded", "v0")],
            id="upgrade to the deployed version",
        ),
    ],
)
def test_series_of_records_shows_these_ends(
    records: list[UpgradeProgress], ends: list[tuple[str, str | None]]
) -> None:
    assert short(watch(*records)) == ends


def run_manager(kind: str, requests: list[Request]) -> ClusterManager:
    manager = ClusterManager(kind)
    manager.run(requests)
    return manager


def records_at(manager: ClusterManager, seconds: Iterable[float]) -> list[UpgradeProgress]:
    name = "shop" if KINDS[manager.kind].takes_name else ""
    return [
        UpgradeProgress.from_answer(manager.kind, name, manager.entry_at(second).body) for second in seconds
    ]


def moments(manager: ClusterManager) -> list[float]:
    """Return a second before all requests, and one for each answer."""
    return sorted({0.0, *(entry.at for entry in manager.entries if entry.at > 0)})


OUTCOMES = {
    "succeeds": "succeeded",
    "pauses": "succeeded",
    "rolls back": "rolled_back",
    "fails": "failed",
    "called off": "rolled_back",
}


@st.composite
def histories(draw: st.DrawFn) -> ClusterManager:
    kind = draw(st.sampled_from(sorted(KINDS)))
    ends = ["succeeds", "rolls back", "fails", "pauses"]
    if kind in {"compose_deployment", "application_resource"}:
        ends += ["fails early", "rolls back early"]
    if kind == "cluster_configuration":
        ends = ["succeeds", "rolls back", "refused"]
    requests, now = [], 0.0
    for number in range(draw(st.integers(1, 4))):
        now += draw(st.sampled_from([75.0, 130.0, 400.0]))
        version = draw(st.sampled_from(["v0", f"v{number + 1}", "v1"]))
        requests.append(Request(now, version, draw(st.sampled_from(ends)), phases=draw(st.integers(1, 3))))
    return run_manager(kind, requests)


def expected_ends(manager: ClusterManager) -> list[str]:
    return [OUTCOMES[result] for result in manager.results if result in OUTCOMES]


def hidden_ends(manager: ClusterManager) -> int:
    """Return how many ends no answer shows: the next upgrade starts in the same second."""
    seconds = moments(manager)
    requests = [manager.entry_at(second).request for second in seconds]
    active = [record.outcome.active for record in records_at(manager, seconds)]
    pairs = zip(requests, requests[1:], active, active[1:], strict=False)
    return sum(first != second and all(both) for first, second, *both in pairs)


@MANY
@given(histories())
def test_each_end_is_found_once(manager: ClusterManager) -> None:
    ends = watch(*records_at(manager, moments(manager)))
    found = [end.outcome for end in ends]
    expected = expected_ends(manager)
    assert found.count("superseded") == hidden_ends(manager)
    assert [
        end if end != "superseded" else real for end, real in zip(found, expected, strict=True)
    ] == expected
    assert all(end.outcome in END_OUTCOMES for end in ends)


@MANY
@given(histories(), st.data())
def test_missed_polls_invent_no_end(manager: ClusterManager, data: st.DataObject) -> None:
    """The watch begins late, and the cluster is unreachable at times. What is found, has happened."""
    polled = sorted(data.draw(st.sets(st.sampled_from(moments(manager)), min_size=1)))
    found = watch(*records_at(manager, [*polled, *polled[-1:]]))
    known = iter(expected_ends(manager))
    assert all(end.outcome in known for end in found if end.outcome != "superseded")
    assert len(found) <= len(expected_ends(manager))


@MANY
@given(histories(), st.data())
def test_latest_end_is_never_missed(manager: ClusterManager, data: st.DataObject) -> None:
    """All polls but the first and the last are missed. Only upgrades that leave no trace are not found."""
    first = data.draw(st.sampled_from(moments(manager)))
    before, after = records_at(manager, [first, moments(manager)[-1]])
    found = watch(before, after)
    if before.outcome is Outcome.UNKNOWN:
        assert found == []  # then the last record is the first one that is known
        return
    if after.started_at is not None and before.started_at != after.started_at and before.started_at:
        assert found[-1].outcome == expected_ends(manager)[-1]
    if key_facts(before) == key_facts(after):
        assert found == []


def test_end_has_the_facts_of_the_upgrade() -> None:
    back: dict[str, Any] = {"failed_at": NOW, "failure_reason": "HealthCheck", "previous_version": None}
    done = record(BACK_DONE, 1, "v0", duration_seconds=600.0, percent_completed=100.0, **back)
    (end,) = watch(OLD, record(FORWARD), record(BACK, 1, "v0", **back), done)
    assert end.to_dict() == {
        "schema": "service_fabric.upgrade_end/1",
        "kind": "application",
        "name": "fabric:/shop/web",
        "outcome": "rolled_back",
        "target_version": "v1",
        "previous_version": "v0",
        "config_version": None,
        "started_at": "2026-03-01T03:01:00Z",
        "failed_at": "2026-03-01T03:00:00Z",
        "duration_seconds": 600.0,
        "failure_reason": "HealthCheck",
    }


def test_superseded_end_has_no_duration() -> None:
    running = record(FORWARD, duration_seconds=60.0)
    superseded, _ = watch(OLD, running, record(DONE, 2, "v2", duration_seconds=60.0))
    assert (superseded.started_at, superseded.duration_seconds) == (running.started_at, None)


def test_state_holds_no_more_than_identities() -> None:
    """It is stored in Airflow's database, and grows neither with the cluster nor with time."""
    text: dict[str, Any] = {
        "status_details": "x" * 1000,
        "unhealthy_evaluations": ("y" * 1000,),
        "percent_completed": 5.0,
    }
    state, _ = observe(WatchState(), record(FORWARD, **text), NOW)
    again, _ = observe(state, record(FORWARD, percent_completed=50.0), NOW)
    assert again is state
    assert len(json.dumps(state.to_dict())) < 3_000


def test_end_of_an_accepted_version_has_it() -> None:
    assert (
        UpgradeEnd.of(NEVER).to_dict().items() >= {"outcome": "not_upgraded", "target_version": "v0"}.items()
    )


def test_called_off_cluster_upgrade_is_one_end() -> None:
    """Both upgrades happened between two polls: only the one to the old version is on record."""
    cluster: dict[str, Any] = {"kind": "cluster", "name": "", "failure_reason": "Interrupted"}
    old = record(DONE, 0, "10.0", kind="cluster", name="")
    assert short(watch(old, record(DONE, 1, "10.0", **cluster))) == [("succeeded", "10.0")]


@pytest.mark.parametrize("earlier", [0, 1])
@pytest.mark.parametrize("phases", [1, 2])
def test_undone_configuration_is_rolled_back(earlier: int, phases: int) -> None:
    """Service Fabric undoes it by upgrades forward, and after the first one ever, none is on record."""
    requests = [Request(100.0, "v1")][:earlier]
    manager = run_manager(
        "cluster_configuration", [*requests, Request(1000.0, "v2", "rolls back", phases=phases)]
    )
    ends = watch(*records_at(manager, [900.0, *moments(manager)[1:]]))
    assert [end.outcome for end in ends][-1] == "rolled_back"


def test_phase_is_no_end_at_the_first_look() -> None:
    manager = run_manager("cluster_configuration", [Request(100.0, "v1"), Request(1000.0, "v2", phases=3)])
    ends = watch(*records_at(manager, [second for second in moments(manager) if second >= 1000.0]))
    assert short(ends) == [("succeeded", "v2")]


def test_call_off_of_a_cluster_is_an_end() -> None:
    manager = run_manager("cluster", [Request(100.0, "v1"), Request(150.0, "v0")])
    ends = watch(*records_at(manager, moments(manager)))
    assert short(ends) == [("rolled_back", "v1"), ("succeeded", "v0")]
