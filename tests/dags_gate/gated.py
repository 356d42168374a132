"""Gates between upgrade domains, one scene a run: a person in time or not, a killed worker, a bake time; a pause that asks."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from airflow_provider_sf.operators.service_fabric import (
    ServiceFabricUpgradeApplicationOperator,
    ServiceFabricUpgradeGateOperator,
)

SCENES: dict[str, dict[str, Any]] = {
    "approved": {"approve_before": "second_domain"},
    "unanswered": {"max_domains": 1, "answer_timeout": 20, "default_answer": "continue"},
    "killed": {"retries": 1, "retry_delay": timedelta(seconds=1)},
    "bake": {"bake_time": 120, "upgrade_domain": "UD2"},
}


def kill_worker_once(upgrade: Any) -> None:
    """Kill the process of the task the first time that its check runs."""
    mark = Path(os.environ["AIRFLOW_HOME"]) / "worker_was_killed"
    if upgrade.name.endswith("/killed") and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


for scene, options in SCENES.items():
    with DAG(dag_id=scene, schedule=None, max_active_runs=1):
        ServiceFabricUpgradeGateOperator(
            task_id="upgrade",
            name=f"fabric:/idle-shop/{scene}",
            target_version="v1",
            checks=[kill_worker_once],
            deferrable=True,
            poke_interval=10,
            **{"bake_time": 0, **options},
        )

with DAG(dag_id="late", schedule=None, max_active_runs=1):
    ServiceFabricUpgradeApplicationOperator(
        task_id="upgrade",
        name="fabric:/idle_rolled_back-shop/late",
        target_version="v1",
        failure_action="Manual",
        on_paused="ask",
        deferrable=True,
        poke_interval=10,
    )
