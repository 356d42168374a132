"""Update, resume and rollback of the upgrade of a classic application."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.driven import MANUAL, NAME, Driven

INVALID = (400, "E_INVALIDARG")
NOT_UPGRADING = (400, "FABRIC_E_APPLICATION_NOT_UPGRADING")
COMPLETED = (400, "FABRIC_E_UPGRADE_DOMAIN_ALREADY_COMPLETED")
NOT_FOUND = (404, "FABRIC_E_APPLICATION_NOT_FOUND")
REFUSED = (400, "FABRIC_E_APPLICATION_UPGRADE_VALIDATION_ERROR")
DOMAINS = ["UD1", "UD2", "UD3", "UD4", "UD5"]


@pytest.fixture
def driven() -> Driven:
    return Driven()


def paused() -> Driven:
    """Return a cluster with an upgrade that failed a health check, 460 seconds after its start."""
    driven = Driven("fabric:/idle_paused-shop/web")
    driven.start(MonitoringPolicy={"FailureAction": "Manual"})
    driven.second = 460
    return driven


def test_manual_upgrade_goes_domain_by_domain(driven: Driven) -> None:
    driven.start(**MANUAL)
    driven.second = 30
    looks = [driven.look()]
    for domain in DOMAINS[1:]:
        driven.second += 1_000
        looks.append(driven.look())
        assert driven.progress()["NextUpgradeDomain"] == domain
        assert driven.progress()["UpgradeDomainDurationInMilliseconds"] == "PT0H0M0S"
        assert driven.resume(domain) == (200, "")
        looks.append(driven.look())
    driven.second += 1_000
    looks.append(driven.look())
    assert {look[1:3] for look in looks} == {("v1", "UnmonitoredManual")}
    assert [(look[0].removeprefix("RollingForward"), look[3]) for look in looks] == [
        ("InProgress", "IPPPP"),
        ("Pending", "CPPPP"),
        ("InProgress", "CIPPP"),
        ("Pending", "CCPPP"),
        ("InProgress", "CCIPP"),
        ("Pending", "CCCPP"),
        ("InProgress", "CCCIP"),
        ("Pending", "CCCCP"),
        ("InProgress", "CCCCI"),
        ("Completed", "CCCCC"),
    ]
    assert driven.deployed() == ("v1", "Ready", {})


@pytest.mark.parametrize(
    ("second", "domain", "answer"),
    [
        (10, "UD1", INVALID),  # the upgrade has not begun; UD1 needs no command
        (100, "UD1", INVALID),  # in progress
        (100, "UD2", INVALID),
        (200, "UD1", COMPLETED),
        (200, "UD2", (200, "")),
        (200, "UD3", INVALID),
        (200, "UD9", INVALID),
        (200, "", INVALID),
    ],
)
def test_resume_needs_the_next_domain(
    second: float, domain: str, answer: tuple[int, str], driven: Driven
) -> None:
    driven.start(**MANUAL)
    driven.second = second
    assert driven.resume(domain) == answer


def test_repeated_resume_never_skips_a_domain(driven: Driven) -> None:
    driven.start(**MANUAL)
    driven.second = 200
    assert [driven.resume("UD2"), driven.resume("UD2")] == [(200, ""), INVALID]
    driven.second = 400
    assert driven.resume("UD2") == COMPLETED
    assert driven.look()[3] == "CCPPP"


def test_last_domain_has_no_next(driven: Driven) -> None:
    driven.start(**MANUAL)
    for domain in DOMAINS[1:]:
        driven.second += 200
        driven.resume(domain)
    assert driven.resume("UD9") == NOT_UPGRADING


@pytest.mark.parametrize("body", [None, {}, [], {"UpgradeDomain": "UD2"}])
def test_resume_without_domain_is_refused(body: object, driven: Driven) -> None:
    driven.start(**MANUAL)
    driven.second = 200
    assert driven.post("MoveToNextUpgradeDomain", body) == INVALID


def test_resume_needs_the_manual_mode(driven: Driven) -> None:
    assert driven.resume("UD1") == NOT_UPGRADING
    driven.start()
    driven.second = 140
    assert driven.resume("UD2") == INVALID


def test_failed_check_pauses_the_upgrade() -> None:
    driven = paused()
    assert driven.look() == ("RollingForwardPending", "v1", "UnmonitoredManual", "CCCPP")
    progress = driven.progress()
    assert (progress["FailureReason"], progress["NextUpgradeDomain"]) == ("HealthCheck", "UD4")
    assert progress["UpgradeDomainProgressAtFailure"]["DomainName"] == "UD3"
    assert progress["UpgradeDescription"]["RollingUpgradeMode"] == "UnmonitoredManual"
    assert progress["UpgradeDescription"]["MonitoringPolicy"]["FailureAction"] == "Manual"
    driven.second += 100_000
    assert driven.look()[0] == "RollingForwardPending"


def test_paused_upgrade_is_resumed_by_hand() -> None:
    driven = paused()
    assert driven.resume("UD4") == (200, "")
    driven.second += 200
    assert driven.look() == ("RollingForwardPending", "v1", "UnmonitoredManual", "CCCCP")


def test_paused_upgrade_goes_on_with_checks() -> None:
    driven = paused()
    assert driven.update(RollingUpgradeMode="Monitored") == (200, "")
    assert driven.look() == ("RollingForwardInProgress", "v1", "Monitored", "CCCIP")
    driven.second += 600
    assert driven.look() == ("RollingForwardCompleted", "v1", "Monitored", "CCCCC")


def test_update_freezes_after_this_domain(driven: Driven) -> None:
    driven.start()
    driven.second = 100
    assert driven.update(RollingUpgradeMode="UnmonitoredManual") == (200, "")
    assert driven.look() == ("RollingForwardInProgress", "v1", "UnmonitoredManual", "IPPPP")
    driven.second = 1_000
    assert driven.look() == ("RollingForwardPending", "v1", "UnmonitoredManual", "CPPPP")
    driven.update(RollingUpgradeMode="UnmonitoredManual", ForceRestart=True)
    assert driven.look()[0] == "RollingForwardPending"
    driven.update(RollingUpgradeMode="UnmonitoredAuto")
    driven.second = 2_000
    assert driven.look() == ("RollingForwardCompleted", "v1", "UnmonitoredAuto", "CCCCC")


def test_update_in_a_check_freezes_before_the_next(driven: Driven) -> None:
    driven.start()
    driven.second = 120
    assert driven.look() == ("RollingForwardPending", "v1", "Monitored", "CPPPP")
    driven.update(RollingUpgradeMode="UnmonitoredManual")
    assert driven.look() == ("RollingForwardPending", "v1", "UnmonitoredManual", "CPPPP")


@pytest.mark.parametrize(
    ("second", "end"), [(10, "RollingForwardInProgress"), (575, "RollingForwardInProgress")]
)
def test_update_moves_no_time(second: float, end: str, driven: Driven) -> None:
    """While the upgrade is prepared and cleaned up, an update changes nothing but the description."""
    driven.start()
    driven.second = second
    assert driven.update(RollingUpgradeMode="UnmonitoredAuto") == (200, "")
    driven.second = 599
    assert driven.look()[0] == end
    driven.second = 600
    assert driven.look() == ("RollingForwardCompleted", "v1", "UnmonitoredAuto", "CCCCC")


def test_update_changes_only_its_members(driven: Driven) -> None:
    driven.start(ApplicationHealthPolicy={"ConsiderWarningAsError": True})
    driven.second = 50
    before = driven.progress()["UpgradeDescription"]
    changes = {
        "HealthCheckWaitDurationInMilliseconds": "PT1M",
        "ReplicaSetCheckTimeoutInMilliseconds": "PT5M",
    }
    assert driven.update(**changes) == (200, "")
    expected = {**before, "UpgradeReplicaSetCheckTimeoutInSeconds": 300}
    expected["MonitoringPolicy"] = {
        **before["MonitoringPolicy"],
        "HealthCheckWaitDurationInMilliseconds": "PT0H1M0S",
    }
    assert driven.progress()["UpgradeDescription"] == expected
    body = {"Name": NAME, "UpgradeKind": "Rolling", "ApplicationHealthPolicy": {}}
    assert driven.post("UpdateUpgrade", body) == (200, "")
    assert (
        driven.progress()["UpgradeDescription"]["ApplicationHealthPolicy"]["ConsiderWarningAsError"] is False
    )


def test_update_changes_the_close_delay(driven: Driven) -> None:
    driven.start(InstanceCloseDelayDurationInSeconds=5)
    assert driven.update(InstanceCloseDelayDurationInSeconds=9) == (200, "")
    assert driven.progress()["UpgradeDescription"]["InstanceCloseDelayDurationInSeconds"] == 9


def test_update_to_unmonitored_mode_by_default_body(driven: Driven) -> None:
    """Microsoft's Python client sends this mode if its user names none."""
    driven.start()
    driven.second = 100
    changes = {"RollingUpgradeMode": "UnmonitoredAuto", "UpgradeTimeoutInMilliseconds": "PT5H"}
    assert driven.update(**changes) == REFUSED
    driven.update(RollingUpgradeMode="UnmonitoredAuto", ForceRestart=False)
    assert driven.look()[2] == "UnmonitoredAuto"


