"""
Two DAGs that a real Airflow starts at two ends of upgrades.

From Airflow 3.3 on the triggerer is killed between them, and the second upgrade ends while none runs.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.airflow_versions import ASSET_WATCHERS, WATCH_STATE
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.simulator import Simulator
from demo.live_airflow import LiveAirflow

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not ASSET_WATCHERS.is_available, reason="Airflow 2 watches no assets"),
]

DAGS = Path(__file__).parent / "dags_events"
SHOP = "fabric:/idle-shop/web"
POKE_SECONDS = 5.0
"""The interval of both watches."""


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A cluster that both the test and Airflow can reach."""
    with Simulator(speed=200.0) as started:
        monkeypatch.setenv(
            "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{started.port}"
        )
        yield started


@pytest.fixture
def live(tmp_path: Path, simulator: Simulator) -> Iterator[LiveAirflow]:
    """A running Airflow with both DAGs."""
    shutil.copytree(DAGS, tmp_path / "dags")
    with LiveAirflow(tmp_path, tmp_path / "dags") as airflow:
        airflow.migrate()
        airflow.start()
        fields: dict[str, Any] = {"host": "127.0.0.1", "port": simulator.port}
        airflow.add_connection("service_fabric_default", conn_type="service_fabric", **fields)
        yield airflow


def polls(simulator: Simulator) -> int:
    return sum("GetUpgradeProgress" in request for request in simulator.requests)


def polled(live: LiveAirflow, simulator: Simulator, times: int = 3) -> None:
    """Wait until Airflow has read the upgrade some times more."""
    seen = polls(simulator)
    live.wait_until(lambda: polls(simulator) >= seen + times, "the upgrade is not read", "triggerer")


def start(version: str) -> None:
    upgrade = ApplicationUpgrade(name=SHOP, target_version=version, mode="UnmonitoredAuto")
    ServiceFabricHook().start_application_upgrade(upgrade)


def runs(live: LiveAirflow, dag_id: str) -> list[dict[str, Any]]:
    return list(live.call("GET", f"dags/{dag_id}/dagRuns")["dag_runs"])


def ends(live: LiveAirflow, dag_id: str) -> list[dict[str, Any]]:
    """Return the payloads in the only run of a DAG, when it has ended."""

    def has_ended() -> bool:
        return [run["state"] for run in runs(live, dag_id)] == ["success"]

    live.wait_until(has_ended, f"DAG {dag_id} has no run", "triggerer")
    return list(live.xcom(dag_id, runs(live, dag_id)[0]["dag_run_id"], "ends"))


def test_each_end_starts_its_dag_once(live: LiveAirflow, simulator: Simulator) -> None:
    polled(live, simulator, 4)
    before, began = polls(simulator), time.monotonic()
    start("v1")
    (first,) = ends(live, "on_success")
    assert (first["outcome"], first["target_version"]) == ("succeeded", "v1")
    # A busy machine polls less often. Without a shared poll there would be twice as many.
    most = (time.monotonic() - began) / POKE_SECONDS
    changes = 2  # it starts and ends; each change is read twice
    assert polls(simulator) - before <= most + changes + 1
    assert runs(live, "on_rollback") == []

    if WATCH_STATE.is_available:
        live.restart("triggerer")
    start("v2")
    ServiceFabricHook().rollback_application_upgrade(SHOP)
    (second,) = ends(live, "on_rollback")
    assert second["outcome"] == "rolled_back"
    polled(live, simulator)
    events = live.call("GET", "assets/events?limit=100")["asset_events"]
    assert sorted(event["extra"]["payload"]["outcome"] for event in events) == ["rolled_back", "succeeded"]
    assert [len(runs(live, dag)) for dag in ("on_success", "on_rollback")] == [1, 1]
