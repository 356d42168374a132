"""
Why Service Fabric holds something for unhealthy: its nested evaluations as sentences. Pure; no I/O.

An evaluation of a cluster or an application says which evaluations beneath it made it unhealthy, down to
replicas, nodes and the events that somebody reported. There are 22 kinds of them; what they have in common is
enough to read them all, and those to come:
https://learn.microsoft.com/rest/api/servicefabric/sfclient-model-healthevaluation
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.json_values import objects, text
from airflow_provider_sf.rest.storage_limits import MAX_DEPTH, fitting_texts
from airflow_provider_sf.rest.url_names import noun_for_key

if TYPE_CHECKING:
    from collections.abc import Iterator

EVALUATIONS_BYTES = 2_048
"""How much JSON the sentences about evaluations may take in a record."""

_MOST_NAMED = 3
"""How many of the things around it are named with what is unhealthy: the nearest ones."""


def unhealthy_sentences(evaluations: object) -> tuple[tuple[str, ...], int]:
    """Return a sentence for each innermost evaluation there is room for, and how many are omitted."""
    causes = list(_causes(evaluations))
    kept = fitting_texts((_sentence(trail) for trail in causes), EVALUATIONS_BYTES)
    return tuple(kept), len(causes) - len(kept)


_Trail = tuple[dict[str, Any], ...]


def _causes(listed: object) -> Iterator[_Trail]:
    """Yield the innermost evaluations, each behind those that it stands in, in their order."""
    levels: list[tuple[_Trail, Iterator[dict[str, Any]]]] = [((), iter(_evaluations(listed)))]
    while levels:
        trail, siblings = levels[-1]
        evaluation = next(siblings, None)
        if evaluation is None:
            levels.pop()
            continue
        trail = (*trail, evaluation)
        inside = evaluation.get("UnhealthyEvaluations")
        inner = _evaluations(inside) if inside and len(levels) < MAX_DEPTH else []
        if inner:
            levels.append((trail, iter(inner)))
        else:
            yield trail


def _evaluations(listed: object) -> list[dict[str, Any]]:
    """Return the evaluations of a list, out of their wrappers."""
    found = []
    for item in objects(listed):
        inner = item.get("HealthEvaluation")
        found.append(inner if isinstance(inner, dict) else item)
    return found


def _sentence(trail: _Trail) -> str:
    """Say what is in which state, where, and why: ``Error: service fabric:/shop/web: ...``."""
    innermost = trail[-1]
    event = innermost.get("UnhealthyEvent")
    said = _event(event) if isinstance(event, dict) else text(innermost.get("Description"))
    state = text(innermost.get("AggregatedHealthState")) or "Unhealthy"
    where = ", ".join(_named(trail))
    what = text(innermost.get("Kind")) or "an evaluation without a kind"
    return ": ".join(part for part in (state, where, said or what) if part)


def _event(event: dict[str, Any]) -> str:
    """Say who reported what."""
    source, reported = text(event.get("SourceId")) or "somebody", text(event.get("Property")) or "something"
    description = text(event.get("Description"))
    expired = " (expired)" if event.get("IsExpired") is True else ""
    return f"{source} reports {reported}{expired}" + (f": {description}" if description else "")


def _named(trail: _Trail) -> list[str]:
    """Name the nearest things that a trail leads through, from the outermost to the innermost."""
    named: dict[str, str] = {}
    for evaluation in trail:
        for key, value in evaluation.items():
            if key.endswith(("Name", "Id")) and isinstance(value, str) and value:
                named.pop(key, None)
                named[key] = f"{noun_for_key(key)} {value}"
    return list(named.values())[-_MOST_NAMED:]
