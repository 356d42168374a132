"""The rows of triggers in Airflow's database, as an earlier release has written them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.sensors import wait_task
from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class EarlierTrigger(ServiceFabricUpgradeTrigger):
    """Write only what a row of that release has; the right trigger reads it."""

    row: dict[str, Any]

    def serialize(self) -> tuple[str, dict[str, Any]]:
        path, keywords = super().serialize()
        return path, _members_of(self.row, keywords)


def write_rows_of_earlier_release(context: Context) -> None:
    """Let a task write its row as the one in the configuration of the run, if there is one."""
    row = (context["dag_run"].conf or {}).get("earlier_row")
    if row:
        EarlierTrigger.row = row
        setattr(wait_task, ServiceFabricUpgradeTrigger.__name__, EarlierTrigger)


def _members_of(row: dict[str, Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """Return those members that the row has, too."""
    return {
        key: _members_of(row[key], value) if isinstance(value, dict) and isinstance(row[key], dict) else value
        for key, value in keywords.items()
        if key in row
    }
