"""What a task raises if the upgrade did not succeed, or if it did not change the cluster."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException


class UpgradeFailed(AirflowFailException):
    """The upgrade failed or was rolled back. Airflow does not retry it: a new wait cannot change that."""


class ApplicationUnhealthy(AirflowFailException):
    """The application was unhealthy for too long. Airflow does not retry it: the message says why."""


class ChangeRefused(AirflowFailException):
    """
    The task did not change the cluster: the state of the cluster did not allow it, or the cluster refused it.

    Airflow does not retry it. The message says what is on record and what to do.
    """


class CreationFailed(AirflowException):
    """The cluster gave up creating the application. Airflow retries it if the task has retries."""


class ProvisionFailed(AirflowException):
    """The cluster could not provision the application type. Airflow retries it if the task has retries."""