def update_body(**members: Any) -> dict[str, Any]:
    return {"Name": NAME, "UpgradeKind": "Rolling", **members}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (update_body(), INVALID),
        (update_body(UpdateDescription={}), INVALID),
        (update_body(UpdateDescription={"RollingUpgradeMode": "Fast"}), INVALID),
        (update_body(UpdateDescription={"ForceRestart": 1}), INVALID),
        ({"UpdateDescription": {"ForceRestart": True}, **update_body()}, INVALID),  # before UpgradeKind
        ({"Name": NAME, "UpdateDescription": {"ForceRestart": True}}, INVALID),
        ({"UpgradeKind": "Rolling", "UpdateDescription": {"ForceRestart": True}}, INVALID),
        (update_body(UpdateDescription={"UpgradeTimeoutInMilliseconds": "PT1S"}), REFUSED),
        (update_body(UpdateDescription={"FailureAction": "Stop"}), INVALID),
        (update_body(Name="fabric:/shop", UpdateDescription={"ForceRestart": True}), NOT_FOUND),
    ],
)
def test_wrong_update_is_refused(body: object, answer: tuple[int, str], driven: Driven) -> None:
    driven.start()
    driven.second = 100
    assert driven.post("UpdateUpgrade", body) == answer
    assert driven.calls == ["start_application_upgrade"]


