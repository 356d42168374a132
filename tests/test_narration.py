"""What a tired person reads."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.narration import (
    change_lines,
    failure,
    opening,
    replicas,
    span,
    status_line,
    success,
    timed_out,
)
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.upgrades import ServiceProgress, UpgradeProgress
from airflow_provider_sf.watching import Ended, Memory, Policy, Story, step

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
POLICY = Policy(poke_interval=15.0, unreachable_timeout=300.0)
WEB, API, WORKER = ServiceProgress("web", 6, 2), ServiceProgress("api", 2, 3), ServiceProgress("worker", 3, 0)


def record(state: str | None, percent: float | None = 62.0, **fields: Any) -> UpgradeProgress:
    said = {
        "started_at": START,
        "previous_version": "v0",
        "target_version": "v1",
        "duration_seconds": 724.0,
        "services": (WEB, API, WORKER),
        **fields,
    }
    return UpgradeProgress("application_resource", "shop", state=state, percent_completed=percent, **said)


PAUSED = "paused: Service Fabric waits for a person to resume or roll back the upgrade"
UNKNOWN = "a state that this package does not know; it never counts as success"
ROLLED_BACK = record(
    "CompletedRollback",
    100.0,
    previous_version="v1",
    target_version="v0",
    services=(),
    failed_at=datetime(2026, 3, 1, 3, 6, tzinfo=timezone.utc),
    status_details="Deployment rolling back from version: v1 to version: v0.",
)


def lines(*observations: Any, memory: Memory | None = None) -> list[tuple[int, str]]:
    """Return what is said over a wait with a poll every 15 seconds."""
    before = memory or Memory()
    said: list[tuple[int, str]] = []
    for poll, observation in enumerate(observations):
        now = START + timedelta(seconds=15 * poll)
        after, _ = step(POLICY, before, observation, now)
        said += change_lines(before, after, POLICY, now)
        before = after
    return said


def story(*observations: Any, by: str = "upgrade") -> Story:
    memory = Memory()
    for poll, observation in enumerate(observations):
        memory, _ = step(POLICY, memory, observation, START + timedelta(seconds=15 * poll))
    return Story.of(memory, Ended(by))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (0, "0s"),
        (7.9, "7s"),
        (60, "1m00s"),
        (724, "12m04s"),
        (3_900, "1h05m"),
        (183_600, "2d03h"),
    ],
)
def test_a_duration_is_worded_for_people(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


def test_the_opening_says_what_is_awaited_and_by_which_clocks() -> None:
    assert opening("application_resource", "shop", POLICY, "timeout", 21_600) == (
        "Waiting for the upgrade of application resource 'shop': asking every 15s, for 6h00m at most (timeout); "
        "a silent cluster is forgiven for 5m00s (unreachable_timeout)"
    )


def test_a_status_line_shows_time_state_percent_and_replicas() -> None:
    assert status_line(record("RollingForward")) == (
        " 12m04s  rolling forward          62 %  web 6/8  api 2/5  worker 3/3"
    )


def test_a_status_line_shows_what_is_not_known_as_not_known() -> None:
    unsaid = record(None, None, duration_seconds=None, services=(ServiceProgress("web", None, 2),))
    assert status_line(unsaid) == "      -  no state                  - %  web ?/?"
    assert replicas(ServiceProgress("web", 3, None)) == "3/?"


def test_one_line_for_each_change_and_none_without_one() -> None:
    first, moved = (
        record("RollingForward"),
        record("RollingForward", 68.0, services=(WEB, ServiceProgress("api", 3, 2), WORKER)),
    )
    later = record("RollingForward", 68.0, duration_seconds=800.0, services=moved.services)
    assert lines(first, first, moved, later) == [
        (logging.INFO, " 12m04s  rolling forward          62 %  web 6/8  api 2/5  worker 3/3"),
        (logging.INFO, " 12m04s  rolling forward          68 %  api 3/5"),
    ]


@pytest.mark.parametrize("state", ["RollingBack", "CompletedRollback", "Failed"])
def test_bad_news_is_a_warning(state: str) -> None:
    assert [level for level, _ in lines(record("RollingForward"), record(state))] == [
        logging.INFO,
        logging.WARNING,
    ]


def test_a_pause_says_that_a_person_must_act_once() -> None:
    paused: dict[str, Any] = {"rolling_upgrade_mode": "UnmonitoredManual", "failed_at": START}
    said = lines(record("RollingForward", **paused), record("RollingForward", 70.0, **paused))
    assert said == [
        (
            logging.WARNING,
            f" 12m04s  rolling forward          62 %  web 6/8  api 2/5  worker 3/3  ({PAUSED})",
        ),
        (logging.WARNING, " 12m04s  rolling forward          70 %"),
    ]


def test_an_unknown_state_is_never_silent() -> None:
    line = f" 12m04s  rolling sideways         62 %  ({UNKNOWN})"
    assert lines(record("RollingSideways", services=())) == [(logging.WARNING, line)]


def test_no_upgrade_on_record_is_said() -> None:
    assert lines(record("CompletedRollforward", 100.0, started_at=None, services=())) == [
        (logging.INFO, " 12m04s  completed rollforward   100 %  (no upgrade is on record yet)")
    ]


def test_a_silence_is_said_when_it_begins_and_when_it_ends() -> None:
    silent = Unreachable("Connection refused", endpoint="http://c:19080")
    first = record("RollingForward")
    assert lines(first, silent, silent, silent, first)[1:] == [
        (logging.WARNING, "No usable answer, forgiven for 5m00s: http://c:19080: Connection refused"),
        (logging.INFO, "The cluster answers again after 45s"),
    ]


def test_a_refusal_is_left_to_the_error_that_it_becomes() -> None:
    assert lines(Rejected("no")) == []


def test_success_is_one_line() -> None:
    assert success(record("CompletedRollforward", 100.0)) == (
        "Upgrade of application resource 'shop' from v0 to v1 completed in 12m04s"
    )


def test_a_rollback_that_was_watched_tells_the_whole_story() -> None:
    told = story(record("RollingForward"), record("RollingBack", 75.0, target_version="v0"), ROLLED_BACK)
    assert failure(told, ROLLED_BACK) == (
        "Upgrade of application resource 'shop' from v0 to v1 was rolled back (CompletedRollback, 100 %).\n"
        "Last seen going forward at 2026-03-01 03:00:00 UTC: 62 %. It failed at 2026-03-01 03:06:00 UTC.\n"
        "Services behind: web 6/8 (2 to come), api 2/5 (3 to come).\n"
        "Service Fabric says: Deployment rolling back from version: v1 to version: v0.\n"
        "Next: look at the health and the logs of the services behind, mend the new version and release it again. "
        "This task is not retried: to wait again cannot change how the upgrade ended."
    )


def test_a_rollback_without_a_failure_time_says_when_it_was_last_seen_going_forward() -> None:
    unsaid = record("CompletedRollback", 100.0, target_version="v0", services=())
    told = story(record("RollingForward"), unsaid)
    assert (
        failure(told, unsaid).splitlines()[1] == "Last seen going forward at 2026-03-01 03:00:00 UTC: 62 %."
    )


def test_a_rollback_that_was_over_at_the_first_look_says_so() -> None:
    lines_ = failure(story(ROLLED_BACK, ROLLED_BACK), ROLLED_BACK).splitlines()
    assert (
        lines_[0]
        == "Upgrade of application resource 'shop' from v0 to v1 was rolled back (CompletedRollback, 100 %)."
    )
    assert (
        lines_[1]
        == "How far it had come is not known: the rollback had begun when this process first looked."
    )


def test_versions_that_are_not_known_are_not_invented() -> None:
    flipped = record("CompletedRollback", 100.0, previous_version="v0", target_version="v0")
    assert failure(story(flipped), flipped).startswith(
        "Upgrade of application resource 'shop' from v0 was rolled back (CompletedRollback, 100 %)."
    )
    unsaid = record("Failed", None, previous_version=None, target_version=None)
    assert failure(story(unsaid), unsaid).startswith(
        "Upgrade of application resource 'shop' failed (Failed, percent unknown)."
    )


def test_a_failure_names_every_service_behind() -> None:
    failed = record("Failed")
    assert failure(story(failed, failed), failed).splitlines()[:2] == [
        "Upgrade of application resource 'shop' from v0 to v1 failed (Failed, 62 %).",
        "Services behind: web 6/8 (2 to come), api 2/5 (3 to come).",
    ]


def test_a_failure_stays_short_whatever_service_fabric_says() -> None:
    talkative = record("Failed", status_details="a line of words\r\n" * 1000)
    lines_ = failure(story(talkative, talkative), talkative).splitlines()
    assert len(lines_) == 4
    assert lines_[2].startswith("Service Fabric says: a line of words a line")
    assert lines_[2].endswith("...")
    assert len(lines_[2]) < 600


def test_a_timeout_names_its_clock_and_the_last_progress() -> None:
    told = story(record("RollingForward"), by="timeout")
    assert timed_out("application_resource", "shop", "execution_timeout", 3600, told) == (
        "Upgrade of application resource 'shop' is not over after 1h00m (execution_timeout); "
        "last seen: 12m04s, rolling forward, 62 %, web 6/8, api 2/5, worker 3/3.\n"
        "The upgrade itself goes on: this task only watched it."
    )


def test_a_timeout_in_a_silence_says_so() -> None:
    told = story(Unreachable("Connection refused", endpoint="http://c:19080"), by="timeout")
    assert timed_out("application_resource", "shop", "timeout", 60, told).splitlines()[:2] == [
        "Upgrade of application resource 'shop' is not over after 1m00s (timeout); the cluster has not answered yet.",
        "The cluster was silent at the end: http://c:19080: Connection refused",
    ]


def test_a_timeout_says_what_was_odd_about_the_record() -> None:
    told = story(record("CompletedRollforward", started_at=None), by="timeout")
    assert "No upgrade is on record yet." in timed_out("application_resource", "shop", "timeout", 60, told)
