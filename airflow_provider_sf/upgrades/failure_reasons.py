"""Why an upgrade failed, as short sentences from its record and from other calls. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.json_values import short_text
from airflow_provider_sf.rest.storage_limits import WORD_BYTES, fitting_texts
from airflow_provider_sf.upgrades.domains import domains_of
from airflow_provider_sf.upgrades.health_evaluations import unhealthy_sentences

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_sf.upgrades import UpgradeProgress

REASONS_BYTES = 1_536
"""How many bytes of JSON the reasons of a failure may take."""

_NO_FAILURE = "None"
"""Service Fabric's word for a missing failure reason."""


@dataclass(frozen=True, slots=True)
class FailureDetails:
    """What one record or one answer reports about a failure."""

    failure_reason: str | None = None
    domain: str | None = None
    safety_checks: tuple[str, ...] = ()
    unhealthy_evaluations: tuple[str, ...] = ()

    @classmethod
    def from_record(cls, record: UpgradeProgress) -> FailureDetails:
        """Return the details of a record."""
        domains = record.domains
        return cls(
            record.failure_reason,
            domains.failure_domain,
            domains.safety_checks_at_failure,
            record.unhealthy_evaluations,
        )

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> FailureDetails:
        """Read the progress or the health of a classic application: both use the same keys."""
        reason = short_text(answer.get("FailureReason"), WORD_BYTES)
        domains, _ = domains_of({"failure_domain": answer.get("UpgradeDomainProgressAtFailure")})
        evaluations, _ = unhealthy_sentences(answer.get("UnhealthyEvaluations"))
        return cls(
            failure_reason=None if reason == _NO_FAILURE else reason,
            domain=domains.failure_domain,
            safety_checks=domains.safety_checks_at_failure,
            unhealthy_evaluations=evaluations,
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """The details as sentences, the failure reason first."""
        place = f", in domain {self.domain}" if self.domain else ""
        reason = (f"failure reason {self.failure_reason}{place}",) if self.failure_reason else ()
        return (*reason, *self.safety_checks, *self.unhealthy_evaluations)


def failure_reasons(details: Iterable[FailureDetails]) -> tuple[str, ...]:
    """Return the sentences of the details, each once, as many as fit."""
    sentences = dict.fromkeys(sentence for detail in details for sentence in detail.sentences)
    return tuple(fitting_texts(iter(sentences), REASONS_BYTES))