def test_update_needs_a_running_upgrade(driven: Driven) -> None:
    assert driven.update(ForceRestart=True) == NOT_UPGRADING
    driven.start()
    driven.second = 600
    assert driven.update(ForceRestart=True) == INVALID


def test_update_in_a_rollback_may_change_little(driven: Driven) -> None:
    driven.start()
    driven.second = 300
    driven.rollback()
    assert driven.update(RollingUpgradeMode="Monitored") == INVALID
    assert driven.update(FailureAction="Manual") == INVALID
    assert driven.update(ReplicaSetCheckTimeoutInMilliseconds=-1) == INVALID
    assert driven.update(ReplicaSetCheckTimeoutInMilliseconds=60_000, ForceRestart=True) == (200, "")
    description = driven.progress()["UpgradeDescription"]
    assert (description["ForceRestart"], description["UpgradeReplicaSetCheckTimeoutInSeconds"]) == (True, 60)


def test_update_in_a_rollback_keeps_the_goal(driven: Driven) -> None:
    driven.start()
    driven.second = 300
    driven.start("v2")
    driven.update(RollingUpgradeMode="UnmonitoredAuto")
    driven.second = 2_000
    assert driven.deployed() == ("v2", "Ready", {})


def test_update_at_the_end_of_a_rollback(driven: Driven) -> None:
    driven.start()
    driven.second = 20
    driven.rollback()
    assert driven.look() == ("RollingBackInProgress", "v0", "UnmonitoredAuto", "CCCCC")
    driven.second = 40
    driven.update(ForceRestart=True)
    driven.second = 49
    assert driven.look()[0] == "RollingBackInProgress"
    driven.second = 51
    assert driven.look()[0] == "RollingBackCompleted"


def test_rollback_is_idempotent_until_its_end(driven: Driven) -> None:
    assert driven.rollback() == NOT_UPGRADING
    driven.start()
    driven.second = 300
    assert [driven.rollback(), driven.rollback()] == [(200, ""), (200, "")]
    driven.second = 310
    assert driven.rollback() == (200, "")
    assert driven.look() == ("RollingBackInProgress", "v0", "UnmonitoredAuto", "PPICC")
    assert driven.progress()["FailureReason"] == "Interrupted"
    driven.second = 300 + 210 + 30
    assert driven.look() == ("RollingBackCompleted", "v0", "UnmonitoredAuto", "CCCCC")
    assert driven.rollback() == NOT_UPGRADING
    assert driven.deployed() == ("v0", "Ready", {"Web_InstanceCount": "-1"})


