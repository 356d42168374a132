"""
The values of Service Fabric's enumerations that a recording keeps. No I/O.

They come from the specification of the REST API, 8.2. A value that is not listed is replaced, also if a later
runtime has it.
"""

from __future__ import annotations

from airflow_provider_sf.rest.error_codes import MISSING_CODES, PERMANENT_CODES, TRANSIENT_CODES

UPGRADE_STATES = frozenset(
    {
        "CompletedRollback",
        "CompletedRollforward",
        "Failed",
        "Invalid",
        "ProvisioningTarget",
        "RollingBack",
        "RollingBackCompleted",
        "RollingBackInProgress",
        "RollingBackPending",
        "RollingForward",
        "RollingForwardCompleted",
        "RollingForwardInProgress",
        "RollingForwardPending",
        "UnprovisioningCurrent",
        "UnprovisioningTarget",
    }
)
"""Of all kinds. RollingBackPending is only in the source of the runtime."""

UPGRADE_MODES = frozenset(
    {
        "Invalid",
        "Monitored",
        "UnmonitoredAuto",
        "UnmonitoredDeferred",
        "UnmonitoredManual",
    }
)

UPGRADE_KINDS = frozenset(
    {
        "Invalid",
        "Rolling",
    }
)

FAILURE_REASONS = frozenset(
    {
        "HealthCheck",
        "Interrupted",
        "None",
        "OverallUpgradeTimeout",
        "ProcessingFailure",
        "UpgradeDomainTimeout",
    }
)
"""ProcessingFailure is only in later specifications."""

FAILURE_ACTIONS = frozenset(
    {
        "Invalid",
        "Manual",
        "Rollback",
    }
)

HEALTH_STATES = frozenset(
    {
        "Error",
        "Invalid",
        "Ok",
        "Unknown",
        "Warning",
    }
)

HEALTH_CHECK_PHASES = frozenset(
    {
        "Invalid",
        "Retry",
        "StableDuration",
        "WaitDuration",
    }
)
"""From the specification 11.3."""

NODE_PHASES = frozenset(
    {
        "Invalid",
        "PostUpgradeSafetyCheck",
        "PreUpgradeSafetyCheck",
        "Upgrading",
    }
)

UNIT_STATES = frozenset(
    {
        "Completed",
        "Failed",
        "InProgress",
        "Invalid",
        "Pending",
    }
)
"""Of upgrade domains and upgrade units."""

EVALUATIONS_AND_CHECKS = frozenset(
    {
        "Application",
        "ApplicationTypeApplications",
        "Applications",
        "DeltaNodesCheck",
        "DeployedApplication",
        "DeployedApplications",
        "DeployedServicePackage",
        "DeployedServicePackages",
        "EnsureAvailability",
        "EnsurePartitionQuorum",
        "EnsureSeedNodeQuorum",
        "Event",
        "Invalid",
        "Node",
        "NodeTypeNodes",
        "Nodes",
        "Partition",
        "Partitions",
        "Replica",
        "Replicas",
        "Service",
        "Services",
        "SystemApplication",
        "UpgradeDomainDeltaNodesCheck",
        "UpgradeDomainDeployedApplications",
        "UpgradeDomainNodes",
        "WaitForInbuildReplica",
        "WaitForPrimaryPlacement",
        "WaitForPrimarySwap",
        "WaitForReconfiguration",
    }
)
"""The kinds of health evaluations and of safety checks."""

