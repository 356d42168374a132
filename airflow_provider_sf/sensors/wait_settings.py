"""The rendered parameters of a task that waits. Not for DAG files."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_sf.polling.settings import WaitSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitTaskSettings(WaitSettings):
    """The rendered parameters of a task that waits."""

    service_fabric_conn_id: str
    deferrable: bool
    live_progress: bool
    push_xcoms: bool
    pushes_health: bool = False
    """Whether the health at the end is read and pushed, for the record of a release."""
    is_own_upgrade: bool = True
    """Whether asset events of the task are about this upgrade; else the task waits until it has ended."""
    method_name: str = "execute_complete"
    """The method of the task with which Airflow resumes it."""
