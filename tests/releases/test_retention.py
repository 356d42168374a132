"""Which versions of a type stay: the newest, those in use, and what an application would go back to."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from airflow_provider_sf.releases.retention import version_order, versions_in_use, versions_to_unprovision
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.application_types import ApplicationType
from airflow_provider_sf.upgrades.applications import Application

VERSIONS = ["1.10", "1.8", "1.9", "1.11", "1.7"]


def provisioned(*versions: str, status: str = "Available") -> list[ApplicationType]:
    return [ApplicationType("ShopType", version, status) for version in versions]


@pytest.mark.parametrize(
    ("in_use", "keep", "protected", "removed"),
    [
        (["1.11"], 1, [], ["1.7", "1.8", "1.9"]),
        (["1.11"], 3, [], ["1.7", "1.8"]),
        (["1.11"], 5, [], []),
        (["1.11"], 50, [], []),
        (["1.8"], 1, [], ["1.9", "1.10"]),
        (["1.8", "1.10"], 1, [], []),
        (["1.11"], 1, ["1.8"], ["1.9"]),
        ([], 2, [], ["1.7", "1.8", "1.9"]),
        (["1.9.5"], 1, [], ["1.7", "1.8", "1.10"]),
    ],
)
def test_oldest_unused_versions_are_removed(
    in_use: list[str], keep: int, protected: list[str], removed: list[str]
) -> None:
    """The version before one in use stays, also if the one in use is not provisioned any longer."""
    for order in itertools.permutations(VERSIONS):
        assert versions_to_unprovision(provisioned(*order), in_use, keep, protected) == removed


@pytest.mark.parametrize("status", ["Provisioning", "Unprovisioning", None])
def test_changing_version_stays(status: Any) -> None:
    types = [*provisioned("1.0", status=status), *provisioned("1.1", "1.2", "1.3")]
    assert versions_to_unprovision(types, ["1.3"], 1) == ["1.1"]


def test_failed_version_is_removed() -> None:
    types = [*provisioned("1.0", status="Failed"), *provisioned("1.1", "1.2")]
    assert versions_to_unprovision(types, ["1.2"], 1) == ["1.0"]


@pytest.mark.parametrize("keep", [0, -1, True, 2.0, "2", None])
def test_kept_number_is_positive(keep: Any) -> None:
    with pytest.raises(ValueError, match=f"^keep must be a whole number from 1 on, not {keep!r}$"):
        versions_to_unprovision([], [], keep)


def test_versions_are_ordered_by_number() -> None:
    order = [
        "",
        "v2",
        "v10",
        "01.9",
        "1.9",
        "1.9.0",
        "1.9.1",
        "1.10-beta",
        "1.10-rc2",
        "1.10-rc10",
        "1.10",
        "2",
        "10",
    ]
    for shuffled in (order[::-1], order[3:] + order[:3]):
        assert sorted(shuffled, key=version_order) == order


@pytest.mark.parametrize(
    ("answer", "versions"),
    [
        ({"UpgradeState": "RollingForwardInProgress", "TargetApplicationTypeVersion": "3"}, {"2", "3"}),
        ({"UpgradeState": "RollingBackInProgress", "TargetApplicationTypeVersion": "1"}, {"2", "1"}),
        (
            {
                "UpgradeState": "RollingForwardCompleted",
                "TargetApplicationTypeVersion": "2",
                "RollingUpgradeMode": "Monitored",
                "UpgradeStatusDetails": "upgrading from version: 1 to version: 2.",
            },
            {"1", "2"},
        ),
        ({"UpgradeState": "RollingForwardCompleted", "TargetApplicationTypeVersion": "9"}, {"2"}),
    ],
)
def test_upgrading_application_uses_both_versions(answer: dict[str, Any], versions: set[str]) -> None:
    application = Application("fabric:/shop", "shop", "ShopType", "2", "Ready", "Ok")
    progress = UpgradeProgress.from_answer("application", "fabric:/shop", answer)
    assert versions_in_use(application, progress) == versions
