"""
Every call of the hook on the wire: literals, what Microsoft's client sends, and the same for both transports.

Bodies are compared with Microsoft's client in tests/releases. Here the path, the method and the version are.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from azure.servicefabric import ServiceFabricClientAPIs, models
from msrest.authentication import Authentication

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.releases import ApplicationHealthPolicy, MonitoringPolicy
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.releases.compose_upgrade import ComposeUpgrade
from airflow_provider_sf.releases.new_application import NewApplication
from airflow_provider_sf.releases.packages import ExternalPackage, ImageStorePackage
from airflow_provider_sf.releases.upgrade_update import UpgradeUpdate
from tests.scripted_gateway import ScriptedGateway, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

APP, ID = "fabric:/shop/web", "shop~web"
UPGRADE = ApplicationUpgrade(
    name=APP,
    target_version="v2",
    parameters={"Web_InstanceCount": "3"},
    monitoring_policy=MonitoringPolicy(health_check_wait=timedelta(0)),
)
MANIFEST = (
    '<ClusterManifest xmlns="http://schemas.microsoft.com/2011/01/fabric"><FabricSettings>'
    '<Section Name="Management"><Parameter Name="ImageStoreConnectionString" Value="fabric:ImageStore"/>'
    "</Section></FabricSettings></ClusterManifest>"
)
SUMMARY = (
    "&NodesHealthStateFilter=1&ApplicationsHealthStateFilter=1&EventsHealthStateFilter=1"
    "&ExcludeHealthStatistics=true"
)
PROGRESS = {"Name": APP, "UpgradeState": "RollingForwardCompleted", "TargetApplicationTypeVersion": "v1"}


@dataclass(frozen=True)
class Example:
    """A call of the hook, and what it sends. ``theirs`` does the same with Microsoft's client."""

    call: str
    arguments: tuple[Any, ...]
    line: str
    theirs: Callable[[Any], object]
    keywords: dict[str, Any] = field(default_factory=dict)
    body: str = ""
    """The exact start of the body."""
    answer: object = None
    status: int = 200


