"""The rendered parameters of a task that waits. Not for DAG files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_sf.wait.policy import Policy


@dataclass(frozen=True, slots=True)
class WaitSettings:
    """
    The rendered parameters of a sensor.

    ``limit`` is the timeout that sets the deadline of the policy: its name and its seconds.
    """

    kind: str
    name: str
    service_fabric_conn_id: str
    policy: Policy
    limit: tuple[str, float]
    deferrable: bool
    live_progress: bool
    push_xcoms: bool
    wants_rollback: bool = False
    """Whether the rollback of the expected upgrade is a success of the task."""
    wants_pause: bool = False
    """Whether a pause before an upgrade domain is a result of the wait, and no failure."""
    pushes_health: bool = False
    """Whether the health at the end is read and pushed, for the record of a release."""
    method_name: str = "execute_complete"
    """The method of the task with which Airflow resumes it."""
