"""
The bodies of requests: literals after Microsoft's pages, and what Microsoft's own client writes.

Where the two differ, Microsoft's client is wrong, and the test says how.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from azure.servicefabric import models

from airflow_provider_sf.releases import (
    ApplicationHealthPolicy,
    ExternalPackage,
    ImageStorePackage,
    MonitoringPolicy,
    ServiceTypeHealthPolicy,
)
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.releases.compose_upgrade import ComposeUpgrade, RegistryCredential
from airflow_provider_sf.releases.new_application import NewApplication
from airflow_provider_sf.releases.upgrade_update import UpgradeUpdate

ZEROS = {
    "MaxPercentUnhealthyPartitionsPerService": 0,
    "MaxPercentUnhealthyReplicasPerPartition": 0,
    "MaxPercentUnhealthyServices": 0,
}
HEALTH = {
    "ConsiderWarningAsError": True,
    "MaxPercentUnhealthyDeployedApplications": 0,
    "DefaultServiceTypeHealthPolicy": ZEROS,
    "ServiceTypeHealthPolicyMap": [{"Key": "WebType", "Value": {**ZEROS, "MaxPercentUnhealthyServices": 20}}],
}
HEALTH_POLICY = ApplicationHealthPolicy(
    consider_warning_as_error=True,
    service_types={"WebType": ServiceTypeHealthPolicy(max_percent_unhealthy_services=20)},
)
MONITORING = {
    "FailureAction": "Rollback",
    "HealthCheckWaitDurationInMilliseconds": "PT60S",
    "HealthCheckStableDurationInMilliseconds": "PT120S",
    "HealthCheckRetryTimeoutInMilliseconds": "PT600S",
    "UpgradeTimeoutInMilliseconds": "PT7200S",
    "UpgradeDomainTimeoutInMilliseconds": "PT1800S",
}
MONITORING_POLICY = MonitoringPolicy(
    health_check_wait=timedelta(minutes=1),
    upgrade_domain_timeout=timedelta(minutes=30),
    upgrade_timeout=timedelta(hours=2),
)
NO_LIMITS = {
    "UpgradeTimeoutInMilliseconds": "P10675199DT2H48M5.4775807S",
    "UpgradeDomainTimeoutInMilliseconds": "P10675199DT2H48M5.4775807S",
}
DEFAULT_MONITORING = {**MONITORING, "HealthCheckWaitDurationInMilliseconds": "PT0S", **NO_LIMITS}


def published(model: Any) -> dict[str, Any]:
    """Return the JSON that Microsoft's client sends for a model."""
    return dict(model.serialize())


def monitoring_model() -> Any:
    return models.MonitoringPolicyDescription(
        failure_action="Rollback",
        health_check_wait_duration_in_milliseconds="PT60S",
        health_check_stable_duration_in_milliseconds="PT120S",
        health_check_retry_timeout_in_milliseconds="PT600S",
        upgrade_timeout_in_milliseconds="PT7200S",
        upgrade_domain_timeout_in_milliseconds="PT1800S",
    )


def health_model() -> Any:
    return models.ApplicationHealthPolicy(
        consider_warning_as_error=True,
        default_service_type_health_policy=models.ServiceTypeHealthPolicy(),
        service_type_health_policy_map=[
            models.ServiceTypeHealthPolicyMapItem(
                key="WebType", value=models.ServiceTypeHealthPolicy(max_percent_unhealthy_services=20)
            )
        ],
    )


def test_start_has_smallest_body() -> None:
    """No health policy: one with default values would replace that of the manifest."""
    upgrade = ApplicationUpgrade(name="shop~web", target_version="v1", monitoring_policy=MonitoringPolicy())
    assert upgrade.body() == {
        "UpgradeKind": "Rolling",
        "Name": "fabric:/shop/web",
        "TargetApplicationTypeVersion": "v1",
        "Parameters": [],
        "RollingUpgradeMode": "Monitored",
        "UpgradeReplicaSetCheckTimeoutInSeconds": 4294967295,
        "ForceRestart": False,
        "MonitoringPolicy": DEFAULT_MONITORING,
    }
    assert next(iter(upgrade.body())) == "UpgradeKind"


def test_unmonitored_start_has_no_policy() -> None:
    upgrade = ApplicationUpgrade(name="fabric:/shop/web", target_version="v1", mode="UnmonitoredAuto")
    assert upgrade.body() == {
        "UpgradeKind": "Rolling",
        "Name": "fabric:/shop/web",
        "TargetApplicationTypeVersion": "v1",
        "Parameters": [],
        "RollingUpgradeMode": "UnmonitoredAuto",
        "UpgradeReplicaSetCheckTimeoutInSeconds": 4294967295,
        "ForceRestart": False,
    }


