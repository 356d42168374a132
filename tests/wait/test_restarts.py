"""What a process knows that continues the wait of another one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.identity import UpgradeIdentity
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import step
from airflow_provider_sf.wait.timeline import is_followed_by_gap

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
UNREACHABLE = Unreachable("timed out", endpoint="http://c:19080")
V1, V2 = UpgradeIdentity(START, "v1"), UpgradeIdentity(START + timedelta(minutes=9), "v2")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def record(state: str, percent: float = 0.0, **fields: Any) -> UpgradeProgress:
    fields = {"started_at": START, "target_version": "v1", **fields}
    return UpgradeProgress("application_resource", "shop", state=state, percent_completed=percent, **fields)


def watch(state: WaitState, *polls: tuple[float, Any]) -> WaitState:
    for seconds, result in polls:
        state, _ = step(Policy(15.0), state, result, at(seconds))
    return state


FIRST = watch(WaitState(), (0, record("RollingForward", 10)))
LAST = watch(FIRST, (15, record("RollingForward", 20)), (30, record("RollingForward", 30)))


# A state that was read late.


def test_state_read_in_time_is_resumed() -> None:
    assert LAST.continued(FIRST, since=FIRST) == LAST.resumed()


def test_late_state_adds_the_polls_meanwhile() -> None:
    interim = watch(FIRST, (90, record("RollingForward", 50)), (105, record("RollingForward", 60)))
    continued = LAST.continued(interim, since=FIRST)
    assert continued.polls == 5
    assert continued.timeline == LAST.timeline
    assert continued.stale


def test_earlier_identity_of_the_upgrade_counts() -> None:
    """Without the earlier state, the upgrade that replaced the expected one looks like the expected one."""
    interim = replace(watch(FIRST, (90, UNREACHABLE)), expected=V2, before=V1)
    assert LAST.continued(interim, since=FIRST).expected == V1
    assert replace(LAST, expected=None).continued(interim, since=FIRST).expected == V2
    assert LAST.continued(interim, since=FIRST).before == V1
    assert replace(LAST, before=V2).continued(interim, since=FIRST).before == V2


@pytest.mark.parametrize(
    ("last", "interim", "since"),
    [
        (LAST, watch(FIRST, (90, UNREACHABLE)), at(90)),
        (watch(LAST, (45, UNREACHABLE)), watch(FIRST, (90, UNREACHABLE)), at(45)),
        (watch(LAST, (45, UNREACHABLE)), watch(FIRST, (90, record("RollingForward", 50))), None),
        (LAST, watch(FIRST, (90, record("RollingForward", 50))), None),
    ],
    ids=["new outage", "same outage", "outage is over", "no outage"],
)
def test_outage_is_that_of_the_last_poll(last: WaitState, interim: WaitState, since: datetime | None) -> None:
    continued = last.continued(interim, since=FIRST)
    assert continued.unreachable_since == since
    assert continued.unreachable_polls == interim.unreachable_polls
    assert continued.error == interim.error


# The time between two processes.


@pytest.mark.parametrize(("seconds", "is_unseen"), [(60, False), (61, True), (600, True)])
def test_first_change_after_restart_has_a_gap(seconds: float, *, is_unseen: bool) -> None:
    forward, back = watch(LAST.resumed(), (seconds, record("RollingBack", 30))).timeline
    assert back.unseen_before is is_unseen
    assert is_followed_by_gap((forward, back), forward) is is_unseen
    assert not is_followed_by_gap((forward, back), back)


def test_change_while_running_has_no_gap() -> None:
    forward, back = watch(LAST, (600, record("RollingBack", 30))).timeline
    assert not back.unseen_before
    assert not is_followed_by_gap((forward, back), forward)


def test_gap_stays_with_its_state() -> None:
    state = watch(LAST.resumed(), (600, record("RollingBack", 30)), (615, record("RollingBack", 20)))
    assert [stage.unseen_before for stage in state.timeline] == [False, True]
    state = watch(state, (630, record("CompletedRollback", 100)))
    assert [stage.unseen_before for stage in state.timeline] == [False, True, False]


def test_outage_after_restart_keeps_the_gap() -> None:
    state = watch(LAST.resumed(), (600, UNREACHABLE), (601, record("RollingBack", 30)))
    assert state.timeline[-1].unseen_before


def test_same_state_after_restart_has_no_gap() -> None:
    (stage,) = watch(LAST.resumed(), (600, record("RollingForward", 90))).timeline
    assert not stage.unseen_before
