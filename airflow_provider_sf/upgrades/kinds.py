"""The kinds of upgrade, a table: how each is asked, and under which keys it answers. Pure; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_sf.rest.json_values import text, value_at
from airflow_provider_sf.rest.protocol import Call
from airflow_provider_sf.rest.url_names import fill_path, takes_name

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGES = "https://learn.microsoft.com/rest/api/servicefabric"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of upgrade: its name, its progress call, and under which keys it says what all kinds say."""

    name: str
    title: str
    progress: Call
    keys: Mapping[str, str]
    """Field of the record -> key of the answer; dots lead into objects."""
    never_upgraded: Mapping[str, object]
    """Field of the record -> what it holds, at a completed state, if nobody ever upgraded this."""
    explorer: str
    """
    What stands behind ``#`` in the URL of its page in Service Fabric Explorer, see routes.service.ts in
    src/SfxWeb/src/app/services of microsoft/service-fabric-explorer. A TypeName is that of the answer.
    """
    remark: str = ""
    """What else is to be known if a cluster does not take the call."""
    parts: str = "services"
    """What it is made of, and where to look for the cause of a failure."""
    failure_calls: tuple[Call, ...] = ()
    """Which calls say why an upgrade of this kind failed, if its own progress does not."""

    @property
    def since(self) -> str:
        """From which version of the runtime on the progress call is there."""
        return self.progress.api_version.partition("-")[0]

    @property
    def takes_name(self) -> bool:
        """Whether there are many of this kind in a cluster, so that a name says which one."""
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

APPLICATIONS_PAGE = "/apps"
"""Where Explorer lists applications: the nearest, if it has no page of its own for something."""

NO_VERSION = "0.0.0.0"  # noqa: S104 - no address
"""What a cluster that was never upgraded says to be its version."""

# What classic applications and clusters say in the same words.
_ROLLING = {
    "state": "UpgradeState",
    "started_at": "StartTimestampUtc",
    "failed_at": "FailureTimestampUtc",
    "duration_seconds": "UpgradeDurationInMilliseconds",
    "upgrade_kind": "UpgradeDescription.UpgradeKind",
    "rolling_upgrade_mode": "RollingUpgradeMode",
    "replica_check_timeout_seconds": "UpgradeDescription.UpgradeReplicaSetCheckTimeoutInSeconds",
    "failure_reason": "FailureReason",
    "failure_domain": "UpgradeDomainProgressAtFailure",
    "health_check_phase": "HealthCheckPhase",
    "health_check_elapsed_seconds": "HealthCheckElapsedTime",
    "upgrade_domains": "UpgradeDomains",
    "upgrade_units": "UpgradeUnits",
    "current_domain": "CurrentUpgradeDomainProgress",
    "current_unit": "CurrentUpgradeUnitsProgress",
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
            never_upgraded={"started_at": None},
            explorer=APPLICATIONS_PAGE,
            failure_calls=(APPLICATION_PROGRESS, APPLICATION_HEALTH),
        ),
        Kind(
            name="application",
            title="application",
            progress=APPLICATION_PROGRESS,
            keys={"name": "Name", "target_version": "TargetApplicationTypeVersion", **_ROLLING},
            never_upgraded={"started_at": None},
            explorer="/apptype/{TypeName}/app/{applicationId}",
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
                "current_domain": "CurrentUpgradeDomainProgress",
                "unhealthy_evaluations": "ApplicationUnhealthyEvaluations",
                "status_details": "UpgradeStatusDetails",
            },
            never_upgraded={"started_at": None, "upgrade_kind": "Invalid"},
            explorer=APPLICATIONS_PAGE,
            failure_calls=(APPLICATION_PROGRESS, APPLICATION_HEALTH),
        ),
        Kind(
            name="cluster",
            title="cluster",
            progress=Call(
                path="/$/GetUpgradeProgress",
                api_version="6.0",
                page=f"{_PAGES}/sfclient-api-getclusterupgradeprogress",
            ),
            keys={"target_version": "CodeVersion", "config_version": "ConfigVersion", **_ROLLING},
            never_upgraded={"started_at": None, "target_version": NO_VERSION},
            explorer="/",
            parts="nodes",
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
                # Of the cluster manifest that the upgrade goes to; ConfigVersion is that of the configuration
                # file: UpgradeOrchestrationMessageProcessor.cs of microsoft/service-fabric.
                "target_version": "ProgressStatus",
                "config_version": "ConfigVersion",
                "status_details": "Details",
            },
            never_upgraded={},
            explorer="/",
            remark="; only standalone clusters answer it",
            parts="nodes",
        ),
    )
}

DEFAULT_KIND = "application_resource"


def get_kind(name: str) -> Kind:
    """
    Return the row of a kind.

    :raises ValueError: there is no such kind; the message lists those that are
    """
    try:
        return KINDS[name]
    except KeyError:
        msg = f"kind {name!r} is not supported; choose one of: {', '.join(KINDS)}"
        raise ValueError(msg) from None


def explorer_path(kind: str, name: str, answer: object = None) -> str:
    """Return what stands behind ``#`` in the URL of something's page in Service Fabric Explorer."""
    path, type_name = get_kind(kind).explorer, text(value_at(answer, "TypeName"))
    if "{TypeName}" not in path:
        return path
    return fill_path(path.replace("{TypeName}", quote(type_name, safe="")), name) if type_name else APPLICATIONS_PAGE


def unsupported_call_advice(kind: str, version: str | None) -> str:
    """
    Say what to do if a cluster does not take the call of a kind.

    :param version: of the cluster's runtime, None if it does not say it
    """
    row, runtime = get_kind(kind), _version(version or "")
    if runtime is None:
        return f"probably this runtime lacks the call, which is there from {row.since} on{row.remark}"
    known = [one.name for one in KINDS.values() if (_version(one.since) or runtime) <= runtime]
    if kind in known:
        return f"the cluster runs {version}, which should know this call: check name and kind{row.remark}"
    has = ", ".join(known) or "none of the kinds"
    return f"the cluster runs {version}, but this call is there from {row.since} on; that version has: {has}"


def _version(written: str) -> tuple[int, int] | None:
    found = re.match(r"(\d{1,9})\.(\d{1,9})", written, re.ASCII)
    return (int(found[1]), int(found[2])) if found else None
