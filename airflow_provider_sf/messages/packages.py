"""What tasks for application types and their packages have found and done. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import format_duration, list_names, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_sf.upgrades.application_types import ApplicationType
    from airflow_provider_sf.upgrades.applications import Application

_MAX_REASON_LENGTH = 1_500


def type_subject(type_name: str, version: str) -> str:
    """Name a version of an application type."""
    return f"application type {one_line(type_name)!r} version {one_line(version)!r}"


def status_text(found: ApplicationType | None) -> str:
    """Return the status of a version, with its progress or the reason of a failure."""
    if found is None:
        return "not provisioned"
    status = found.status or "without a status"
    details = f": {one_line(found.status_details, _MAX_REASON_LENGTH)}" if found.status_details else ""
    return f"{one_line(status)}{details}"


def provision_failed_message(subject: str, found: str) -> str:
    """Say why a version could not be provisioned."""
    return f"The provision of {subject} failed: {found}. Next: correct the package, then run the task again."


def creation_failed_message(name: str) -> str:
    """Say that the cluster has given up creating an application."""
    return (
        f"Application {one_line(name)!r} could not be created: its status is Failed. Next: look for the "
        "reason in Service Fabric Explorer, then run the task again; the cluster goes on creating it."
    )


def timeout_message(subject: str, found: str, seconds: float) -> str:
    """Say that a change takes too long."""
    limit = format_duration(seconds)
    return f"{subject} is {found} after {limit} (timeout). The cluster goes on; a retry waits again."


def refused_message(what: str, subject: str, error: object) -> str:
    """Say that the cluster has refused a change."""
    reason = one_line(str(error), _MAX_REASON_LENGTH)
    return f"The cluster refused to {what} {subject}: {reason}. Nothing was changed; the task is not retried."


def other_package_message(subject: str) -> str:
    """Say that another package has this version already."""
    return (
        f"{subject} is provisioned already, from another package: its application manifest differs. Nothing "
        "was changed; the task is not retried. Next: build the package with a new version."
    )


def compared_text(*, is_same: bool | None) -> str:
    """Say whether a provisioned version was compared with the package of the task."""
    if is_same:
        return "its application manifest is that of the package; Service Fabric keeps nothing else to compare"
    return "its content could not be compared with the package: set manifest_sha256 to compare the manifest"


def in_use_message(subject: str, applications: Sequence[Application]) -> str:
    """Say which applications use a version."""
    names = [application.name for application in applications]
    used_by = f" by {list_names(names)}" if names else ", possibly by an upgrade that has not ended"
    return (
        f"{subject} was not unprovisioned: it is in use{used_by}. Nothing was changed; the task is not "
        "retried. Next: upgrade or delete these applications first."
    )


def exists_message(name: str, differences: Sequence[str]) -> str:
    """Say that an application exists, and what differs from the one to create."""
    shown = f"the existing one has {'; '.join(differences)}" if differences else "it is the same (if_exists)"
    return (
        f"Application {one_line(name)!r} was not created, because it exists: {one_line(shown, 1_500)}. "
        "Nothing was changed; the task is not retried. Next: upgrade it instead."
    )