EXAMPLES = [
    Example(
        "get_upgrade_progress",
        ("shop",),
        "GET /Resources/Applications/shop/$/GetUpgradeProgress?api-version=7.0&timeout=25",
        lambda _: "GET /Resources/Applications/shop/$/GetUpgradeProgress?api-version=7.0",  # not in 8.2.0.0
        answer=PROGRESS,
    ),
    Example(
        "get_cluster_version",
        (),
        "GET /$/GetClusterVersion?api-version=6.4&timeout=25",
        lambda api: api.get_cluster_version(),
        answer={"Version": "10.1"},
    ),
    Example(
        "get_application",
        (APP,),
        "GET /Applications/shop~web?api-version=6.0&timeout=25",
        lambda api: api.get_application_info(ID),
        answer={"Name": APP},
    ),
    Example(
        "list_applications",
        (),
        "GET /Applications?api-version=6.1&timeout=25",
        lambda api: api.get_application_info_list(),
        answer={"Items": []},
    ),
    Example(
        "get_application_health",
        (APP,),
        "GET /Applications/shop~web/$/GetHealth?api-version=6.0&timeout=25",
        lambda api: api.get_application_health(ID),
        answer={},
    ),
    Example(
        "get_application_health",
        (APP,),
        "POST /Applications/shop~web/$/GetHealth?api-version=6.0&timeout=25",
        lambda api: api.get_application_health_using_policy(ID),
        {"policy": ApplicationHealthPolicy(consider_warning_as_error=True)},
        body='{"ConsiderWarningAsError": true, ',
        answer={},
    ),
    Example(
        "get_health",
        (APP,),
        "GET /Applications/shop~web/$/GetHealth?api-version=6.0&timeout=25",
        lambda api: api.get_application_health(ID),
        {"kind": "application"},
        answer={},
    ),
    Example(
        "get_cluster_health",
        (),
        f"GET /$/GetClusterHealth?api-version=6.0&timeout=25{SUMMARY}",
        lambda api: api.get_cluster_health(),
        answer={"AggregatedHealthState": "Ok"},
    ),
    Example(
        "get_cluster_health",
        (),
        f"POST /$/GetClusterHealth?api-version=6.0&timeout=25{SUMMARY}",
        lambda api: api.get_cluster_health_using_policy(),
        {"policy": {"MaxPercentUnhealthyNodes": 10}},
        body='{"ClusterHealthPolicy": {"MaxPercentUnhealthyNodes": 10}}',
        answer={"AggregatedHealthState": "Ok"},
    ),
    Example(
        "get_cluster_manifest",
        (),
        "GET /$/GetClusterManifest?api-version=6.0&timeout=25",
        lambda api: api.get_cluster_manifest(),
        answer={"Manifest": MANIFEST},
    ),
    Example(
        "get_cluster_setting",
        ("Management", "ImageStoreConnectionString"),
        "GET /$/GetClusterManifest?api-version=6.0&timeout=25",
        lambda api: api.get_cluster_manifest(),
        answer={"Manifest": MANIFEST},
    ),
    Example(
        "list_nodes",
        (),
        "GET /Nodes?api-version=6.3&timeout=25",
        lambda api: api.get_node_info_list(),
        answer={"Items": [{"Name": "_Node_0"}]},
    ),
    Example(
        "list_repair_tasks",
        (),
        "GET /$/GetRepairTaskList?api-version=6.0&timeout=25",
        lambda api: api.get_repair_task_list(),
        answer=[{"TaskId": "a", "State": "Completed", "Action": "System.Reboot"}],
    ),
    Example(
        "get_compose_deployment",
        ("shop",),
        "GET /ComposeDeployments/shop?api-version=6.0-preview&timeout=25",
        lambda api: api.get_compose_deployment_status("shop"),
        answer={"Name": "shop", "Status": "Ready"},
    ),
    Example(
        "start_application_upgrade",
        (UPGRADE,),
        "POST /Applications/shop~web/$/Upgrade?api-version=6.0&timeout=300",
        lambda api: api.start_application_upgrade(
            ID, models.ApplicationUpgradeDescription(name=APP, target_application_type_version="v2", parameters=[])
        ),
        body=(
            '{"UpgradeKind": "Rolling", "Name": "fabric:/shop/web", "TargetApplicationTypeVersion": "v2", '
            '"Parameters": [{"Key": "Web_InstanceCount", "Value": "3"}], "RollingUpgradeMode": "Monitored", '
        ),
    ),
    Example(
        "update_application_upgrade",
        (UpgradeUpdate(name=APP, mode="Monitored", upgrade_timeout=timedelta(hours=4)),),
        "POST /Applications/shop~web/$/UpdateUpgrade?api-version=6.0&timeout=600",
        lambda api: api.update_application_upgrade(
            ID, models.ApplicationUpgradeUpdateDescription(name=APP, upgrade_kind="Rolling")
        ),
        {"timeout": 600},
        body='{"UpgradeKind": "Rolling", "Name": "fabric:/shop/web", ',
    ),
    Example(
        "resume_application_upgrade",
        (APP, "UD1"),
        "POST /Applications/shop~web/$/MoveToNextUpgradeDomain?api-version=6.0&timeout=300",
        lambda api: api.resume_application_upgrade(ID, "UD1"),
        body='{"UpgradeDomainName": "UD1"}',
    ),
    Example(
        "rollback_application_upgrade",
        (APP,),
        "POST /Applications/shop~web/$/RollbackUpgrade?api-version=6.0&timeout=300",
        lambda api: api.rollback_application_upgrade(ID),
    ),
    Example(
        "create_application",
        (NewApplication(name=APP, type_name="ShopType", type_version="v1"),),
        "POST /Applications/$/Create?api-version=6.0&timeout=300",
        lambda api: api.create_application(models.ApplicationDescription(name=APP, type_name="ShopType", type_version="v1")),
        body='{"Name": "fabric:/shop/web", "TypeName": "ShopType", "TypeVersion": "v1"',
        status=201,
    ),
    Example(
        "start_compose_upgrade",
        (ComposeUpgrade(name="shop", compose_file="version: '3'", monitoring_policy=MonitoringPolicy()),),
        "POST /ComposeDeployments/shop/$/Upgrade?api-version=6.0-preview&timeout=300",
        lambda api: api.start_compose_deployment_upgrade(
            "shop",
            models.ComposeDeploymentUpgradeDescription(
                deployment_name="shop", compose_file_content="x", upgrade_kind="Rolling"
            ),
        ),
        body='{"UpgradeKind": "Rolling", "DeploymentName": "shop", "ComposeFileContent": "version: \'3\'"',
        status=202,
    ),
    Example(
        "rollback_compose_upgrade",
        ("shop",),
        "POST /ComposeDeployments/shop/$/RollbackUpgrade?api-version=6.4-preview&timeout=300",
        lambda api: api.start_rollback_compose_deployment_upgrade("shop"),
    ),
    Example(
        "apply_application_resource",
        ("shop", {"name": "shop", "properties": {"services": []}}),
        "PUT /Resources/Applications/shop?api-version=6.4-preview&timeout=300",
        lambda api: api.mesh_application.create_or_update("shop", models.ApplicationResourceDescription(name="shop")),
        body='{"name": "shop", "properties": {"services": []}}',
        status=202,
    ),
    Example(
        "list_application_types",
        (),
        "GET /ApplicationTypes?api-version=6.0&timeout=25",
        lambda api: api.get_application_type_info_list(),
        answer={"Items": []},
    ),
    Example(
        "list_application_types",
        ("ShopType",),
        "GET /ApplicationTypes/ShopType?api-version=6.0&timeout=25",
        lambda api: api.get_application_type_info_list_by_name("ShopType"),
        answer={"Items": []},
    ),
    Example(
        "get_application_type",
        ("ShopType", "1.0"),
        "GET /ApplicationTypes/ShopType?api-version=6.0&timeout=25&ApplicationTypeVersion=1.0",
        lambda api: api.get_application_type_info_list_by_name("ShopType", application_type_version="1.0"),
        answer={"Items": []},
    ),
    Example(
        "get_application_manifest",
        ("ShopType", "1.0"),
        "GET /ApplicationTypes/ShopType/$/GetApplicationManifest?api-version=6.0"
        "&timeout=25&ApplicationTypeVersion=1.0",
        lambda api: api.get_application_manifest("ShopType", "1.0"),
        answer={"Manifest": "<ApplicationManifest/>"},
    ),
    Example(
        "get_service_manifest",
        ("ShopType", "1.0", "WebPkg"),
        "GET /ApplicationTypes/ShopType/$/GetServiceManifest?api-version=6.0"
        "&timeout=25&ApplicationTypeVersion=1.0&ServiceManifestName=WebPkg",
        lambda api: api.get_service_manifest("ShopType", "1.0", "WebPkg"),
        answer={"Manifest": "<ServiceManifest/>"},
    ),
    Example(
        "provision_application_type",
        (ImageStorePackage("shop/2.0"),),
        "POST /ApplicationTypes/$/Provision?api-version=6.2&timeout=300",
        lambda api: api.provision_application_type(
            models.ProvisionApplicationTypeDescription(async_property=True, application_type_build_path="shop/2.0")
        ),
        body='{"Kind": "ImageStorePath", "Async": true, "ApplicationTypeBuildPath": "shop/2.0"',
        status=202,
    ),
    Example(
        "provision_application_type",
        (ExternalPackage("https://host/shop.sfpkg?sig=a", "ShopType", "2.0"),),
        "POST /ApplicationTypes/$/Provision?api-version=6.2&timeout=300",
        lambda api: api.provision_application_type(
            models.ExternalStoreProvisionApplicationTypeDescription(
                async_property=True,
                application_package_download_uri="https://host/shop.sfpkg?sig=a",
                application_type_name="ShopType",
                application_type_version="2.0",
            )
        ),
        body=(
            '{"Kind": "ExternalStore", "Async": true, '
            '"ApplicationPackageDownloadUri": "https://host/shop.sfpkg?sig=a", '
            '"ApplicationTypeName": "ShopType", "ApplicationTypeVersion": "2.0"}'
        ),
        status=202,
    ),
    Example(
        "unprovision_application_type",
        ("ShopType", "1.0"),
        "POST /ApplicationTypes/ShopType/$/Unprovision?api-version=6.0&timeout=300",
        lambda api: api.unprovision_application_type(
            "ShopType", models.UnprovisionApplicationTypeDescriptionInfo(application_type_version="1.0")
        ),
        body='{"ApplicationTypeVersion": "1.0", "Async": false}',
    ),
    Example(
        "list_image_store",
        (),
        "GET /ImageStore?api-version=6.0&timeout=25",
        lambda api: api.get_image_store_root_content(),
        answer={"StoreFiles": [], "StoreFolders": []},
    ),
    Example(
        "list_image_store",
        ("shop/2.0",),
        "GET /ImageStore/shop/2.0?api-version=6.2&timeout=25",
        lambda api: api.get_image_store_content("shop/2.0"),
        answer={"StoreFiles": [], "StoreFolders": []},
    ),
    Example(
        "delete_image_store_path",
        ("shop/2.0",),
        "DELETE /ImageStore/shop/2.0?api-version=6.0&timeout=300",
        lambda api: api.delete_image_store_content("shop/2.0"),
    ),
]  # fmt: skip

