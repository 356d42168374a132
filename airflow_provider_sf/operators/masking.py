"""Keep secrets out of logs and of Airflow's views. Not for DAG files."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def mask_function_in(module: str) -> Callable[[str], None] | None:
    """Return Airflow's function from a module; None if this version of Airflow does not have it there."""
    try:
        found: Callable[[str], None] | None = getattr(import_module(module), "mask_secret", None)
    except ImportError:
        return None
    return found


# Not from common-compat: its oldest supported version does not have the name.
_MODULES = (
    "airflow.sdk.log",
    "airflow.sdk.execution_time.secrets_masker",
    "airflow.utils.log.secrets_masker",
)
_SIGNATURES = ("sig=", "token=")
"""The parts of a query that are secrets, alone or in another text."""

mask_secret = next(filter(None, map(mask_function_in, _MODULES)))


def mask(secret: str) -> None:
    """Mask a text wherever Airflow shows it."""
    mask_secret(secret)


def mask_values(parameters: object, names: Sequence[str]) -> None:
    """Mask the values of these parameters wherever Airflow shows them."""
    for name in names:
        if isinstance(parameters, dict) and (value := parameters.get(name)):
            mask_secret(str(value))


def mask_address(address: str) -> None:
    """
    Mask the query of an address, the signature in it as it is written and decoded, and a password.

    A SAS token is such a query. An address that cannot be parsed is masked as a whole.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        mask_secret(address)
        return
    written = [part.partition("=")[2] for part in parts.query.split("&") if part.startswith(_SIGNATURES)]
    for secret in (parts.query, parts.password, *written, *map(unquote, written)):
        if secret:
            mask_secret(secret)