_PUBLISHED_CODES = frozenset(
    {
        "E_ABORT",
        "E_FAIL",
        "E_INVALIDARG",
        "FABRIC_E_APPLICATION_ALREADY_EXISTS",
        "FABRIC_E_APPLICATION_ALREADY_IN_TARGET_VERSION",
        "FABRIC_E_APPLICATION_NOT_FOUND",
        "FABRIC_E_APPLICATION_NOT_UPGRADING",
        "FABRIC_E_APPLICATION_TYPE_ALREADY_EXISTS",
        "FABRIC_E_APPLICATION_TYPE_IN_USE",
        "FABRIC_E_APPLICATION_TYPE_NOT_FOUND",
        "FABRIC_E_APPLICATION_TYPE_PROVISION_IN_PROGRESS",
        "FABRIC_E_APPLICATION_UPGRADE_IN_PROGRESS",
        "FABRIC_E_APPLICATION_UPGRADE_VALIDATION_ERROR",
        "FABRIC_E_BACKUP_IN_PROGRESS",
        "FABRIC_E_BACKUP_IS_ENABLED",
        "FABRIC_E_BACKUP_NOT_ENABLED",
        "FABRIC_E_BACKUP_POLICY_ALREADY_EXISTING",
        "FABRIC_E_BACKUP_POLICY_NOT_EXISTING",
        "FABRIC_E_COMMUNICATION_ERROR",
        "FABRIC_E_CONFIGURATION_PARAMETER_NOT_FOUND",
        "FABRIC_E_CONFIGURATION_SECTION_NOT_FOUND",
        "FABRIC_E_DIRECTORY_NOT_FOUND",
        "FABRIC_E_ENUMERATION_COMPLETED",
        "FABRIC_E_FABRIC_ALREADY_IN_TARGET_VERSION",
        "FABRIC_E_FABRIC_NOT_UPGRADING",
        "FABRIC_E_FABRIC_UPGRADE_IN_PROGRESS",
        "FABRIC_E_FABRIC_UPGRADE_VALIDATION_ERROR",
        "FABRIC_E_FABRIC_VERSION_ALREADY_EXISTS",
        "FABRIC_E_FABRIC_VERSION_IN_USE",
        "FABRIC_E_FABRIC_VERSION_NOT_FOUND",
        "FABRIC_E_FAULT_ANALYSIS_SERVICE_NOT_EXISTING",
        "FABRIC_E_FILE_NOT_FOUND",
        "FABRIC_E_HEALTH_ENTITY_NOT_FOUND",
        "FABRIC_E_HEALTH_STALE_REPORT",
        "FABRIC_E_IMAGEBUILDER_RESERVED_DIRECTORY_ERROR",
        "FABRIC_E_IMAGEBUILDER_VALIDATION_ERROR",
        "FABRIC_E_INSTANCE_ID_MISMATCH",
        "FABRIC_E_INVALID_ADDRESS",
        "FABRIC_E_INVALID_ATOMIC_GROUP",
        "FABRIC_E_INVALID_CONFIGURATION",
        "FABRIC_E_INVALID_FOR_STATELESS_SERVICES",
        "FABRIC_E_INVALID_NAME_URI",
        "FABRIC_E_INVALID_PARTITION_KEY",
        "FABRIC_E_INVALID_SERVICE_SCALING_POLICY",
        "FABRIC_E_KEY_NOT_FOUND",
        "FABRIC_E_KEY_TOO_LARGE",
        "FABRIC_E_NAME_ALREADY_EXISTS",
        "FABRIC_E_NAME_DOES_NOT_EXIST",
        "FABRIC_E_NAME_NOT_EMPTY",
        "FABRIC_E_NODE_HAS_NOT_STOPPED_YET",
        "FABRIC_E_NODE_IS_UP",
        "FABRIC_E_NODE_NOT_FOUND",
        "FABRIC_E_NOT_PRIMARY",
        "FABRIC_E_NOT_READY",
        "FABRIC_E_NO_WRITE_QUORUM",
        "FABRIC_E_OPERATION_NOT_COMPLETE",
        "FABRIC_E_PARTITION_NOT_FOUND",
        "FABRIC_E_PATH_TOO_LONG",
        "FABRIC_E_PROPERTY_CHECK_FAILED",
        "FABRIC_E_PROPERTY_DOES_NOT_EXIST",
        "FABRIC_E_RECONFIGURATION_PENDING",
        "FABRIC_E_REPLICA_DOES_NOT_EXIST",
        "FABRIC_E_RESTORE_IN_PROGRESS",
        "FABRIC_E_RESTORE_SOURCE_TARGET_PARTITION_MISMATCH",
        "FABRIC_E_SEQUENCE_NUMBER_CHECK_FAILED",
        "FABRIC_E_SERVICE_AFFINITY_CHAIN_NOT_SUPPORTED",
        "FABRIC_E_SERVICE_ALREADY_EXISTS",
        "FABRIC_E_SERVICE_DOES_NOT_EXIST",
        "FABRIC_E_SERVICE_GROUP_ALREADY_EXISTS",
        "FABRIC_E_SERVICE_GROUP_DOES_NOT_EXIST",
        "FABRIC_E_SERVICE_MANIFEST_NOT_FOUND",
        "FABRIC_E_SERVICE_METADATA_MISMATCH",
        "FABRIC_E_SERVICE_OFFLINE",
        "FABRIC_E_SERVICE_TYPE_MISMATCH",
        "FABRIC_E_SERVICE_TYPE_NOT_FOUND",
        "FABRIC_E_SERVICE_TYPE_TEMPLATE_NOT_FOUND",
        "FABRIC_E_SINGLE_INSTANCE_APPLICATION_ALREADY_EXISTS",
        "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND",
        "FABRIC_E_TIMEOUT",
        "FABRIC_E_VALUE_EMPTY",
        "FABRIC_E_VALUE_TOO_LARGE",
        "FABRIC_E_VOLUME_ALREADY_EXISTS",
        "FABRIC_E_VOLUME_NOT_FOUND",
        "SerializationError",
    }
)

ERROR_CODES = _PUBLISHED_CODES | TRANSIENT_CODES | PERMANENT_CODES | MISSING_CODES
"""The specification does not have all codes that the runtime uses."""
