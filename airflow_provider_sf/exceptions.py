"""What a task raises if the upgrade did not succeed."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowFailException


class UpgradeFailed(AirflowFailException):
    """The upgrade failed or was rolled back. Airflow does not retry it: a new wait cannot change that."""
