"""Rows of triggers that an earlier release has stored are read, and their waits go on."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.airflow_versions import ASSET_WATCHERS
from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger
from tests.triggers.test_service_fabric import run
from tests.wait.test_schemas import RECORDS, only_members_of

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.triggers.base import BaseTrigger

ROWS = sorted(RECORDS.glob("ServiceFabric*Trigger*"))
WATCH = "ServiceFabricUpgradeEndTrigger"


def read(path: Path) -> tuple[str, dict[str, Any]]:
    row = json.loads(path.read_bytes())
    return row["classpath"], row["kwargs"]


def created(classpath: str, keywords: dict[str, Any]) -> BaseTrigger:
    """Return the trigger of a row as the triggerer creates it."""
    module, _, name = classpath.rpartition(".")
    trigger: BaseTrigger = getattr(import_module(module), name)(**keywords)
    return trigger


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.stem)
def test_stored_row_is_read(path: Path) -> None:
    if WATCH in path.stem and not ASSET_WATCHERS.is_available:
        pytest.skip("Airflow 2 watches no assets")
    classpath, keywords = read(path)
    again = created(classpath, keywords).serialize()
    assert (again[0], only_members_of(keywords, again[1])) == (classpath, keywords)


def test_row_of_a_watch_is_not_changed() -> None:
    """Airflow finds the row of a watch by its values."""
    if not ASSET_WATCHERS.is_available:
        pytest.skip("Airflow 2 watches no assets")
    row = read(RECORDS / f"{WATCH}.1.json")
    assert created(*row).serialize() == row


@pytest.mark.usefixtures("simulator", "short_pauses")
def test_stored_wait_goes_on(clock: Any) -> None:
    clock.step = 25.0
    _, keywords = read(RECORDS / "ServiceFabricUpgradeTrigger.1.json")
    (state,) = run(ServiceFabricUpgradeTrigger(**{**keywords, "poke_interval": 0.01}))
    assert (state.ended_by, state.verdict and state.verdict.value) == ("upgrade", "succeeded")
    assert state.began_at == ServiceFabricUpgradeTrigger(**keywords).wait_state.began_at


@pytest.mark.parametrize(
    "changes",
    [
        {"wait_state": {"schema": "service_fabric.upgrade_wait/2"}},
        {"wait_state": None},
        {"new_parameter": 1},
        {"poke_interval": "often"},
    ],
)
def test_row_of_a_later_release_fails_alone(changes: dict[str, Any]) -> None:
    """Airflow's triggerer fails one trigger after a TypeError. After other errors it ends, with all triggers."""
    classpath, keywords = read(RECORDS / "ServiceFabricUpgradeTrigger.1.json")
    with pytest.raises(
        TypeError, match="the stored wait for the application_resource 'good-shop' cannot be read"
    ):
        created(classpath, {**keywords, **changes})
