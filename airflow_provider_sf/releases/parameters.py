"""The parameters of an application: merged with the present ones, and compared. No I/O."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.plain_text import shorten_repr

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_BYTES = 1024 * 1024
"""How long a value may be; see ApplicationUpgradeDescription of microsoft/service-fabric."""


def merged(current: Mapping[str, str], new: Mapping[str, str], *, keeps_current: bool) -> dict[str, str]:
    """
    Return all parameters of the upgrade: Service Fabric resets those that are not sent to their defaults.

    :param keeps_current: whether parameters that are not in ``new`` keep their values
    """
    return {**current, **new} if keeps_current else dict(new)


def effective(parameters: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    """Return the values that are in effect: Service Fabric adds the defaults before it compares."""
    return {**defaults, **parameters}


def wire_list(parameters: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the parameters as the gateway reads them."""
    return [{"Key": name, "Value": value} for name, value in parameters.items()]


def sha256_of(parameters: Mapping[str, str]) -> str:
    """Return the SHA-256 hash of names and values, in any order."""
    return sha256_of_json(sorted(parameters.items()))


def sha256_of_json(value: object) -> str:
    """Return the SHA-256 hash of a JSON value; the order of members does not matter."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def read_parameters(value: Any) -> dict[str, str]:
    """
    Read the parameters that a user has set: a dict with strings; None is an empty one.

    :raises ValueError: a name or a value is not a string, or Service Fabric would refuse it
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        msg = (
            f"parameters must be a dict, for example {{'Web_InstanceCount': '3'}}, not {type(value).__name__}"
        )
        raise ValueError(msg)  # noqa: TRY004 - one error for all invalid values
    for name, item in value.items():
        _check(name, item)
    return dict(value)


def _check(name: object, value: object) -> None:
    """Refuse what Service Fabric refuses. The value may be a secret, so the message does not show it."""
    if not isinstance(name, str) or not name:
        msg = f"the name of a parameter must be a string, not {shorten_repr(name)}"
        raise ValueError(msg)
    if not isinstance(value, str):
        msg = f"the parameter {name!r} must be a string, not {type(value).__name__}: write it in quotes"
        raise ValueError(msg)  # noqa: TRY004 - one error for all invalid values
    if "\r" in value or "\n" in value:
        msg = f"the parameter {name!r} contains a line break, which Service Fabric refuses"
        raise ValueError(msg)
    if len(value.encode("utf-8", "replace")) > _MAX_BYTES:
        msg = f"the parameter {name!r} is longer than 1 MiB, which Service Fabric refuses"
        raise ValueError(msg)
