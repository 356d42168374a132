"""Format single values as text: durations, times, percentages, states, versions, services. No I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_sf.rest.plain_text import plain_line
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow_provider_sf.upgrades.domains import NodeProgress
    from airflow_provider_sf.upgrades.services import ServiceProgress

MAX_SERVICES = 6
"""How many services one line names."""

MAX_SAFETY_CHECKS = 2
"""How many safety checks one line names."""

MAX_NODES, MAX_NAMES = 4, 6
"""How many nodes in progress, and how many other names, one line contains."""

MAX_SENTENCE_LENGTH = 300

_BAR_WIDTH = 10
_MAX_LENGTH, _MAX_NAME_LENGTH, _MAX_SUBJECT_LENGTH = 80, 60, 200

_NO_PHASE = frozenset({None, "Invalid"})


def one_line(text: str, max_length: int = _MAX_LENGTH) -> str:
    """Put text of a cluster on one line, without control characters and cut; ``?`` if nothing is left."""
    line = plain_line(text)
    return (line if len(line) <= max_length else f"{line[:max_length]}...") or "?"


def upgrade_subject(kind: str, name: str) -> str:
    """Name what is upgraded: ``application resource 'shop'``, ``the cluster``."""
    row = KINDS[kind]
    return f"{row.title} {one_line(name, _MAX_SUBJECT_LENGTH)!r}" if row.takes_name else f"the {row.title}"


def capitalize_first(text: str) -> str:
    """Make the first letter a capital and change nothing else."""
    return text[:1].upper() + text[1:]


def format_duration(seconds: float | None) -> str:
    """Format a duration: ``7s``, ``12m04s``, ``1h05m``, ``2d03h``; ``-`` if unknown, ``0s`` if negative."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def format_time(moment: datetime) -> str:
    """Format a time: ``2026-03-01 03:12:44 UTC``."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def pluralize(count: int, noun: str) -> str:
    """Put a number before a noun: ``1 poll``, ``12 polls``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def format_percent(value: float | None) -> str:
    """Format a percentage: ``62 %``."""
    return "percent unknown" if value is None else f"{value:.0f} %"


def progress_bar(value: float | None, *, going_back: bool = False) -> str:
    """Draw a percentage as a bar; it is empty if the value is unknown, and a rollback runs to the left."""
    if value is None:
        return f"[{'':{_BAR_WIDTH}}]"
    done = min(_BAR_WIDTH, max(0, int(value * _BAR_WIDTH / 100)))
    rest = "-" * (_BAR_WIDTH - done)
    return f"[{rest}{'<' * done}]" if going_back else f"[{'#' * done}{rest}]"


def format_version(version: str | None) -> str:
    """Format a version."""
    return one_line(version) if version else "an unknown version"


def format_state(state: str | None) -> str:
    """Split a state of Service Fabric into words: RollingForward -> rolling forward."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", one_line(state)).lower() if state else "no state"


STATE_WIDTH = max(len(format_state(state)) for state in OUTCOMES)
"""How wide a column of states is."""


def format_replicas(service: ServiceProgress) -> str:
    """Format how many replicas of a service are upgraded: ``3/8``; ``?`` for an unknown number."""
    done, pending = service.completed_replicas, service.pending_replicas
    total = "?" if done is None or pending is None else done + pending
    return f"{'?' if done is None else done}/{total}"


def service_counts(services: Sequence[ServiceProgress], more: int = 0) -> list[str]:
    """Format each service as ``web 6/8``; the last item counts the services that are not named."""
    counts = [_service_count(service) for service in services[:MAX_SERVICES]]
    return [*counts, *_and_more(more + len(services[MAX_SERVICES:]))]


def services_behind(services: Sequence[ServiceProgress], more: int = 0) -> str:
    """List services with pending replicas: ``web 6/8 (2 pending), and 3 more``."""
    counts = [
        f"{_service_count(service)} ({service.pending_replicas} pending)"
        for service in services[:MAX_SERVICES]
    ]
    return ", ".join([*counts, *_and_more(more + len(services[MAX_SERVICES:]))])


def safety_checks(sentences: Sequence[str], more: int = 0) -> list[str]:
    """List the safety checks that an upgrade domain waits for; the last item counts the others."""
    more += len(sentences[MAX_SAFETY_CHECKS:])
    shown = [one_line(sentence, MAX_SENTENCE_LENGTH) for sentence in sentences[:MAX_SAFETY_CHECKS]]
    return [*shown, *([f"and {pluralize(more, 'more check')}"] if more else [])]


def nodes_in_phases(nodes: Sequence[NodeProgress], more: int = 0) -> str:
    """List nodes and their phases: ``N1 upgrading for 1h37m, N2 post upgrade safety check, and 3 more``."""
    shown = [_node_in_phase(node) for node in nodes[:MAX_NODES]]
    return ", ".join([*shown, *_and_more(more + len(nodes[MAX_NODES:]))])


def list_names(names: Sequence[str], more: int = 0) -> str:
    """List names and count those that are not named: ``N006, N007, and 4 more``."""
    shown = [one_line(name, _MAX_NAME_LENGTH) for name in names[:MAX_NAMES]]
    return ", ".join([*shown, *_and_more(more + len(names[MAX_NAMES:]))])


def _node_in_phase(node: NodeProgress) -> str:
    phase = "" if node.phase in _NO_PHASE else f" {format_state(node.phase)}"
    time = f" for {format_duration(node.duration_seconds)}" if node.duration_seconds else ""
    return f"{one_line(node.name, _MAX_NAME_LENGTH)}{phase}{time}"


def _service_count(service: ServiceProgress) -> str:
    return f"{one_line(service.name, _MAX_NAME_LENGTH)} {format_replicas(service)}"


def _and_more(count: int) -> list[str]:
    return [f"and {count} more"] if count else []
