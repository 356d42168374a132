"""
Read and check what users write in a DAG file: seconds, choices, what goes together. Pure; no I/O.

Every function raises ValueError for what it cannot read; the message names parameter, value and fix.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.url_names import fill_path
from airflow_provider_sf.upgrades.kinds import get_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DEFAULT_CONN_ID = "service_fabric_default"

CLOCK_SKEW_SECONDS = 60.0
"""How far the clocks of cluster and user may be apart, unless said otherwise."""

SELECTOR_PARAMETERS = ("previous", "started_after", "target_version")
"""The parameters that say which upgrade is meant."""

_MOST_SECONDS = 1e9
MAX_SHOWN = 100


def read_seconds(parameter: str, value: object) -> float:
    """Read a duration: seconds, or a timedelta."""
    read = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(read, bool) or not isinstance(read, (int, float)) or not 0 <= read <= _MOST_SECONDS:
        msg = f"{parameter} must be a timedelta or a number of seconds, not {shorten_repr(value)}"
        raise ValueError(msg)
    return float(read)


def read_choice(parameter: str, value: str, choices: tuple[str, ...]) -> str:
    """Read one of a few words."""
    if value not in choices:
        msg = f"{parameter} must be {' or '.join(map(repr, choices))}, not {shorten_repr(value)}"
        raise ValueError(msg)
    return choices[choices.index(value)]


def check_selector_parameters(kind: str, given: Iterable[str]) -> None:
    """Refuse a parameter that can never tell one upgrade of a kind from another."""
    if "started_after" in given and "started_at" not in get_kind(kind).keys:
        msg = (
            f"started_after is of no use for kind {kind!r}: Service Fabric does not say when such an upgrade "
            "started; give previous"
        )
        raise ValueError(msg)


def check_reschedule_mode(stall_timeout: float | None, given: Sequence[str]) -> None:
    """Refuse what needs a memory, for a task that comes in legs that know nothing of each other."""
    if stall_timeout is not None:
        msg = "stall_timeout needs a memory, and reschedule mode has none: use deferrable=True"
        raise ValueError(msg)
    if list(given) == ["target_version"]:
        msg = (
            "target_version alone needs a memory, and reschedule mode has none: use deferrable=True, or give "
            "previous or started_after, too"
        )
        raise ValueError(msg)


def check_poke_interval(poke_interval: float, max_wait: timedelta | None, *, deferrable: bool) -> None:
    """Refuse pauses that are none."""
    if max_wait is not None and not max_wait > timedelta(0):
        msg = f"max_wait must be more than 0 s, not {max_wait}"
        raise ValueError(msg)
    if deferrable and not poke_interval > 0:
        msg = f"poke_interval must be more than {poke_interval:g} s: the triggerer is not yours alone"
        raise ValueError(msg)


def shorten_repr(value: object, most: int = MAX_SHOWN) -> str:
    """Return how a value is shown in a message."""
    written = repr(value)
    return written if len(written) <= most else f"{written[:most]}..."


def check_name(kind: str, name: Any) -> None:
    """
    Check what a DAG file says, as far as it can be known before templates and XComArgs are resolved.

    :raises ValueError: there is no such kind, or it cannot have that name, see :func:`names.filled`
    """
    row = get_kind(kind)
    if not (row.takes_name and is_rendered_later(name)):
        fill_path(row.progress.path, name)


def is_rendered_later(value: object) -> bool:
    """Whether Airflow puts something else in the place of a value later: an XComArg, a template."""
    return hasattr(value, "resolve") or any(mark in str(value) for mark in ("{{", "{%", "{#"))
