"""The kinds of upgrade: a table of their calls and of the keys in their answers. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_sf.rest.json_values import text, value_at
from airflow_provider_sf.rest.protocol import Call
from airflow_provider_sf.rest.url_names import fill_path, is_application_uri, takes_name

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGES = "https://learn.microsoft.com/rest/api/servicefabric"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of upgrade: its names, its calls, and where its answer has the fields of the record."""

    name: str
    title: str
    progress: Call
    keys: Mapping[str, str]
    """Field of the record -> key of the answer; dots separate nested keys."""
    explorer_fragment: str
    """
    URL fragment (after ``#``) of its page in Service Fabric Explorer, see routes.service.ts in
    src/SfxWeb/src/app/services of microsoft/service-fabric-explorer. ``{TypeName}`` comes from the answer.
    """
    never_upgraded: Mapping[str, object] = field(default_factory=dict)
    """Field of the record -> its value in a completed state if there was never an upgrade."""
    versions: tuple[str, ...] = ("target_version",)
    """The fields of the record that name the new version; a user may name any of them."""
    is_multi_phase: bool = False
    """
    Whether one upgrade is a series of upgrades. Between two of them the state is completed, but the version
    is still the old one; it changes only after the last.
    """
    call_note: str = ""
    """What the call needs, for the error of a cluster that does not support or answer it."""
    components: str = "services"
    """What it consists of: where to look for the cause of a failure."""
    failure_calls: tuple[Call, ...] = ()
    """The calls that report why an upgrade of this kind failed, if its own progress does not."""
    resume_command: str = ""
    """
    The PowerShell command with which a person starts the next upgrade domain of a paused upgrade.
    ``{name}`` and ``{domain}`` are quoted names.
    """

    @property
    def min_runtime_version(self) -> str:
        """The first version of the runtime that has the progress call."""
        return self.progress.api_version.partition("-")[0]

    @property
    def takes_name(self) -> bool:
        """Whether a cluster can have many of this kind, so that a name is needed."""
        return takes_name(self.progress.path)


APPLICATION_PROGRESS = Call(
    path="/Applications/{applicationId}/$/GetUpgradeProgress",
    api_version="6.0",
    page=f"{_PAGES}/sfclient-api-getapplicationupgrade",
)
APPLICATION_HEALTH = Call(
    path="/Applications/{applicationId}/$/GetHealth",
    api_version="6.0",
    page=f"{_PAGES}/sfclient-api-getapplicationhealth",
)

CLUSTER_PROGRESS = Call(
    path="/$/GetUpgradeProgress",
    api_version="6.0",
    page=f"{_PAGES}/sfclient-api-getclusterupgradeprogress",
)

APPLICATIONS_PAGE = "/apps"
"""Explorer's list of applications, for kinds that have no page there."""

NO_VERSION = "0.0.0.0"  # noqa: S104 - no address
"""The version that a cluster reports if it was never upgraded."""

