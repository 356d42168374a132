"""Why an upgrade failed, as short sentences: its own words, and what other calls say of it. Pure; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.rest.storage_limits import fitting_texts
from airflow_provider_sf.upgrades import UpgradeProgress

if TYPE_CHECKING:
    from collections.abc import Iterable

REASONS_BYTES = 1_536
"""How much JSON the reasons in a story may take."""


def failure_reasons(records: Iterable[UpgradeProgress]) -> tuple[str, ...]:
    """Return what these records say about a failure, each sentence once, as many as there is room for."""
    said = dict.fromkeys(sentence for record in records for sentence in _sentences(record))
    return tuple(fitting_texts(iter(said), REASONS_BYTES))


def explanation(answer: object) -> UpgradeProgress:
    """
    Read the answer of a call that explains a failure.

    The progress of a classic application and the health of one say so under the same keys.

    :raises UnexpectedAnswer: the answer is not a JSON object
    """
    return UpgradeProgress.from_answer("application", "", answer)


def _sentences(record: UpgradeProgress) -> list[str]:
    where = record.domains.at_failure.name
    reason = record.failure_reason
    said = [f"failure reason {reason}" + (f", in domain {where}" if where else "")] if reason else []
    return [*said, *record.domains.at_failure.safety_checks, *record.unhealthy_evaluations]
