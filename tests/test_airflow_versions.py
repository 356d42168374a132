"""The table of the versions of Airflow, compared with the installed one and with the page."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from airflow.triggers.base import BaseTrigger

from airflow_provider_sf import airflow_versions
from airflow_provider_sf.airflow_versions import (
    ASSET_WATCHERS,
    AWAITING_INPUT,
    CANCELLED_TRIGGERS,
    COMMANDS,
    FEATURES,
    FORM_WITHOUT_HOOK,
    INSTALLED,
    QUESTIONS,
    RUN_STARTED_BY,
    TASK_SDK,
    TASK_STATE_STORE,
    UPGRADE_PAGE,
    WATCH_STATE,
    XCOM_IN_TRIGGERS,
    Feature,
    major_and_minor,
    moved,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def has_name(module: str, *names: str) -> bool:
    """Whether a module exists, and the name in it."""
    try:
        found: Any = import_module(module)
        for name in names:
            found = getattr(found, name)
    except (ImportError, AttributeError):
        return False
    return True


def has_field(module: str, model: str, field: str) -> bool:
    return has_name(module, model) and field in getattr(import_module(module), model).model_fields


PROBES: dict[Feature, Callable[[], bool]] = {
    TASK_SDK: lambda: has_name(
        "airflow.sdk.execution_time.task_runner", "RuntimeTaskInstance", "get_task_states"
    ),
    ASSET_WATCHERS: lambda: has_name("airflow.sdk", "AssetWatcher"),
    QUESTIONS: lambda: has_name("airflow.sdk.execution_time.hitl", "upsert_hitl_detail"),
    UPGRADE_PAGE: lambda: has_name("airflow.plugins_manager", "AirflowPlugin", "external_views"),
    RUN_STARTED_BY: lambda: has_field(
        "airflow.sdk.api.datamodels._generated", "DagRun", "triggering_user_name"
    ),
    FORM_WITHOUT_HOOK: lambda: has_name("airflow.providers_manager", "ProvidersManager", "_load_ui_metadata"),
    COMMANDS: lambda: has_name("airflow.providers_manager", "ProvidersManager", "cli_command_functions"),
    AWAITING_INPUT: lambda: has_name("airflow.sdk.exceptions", "TaskAwaitingInput"),
    TASK_STATE_STORE: lambda: has_name("airflow.sdk.execution_time.context", "TaskStateStoreAccessor"),
    XCOM_IN_TRIGGERS: lambda: has_name("airflow.sdk.execution_time.xcom", "XCom", "aset"),
    WATCH_STATE: lambda: (
        has_name("airflow.triggers.shared_stream", "SharedStreamProducer")
        and has_name("airflow.sdk.execution_time.context", "AssetStateStoreAccessors")
    ),
    CANCELLED_TRIGGERS: lambda: hasattr(BaseTrigger, "on_kill"),
}
"""What shows that the installed Airflow has a feature."""


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.what[:40])
def test_installed_airflow_agrees_with_the_table(feature: Feature) -> None:
    assert PROBES[feature]() is feature.is_available


def test_features_have_the_order_of_versions() -> None:
    versions = [feature.since for feature in FEATURES]
    assert versions == sorted(versions)


def test_feature_is_available_from_its_version_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed version is replaced: a run has only one."""
    for installed, expected in {(2, 11): False, (3, 0): False, (3, 1): True, (10, 0): True}.items():
        monkeypatch.setattr(airflow_versions, "INSTALLED", installed)
        assert QUESTIONS.is_available is expected


@pytest.mark.parametrize(
    ("version", "expected"), [("2.11.2", (2, 11)), ("3.4.0b2", (3, 4)), ("10.0.0rc1", (10, 0))]
)
def test_version_is_read(version: str, expected: tuple[int, int]) -> None:
    assert major_and_minor(version) == expected
    assert INSTALLED >= (2, 11)


@pytest.mark.parametrize("name", airflow_versions.MOVED)
def test_moved_function_is_found(name: str) -> None:
    assert callable(moved(name))


def test_function_that_is_nowhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A module without the name is no error as long as another one has it.

    The modules are replaced: the installed Airflow has each function.
    """
    monkeypatch.setitem(airflow_versions.MOVED, "dumps", ("airflow.nowhere", "airflow_provider_sf", "json"))
    assert moved("dumps")([1]) == "[1]"
    monkeypatch.setitem(airflow_versions.MOVED, "dumps", ("airflow.nowhere",))
    with pytest.raises(ImportError, match="this version of Airflow has no dumps"):
        moved("dumps")


def test_page_shows_the_table(documented: Any) -> None:
    rows = [
        f"| {feature.since[0]}.{feature.since[1]} | {feature.what} | {feature.before} |\n"
        for feature in FEATURES
    ]
    head = "| from | with it | before |\n| --- | --- | --- |\n"
    documented("reference/airflow_versions.md", "features", head + "".join(rows))
