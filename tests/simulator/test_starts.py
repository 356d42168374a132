"""Who answers what to the start of an upgrade of a classic application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.simulator.courses import COURSES
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from tests.simulator.driven import MANUAL, NAME, Driven

if TYPE_CHECKING:
    from collections.abc import Callable

NEVER_UPGRADED = ("RollingForwardCompleted", "v0", "Invalid", "")
IN_PROGRESS = "FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS"
IN_TARGET = "FABRIC_E_APPLICATION_ALREADY_IN_TARGET_VERSION"
WEB = {"Key": "Web_InstanceCount", "Value": "-1"}
API = {"Key": "Api_InstanceCount", "Value": "2"}


@pytest.fixture
def driven() -> Driven:
    return Driven()


def completed(driven: Driven) -> None:
    driven.start()
    driven.second += 600


def rolled_back(driven: Driven) -> None:
    driven.start()
    driven.rollback()
    driven.second += 600


def running(driven: Driven) -> None:
    driven.start()
    driven.second += 200


def rolling_back(driven: Driven) -> None:
    running(driven)
    driven.rollback()


def failed(driven: Driven) -> None:
    driven.name = "fabric:/idle_failed-shop/web"
    driven.start()
    driven.second += 400


def untouched(driven: Driven) -> None:
    driven.application()


@pytest.mark.parametrize(
    ("before", "start", "answer"),
    [
        (untouched, {}, (200, "")),
        (completed, {"target": "v2"}, (200, "")),
        (rolled_back, {}, (200, "")),
        (rolled_back, {"target": "v2"}, (200, "")),
        (untouched, {"target": "v0", "Parameters": [WEB]}, (409, IN_TARGET)),
        (completed, {}, (409, IN_TARGET)),
        (completed, {"ForceRestart": True}, (409, IN_TARGET)),
        (completed, {"Parameters": [WEB]}, (409, IN_TARGET)),  # the default of the manifest
        (completed, {"Parameters": [API]}, (200, "")),
        (failed, {}, (200, "")),
        (running, {}, (409, IN_PROGRESS)),
        (running, {"target": "v2"}, (200, "")),
        (running, {"Parameters": [API]}, (200, "")),
        (running, {"ForceRestart": True}, (200, "")),
        (running, MANUAL, (200, "")),
        (running, {"ApplicationHealthPolicy": {}}, (200, "")),
        (running, {"UpgradeReplicaSetCheckTimeoutInSeconds": 60}, (200, "")),
        (running, {"SortOrder": "Numeric"}, (409, IN_PROGRESS)),  # is not compared
        (rolling_back, {}, (200, "")),
        (rolling_back, {"target": "v2"}, (200, "")),
        (untouched, {"target": "v9"}, (404, "FABRIC_E_APPLICATION_TYPE_NOT_FOUND")),
        (running, {"target": "v9"}, (404, "FABRIC_E_APPLICATION_TYPE_NOT_FOUND")),
        (untouched, {"Name": "fabric:/shop"}, (404, "FABRIC_E_APPLICATION_NOT_FOUND")),
        (
            untouched,
            {"Parameters": [{"Key": "X", "Value": ""}]},
            (400, "FABRIC_E_IMAGEBUILDER_VALIDATION_ERROR"),
        ),
    ],
)
def test_start_is_answered(
    before: Callable[[Driven], None], start: dict[str, Any], answer: tuple[int, str], driven: Driven
) -> None:
    before(driven)
    accepted = driven.calls.count("start_application_upgrade")
    assert driven.start(**start) == answer
    assert driven.calls.count("start_application_upgrade") - accepted == (answer[0] == 200)


@pytest.mark.unmeasured
@pytest.mark.parametrize("scenario", ["good", "rolled_back", "failed", "stuck", "unknown_state"])
def test_course_goes_like_the_scenario(scenario: str) -> None:
    driven = Driven(f"fabric:/idle_{scenario}-shop/web" if scenario != "good" else NAME)
    scripted = Driven(f"fabric:/{scenario}-shop/web")
    driven.start(ApplicationHealthPolicy={})
    for second in range(0, 700, 10):
        driven.second = scripted.second = float(second)
        ignored = {"Name", "TypeName", "UpgradeDescription", "UnhealthyEvaluations"}
        expected, progress = (
            {k: v for k, v in each.progress().items() if k not in ignored} for each in (scripted, driven)
        )
        assert progress == expected, second
        assert driven.deployed() == (*scripted.deployed()[:2], driven.deployed()[2])


def test_every_course_has_a_scenario() -> None:
    """Service Fabric does not see the errors of a page: that scenario is ``good``."""
    words = {course.removeprefix("idle_") for course in COURSES} - {"idle", "http_errors"}
    assert words <= set(SCENARIOS)


def test_completed_start_replaces_version_and_parameters(driven: Driven) -> None:
    assert driven.deployed() == ("v0", "Ready", {"Web_InstanceCount": "-1"})
    driven.start(Parameters=[API])
    assert driven.deployed() == ("v0", "Upgrading", {"Web_InstanceCount": "-1"})
    driven.second = 600
    assert driven.deployed() == ("v1", "Ready", {"Api_InstanceCount": "2"})
    driven.start("v2")
    driven.second = 1_200
    assert driven.deployed() == ("v2", "Ready", {})


def test_different_start_interrupts_and_rolls_back_first(driven: Driven) -> None:
    running(driven)
    started = driven.progress()["StartTimestampUtc"]
    assert driven.look() == ("RollingForwardInProgress", "v1", "Monitored", "CIPPP")
    assert driven.start("v2") == (200, "")
    assert driven.look() == ("RollingBackInProgress", "v0", "UnmonitoredAuto", "PICCC")
    progress = driven.progress()
    assert progress["StartTimestampUtc"] == started
    assert progress["FailureReason"] == "Interrupted"
    assert progress["UpgradeStatusDetails"] == (
        "Upgrade will restart with target version 'v2' after rollback completes "
        "(use the explicit rollback API to clear)"
    )
    driven.second += 420 * 170 / 540 + 31
    assert driven.look() == ("RollingForwardInProgress", "v2", "Monitored", "IPPPP")
    assert driven.progress()["StartTimestampUtc"] > started


def test_start_in_rollback_starts_again_afterwards(driven: Driven) -> None:
    rolling_back(driven)
    driven.second += 10
    driven.start()
    assert driven.look()[0] == "RollingBackInProgress"
    driven.second += 1_000
    assert driven.look() == ("RollingForwardCompleted", "v1", "Monitored", "CCCCC")


def test_rollback_clears_the_next_start(driven: Driven) -> None:
    rolling_back(driven)
    driven.start()
    assert driven.rollback() == (200, "")
    assert driven.progress()["UpgradeStatusDetails"] == ""
    driven.second += 1_000
    assert driven.look() == ("RollingBackCompleted", "v0", "UnmonitoredAuto", "CCCCC")


def test_last_start_in_a_rollback_wins(driven: Driven) -> None:
    running(driven)
    driven.start("v2")
    driven.start("v1", Parameters=[API])
    driven.second += 1_000
    assert driven.deployed() == ("v1", "Ready", {"Api_InstanceCount": "2"})


def test_own_start_interrupts_itself_after_update(driven: Driven) -> None:
    running(driven)
    driven.update(RollingUpgradeMode="UnmonitoredAuto")
    assert driven.start() == (200, "")
    assert driven.look()[0] == "RollingBackInProgress"


def test_own_start_interrupts_itself_after_pause() -> None:
    driven = Driven("fabric:/idle_paused-shop/web")
    manual: dict[str, Any] = {"MonitoringPolicy": {"FailureAction": "Manual"}}
    driven.start(**manual)
    driven.second = 600
    assert driven.look() == ("RollingForwardPending", "v1", "UnmonitoredManual", "CCCPP")
    assert driven.start(**manual) == (200, "")
    assert driven.look()[0] == "RollingBackInProgress"


def test_refused_parameters_remove_the_record(driven: Driven) -> None:
    completed(driven)
    assert driven.start("v2", Parameters=[{"Key": "Other", "Value": "1"}])[0] == 400
    assert driven.look() == ("RollingForwardCompleted", "v1", "Invalid", "")
    assert driven.progress()["StartTimestampUtc"] == "0001-01-01T00:00:00.000Z"
    assert driven.calls == ["start_application_upgrade", "refuse_application_upgrade"]
    assert driven.deployed() == ("v1", "Ready", {})
    assert driven.start("v2") == (200, "")


def test_refused_parameters_never_end_an_upgrade(driven: Driven) -> None:
    running(driven)
    look = driven.look()
    assert driven.start("v2", Parameters=[{"Key": "Other", "Value": "1"}])[0] == 400
    assert (driven.look(), driven.calls) == (look, ["start_application_upgrade"])


def test_body_names_the_application(driven: Driven) -> None:
    assert driven.send("POST", "/Applications/idle-other/$/Upgrade", driven.body()) == (200, "")
    assert driven.look()[0] == "RollingForwardInProgress"
    assert driven.simulator.journal[0].name == NAME
    driven.name = "fabric:/idle-other"
    assert driven.look() == NEVER_UPGRADED


def without(*names: str) -> dict[str, Any]:
    return {key: value for key, value in Driven().body().items() if key not in names}


@pytest.mark.parametrize(
    "body",
    [
        without("UpgradeKind"),
        without("RollingUpgradeMode"),
        without("Name"),
        without("TargetApplicationTypeVersion"),
        {**without("UpgradeKind"), "UpgradeKind": "Rolling"},  # the gateway did not read the mode before it
        Driven().body(Name="idle-shop/web"),
        Driven().body(RollingUpgradeMode="Auto"),
        Driven().body(ForceRestart="true"),
        Driven().body(Parameters={"Web_InstanceCount": "-1"}),
        Driven().body(Parameters=[{"Key": "Web_InstanceCount", "Value": 1}]),
        Driven().body(UpgradeReplicaSetCheckTimeoutInSeconds=-1),
        Driven().body(MonitoringPolicy={"FailureAction": "Stop"}),
        Driven().body(MonitoringPolicy={"UpgradeTimeoutInMilliseconds": "soon"}),
        Driven().body(MonitoringPolicy={"UpgradeTimeoutInMilliseconds": 60}),
        Driven().body(ApplicationHealthPolicy={"ConsiderWarningAsError": 1}),
        Driven().body(ApplicationHealthPolicy={"MaxPercentUnhealthyDeployedApplications": 101}),
        Driven().body(ApplicationHealthPolicy={"ServiceTypeHealthPolicyMap": {}}),
        b"{",
        b"\xff",
        [],
        None,
    ],
)
def test_unreadable_body_is_refused_without_reason(body: object, driven: Driven) -> None:
    data = body if isinstance(body, bytes) else None
    assert driven.post("Upgrade", data or body) == (400, "E_INVALIDARG")
    assert driven.simulator.journal == []


@pytest.mark.parametrize(
    ("policy", "is_valid"),
    [
        ({"UpgradeTimeoutInMilliseconds": "PT10M"}, False),  # the check may retry for 10 minutes
        ({"UpgradeTimeoutInMilliseconds": "PT1H"}, False),  # the timeout of a domain is infinite
        (
            {"UpgradeTimeoutInMilliseconds": "600001", "UpgradeDomainTimeoutInMilliseconds": "PT10M0.001S"},
            True,
        ),
        ({"UpgradeTimeoutInMilliseconds": "600001", "UpgradeDomainTimeoutInMilliseconds": "PT10M"}, False),
        ({"UpgradeDomainTimeoutInMilliseconds": "PT0H10M1S"}, True),
        ({"UpgradeDomainTimeoutInMilliseconds": "PT10M"}, False),
        ({"HealthCheckStableDurationInMilliseconds": "PT1H", "UpgradeTimeoutInMilliseconds": "PT1H"}, False),
        (
            {"HealthCheckStableDurationInMilliseconds": "PT1H", "UpgradeDomainTimeoutInMilliseconds": "PT1H"},
            False,
        ),
        (
            {"HealthCheckWaitDurationInMilliseconds": "PT1H", "UpgradeDomainTimeoutInMilliseconds": "PT1H"},
            False,
        ),
        ({"UpgradeTimeoutInMilliseconds": "PT1H", "UpgradeDomainTimeoutInMilliseconds": "PT2H"}, False),
        ({"UpgradeTimeoutInMilliseconds": "PT2H", "UpgradeDomainTimeoutInMilliseconds": "PT2H"}, True),
        ({"UpgradeTimeoutInMilliseconds": "P10675199DT2H48M5.4775807S"}, True),
    ],
)
def test_timeouts_must_not_contradict(policy: dict[str, str], *, is_valid: bool, driven: Driven) -> None:
    expected = (200, "") if is_valid else (400, "FABRIC_E_APPLICATION_UPGRADE_VALIDATION_ERROR")
    assert driven.start(MonitoringPolicy={"FailureAction": "Rollback", **policy}) == expected


def test_timeouts_matter_only_when_monitored(driven: Driven) -> None:
    policy = {"FailureAction": "Rollback", "UpgradeTimeoutInMilliseconds": "PT1S"}
    assert driven.start(RollingUpgradeMode="UnmonitoredAuto", MonitoringPolicy=policy) == (200, "")
    assert "MonitoringPolicy" not in driven.progress()["UpgradeDescription"]


def test_value_with_line_break_is_refused(driven: Driven) -> None:
    answer = driven.start(Parameters=[{"Key": "Web_InstanceCount", "Value": "1\n"}])
    assert answer == (400, "FABRIC_E_APPLICATION_UPGRADE_VALIDATION_ERROR")


def test_progress_shows_the_whole_description(driven: Driven) -> None:
    driven.start(
        Parameters=[API], ApplicationHealthPolicy={"ConsiderWarningAsError": True}, SortOrder="Numeric"
    )
    assert driven.progress()["UpgradeDescription"] == {
        "Name": NAME,
        "TargetApplicationTypeVersion": "v1",
        "Parameters": [API],
        "UpgradeKind": "Rolling",
        "RollingUpgradeMode": "Monitored",
        "UpgradeReplicaSetCheckTimeoutInSeconds": 4294967295,
        "ForceRestart": False,
        "SortOrder": "Numeric",
        "MonitoringPolicy": {
            "FailureAction": "Rollback",
            "HealthCheckWaitDurationInMilliseconds": "PT0H0M0S",
            "HealthCheckStableDurationInMilliseconds": "PT0H2M0S",
            "HealthCheckRetryTimeoutInMilliseconds": "PT0H10M0S",
            "UpgradeTimeoutInMilliseconds": "P10675199DT2H48M5.4775807S",
            "UpgradeDomainTimeoutInMilliseconds": "P10675199DT2H48M5.4775807S",
        },
        "ApplicationHealthPolicy": {
            "ConsiderWarningAsError": True,
            "MaxPercentUnhealthyDeployedApplications": 0,
            "DefaultServiceTypeHealthPolicy": {
                "MaxPercentUnhealthyPartitionsPerService": 0,
                "MaxPercentUnhealthyReplicasPerPartition": 0,
                "MaxPercentUnhealthyServices": 0,
            },
            "ServiceTypeHealthPolicyMap": [],
        },
    }


def test_rollback_shows_the_old_version_and_parameters(driven: Driven) -> None:
    driven.start(Parameters=[API])
    driven.second = 100
    driven.rollback()
    description = driven.progress()["UpgradeDescription"]
    assert (description["TargetApplicationTypeVersion"], description["Parameters"]) == ("v0", [WEB])
    assert description["RollingUpgradeMode"] == "UnmonitoredAuto"


def test_identity_is_replaced_with_the_version(driven: Driven) -> None:
    identity = {"TokenServiceEndpoint": "https://token", "ManagedIdentities": [{"Name": "shop"}]}
    driven.start(ManagedApplicationIdentity=identity)
    assert driven.progress()["UpgradeDescription"]["ManagedApplicationIdentity"] == identity
    assert "ManagedApplicationIdentity" not in driven.application()
    driven.second = 600
    assert driven.application()["ManagedApplicationIdentity"] == identity
    driven.start("v2")
    driven.second = 700
    driven.rollback()
    assert driven.progress()["UpgradeDescription"]["ManagedApplicationIdentity"] == identity
    driven.second = 2_000
    driven.start("v2")
    driven.second = 3_000
    assert "ManagedApplicationIdentity" not in driven.application()


def test_absent_failure_action_pauses() -> None:
    driven = Driven("fabric:/idle_rolled_back-shop")
    driven.start(MonitoringPolicy={})
    driven.second = 10_000
    assert driven.look() == ("RollingForwardPending", "v1", "UnmonitoredManual", "CCCPP")


def test_unmonitored_upgrade_checks_no_health() -> None:
    driven = Driven("fabric:/idle_rolled_back-shop")
    driven.start(RollingUpgradeMode="UnmonitoredAuto")
    driven.second = 10_000
    assert driven.look() == ("RollingForwardCompleted", "v1", "UnmonitoredAuto", "CCCCC")
