"""Descriptions of releases are checked when they are made, show no secrets, and recognize their upgrade."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_sf.releases import (
    ApplicationHealthPolicy,
    ExternalPackage,
    ImageStorePackage,
    MonitoringPolicy,
)
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.releases.compose_upgrade import ComposeUpgrade, RegistryCredential
from airflow_provider_sf.releases.new_application import NewApplication
from airflow_provider_sf.releases.parameters import effective, merged, read_parameters, sha256_of
from airflow_provider_sf.releases.upgrade_update import UpgradeUpdate
from airflow_provider_sf.rest.url_names import application_name
from airflow_provider_sf.upgrades.applications import Application

UPGRADE = ApplicationUpgrade(
    name="fabric:/shop/web",
    target_version="v1",
    parameters={"Web_InstanceCount": "3"},
    monitoring_policy=MonitoringPolicy(),
)
SECRET = "s3cr3t"


def raises(message: str) -> Any:
    return pytest.raises(ValueError, match=f"^{re.escape(message)}")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "fabric:/shop//web"}, "invalid name 'fabric:/shop//web'"),
        ({"name": "sh+op"}, "invalid name 'sh+op': the name of an application cannot contain '+'"),
        ({"target_version": " "}, "target_version must be a string that is not empty, not ' '"),
        ({"target_version": "None"}, "target_version must be a string that is not empty, not 'None'"),
        ({"target_version": None}, "target_version must be a string that is not empty, not None"),
        ({"target_version": "v1\n"}, "target_version must be a string that is not empty, not 'v1\\n'"),
        (
            {"target_version": " v1"},
            "target_version must have at most 256 characters, no colon and no blanks",
        ),
        (
            {"target_version": "a:b"},
            "target_version must have at most 256 characters, no colon and no blanks",
        ),
        ({"target_version": "v" * 257}, "target_version must have at most 256 characters, no colon"),
        ({"mode": "Rolling"}, "mode must be one of 'Monitored', 'UnmonitoredAuto', 'UnmonitoredManual'"),
        (
            {"mode": "UnmonitoredAuto"},
            "monitoring_policy belongs to the mode 'Monitored', not to 'UnmonitoredAuto'",
        ),
        (
            {"monitoring_policy": None},
            "monitoring_policy belongs to the mode 'Monitored', not to 'Monitored'",
        ),
        ({"sort_order": "numeric"}, "sort_order must be one of 'Default', 'Numeric', 'Lexicographical'"),
        ({"force_restart": "false"}, "force_restart must be True or False, not 'false'"),
        (
            {"instance_close_delay": 30},
            "instance_close_delay must be a timedelta, for example timedelta(seconds=30)",
        ),
        (
            {"instance_close_delay": timedelta(seconds=0.5)},
            "instance_close_delay must be whole seconds from 0 to 4294967294, not 0.5 s",
        ),
        (
            {"instance_close_delay": timedelta(seconds=4294967295)},
            "instance_close_delay must be whole seconds from 0 to 4294967294, not 4294967295.0 s",
        ),
        (
            {"replica_set_check_timeout": timedelta(0)},
            "replica_set_check_timeout must be whole seconds from 1 to 4294967294, not 0.0 s",
        ),
        ({"parameters": {"a": 3}}, "the parameter 'a' must be a string, not int: write it in quotes"),
        ({"parameters": {"a": f"{SECRET}\r"}}, "the parameter 'a' contains a line break"),
        ({"parameters": {"a": "ж" * 600_000}}, "the parameter 'a' is longer than 1 MiB"),
        ({"parameters": {"": "3"}}, "the name of a parameter must be a string, not ''"),
    ],
)
def test_invalid_upgrade_is_refused(values: dict[str, Any], message: str) -> None:
    with raises(message) as error:
        replace(UPGRADE, **values)
    assert SECRET not in str(error.value)


def test_longest_parameter_is_accepted() -> None:
    assert replace(UPGRADE, parameters={"a": "v" * 1024 * 1024}).body()


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("fabric:/shop/web", "fabric:/shop/web"),
        ("FABRIC:/shop/web", "fabric:/shop/web"),
        ("shop/web", "fabric:/shop/web"),
        ("shop~web", "fabric:/shop/web"),
        ("Shop", "fabric:/Shop"),
    ],
)
def test_name_in_body_is_complete(name: str, full: str) -> None:
    assert application_name(name) == replace(UPGRADE, name=name).full_name == full


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mode": "manual"}, "mode must be one of 'Monitored', 'UnmonitoredAuto'"),
        (
            {"mode": "UnmonitoredAuto", "failure_action": "Manual"},
            "failure_action needs the mode 'Monitored', but",
        ),
        (
            {"mode": "UnmonitoredManual", "upgrade_timeout": timedelta(hours=1)},
            "upgrade_timeout needs the mode 'Monitored', but the mode is 'UnmonitoredManual'",
        ),
        ({"failure_action": "Stop"}, "failure_action must be one of 'Rollback', 'Manual', not 'Stop'"),
        (
            {"upgrade_timeout": 60},
            "upgrade_timeout must be a timedelta, for example timedelta(seconds=60), not 60",
        ),
        ({"force_restart": 1}, "force_restart must be True or False, not 1"),
        (
            {"replica_set_check_timeout": 60.5},
            "replica_set_check_timeout must be a timedelta, for example timedelta(seconds=60.5)",
        ),
        ({"instance_close_delay": timedelta(seconds=1.5)}, "instance_close_delay must be whole seconds"),
        ({"name": ""}, "invalid name ''"),
    ],
)
def test_invalid_update_is_refused(values: dict[str, Any], message: str) -> None:
    with raises(message):
        UpgradeUpdate(**{"name": "shop/web", "mode": "Monitored", **values})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"name": "fabric:/shop"},
            "name must be that of a compose deployment, such as 'shop', not 'fabric:/shop'",
        ),
        ({"name": ""}, "name must be that of a compose deployment"),
        ({"compose_file": " "}, "compose_file must be the content of a compose file, but it is empty"),
        ({"mode": "Manual"}, "mode must be one of"),
        (
            {"monitoring_policy": None},
            "monitoring_policy belongs to the mode 'Monitored', not to 'Monitored'",
        ),
        ({"force_restart": None}, "force_restart must be True or False, not None"),
        ({"replica_set_check_timeout": timedelta(seconds=-1)}, "replica_set_check_timeout must be from 0 s"),
    ],
)
def test_invalid_compose_upgrade_is_refused(values: dict[str, Any], message: str) -> None:
    good = {"name": "shop", "compose_file": "version: '3'", "monitoring_policy": MonitoringPolicy()}
    with raises(message):
        ComposeUpgrade(**{**good, **values})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"user_name": ""}, "user_name of the registry must be a string that is not empty"),
        ({"password": None}, "password of the registry must be a string that is not empty"),
        ({"is_encrypted": "yes"}, "is_encrypted must be True or False, not 'yes'"),
    ],
)
def test_invalid_credential_is_refused(values: dict[str, Any], message: str) -> None:
    with raises(message):
        RegistryCredential(**{"user_name": "u", "password": "p", **values})


@pytest.mark.parametrize("path", ["", "/shop", "shop/", "shop//1", "../shop", "a/./b", "a\\b", "a/b\n", None])
def test_package_path_is_relative(path: Any) -> None:
    with raises(f"path must be a relative path such as 'shop/2.0', not {path!r}"):
        ImageStorePackage(path)


def test_cleanup_policy_is_known() -> None:
    with raises("cleanup_policy must be one of 'Default', 'Automatic', 'Manual', not 'Invalid'"):
        ImageStorePackage("shop/1", "Invalid")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("ftp://host/shop.sfpkg", "download_uri must be an http or https address"),
        ("https:///shop.sfpkg", "download_uri must be an http or https address"),
        ("https://[::1/shop.sfpkg", "download_uri must be an http or https address"),
        ("https://host/sh op.sfpkg", "download_uri must be an http or https address"),
        (None, "download_uri must be an http or https address"),
        (
            f"https://user:{SECRET}@host/shop.zip?sig={SECRET}",
            "the path of download_uri must end in '.sfpkg', which Service Fabric demands, not 'https://host/shop.zip?...'",
        ),
        (f"https://host/shop?file=a.sfpkg&sig={SECRET}", "the path of download_uri must end in '.sfpkg'"),
    ],
)
def test_package_address_is_checked(uri: Any, message: str) -> None:
    with raises(message) as error:
        ExternalPackage(uri, "ShopType", "2.0")
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("values", [("", "2.0"), ("a:b", "2.0"), ("ShopType", "")])
def test_package_has_type_and_version(values: tuple[str, str]) -> None:
    with raises("type_"):
        ExternalPackage("https://host/shop.sfpkg", *values)


def test_no_secret_is_shown() -> None:
    shown = [
        repr(replace(UPGRADE, parameters={"Key": SECRET}, managed_identity={"a": SECRET})),
        repr(NewApplication(name="a", type_name="T", type_version="1", parameters={"Key": SECRET})),
        repr(RegistryCredential(user_name="u", password=SECRET)),
        repr(ComposeUpgrade(name="a", compose_file=SECRET, mode="UnmonitoredAuto")),
        repr(ExternalPackage(f"https://u:{SECRET}@host/a.SFPKG?sig={SECRET}#{SECRET}", "T", "1")),
    ]
    assert SECRET not in "".join(shown)
    assert shown[-1] == "ExternalPackage('https://host/a.SFPKG?...', 'T', '1')"


def test_new_application_is_checked() -> None:
    with raises("the parameter 'a' must be a string"):
        NewApplication(name="a", type_name="T", type_version="1", parameters={"a": 1})  # type: ignore[dict-item]
    with raises("type_name must be a string"):
        NewApplication(name="a", type_name="", type_version="1")


def test_application_differs_by_effective_parameters() -> None:
    wanted = NewApplication(name="a", type_name="T", type_version="2", parameters={"A": "1", "B": SECRET})
    found = Application("fabric:/a", "a", "T", "2", "Ready", "Ok", {"A": "1", "B": SECRET, "C": "3"})
    assert wanted.differences(found, {"C": "3"}) == []
    other = replace(found, type_name="U", type_version="1", parameters={"B": "x"})
    assert wanted.differences(other, {"C": "3"}) == [
        "type 'U' instead of 'T'",
        "version '1' instead of '2'",
        "parameters A, B",
    ]


def test_parameters_are_merged_or_replaced() -> None:
    current, new = {"A": "1", "B": "2"}, {"B": "3", "C": "4"}
    assert merged(current, new, keeps_current=True) == {"A": "1", "B": "3", "C": "4"}
    assert merged(current, new, keeps_current=False) == {"B": "3", "C": "4"}
    assert effective(new, current) == {"A": "1", "B": "3", "C": "4"}


def test_hash_depends_on_names_and_values() -> None:
    assert sha256_of({"A": "1", "B": "2"}) == sha256_of({"B": "2", "A": "1"})
    assert len({sha256_of({"A": "1", "B": "2"}), sha256_of({"A": "2", "B": "1"}), sha256_of({})}) == 3


@pytest.mark.parametrize("value", ["{'A': '1'}", [("A", "1")], 3])
def test_parameters_must_be_dict(value: Any) -> None:
    with raises(
        f"parameters must be a dict, for example {{'Web_InstanceCount': '3'}}, not {type(value).__name__}"
    ):
        read_parameters(value)


def test_missing_parameters_are_empty() -> None:
    assert read_parameters(None) == {}
    assert read_parameters({"A": "1"}) == {"A": "1"}


def test_fingerprint_changes_with_each_member() -> None:
    variants = [
        UPGRADE,
        replace(UPGRADE, target_version="v2"),
        replace(UPGRADE, parameters={}),
        replace(UPGRADE, force_restart=True),
        replace(UPGRADE, health_policy=ApplicationHealthPolicy()),
        replace(UPGRADE, monitoring_policy=MonitoringPolicy(failure_action="Manual")),
        replace(UPGRADE, sort_order="Numeric"),
    ]
    assert len({upgrade.sha256() for upgrade in variants}) == len(variants)
    assert replace(UPGRADE, name="shop~web").sha256() == UPGRADE.sha256()
    first, second = (ComposeUpgrade(name=name, compose_file="a", mode="UnmonitoredAuto") for name in "ab")
    assert first.sha256() != second.sha256()
