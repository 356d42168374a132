"""Secrets are masked when the templates of a task are rendered, before Airflow stores the result."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sf.operators import masking
from airflow_provider_sf.operators.service_fabric import (
    ServiceFabricCreateApplicationOperator,
    ServiceFabricProvisionApplicationTypeOperator,
    ServiceFabricUpgradeApplicationOperator,
    ServiceFabricUpgradeComposeDeploymentOperator,
)

SECRET = "open-sesame"
ADDRESS = "https://storage.example/shop.sfpkg?sig={{ secret }}"
PARAMETERS = {"parameters": {"Key": "{{ secret }}"}, "sensitive_parameters": ["Key"]}
TASKS = [
    (
        ServiceFabricProvisionApplicationTypeOperator,
        {"type_version": "1", "package_uri": ADDRESS},
        "type_name",
    ),
    (ServiceFabricCreateApplicationOperator, {"type_name": "T", "type_version": "1", **PARAMETERS}, "name"),
    (ServiceFabricUpgradeApplicationOperator, {"target_version": "1", **PARAMETERS}, "name"),
    (
        ServiceFabricUpgradeComposeDeploymentOperator,
        {"compose_file": "version: '3'", "registry_user": "me", "registry_password": "{{ secret }}"},
        "name",
    ),
]


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is masked: a list in place of the filter of this process, which no test can undo."""
    found: list[str] = []
    monkeypatch.setattr(masking, "mask_secret", found.append)
    return found


def context(**more: Any) -> Any:
    return {
        "ti": SimpleNamespace(map_index=1),
        "dag_run": SimpleNamespace(conf=None),
        "secret": SECRET,
        **more,
    }


@pytest.mark.parametrize(("operator", "keywords", "name"), TASKS)
def test_rendered_secret_is_masked(operator: Any, keywords: Any, name: str, masked: list[str]) -> None:
    operator(task_id="a", **{name: "shop"}, **keywords).render_template_fields(context())
    assert SECRET in masked


@pytest.mark.skipif(airflow_version.startswith("2."), reason="Airflow 2 expands mapped tasks in its database")
@pytest.mark.parametrize(("operator", "keywords", "mapped"), TASKS)
def test_secret_of_a_mapped_task_is_masked(
    operator: Any, keywords: Any, mapped: str, masked: list[str]
) -> None:
    """Airflow renders the templates of a mapped task in another way."""
    with DAG("release", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:
        task = operator.partial(task_id="a", **keywords).expand(**{mapped: ["shop", "store"]})
    rendered = context(dag=dag, task=task)
    task.render_template_fields(rendered)
    assert getattr(rendered["task"], mapped) == "store"
    assert SECRET in masked


def test_password_of_an_address_is_masked(masked: list[str]) -> None:
    masking.mask_address("https://me:open-sesame@storage.example/shop.sfpkg?sv=1")
    assert masked == ["sv=1", SECRET]


def test_missing_value_is_not_masked(masked: list[str]) -> None:
    masking.mask_values({"A": "", "C": "c"}, ["A", "B", "C"])
    masking.mask_values(None, ["A"])
    assert masked == ["c"]


@pytest.mark.parametrize(
    ("operator", "keywords"),
    [
        (ServiceFabricUpgradeApplicationOperator, {"target_version": "1"}),
        (ServiceFabricUpgradeComposeDeploymentOperator, {"compose_file": "version: '3'"}),
    ],
)
def test_task_without_secrets_masks_nothing(operator: Any, keywords: Any, masked: list[str]) -> None:
    operator(task_id="a", name="shop", **keywords).render_template_fields(context())
    assert not masked


def test_signature_is_masked_as_it_is_written(masked: list[str]) -> None:
    masking.mask_address("https://storage.example/shop.sfpkg?sv=1&sig=a%2Bb%3D")
    assert masked == ["sv=1&sig=a%2Bb%3D", "a%2Bb%3D", "a+b="]


def test_invalid_address_is_masked_as_a_whole(masked: list[str]) -> None:
    masking.mask_address("https://[open-sesame")
    assert masked == ["https://[open-sesame"]


@pytest.mark.parametrize("module", ["airflow.nowhere", "airflow_provider_sf.exceptions"])
def test_function_may_be_in_another_module(module: str) -> None:
    """Airflow has moved it several times."""
    assert masking.mask_function_in(module) is None
