"""Why an upgrade failed, as short sentences from its record and from other calls. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.json_values import failure_word
from airflow_provider_sf.rest.storage_limits import fitting_texts, json_size
from airflow_provider_sf.upgrades.domains import NodeProgress, domains_of
from airflow_provider_sf.upgrades.health_evaluations import unhealthy_sentences

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_sf.upgrades import UpgradeProgress

REASONS_BYTES = 1_536
"""How many bytes of JSON the reasons of a failure may take."""

MAX_REASONS = 6
"""How many reasons are named. The others are counted."""

_MIN_BYTES = 100
"""A sentence for which less room is left is counted, not cut."""

_MAX_NODES = 4
"""How many nodes one sentence names."""

_FIRST_CHECKS = 2
"""How many safety checks come before the unhealthy evaluations; the others come after them."""


@dataclass(frozen=True, slots=True)
class FailureDetails:
    """What one record or one answer reports about a failure."""

    failure_reason: str | None = None
    domain: str | None = None
    safety_checks: tuple[str, ...] = ()
    unhealthy_evaluations: tuple[str, ...] = ()
    classification: str | None = None
    """What exactly went wrong, for example ``PreUpgradeSafetyCheckTimeout``. Not every runtime reports it."""
    nodes: tuple[NodeProgress, ...] = ()
    """The nodes that were not completely upgraded."""
    omitted_nodes: int = 0
    omitted: int = 0
    """How many safety checks and evaluations did not fit."""

    @classmethod
    def from_record(cls, record: UpgradeProgress) -> FailureDetails:
        """Return the details of a record."""
        domains, omitted = record.domains, dict(record.omitted)
        return cls(
            failure_reason=record.failure_reason,
            domain=domains.failure_domain,
            safety_checks=domains.safety_checks_at_failure,
            unhealthy_evaluations=record.unhealthy_evaluations,
            classification=record.failure_classification,
            nodes=domains.nodes_at_failure,
            omitted_nodes=omitted.get("nodes_at_failure", 0),
            omitted=omitted.get("safety_checks_at_failure", 0) + omitted.get("unhealthy_evaluations", 0),
        )

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> FailureDetails:
        """Read the progress or the health of a classic application or a cluster: all use these keys."""
        domains, omitted = domains_of({"failure_domain": answer.get("UpgradeDomainProgressAtFailure")})
        evaluations, omitted_evaluations = unhealthy_sentences(answer.get("UnhealthyEvaluations"))
        return cls(
            failure_reason=failure_word(answer.get("FailureReason")),
            domain=domains.failure_domain,
            safety_checks=domains.safety_checks_at_failure,
            unhealthy_evaluations=evaluations,
            classification=failure_word(answer.get("FailureClassification")),
            nodes=domains.nodes_at_failure,
            omitted_nodes=omitted["nodes_at_failure"],
            omitted=omitted["safety_checks_at_failure"] + omitted_evaluations,
        )

    @property
    def reason(self) -> str | None:
        """The failure reason, how it is classified and the domain: ``HealthCheck, in domain UD2``."""
        if not self.failure_reason:
            return None
        classification = f" ({self.classification})" if self.classification else ""
        place = f", in domain {self.domain}" if self.domain else ""
        return f"{self.failure_reason}{classification}{place}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """The details as sentences, the failure reason first."""
        reason = (f"failure reason {self.reason}",) if self.reason else ()
        first_checks, more_checks = self.safety_checks[:_FIRST_CHECKS], self.safety_checks[_FIRST_CHECKS:]
        return (*reason, *self._unfinished_nodes, *first_checks, *self.unhealthy_evaluations, *more_checks)

    @property
    def _unfinished_nodes(self) -> tuple[str, ...]:
        if not self.nodes:
            return ()
        shown = [
            f"{node.name} ({node.phase})" if node.phase else node.name for node in self.nodes[:_MAX_NODES]
        ]
        more = len(self.nodes[_MAX_NODES:]) + self.omitted_nodes
        more_nodes = f" and {more} more" if more else ""
        return (f"nodes not complete at the failure: {', '.join(shown)}{more_nodes}",)


def failure_reasons(details: Iterable[FailureDetails], seen: Iterable[str] = ()) -> tuple[str, ...]:
    """
    Return the first sentences of the details, each once, and how many more there are: ``and 3 more``.

    ``seen`` are sentences that were read earlier; they come last.
    """
    known = tuple(details)
    sentences = tuple(dict.fromkeys([*(text for detail in known for text in detail.sentences), *seen]))
    kept: list[str] = []
    for sentence in sentences[:MAX_REASONS]:
        room = REASONS_BYTES - _MIN_BYTES - json_size(kept)
        if room < _MIN_BYTES:
            break
        kept += fitting_texts(iter([sentence]), room)
    # Two answers may omit the same sentences, so these are not added.
    more = len(sentences) - len(kept) + max((detail.omitted for detail in known), default=0)
    return (*kept, *([f"and {more} more"] if more else []))
