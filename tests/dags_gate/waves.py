"""A release in two waves: the second cluster gets a bad version, so the first one goes back."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_sf.task_groups.release_train import release_train

WAVES = [
    [("west", "fabric:/idle-shop/finished")],
    [("east", "fabric:/idle_rolled_back-shop/poisoned")],
]

with DAG(dag_id="waves", schedule=None, max_active_runs=1):
    release_train(
        WAVES,
        target_version="v1",
        bake_time=60,
        roll_back_finished=True,
        upgrade_options={"poke_interval": 10},
    )
