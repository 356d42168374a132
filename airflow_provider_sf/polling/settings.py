"""What to wait for and how, after all parameters are known. No Airflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_sf.wait.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitSettings:
    """
    What to wait for and how.

    ``limit`` is the timeout that sets the deadline of the policy: its name and its seconds.
    """

    kind: str
    name: str
    policy: Policy
    limit: tuple[str, float]
    wants_rollback: bool = False
    """Whether the rollback of the expected upgrade is a success."""
    wants_pause: bool = False
    """Whether a pause before an upgrade domain is a result of the wait, and no failure."""
