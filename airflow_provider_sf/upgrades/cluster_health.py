"""The health of a cluster as it reports it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_sf.rest.json_values import text
from airflow_provider_sf.upgrades.health_evaluations import unhealthy_sentences


@dataclass(frozen=True, slots=True)
class ClusterHealth:
    """
    The health of a cluster: ``Ok``, ``Warning`` or ``Error``, and the reasons.

    ``unhealthy_evaluations`` are short sentences, ``omitted`` is the number of further ones that did not fit.
    ``raw`` is the original answer.
    """

    aggregated_health_state: str | None
    unhealthy_evaluations: tuple[str, ...] = ()
    omitted: int = 0
    raw: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> ClusterHealth:
        """Read ClusterHealth."""
        evaluations, omitted = unhealthy_sentences(answer.get("UnhealthyEvaluations"))
        return cls(
            aggregated_health_state=text(answer.get("AggregatedHealthState")),
            unhealthy_evaluations=evaluations,
            omitted=omitted,
            raw=answer,
        )
