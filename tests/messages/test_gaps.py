"""A message never states what happened while nothing was polled, or what another triggerer has seen."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_sf.messages.results import failure_message
from airflow_provider_sf.messages.summary import summary_lines
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import Verdict, WaitState
from airflow_provider_sf.wait.state_machine import step

START = datetime(2026, 3, 1, 2, 42, 23, tzinfo=timezone.utc)
POLICY = Policy(15.0)
BEHIND = (ServiceProgress("web", 2, 6),)


def record(state: str, percent: float, **fields: Any) -> UpgradeProgress:
    values = {"started_at": START, "target_version": "v1", "services": BEHIND, **fields}
    return UpgradeProgress("application_resource", "shop", state=state, percent_completed=percent, **values)


FORWARD = record("RollingForward", 18.0)
BACK = record("RollingBack", 40.0, target_version="v0")
DONE = record("CompletedRollback", 100.0, target_version="v0", services=())
OTHER = record("RollingForward", 5.0, started_at=START + timedelta(minutes=3), target_version="v2")


def watch(state: WaitState, *polls: tuple[float, UpgradeProgress]) -> WaitState:
    for seconds, observation in polls:
        state, _ = step(POLICY, state, observation, START + timedelta(seconds=seconds))
    return state


FIRST = watch(WaitState(), (0, FORWARD))
"""The state that was stored last. The log above goes on until the triggerer stopped."""


def message(state: WaitState, verdict: Verdict = Verdict.FAILED) -> list[str]:
    assert state.record is not None
    return failure_message(POLICY, state, state.record, verdict).splitlines()


def test_rollback_after_a_gap_has_no_position() -> None:
    lines = message(watch(FIRST.resumed(), (208, BACK), (223, DONE), (225, DONE)))
    assert lines[:3] == [
        "Rolled back: upgrade of application resource 'shop' from v0 to v1 (CompletedRollback).",
        (
            "It was last seen going forward at 2026-03-01 02:42:23 UTC and first seen rolling back at "
            "2026-03-01 02:45:51 UTC. The time in between is unknown: the triggerer was replaced or started late."
        ),
        "Services behind at 2026-03-01 02:42:23 UTC: web 2/8 (6 pending).",
    ]


def test_rollback_without_gap_has_its_position() -> None:
    lines = message(watch(FIRST, (208, BACK), (223, DONE), (225, DONE)))
    assert lines[:3] == [
        (
            "Rolled back, last seen going forward at 18 %: upgrade of application resource 'shop' from "
            "v0 to v1 (CompletedRollback)."
        ),
        (
            "It was last seen going forward at 2026-03-01 02:42:23 UTC and first seen rolling back at "
            "2026-03-01 02:45:51 UTC."
        ),
        "Services behind: web 2/8 (6 pending).",
    ]


def test_superseded_after_a_gap_has_no_position() -> None:
    lines = message(watch(FIRST.resumed(), (208, OTHER), (210, OTHER)), Verdict.SUPERSEDED)
    assert lines[0] == ("Superseded by another upgrade: upgrade of application resource 'shop' to v1.")
    assert "was last seen at 2026-03-01 02:42:23 UTC: rolling forward, 18 %." in lines[1]


def test_superseded_without_gap_has_its_position() -> None:
    lines = message(watch(FIRST, (208, OTHER), (210, OTHER)), Verdict.SUPERSEDED)
    assert lines[0] == ("Superseded by another upgrade: upgrade of application resource 'shop' to v1.")


def rows(state: WaitState) -> list[str]:
    ended = state.ended("upgrade", START + timedelta(seconds=225))
    return [line.rstrip() for line in summary_lines("application_resource", "shop", ended)][2:6]


def test_summary_shows_the_gap() -> None:
    assert rows(watch(FIRST.resumed(), (208, BACK), (223, DONE))) == [
        "2026-03-01 02:42:23       0s  rolling forward                 18 %  web 2/8 (6 pending)",
        f"{'':<30}(the time before is unknown: the triggerer was replaced or started late)",
        "2026-03-01 02:45:51      15s  rolling back                    40 %  web 2/8 (6 pending)",
        "2026-03-01 02:46:06       0s  completed rollback             100 %",
    ]


def test_summary_without_gap_has_whole_durations() -> None:
    assert rows(watch(FIRST, (208, BACK), (223, DONE)))[0] == (
        "2026-03-01 02:42:23    3m28s  rolling forward                 18 %  web 2/8 (6 pending)"
    )
