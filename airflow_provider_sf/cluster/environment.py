"""The cluster of an Airflow connection in an environment variable, for commands that run without Airflow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from airflow_provider_sf.cluster.client import Cluster

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPE = "service_fabric"


def variable_name(conn_id: str) -> str:
    """Return the name of the environment variable of a connection."""
    return f"AIRFLOW_CONN_{conn_id.upper()}"


def cluster_in(environment: Mapping[str, str], conn_id: str) -> Cluster:
    """
    Return the cluster of a connection, written as JSON or as a URI, as Airflow reads both.

    :raises ValueError: the variable is not set, or the connection is invalid; the message names the variable
        and shows no secret
    """
    variable = variable_name(conn_id)
    text = environment.get(variable, "").strip()
    if not text:
        msg = f"the environment variable {variable} is not set: set it to an Airflow connection"
        raise ValueError(msg)
    try:
        return _cluster(_json_fields(text) if text.startswith("{") else _uri_fields(text))
    except ValueError as error:
        msg = f"the connection in {variable}: {error}"
        raise ValueError(msg) from None  # the cause may show a secret


def _cluster(fields: dict[str, Any]) -> Cluster:
    if str(fields["conn_type"]).replace("-", "_") != _TYPE:
        msg = f"its type is not {_TYPE!r}"
        raise ValueError(msg)
    return Cluster.at(fields["host"], fields["port"], _extra(fields["extra"]), scheme=fields["schema"])


def _json_fields(text: str) -> dict[str, Any]:
    document = _json_object(text)
    port = document.get("port")
    return {
        "conn_type": document.get("conn_type"),
        "host": _text("host", document.get("host")),
        "port": _port(port) if port not in (None, "") else None,
        "schema": _text("schema", document.get("schema")) or None,
        "extra": document.get("extra"),
    }


def _text(name: str, value: object) -> str:
    if value is not None and not isinstance(value, str):
        msg = f"{name} is not a text"
        raise ValueError(msg)
    return value or ""


def _port(port: object) -> int:
    try:
        return int(str(port))
    except ValueError:
        msg = "port is not a number"
        raise ValueError(msg) from None


def _uri_fields(text: str) -> dict[str, Any]:
    """Read ``service-fabric://host:19080/https?...``, also with a second scheme in front of the host."""
    conn_type, separator, rest = text.partition("://")
    if not separator:
        msg = "it is neither a JSON object nor a URI"
        raise ValueError(msg)
    protocol, has_protocol, address = rest.partition("://")
    parts, port = _parts(address if has_protocol else rest)
    host = unquote(parts.hostname or "")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return {
        "conn_type": conn_type,
        "host": f"{protocol}://{host}" if has_protocol else host,
        "port": port,
        "schema": unquote(parts.path[1:]) or None,
        "extra": query.get("__extra__", query),
    }


def _parts(rest: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(f"//{rest}")
        port = parts.port
    except ValueError:  # its text repeats parts of the URI
        msg = "it is not a URI with a valid port"
        raise ValueError(msg) from None
    return parts, port


def _extra(extra: object) -> dict[str, Any]:
    """Return the extra fields; in Airflow's JSON they are an object or JSON text."""
    if isinstance(extra, dict):
        return extra
    if not extra:
        return {}
    return _json_object(extra if isinstance(extra, str) else "")


def _json_object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        msg = "it is not a JSON object"
        raise ValueError(msg)  # noqa: TRY004 - one error for all invalid connections
    return document
