"""The stages of a wait: what begins a stage, what it contains, and which stages are omitted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from airflow_provider_sf.upgrades import Outcome, UpgradeProgress
from airflow_provider_sf.upgrades.domains import Domains, UpgradeUnit
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.timeline import Stage, extend_timeline, is_followed_by_gap, last_forward

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
EXPECTED = True
BEHIND = ServiceProgress("api", 2, 3)
LONG = ServiceProgress("n" * 254, 1 << 63, 1 << 63)
"""As large as a service can be after the limits of the record."""


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def record(state: str, percent: float = 0.0, **fields: Any) -> UpgradeProgress:
    fields = {"started_at": START, "target_version": "v1", **fields}
    return UpgradeProgress("application_resource", "shop", state=state, percent_completed=percent, **fields)


def timeline(*looks: tuple[float, UpgradeProgress, bool]) -> tuple[Stage, ...]:
    stages: tuple[Stage, ...] = ()
    for seconds, look, expected in looks:
        stages = extend_timeline(stages, look, at(seconds), expected=expected)
    return stages


def size(stages: tuple[Stage, ...]) -> int:
    return len(json.dumps([stage.to_dict() for stage in stages]))


# What begins a stage, and what is kept in it.


def test_timeline_has_a_stage_per_state() -> None:
    stages = timeline(
        (0, record("ProvisioningTarget"), True),
        (15, record("RollingForward", 10, services=(BEHIND,)), True),
        (30, record("RollingForward", 62, services=(BEHIND, ServiceProgress("web", 8, 0))), True),
        (45, record("RollingBack", 40, target_version="v0"), True),
    )
    assert stages == (
        Stage("ProvisioningTarget", Outcome.IN_PROGRESS, EXPECTED, START, at(0), at(0), "v1", 0.0),
        Stage("RollingForward", Outcome.IN_PROGRESS, EXPECTED, START, at(15), at(30), "v1", 62.0, (BEHIND,)),
        Stage("RollingBack", Outcome.ROLLING_BACK, EXPECTED, START, at(45), at(45), "v0", 40.0),
    )


PAUSED: dict[str, Any] = {"failed_at": at(5), "rolling_upgrade_mode": "UnmonitoredManual"}


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (record("RollingForward", **PAUSED), True),
        (record("RollingForward"), False),
        (record("RollingForward", started_at=at(600)), True),
        (record("RollingForwardInProgress"), True),
    ],
    ids=["a pause", "not expected", "another start", "another state"],
)
def test_new_stage_begins_with(second: UpgradeProgress, *, expected: bool) -> None:
    assert len(timeline((0, record("RollingForward"), True), (15, second, expected))) == 2


def test_late_start_time_begins_no_stage() -> None:
    (stage,) = timeline(
        (0, record("RollingForward", started_at=None), True),
        (15, record("RollingForward"), True),
        (30, record("RollingForward", started_at=None), True),
    )
    assert stage.started_at == START
    assert (stage.first_seen_at, stage.last_seen_at) == (at(0), at(30))


def test_failure_stays_with_its_stage() -> None:
    (stage,) = timeline(
        (0, record("RollingForward"), True),
        (15, record("RollingForward", failed_at=at(5)), True),
        (30, record("RollingForward"), True),
    )
    assert stage.failed_at == at(5)
    (later,) = extend_timeline((stage,), record("RollingForward", failed_at=at(40)), at(45), expected=True)
    assert later.failed_at == at(40)


def test_failure_reason_stays_with_its_stage() -> None:
    (stage,) = timeline(
        (0, record("RollingForward"), True),
        (15, record("RollingForward", failure_reason="HealthCheck"), True),
        (30, record("RollingForward"), True),
    )
    assert stage.failure_reason == "HealthCheck"
    (later,) = extend_timeline(
        (stage,), record("RollingForward", failure_reason="Interrupted"), at(45), expected=True
    )
    assert later.failure_reason == "Interrupted"


def in_domain(place: int, **fields: Any) -> UpgradeProgress:
    states = ["Completed"] * place + ["InProgress"] + ["Pending"] * (4 - place)
    units = tuple(UpgradeUnit(f"UD{number}", state) for number, state in enumerate(states))
    return record("RollingForwardInProgress", domains=Domains(units), **fields)


def test_stage_has_the_last_place() -> None:
    (stage,) = timeline((0, in_domain(0), True), (15, in_domain(1), True))
    assert stage.place == "domain UD1 (2 of 5)"
    (later,) = extend_timeline((stage,), record("RollingForwardInProgress"), at(30), expected=True)
    assert later.place == "domain UD1 (2 of 5)"


def test_next_stage_inherits_no_place_or_reason() -> None:
    _, back = timeline(
        (0, in_domain(1, failure_reason="HealthCheck"), True), (15, record("RollingBackInProgress"), True)
    )
    assert (back.place, back.failure_reason) == (None, None)


@pytest.mark.parametrize("way", ["RollingForward", "RollingBack"])
def test_alternating_pending_and_in_progress_is_one_stage(way: str) -> None:
    looks = [(15.0 * place, record(f"{way}{state}", place), True)
             for place, state in enumerate(["InProgress", "Pending", "InProgress", "Pending"])]  # fmt: skip
    (stage,) = timeline(*looks)
    assert (stage.state, stage.percent_completed) == (f"{way}Pending", 3)
    assert (stage.first_seen_at, stage.last_seen_at) == (at(0), at(45))


def test_pause_between_domains_is_a_stage() -> None:
    waits = record("RollingForwardPending", rolling_upgrade_mode="UnmonitoredManual")
    moves = record("RollingForwardInProgress", rolling_upgrade_mode="UnmonitoredManual")
    assert len(timeline((0, moves, True), (15, waits, True), (30, moves, True))) == 3


def test_stage_names_five_services_and_counts_others() -> None:
    late = tuple(ServiceProgress(f"s{place}", 0, 3) for place in range(7))
    done = ServiceProgress("done", 3, 0)
    (five,) = timeline((0, record("RollingForward", services=(*late[:5], done)), True))
    assert (five.services_behind, five.more_behind) == (late[:5], 0)
    (seven,) = timeline((0, record("RollingForward", services=(done, *late)), True))
    assert (seven.services_behind, seven.more_behind) == (late[:5], 2)


def test_stage_counts_services_omitted_from_the_record() -> None:
    omitted = (("services", 900), ("services_behind", 800))
    late = tuple(ServiceProgress(f"s{place}", 0, 3) for place in range(7))
    (stage,) = timeline((0, record("RollingForward", services=late, omitted=omitted), True))
    assert stage.more_behind == 802


@pytest.mark.parametrize("listed", [3, 5, 6, 500, 2000])
def test_named_and_counted_services_are_complete(listed: int) -> None:
    services = [{"ServiceName": f"s{place}", "PendingReplicaCount": place % 3} for place in range(listed)]
    answer = {"UpgradeState": "RollingForward", "ServiceUpgradeProgress": services}
    (stage,) = timeline((0, UpgradeProgress.from_answer("application_resource", "shop", answer), True))
    assert len(stage.services_behind) + stage.more_behind == listed - len(range(0, listed, 3))


# How far it came.


def test_last_forward_stage_is_the_expected_upgrade() -> None:
    forward, back = record("RollingForward", 62), record("RollingBack", 40)
    paused = record("RollingForwardPending", 70, rolling_upgrade_mode="UnmonitoredManual")
    paused_back = record("RollingBackPending", 30, rolling_upgrade_mode="UnmonitoredManual")
    stages = timeline((0, forward, True), (15, back, True), (30, paused_back, True), (45, forward, False))
    assert last_forward(stages) is stages[0]
    stages = timeline((0, forward, True), (15, paused, True), (30, back, True))
    assert last_forward(stages) is stages[1]
    assert last_forward(timeline((0, back, True), (15, paused_back, True), (30, forward, False))) is None
    assert last_forward(()) is None


# What is left out.


def test_short_stages_are_all_kept() -> None:
    states = ["RollingForward", "RollingBack"]
    stages = timeline(*[(15 * place, record(states[place % 2]), True) for place in range(20)])
    assert len(stages) == 20
    assert {stage.skipped for stage in stages} == {0}


@pytest.mark.unmeasured
def test_first_and_latest_of_many_stages_are_kept() -> None:
    states = ["RollingForward", "RollingBack"]
    stages = timeline(*[(15 * place, record(states[place % 2], place), True) for place in range(500)])
    assert size(stages) <= 8_192 + 512
    assert len(stages) + sum(stage.skipped for stage in stages) == 500
    assert stages[0].percent_completed == 0
    assert [stage.skipped > 0 for stage in stages] == [False, True, *[False] * (len(stages) - 2)]
    assert [stage.percent_completed for stage in stages[1:]] == list(range(501 - len(stages), 500))


@pytest.mark.parametrize(("too_many", "kept"), [(0, 5), (1, 4)])
def test_stages_of_eight_kib_are_kept(too_many: int, kept: int) -> None:
    stages = timeline(*[(15 * place, record(f"S{place}", target_version=""), True) for place in range(4)])
    room = 8_192 - sum(len(json.dumps(stage.to_dict())) for stage in stages)
    full = (*stages[:3], replace(stages[3], target_version="v" * (room + too_many)))
    assert len(extend_timeline(full, record("Failed"), at(60), expected=True)) == kept


def test_last_forward_stage_is_kept_between_skipped() -> None:
    forward = [(15 * place, record(f"Forward{place}"), True) for place in range(40)]
    last = (600, record("RollingForward", 62, services=(BEHIND,)), True)
    back = [(615 + 15 * place, record(f"Back{place}"), True) for place in range(100)]
    stages = timeline(*forward, last, *back)
    assert [stage.state for stage in stages[:2]] == ["Forward0", "RollingForward"]
    assert [stage.skipped for stage in stages[:3]] == [0, 39, 100 - len(stages[2:])]
    assert last_forward(stages) == stages[1]
    assert (stages[1].percent_completed, stages[1].services_behind) == (62, (BEHIND,))


def test_continued_stage_keeps_its_skipped_count() -> None:
    stages = timeline(*[(15 * place, record(f"S{place}"), True) for place in range(30)])
    cut = (*stages[:1], replace(stages[-1], skipped=28))
    later = extend_timeline(cut, record("S29", 5), at(900), expected=True)
    assert (len(later), later[-1].skipped, later[-1].last_seen_at) == (2, 28, at(900))


def test_largest_stages_leave_room_for_kept_ones() -> None:
    fields: dict[str, Any] = {"target_version": "v" * 254, "services": (LONG,) * 9, "failed_at": at(0.000001)}
    forward = record("RollingForward", -1.2345678901234567e-300, **fields)
    back = record("B" * 254, -1.2345678901234567e-300, **fields)
    stages = timeline(
        (0, back, False),
        (0.1, forward, True),
        *[(place + 0.1, replace(back, state=f"{place:03}{'B' * 251}"), True) for place in range(1, 99)],
    )
    assert [stage.state for stage in stages[:2]] == [back.state, "RollingForward"]
    assert len(stages) + sum(stage.skipped for stage in stages) == 100
    assert size(stages) <= 8_192 + 3_072


def test_largest_rolling_stages_leave_room_for_kept_ones() -> None:
    long = UpgradeUnit("u" * 254, "InProgress")
    fields: dict[str, Any] = {
        "target_version": "v" * 254,
        "failure_reason": "f" * 254,
        "domains": Domains((long,)),
        "failed_at": at(0.000001),
    }
    forward, back = record("RollingForwardInProgress", **fields), record("B" * 254, **fields)
    stages = timeline(
        (0, back, False),
        (0.1, forward, True),
        *[(place + 0.1, replace(back, state=f"{place:03}{'B' * 251}"), True) for place in range(1, 99)],
    )
    assert [stage.state for stage in stages[:2]] == [back.state, "RollingForwardInProgress"]
    assert len(stages) + sum(stage.skipped for stage in stages) == 100
    assert size(stages) <= 8_192 + 3_072


def test_oversized_required_stages_are_kept() -> None:
    """A limit that some day grows must not end a wait."""
    huge = record("RollingForward", target_version="v" * 9_000)
    stages = timeline(
        (0, huge, False), (15, huge, True), (30, replace(huge, state="RollingBack"), True), (45, huge, False)
    )
    assert [stage.skipped for stage in stages] == [0, 0, 0, 0]


looks = st.lists(
    st.tuples(
        st.sampled_from(
            ["RollingForward", "RollingForwardPending", "RollingBack", "CompletedRollback", "Strange"]
        ),
        st.booleans(),
        st.integers(0, 6),
        st.sampled_from(["v1", "v" * 254, "\x00" * 40]),
    ),
    min_size=1,
    max_size=120,
)


@settings(max_examples=max(75, settings().max_examples))
@given(looks)
def test_first_and_last_forward_stage_always_stay(
    steps: list[tuple[str, bool, int, str]],
) -> None:
    stages: tuple[Stage, ...] = ()
    uncut: list[Stage] = []
    for place, (state, expected, late, version) in enumerate(steps):
        seen = record(state, place, services=(LONG,) * late, target_version=version)
        stages = extend_timeline(stages, seen, at(place), expected=expected)
        new = Stage.from_record(seen, at(place), expected=expected)
        if uncut and uncut[-1].continues_in(new):
            uncut[-1] = replace(new, first_seen_at=uncut[-1].first_seen_at)
        else:
            uncut.append(new)
    assert len(stages) + sum(stage.skipped for stage in stages) == len(uncut)
    assert [replace(stage, skipped=0) for stage in (stages[0], stages[-1])] == [uncut[0], uncut[-1]]
    kept, selector = last_forward(stages), last_forward(uncut)
    assert (kept and replace(kept, skipped=0)) == selector
    assert size(stages) <= 8_192 + 3_072
    places = []
    here = -1
    for stage in stages:
        here += 1 + stage.skipped
        places.append(here)
    assert [uncut[here] for here in places] == [replace(stage, skipped=0) for stage in stages]


# Its JSON.


@pytest.mark.parametrize(
    "stage",
    [
        Stage(
            "RollingForward", Outcome.IN_PROGRESS, EXPECTED, START, at(0), at(30), "v1", 62.0, (BEHIND,), 4, at(5),
            "HealthCheck", "domain UD1 (2 of 5)", 2,
        ),
        Stage(None, Outcome.UNKNOWN, not EXPECTED, None, at(0), at(0), None, None),
    ],
)  # fmt: skip
def test_stage_survives_json(stage: Stage) -> None:
    assert Stage.from_dict(json.loads(json.dumps(stage.to_dict(), allow_nan=False))) == stage


def test_stage_without_new_members_is_read() -> None:
    """Before it knew places and reasons, schema 1 had no such keys."""
    (stage,) = timeline((0, in_domain(1, failure_reason="HealthCheck"), True))
    written = stage.to_dict()
    del written["place"], written["failure_reason"]
    assert Stage.from_dict(written) == replace(stage, place=None, failure_reason=None)


@pytest.mark.parametrize("time", ["first_seen_at", "last_seen_at"])
def test_stage_without_times_is_refused(time: str) -> None:
    (stage,) = timeline((0, record("Failed"), True))
    with pytest.raises(ValueError, match="expected an ISO 8601 time, got None"):
        Stage.from_dict({**stage.to_dict(), time: None})


# Time without polls.

FIRST = timeline((0, record("RollingForward"), True))


@pytest.mark.parametrize(
    ("seconds", "keywords", "is_gap"),
    [
        (30, {"is_first": True}, False),
        (30.5, {"is_first": True}, True),
        (90, {"is_first": False}, False),
        (90, {}, False),
    ],
)
def test_late_first_answer_follows_a_gap(seconds: float, keywords: dict[str, bool], *, is_gap: bool) -> None:
    stages = extend_timeline(FIRST, record("RollingBack"), at(seconds), expected=True, **keywords)
    assert stages[-1].unseen_before is is_gap
    later = extend_timeline(stages, record("RollingBack"), at(seconds + 15), expected=True)
    assert later[-1].unseen_before is is_gap
    assert is_followed_by_gap(later, later[0]) is is_gap
    assert is_followed_by_gap(later, later[1]) is False


def test_first_answer_of_a_wait_follows_no_gap() -> None:
    (stage,) = extend_timeline((), record("RollingForward"), at(90), expected=True, is_first=True)
    assert stage.unseen_before is False


def test_only_the_next_stage_shows_a_gap() -> None:
    states = ("RollingForward", "RollingBack", "CompletedRollback")
    stages = timeline(*((15 * place, record(state), True) for place, state in enumerate(states)))
    gap_at_the_end = (*stages[:2], replace(stages[2], unseen_before=True))
    assert [is_followed_by_gap(gap_at_the_end, stage) for stage in gap_at_the_end] == [False, True, False]


def test_stage_has_the_version_of_a_configuration() -> None:
    configured = UpgradeProgress(
        "cluster_configuration", "", state="RollingForwardInProgress", config_version="1.0.3"
    )
    assert timeline((0, configured, True))[0].config_version == "1.0.3"
