"""Upgrades that change default services: refused unless the cluster allows them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_sf.simulator.__main__ import main
from airflow_provider_sf.simulator.commands import ApiRequest
from tests.simulator.driven import Driven

REFUSED = (400, "FABRIC_E_APPLICATION_UPGRADE_VALIDATION_ERROR")
ACCEPTED = (200, "")
WEB = '<Service Name="web"><StatelessService ServiceTypeName="WebType" InstanceCount="[Count]">{}</StatelessService></Service>'
SINGLETON = WEB.format("<SingletonPartition />")
PLACED = WEB.format("<SingletonPartition /><PlacementConstraints>[Place]</PlacementConstraints>")
API = SINGLETON.replace("web", "api").replace("[Count]", "1")
DEFAULTS = {"Count": "-1", "Place": ""}


def manifest(version: str, services: str, parameters: dict[str, str]) -> bytes:
    declared = "".join(
        f'<Parameter Name="{name}" DefaultValue="{value}" />' for name, value in parameters.items()
    )
    return (
        '<ApplicationManifest xmlns="http://schemas.microsoft.com/2011/01/fabric" '
        f'ApplicationTypeName="StoreType" ApplicationTypeVersion="{version}">'
        f"<Parameters>{declared}</Parameters><DefaultServices>{services}</DefaultServices></ApplicationManifest>"
    ).encode()


def pairs(parameters: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in parameters.items()]


def store(services: str, parameters: dict[str, str]) -> Driven:
    """Return a cluster with the application ``fabric:/store``."""
    driven = Driven("fabric:/store")
    provision(driven, "1.0", services)
    body = {"Name": driven.name, "TypeName": "StoreType", "TypeVersion": "1.0"}
    create = {**body, "ParameterList": pairs(parameters)}
    assert driven.send("POST", "/Applications/$/Create", create) == (201, "")
    return driven


def provision(driven: Driven, version: str, services: str, defaults: dict[str, str] | None = None) -> None:
    files = {"ApplicationManifest.xml": manifest(version, services, defaults or DEFAULTS), "_.dir": b""}
    for name, data in files.items():
        assert driven.send("PUT", f"/ImageStore/{version}/{name}", data) == (200, "")
    body = {"Kind": "ImageStorePath", "ApplicationTypeBuildPath": version, "Async": False}
    assert driven.send("POST", "/ApplicationTypes/$/Provision", body, version="6.2") == (200, "")


@pytest.mark.parametrize(
    ("before", "after", "changes", "answer"),
    [
        ((SINGLETON, {}), (SINGLETON, {}), {}, ACCEPTED),
        ((SINGLETON, {}), (SINGLETON, {"Count": "-1"}), {}, ACCEPTED),
        ((SINGLETON, {}), (SINGLETON, {"Place": "(Type == a)"}), {}, ACCEPTED),  # no service uses it
        ((SINGLETON, {}), (SINGLETON, {"Count": "5"}), {}, REFUSED),
        ((SINGLETON, {"Count": "5"}), (SINGLETON, {}), {}, REFUSED),
        ((SINGLETON, {}), (SINGLETON, {}), {"Count": "5"}, REFUSED),
        ((SINGLETON, {}), (SINGLETON, {"Count": "-1"}), {"Count": "5"}, ACCEPTED),
        ((SINGLETON, {}), (SINGLETON.replace("[Count]", "-1"), {}), {}, ACCEPTED),
        ((PLACED, {}), (PLACED, {"Place": "(Type == a)"}), {}, REFUSED),
        ((SINGLETON, {}), (PLACED, {}), {}, REFUSED),
        ((SINGLETON, {}), (SINGLETON + API, {}), {}, ACCEPTED),
        ((SINGLETON + API, {}), (API, {}), {}, ACCEPTED),
        ((SINGLETON + API, {}), (API.replace("1", "2"), {}), {}, REFUSED),
    ],
)
def test_changed_default_service_is_refused(
    before: tuple[str, dict[str, str]],
    after: tuple[str, dict[str, str]],
    changes: dict[str, str],
    answer: tuple[int, str],
) -> None:
    """By its description, a parameter or the default of a parameter. A new or removed service is no change."""
    for allowed in (False, True):
        driven = store(*before)
        driven.simulator.updates_default_services = allowed
        provision(driven, "2.0", after[0], {**DEFAULTS, **changes})
        assert driven.start("2.0", Parameters=pairs(after[1])) == (ACCEPTED if allowed else answer)


def test_refusal_names_the_first_service() -> None:
    driven = Driven()
    body = json.dumps(driven.body(Parameters=pairs({"Web_InstanceCount": "3"}))).encode()
    path = "/Applications/idle-shop~web/$/Upgrade?api-version=6.0"
    answer: Any = json.loads(driven.simulator.change(ApiRequest("POST", path, body)).body)
    assert answer["Error"]["Message"] == (
        "Default service descriptions can not be modified as part of upgrade. Modified default service: "
        "fabric:/idle-shop/web/web. To allow the modification, set EnableDefaultServicesUpgrade to true. For more "
        "details, refer to the weblink: aka.ms/upgrade-defaultservices"
    )


def test_refused_change_removes_the_record() -> None:
    driven = Driven()
    driven.start()
    driven.second += 600
    assert driven.start("v2", Parameters=pairs({"Web_InstanceCount": "3"})) == REFUSED
    assert driven.look() == ("RollingForwardCompleted", "v1", "Invalid", "")
    assert driven.calls == ["start_application_upgrade", "refuse_application_upgrade"]


def test_refused_change_never_ends_an_upgrade() -> None:
    driven = Driven()
    driven.start()
    driven.second += 200
    look = driven.look()
    assert driven.start("v2", Parameters=pairs({"Web_InstanceCount": "3"})) == REFUSED
    assert (driven.look(), driven.calls) == (look, ["start_application_upgrade"])


def test_unknown_version_is_not_compared() -> None:
    """The scenario ends at a version that is not provisioned."""
    driven = Driven("fabric:/several_phases-shop/web")
    driven.progress()
    driven.second = 100_000
    assert driven.deployed()[0] == "v3"
    assert driven.start("v1", Parameters=pairs({"Web_InstanceCount": "3"})) == ACCEPTED


@pytest.mark.parametrize("allowed", [False, True])
def test_cluster_manifest_shows_the_setting(*, allowed: bool) -> None:
    driven = Driven()
    driven.simulator.updates_default_services = allowed
    _, answer = driven.send("GET", "/$/GetClusterManifest")
    line = f'<Parameter Name="EnableDefaultServicesUpgrade" Value="{"true" if allowed else "false"}" />'
    assert line in answer["Manifest"]


def test_option_sets_the_cluster_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--updates-default-services" in capsys.readouterr().out
