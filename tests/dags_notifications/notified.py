"""Callbacks of tasks and DAGs in real processes; each message becomes a line of a file."""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

from airflow_provider_sf.notifications.service_fabric import ServiceFabricNotifier
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
from airflow_provider_sf.wait.state import WaitState, xcom_values

if TYPE_CHECKING:
    from airflow_provider_sf.messages.notification.message import Message

SENT = Path(os.environ.get("AIRFLOW_HOME", ".")) / "sent.jsonl"


class KilledSensor(ServiceFabricUpgradeSensor):
    """A task that is killed."""

    def poke(self, context: Any) -> Any:
        """Kill the process."""
        del context
        os.kill(os.getpid(), signal.SIGKILL)


class LostSensor(ServiceFabricUpgradeSensor):
    """A task that is killed together with its supervisor, as if its machine failed."""

    def poke(self, context: Any) -> Any:
        """Kill both processes, after the first progress is stored."""
        now = datetime.now(timezone.utc)
        for key, value in xcom_values("application", self.name, WaitState(began_at=now)).items():
            context["ti"].xcom_push(key=key, value=value)
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def keep(message: Message) -> None:
    """Write the message into the file."""
    with SENT.open("a") as file:
        file.write(json.dumps([message.status, message.text]) + "\n")


def fail(message: Message) -> None:
    """Fail, as a chat that is down."""
    raise ConnectionError(message.title)


mail = SmtpNotifier(
    smtp_conn_id="mail",
    to="releases@example.com",
    from_email="airflow@example.com",
    subject="{{ dag.dag_id }}: {{ message.title }}",
    html_content="{{ message.html }}",
)
notify = ServiceFabricNotifier(send=[fail, mail, keep])


def make_dag(dag_id: str, task: type[ServiceFabricUpgradeSensor], name: str, *, deferrable: bool) -> DAG:
    """Return a DAG with one task that waits."""
    with DAG(dag_id, schedule=None, on_failure_callback=notify, on_success_callback=notify) as dag:
        task(
            task_id="wait",
            name=name,
            deferrable=deferrable,
            poke_interval=timedelta(seconds=10),
            on_failure_callback=notify,
            on_success_callback=notify,
        )
    return dag


rolled_back = make_dag(
    "notified_rollback", ServiceFabricUpgradeSensor, "fabric:/rolled_back-shop/web", deferrable=True
)
good = make_dag("notified_success", ServiceFabricUpgradeSensor, "fabric:/good-shop/web", deferrable=True)
killed = make_dag("notified_kill", KilledSensor, "fabric:/good-shop/mail", deferrable=False)
lost = make_dag("notified_loss", LostSensor, "fabric:/good-shop/cart", deferrable=False)
