"""
Write nested health evaluations as sentences. No I/O.

A health evaluation of a cluster or an application contains the evaluations that made it unhealthy, down to
replicas, nodes and reported events. There are 22 kinds. This module reads only the fields that all of them
have, so it can also read kinds of later versions:
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
"""How many bytes of JSON the sentences may take in a record."""

_MAX_PLACES = 3
"""How many names a sentence contains: the innermost ones."""


def unhealthy_sentences(evaluations: object) -> tuple[tuple[str, ...], int]:
    """Return a sentence for each innermost evaluation that fits, and how many are omitted."""
    causes = list(_causes(evaluations))
    kept = fitting_texts((_sentence(path) for path in causes), EVALUATIONS_BYTES)
    return tuple(kept), len(causes) - len(kept)


_Path = tuple[dict[str, Any], ...]


def _causes(listed: object) -> Iterator[_Path]:
    """Yield the path to each innermost evaluation, outermost first, in the order of the answer."""
    levels: list[tuple[_Path, Iterator[dict[str, Any]]]] = [((), iter(_evaluations(listed)))]
    while levels:
        path, siblings = levels[-1]
        evaluation = next(siblings, None)
        if evaluation is None:
            levels.pop()
            continue
        path = (*path, evaluation)
        inside = evaluation.get("UnhealthyEvaluations")
        inner = _evaluations(inside) if inside and len(levels) < MAX_DEPTH else []
        if inner:
            levels.append((path, iter(inner)))
        else:
            yield path


def _evaluations(listed: object) -> list[dict[str, Any]]:
    """Return the evaluations of a list without their wrappers."""
    found = []
    for item in objects(listed):
        inner = item.get("HealthEvaluation")
        found.append(inner if isinstance(inner, dict) else item)
    return found


def _sentence(path: _Path) -> str:
    """Return state, place and reason: ``Error: service fabric:/shop/web: ...``."""
    innermost = path[-1]
    event = innermost.get("UnhealthyEvent")
    reason = _event(event) if isinstance(event, dict) else text(innermost.get("Description"))
    state = text(innermost.get("AggregatedHealthState")) or "Unhealthy"
    place = ", ".join(_places(path))
    kind = text(innermost.get("Kind")) or "an evaluation without a kind"
    return ": ".join(part for part in (state, place, reason or kind) if part)


def _event(event: dict[str, Any]) -> str:
    source = text(event.get("SourceId")) or "unknown source"
    reported = text(event.get("Property")) or "unknown property"
    description = text(event.get("Description"))
    expired = " (expired)" if event.get("IsExpired") is True else ""
    return f"{source} reports {reported}{expired}" + (f": {description}" if description else "")


def _places(path: _Path) -> list[str]:
    """Return the innermost names on a path, outermost first."""
    places: dict[str, str] = {}
    for evaluation in path:
        for key, value in evaluation.items():
            if key.endswith(("Name", "Id")) and isinstance(value, str) and value:
                places.pop(key, None)
                places[key] = f"{noun_for_key(key)} {value}"
    return list(places.values())[-_MAX_PLACES:]
