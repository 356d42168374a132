"""Write our records as JSON and read them again. No I/O, no Airflow."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.json_values import iso
from airflow_provider_sf.rest.storage_limits import MAX_INTEGER, WORD_BYTES, shorten

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def count(value: object) -> int:
    """
    Return a count that we wrote ourselves.

    :raises ValueError: it is none
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_INTEGER:
        msg = f"expected a count, got {value!r}"
        raise ValueError(msg)
    return value


def packed(value: object) -> str:
    """Write JSON in less than half of its length: compressed, in base 85. :func:`unpacked` undoes it."""
    written = json.dumps(value, separators=(",", ":"))
    return base64.b85encode(zlib.compress(written.encode(), level=9)).decode()


def unpacked(value: object) -> object:
    """
    Undo :func:`packed`; what is no text was never packed, and is itself.

    :raises ValueError: this is a text, but not one of ours
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(zlib.decompress(base64.b85decode(value)))
    except (ValueError, zlib.error) as error:
        msg = f"expected packed JSON, got {shorten(value, WORD_BYTES)!r}: {error}"
        raise ValueError(msg) from error


def changed_fields(one: DataclassInstance) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from their defaults, or have none; times as ISO 8601."""
    said = ((field, getattr(one, field.name)) for field in fields(one))
    return {
        field.name: iso(value) if isinstance(value, datetime) else value
        for field, value in said
        if value != field.default
    }


def of_schema(schema: str, value: object) -> dict[str, Any]:
    """
    Return a JSON object of ours that says it is of a schema.

    :raises ValueError: it is none, or of another schema
    """
    found = value.get("schema") if isinstance(value, dict) else type(value).__name__
    if not isinstance(value, dict) or found != schema:
        msg = f"expected an object of schema {schema!r}, got {found!r}"
        raise ValueError(msg)
    return value