WITHOUT_TWIN = {
    "aget_progress_response",
    "cached_cluster",
    "get_conn",
    "get_failure_details",
    "get_ui_field_behaviour",
    "test_connection",
}
OURS = "airflow_provider_sf.hooks."


def call(example: Example) -> Any:
    return getattr(ServiceFabricHook(), example.call)(*example.arguments, **example.keywords)


def acall(example: Example) -> Any:
    return asyncio.run(
        getattr(ServiceFabricHook(), f"a{example.call}")(*example.arguments, **example.keywords)
    )


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Example], ScriptedGateway]]:
    """Start a gateway that answers an example, behind the default connection."""
    made: list[ScriptedGateway] = []

    def make(example: Example) -> ScriptedGateway:
        body = b"" if example.answer is None else json.dumps(example.answer).encode()
        head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (example.status, len(body))
        made.append(ScriptedGateway(Turn((head + body,))))
        monkeypatch.setenv(
            "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT",
            json.dumps({"conn_type": "service_fabric", "host": made[-1].url}),
        )
        return made[-1]

    yield make
    for server in made:
        server.close()


def request_of(server: ScriptedGateway) -> tuple[str, dict[str, str], str]:
    """Return the only request: its first line, its headers in lower case without Host, its body."""
    (request,) = server.received
    head, _, body = request.decode().partition("\r\n\r\n")
    line, *rest = head.split("\r\n")
    headers = dict(header.lower().split(": ", 1) for header in rest)
    headers.pop("host")
    headers.pop("connection", None)  # of aiohttp
    return line.removesuffix(" HTTP/1.1"), headers, body


