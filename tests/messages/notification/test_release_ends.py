"""The message about a release names its outcome, each task with the bad ones first, and the next step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_sf.messages.notification.release_ends import MAX_TASKS, release_message, run_message
from airflow_provider_sf.releases.release_record import TaskRecord
from tests.messages.notification.notices import LOG
from tests.releases.recorded_release import RUN, release


def test_rolled_back_release_names_task_and_reason() -> None:
    found = release_message(release(), [LOG])
    assert (found.status, found.title) == ("failure", "Rolled back: release 'release_shop'")
    assert found.lines[0].startswith("upgrade[0]: Rolled back, failed in domain UD3")
    assert found.lines[1:3] == ("bake: success", "gate: success")
    assert found.lines[3].startswith("Why: ")
    assert found.lines[-1].startswith("Next: ")
    assert found.links == (LOG,)


def test_good_release_needs_no_advice() -> None:
    found = release_message(release("good"), [])
    assert (found.status, found.title) == ("success", "Succeeded: release 'release_shop'")
    assert [line.partition(":")[0] for line in found.lines] == ["bake", "upgrade[0]", "gate"]


@pytest.mark.parametrize("outcome", ["succeeded", None])
def test_failed_run_is_no_success(outcome: str | None) -> None:
    """A task of another package has failed after the upgrade."""
    record = replace(release("good"), outcome=outcome)
    found = release_message(record, [], has_failed=True, reason="task_failure")
    assert (found.status, found.title) == ("failure", "Failed: release 'release_shop'")
    assert ("reason", "task failure") in found.facts


@pytest.mark.parametrize("outcome", [None, "paused"])
def test_unfinished_release_is_a_warning(outcome: str | None) -> None:
    record = replace(release("good"), outcome=outcome)
    assert release_message(record, []).status == "warning"
    assert release_message(replace(record, outcome="paused"), [], has_failed=True).status == "failure"


def test_bad_tasks_of_many_are_named_first() -> None:
    good = [TaskRecord(f"good{number}", None, "success", outcome="succeeded") for number in range(MAX_TASKS)]
    others = [
        TaskRecord("never", None, "upstream_failed"),
        TaskRecord("bad", 3, "failed", message="Broken\nNext: x"),
    ]
    found = release_message(replace(release(), tasks=(*good, *others)), [])
    assert found.lines[:3] == ("bad[3]: Broken", "never: upstream failed", "good0: succeeded")
    assert found.lines[-2:] == ("and 2 more tasks", "Next: x")


def test_task_without_any_result_is_named() -> None:
    record = replace(release(), tasks=(TaskRecord("lost", None, None),))
    assert release_message(record, []).lines == ("lost: no result",)


@pytest.mark.parametrize(
    ("has_failed", "title"),
    [(True, "Failed: run of the DAG 'release_shop'"), (False, "Succeeded: run of the DAG 'release_shop'")],
)
def test_run_without_details_has_its_end(has_failed: bool, title: str) -> None:  # noqa: FBT001 - a parameter of pytest
    found = run_message(RUN, [], has_failed=has_failed, reason="timed_out")
    assert found.title == title
    assert found.status == ("failure" if has_failed else "success")
    assert ("reason", "timed out") in found.facts
