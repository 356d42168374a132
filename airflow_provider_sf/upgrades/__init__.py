"""What a cluster says about upgrades: the kinds, the progress record, its outcome. No I/O, no Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades.outcomes import Outcome
    from airflow_provider_sf.upgrades.progress import UpgradeProgress

__all__ = ["Outcome", "UpgradeProgress"]


def __getattr__(name: str) -> object:
    """Import the record when it is first used: a DAG file needs only the kinds, and pays for each import."""
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from airflow_provider_sf.upgrades import progress  # noqa: PLC0415 - see above

    return getattr(progress, name)
