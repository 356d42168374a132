"""Two DAGs that wait for different ends of the upgrades of one application."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_sf.assets.service_fabric import upgrade_asset

for dag_id, outcome in {"on_success": "succeeded", "on_rollback": "rolled_back"}.items():
    asset = upgrade_asset("fabric:/idle-shop/web", outcomes=[outcome], poke_interval=5)

    with DAG(dag_id=dag_id, schedule=[asset]):

        @task
        def ends(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
            """Return the payloads of the events that started this run."""
            return [event.extra["payload"] for events in triggering_asset_events.values() for event in events]

        ends()
