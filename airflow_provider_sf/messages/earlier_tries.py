"""What a retry knows of the tries before it, as a log line. No I/O."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import format_time, one_line

if TYPE_CHECKING:
    from airflow_provider_sf.messages.log_state import LogLine
    from airflow_provider_sf.wait.earlier_try import EarlierTry
    from airflow_provider_sf.wait.identity import UpgradeIdentity
    from airflow_provider_sf.wait.matching import UpgradeSelector

_CANNOT_NOTICE = "If another upgrade has replaced the expected one, this try cannot notice that"
_ADVICE = "Set target_version, too, if you know the version"


def retry_line(earlier: EarlierTry | None, selector: UpgradeSelector, *, has_store: bool) -> LogLine:
    """Say what a retry knows of the expected upgrade, and what it cannot know."""
    if earlier is not None and earlier.expected is not None:
        upgrade = _describe(earlier.expected)
        return logging.INFO, f"Retry: an earlier try found the expected upgrade{upgrade}"
    reason = "" if has_store else " (Airflow keeps that from version 3.3 on)"
    text = f"Retry: it is not known which upgrade the tries before have found{reason}"
    if selector.target_version is not None:
        return logging.INFO, f"{text}; target_version selects it"
    return logging.WARNING, f"{text}. {_CANNOT_NOTICE}. {_ADVICE}"


def restart_line(earlier: EarlierTry | None) -> LogLine | None:
    """Say that Airflow has started a try again, and which upgrade it expects; None if nothing is known."""
    if earlier is None or earlier.expected is None:
        return None
    upgrade = _describe(earlier.expected)
    return logging.INFO, f"Airflow has started this try again: it still expects the upgrade{upgrade}"


def found_line(expected: UpgradeIdentity | None) -> str:
    """Say what the trigger has found, and why the task is deferred again."""
    upgrade = _describe(expected) if expected else ""
    return (
        f"Stored for later processes of this task: the expected upgrade{upgrade}. The task is deferred again"
    )


def cleared_line() -> LogLine:
    """Say that the state of earlier tries is not used."""
    return logging.INFO, "The task was cleared or changed: what earlier tries have found is not used"


def _describe(identity: UpgradeIdentity) -> str:
    version = f" to {one_line(identity.target_version)}" if identity.target_version else ""
    start = f", started at {format_time(identity.started_at)}" if identity.started_at else ""
    return f"{version}{start}"
