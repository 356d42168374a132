"""Keep secrets out of logs and of Airflow's views. Not for DAG files."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
