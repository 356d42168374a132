"""What a process has logged of a wait. No text, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_sf.upgrades import UpgradeProgress

LogLine = tuple[int, str]
"""A level of the logging module and the text of one line."""


@dataclass(frozen=True, slots=True)
class LogState:
    """
    What this process has logged so far.

    ``record`` is the last one that was logged, at ``record_logged_at``; ``last_line_at`` is the time of any
    last line. ``safety_checks`` are those that were logged because they block the upgrade.
    """

    record: UpgradeProgress | None = None
    record_logged_at: datetime | None = None
    last_line_at: datetime | None = None
    safety_checks: tuple[str, ...] = ()

    @classmethod
    def from_record(cls, record: UpgradeProgress | None, now: datetime) -> LogState:
        """Return the state of a log in which another process has logged this record."""
        return cls(record, now, now)
