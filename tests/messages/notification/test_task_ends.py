"""The message about a task says first how it ended, then why, then what to do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.messages.notification.notices import end_of_task
from tests.releases.recorded_release import START, wait_xcoms

ERROR = "Rolled back: upgrade of application 'fabric:/shop/web'.\n\nWhy: failure reason HealthCheck.\nNext: fix it."


def unfinished() -> dict[str, Any]:
    """Return the XComs of a wait that Airflow has ended."""
    xcoms = wait_xcoms("rolled_back")
    wait = xcoms["upgrade_wait"]
    stages = [stage | {"percent_completed": 40.0, "place": "domain UD3"} for stage in wait["timeline"][:1]]
    xcoms["upgrade_wait"] = wait | {"ended_by": None, "message": None, "ended_at": None, "timeline": stages}
    return xcoms


def test_error_of_the_task_is_the_message() -> None:
    found = end_of_task(error=ERROR, **wait_xcoms("rolled_back"))
    assert (found.status, found.title) == (
        "failure",
        "Rolled back: upgrade of application 'fabric:/shop/web'",
    )
    assert found.lines == ("Why: failure reason HealthCheck.", "Next: fix it.")


def test_place_names_run_task_and_person() -> None:
    assert dict(end_of_task(error=ERROR, tries=(2, 3)).facts) == {
        "DAG": "release_shop",
        "task": "upgrade",
        "run": "manual__2026-03-01T02:59:00+00:00",
        "try": "2 of 4",
        "started by": "ada",
    }


@pytest.mark.parametrize(("state", "status"), [("success", "success"), ("skipped", "warning")])
def test_message_of_the_wait_is_used_without_error(state: str, status: str) -> None:
    xcoms = wait_xcoms("good" if state == "success" else "rolled_back")
    found = end_of_task(state, **xcoms)
    title, *lines = xcoms["upgrade_wait"]["message"].splitlines()
    assert (found.status, found.title) == (status, title.removesuffix("."))
    skipped = ["The task was skipped, because soft_fail is set."]
    assert list(found.lines) == lines + (skipped if state == "skipped" else [])


def test_killed_task_shows_the_last_progress() -> None:
    """The DAG processor calls back for a task that was killed: without a state and an error."""
    found = end_of_task(None, **unfinished())
    assert (found.status, found.title) == ("failure", "Ended without a result: task 'upgrade'")
    seen, still, next_step = found.lines
    assert seen.startswith("Last seen at 2026-")
    assert seen.endswith(" UTC: rolling forward in progress, 40 %, domain UD3.")
    assert still.startswith("The upgrade may still be in progress")
    assert next_step == "Next: read the log of the task."


def test_unknown_progress_is_left_out() -> None:
    xcoms = unfinished()
    for stage in xcoms["upgrade_wait"]["timeline"]:
        stage |= {"percent_completed": None, "place": None}
    assert end_of_task(None, **xcoms).lines[0].endswith("UTC: rolling forward in progress.")


def test_task_without_xcoms_and_error_failed() -> None:
    """A task that was killed before its first poll is no success."""
    assert end_of_task(None).status == "failure"
    assert end_of_task("failed").title == "Failed: task 'upgrade'"


def test_retry_says_that_another_try_follows() -> None:
    found = end_of_task("up_for_retry", "Unreachable: HTTP 503", tries=(2, 3))
    assert (found.status, found.title) == ("warning", "Unreachable: HTTP 503")
    assert found.lines == ("Airflow retries the task: try 3 of 4 follows.",)


@pytest.mark.parametrize(
    ("how", "title"),
    [
        ("started", "Started: upgrade of application 'fabric:/shop/web' to v1"),
        ("adopted", "Started by an earlier try: upgrade of application 'fabric:/shop/web' to v1"),
        ("not_necessary", "Deployed already: upgrade of application 'fabric:/shop/web' to v1"),
        ("other", "Succeeded: task 'upgrade'"),
    ],
)
def test_start_without_wait_is_named(how: str, title: str) -> None:
    assert end_of_task("success", upgrade_start=START | {"how": how}).title == title


def test_reader_shows_what_is_on_record() -> None:
    """The progress operator succeeds, whatever the outcome is."""
    record = wait_xcoms("rolled_back")["upgrade_progress"]
    found = end_of_task("success", return_value=record)
    assert found.title == "Succeeded: task 'upgrade'"
    subject = f"application {record['name']!r}"
    assert found.lines == (f"On record: upgrade of {subject}, rolling back completed",)


@pytest.mark.parametrize("junk", [None, 7, "text", [], {}, {"kind": [], "timeline": "x", "began_at": {}}])
def test_xcoms_of_any_form_give_a_message(junk: object) -> None:
    found = end_of_task("failed", "KeyError: 'x'", upgrade_wait=junk, upgrade_start=junk, return_value=junk)
    assert (found.title, found.lines) == ("KeyError: 'x'", ("Next: read the log of the task.",))


def test_queries_of_addresses_are_hidden() -> None:
    text = end_of_task(error="No package at https://store.example.com/shop.sfpkg?sig=planted").text
    assert "planted" not in text
    assert "shop.sfpkg?***" in text
