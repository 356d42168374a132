"""
Write nested health evaluations as sentences. No I/O.

A health evaluation of a cluster or an application contains the evaluations that made it unhealthy, down to
replicas, nodes and reported events. There are 22 kinds. This module reads only the fields that all of them
have, so it can also read kinds of later versions:
https://learn.microsoft.com/rest/api/servicefabric/sfclient-model-healthevaluation

One problem often appears on many nodes or replicas. Such similar causes share a sentence, so that they do not
hide another cause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.json_values import objects, text, utc
from airflow_provider_sf.rest.storage_limits import MAX_DEPTH, fitting_texts
from airflow_provider_sf.rest.url_names import noun_for_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EVALUATIONS_BYTES = 2_048
"""How many bytes of JSON the sentences may take in a record."""

_MAX_PLACES = 3
"""How many names a sentence contains: the innermost ones."""

_COMPARED_LENGTH = 1_000
"""How many characters of two descriptions are compared. A sentence has room for fewer."""

_MAX_CAUSES = 1_000
"""How many causes are read and compared. A record has room for about ten sentences."""

_MAX_KEYS = 50
"""How many keys of an evaluation are read. All kinds have fewer than 20."""

_MAX_NODES = 3
"""How many of several nodes with a similar cause are named."""

_MANY_OF = frozenset({"NodeName", "PartitionId", "ReplicaOrInstanceId", "ServicePackageActivationId"})
"""The keys of names of which a service or cluster has many. Causes that differ only in these are similar."""

# Parts of a description that differ from node to node: ids, times, addresses, long numbers, the number in a
# name. A hexadecimal number is kept: it is an error code.
_VARYING = re.compile(
    r"(?=\d|[a-f][0-9a-f]{7}-)"  # each begins with a digit or is an id; to look for that first is faster
    r"(?:(0x[0-9a-f]+)"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\d[t ]\d\d:\d\d:\d\d(?:\.\d+)?"
    r"|\d{1,3}(?:\.\d{1,3}){3}"
    r"|\d{15,}"
    r"|(?:(?<=[a-z_])|(?<=[a-z_]-))\d+)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class _Cause:
    """An innermost evaluation."""

    state: str
    places: tuple[tuple[str, str], ...]
    """Key and name, outermost first."""
    report: str
    """The source of an event and what it reports; empty without an event."""
    time: str
    description: str

    @property
    def group(self) -> tuple[object, ...]:
        """A value that similar causes have in common."""
        places = tuple((key, None if key in _MANY_OF else name) for key, name in self.places)
        return self.state, places, self.report, comparable_text(self.description)


def comparable_text(description: str) -> str:
    """Return a description without what differs from node to node; similar ones are equal."""
    return _VARYING.sub(r"\1#", description[:_COMPARED_LENGTH].lower())


def unhealthy_sentences(evaluations: object) -> tuple[tuple[str, ...], int]:
    """Return a sentence for each cause that fits, and how many are omitted. Similar causes count once."""
    groups: dict[tuple[object, ...], list[_Cause]] = {}
    paths = _paths(evaluations)
    for path in islice(paths, _MAX_CAUSES):
        cause = _cause(path)
        groups.setdefault(cause.group, []).append(cause)
    unread = sum(1 for _ in paths)
    kept = fitting_texts(map(_sentence, groups.values()), EVALUATIONS_BYTES)
    return tuple(kept), len(groups) - len(kept) + unread


_Path = tuple[dict[str, Any], ...]


def _paths(listed: object) -> Iterator[_Path]:
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


def _cause(path: _Path) -> _Cause:
    innermost = path[-1]
    state = text(innermost.get("AggregatedHealthState")) or "Unhealthy"
    event = innermost.get("UnhealthyEvent")
    if isinstance(event, dict):
        return _Cause(
            state, _places(path), _report(event), _time(event), text(event.get("Description")) or ""
        )
    kind = text(innermost.get("Kind")) or "an evaluation without a kind"
    return _Cause(state, _places(path), "", "", text(innermost.get("Description")) or kind)


def _report(event: dict[str, Any]) -> str:
    source = text(event.get("SourceId")) or "unknown source"
    reported = text(event.get("Property")) or "unknown property"
    expired = " (expired)" if event.get("IsExpired") is True else ""
    return f"{source} reports {reported}{expired}"


def _time(event: dict[str, Any]) -> str:
    """Return since when the event has its state, else when it was reported last."""
    since = utc(event.get(f"Last{text(event.get('HealthState'))}TransitionAt"))
    if since:
        return f" since {since:%Y-%m-%d %H:%M:%S} UTC"
    reported = utc(event.get("SourceUtcTimestamp"))
    return f" at {reported:%Y-%m-%d %H:%M:%S} UTC" if reported else ""


def _places(path: _Path) -> tuple[tuple[str, str], ...]:
    """Return the innermost names on a path, outermost first."""
    places: dict[str, str] = {}
    for evaluation in path:
        for key, value in islice(evaluation.items(), _MAX_KEYS):
            if key.endswith(("Name", "Id")) and isinstance(value, str) and value:
                places.pop(key, None)
                places[key] = value
    return tuple(places.items())[-_MAX_PLACES:]


def _sentence(causes: Sequence[_Cause]) -> str:
    """Return state, place and reason: ``Error: service fabric:/shop/web: ...``."""
    first = causes[0]
    is_example = len({(cause.time, cause.description) for cause in causes}) > 1
    head = f"{first.report}{first.time}{', for example' if is_example else ''}" if first.report else ""
    if is_example and not head:
        head = "for example"
    parts = (first.state, ", ".join(_common_places(causes)), head, first.description)
    return ": ".join(part for part in parts if part)


def _common_places(causes: Sequence[_Cause]) -> Iterator[str]:
    """Name the places of similar causes. Of the names that differ, count the innermost ones."""
    columns = {key: dict.fromkeys(dict(cause.places)[key] for cause in causes) for key, _ in causes[0].places}
    differing = [key for key, names in columns.items() if len(names) > 1]
    for key, names in columns.items():
        if key not in differing:
            yield f"{noun_for_key(key)} {next(iter(names))}".strip()
        elif key == differing[-1]:
            yield f"{len(names)} {noun_for_key(key)}s{_node_names(key, list(names))}"


def _node_names(key: str, names: list[str]) -> str:
    """List nodes: `` (n1, n2, n3, ...)``. A reader does not know the ids of replicas and partitions."""
    more = ", ..." if len(names) > _MAX_NODES else ""
    return f" ({', '.join(names[:_MAX_NODES])}{more})" if key == "NodeName" else ""
