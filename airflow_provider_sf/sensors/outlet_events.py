"""The asset events of a task that waits: how its upgrade has ended. Not for DAG files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Asset

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.wait.upgrade_end import UpgradeEnd


def describe_in_outlets(context: Context, end: UpgradeEnd) -> None:
    """
    Add how the upgrade has ended to ``extra`` of the event of each asset in ``outlets``.

    Airflow sends these events if the task succeeds. References and aliases of assets are left alone.
    """
    events: Any = context.get("outlet_events")
    if events is None:
        return
    for outlet in context["task"].outlets:
        if isinstance(outlet, Asset):
            events[outlet].extra.update(end.to_dict())