# The keys that classic applications and clusters have in common.
_ROLLING = {
    "state": "UpgradeState",
    "started_at": "StartTimestampUtc",
    "failed_at": "FailureTimestampUtc",
    "duration_seconds": "UpgradeDurationInMilliseconds",
    "upgrade_kind": "UpgradeDescription.UpgradeKind",
    "rolling_upgrade_mode": "RollingUpgradeMode",
    "replica_check_timeout_seconds": "UpgradeDescription.UpgradeReplicaSetCheckTimeoutInSeconds",
    "failure_reason": "FailureReason",
    "failure_classification": "FailureClassification",
    "failure_domain": "UpgradeDomainProgressAtFailure",
    "health_check_phase": "HealthCheckPhase",
    "health_check_elapsed_seconds": "HealthCheckElapsedTime",
    "domain_duration_seconds": "UpgradeDomainDurationInMilliseconds",
    "monitoring_policy": "UpgradeDescription.MonitoringPolicy",
    "upgrade_domains": "UpgradeDomains",
    "upgrade_units": "UpgradeUnits",
    "current_domain": "CurrentUpgradeDomainProgress",
    "current_unit": "CurrentUpgradeUnitsProgress",
    "next_domain": "NextUpgradeDomain",
    "unhealthy_evaluations": "UnhealthyEvaluations",
    "status_details": "UpgradeStatusDetails",
}

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="application_resource",
            title="application resource",
            progress=Call(
                path="/Resources/Applications/{applicationResourceName}/$/GetUpgradeProgress",
                api_version="7.0",
                page=f"{_PAGES}/sfclient-v80-api-meshapplication_getupgradeprogress",
            ),
            keys={
                "name": "Name",
                "target_version": "TargetApplicationTypeVersion",
                "started_at": "StartTimestampUtc",
                "state": "UpgradeState",
                "percent_completed": "PercentCompleted",
                "services": "ServiceUpgradeProgress",
                "rolling_upgrade_mode": "RollingUpgradeMode",
                "duration_seconds": "UpgradeDuration",
                "status_details": "ApplicationUpgradeStatusDetails",
                "replica_check_timeout_seconds": "UpgradeReplicaSetCheckTimeoutInSeconds",
                "failed_at": "FailureTimestampUtc",
            },
            explorer_fragment=APPLICATIONS_PAGE,
            # In any mode: a running upgrade refuses another one, so none completes without a start time.
            never_upgraded={"started_at": None},
            failure_calls=(APPLICATION_PROGRESS, APPLICATION_HEALTH),
        ),
        Kind(
            name="application",
            title="application",
            progress=APPLICATION_PROGRESS,
            keys={"name": "Name", "target_version": "TargetApplicationTypeVersion", **_ROLLING},
            explorer_fragment="/apptype/{TypeName}/app/{applicationId}",
            resume_command=(
                "Resume-ServiceFabricApplicationUpgrade -ApplicationName {name} -UpgradeDomainName {domain}"
            ),
        ),
        Kind(
            name="compose_deployment",
            title="compose deployment",
            progress=Call(
                path="/ComposeDeployments/{deploymentName}/$/GetUpgradeProgress",
                api_version="6.0-preview",
                page=f"{_PAGES}/sfclient-api-getcomposedeploymentupgradeprogress",
            ),
            keys={
                "name": "DeploymentName",
                "target_version": "TargetApplicationTypeVersion",
                "state": "UpgradeState",
                "started_at": "StartTimestampUtc",
                "failed_at": "FailureTimestampUtc",
                "duration_seconds": "UpgradeDuration",
                "upgrade_kind": "UpgradeKind",
                "rolling_upgrade_mode": "RollingUpgradeMode",
                "replica_check_timeout_seconds": "UpgradeReplicaSetCheckTimeoutInSeconds",
                "failure_reason": "FailureReason",
                "failure_domain": "UpgradeDomainProgressAtFailure",
                "domain_duration_seconds": "CurrentUpgradeDomainDuration",
                "monitoring_policy": "MonitoringPolicy",
                "current_domain": "CurrentUpgradeDomainProgress",
                "unhealthy_evaluations": "ApplicationUnhealthyEvaluations",
                "status_details": "UpgradeStatusDetails",
            },
            never_upgraded={"upgrade_kind": "Invalid"},
            explorer_fragment=APPLICATIONS_PAGE,
            failure_calls=(APPLICATION_PROGRESS, APPLICATION_HEALTH),
        ),
        Kind(
            name="cluster",
            title="cluster",
            progress=CLUSTER_PROGRESS,
            keys={"target_version": "CodeVersion", "config_version": "ConfigVersion", **_ROLLING},
            never_upgraded={"target_version": NO_VERSION},
            versions=("target_version", "config_version"),
            resume_command="Resume-ServiceFabricClusterUpgrade -UpgradeDomainName {domain}",
            explorer_fragment="/",
            components="nodes",
        ),
        Kind(
            name="cluster_configuration",
            title="cluster configuration",
            progress=Call(
                path="/$/GetClusterConfigurationUpgradeStatus",
                api_version="6.0",
                page=f"{_PAGES}/sfclient-api-getclusterconfigurationupgradestatus",
            ),
            keys={
                "state": "UpgradeState",
                # The number of the cluster manifest of the current phase, 0 before the first upgrade.
                # ConfigVersion is the version of the configuration file, which changes after the last phase:
                # UpgradeOrchestrationMessageProcessor.cs of microsoft/service-fabric.
                "target_version": "ProgressStatus",
                "config_version": "ConfigVersion",
                "status_details": "Details",
            },
            explorer_fragment="/",
            never_upgraded={"target_version": "0"},
            versions=("config_version",),
            is_multi_phase=True,
            call_note="only standalone clusters support this call",
            failure_calls=(CLUSTER_PROGRESS,),
            components="nodes",
        ),
    )
}

DEFAULT_KIND = "application_resource"


def kind_of(name: object, kind: object) -> str:
    """Return the kind, or the one that the name shows: ``fabric:/...`` is a classic application."""
    if kind is not None:
        return str(kind)
    return "application" if is_application_uri(str(name)) else DEFAULT_KIND


_MAX_TYPE_LENGTH = 256
"""Longer names of application types are not put into a link, which is stored."""


def get_kind(name: str) -> Kind:
    """
    Return the row of a kind.

    :raises ValueError: the kind is not supported; the message lists all kinds
    """
    try:
        return KINDS[name]
    except KeyError:
        msg = f"kind {name!r} is not supported; choose one of: {', '.join(KINDS)}"
        raise ValueError(msg) from None


def explorer_path(kind: str, name: str, answer: object = None) -> str:
    """Return the URL fragment (after ``#``) of a page in Service Fabric Explorer."""
    path, type_name = get_kind(kind).explorer_fragment, text(value_at(answer, "TypeName"))
    if "{TypeName}" not in path:
        return path
    if not type_name or len(type_name) > _MAX_TYPE_LENGTH:
        return APPLICATIONS_PAGE
    return fill_path(path.replace("{TypeName}", quote(type_name, safe="")), name)


def unsupported_call_advice(kind: str, version: str | None) -> str:
    """
    Return what to do if a cluster does not support the call of a kind.

    :param version: the version of the cluster's runtime, None if it is not known
    """
    row, runtime = get_kind(kind), _version(version or "")
    note = row.call_note and f"; {row.call_note}"
    required = f"{row.min_runtime_version} or later"
    if runtime is None:
        return f"this call needs runtime {required}, which the cluster probably does not have{note}"
    supported = [
        other.name for other in KINDS.values() if (_version(other.min_runtime_version) or runtime) <= runtime
    ]
    if kind in supported:
        return f"the cluster runs {version}, which supports this call: check name and kind{note}"
    kinds = ", ".join(supported) or "none"
    return f"the cluster runs {version}, but this call needs {required}; kinds of that version: {kinds}"


def _version(version: str) -> tuple[int, int] | None:
    found = re.match(r"(\d{1,9})\.(\d{1,9})", version, re.ASCII)
    return (int(found[1]), int(found[2])) if found else None
