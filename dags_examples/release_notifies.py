"""
A release sends one message at its end, with the reason and the next step.

    upgrade -> announce

``upgrade`` starts one upgrade and waits for it. At its end Airflow calls the notifier, which writes the
message from the result of the task. Here a function logs the message. To send it to Slack, Teams or by mail,
replace the function by a notifier of Airflow::

    ServiceFabricNotifier(
        send=SlackWebhookNotifier(text="{{ message.slack_text }}", blocks="{{ message.slack_blocks }}")
    )

The callbacks of the DAG send a message about the whole release.

**Set up:** the connection ``service_fabric_default``. To run the DAG without a cluster: ``make airflow``
starts a simulated cluster. Trigger it with ``{"application": "fabric:/idle_rolled_back-mail/web"}`` to see a
message about a rollback.

**You will see:** the message at the end of the log of ``upgrade``: what happened, why, what to do, and links.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sf.notifications.service_fabric import ServiceFabricNotifier
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeApplicationOperator

if TYPE_CHECKING:
    from airflow_provider_sf.messages.notification.message import Message

log = logging.getLogger("airflow.task")


def log_message(message: Message) -> None:
    """Log the message."""
    for line in message.text.splitlines():
        log.info("%s", line)


notify = ServiceFabricNotifier(send=log_message)

with DAG(
    dag_id="release_notifies",
    description="A Service Fabric release sends a message at its end.",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={"application": "fabric:/idle-shop/web"},
    on_failure_callback=notify,
    on_success_callback=notify,
    tags=["service-fabric"],
    doc_md=__doc__,
) as dag:
    upgrade = ServiceFabricUpgradeApplicationOperator(
        task_id="upgrade",
        name="{{ params.application }}",
        target_version="v1",
        deferrable=True,
        poke_interval=timedelta(seconds=10),
        timeout=timedelta(hours=2),
        on_failure_callback=notify,
        on_success_callback=notify,
    )

    @task
    def announce() -> None:
        """Announce the new version."""
        log.info("The new version is out.")

    upgrade >> announce()

if __name__ == "__main__":
    dag.test()