def comparable(result: Any) -> object:
    """Return a result without the time and the gateway of an observation."""
    return {**result.to_dict(), "observed_at": "", "endpoint": ""} if hasattr(result, "to_dict") else result


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.call} {example.line[:4]}")
def test_both_transports_send_the_documented_request(example: Example, gateway: Any) -> None:
    first = gateway(example)
    result = call(example)
    second = gateway(example)
    assert comparable(acall(example)) == comparable(result)
    line, headers, body = request_of(first)
    assert request_of(second) == (line, headers, body)
    assert line == example.line
    assert body.startswith(example.body)
    assert bool(body) is bool(example.body)
    if body:
        assert headers["content-type"] == "application/json; charset=utf-8"
    if not line.startswith("GET"):
        assert headers["content-length"] == str(len(body.encode()))
    assert "transfer-encoding" not in headers


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.call} {example.line[:4]}")
def test_microsofts_client_sends_the_same_line(example: Example, gateway: Any) -> None:
    """
    Except the time limit, the filters that it names with their defaults, and slashes in an image store.

    It quotes these slashes where it lists and deletes. Where sfctl uploads files, it does not.
    """
    server = gateway(example)
    client = ServiceFabricClientAPIs(Authentication(), base_url=server.url)
    client.config.retry_policy.retries = 0
    theirs = example.theirs(client)
    line = theirs if isinstance(theirs, str) else request_of(server)[0]
    assert line.partition("&")[0].replace("%2F", "/") == example.line.partition("&")[0]


@pytest.mark.parametrize("description", [{}, {"name": "other"}, {"name": None}])
@pytest.mark.parametrize("send", [call, acall])
def test_resource_must_have_the_name_of_its_path(send: Any, description: Any, gateway: Any) -> None:
    """The gateway answers with an error that has no text."""
    example = Example("apply_application_resource", ("shop", description), "", lambda _: None)
    server = gateway(example)
    with pytest.raises(ValueError, match=r"^name must be .*, as in the description, not 'shop'$"):
        send(example)
    assert server.received == []


def methods() -> dict[str, Any]:
    """Return the public methods of the hook that this package defines."""
    found = inspect.getmembers(ServiceFabricHook, callable)
    return {
        name: method
        for name, method in found
        if not name.startswith("_") and getattr(method, "__module__", "").startswith(OURS)
    }


def test_every_call_has_an_asynchronous_twin() -> None:
    """With the same signature and a docstring that names the first one."""
    found = methods()
    twins = {name for name, method in found.items() if inspect.iscoroutinefunction(method)} - WITHOUT_TWIN
    assert {name[1:] for name in twins} == found.keys() - twins - WITHOUT_TWIN
    for name in twins:
        assert inspect.signature(found[name]) == inspect.signature(found[name[1:]]), name
        assert f"Like :meth:`{name[1:]}`" in (found[name].__doc__ or ""), name


def test_every_call_has_an_example() -> None:
    """Except the two that send several requests; they have tests of their own."""
    several = {"upload_application_package", "plan_application_upgrade"}
    own = methods().keys() - WITHOUT_TWIN - several
    assert {example.call for example in EXAMPLES} == {
        name for name in own if not inspect.iscoroutinefunction(methods()[name])
    }
