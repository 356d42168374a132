"""The link to the page of an upgrade: there while the task is deferred, and for each mapped task."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sf.links.upgrade_page import (
    HAS_UPGRADE_PAGE,
    WAIT_LINKS,
    ServiceFabricUpgradePageLink,
)
from tests.links.test_service_fabric import Supervisor, in_airflow_3, run_process, supervisor
from tests.sensors.running import sensor

__all__ = ["supervisor"]

pytestmark = pytest.mark.filterwarnings("ignore:.*poke_interval is 0.01 s")

KEY = "service_fabric_upgrade_page"


class Key:
    """The key of a task instance."""

    def __init__(self, map_index: int = -1, task_id: str = "wait") -> None:
        self.dag_id, self.run_id, self.task_id = "release", "manual__2026-03-01T03:00:00+00:00", task_id
        self.map_index = map_index


def link(key: Any) -> str:
    return ServiceFabricUpgradePageLink().get_link(sensor("good-shop"), ti_key=key)


def test_link_is_relative_to_the_base_path() -> None:
    assert link(Key()) == (
        "service_fabric/upgrades?dag=release&run=manual__2026-03-01T03%3A00%3A00%2B00%3A00&task=wait&map=-1"
    )


def test_link_encodes_what_users_write() -> None:
    assert link(Key(3, "a&b=c/d e")).endswith("&task=a%26b%3Dc%2Fd+e&map=3")


@in_airflow_3
@pytest.mark.skipif(not HAS_UPGRADE_PAGE, reason="from Airflow 3.1 on")
def test_link_is_stored_while_deferred(simulator: Any, supervisor: Supervisor) -> None:  # noqa: ARG001 - a fixture
    run_process(sensor("good-shop", "deferrable"), 2)
    assert supervisor.xcoms[2, KEY] == "service_fabric/upgrades?dag=release&run=manual&task=wait&map=2"


def test_only_waiting_tasks_have_the_link() -> None:
    assert [shown.name for shown in WAIT_LINKS] == [
        "Service Fabric Explorer",
        *["Upgrade"] * HAS_UPGRADE_PAGE,
    ]
