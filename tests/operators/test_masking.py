"""Secrets are masked when the templates of a task are rendered, before Airflow stores the result."""

from __future__ import annotations

import traceback
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_sf.exceptions import ChangeRefused, ProvisionFailed
from airflow_provider_sf.operators import masking
from airflow_provider_sf.operators.service_fabric import (
    ServiceFabricCreateApplicationOperator,
    ServiceFabricProvisionApplicationTypeOperator,
    ServiceFabricUpgradeApplicationOperator,
    ServiceFabricUpgradeComposeDeploymentOperator,
)
from airflow_provider_sf.rest import Rejected, UnexpectedAnswer, Unreachable
from tests.repeating_cluster import RepeatingCluster

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "open-sesame"
QUOTED = "open\"'\\sesame"
SIGNED = "https://me:open-sesame@127.0.0.1/shop.sfpkg?sv=1&sig=sesame"
SECRET_PARAMETER = {
    "parameters": {"Api_InstanceCount": QUOTED},
    "sensitive_parameters": ["Api_InstanceCount"],
}
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


def test_escaped_secret_is_masked(masked: list[str]) -> None:
    """A cluster may repeat the JSON of a request, on one line."""
    masking.mask_values({"Key": """ä"'\\ \t """}, ["Key"])
    assert masked == [
        """ä"'\\ \t """,
        """ä"\\'\\\\ \\t """,
        """\\u00e4\\"'\\\\ \\t """,
        """ä\\"'\\\\ \\t """,
        """ä"'\\""",
        """ä"\\'\\\\ \\t""",
        """\\u00e4\\"'\\\\ \\t""",
        """ä\\"'\\\\ \\t""",
    ]


def test_text_of_parameters_is_masked(masked: list[str]) -> None:
    """Airflow shows it, though the task fails."""
    masking.mask_values("{'Key': 'open-sesame'}", ["Key"])
    assert masked == ["{'Key': 'open-sesame'}"]


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


@pytest.fixture
def repeating_cluster(context: Any, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster behind the default connection that repeats the requests in its messages; the context of a task."""
    with RepeatingCluster(clock=clock) as cluster:
        monkeypatch.setenv(
            "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{cluster.port}"
        )
        yield context


@pytest.mark.parametrize(
    ("operator", "keywords"),
    [
        (
            ServiceFabricProvisionApplicationTypeOperator,
            {"type_name": "T", "type_version": "1", "package_uri": SIGNED},
        ),
        (
            ServiceFabricProvisionApplicationTypeOperator,
            {"type_name": "T", "type_version": "bad", "package_uri": SIGNED, "poke_interval": 1},
        ),
        (
            ServiceFabricCreateApplicationOperator,
            {"name": "fabric:/a", "type_name": "T", "type_version": "1", **SECRET_PARAMETER},
        ),
        (
            ServiceFabricUpgradeApplicationOperator,
            {"name": "fabric:/idle-shop", "target_version": "v1", **SECRET_PARAMETER},
        ),
        (
            ServiceFabricUpgradeComposeDeploymentOperator,
            {"name": "idle-shop", "compose_file": "a", "registry_user": "me", "registry_password": QUOTED},
        ),
    ],
)
def test_refusal_does_not_show_the_secret(
    operator: Any, keywords: Any, repeating_cluster: Any, clock: Any
) -> None:
    """Airflow masks it in the log of the task, but not in all its outputs."""
    clock.step = 10.0
    with pytest.raises((ChangeRefused, ProvisionFailed)) as raised:
        operator(task_id="a", **keywords).execute(repeating_cluster)
    shown = "".join(traceback.format_exception(raised.value))
    assert "***" in shown
    assert "sesame" not in shown


def test_causes_do_not_show_the_secret() -> None:
    error, between = UnexpectedAnswer("b open-sesame", code="E"), RuntimeError()
    error.__context__, between.__cause__ = between, Unreachable("a open-sesame", 503)
    with pytest.raises(UnexpectedAnswer) as raised, masking.hidden_in_errors([SECRET]):
        raise error
    shown = "".join(traceback.format_exception(raised.value))
    assert "Unreachable: HTTP 503: a ***" in shown
    assert "UnexpectedAnswer: E: b ***" in shown
    assert raised.value.args == ("b ***", None, "E", None)


def test_error_of_another_class_stays() -> None:
    with pytest.raises(KeyError, match=SECRET), masking.hidden_in_errors([SECRET]):
        raise KeyError(SECRET)


def test_cut_secret_is_hidden() -> None:
    error = Rejected(f"{'a' * 1_450} {SECRET} {'b' * 100}")
    assert error.message.endswith(" open-se... (105 characters more)")
    assert masking.hide(error.message, [SECRET]).endswith("a ***... (105 characters more)")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("open-sesame, open", "***, open"),
        ("open-sesame...", "***..."),
        ("ope...", "ope..."),
        ("open...", "***..."),
        ("open-sesam... (1 characters more) (advice)", "***... (1 characters more) (advice)"),
    ],
)
def test_hidden_text_shows_no_secret(text: str, hidden: str) -> None:
    assert masking.hide(text, [SECRET, ""]) == hidden
