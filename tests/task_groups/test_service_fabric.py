"""A release as one call: its tasks, their order, and a run against the simulator."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sf.task_groups.service_fabric import release_application

SHOP: dict[str, Any] = {"name": "fabric:/idle-shop/web", "type_name": "IdleShopType", "target_version": "v1"}


def dag_of(**keywords: Any) -> DAG:
    with DAG(dag_id="release", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:
        release_application(**{**SHOP, **keywords})
    return dag


def order(dag: DAG) -> dict[str, set[str]]:
    return {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}


def test_release_has_three_tasks_in_order() -> None:
    assert order(dag_of(package_uri="https://host/shop.sfpkg?sig=a", keep=2)) == {
        "release.provision": {"release.upgrade"},
        "release.upgrade": {"release.unprovision"},
        "release.unprovision": set(),
    }


def test_package_and_clean_up_are_optional() -> None:
    assert order(dag_of()) == {"release.upgrade": set()}
    assert set(order(dag_of(image_store_path="shop/2"))) == {"release.provision", "release.upgrade"}


def test_further_options_reach_the_upgrade() -> None:
    upgrade = dag_of(upgrade_options={"if_upgrading": "wait"}).get_task("release.upgrade")
    assert upgrade.if_upgrading == "wait"  # type: ignore[union-attr]  # it is our operator
    assert upgrade.require_healthy  # type: ignore[union-attr]


def test_invalid_value_is_refused_at_parse_time() -> None:
    with pytest.raises(ValueError, match="set exactly one of image_store_path and package_uri"):
        dag_of(image_store_path="shop/2", package_uri="https://host/shop.sfpkg")


def test_release_can_be_mapped() -> None:
    names = ["fabric:/idle-shop/web", "fabric:/idle-shop/api"]
    with DAG(dag_id="train", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:
        release_application.partial(type_name="IdleShopType", target_version="v1", keep=3).expand(name=names)
    assert set(dag.task_ids) == {"release.upgrade", "release.unprovision"}


def test_group_may_have_another_name() -> None:
    with DAG(dag_id="named", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:
        release_application.override(group_id="web")(**SHOP)
    assert dag.task_ids == ["web.upgrade"]
