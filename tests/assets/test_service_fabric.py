"""Assets and their URIs, as Airflow makes them from a DAG file."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.providers.common.compat.sdk import Asset

from airflow_provider_sf import airflow_versions
from airflow_provider_sf.assets.service_fabric import sanitize_uri, upgrade_asset, upgrade_uri

needs_airflow_3 = pytest.mark.skipif(
    not airflow_versions.ASSET_WATCHERS.is_available, reason="Airflow 2 watches no assets"
)

BEGIN = "servicefabric://service_fabric_default"


@pytest.mark.parametrize(
    ("written", "uri"),
    [
        ("SERVICEFABRIC://prod/application/shop/web/", "servicefabric://prod/application/shop~web"),
        ("servicefabric://prod/application/fabric:/shop/web", "servicefabric://prod/application/shop~web"),
        ("servicefabric://Prod_1/application/shop~web#x", "servicefabric://Prod_1/application/shop~web"),
        (
            "servicefabric://prod/application_resource/a%20b",
            "servicefabric://prod/application_resource/a%20b",
        ),
        ("servicefabric://prod/compose_deployment/shop", "servicefabric://prod/compose_deployment/shop"),
        ("servicefabric://prod/cluster", "servicefabric://prod/cluster"),
        ("servicefabric://prod/cluster/", "servicefabric://prod/cluster"),
        (
            "servicefabric://prod/cluster?outcome=failed&outcome=rolled_back",
            "servicefabric://prod/cluster?outcome=rolled_back&outcome=failed",
        ),
        (
            "servicefabric://prod/cluster?poke_interval=60.0&outcome=failed",
            "servicefabric://prod/cluster?outcome=failed&poke_interval=60",
        ),
        ("servicefabric://prod/cluster?poke_interval=15.0", "servicefabric://prod/cluster"),
        (
            "servicefabric://prod/cluster?outcome=failed&outcome=succeeded&outcome=superseded&outcome=rolled_back",
            "servicefabric://prod/cluster",
        ),
    ],
)
def test_spellings_are_one_uri(written: str, uri: str) -> None:
    sanitized = sanitize_uri(urlsplit(written))
    assert sanitized.geturl() == uri
    assert sanitize_uri(sanitized) == sanitized


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("servicefabric:///application/shop", "the id of the connection is missing or invalid: ''"),
        ("servicefabric://user@prod/application/shop", "the id of the connection is missing or invalid"),
        ("servicefabric://prod:80/application/shop", "the id of the connection is missing or invalid"),
        ("servicefabric://prod/applications/shop", "kind 'applications' is not supported; choose one of: "),
        ("servicefabric://prod", "kind '' is not supported"),
        ("servicefabric://prod/application", "name is empty"),
        ("servicefabric://prod/application/shop//web", "write it as 'fabric:/shop/web'"),
        ("servicefabric://prod/compose_deployment/shop/web", "it contains the separator '/'"),
        ("servicefabric://prod/cluster/shop", "name must be empty for a cluster"),
        (
            "servicefabric://prod/application/{{ params.name }}",
            "name of an asset must be a text without a template",
        ),
        ("servicefabric://prod/application/shop?outcome=good", "outcomes must be a list of 'succeeded'"),
        ("servicefabric://prod/application/shop?outcome=", "outcomes must be a list of 'succeeded'"),
        ("servicefabric://prod/application/shop?kind=cluster", "it may have 'outcome' and 'poke_interval'"),
        ("servicefabric://prod/cluster?poke_interval=0", "poke_interval must be more than 0 s"),
        (
            "servicefabric://prod/cluster?poke_interval=1m",
            "poke_interval must be one number of seconds, not '1m'",
        ),
        ("servicefabric://prod/cluster?poke_interval=5&poke_interval=9", "not '5, 9'"),
        (
            "servicefabric://prod/cluster?poke_interval=99999999999999",
            "a number of seconds, not 99999999999999",
        ),
    ],
)
def test_invalid_uri_says_how_to_write_it(uri: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"^invalid asset URI 'servicefabric:") as raised:
        sanitize_uri(urlsplit(uri))
    assert problem in str(raised.value)
    assert str(raised.value).endswith(
        ". Write it as servicefabric://CONNECTION/KIND/NAME, such as "
        "servicefabric://service_fabric_default/application/shop~web"
    )


@needs_airflow_3
def test_airflow_checks_uris_when_parsing() -> None:
    """In outlets and everywhere else where a DAG file names an asset."""
    assert (
        Asset("servicefabric://prod/application/shop/web").uri == "servicefabric://prod/application/shop~web"
    )
    with pytest.raises(ValueError, match="kind 'app' is not supported"):
        Asset("servicefabric://prod/app/shop")


@needs_airflow_3
@pytest.mark.parametrize(
    ("arguments", "uri"),
    [
        ({"name": "fabric:/shop/web"}, f"{BEGIN}/application/shop~web"),
        ({"name": "shop"}, f"{BEGIN}/application_resource/shop"),
        ({"kind": "cluster"}, f"{BEGIN}/cluster"),
        (
            {"name": "shop", "service_fabric_conn_id": "prod"},
            "servicefabric://prod/application_resource/shop",
        ),
        (
            {"name": "a b", "kind": "compose_deployment", "outcomes": ("failed", "rolled_back")},
            f"{BEGIN}/compose_deployment/a%20b?outcome=rolled_back&outcome=failed",
        ),
        (
            {"name": "shop", "poke_interval": timedelta(days=30)},
            f"{BEGIN}/application_resource/shop?poke_interval=2592000",
        ),
        ({"name": "shop", "poke_interval": 15}, f"{BEGIN}/application_resource/shop"),
    ],
)
def test_asset_has_the_watch_of_its_uri(arguments: dict[str, Any], uri: str) -> None:
    asset = upgrade_asset(**arguments)
    assert (asset.name, asset.uri) == (uri, uri)
    assert upgrade_uri(**arguments) == uri
    (watcher,) = asset.watchers
    path, keywords = watcher.trigger.serialize()
    assert path == "airflow_provider_sf.triggers.upgrade_end.ServiceFabricUpgradeEndTrigger"
    assert keywords["name"] == arguments.get("name", "")


ARGUMENTS: list[dict[str, Any]] = [
    {"name": "fabric:/shop/web"},
    {"name": "FABRIC:/shop/web", "outcomes": ["superseded", "failed", "rolled_back", "succeeded"]},
    {"name": "shop~web", "kind": "application", "poke_interval": timedelta(seconds=15)},
    {"name": "shop/web", "kind": "application", "poke_interval": 15},
    {"name": "fabric:/Shop/web"},
    {"name": "shop"},
    {"name": "shop", "kind": "application"},
    {"name": "shop", "service_fabric_conn_id": "prod"},
    {"name": "shop", "poke_interval": 60},
    {"name": "shop", "poke_interval": timedelta(minutes=1)},
    {"name": "shop", "outcomes": ["failed", "succeeded"]},
    {"name": "shop", "outcomes": ("succeeded", "failed", "failed")},
    {"kind": "cluster"},
    {"kind": "cluster", "name": None},
    {"kind": "cluster_configuration"},
]


@needs_airflow_3
def test_each_uri_has_one_watch() -> None:
    """
    If two DAG files give one asset different watches, Airflow replaces the watch again and again.

    It compares the keywords. Each new watch takes the upgrade on record as its first, so ends would be lost.
    """
    assets = [upgrade_asset(**arguments) for arguments in ARGUMENTS]
    watches: dict[str, set[str]] = {}
    for asset in assets:
        watches.setdefault(asset.uri, set()).add(json.dumps(asset.watchers[0].trigger.serialize()))
    assert {uri: len(found) for uri, found in watches.items()} == dict.fromkeys(watches, 1)
    assert len(watches) == len({watch for found in watches.values() for watch in found}) == 9


@needs_airflow_3
def test_invalid_watch_is_refused_when_parsing() -> None:
    with pytest.raises(ValueError, match=r"^watch of 'shop': outcomes must be a list of"):
        upgrade_asset("shop", outcomes=["success"])
    with pytest.raises(ValueError, match="the id of the connection is missing or invalid: ''"):
        upgrade_asset("shop", service_fabric_conn_id="")


@pytest.mark.parametrize("conn_id", [None, 5, "{{ var.value.x }}"])
def test_uri_needs_the_id_of_a_connection(conn_id: Any) -> None:
    with pytest.raises(ValueError, match=r"^service_fabric_conn_id of an asset must be a text without"):
        upgrade_uri("shop", service_fabric_conn_id=conn_id)


def test_airflow_2_needs_the_sensor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed version is replaced: a run has only one."""
    monkeypatch.setattr(airflow_versions, "INSTALLED", (2, 11))
    with pytest.raises(ValueError, match=r"^upgrade_asset needs Airflow 3: use "):
        upgrade_asset("shop")


@needs_airflow_3
def test_dag_file_with_an_asset_loads_little() -> None:
    code = """
import airflow.triggers.base, sys
before = set(sys.modules)
from airflow_provider_sf.assets.service_fabric import upgrade_asset
upgrade_asset("fabric:/shop/web")
new = set(sys.modules) - before
assert not {"aiohttp", "requests"} & new, new
loaded = [name for name in sys.modules if name.startswith("airflow_provider_sf.")]
assert not any(name.split(".")[1] in {"messages", "hooks", "cluster"} for name in loaded), loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True)
