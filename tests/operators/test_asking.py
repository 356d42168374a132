"""The signals with which a task asks a person, for the Airflow versions that can; live tests answer them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_sf import airflow_versions
from airflow_provider_sf.airflow_versions import AWAITING_INPUT, QUESTIONS
from airflow_provider_sf.operators.asking import Answer, ask, check_can_ask, read_answer

AT = datetime(2026, 3, 1, tzinfo=timezone.utc)
OPTIONS = ("Continue", "Leave it")
TI_ID = "01a22462-0525-7106-8257-1d547aa9f49d"


@pytest.mark.parametrize("version", [(2, 11), (3, 0)])
def test_old_airflow_cannot_ask(version: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed version is replaced: a run has only one."""
    monkeypatch.setattr(airflow_versions, "INSTALLED", version)
    with pytest.raises(ValueError, match=r"approve_before asks a person, which needs Airflow 3\.1"):
        check_can_ask("approve_before")


@pytest.mark.parametrize("version", [(3, 1), (3, 3), (10, 0)])
def test_newer_airflow_can_ask(version: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed version is replaced: a run has only one."""
    monkeypatch.setattr(airflow_versions, "INSTALLED", version)
    check_can_ask("approve_before")


if QUESTIONS.is_available:
    from airflow.sdk import exceptions
    from airflow.sdk.execution_time import hitl

    @pytest.fixture
    def written(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        """What is written to Airflow's database: a list in its place, as no test has one."""
        details: list[dict[str, Any]] = []
        monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **detail: details.append(detail))
        return details

    def ask_now(timeout: timedelta | None, deferred: list[dict[str, Any]] | None = None) -> None:
        context: Any = {"ti": SimpleNamespace(id=TI_ID)}
        ask(
            context,
            subject="Continue?",
            body="why",
            options=OPTIONS,
            default="Leave it",
            timeout=timeout,
            assigned_users=[{"id": "3", "name": "kim"}],
            method_name="answered",
            defer=lambda **keywords: (deferred if deferred is not None else []).append(keywords),
        )

    @pytest.mark.skipif(
        not AWAITING_INPUT.is_available, reason="before Airflow 3.3 a trigger looks for the answer"
    )
    def test_airflow_3_3_parks_the_task(written: list[dict[str, Any]]) -> None:
        with pytest.raises(exceptions.TaskAwaitingInput) as parked:
            ask_now(timedelta(hours=1))
        assert (parked.value.method_name, parked.value.timeout) == ("answered", timedelta(hours=1))
        assert written == [
            {
                "ti_id": TI_ID,
                "options": ["Continue", "Leave it"],
                "subject": "Continue?",
                "body": "why",
                "defaults": ["Leave it"],
                "multiple": False,
                "params": {},
                "assigned_users": [{"id": "3", "name": "kim"}],
            }
        ]

    @pytest.mark.parametrize("timeout", [None, timedelta(hours=1)])
    def test_airflow_3_1_uses_a_trigger(
        timeout: timedelta | None, written: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The installed version is replaced: a run has only one."""
        monkeypatch.setattr(airflow_versions, "INSTALLED", (3, 1))
        deferred: list[dict[str, Any]] = []
        ask_now(timeout, deferred)
        assert len(written) == 1
        (keywords,) = deferred
        assert keywords["method_name"] == "answered"
        path, stored = keywords["trigger"].serialize()
        assert path == "airflow.providers.standard.triggers.hitl.HITLTrigger"
        assert (stored["options"], stored["defaults"]) == (["Continue", "Leave it"], ["Leave it"])
        assert (stored["timeout_datetime"] is None) == (timeout is None)


def event(**changes: Any) -> dict[str, Any]:
    user = {"id": "3", "name": "kim"}
    return {"chosen_options": ["Continue"], "responded_at": AT, "responded_by_user": user, **changes}


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({}, Answer("Continue", "kim", AT, timed_out=False)),
        ({"responded_at": "2026-03-01T00:00:00Z"}, Answer("Continue", "kim", AT, timed_out=False)),
        ({"responded_by_user": {"id": "3"}}, Answer("Continue", "3", AT, timed_out=False)),
        ({"responded_by_user": None}, Answer("Continue", None, AT, timed_out=False)),
        ({"timedout": True}, Answer("Continue", None, AT, timed_out=True)),
        ({"chosen_options": ["Nuke\n" * 99]}, Answer(("Nuke " * 20), "kim", AT, timed_out=False)),
        (
            {"chosen_options": ["Continue", "Leave it"]},
            Answer("Continue, Leave it", "kim", AT, timed_out=False),
        ),
    ],
)
def test_answer_is_read(changes: dict[str, Any], answer: Answer) -> None:
    assert read_answer(event(**changes)) == answer


def test_answer_without_a_time_has_the_present_one() -> None:
    assert read_answer(event(responded_at=None)).at > AT


@pytest.mark.parametrize("options", [[], None, "Continue"])
def test_event_without_options_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match="not an answer to the question"):
        read_answer(event(chosen_options=options))