def test_start_equals_that_of_microsofts_client() -> None:
    """All members are set. Left to itself, the client sends the mode UnmonitoredAuto and no FailureAction."""
    identity = {
        "TokenServiceEndpoint": "https://token",
        "ManagedIdentities": [{"Name": "web", "PrincipalId": "1"}],
    }
    upgrade = ApplicationUpgrade(
        name="fabric:/shop/web",
        target_version="v1",
        parameters={"Web_InstanceCount": "-1", "Api_Key": "ключ"},
        monitoring_policy=MONITORING_POLICY,
        health_policy=HEALTH_POLICY,
        force_restart=True,
        sort_order="ReverseNumeric",
        instance_close_delay=timedelta(seconds=30),
        replica_set_check_timeout=timedelta(minutes=5),
        managed_identity=identity,
    )
    model = models.ApplicationUpgradeDescription(
        name="fabric:/shop/web",
        target_application_type_version="v1",
        parameters=[
            models.ApplicationParameter(key="Web_InstanceCount", value="-1"),
            models.ApplicationParameter(key="Api_Key", value="ключ"),
        ],
        rolling_upgrade_mode="Monitored",
        upgrade_replica_set_check_timeout_in_seconds=300,
        force_restart=True,
        sort_order="ReverseNumeric",
        monitoring_policy=monitoring_model(),
        application_health_policy=health_model(),
        instance_close_delay_duration_in_seconds=30,
        managed_application_identity=models.ManagedApplicationIdentityDescription(
            token_service_endpoint="https://token",
            managed_identities=[models.ManagedApplicationIdentity(name="web", principal_id="1")],
        ),
    )
    assert upgrade.body() == published(model)
    assert upgrade.body()["ApplicationHealthPolicy"] == HEALTH
    assert upgrade.body()["MonitoringPolicy"] == MONITORING


def test_defaults_of_microsofts_client_are_wrong() -> None:
    """No health is checked, a failed upgrade waits for a person, and an update changes the mode."""
    start = models.ApplicationUpgradeDescription(
        name="fabric:/shop/web", target_application_type_version="v1"
    )
    assert published(start)["RollingUpgradeMode"] == "UnmonitoredAuto"
    assert "FailureAction" not in published(models.MonitoringPolicyDescription())
    update = models.RollingUpgradeUpdateDescription(upgrade_timeout_in_milliseconds="PT7200S")
    assert published(update)["RollingUpgradeMode"] == "UnmonitoredAuto"


def test_update_has_other_name_for_timeout() -> None:
    update = UpgradeUpdate(
        name="shop/web",
        mode="Monitored",
        failure_action="Manual",
        health_check_wait=timedelta(0),
        upgrade_timeout=timedelta(hours=2),
        force_restart=False,
        replica_set_check_timeout=timedelta(seconds=1.5),
        instance_close_delay=timedelta(seconds=30),
        health_policy=HEALTH_POLICY,
    )
    model = models.ApplicationUpgradeUpdateDescription(
        name="fabric:/shop/web",
        upgrade_kind="Rolling",
        application_health_policy=health_model(),
        update_description=models.RollingUpgradeUpdateDescription(
            rolling_upgrade_mode="Monitored",
            failure_action="Manual",
            health_check_wait_duration_in_milliseconds="PT0S",
            upgrade_timeout_in_milliseconds="PT7200S",
            force_restart=False,
            replica_set_check_timeout_in_milliseconds=1500,
            instance_close_delay_duration_in_seconds=30,
        ),
    )
    assert update.body() == published(model)
    assert next(iter(update.body())) == "UpgradeKind"
    assert update.body()["UpdateDescription"] == {
        "RollingUpgradeMode": "Monitored",
        "FailureAction": "Manual",
        "HealthCheckWaitDurationInMilliseconds": "PT0S",
        "UpgradeTimeoutInMilliseconds": "PT7200S",
        "ForceRestart": False,
        "ReplicaSetCheckTimeoutInMilliseconds": 1500,
        "InstanceCloseDelayDurationInSeconds": 30,
    }


def test_update_of_mode_has_nothing_else() -> None:
    assert UpgradeUpdate(name="shop/web", mode="UnmonitoredAuto").body() == {
        "UpgradeKind": "Rolling",
        "Name": "fabric:/shop/web",
        "UpdateDescription": {"RollingUpgradeMode": "UnmonitoredAuto"},
    }


