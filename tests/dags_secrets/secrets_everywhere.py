"""Waits on secured clusters with valid and invalid settings; releases with secrets; tasks that leak decoys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.operators.service_fabric import (
    ServiceFabricCreateApplicationOperator,
    ServiceFabricProvisionApplicationTypeOperator,
    ServiceFabricUpgradeApplicationOperator,
    ServiceFabricUpgradeComposeDeploymentOperator,
)
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

OPTIONS: dict[str, Any] = {
    "deferrable": True,
    "poke_interval": timedelta(seconds=10),
    "unreachable_timeout": timedelta(seconds=5),
    "retries": 0,
}

# Each wait uses the connection with the name of its task.
WAITS = ("pem", "pfx", "client_secret", "client_certificate", "token")
REFUSED = ("stranger", "wrong_secret", "wrong_passphrase", "revoked", "unreachable")

# A provision does not defer.
PROVISION: dict[str, Any] = {
    "type_name": "IdleSecretType",
    "package_uri": "{{ var.value.package }}",
    "poke_interval": 1,
    "retries": 0,
}
PARAMETERS: dict[str, Any] = {
    "parameters": {"Api_InstanceCount": "{{ var.value.setting }}"},
    "sensitive_parameters": ["Api_InstanceCount"],
}
UPGRADE: dict[str, Any] = {**OPTIONS, **PARAMETERS, "target_version": "v1"}
CREATE: dict[str, Any] = {
    **PARAMETERS,
    "name": "fabric:/new",
    "type_name": "IdleSecretType",
    "type_version": "v1",
    "poke_interval": 1,
    "retries": 0,
}
COMPOSE: dict[str, Any] = {**OPTIONS, "name": "idle-secret", "compose_file": "version: '3'"}

with DAG(dag_id="secrets_everywhere", schedule=None, catchup=False):
    for connection in (*WAITS, *REFUSED):
        ServiceFabricUpgradeSensor(
            task_id=connection, name=f"good-{connection}", service_fabric_conn_id=connection, **OPTIONS
        )
    for connection in ("pfx", "client_secret"):
        ServiceFabricUpgradeSensor(
            task_id=f"rolled_back_{connection}",
            name=f"rolled_back-{connection}",
            service_fabric_conn_id=connection,
            **OPTIONS,
        )

    ServiceFabricProvisionApplicationTypeOperator.partial(
        task_id="provision", service_fabric_conn_id="plain", **PROVISION
    ).expand(type_version=["v7", "v8"])
    ServiceFabricCreateApplicationOperator(task_id="create", service_fabric_conn_id="plain", **CREATE)
    ServiceFabricUpgradeApplicationOperator.partial(
        task_id="upgrade", service_fabric_conn_id="plain", **UPGRADE
    ).expand(name=["fabric:/idle-secret/web", "fabric:/idle-secret/api"])
    ServiceFabricUpgradeApplicationOperator(
        task_id="rolled_back_upgrade",
        name="fabric:/idle_rolled_back-secret",
        service_fabric_conn_id="plain",
        **UPGRADE,
    )
    ServiceFabricUpgradeApplicationOperator(
        task_id="plan", name="fabric:/idle-plan", service_fabric_conn_id="plain", plan=True, **UPGRADE
    )
    ServiceFabricUpgradeComposeDeploymentOperator(
        task_id="compose",
        registry_user="{{ conn.registry.login }}",
        registry_password="{{ conn.registry.password }}",
        service_fabric_conn_id="plain",
        **COMPOSE,
    )
    # The cluster is unreachable during the first try.
    ServiceFabricUpgradeApplicationOperator(
        task_id="retried_upgrade",
        name="fabric:/idle-secret",
        service_fabric_conn_id="unavailable",
        **{**UPGRADE, "retries": 9, "retry_delay": timedelta(seconds=1)},
    )

    # This cluster repeats the request in its messages.
    ServiceFabricProvisionApplicationTypeOperator(
        task_id="failed_provision",
        type_version="bad",
        service_fabric_conn_id="repeating",
        **{**PROVISION, "retries": 1, "retry_delay": timedelta(seconds=1)},
    )
    ServiceFabricProvisionApplicationTypeOperator(
        task_id="refused_provision", type_version="v7", service_fabric_conn_id="repeating", **PROVISION
    )
    ServiceFabricCreateApplicationOperator(
        task_id="refused_create", service_fabric_conn_id="repeating", **CREATE
    )
    ServiceFabricUpgradeApplicationOperator(
        task_id="refused_upgrade", name="fabric:/idle-secret", service_fabric_conn_id="repeating", **UPGRADE
    )
    ServiceFabricUpgradeComposeDeploymentOperator(
        task_id="refused_compose",
        registry_user="me",
        registry_password="{{ var.value.registry }}",
        service_fabric_conn_id="repeating",
        **COMPOSE,
    )
    # A text is invalid: the task fails, and Airflow shows the text.
    ServiceFabricUpgradeApplicationOperator(
        task_id="invalid_upgrade",
        name="fabric:/idle-secret",
        service_fabric_conn_id="plain",
        **{**UPGRADE, "parameters": "{{ {'Api_InstanceCount': var.value.setting} }}"},
    )

    # The decoys are built here, so that this file contains no complete decoy.
    ServiceFabricUpgradeSensor(
        task_id="leaking_wait", name="good-{{ 'decoy' }}_rendered", service_fabric_conn_id="pem", **OPTIONS
    )

    @task(retries=0)
    def leak(ti: Any = None) -> None:
        """Print, push and raise decoys, as a task must not do with secrets."""
        decoy = "decoy"
        print(f"{decoy}_printed")  # noqa: T201 - for the log
        ti.xcom_push(key="leaked", value=f"{decoy}_pushed")
        msg = f"{decoy}_raised"
        raise RuntimeError(msg)

    leak()
