"""
Read the parameters that select the expected upgrade: previous, started_after, target_version. No I/O.

Every function raises ValueError for an invalid value; the message names the parameter, the value and the fix.
"""

from __future__ import annotations

import ast
import json
from datetime import datetime, timezone

from airflow_provider_sf.rest.plain_text import shorten_repr
from airflow_provider_sf.rest.storage_limits import shorten
from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.matching import UpgradeSelector

_FIRST_YEAR, _LAST_YEAR = 1970, 8999

_REASON_BYTES = 200


def read_selector(
    *,
    previous: object = None,
    started_after: object = None,
    target_version: object = None,
    clock_skew: float,
    accept_current_version: bool,
) -> UpgradeSelector:
    """
    Read the criteria for the expected upgrade.

    ``previous`` may be a record, its dict, or that dict as text: JSON, or as a template prints it.
    ``started_after`` may be text; it must have a time zone.
    """
    return UpgradeSelector(
        previous=None if previous is None else _record(previous),
        started_after=None if started_after is None else _moment(started_after),
        clock_skew=clock_skew,
        target_version=None if target_version is None else _version(target_version),
        accept_current_version=accept_current_version,
    )


def check_previous(previous: UpgradeProgress, kind: str, name: str) -> None:
    """Refuse a record of another kind or name: every upgrade would differ from it, even an old one."""
    if (previous.kind, normalized_name(previous.name)) != (kind, normalized_name(name)):
        found, wanted = _subject(previous.kind, previous.name), _subject(kind, name)
        msg = f"previous is a record of {found}: set it to a record of {wanted}"
        raise ValueError(msg)


def _subject(kind: str, name: str) -> str:
    return f"{kind} {name!r}" if name else kind


def _record(value: object) -> UpgradeProgress:
    if isinstance(value, UpgradeProgress):
        return value
    try:
        return UpgradeProgress.from_dict(read_literal(value) if isinstance(value, str) else value)
    except (TypeError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        reason = shorten(str(error) or type(error).__name__, _REASON_BYTES)
        msg = (
            "previous must be a record that ServiceFabricUpgradeProgressOperator returned, for example "
            f"previous=snapshot.output, not {shorten_repr(value)}: {reason}"
        )
        raise ValueError(msg) from error


def read_literal(text: str) -> object:
    """
    Return the value of a text: JSON, or as a template prints it.

    :raises ValueError, SyntaxError, TypeError, RecursionError, MemoryError: it is neither
    """
    try:
        return json.loads(text)
    except ValueError:
        return ast.literal_eval(text)


def _moment(value: object) -> datetime:
    import pendulum  # noqa: PLC0415 - slow to import, and most DAG files do not need it

    try:
        read = pendulum.parse(value, tz=None) if isinstance(value, str) else value
    except (ValueError, TypeError, OverflowError) as error:
        msg = f"invalid started_after {shorten_repr(value)}: write it as '2026-03-01T03:00:00Z'"
        raise ValueError(msg) from error
    if not isinstance(read, datetime) or read.tzinfo is None or value == "now":
        msg = (
            f"started_after must be a date and time with a time zone, not {shorten_repr(value)}: "
            "write it as '2026-03-01T03:00:00Z'"
        )
        raise ValueError(msg)
    if not _FIRST_YEAR <= read.year <= _LAST_YEAR:
        msg = f"started_after is out of range ({_FIRST_YEAR}-{_LAST_YEAR}): {shorten_repr(value)}"
        raise ValueError(msg)
    # A plain datetime instead of pendulum's subclass.
    plain = datetime.combine(read.date(), read.time(), read.tzinfo).replace(fold=read.fold)
    return plain.astimezone(timezone.utc)


def _version(value: object) -> str:
    if not isinstance(value, str) or value.strip() in {"", "None"}:
        msg = f"target_version must be a version that Service Fabric reports, not {shorten_repr(value)}"
        raise ValueError(msg)
    return value.strip()