def test_compose_upgrade_always_sends_timeout() -> None:
    """Without it, the gateway takes 0 seconds."""
    upgrade = ComposeUpgrade(name="shop", compose_file="version: '3'\n", mode="UnmonitoredAuto")
    assert upgrade.body() == {
        "UpgradeKind": "Rolling",
        "DeploymentName": "shop",
        "ComposeFileContent": "version: '3'\n",
        "RollingUpgradeMode": "UnmonitoredAuto",
        "UpgradeReplicaSetCheckTimeoutInSeconds": 4294967295,
        "ForceRestart": False,
    }
    assert next(iter(upgrade.body())) == "UpgradeKind"


def test_compose_upgrade_equals_that_of_microsofts_client() -> None:
    upgrade = ComposeUpgrade(
        name="shop",
        compose_file="version: '3'",
        registry_credential=RegistryCredential(user_name="u", password="p", is_encrypted=True),
        monitoring_policy=MONITORING_POLICY,
        health_policy=HEALTH_POLICY,
        force_restart=True,
        replica_set_check_timeout=timedelta(0),
    )
    model = models.ComposeDeploymentUpgradeDescription(
        deployment_name="shop",
        compose_file_content="version: '3'",
        registry_credential=models.RegistryCredential(
            registry_user_name="u", registry_password="p", password_encrypted=True
        ),
        rolling_upgrade_mode="Monitored",
        upgrade_replica_set_check_timeout_in_seconds=0,
        force_restart=True,
        monitoring_policy=monitoring_model(),
        application_health_policy=health_model(),
    )
    assert upgrade.body() == published(model)


def test_new_application_equals_that_of_microsofts_client() -> None:
    application = NewApplication(
        name="shop~web", type_name="ShopType", type_version="v1", parameters={"Web_InstanceCount": "3"}
    )
    assert application.body() == {
        "Name": "fabric:/shop/web",
        "TypeName": "ShopType",
        "TypeVersion": "v1",
        "ParameterList": [{"Key": "Web_InstanceCount", "Value": "3"}],
    }
    model = models.ApplicationDescription(
        name="fabric:/shop/web",
        type_name="ShopType",
        type_version="v1",
        parameter_list=[models.ApplicationParameter(key="Web_InstanceCount", value="3")],
    )
    assert application.body() == published(model)


def test_image_store_package_begins_with_kind() -> None:
    """Microsoft's client sends Async first, which the gateway does not understand."""
    body = ImageStorePackage("shop/2.0-run7").body()
    assert json.dumps(body) == (
        '{"Kind": "ImageStorePath", "Async": true, "ApplicationTypeBuildPath": "shop/2.0-run7", '
        '"ApplicationPackageCleanupPolicy": "Automatic"}'
    )
    model = models.ProvisionApplicationTypeDescription(
        async_property=True,
        application_type_build_path="shop/2.0-run7",
        application_package_cleanup_policy="Automatic",
    )
    assert body == published(model)
    assert next(iter(published(model))) == "Async"


def test_external_package_begins_with_kind() -> None:
    body = ExternalPackage("https://host/shop.sfpkg?sig=secret", "ShopType", "2.0").body()
    assert json.dumps(body) == (
        '{"Kind": "ExternalStore", "Async": true, '
        '"ApplicationPackageDownloadUri": "https://host/shop.sfpkg?sig=secret", '
        '"ApplicationTypeName": "ShopType", "ApplicationTypeVersion": "2.0"}'
    )
    model = models.ExternalStoreProvisionApplicationTypeDescription(
        async_property=True,
        application_package_download_uri="https://host/shop.sfpkg?sig=secret",
        application_type_name="ShopType",
        application_type_version="2.0",
    )
    assert body == published(model)


@pytest.mark.parametrize("mode", ["Monitored", "UnmonitoredAuto", "UnmonitoredManual", "UnmonitoredDeferred"])
def test_mode_is_always_sent(mode: str) -> None:
    policy = MonitoringPolicy() if mode == "Monitored" else None
    upgrade = ApplicationUpgrade(name="a", target_version="v1", mode=mode, monitoring_policy=policy)
    compose = ComposeUpgrade(name="a", compose_file="a", mode=mode, monitoring_policy=policy)
    assert upgrade.body()["RollingUpgradeMode"] == compose.body()["RollingUpgradeMode"] == mode
