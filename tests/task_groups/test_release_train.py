"""A release in waves: its tasks and their order, its report, and what is rolled back."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, BaseOperator, TaskGroup

from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeGateOperator
from airflow_provider_sf.task_groups.release_train import must_restore, release_train, report

WAVES: Any = [
    ["service_fabric_west"],
    ["service_fabric_north", "service_fabric_east", "service_fabric_south"],
]
UPGRADES = ["train.wave_1.west.upgrade", "train.wave_2.north.upgrade", "train.wave_2.east.upgrade"]
BAKES = [task_id.replace("upgrade", "bake") for task_id in UPGRADES]


class EmptyOperator(BaseOperator):
    """A task that does nothing."""


def dag_of(waves: Any = WAVES, **keywords: Any) -> DAG:
    options = {"name": "fabric:/shop/web", "target_version": "v2", **keywords}
    with DAG(dag_id="release", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:
        release_train(waves, **options)
    return dag


def order(dag: DAG) -> dict[str, set[str]]:
    return {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}


def test_waves_follow_each_other() -> None:
    found = order(dag_of())
    second = {f"train.wave_2.{stop}.upgrade" for stop in ("north", "east", "south")}
    assert found["train.wave_1.west.upgrade"] == {"train.wave_1.west.bake"}
    assert found["train.wave_1.west.bake"] == {*second, "train.report"}
    assert found["train.wave_2.east.bake"] == {"train.report"}
    assert found["train.report"] == set()


def test_wave_may_be_limited() -> None:
    found = order(dag_of(max_parallel=2))
    assert found["train.wave_2.north.bake"] == {"train.wave_2.south.upgrade"}
    assert found["train.wave_2.east.bake"] == {"train.report"}


def approve(number: int) -> Any:
    return EmptyOperator(task_id=f"approve_wave_{number}") if number > 1 else None


def test_gate_stands_between_two_waves() -> None:
    """A rejected approval skips what follows directly: the wave, and not the report."""
    found = order(dag_of(before_wave=approve, roll_back_finished=True))
    second = {f"train.wave_2.{stop}.upgrade" for stop in ("north", "east", "south")}
    assert found["train.wave_1.west.bake"] == {"train.approve_wave_2", "train.report"}
    assert found["train.approve_wave_2"] == second
    assert "train.approve_wave_1" not in found


def test_gate_may_be_a_task_group() -> None:
    def checks(number: int) -> Any:
        with TaskGroup(f"before_wave_{number}") as group:
            EmptyOperator(task_id="smoke_test") >> EmptyOperator(task_id="approve")
        return group

    found = order(dag_of(before_wave=checks))
    assert found["train.before_wave_1.approve"] == {"train.wave_1.west.upgrade"}
    assert found["train.wave_1.west.bake"] == {"train.before_wave_2.smoke_test", "train.report"}


def test_stop_may_have_its_own_name() -> None:
    dag = dag_of([["west"], [("west", "fabric:/shop/api"), ("west", "fabric:/mail")]], bake_time=0)
    api: Any = dag.get_task("train.wave_2.west_shop_api.upgrade")
    assert (api.name, api.service_fabric_conn_id, api.target_version) == ("fabric:/shop/api", "west", "v2")
    assert "train.wave_2.west_mail.bake" in dag.task_ids


def test_options_reach_the_upgrades() -> None:
    dag = dag_of(
        upgrade_operator=ServiceFabricUpgradeGateOperator,
        upgrade_options={"bake_time": 60, "if_upgrading": "wait"},
        group_id="web",
    )
    upgrade: Any = dag.get_task("web.wave_1.west.upgrade")
    assert isinstance(upgrade, ServiceFabricUpgradeGateOperator)
    assert (upgrade.bake_time, upgrade.if_upgrading, upgrade.deferrable) == (60, "wait", True)


def test_finished_clusters_can_be_rolled_back() -> None:
    dag = dag_of(roll_back_finished=True)
    found = order(dag)
    assert found["train.roll_back.west.must_restore"] == {"train.roll_back.west.restore"}
    assert found["train.roll_back.west.restore"] == {"train.report"}
    assert "train.roll_back.west.must_restore" in found["train.wave_2.south.bake"]
    upgrade: Any = dag.get_task("train.wave_1.west.upgrade")
    assert upgrade.store_parameters


@pytest.mark.parametrize(
    ("waves", "keywords", "message"),
    [
        ([], {}, "waves must be a list of lists that are not empty"),
        ([["west"], []], {}, "waves must be a list of lists that are not empty"),
        ([["west", "service_fabric_west"]], {}, "waves contains 'service_fabric_west' twice"),
        ([["west"]], {"name": None}, "waves: 'west' has no application"),
        ([["west"]], {"before_wave": "approve"}, "before_wave must be a function of the wave's number"),
        ([["west"]], {"max_parallel": 0}, "max_parallel must be a number from 1 on, not 0"),
    ],
)
def test_invalid_waves_are_refused(waves: Any, keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dag_of(waves, **keywords)


class Xcoms:
    """XComs by task and key."""

    def __init__(self, **by_task: dict[str, Any]) -> None:
        self.by_task = by_task

    def xcom_pull(self, *, task_ids: str, key: str = "return_value") -> Any:
        stop, _, task_id = task_ids.rpartition(".")
        return self.by_task.get(f"{stop.rpartition('.')[2]}_{task_id}", {}).get(key)


RECORD = {"target_version": "v1"}
UPGRADED = {"return_value": {"target_version": "v2"}, "upgrade_start": {"how": "started"}}
BAKED = {"return_value": {"healthy_seconds": 60.0}}


def run_report(xcoms: Xcoms, *, restores: bool = False) -> None:
    report.function(UPGRADES, BAKES, restores=restores, ti=xcoms)


def test_report_is_green_if_all_are_done(caplog: pytest.LogCaptureFixture) -> None:
    done = {
        f"{stop}_{task}": xcom
        for stop in ("west", "north", "east")
        for task, xcom in (("upgrade", UPGRADED), ("bake", BAKED))
    }
    with caplog.at_level(logging.INFO):
        run_report(Xcoms(**done))
    assert "west: has the new version, healthy" in caplog.text
    assert "All 3 clusters have the new version" in caplog.text


def test_report_counts_what_was_touched(caplog: pytest.LogCaptureFixture) -> None:
    failed = {"upgrade_start": {"how": "started"}, "upgrade_wait": {"message": "Rolled back, failed\nWhy"}}
    xcoms = Xcoms(west_upgrade=UPGRADED, west_bake=BAKED, north_upgrade=failed)
    words = "Of 3 clusters: 1 have the new version and are healthy, 1 are untouched, 1 failed"
    with caplog.at_level(logging.INFO), pytest.raises(AirflowFailException, match=words):
        run_report(xcoms)
    assert "north: Rolled back, failed\n" in caplog.text
    assert "east: untouched" in caplog.text


def test_report_names_what_is_not_healthy(caplog: pytest.LogCaptureFixture) -> None:
    xcoms = Xcoms(west_upgrade=UPGRADED, north_upgrade={"upgrade_start": {"how": "started"}})
    with pytest.raises(AirflowFailException, match="Of 3 clusters: 1 are untouched, 2 failed"):
        run_report(xcoms)
    assert "west: has the new version, but was not healthy for the bake time" in caplog.text
    assert "north: its upgrade was started; the result is not known" in caplog.text


def test_report_names_what_was_restored(caplog: pytest.LogCaptureFixture) -> None:
    xcoms = Xcoms(west_upgrade=UPGRADED, west_bake=BAKED, west_restore={"return_value": RECORD})
    with pytest.raises(AirflowFailException, match="2 are untouched, 1 are back at the version before"):
        run_report(xcoms, restores=True)
    assert "west: restored to v1" in caplog.text


@pytest.mark.parametrize(
    ("xcoms", "restores"),
    [
        (Xcoms(west_upgrade=UPGRADED, west_bake=BAKED), True),
        (Xcoms(west_upgrade=UPGRADED), True),
        (Xcoms(), False),
        (Xcoms(west_upgrade={**UPGRADED, "upgrade_start": {"how": "not_necessary"}}), False),
        (
            Xcoms(
                west_upgrade=UPGRADED,
                west_bake=BAKED,
                north_bake=BAKED,
                east_bake=BAKED,
            ),
            False,
        ),
    ],
)
def test_only_upgraded_clusters_are_restored(xcoms: Xcoms, *, restores: bool) -> None:
    assert must_restore.function(UPGRADES[0], BAKES, ti=xcoms) is restores
