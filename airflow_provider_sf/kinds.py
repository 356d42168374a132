"""The kinds of upgrade, a table: how each is asked, and under which keys it answers. Pure; no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest import Call, path_segment

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of upgrade: its name, its progress call, and under which keys it says what all kinds say."""

    name: str
    title: str
    progress: Call
    keys: Mapping[str, str]
    """Field of the record -> key of the answer."""
    explorer: str
    """What stands behind ``#`` in the URL of its page in Service Fabric Explorer."""


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="application_resource",
            title="application resource",
            progress=Call(
                path="/Resources/Applications/{name}/$/GetUpgradeProgress",
                api_version="7.0",
                page="https://learn.microsoft.com/rest/api/servicefabric/"
                "sfclient-v80-api-meshapplication_getupgradeprogress",
            ),
            keys={
                "name": "Name",
                "state": "UpgradeState",
                "target_version": "TargetApplicationTypeVersion",
                "percent_completed": "PercentCompleted",
                "started_at": "StartTimestampUtc",
                "failed_at": "FailureTimestampUtc",
                "duration_seconds": "UpgradeDuration",
                "rolling_upgrade_mode": "RollingUpgradeMode",
                "replica_check_timeout_seconds": "UpgradeReplicaSetCheckTimeoutInSeconds",
                "status_details": "ApplicationUpgradeStatusDetails",
                "services": "ServiceUpgradeProgress",
            },
            # Explorer has no page for application resources, and the list of applications is the nearest: see
            # src/SfxWeb/src/app/services/routes.service.ts of microsoft/service-fabric-explorer.
            explorer="/apps",
        ),
    )
}

DEFAULT_KIND = "application_resource"


def kind_named(name: str) -> Kind:
    """
    Return the row of a kind.

    :raises ValueError: there is no such kind; the message lists those that are
    """
    try:
        return KINDS[name]
    except KeyError:
        msg = f"kind {name!r} is not supported; choose one of: {', '.join(KINDS)}"
        raise ValueError(msg) from None


def check_name(kind: str, name: Any) -> None:
    """
    Check what a DAG file says, as far as it can be known before templates and XComArgs are resolved.

    :raises ValueError: there is no such kind, or the name could not be sent, see :func:`path_segment`
    """
    kind_named(kind)
    if not is_rendered_later(name):
        path_segment(name)


def is_rendered_later(value: object) -> bool:
    """Whether Airflow puts something else in the place of a value later: an XComArg, a template."""
    return hasattr(value, "resolve") or any(mark in str(value) for mark in ("{{", "{%", "{#"))
