"""The description of the provider for Airflow, and the metadata of the wheel."""

from __future__ import annotations

import importlib
import json
import zipfile
from email.parser import Parser
from importlib.metadata import entry_points, metadata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import airflow
import jsonschema
import pytest
from airflow._shared.secrets_masker.secrets_masker import should_hide_value_for_key
from airflow.cli.cli_parser import get_parser
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime
from hatchling.build import build_wheel

from airflow_provider_sf import __version__
from airflow_provider_sf.auth.connection_form import SETTINGS
from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.notifications.service_fabric import ServiceFabricNotifier
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.provider_info import get_provider_info
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

ROOT = Path(__file__).parent.parent


def airflow_schema(name: str) -> dict[str, Any]:
    return dict(json.loads((Path(airflow.__file__).parent / name).read_bytes()))


@pytest.fixture
def connection_type() -> dict[str, Any]:
    (row,) = get_provider_info()["connection-types"]
    return dict(row)


def test_entry_point_returns_provider_info() -> None:
    (found,) = [
        point
        for point in entry_points(group="apache_airflow_provider")
        if point.dist and point.dist.name == "airflow-provider-sf"
    ]
    assert found.load()() == get_provider_info()


def test_provider_info_fits_airflows_schema() -> None:
    jsonschema.validate(get_provider_info(), airflow_schema("provider_info.schema.json"))


def test_connection_form_fits_provider_yaml_schema(
    connection_type: dict[str, Any],
) -> None:
    schema = airflow_schema("provider.yaml.schema.json")
    part = {**schema["properties"]["connection-types"], "definitions": schema.get("definitions", {})}
    jsonschema.validate([connection_type], part)


def test_form_fields_are_known_to_the_cluster(connection_type: dict[str, Any]) -> None:
    assert set(connection_type["conn-fields"]) == set(SETTINGS)


def test_empty_form_is_an_unsecured_cluster(connection_type: dict[str, Any]) -> None:
    empty = dict.fromkeys(connection_type["conn-fields"])
    assert Cluster.at("c", None, empty) == Cluster.at("c", None, dict.fromkeys(empty, "")) == Cluster.at("c")


def test_airflow_masks_every_secret_field(connection_type: dict[str, Any]) -> None:
    """Airflow decides by the name of a field."""
    fields = connection_type["conn-fields"]
    secret = {name for name, field in fields.items() if field["schema"].get("format") == "password"}
    assert secret == {"private_key", "private_key_passphrase", "client_secret", "token"}
    assert {name for name in fields if should_hide_value_for_key(name)} == secret


def test_named_modules_exist() -> None:
    info = get_provider_info()
    for part in ("hooks", "sensors", "operators", "triggers"):
        for entry in info[part]:
            assert entry["integration-name"] in [row["integration-name"] for row in info["integrations"]]
            for module in entry["python-modules"]:
                importlib.import_module(module)


def test_every_link_is_registered() -> None:
    """Airflow 2 shows only registered links."""
    registered = set(get_provider_info()["extra-links"])
    for task in (ServiceFabricUpgradeSensor, ServiceFabricUpgradeProgressOperator):
        links = [type(link) for link in task.operator_extra_links]
        assert {f"{link.__module__}.{link.__qualname__}" for link in links} <= registered


def test_airflow_reads_the_options_of_the_provider() -> None:
    from airflow.configuration import conf  # noqa: PLC0415 - it reads the configuration at its import

    options = get_provider_info()["config"]["service_fabric"]["options"]
    assert {option: conf.getboolean("service_fabric", option) for option in options} == {
        "run_tab": False,
        "task_tab": False,
    }


def test_notifier_is_registered() -> None:
    (path,) = get_provider_info()["notifications"]
    assert path == f"{ServiceFabricNotifier.__module__}.{ServiceFabricNotifier.__name__}"


def test_guides_and_logo_exist() -> None:
    (integration,) = get_provider_info()["integrations"]
    assert all((ROOT / path.lstrip("/")).is_file() for path in integration["how-to-guide"])
    address, branch, path = integration["logo"].partition("/raw/main/")
    assert branch
    assert f"Source, {address}" in project_urls()
    assert ET.parse(ROOT / path).getroot().tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own file


def project_urls() -> list[str]:
    return list(metadata("airflow-provider-sf").get_all("Project-URL") or [])


COMMANDS = {
    "list": "airflow-provider-sf",
    "get --full airflow-provider-sf": "airflow_provider_sf.notifications.service_fabric.ServiceFabricNotifier",
    "hooks": "airflow_provider_sf.hooks.service_fabric.ServiceFabricHook",
    "links": "airflow_provider_sf.links.service_fabric.ServiceFabricExplorerLink",
    "notifications": "airflow_provider_sf.notifications.service_fabric.ServiceFabricNotifier",
    "triggers": "airflow_provider_sf.triggers.service_fabric",
}
"""The arguments of ``airflow providers``, and what the output must name."""


@pytest.mark.parametrize("arguments", COMMANDS)
def test_airflow_lists_the_provider(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command runs in this process: it only reads the descriptions of the installed packages."""
    command = get_parser().parse_args(["providers", *arguments.split(), "--output", "json"])
    command.func(command)
    assert COMMANDS[arguments] in capsys.readouterr().out


def test_airflow_finds_the_hook(connection_type: dict[str, Any]) -> None:
    hook = ProvidersManagerTaskRuntime().hooks[ServiceFabricHook.conn_type]
    assert hook is not None
    assert hook.hook_class_name == connection_type["hook-class-name"]
    assert hook.hook_name == ServiceFabricHook.hook_name == connection_type["hook-name"]
    assert hook.connection_testable
    assert hook.connection_id_attribute_name == "service_fabric_conn_id"


def test_wheel_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / build_wheel(str(tmp_path))) as wheel:
        names = wheel.namelist()
        (metadata,) = [name for name in names if name.endswith("/METADATA")]
        (scripts,) = [name for name in names if name.endswith("/entry_points.txt")]
        assert "sf-wait = airflow_provider_sf.commands.sf_wait:main" in wheel.read(scripts).decode()
        metadata_fields = Parser().parsestr(wheel.read(metadata).decode())
    assert {"airflow_provider_sf/py.typed", "airflow_provider_sf/plugins/pages/upgrades.html"} <= set(names)
    assert not [
        name for name in names if not name.startswith(("airflow_provider_sf/", "airflow_provider_sf-"))
    ]
    assert (metadata_fields["Name"], metadata_fields["Version"]) == ("airflow-provider-sf", __version__)
    assert metadata_fields["License-Expression"] == "Apache-2.0"
    assert metadata_fields["Requires-Python"] == ">=3.10"
    assert {"Framework :: Apache Airflow", "Framework :: Apache Airflow :: Provider"} <= set(
        metadata_fields.get_all("Classifier", [])
    )
    urls = [url.partition(",")[0] for url in metadata_fields.get_all("Project-URL", [])]
    assert {"Documentation", "Changelog"} <= set(urls)
    assert sum(name.endswith("/LICENSE") for name in names) == 1
