"""Provision and unprovision of application types, and what a cluster reports about them."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from airflow_provider_sf.simulator.application_types import has_first_versions
from tests.simulator.driven import NAME, Driven
from tests.simulator.published import client, unknown_members

URI = "https://storage.example/shop.sfpkg?sig=secret"
EXTERNAL = {
    "Kind": "ExternalStore",
    "Async": True,
    "ApplicationPackageDownloadUri": URI,
    "ApplicationTypeName": "IdleShopType",
    "ApplicationTypeVersion": "2.0",
}
STORED = {"Kind": "ImageStorePath", "Async": True, "ApplicationTypeBuildPath": "shop/2.0"}
MANIFEST = b"""\
<ApplicationManifest xmlns="http://schemas.microsoft.com/2011/01/fabric"
    ApplicationTypeName="StoreType" ApplicationTypeVersion="2.0">
  <Parameters><Parameter Name="Count" DefaultValue="5" /></Parameters>
</ApplicationManifest>
"""
PACKAGE = {
    "shop/2.0/ApplicationManifest.xml": MANIFEST,
    "shop/2.0/WebPkg/ServiceManifest.xml": b'<ServiceManifest Name="WebPkg" Version="2.0" />',
    "shop/2.0/WebPkg/Code/web.exe": b"MZ",
    "shop/2.0/_.dir": b"",
    "shop/2.0/WebPkg/_.dir": b"",
    "shop/2.0/WebPkg/Code/_.dir": b"",
}
IN_USE = (409, "FABRIC_E_APPLICATION_TYPE_IN_USE")
NOT_FOUND = (404, "FABRIC_E_APPLICATION_TYPE_NOT_FOUND")


@pytest.fixture
def driven() -> Driven:
    return Driven()


def provision(driven: Driven, body: object) -> tuple[int, Any]:
    return driven.send("POST", "/ApplicationTypes/$/Provision", body, version="6.2")


def unprovision(driven: Driven, version: str, *, name: str = "IdleShopType") -> tuple[int, Any]:
    body = {"ApplicationTypeVersion": version}
    return driven.send("POST", f"/ApplicationTypes/{name}/$/Unprovision", body)


def upload(driven: Driven, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        assert driven.send("PUT", f"/ImageStore/{path}", data) == (200, "")


def statuses(driven: Driven, name: str = "IdleShopType", **query: str) -> dict[str, str]:
    """Return the status of each version, from all pages."""
    found: dict[str, str] = {}
    token = ""
    while True:
        path = f"/ApplicationTypes/{name}".rstrip("/")
        _, page = driven.send("GET", path, ContinuationToken=token, **query)
        found |= {f"{item['Name']} {item['Version']}": item["Status"] for item in page["Items"]}
        token = page["ContinuationToken"]
        if not token:
            return found


def test_first_versions_are_available(driven: Driven) -> None:
    expected = {f"IdleShopType v{number}": "Available" for number in range(3)}
    assert statuses(driven) == expected
    assert statuses(driven, name="") == {}
    driven.application()
    assert statuses(driven, name="") == expected
    assert statuses(driven, ApplicationTypeVersion="v1") == {"IdleShopType v1": "Available"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IdleShopType", True),
        ("IdleRolledBackShopType", True),
        ("RolledBackShopType", True),
        ("GoodType", True),
        ("IdlenessType", False),
        ("ShopType", False),
        ("IdleShop", False),
        ("NotFoundShopType", False),
    ],
)
def test_types_of_scenarios_have_first_versions(name: str, *, expected: bool) -> None:
    assert has_first_versions(name) is expected


def test_provision_takes_time(driven: Driven) -> None:
    assert provision(driven, EXTERNAL) == (202, "")
    _, page = driven.send("GET", "/ApplicationTypes/IdleShopType", ApplicationTypeVersion="2.0")
    assert page["Items"] == [
        {
            "Name": "IdleShopType",
            "Version": "2.0",
            "DefaultParameterList": [],
            "Status": "Provisioning",
            "StatusDetails": "Copying the package of IdleShopType 2.0 to the image store.",
            "ApplicationTypeDefinitionKind": "ServiceFabricApplicationPackage",
        }
    ]
    assert provision(driven, EXTERNAL) == (409, "FABRIC_E_APPLICATION_TYPE_PROVISION_IN_PROGRESS")
    assert unprovision(driven, "2.0") == (409, "FABRIC_E_APPLICATION_TYPE_PROVISION_IN_PROGRESS")
    assert driven.start("2.0") == (504, "FABRIC_E_TIMEOUT")
    driven.second = 20
    assert statuses(driven)["IdleShopType 2.0"] == "Available"
    assert provision(driven, EXTERNAL) == (409, "FABRIC_E_APPLICATION_TYPE_ALREADY_EXISTS")
    assert driven.start("2.0") == (200, "")
    assert driven.calls == ["provision_application_type", "start_application_upgrade"]


def test_bad_version_fails_and_can_be_repeated(driven: Driven) -> None:
    bad = {**EXTERNAL, "ApplicationTypeVersion": "bad-1"}
    assert provision(driven, bad) == (202, "")
    driven.second = 20
    _, page = driven.send("GET", "/ApplicationTypes/IdleShopType", ApplicationTypeVersion="bad-1")
    assert page["Items"][0]["Status"] == "Failed"
    assert "was not found" in page["Items"][0]["StatusDetails"]
    assert driven.start("bad-1") == NOT_FOUND
    assert provision(driven, bad) == (202, "")
    assert statuses(driven)["IdleShopType bad-1"] == "Provisioning"
    driven.second = 60
    assert unprovision(driven, "bad-1") == (200, "")
    assert "IdleShopType bad-1" not in statuses(driven)
    assert provision(driven, {**bad, "Async": False}) == (400, "FABRIC_E_IMAGEBUILDER_VALIDATION_ERROR")


def test_synchronous_provision_ends_at_once(driven: Driven) -> None:
    assert provision(driven, {**EXTERNAL, "Async": False}) == (200, "")
    assert statuses(driven)["IdleShopType 2.0"] == "Available"


@pytest.mark.parametrize(
    "body",
    [
        dict(sorted(EXTERNAL.items())),  # Kind is not first
        {key: value for key, value in EXTERNAL.items() if key != "Async"},
        {key: value for key, value in EXTERNAL.items() if key != "ApplicationTypeName"},
        {**EXTERNAL, "Kind": "Other"},
        {**EXTERNAL, "ApplicationPackageDownloadUri": "ftp://host/shop.sfpkg"},
        {**EXTERNAL, "ApplicationPackageDownloadUri": "https://host/shop.zip?x=.sfpkg"},
        {**EXTERNAL, "ApplicationTypeName": "a:b"},
        {**EXTERNAL, "ApplicationTypeVersion": "v" * 257},
        {"Kind": "ImageStorePath", "Async": True},
        {},
        [],
    ],
)
def test_invalid_provision_is_refused(body: object, driven: Driven) -> None:
    assert provision(driven, body) == (400, "E_INVALIDARG")
    assert driven.calls == []


def test_uploaded_package_is_provisioned(driven: Driven) -> None:
    upload(driven, PACKAGE)
    assert provision(driven, STORED) == (202, "")
    driven.second = 20
    assert statuses(driven, "StoreType") == {"StoreType 2.0": "Available"}
    _, answer = driven.send(
        "GET", "/ApplicationTypes/StoreType/$/GetApplicationManifest", ApplicationTypeVersion="2.0"
    )
    assert answer == {"Manifest": MANIFEST.decode()}
    _, page = driven.send("GET", "/ApplicationTypes/StoreType")
    assert page["Items"][0]["DefaultParameterList"] == [{"Key": "Count", "Value": "5"}]
    _, page = driven.send("GET", "/ApplicationTypes/StoreType", ExcludeApplicationParameters="true")
    assert page["Items"][0]["DefaultParameterList"] == []
    query = {"ApplicationTypeVersion": "2.0", "ServiceManifestName": "WebPkg"}
    _, answer = driven.send("GET", "/ApplicationTypes/StoreType/$/GetServiceManifest", **query)
    assert answer == {"Manifest": PACKAGE["shop/2.0/WebPkg/ServiceManifest.xml"].decode()}
    assert driven.send("GET", "/ImageStore/shop", version="6.2")[0] == 200


def test_automatic_cleanup_deletes_the_package(driven: Driven) -> None:
    upload(driven, PACKAGE)
    provision(driven, {**STORED, "ApplicationPackageCleanupPolicy": "Automatic"})
    driven.second = 19
    assert driven.send("GET", "/ImageStore/shop", version="6.2")[0] == 200
    driven.second = 20
    assert driven.send("GET", "/ImageStore/shop", version="6.2") == (404, "FABRIC_E_FILE_NOT_FOUND")
    upload(driven, PACKAGE)
    assert driven.send("GET", "/ImageStore/shop", version="6.2")[0] == 200


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"shop/2.0/_.dir": None}, (404, "FABRIC_E_DIRECTORY_NOT_FOUND")),
        ({"shop/2.0/WebPkg/_.dir": None}, (404, "FABRIC_E_DIRECTORY_NOT_FOUND")),
        (dict.fromkeys(PACKAGE), (404, "FABRIC_E_DIRECTORY_NOT_FOUND")),
        ({"shop/2.0/ApplicationManifest.xml": None}, (400, "FABRIC_E_IMAGEBUILDER_VALIDATION_ERROR")),
        ({"shop/2.0/ApplicationManifest.xml": b"<"}, (400, "FABRIC_E_IMAGEBUILDER_VALIDATION_ERROR")),
    ],
)
def test_incomplete_package_is_refused(
    change: dict[str, bytes | None], expected: tuple[int, str], driven: Driven
) -> None:
    files = {path: data for path, data in {**PACKAGE, **change}.items() if data is not None}
    upload(driven, files)
    assert provision(driven, STORED) == expected


def test_version_in_use_cannot_be_unprovisioned(driven: Driven) -> None:
    driven.start("v1")
    assert [unprovision(driven, version)[0] for version in ("v0", "v1", "v2")] == [409, 409, 200]
    driven.second = 600
    assert unprovision(driven, "v1") == IN_USE
    assert unprovision(driven, "v0") == (200, "")
    assert unprovision(driven, "v0") == NOT_FOUND
    assert statuses(driven) == {"IdleShopType v1": "Available"}
    assert driven.start("v2") == NOT_FOUND


def test_goal_of_a_rollback_is_in_use(driven: Driven) -> None:
    driven.start("v1")
    driven.second = 100
    driven.start("v2")
    assert unprovision(driven, "v2") == IN_USE


def test_asynchronous_unprovision_is_accepted(driven: Driven) -> None:
    body = {"ApplicationTypeVersion": "v2", "Async": True}
    assert driven.send("POST", "/ApplicationTypes/IdleShopType/$/Unprovision", body) == (202, "")
    assert driven.send("POST", "/ApplicationTypes/IdleShopType/$/Unprovision", {}) == (400, "E_INVALIDARG")


def manifest(driven: Driven, version: str) -> ET.Element:
    _, answer = driven.send(
        "GET", "/ApplicationTypes/IdleShopType/$/GetApplicationManifest", ApplicationTypeVersion=version
    )
    return ET.fromstring(answer["Manifest"])  # noqa: S314 - from the simulator


def test_first_manifests_declare_parameters_and_code(driven: Driven) -> None:
    names = {
        version: [
            item.attrib["Name"] for item in manifest(driven, version).iterfind("{*}Parameters/{*}Parameter")
        ]
        for version in ("v0", "v1")
    }
    assert names == {
        "v0": ["Web_InstanceCount", "Web_LogLevel"],
        "v1": ["Web_InstanceCount", "Web_LogLevel", "Api_InstanceCount"],
    }
    versions = {}
    for service in ("WebPkg", "ApiPkg"):
        query = {"ApplicationTypeVersion": "v1", "ServiceManifestName": service}
        _, answer = driven.send("GET", "/ApplicationTypes/IdleShopType/$/GetServiceManifest", **query)
        code = ET.fromstring(answer["Manifest"]).find("{*}CodePackage")  # noqa: S314 - from the simulator
        assert code is not None
        versions[service] = code.attrib["Version"]
    assert versions == {"WebPkg": "v1", "ApiPkg": "1.0"}


@pytest.mark.parametrize(
    ("call", "query", "code"),
    [
        ("GetApplicationManifest", {"ApplicationTypeVersion": "v9"}, "FABRIC_E_APPLICATION_TYPE_NOT_FOUND"),
        ("GetApplicationManifest", {}, "FABRIC_E_APPLICATION_TYPE_NOT_FOUND"),
        (
            "GetServiceManifest",
            {"ApplicationTypeVersion": "v1", "ServiceManifestName": "X"},
            "FABRIC_E_SERVICE_MANIFEST_NOT_FOUND",
        ),
    ],
)
def test_missing_manifest_is_not_found(call: str, query: dict[str, str], code: str, driven: Driven) -> None:
    assert driven.send("GET", f"/ApplicationTypes/IdleShopType/$/{call}", **query) == (404, code)


def test_unknown_type_has_no_versions(driven: Driven) -> None:
    assert driven.send("GET", "/ApplicationTypes/OtherType") == (200, {"ContinuationToken": "", "Items": []})


def test_microsofts_client_reads_types(driven: Driven) -> None:
    _, page = driven.send("GET", "/ApplicationTypes/IdleShopType")
    read = client()("PagedApplicationTypeInfoList", page)
    assert [item.status for item in read.items] == ["Available", "Available"]
    assert not list(unknown_members(read))


def test_new_application_is_created(driven: Driven) -> None:
    provision(driven, {**EXTERNAL, "ApplicationTypeName": "StoreType"})
    driven.second = 20
    body = {
        "Name": "fabric:/store",
        "TypeName": "StoreType",
        "TypeVersion": "2.0",
        "ParameterList": [{"Key": "Web_InstanceCount", "Value": "3"}],
    }
    create = "/Applications/$/Create"
    assert driven.send("POST", create, body) == (201, "")
    driven.name = "fabric:/store"
    assert driven.deployed() == ("2.0", "Ready", {"Web_InstanceCount": "3"})
    assert driven.application()["TypeName"] == driven.progress()["TypeName"] == "StoreType"
    assert driven.look() == ("RollingForwardCompleted", "2.0", "Invalid", "")
    _, page = driven.send("GET", "/Applications", version="6.1")
    assert "fabric:/store" in [item["Name"] for item in page["Items"]]
    assert driven.send("POST", create, body) == (409, "FABRIC_E_APPLICATION_ALREADY_EXISTS")
    parameters = {"Web_InstanceCount": "3", "Web_LogLevel": "Debug"}
    pairs = [{"Key": key, "Value": value} for key, value in parameters.items()]
    assert driven.start("2.0", Parameters=pairs) == (200, "")
    driven.second = 700
    assert driven.deployed() == ("2.0", "Ready", parameters)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Name": NAME}, (409, "FABRIC_E_APPLICATION_ALREADY_EXISTS")),
        ({"Name": "shop"}, (400, "FABRIC_E_INVALID_NAME_URI")),
        ({"Name": None}, (400, "E_INVALIDARG")),
        ({"TypeVersion": "v9"}, NOT_FOUND),
        ({"TypeName": "OtherType"}, NOT_FOUND),
        ({"ParameterList": [{"Key": "X", "Value": ""}]}, (400, "FABRIC_E_IMAGEBUILDER_VALIDATION_ERROR")),
        ({"ParameterList": {}}, (400, "E_INVALIDARG")),
    ],
)
def test_invalid_application_is_not_created(
    changes: dict[str, Any], expected: tuple[int, str], driven: Driven
) -> None:
    body = {"Name": "fabric:/store", "TypeName": "IdleShopType", "TypeVersion": "v1", **changes}
    assert driven.send("POST", "/Applications/$/Create", body) == expected
    assert driven.calls == []
