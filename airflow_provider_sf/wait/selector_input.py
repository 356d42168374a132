"""
Read which upgrade users mean: a record from before, a time, a version. Pure; no I/O.

Every function raises ValueError for what it cannot read; the message names parameter, value and fix.
"""

from __future__ import annotations

import ast
import json
from datetime import datetime, timezone

from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.parameters import MAX_SHOWN, shorten_repr

_EPOCH, _END_OF_TIME = 1970, 9000


def read_selector(
    *,
    previous: object = None,
    started_after: object = None,
    target_version: object = None,
    clock_skew: float,
    accept_current_version: bool,
) -> UpgradeSelector:
    """
    Read which upgrade is meant.

    ``previous`` may be a record, its dict, or that dict as text (JSON, or as a template prints it);
    ``started_after`` may be text, in UTC unless it says otherwise.
    """
    return UpgradeSelector(
        previous=None if previous is None else _record(previous),
        started_after=None if started_after is None else _moment(started_after),
        clock_skew=clock_skew,
        target_version=None if target_version is None else _version(target_version),
        accept_current_version=accept_current_version,
    )


def check_previous(previous: UpgradeProgress, kind: str, name: str) -> None:
    """Refuse a record of something else: any upgrade would differ from it, even an old one."""
    if (previous.kind, normalized_name(previous.name)) != (kind, normalized_name(name)):
        msg = f"previous is a record of {previous.kind} {previous.name!r}, not of {kind} {name!r}"
        raise ValueError(msg)


def _record(value: object) -> UpgradeProgress:
    if isinstance(value, UpgradeProgress):
        return value
    try:
        return UpgradeProgress.from_dict(_literal(value) if isinstance(value, str) else value)
    except (KeyError, TypeError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        msg = (
            "previous must be a record that ServiceFabricUpgradeProgressOperator returned, for example "
            f"previous=snapshot.output, not {shorten_repr(value)}: {shorten_repr(error, 2 * MAX_SHOWN)}"
        )
        raise ValueError(msg) from error


def _literal(written: str) -> object:
    try:
        return json.loads(written)
    except ValueError:
        return ast.literal_eval(written)


def _moment(value: object) -> datetime:
    import pendulum  # noqa: PLC0415 - DAG files that do not use it need not pay for it

    try:
        read = pendulum.parse(value, exact=True) if isinstance(value, str) else value
    except (ValueError, TypeError, OverflowError) as error:
        msg = f"started_after is no time: {shorten_repr(value)}; write it as '2026-03-01T03:00:00Z'"
        raise ValueError(msg) from error
    if not isinstance(read, datetime) or read.tzinfo is None or value == "now":
        msg = (
            f"started_after must be a date and time with a time zone, not {shorten_repr(value)}; "
            "write it as '2026-03-01T03:00:00Z'"
        )
        raise ValueError(msg)
    if not _EPOCH <= read.year < _END_OF_TIME:
        msg = f"started_after is no time at which an upgrade could start: {shorten_repr(value)}"
        raise ValueError(msg)
    plain = datetime.combine(read.date(), read.time(), read.tzinfo).replace(fold=read.fold)  # not pendulum's
    return plain.astimezone(timezone.utc)


def _version(value: object) -> str:
    if not isinstance(value, str) or value.strip() in {"", "None"}:
        msg = f"target_version must be a version in Service Fabric's words, not {shorten_repr(value)}"
        raise ValueError(msg)
    return value.strip()