def test_failed_check_rolls_back() -> None:
    driven = Driven("fabric:/idle_rolled_back-shop")
    driven.start()
    driven.second = 400
    assert driven.look() == ("RollingBackInProgress", "v0", "UnmonitoredAuto", "PPICC")
    assert driven.progress()["FailureReason"] == "HealthCheck"
    driven.second = 600
    assert driven.look()[0] == "RollingBackCompleted"


def test_manual_rollback_stays_manual(driven: Driven) -> None:
    driven.start(**MANUAL)
    driven.second = 200
    driven.resume("UD2")
    driven.second = 400
    driven.rollback()
    driven.second = 1_000
    assert driven.look() == ("RollingBackInProgress", "v0", "UnmonitoredManual", "PCCCC")
    assert driven.progress()["NextUpgradeDomain"] == "UD1"
    driven.rollback()
    assert driven.look()[3] == "PCCCC"
    assert driven.resume("UD2") == COMPLETED
    assert driven.resume("UD1") == (200, "")
    driven.second = 2_000
    assert driven.look() == ("RollingBackCompleted", "v0", "UnmonitoredManual", "CCCCC")


def test_manual_rollback_runs_after_an_update(driven: Driven) -> None:
    driven.start(**MANUAL)
    driven.second = 200
    driven.resume("UD2")
    driven.second = 400
    driven.rollback()
    driven.second = 1_000
    assert driven.update(RollingUpgradeMode="UnmonitoredAuto") == (200, "")
    driven.second = 2_000
    assert driven.look() == ("RollingBackCompleted", "v0", "UnmonitoredAuto", "CCCCC")


def test_next_start_ends_a_manual_rollback(driven: Driven) -> None:
    driven.start(**MANUAL)
    driven.second = 200
    driven.resume("UD2")
    driven.second = 400
    driven.rollback()
    driven.second = 1_000
    driven.start("v2")
    driven.second = 3_000
    assert driven.look() == ("RollingForwardCompleted", "v2", "Monitored", "CCCCC")


def test_interrupt_of_a_manual_upgrade_runs(driven: Driven) -> None:
    driven.start(**MANUAL)
    driven.second = 200
    driven.start("v2")
    assert driven.look()[2] == "UnmonitoredAuto"
    driven.second = 3_000
    assert driven.deployed() == ("v2", "Ready", {})


def test_stuck_upgrade_stays_stuck_until_rollback() -> None:
    driven = Driven("fabric:/idle_stuck-shop")
    driven.start()
    driven.second = 10_000
    driven.update(RollingUpgradeMode="UnmonitoredAuto")
    driven.second = 20_000
    assert driven.look() == ("RollingForwardInProgress", "v1", "UnmonitoredAuto", "CCIPP")
    driven.rollback()
    driven.second = 30_000
    assert driven.look()[0] == "RollingBackCompleted"


def test_commands_change_scenarios(driven: Driven) -> None:
    """A scenario goes on as the command says, from the state that it has reached."""
    driven.name = "fabric:/good-shop"
    driven.progress()
    driven.second = 300
    assert driven.rollback() == (200, "")
    assert driven.look() == ("RollingBackInProgress", "v0", "UnmonitoredAuto", "PPICC")
    driven.second = 1_000
    assert driven.start("v2") == (200, "")
    driven.second = 2_000
    assert driven.deployed() == ("v2", "Ready", {})


def test_commands_have_the_faults_of_scenarios(driven: Driven) -> None:
    driven.name = "fabric:/unauthorised-shop"
    assert driven.start() == (403, "")
    assert driven.rollback() == (403, "")


@pytest.mark.parametrize("name", ["fabric:/shop", "fabric:/not_found-shop"])
def test_unknown_application_is_not_found(name: str, driven: Driven) -> None:
    driven.name = name
    answers = {driven.start(), driven.update(ForceRestart=True), driven.resume("UD1"), driven.rollback()}
    assert answers == {NOT_FOUND}


@pytest.mark.parametrize(
    ("method", "path", "version"),
    [
        ("POST", "/Applications/idle-shop/$/Other", "6.0"),
        ("PUT", "/Applications/idle-shop/$/Upgrade", "6.0"),
        ("DELETE", "/Applications/idle-shop", "6.0"),
        ("POST", "/Applications/idle-shop/$/RollbackUpgrade", "99.0"),
        ("POST", "/Applications/idle-shop/$/GetUpgradeProgress", "6.0"),
    ],
)
def test_unknown_command_is_refused(method: str, path: str, version: str, driven: Driven) -> None:
    assert driven.send(method, path, {}, version=version) == INVALID
