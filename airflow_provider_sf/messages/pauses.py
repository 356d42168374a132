"""Why an upgrade is paused, and what a person must do. No I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import format_time, one_line
from airflow_provider_sf.upgrades.failure_reasons import FailureDetails
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import BETWEEN_DOMAINS

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades import UpgradeProgress

_MAX_REASON_LENGTH, _MAX_NAME_LENGTH = 200, 300

# PowerShell ends a quoted text at each of these, and reads two of them as the character itself.
_QUOTES = re.compile("(['\u2018-\u201b])")


def pause_message(record: UpgradeProgress) -> str:
    """Explain why an upgrade is paused and what a person must do."""
    domain = record.domains.next_domain
    next_domain = f"the next upgrade domain{f' ({one_line(domain)})' if domain else ''}"
    if record.going_back:
        cause = "Paused during its rollback, before the next upgrade domain (UnmonitoredManual mode)"
        action = f"start {next_domain}"
    elif record.failed_at:
        cause = f"Paused after a failure at {format_time(record.failed_at)}{_reason(record)}"
        resume = f"resume the upgrade with {next_domain}" if domain else "resume the upgrade"
        action = f"fix the cause, then {resume} or roll it back"
    else:
        cause = "Paused before the next upgrade domain (UnmonitoredManual mode)"
        action = f"start {next_domain}, or roll the upgrade back"
    return f"{cause}. Nothing continues until a person acts: {action}"


def resume_command(record: UpgradeProgress) -> list[str]:
    """Return the command that starts the next upgrade domain, or nothing if its name is not known."""
    command, domain = KINDS[record.kind].resume_command, record.domains.next_domain
    if not command or not domain or record.state not in BETWEEN_DOMAINS:
        return []
    return [f"PowerShell: {command.format(name=_quoted(record.name), domain=_quoted(domain))}"]


def _reason(record: UpgradeProgress) -> str:
    reason = FailureDetails.from_record(record).reason
    return f"{f': {one_line(reason, _MAX_REASON_LENGTH)}' if reason else ''} (its FailureAction is Manual)"


def _quoted(name: str) -> str:
    """Quote a name for PowerShell."""
    doubled = _QUOTES.sub(r"\1\1", one_line(name, _MAX_NAME_LENGTH))
    return f"'{doubled}'"
