"""Each row of the table in ``start_once``: what is on record, what is known, and what is done next."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sf.releases import ApplicationHealthPolicy, MonitoringPolicy
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.releases.start_once import (
    LookAgain,
    NothingToDo,
    Refused,
    Seen,
    Send,
    Started,
    StartOptions,
    StartState,
    WaitForOther,
    after_answer,
    next_step,
)
from airflow_provider_sf.rest import (
    Rejected,
    ResultUnknown,
    ServiceFabricError,
    UnexpectedAnswer,
    Unreachable,
)
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.identity import UpgradeIdentity

UPGRADE = ApplicationUpgrade(
    name="fabric:/shop/web",
    target_version="v1",
    parameters={"Web": "3"},
    monitoring_policy=MonitoringPolicy(),
)
SAME = {"Web": "3"}
OLD = {"Web": "1"}
EARLIER, NOW = (datetime(2026, 3, 1, hour, tzinfo=timezone.utc) for hour in (2, 3))
OPTIONS = StartOptions()
NEVER = {
    "UpgradeState": "RollingForwardCompleted",
    "RollingUpgradeMode": "Invalid",
    "TargetApplicationTypeVersion": "v0",
}


def on_record(
    state: str = "RollingForwardCompleted",
    version: str = "v0",
    start: datetime | None = EARLIER,
    description: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    return {
        "UpgradeState": state,
        "TargetApplicationTypeVersion": version,
        "RollingUpgradeMode": "Monitored",
        "StartTimestampUtc": "0001-01-01T00:00:00Z" if start is None else start.isoformat(),
        "UpgradeDurationInMilliseconds": "PT60S",
        "UpgradeDescription": description,
        **more,
    }


def ours(
    state: str = "RollingForwardInProgress", start: datetime | None = NOW, **changes: Any
) -> dict[str, Any]:
    return on_record(state, "v1", start, {**UPGRADE.body(), **changes})


def theirs(state: str = "RollingForwardInProgress", start: datetime | None = EARLIER) -> dict[str, Any]:
    return on_record(state, "v2", start, {**UPGRADE.body(), "TargetApplicationTypeVersion": "v2"})


def seen(
    answer: dict[str, Any],
    version: str = "v0",
    parameters: dict[str, str] | None = None,
    seconds: float = 0.0,
) -> Seen:
    progress = UpgradeProgress.from_answer("application", "fabric:/shop/web", answer)
    return Seen(
        progress, version, OLD if parameters is None else parameters, NOW + timedelta(seconds=seconds)
    )


def sent(answer: dict[str, Any], options: StartOptions = OPTIONS) -> StartState:
    """Return the state after the request was sent to a cluster with this record."""
    step = next_step(UPGRADE, replace(options, if_upgrading="supersede"), None, seen(answer))
    assert isinstance(step, Send)
    return StartState.from_dict(step.state.to_dict())


IDENTITY = UpgradeIdentity(NOW, "v1")


@pytest.mark.parametrize(
    "answer", [NEVER, on_record(), on_record("RollingBackCompleted"), on_record("Failed")]
)
def test_first_look_sends(answer: dict[str, Any]) -> None:
    step = next_step(UPGRADE, OPTIONS, None, seen(answer))
    assert isinstance(step, Send)
    assert step.state.sent_at == NOW
    assert step.state.answer_due_at == NOW + timedelta(seconds=300)
    assert step.state.before.version == "v0"
    assert "3" not in str(step.state.to_dict()["before"]["version"])
    assert step.state.to_dict()["schema"] == "service_fabric.start_state/1"


@pytest.mark.parametrize("state", ["Invalid", "Somersault"])
def test_unknown_state_sends_nothing(state: str) -> None:
    reason = f"the state {state!r} of the upgrade on record is not known"
    assert next_step(UPGRADE, OPTIONS, None, seen(on_record(state))) == Refused(
        f"{reason}, so nothing was sent"
    )
    assert next_step(UPGRADE, OPTIONS, sent(NEVER), seen(on_record(state))) == Refused(reason)


@pytest.mark.parametrize("answer", [NEVER, on_record(), on_record("RollingBackCompleted")])
def test_deployed_version_is_not_sent(answer: dict[str, Any]) -> None:
    found = seen(answer, "v1", SAME)
    assert next_step(UPGRADE, OPTIONS, None, found) == NothingToDo()
    refused = next_step(UPGRADE, replace(OPTIONS, if_same_version="fail"), None, found)
    assert refused == Refused(
        "this version is deployed already, with the same parameters (if_same_version='fail')"
    )


def test_failed_upgrade_is_started_again() -> None:
    """After a failure Service Fabric does not compare versions."""
    assert isinstance(next_step(UPGRADE, OPTIONS, None, seen(on_record("Failed"), "v1", SAME)), Send)


@pytest.mark.parametrize(
    "state", ["RollingForwardInProgress", "RollingForwardPending", "RollingBackInProgress"]
)
def test_other_upgrade_decides_by_option(state: str) -> None:
    found = seen(theirs(state))
    refused = Refused("another upgrade is in progress (if_upgrading='fail'), so nothing was sent")
    assert next_step(UPGRADE, OPTIONS, None, found) == refused
    assert isinstance(next_step(UPGRADE, replace(OPTIONS, if_upgrading="wait"), None, found), WaitForOther)
    assert isinstance(next_step(UPGRADE, replace(OPTIONS, if_upgrading="supersede"), None, found), Send)


def test_same_upgrade_is_not_superseded() -> None:
    """A repeated request is harmless only until a person changes the mode of the upgrade that runs."""
    step = next_step(UPGRADE, replace(OPTIONS, if_upgrading="supersede"), None, seen(ours()))
    assert step == Started(IDENTITY, None)
    back = ours("RollingBackInProgress")
    assert isinstance(next_step(UPGRADE, replace(OPTIONS, if_upgrading="supersede"), None, seen(back)), Send)


@pytest.mark.parametrize(
    "before", [NEVER, on_record(), on_record("RollingBackCompleted"), theirs("RollingBackInProgress")]
)
@pytest.mark.parametrize(
    "state", ["RollingForwardInProgress", "RollingForwardPending", "RollingForwardCompleted", "Failed"]
)
def test_new_record_is_the_started_upgrade(before: dict[str, Any], state: str) -> None:
    step = next_step(UPGRADE, OPTIONS, sent(before), seen(ours(state)))
    assert isinstance(step, Started)
    assert step.identity == IDENTITY


@pytest.mark.parametrize("state", ["RollingBackInProgress", "RollingBackCompleted"])
def test_rolled_back_start_is_not_repeated(state: str) -> None:
    """The wait reports that it has failed."""
    restored = {**UPGRADE.body(), "TargetApplicationTypeVersion": "v0", "Parameters": []}
    answer = on_record(state, "v0", NOW, restored)
    step = next_step(UPGRADE, OPTIONS, sent(on_record()), seen(answer, seconds=9_999))
    assert step == Started(UpgradeIdentity(NOW, "v1", rolled_back=True), sent(on_record()).before)


def test_early_rollback_is_not_repeated() -> None:
    """Neither the upgrade before nor the one that was rolled back has a start time."""
    before = sent(on_record(start=None))
    assert before.before.was_upgraded
    answer = on_record("RollingBackCompleted", "v0", None)
    assert isinstance(next_step(UPGRADE, OPTIONS, before, seen(answer, seconds=9_999)), Started)


@pytest.mark.parametrize(
    "changes",
    [
        {"RollingUpgradeMode": "UnmonitoredManual"},
        {"MonitoringPolicy": MonitoringPolicy(failure_action="Manual").body()},
        {"ApplicationHealthPolicy": ApplicationHealthPolicy().body()},
    ],
)
def test_changed_upgrade_is_still_recognized(changes: dict[str, Any]) -> None:
    """Another person may change these while it runs."""
    assert next_step(UPGRADE, OPTIONS, sent(NEVER), seen(ours(**changes))) == Started(
        IDENTITY, sent(NEVER).before
    )


@pytest.mark.parametrize(
    "answer",
    [
        theirs(start=NOW),
        theirs("RollingForwardCompleted", NOW),
        ours(Parameters=[{"Key": "Web", "Value": "9"}]),
    ],
)
def test_upgrade_of_another_is_refused(answer: dict[str, Any]) -> None:
    step = next_step(UPGRADE, OPTIONS, sent(on_record()), seen(answer))
    assert step == Refused("another upgrade was started at the same time")


def test_refusal_says_that_the_start_was_accepted() -> None:
    """Two tasks have sent different upgrades at once; Service Fabric rolls back the first."""
    state = replace(sent(on_record()), is_accepted=True)
    step = next_step(UPGRADE, OPTIONS, state, seen(theirs(start=NOW)))
    assert step == Refused("the cluster has accepted it, but another upgrade was started at the same time")


def test_record_without_description_counts_by_version() -> None:
    found = on_record("RollingForwardInProgress", "v1", NOW)
    assert isinstance(next_step(UPGRADE, OPTIONS, sent(NEVER), seen(found)), Started)
    other = on_record("RollingForwardInProgress", "v2", NOW)
    assert isinstance(next_step(UPGRADE, OPTIONS, sent(NEVER), seen(other)), Refused)


def test_vanished_record_is_a_failed_preparation() -> None:
    step = next_step(UPGRADE, OPTIONS, sent(on_record()), seen(NEVER))
    assert step == Refused("the cluster could not prepare the upgrade: its record is gone")


def test_start_time_is_awaited() -> None:
    early = seen(ours(start=None), seconds=299)
    assert next_step(UPGRADE, OPTIONS, sent(NEVER), early) == LookAgain(
        5.0, "the cluster has accepted the upgrade, but has not started it yet"
    )
    late = seen(ours(start=None), seconds=301)
    assert isinstance(next_step(UPGRADE, OPTIONS, sent(NEVER), late), Started)


@pytest.mark.parametrize(
    "answer", [NEVER, on_record(), on_record("RollingBackCompleted"), on_record("Failed")]
)
def test_request_is_repeated_long_after_it(answer: dict[str, Any]) -> None:
    state = sent(answer)
    for seconds in (0, 300, 360):
        step = next_step(UPGRADE, OPTIONS, state, seen(answer, seconds=seconds))
        assert step == LookAgain(5.0, "the upgrade is not on record yet")
    again = next_step(UPGRADE, OPTIONS, state, seen(answer, seconds=361))
    assert isinstance(again, Send)
    assert again.state.sends == 2
    assert again.state.answer_due_at == NOW + timedelta(seconds=661)
    assert again.state.description_sha256 == state.description_sha256


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_accepted": True}, "the cluster has accepted the upgrade, but it is not on record"),
        ({"sends": 3}, "the request was sent 3 times and never answered"),
        (
            {"description_sha256": "0"},
            "the parameters were changed after the request was sent, so it was not sent again",
        ),
    ],
)
def test_request_is_not_repeated_without_reason(changes: dict[str, Any], reason: str) -> None:
    state = replace(sent(NEVER), **changes)
    assert next_step(UPGRADE, OPTIONS, state, seen(NEVER, seconds=361)) == Refused(reason)


def test_superseded_upgrade_is_awaited() -> None:
    state = sent(theirs())
    for moving in ("RollingForwardInProgress", "RollingBackInProgress"):
        step = next_step(UPGRADE, OPTIONS, state, seen(theirs(moving), seconds=9_999))
        assert isinstance(step, WaitForOther)


def test_rolled_back_other_is_no_reason_to_repeat() -> None:
    """The request may have arrived, and a person may have called it off."""
    step = next_step(UPGRADE, OPTIONS, sent(theirs()), seen(theirs("RollingBackCompleted"), seconds=9_999))
    assert step == Refused("the other upgrade was rolled back, but that of this task has not followed")


def test_completed_other_allows_another_request() -> None:
    """A request that had arrived would have rolled it back."""
    found = theirs("RollingForwardCompleted")
    assert isinstance(next_step(UPGRADE, OPTIONS, sent(theirs()), seen(found, seconds=9_999)), Send)


def test_early_other_is_not_the_started_upgrade() -> None:
    """It had no start time when the request was sent, and gets one later."""
    state = sent(theirs(start=None))
    assert isinstance(next_step(UPGRADE, OPTIONS, state, seen(theirs(start=NOW))), WaitForOther)
    assert isinstance(
        next_step(UPGRADE, OPTIONS, state, seen(theirs("RollingBackInProgress", NOW))), WaitForOther
    )
    assert isinstance(next_step(UPGRADE, OPTIONS, state, seen(ours())), Started)
    assert isinstance(next_step(UPGRADE, OPTIONS, state, seen(ours(start=None))), LookAgain)
    third = on_record("RollingForwardInProgress", "v3", NOW)
    assert isinstance(next_step(UPGRADE, OPTIONS, state, seen(third)), Refused)


def test_stored_start_is_kept() -> None:
    """Also if another upgrade has followed: the wait judges that."""
    state = sent(NEVER).with_started(IDENTITY)
    for answer in (ours(), theirs(), ours("RollingForwardCompleted"), NEVER):
        step = next_step(UPGRADE, OPTIONS, StartState.from_dict(state.to_dict()), seen(answer))
        assert isinstance(step, Started)
        assert step.identity == IDENTITY


def test_other_version_waits_for_earlier_request() -> None:
    """A template may give a retry another version."""
    other = replace(UPGRADE, target_version="v5")
    step = next_step(other, OPTIONS, sent(NEVER), seen(NEVER))
    assert step == LookAgain(5.0, "the request of an earlier try for another version may still arrive")
    assert isinstance(next_step(other, OPTIONS, sent(NEVER), seen(NEVER, seconds=361)), Send)


CLEARED = replace(OPTIONS, max_tries=1)


def test_cleared_task_adopts_its_running_upgrade() -> None:
    for state in (sent(NEVER), sent(NEVER).with_started(IDENTITY)):
        step = next_step(UPGRADE, CLEARED, state, seen(ours(), seconds=9_999))
        assert isinstance(step, Started)
        assert step.identity == IDENTITY


def test_cleared_task_starts_afresh_after_the_end() -> None:
    state = sent(NEVER).with_started(IDENTITY)
    assert isinstance(
        next_step(UPGRADE, CLEARED, state, seen(on_record("RollingBackCompleted", start=NOW))), Send
    )
    deployed = seen(ours("RollingForwardCompleted"), "v1", SAME)
    assert next_step(UPGRADE, CLEARED, state, deployed) == NothingToDo()


def test_cleared_task_waits_for_late_request() -> None:
    late = "the request of an earlier try may still arrive"
    assert next_step(UPGRADE, CLEARED, sent(NEVER), seen(NEVER)) == LookAgain(5.0, late)
    assert next_step(UPGRADE, CLEARED, sent(NEVER), seen(ours(start=None))) == LookAgain(5.0, late)
    assert isinstance(next_step(UPGRADE, CLEARED, sent(NEVER), seen(NEVER, seconds=361)), Send)


def test_cleared_task_respects_other_upgrade() -> None:
    state = sent(NEVER).with_started(IDENTITY)
    assert isinstance(next_step(UPGRADE, CLEARED, state, seen(theirs(), seconds=9_999)), Refused)


BLIND = replace(OPTIONS, is_retry=True, keeps_state=False, run_started_at=NOW - timedelta(minutes=5))


@pytest.mark.parametrize("answer", [ours(), ours(start=EARLIER), ours("RollingForwardCompleted")])
def test_retry_without_state_adopts_same_upgrade(answer: dict[str, Any]) -> None:
    assert isinstance(next_step(UPGRADE, BLIND, None, seen(answer)), Started)


@pytest.mark.parametrize(
    "changes",
    [
        {"RollingUpgradeMode": "UnmonitoredManual"},
        {"ForceRestart": True},
        {"MonitoringPolicy": MonitoringPolicy(failure_action="Manual").body()},
        {"Parameters": []},
        {"TargetApplicationTypeVersion": "v2"},
    ],
)
def test_retry_without_state_refuses_other_description(changes: dict[str, Any]) -> None:
    assert isinstance(next_step(UPGRADE, BLIND, None, seen(ours(**changes))), Refused)


def test_manual_failure_keeps_the_description() -> None:
    """Service Fabric changes the mode itself, after a failure with the FailureAction Manual."""
    upgrade = replace(UPGRADE, monitoring_policy=MonitoringPolicy(failure_action="Manual"))
    description = {**upgrade.body(), "RollingUpgradeMode": "UnmonitoredManual"}
    answer = on_record("RollingForwardPending", "v1", NOW, description)
    assert isinstance(next_step(upgrade, BLIND, None, seen(answer)), Started)


@pytest.mark.parametrize(
    ("start", "expected"), [(NOW, Started), (EARLIER, Send)], ids=["during this run", "before this run"]
)
def test_retry_without_state_takes_recent_rollback(start: datetime, expected: type) -> None:
    """To send again would be worse than to report the rollback of another upgrade."""
    answer = on_record("RollingBackCompleted", "v0", start)
    assert isinstance(next_step(UPGRADE, BLIND, None, seen(answer)), expected)


def test_retry_without_state_waits_for_late_request() -> None:
    """It does not know when the earlier try has sent its request, only that this was before it began."""
    retry = replace(BLIND, try_began_at=NOW)
    late = LookAgain(5.0, "a request of an earlier try may still arrive")
    assert next_step(UPGRADE, retry, None, seen(NEVER, seconds=360)) == late
    assert isinstance(next_step(UPGRADE, retry, None, seen(NEVER, seconds=361)), Send)
    assert isinstance(next_step(UPGRADE, replace(retry, is_retry=False), None, seen(NEVER)), Send)
    assert isinstance(next_step(UPGRADE, replace(retry, keeps_state=True), None, seen(NEVER)), Send)


def test_retry_without_state_ignores_older_upgrade() -> None:
    assert isinstance(next_step(UPGRADE, BLIND, None, seen(ours("RollingForwardCompleted", EARLIER))), Send)


def test_unmonitored_upgrade_has_no_policy_to_compare() -> None:
    upgrade = replace(UPGRADE, mode="UnmonitoredAuto", monitoring_policy=None)
    assert upgrade.matches_description({"UpgradeDescription": upgrade.body()})
    assert not upgrade.matches_description({"UpgradeDescription": UPGRADE.body()})
    assert not upgrade.matches_description(None)


ALREADY = "FABRIC_E_APPLICATION_ALREADY_IN_TARGET_VERSION"
IN_PROGRESS = "FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS"


@pytest.mark.parametrize(
    "error", [None, Unreachable("busy", 409, IN_PROGRESS), ResultUnknown("busy", 409, IN_PROGRESS)]
)
def test_confirmed_request_is_accepted(error: ServiceFabricError | None) -> None:
    assert after_answer(sent(NEVER), OPTIONS, error) == replace(sent(NEVER), is_accepted=True)


@pytest.mark.parametrize("error", [ResultUnknown("cut"), UnexpectedAnswer("page")])
def test_uncertain_answer_changes_nothing(error: ServiceFabricError) -> None:
    assert after_answer(sent(NEVER), OPTIONS, error) == sent(NEVER)


def test_refused_request_is_final() -> None:
    error = Rejected("the reason", 400, "FABRIC_E_APPLICATION_UPGRADE_VALIDATION_ERROR")
    assert after_answer(sent(NEVER), OPTIONS, error) == Refused(f"the cluster refused the upgrade: {error}")


def test_deployed_version_may_be_the_answer() -> None:
    """Service Fabric compares with the defaults of the manifest, which the package does not know."""
    error = Rejected("same", 409, ALREADY)
    assert after_answer(sent(NEVER), OPTIONS, error) == NothingToDo()
    assert isinstance(after_answer(sent(NEVER), replace(OPTIONS, if_same_version="fail"), error), Refused)


def test_request_that_was_not_sent_is_raised() -> None:
    with pytest.raises(Unreachable, match=r"^connection refused$"):
        after_answer(sent(NEVER), OPTIONS, Unreachable("connection refused"))


def test_stored_state_holds_no_parameters() -> None:
    upgrade = replace(UPGRADE, parameters={"Key": "s3cr3t"})
    step = next_step(upgrade, OPTIONS, None, seen(NEVER, parameters={"Key": "0ld-s3cr3t"}))
    assert isinstance(step, Send)
    assert "s3cr3t" not in str(step.state.to_dict())
