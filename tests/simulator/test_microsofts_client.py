"""Microsoft's Python client drives the simulator over HTTP, where the client itself is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.servicefabric import ServiceFabricClientAPIs, models
from msrest.authentication import Authentication

from airflow_provider_sf.simulator import Simulator
from tests.simulator.driven import NAME, START

if TYPE_CHECKING:
    from collections.abc import Iterator

ID = "idle-shop~web"


class Time:
    def __init__(self) -> None:
        self.second = 0.0

    def __call__(self) -> float:
        return START + self.second


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def simulator(time: Time) -> Iterator[Simulator]:
    with Simulator(clock=time) as running:
        yield running


@pytest.fixture
def api(simulator: Simulator) -> Any:
    client = ServiceFabricClientAPIs(Authentication(), base_url=simulator.url)
    client.config.retry_policy.retries = 0
    return client


def description(**members: Any) -> models.ApplicationUpgradeDescription:
    return models.ApplicationUpgradeDescription(
        name=NAME,
        target_application_type_version="v1",
        parameters=[models.ApplicationParameter(key="Web_LogLevel", value="Debug")],
        upgrade_kind="Rolling",
        rolling_upgrade_mode="Monitored",
        monitoring_policy=models.MonitoringPolicyDescription(failure_action="Rollback"),
        **members,
    )


def test_client_drives_an_upgrade(api: Any, simulator: Simulator, time: Time) -> None:
    api.start_application_upgrade(ID, description())
    with pytest.raises(models.FabricErrorException, match="UPGRADE_IN_PROGRESS"):
        api.start_application_upgrade(ID, description())
    time.second = 300
    assert api.get_application_upgrade(ID).rolling_upgrade_mode == "Monitored"
    update = models.RollingUpgradeUpdateDescription(
        rolling_upgrade_mode="UnmonitoredManual", replica_set_check_timeout_in_milliseconds=300_000
    )
    api.update_application_upgrade(
        ID,
        models.ApplicationUpgradeUpdateDescription(
            name=NAME, upgrade_kind="Rolling", update_description=update
        ),
    )
    description_now = api.get_application_upgrade(ID).upgrade_description
    assert description_now.upgrade_replica_set_check_timeout_in_seconds == 300
    time.second = 500
    progress = api.get_application_upgrade(ID)
    assert (progress.upgrade_state, progress.next_upgrade_domain) == ("RollingForwardPending", "UD4")
    api.resume_application_upgrade(ID, "UD4")
    time.second = 550
    api.rollback_application_upgrade(ID)
    assert [command.call for command in simulator.journal] == [
        "start_application_upgrade",
        "update_application_upgrade",
        "resume_application_upgrade",
        "rollback_application_upgrade",
    ]
    assert api.get_application_info(ID).status == "Upgrading"


def test_client_changes_the_mode_by_accident(api: Any, time: Time) -> None:
    """Its update without a mode has the mode UnmonitoredAuto."""
    api.start_application_upgrade(ID, description())
    time.second = 300
    update = models.RollingUpgradeUpdateDescription(force_restart=True)
    api.update_application_upgrade(
        ID,
        models.ApplicationUpgradeUpdateDescription(
            name=NAME, upgrade_kind="Rolling", update_description=update
        ),
    )
    assert api.get_application_upgrade(ID).rolling_upgrade_mode == "UnmonitoredAuto"


def test_client_provisions_nothing(api: Any, simulator: Simulator) -> None:
    """It sends Async before Kind, which a cluster cannot read."""
    external = models.ExternalStoreProvisionApplicationTypeDescription(
        async_property=True,
        application_package_download_uri="https://host/shop.sfpkg",
        application_type_name="ShopType",
        application_type_version="1.0",
    )
    with pytest.raises(models.FabricErrorException, match="E_INVALIDARG"):
        api.provision_application_type(external)
    assert simulator.journal == []


def test_client_reads_types_nodes_and_health(api: Any) -> None:
    assert api.get_application_type_info_list_by_name("IdleShopType").items[0].version == "v0"
    manifest = api.get_application_manifest("IdleShopType", "v1").manifest
    assert 'ApplicationTypeVersion="v1"' in manifest
    assert api.get_service_manifest("IdleShopType", "v1", "WebPkg").manifest.startswith("<ServiceManifest")
    assert api.get_node_info_list().items[0].upgrade_domain == "UD1"
    assert api.get_repair_task_list() == []
    policy = models.ApplicationHealthPolicy()
    health = api.get_application_health_using_policy(ID, application_health_policy=policy)
    assert health.aggregated_health_state == "Ok"
    assert api.get_cluster_health_using_policy().aggregated_health_state == "Ok"
    assert "fabric:ImageStore" in api.get_cluster_manifest().manifest


def test_client_creates_an_application(api: Any) -> None:
    created = models.ApplicationDescription(
        name="fabric:/store",
        type_name="IdleShopType",
        type_version="v1",
        parameter_list=[models.ApplicationParameter(key="Api_InstanceCount", value="2")],
    )
    api.create_application(created)
    assert api.get_application_info("store").parameters[0].value == "2"
    api.unprovision_application_type("IdleShopType", "v2")
    assert [item.version for item in api.get_application_type_info_list_by_name("IdleShopType").items] == [
        "v0",
        "v1",
    ]


def test_client_uploads_empty_files_only(api: Any, simulator: Simulator) -> None:
    """Its calls have no parameter for the content."""
    session = "0f5c7be1-93d4-4a82-a6ef-1b2c8d7e9f60"
    api.upload_file("shop/1.0/a.txt")
    assert simulator.journal[0].name == "shop/1.0/a.txt"
    with pytest.raises(models.FabricErrorException, match="RANGE_NOT_SATISFIABLE"):
        api.upload_file_chunk("shop/b.bin", session, "bytes 0-0/2")
    assert api.get_image_store_content("shop").store_files == []
    assert api.get_image_store_root_content().store_folders[0].store_relative_path == "shop"
    api.delete_image_store_content("shop/1.0")


def test_client_upgrades_a_compose_deployment(api: Any, time: Time) -> None:
    upgrade = models.ComposeDeploymentUpgradeDescription(
        deployment_name="idle-shop",
        compose_file_content="version: '3'",
        upgrade_kind="Rolling",
        rolling_upgrade_mode="Monitored",
        monitoring_policy=models.MonitoringPolicyDescription(failure_action="Rollback"),
    )
    api.start_compose_deployment_upgrade("idle-shop", upgrade)
    assert api.get_compose_deployment_status("idle-shop").status == "Upgrading"
    time.second = 200
    assert (
        api.get_compose_deployment_upgrade_progress("idle-shop").upgrade_state == "RollingForwardInProgress"
    )
    api.start_rollback_compose_deployment_upgrade("idle-shop")
