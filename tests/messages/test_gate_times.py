"""The lines about the time that a gate has added."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_sf.messages.gate_times import times_lines
from airflow_provider_sf.releases.gate_state import GateDecision, GateState, Question

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)


def decision(domain: str | None, bake: float, checks: float = 0.0, questions: float = 0.0) -> GateDecision:
    return GateDecision(
        START, None, domain, bake_seconds=bake, check_seconds=checks, question_seconds=questions
    )


def test_last_decision_of_a_domain_counts() -> None:
    asked = Question(START, "start", answered_at=START + timedelta(minutes=5))
    decisions = (
        decision("UD2", 120, 1),
        decision("UD2", 121, 1, 180),
        decision("UD3", 60),
        decision(None, 0),
    )
    assert times_lines(GateState("application", "a", decisions=decisions, questions=(asked,))) == [
        "Time added by this task: 11m02s",
        "  before the start: 5m00s (questions 5m00s)",
        "  before upgrade domain UD2: 5m02s (bake 2m01s, checks 1s, questions 3m00s)",
        "  before upgrade domain UD3: 1m00s (bake 1m00s)",
        "  before upgrade domain ?: 0s",
    ]


def test_task_without_decisions_has_no_times() -> None:
    assert times_lines(GateState("application", "a")) == []
