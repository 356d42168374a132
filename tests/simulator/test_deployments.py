"""Commands for compose deployments and application resources."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.driven import Driven
from tests.simulator.published import client, unknown_members

INVALID = (400, "E_INVALIDARG")
COMPOSE = {
    "DeploymentName": "idle-shop",
    "ComposeFileContent": "version: '3'",
    "UpgradeKind": "Rolling",
    "RollingUpgradeMode": "Monitored",
    "MonitoringPolicy": {"FailureAction": "Rollback"},
}


@pytest.fixture
def driven() -> Driven:
    return Driven()


def compose(driven: Driven, call: str, body: object = None, *, name: str = "idle-shop") -> tuple[int, Any]:
    version = "6.4-preview" if call == "RollbackUpgrade" else "6.0-preview"
    return driven.send("POST", f"/ComposeDeployments/{name}/$/{call}", body, version=version)


def compose_progress(driven: Driven, name: str = "idle-shop") -> dict[str, Any]:
    path = f"/ComposeDeployments/{name}/$/GetUpgradeProgress"
    status, answer = driven.send("GET", path, version="6.0-preview")
    assert status == 200
    return dict(answer)


def compose_status(driven: Driven, name: str = "idle-shop") -> tuple[int, Any]:
    status, answer = driven.send("GET", f"/ComposeDeployments/{name}", version="6.0-preview")
    if status == 200:
        assert not list(unknown_members(client()("ComposeDeploymentStatusInfo", answer)))
    return status, answer["Status"] if status == 200 else answer


def put(driven: Driven, name: str = "idle-shop", **properties: Any) -> tuple[int, Any]:
    body = {"name": name, "properties": properties}
    return driven.send("PUT", f"/Resources/Applications/{name}", body, version="6.4-preview")


def resource(driven: Driven, name: str = "idle-shop") -> tuple[str, str, str]:
    path = f"/Resources/Applications/{name}/$/GetUpgradeProgress"
    status, answer = driven.send("GET", path, version="7.0")
    assert status == 200
    return answer["UpgradeState"], answer["TargetApplicationTypeVersion"], answer["RollingUpgradeMode"]


def test_compose_deployment_is_upgraded(driven: Driven) -> None:
    assert compose_status(driven) == (200, "Ready")
    assert compose(driven, "Upgrade", COMPOSE) == (202, "")
    assert compose_status(driven) == (200, "Upgrading")
    driven.second = 100
    progress = compose_progress(driven)
    assert (progress["UpgradeState"], progress["TargetApplicationTypeVersion"]) == (
        "RollingForwardInProgress",
        "v1",
    )
    assert progress["UpgradeReplicaSetCheckTimeoutInSeconds"] == 0  # absent is no wait, unlike elsewhere
    assert compose(driven, "Upgrade", COMPOSE) == (504, "FABRIC_E_TIMEOUT")
    driven.second = 600
    assert compose_status(driven) == (200, "Ready")
    assert compose(driven, "Upgrade", {**COMPOSE, "UpgradeReplicaSetCheckTimeoutInSeconds": 4294967295}) == (
        202,
        "",
    )
    progress = compose_progress(driven)
    assert progress["TargetApplicationTypeVersion"] == "v2"
    assert progress["UpgradeReplicaSetCheckTimeoutInSeconds"] == 4294967295
    assert driven.calls == ["start_compose_upgrade"] * 2


def test_compose_rollback_is_idempotent_until_cleanup(driven: Driven) -> None:
    idle = (400, "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_UPGRADING")
    assert compose(driven, "RollbackUpgrade") == idle
    compose(driven, "Upgrade", COMPOSE)
    driven.second = 300
    assert [compose(driven, "RollbackUpgrade")[0] for _ in range(2)] == [200, 200]
    assert compose_progress(driven)["UpgradeState"] == "RollingBackInProgress"
    assert compose(driven, "Upgrade", COMPOSE) == (504, "FABRIC_E_TIMEOUT")
    driven.second = 1_000
    assert compose_progress(driven)["UpgradeState"] == "RollingBackCompleted"
    assert compose(driven, "RollbackUpgrade") == idle
    compose(driven, "Upgrade", COMPOSE)
    assert compose_progress(driven)["TargetApplicationTypeVersion"] == "v2"  # v1 was used
    driven.second = 1_575
    assert compose(driven, "RollbackUpgrade") == (409, "FABRIC_E_APPLICATION_ALREADY_IN_TARGET_VERSION")


def test_compose_failed_check_follows_failure_action() -> None:
    driven = Driven()
    body = {**COMPOSE, "DeploymentName": "idle_paused-shop", "MonitoringPolicy": {"FailureAction": "Manual"}}
    compose(driven, "Upgrade", body, name="idle_paused-shop")
    driven.second = 1_000
    progress = compose_progress(driven, "idle_paused-shop")
    assert (progress["UpgradeState"], progress["RollingUpgradeMode"]) == (
        "RollingForwardPending",
        "UnmonitoredManual",
    )


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"DeploymentName": "idle-other"}, INVALID),
        ({"ComposeFileContent": ""}, INVALID),
        ({"UpgradeKind": None}, INVALID),
        ({"RollingUpgradeMode": None}, INVALID),
    ],
)
def test_wrong_compose_upgrade_is_refused(
    changes: dict[str, Any], answer: tuple[int, str], driven: Driven
) -> None:
    assert compose(driven, "Upgrade", COMPOSE | changes) == answer
    assert compose(driven, "Upgrade", []) == INVALID


def test_compose_deployment_is_created(driven: Driven) -> None:
    missing = (404, "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND")
    create = "/ComposeDeployments/$/Create"
    body = {"DeploymentName": "shop", "ComposeFileContent": "version: '3'"}
    assert compose_status(driven, "shop") == missing
    assert compose(driven, "Upgrade", {**COMPOSE, "DeploymentName": "shop"}, name="shop") == missing
    assert driven.send("PUT", create, body, version="6.0-preview") == (202, "")
    assert compose_status(driven, "shop") == (200, "Ready")
    repeated = (409, "FABRIC_E_COMPOSE_DEPLOYMENT_ALREADY_EXISTS")
    assert driven.send("PUT", create, body, version="6.0-preview") == repeated
    assert compose(driven, "Upgrade", {**COMPOSE, "DeploymentName": "shop"}, name="shop") == (202, "")


def test_classic_commands_refuse_other_definitions(driven: Driven) -> None:
    driven.name = "fabric:/idle-shop"
    compose(driven, "Upgrade", COMPOSE)
    assert driven.start() == driven.rollback() == (500, "E_FAIL")
    assert driven.application()["ApplicationDefinitionKind"] == "Compose"
    driven.name = "fabric:/idle-resource"
    put(driven, "idle-resource")
    assert driven.start() == (500, "E_FAIL")
    assert driven.application()["ApplicationDefinitionKind"] == "MeshApplicationDescription"


def test_other_commands_refuse_classic_applications(driven: Driven) -> None:
    driven.name = "fabric:/idle-shop"
    driven.start()
    assert compose(driven, "Upgrade", COMPOSE) == (404, "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND")
    assert put(driven) == (500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_ALREADY_EXISTS")


def test_resource_put_is_a_wanted_state(driven: Driven) -> None:
    assert resource(driven)[0] == "CompletedRollforward"
    assert put(driven, description="one") == (202, "")
    assert put(driven, description="one") == (201, "")
    assert put(driven, description="two") == (503, "")
    driven.second = 600
    assert resource(driven) == ("CompletedRollforward", "v1", "Monitored")
    assert put(driven, description="one") == (201, "")
    assert put(driven, description="two") == (202, "")
    assert resource(driven) == ("ProvisioningTarget", "v2", "Monitored")
    assert driven.calls == ["upgrade_application_resource"] * 2


def test_resource_is_rolled_back_and_put_again(driven: Driven) -> None:
    name = "idle_rolled_back-shop"
    put(driven, name, description="one")
    driven.second = 400
    assert resource(driven, name) == ("RollingBack", "v0", "UnmonitoredAuto")
    driven.second = 600
    assert resource(driven, name)[0] == "CompletedRollback"
    assert put(driven, name, description="one") == (202, "")


def test_rollback_restores_the_description_in_force(driven: Driven) -> None:
    """A description is in force again after the rollback of the one that followed it."""
    driven.name = "fabric:/new-shop"
    put(driven, "new-shop", description="one")
    put(driven, "new-shop", description="two")
    driven.second = 100
    found = driven.simulator.state().find("new-shop")
    assert found is not None
    assert found.history.is_running(driven.simulator.state().now)
    driven.second = 600
    assert put(driven, "new-shop", description="two") == (201, "")
    assert put(driven, "new-shop", description="one") == (202, "")


def test_new_resource_is_created(driven: Driven) -> None:
    assert put(driven, "new-shop", description="one") == (202, "")
    assert put(driven, "new-shop", description="one") == (201, "")
    assert resource(driven, "new-shop")[:2] == ("CompletedRollforward", "v0")
    assert driven.calls == ["create_application_resource"]


@pytest.mark.parametrize("body", [{"name": "other", "properties": {}}, {"name": "idle-shop"}, {}, []])
def test_wrong_resource_is_refused(body: object, driven: Driven) -> None:
    path = "/Resources/Applications/idle-shop"
    assert driven.send("PUT", path, body, version="6.4-preview") == INVALID


def test_failed_resource_keeps_the_earlier_description(driven: Driven) -> None:
    name = "idle_failed-shop"
    put(driven, name, description="one")
    driven.second = 1_000
    assert resource(driven, name)[0] == "Failed"
    assert put(driven, name, description="one") == (202, "")
