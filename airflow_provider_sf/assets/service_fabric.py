"""Assets that stand for the upgrades of an application or a cluster, and their URIs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlencode

from airflow_provider_sf.airflow_versions import ASSET_WATCHERS
from airflow_provider_sf.rest.plain_text import shorten_repr
from airflow_provider_sf.rest.url_names import application_id, path_segment
from airflow_provider_sf.upgrades.kinds import kind_of
from airflow_provider_sf.wait import defaults
from airflow_provider_sf.wait.parameters import (
    check_asset,
    check_name,
    check_poke_interval,
    read_choices,
    read_seconds,
)
from airflow_provider_sf.wait.upgrade_end import END_OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.sdk import Asset

SCHEME = "servicefabric"

FORM = f"{SCHEME}://CONNECTION/KIND/NAME, such as {SCHEME}://{defaults.DEFAULT_CONN_ID}/application/shop~web"

_CONNECTION = re.compile(r"[\w.~%-]+", re.ASCII)


def upgrade_asset(
    name: str = "",
    *,
    kind: str | None = None,
    service_fabric_conn_id: str = defaults.DEFAULT_CONN_ID,
    outcomes: Sequence[str] = END_OUTCOMES,
    poke_interval: timedelta | float = defaults.POKE_INTERVAL_SECONDS,
) -> Asset:
    """
    Return an asset with a watch: it has an event for each end of an upgrade. Any tool may start that.

    Schedule DAGs on it. It needs Airflow 3. Airflow watches while a DAG that is scheduled on the asset is not
    paused. Equal arguments are the same asset, also in several DAG files; other arguments are another asset.

    :param name: the application resource, the application (``fabric:/shop/web``, ``shop/web``, ``shop~web``)
        or the compose deployment; empty for the cluster kinds
    :param kind: a name of :data:`airflow_provider_sf.upgrades.kinds.KINDS`; by default ``application`` for
        a name that begins with ``fabric:/``, else ``application_resource``
    :param service_fabric_conn_id: the connection to the cluster
    :param outcomes: which ends have an event: ``"succeeded"``, ``"rolled_back"``, ``"failed"`` and
        ``"superseded"``; by default all
    :param poke_interval: the time between polls, in seconds or as a timedelta; 15 seconds

    :raises ValueError: a parameter is invalid, or this is Airflow 2
    """
    if not ASSET_WATCHERS.is_available:
        msg = "upgrade_asset needs Airflow 3: use ServiceFabricUpgradeSensor, or update Airflow"
        raise ValueError(msg)
    from airflow.sdk import Asset, AssetWatcher  # noqa: PLC0415 - not in Airflow 2

    from airflow_provider_sf.triggers.upgrade_end import ServiceFabricUpgradeEndTrigger  # noqa: PLC0415 - see above

    trigger = ServiceFabricUpgradeEndTrigger(
        name=name,
        kind=kind,
        service_fabric_conn_id=service_fabric_conn_id,
        outcomes=outcomes,
        poke_interval=poke_interval,
    )
    uri = upgrade_uri(
        trigger.name,
        kind=trigger.kind,
        service_fabric_conn_id=service_fabric_conn_id,
        outcomes=trigger.outcomes,
        poke_interval=trigger.poke_interval,
    )
    return Asset(uri, watchers=[AssetWatcher(name="upgrade_end", trigger=trigger)])


def upgrade_uri(
    name: str = "",
    *,
    kind: str | None = None,
    service_fabric_conn_id: str = defaults.DEFAULT_CONN_ID,
    outcomes: Sequence[str] = END_OUTCOMES,
    poke_interval: timedelta | float = defaults.POKE_INTERVAL_SECONDS,
) -> str:
    """
    Return the URI of the asset that :func:`upgrade_asset` makes of these parameters.

    :raises ValueError: a parameter is invalid
    """
    check_asset(name, service_fabric_conn_id)
    query = _query(outcomes, poke_interval)
    return _uri(quote(service_fabric_conn_id, safe=""), kind_of(name, kind), name, query).geturl()


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Check a URI with the scheme ``servicefabric``. Airflow calls this function when a DAG file is parsed.

    All spellings of a name give the same URI, so they are one asset.

    :raises ValueError: the URI is invalid; the message says how to write it
    """
    kind, _, quoted = uri.path.strip("/").partition("/")
    name = unquote(quoted)
    try:
        check_asset(name, uri.netloc)
        return _uri(uri.netloc, kind, name, _checked_query(uri.query))
    except ValueError as error:
        msg = f"invalid asset URI {shorten_repr(uri.geturl())}: {error}. Write it as {FORM}"
        raise ValueError(msg) from None


def _uri(connection: str, kind: str, name: str, query: str) -> SplitResult:
    """Return the URI with checked parts; the id of the connection is quoted already."""
    if not _CONNECTION.fullmatch(connection):
        msg = f"the id of the connection is missing or invalid: {shorten_repr(connection)}"
        raise ValueError(msg)
    check_name(kind, name)
    quoted = application_id(name) if kind == "application" else path_segment(name)
    return SplitResult(SCHEME, connection, f"/{kind}/{quoted}".rstrip("/"), query, "")


def _checked_query(text: str) -> str:
    query = parse_qs(text, keep_blank_values=True)
    outcomes = query.pop("outcome", END_OUTCOMES)
    (interval, *more) = query.pop("poke_interval", [str(defaults.POKE_INTERVAL_SECONDS)])
    if query:
        msg = f"unknown query {', '.join(query)}: it may have 'outcome' and 'poke_interval'"
        raise ValueError(msg)
    if more or not re.fullmatch(r"\d+(\.\d+)?", interval):
        msg = f"poke_interval must be one number of seconds, not {', '.join([interval, *more])!r}"
        raise ValueError(msg)
    return _query(outcomes, float(interval))


def _query(outcomes: Sequence[str], poke_interval: timedelta | float) -> str:
    """
    Return the query: what differs from the defaults.

    All that a watch depends on is in the URI. If two DAG files gave one asset different watches, Airflow
    would replace the watch whenever it parses one of them, and ends would be lost.
    """
    seconds = read_seconds("poke_interval", poke_interval)
    check_poke_interval(seconds, None, deferrable=True)
    wanted = read_choices("outcomes", outcomes, END_OUTCOMES)
    query = [] if wanted == list(END_OUTCOMES) else [("outcome", outcome) for outcome in wanted]
    if seconds != defaults.POKE_INTERVAL_SECONDS:
        query.append(("poke_interval", f"{seconds:.15g}"))
    return urlencode(query)
