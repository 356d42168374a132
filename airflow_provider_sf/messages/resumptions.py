"""What a task that starts an upgrade domain has found, and what it does. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.descriptions import describe_record
from airflow_provider_sf.messages.formatting import capitalize_first, one_line, upgrade_subject

if TYPE_CHECKING:
    from airflow_provider_sf.releases.resume import ResumeStep
    from airflow_provider_sf.upgrades import UpgradeProgress


def resumption_line(step: ResumeStep, record: UpgradeProgress) -> str:
    """Say what is on record, and which upgrade domain the task starts or why it starts none."""
    subject = capitalize_first(upgrade_subject(record.kind, record.name))
    return f"{subject}: {describe_record(record)}; {_what(step)}"


def _what(step: ResumeStep) -> str:
    if step.domain is None:
        return f"nothing was started: {one_line(step.problem, 300)}"
    domain = one_line(step.domain)
    text = "upgrade domain {} has started already" if step.is_done else "starting upgrade domain {}"
    return text.format(domain)
