"""What a task raises if its upgrade did not succeed."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowFailException


class UpgradeFailed(AirflowFailException):
    """The upgrade failed or was rolled back. Airflow does not retry it: to wait again cannot change that."""
