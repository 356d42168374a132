"""Notifiers with the fields of well-known ones, which keep what they would send; and contexts of callbacks."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseNotifier

from airflow_provider_sf.notifications.service_fabric import ServiceFabricNotifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import TaskInstance

LOG_URL = "https://airflow.example.com/dags/release/runs/manual/tasks/wait?try_number=1"


class Fields(BaseNotifier):
    """A notifier that keeps its rendered fields."""

    def __init__(self, **fields: Any) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []
        self.__dict__.update(fields)

    def notify(self, context: Any) -> None:  # noqa: ARG002 - Airflow's signature
        self.sent.append({field: getattr(self, field) for field in self.template_fields})


class Slack(Fields):
    """As ``SlackWebhookNotifier``."""

    template_fields: Sequence[str] = ("slack_webhook_conn_id", "text", "blocks")

    def __init__(self, **fields: Any) -> None:
        super().__init__(**{"slack_webhook_conn_id": "slack_default", "blocks": None, **fields})


class Mail(Fields):
    """As ``SmtpNotifier``."""

    template_fields: Sequence[str] = ("to", "subject", "html_content")


class Apprise(Fields):
    """As ``AppriseNotifier``."""

    template_fields: Sequence[str] = ("body", "title", "tag")


class Http(Fields):
    """As ``HttpNotifier``, with a coroutine."""

    template_fields: Sequence[str] = ("endpoint", "json")

    async def async_notify(self, context: Any) -> None:
        self.notify(context)
        self.sent[-1]["is_async"] = True


class Notifier(ServiceFabricNotifier):
    """Logs to the standard library, where caplog sees it: Airflow versions differ."""

    log = logging.getLogger("notifier")  # type: ignore[assignment]


def context_of(ti: TaskInstance, state: str | None, error: object = None) -> dict[str, Any]:
    """Return the context with which Airflow calls back at the end of a task."""
    ti.__dict__.update(state=state, log_url=LOG_URL)
    dag_run = SimpleNamespace(triggering_user_name="ada", run_type="manual", start_date=None)
    return {"ti": ti, "dag": None, "dag_run": dag_run} | ({} if error is None else {"exception": error})
