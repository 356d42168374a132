"""Keep secrets out of logs and of Airflow's views. Not for DAG files."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from airflow.sdk.log import mask_secret

if TYPE_CHECKING:
    from collections.abc import Sequence


def mask(secret: str) -> None:
    """Mask a text wherever Airflow shows it."""
    mask_secret(secret)


def mask_values(parameters: object, names: Sequence[str]) -> None:
    """Mask the values of these parameters wherever Airflow shows them."""
    for name in names:
        if isinstance(parameters, dict) and (value := parameters.get(name)):
            mask_secret(str(value))


def mask_address(address: str) -> None:
    """Mask the query of an address and the signature in it; a SAS token is such a query."""
    query = urlsplit(address).query
    values = parse_qs(query)
    for secret in (query, *(value for name in ("sig", "token") for value in values.get(name, []))):
        if secret:
            mask_secret(secret)
