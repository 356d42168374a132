"""What a task that starts an upgrade has found, and what it does. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.descriptions import describe_identity, describe_record
from airflow_provider_sf.messages.formatting import (
    capitalize_first,
    format_version,
    list_names,
    one_line,
    upgrade_subject,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
    from airflow_provider_sf.releases.start_once import Seen
    from airflow_provider_sf.wait.identity import UpgradeIdentity

_MAX_REASON_LENGTH = 1_500


def found_line(seen: Seen, name: str) -> str:
    """Say what is deployed, and which upgrade is on record."""
    subject = capitalize_first(upgrade_subject("application", name))
    record = describe_record(seen.progress)
    return f"{subject} is at {format_version(seen.version)}; upgrade on record: {record}"


def send_lines(upgrade: ApplicationUpgrade, current: Mapping[str, str]) -> Iterator[str]:
    """Say what the request asks for; names of parameters only, because values may be secrets."""
    policy = upgrade.monitoring_policy
    action = f", FailureAction {policy.failure_action}" if policy else ""
    yield f"Starting the upgrade to {format_version(upgrade.target_version)}: {upgrade.mode}{action}"
    new = upgrade.parameters
    groups = {
        "kept": [name for name in new if name in current and current[name] == new[name]],
        "changed": [name for name in new if name in current and current[name] != new[name]],
        "added": [name for name in new if name not in current],
        "reset to their defaults": [name for name in current if name not in new],
    }
    parts = [f"{len(names)} {what} ({list_names(names)})" for what, names in groups.items() if names]
    yield f"Parameters: {', '.join(parts) or 'none'}"


def started_line(identity: UpgradeIdentity, *, is_adopted: bool) -> str:
    """Name the upgrade that runs, and whether an earlier try has started it."""
    how = "An earlier try has started the upgrade" if is_adopted else "The upgrade has started"
    return f"{how}: {describe_identity(identity)}"


def nothing_to_do_line(upgrade: ApplicationUpgrade) -> str:
    """Say that the version is deployed already."""
    version = format_version(upgrade.target_version)
    return f"Nothing to do: {version} is deployed already, with the same parameters (if_same_version)"


def refusal_message(name: str, reason: str, seen: Seen) -> str:
    """Say why no upgrade was started, what is on record, and what to do."""
    subject = upgrade_subject("application", name)
    return "\n".join(
        [
            f"Upgrade of {subject} does not run: {one_line(reason, _MAX_REASON_LENGTH)}.",
            f"{found_line(seen, name)}.",
            "This task is not retried. Next: solve the problem, then clear the task.",
        ]
    )
