"""The plan of an upgrade: what changes, what restarts, what would be refused. And its lines in the log."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_sf.messages.plans import plan_lines
from airflow_provider_sf.releases import MonitoringPolicy
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.releases.manifests import ApplicationManifest, ServiceManifest
from airflow_provider_sf.releases.plan import PlanInputs, UpgradePlan, plan_of
from airflow_provider_sf.releases.upgrade_plan import (
    PackageChange,
    ParameterChanges,
    PlannedDomain,
    ServiceChanges,
)
from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.application_types import ApplicationType
from airflow_provider_sf.upgrades.applications import Application, ApplicationHealth
from airflow_provider_sf.upgrades.nodes import Node

SECRET = "s3cr3t"
NAMESPACE = 'xmlns="http://schemas.microsoft.com/2011/01/fabric"'


def application_xml(version: str, parameters: dict[str, str], services: dict[str, str]) -> str:
    """Return a manifest as Visual Studio writes it: service -> number of instances, or a parameter."""
    declared = "".join(
        f'<Parameter Name="{name}" DefaultValue="{value}" />' for name, value in parameters.items()
    )
    created = "".join(
        f'<Service Name="{name}"><StatelessService ServiceTypeName="{name}Type" InstanceCount="{instances}">'
        "<SingletonPartition /></StatelessService></Service>\n"
        for name, instances in services.items()
    )
    return f"""\
<?xml version="1.0" encoding="utf-8"?>
<ApplicationManifest {NAMESPACE} ApplicationTypeName="ShopType" ApplicationTypeVersion="{version}">
  <Parameters>{declared}</Parameters>
  <ServiceManifestImport>
    <ServiceManifestRef ServiceManifestName="WebPkg" ServiceManifestVersion="{version}" />
  </ServiceManifestImport>
  <DefaultServices>
    {created}
  </DefaultServices>
</ApplicationManifest>"""


def service_xml(name: str, code: str, config: str | None = "1.0") -> str:
    configuration = f'<ConfigPackage Name="Config" Version="{config}" />' if config else ""
    return f"""\
<ServiceManifest {NAMESPACE} Name="{name}" Version="1.0">
  <ServiceTypes><StatelessServiceType ServiceTypeName="{name}Type" /></ServiceTypes>
  <CodePackage Name="Code" Version="{code}"><EntryPoint /></CodePackage>
  {configuration}
  <DataPackage Name="Data" Version="1.0" />
</ServiceManifest>"""


OLD = application_xml("v0", {"Web_InstanceCount": "-1"}, {"Web": "[Web_InstanceCount]"})
NEW = application_xml(
    "v1", {"Web_InstanceCount": "-1", "Api_InstanceCount": "1"}, {"Web": "[Web_InstanceCount]", "Api": "1"}
)
DEPLOYED = {"Web_InstanceCount": "3", "Key": SECRET}
NODES = [Node(f"N{number}", "Web", "Up", "Ok", f"UD{number % 2 + 9}") for number in range(4)]
INPUTS = PlanInputs(
    upgrade=ApplicationUpgrade(
        name="shop~web",
        target_version="v1",
        parameters={"Web_InstanceCount": "3", "Api_InstanceCount": "2"},
        monitoring_policy=MonitoringPolicy(health_check_wait=timedelta(minutes=1)),
    ),
    application=Application("fabric:/shop/web", "shop~web", "ShopType", "v0", "Ready", "Ok", DEPLOYED),
    progress=UpgradeProgress.from_answer(
        "application", "fabric:/shop/web", {"UpgradeState": "RollingForwardCompleted"}
    ),
    target_type=ApplicationType("ShopType", "v1", "Available"),
    manifests=(OLD, NEW),
    service_manifests=(
        {"WebPkg": service_xml("WebPkg", "1.0"), "ApiPkg": service_xml("ApiPkg", "1.0")},
        {"WebPkg": service_xml("WebPkg", "2.0"), "ApiPkg": service_xml("ApiPkg", "1.0", "1.1")},
    ),
    nodes=NODES,
    health=ApplicationHealth("fabric:/shop/web", "Ok"),
)


def with_upgrade(**values: Any) -> PlanInputs:
    return replace(INPUTS, upgrade=replace(INPUTS.upgrade, **values))


def test_plan_has_all_parts() -> None:
    assert plan_of(INPUTS) == UpgradePlan(
        name="fabric:/shop/web",
        type_name="ShopType",
        current_version="v0",
        target_version="v1",
        mode="Monitored",
        is_deployed=False,
        parameters=ParameterChanges(added=("Api_InstanceCount",), reset=("Key",)),
        packages=(
            PackageChange("ApiPkg", "config", "Config", "1.0", "1.1"),
            PackageChange("WebPkg", "code", "Code", "1.0", "2.0"),
        ),
        restarts=("WebPkg",),
        default_services=ServiceChanges(added=("Api",)),
        updates_default_services=False,
        domains=(PlannedDomain("UD9", ("N0", "N2")), PlannedDomain("UD10", ("N1", "N3"))),
        health_state="Ok",
        minimum_seconds=360.0,
    )


def test_plan_is_stored_without_values() -> None:
    stored = json.dumps(plan_of(INPUTS).to_dict())
    assert SECRET not in stored
    assert SECRET not in "".join(plan_lines(plan_of(INPUTS)))
    assert UpgradePlan.from_dict(json.loads(stored)) == plan_of(INPUTS)
    assert json.loads(stored)["schema"] == "service_fabric.upgrade_plan/1"


def test_plan_is_shown_as_table() -> None:
    assert list(plan_lines(plan_of(INPUTS))) == [
        "Plan of application 'fabric:/shop/web' from v0 to v1: no problems found; nothing was changed",
        "  type              ShopType, mode Monitored",
        "  parameters        added: Api_InstanceCount; set to their defaults: Key",
        "  restart           WebPkg",
        "  config package    ApiPkg/Config from 1.0 to 1.1",
        "  code package      WebPkg/Code from 1.0 to 2.0",
        "  default services  added: Api (EnableDefaultServicesUpgrade is false)",
        "  domain 1          UD9: N0, N2",
        "  domain 2          UD10: N1, N3",
        "  health now        Ok",
        "  shortest duration 6m00s for health checks, without the upgrade",
    ]


def test_smallest_plan_needs_no_manifests() -> None:
    inputs = PlanInputs(
        upgrade=replace(INPUTS.upgrade, mode="UnmonitoredAuto", monitoring_policy=None, parameters=DEPLOYED),
        application=INPUTS.application,
        progress=INPUTS.progress,
        target_type=INPUTS.target_type,
    )
    assert list(plan_lines(plan_of(inputs))) == [
        "Plan of application 'fabric:/shop/web' from v0 to v1: no problems found; nothing was changed",
        "  type              ShopType, mode UnmonitoredAuto",
        "  parameters        unchanged",
        "  restart           no processes",
    ]


def test_forced_restart_includes_configuration() -> None:
    assert plan_of(with_upgrade(force_restart=True)).restarts == ("ApiPkg", "WebPkg")


def test_new_service_does_not_restart() -> None:
    """It is not running yet, and a removed one does not run any longer."""
    web = service_xml("WebPkg", "1.0")
    inputs = replace(
        INPUTS,
        service_manifests=(
            {"WebPkg": web, "OldPkg": service_xml("OldPkg", "1", None)},
            {"WebPkg": web, "ApiPkg": service_xml("ApiPkg", "1", None)},
        ),
    )
    plan = plan_of(inputs)
    assert plan.restarts == ()
    lines = list(plan_lines(plan))
    assert "  code package      ApiPkg/Code is new: 1" in lines
    assert "  data package      OldPkg/Data is removed: 1.0" in lines


@pytest.mark.parametrize(
    ("order", "domains"),
    [
        ("Default", ["UD2", "UD9", "UD10"]),
        ("Numeric", ["UD2", "UD9", "UD10"]),
        ("ReverseNumeric", ["UD10", "UD9", "UD2"]),
        ("Lexicographical", ["UD10", "UD2", "UD9"]),
        ("ReverseLexicographical", ["UD9", "UD2", "UD10"]),
    ],
)
def test_domains_have_requested_order(order: str, domains: list[str]) -> None:
    nodes = [*NODES, Node("N9", status="Up", upgrade_domain="UD2"), Node(None, status="Up")]
    plan = plan_of(replace(with_upgrade(sort_order=order), nodes=nodes))
    assert [domain.name for domain in plan.domains] == domains


def test_deployed_version_is_predicted() -> None:
    """Service Fabric adds the defaults of the manifest before it compares."""
    same = with_upgrade(target_version="v0", parameters={**DEPLOYED, "Extra": "e"})
    manifest = application_xml("v0", {"Extra": "e"}, {})
    same = replace(same, manifests=(manifest, manifest))
    assert plan_of(same).is_deployed
    assert not plan_of(replace(same, manifests=None)).is_deployed
    assert not plan_of(with_upgrade(target_version="v0")).is_deployed
    failed = UpgradeProgress.from_answer("application", "shop/web", {"UpgradeState": "Failed"})
    assert not plan_of(replace(same, progress=failed)).is_deployed


PENDING = {"UpgradeState": "RollingBackInProgress"}


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        (
            replace(INPUTS, target_type=None),
            "ShopType 'v1' is not provisioned, so Service Fabric refuses the upgrade; provision it first",
        ),
        (
            replace(INPUTS, target_type=ApplicationType("ShopType", "v1", "Provisioning")),
            "ShopType 'v1' is Provisioning, not Available; wait until it is, or provision it again",
        ),
        (
            replace(INPUTS, target_type=ApplicationType("ShopType", "v1", "Failed", "no such\nfile")),
            "ShopType 'v1' is Failed, not Available: no such file; wait until it is, or provision it again",
        ),
        (
            replace(INPUTS, progress=UpgradeProgress.from_answer("application", "shop/web", PENDING)),
            "another upgrade is in progress (RollingBackInProgress); wait for its end, or roll it back",
        ),
        (
            replace(
                INPUTS,
                progress=UpgradeProgress.from_answer(
                    "application", "shop/web", {**PENDING, "StartTimestampUtc": "2026-03-01T03:00:00Z"}
                ),
            ),
            ("another upgrade is in progress (RollingBackInProgress, started at 2026-03-01T03:00:00Z); "
            "wait for its end, or roll it back"),
        ),
        (
            replace(with_upgrade(target_version="v0", parameters=DEPLOYED), manifests=None, target_type=ApplicationType("ShopType", "v0", "Available")),
            "version and parameters are deployed already, so there is nothing to do; change one of them",
        ),
        (
            with_upgrade(parameters={"Web_InstanceCount": "3", "Wrong": SECRET}),
            ("'Wrong': the manifest of 'v1' does not declare such parameters, so Service Fabric refuses the "
            "upgrade; remove them"),
        ),
        (
            with_upgrade(parameters={"Web_InstanceCount": "5"}),
            ("'Web': default services may not change, so Service Fabric refuses the upgrade; set "
            "ClusterManager/EnableDefaultServicesUpgrade of the cluster to true, or keep their descriptions"),
        ),
        (
            replace(INPUTS, manifests=(NEW, OLD), upgrade=replace(INPUTS.upgrade, parameters={"Web_InstanceCount": "3"}), updates_default_services=True),
            ("'Api': these default services are not in the new manifest, so Service Fabric deletes them and "
            "their state; keep them in the manifest if you need them"),
        ),
        (
            replace(INPUTS, health=ApplicationHealth("fabric:/shop/web", "Error", ("web is down",))),
            ("the application is in the health state Error (web is down), so a monitored upgrade fails its "
            "first health check unless it repairs that; repair it first, or set health_policy"),
        ),
        (
            replace(INPUTS, nodes=[Node(f"N{number}", status="Down", upgrade_domain="0") for number in range(8)]),
            ("'N0', 'N1', 'N2', 'N3', 'N4', 'N5', and 2 more: these nodes are not Up, so the upgrade may wait "
            "for them; repair them first"),
        ),
    ],
)  # fmt: skip
def test_problem_is_a_sentence(inputs: PlanInputs, problem: str) -> None:
    plan = plan_of(inputs)
    assert plan.problems == (problem,)
    lines = list(plan_lines(plan))
    assert lines[0].endswith(": 1 problem; nothing was changed")
    assert lines[1] == f"  problem           {problem[0].upper()}{problem[1:]}"


def test_changed_services_are_allowed_by_setting() -> None:
    plan = plan_of(
        replace(with_upgrade(parameters={"Web_InstanceCount": "5"}), updates_default_services=True)
    )
    assert plan.default_services.changed == ("Web",)
    assert plan.problems == ()


def test_layout_of_manifest_is_no_change() -> None:
    """Blanks, comments, the order of attributes and the prefix of the namespace do not count."""
    changed = OLD.replace(
        "<SingletonPartition />", "<!-- one -->\n  <SingletonPartition></SingletonPartition>"
    ).replace(
        'ServiceTypeName="WebType" InstanceCount="[Web_InstanceCount]"',
        'InstanceCount="[Web_InstanceCount]"  ServiceTypeName="WebType"',
    )
    plan = plan_of(replace(with_upgrade(parameters=DEPLOYED), manifests=(OLD, changed)))
    assert plan.default_services == ServiceChanges()


@pytest.mark.parametrize("literal", ["[Place]", "(A &gt; 1) &amp;&amp; (B == &quot;x&quot;)"])
def test_parameter_as_text_is_compared(literal: str) -> None:
    """A placement constraint is the text of an element. It may contain characters that XML escapes."""
    element = "<SingletonPartition /><PlacementConstraints>{}</PlacementConstraints>"
    old, new = (OLD.replace("<SingletonPartition />", element.format(text)) for text in ("[Place]", literal))
    inputs = replace(INPUTS, manifests=(old, new))
    same = {**DEPLOYED, "Place": '(A > 1) && (B == "x")'}
    application = replace(inputs.application, parameters=same)
    changed = {**same, "Place": "(A > 2)"}
    for parameters, services in ((same, ()), (changed, ("Web",) if literal == "[Place]" else ())):
        upgrade = replace(inputs.upgrade, parameters=parameters)
        plan = plan_of(replace(inputs, application=application, upgrade=upgrade))
        assert plan.default_services.changed == services


def test_large_plan_is_cut() -> None:
    many = {f"P{number:03}": "1" for number in range(250)}
    nodes = [Node(f"N{number:03}", status="Up", upgrade_domain=f"UD{number % 21}") for number in range(2_500)]
    packages = {f"S{number:03}": service_xml("S", "2") for number in range(60)}
    old = {name: service_xml("S", "1", "2") for name in packages}
    inputs = replace(with_upgrade(parameters=many), nodes=nodes, service_manifests=(old, packages))
    plan = plan_of(inputs)
    assert len(plan.parameters.added) == len(plan.parameters.unknown) == len(plan.packages) == 100
    assert len(plan.domains) == 21
    assert len(plan.domains[0].nodes) == 100
    assert plan.omitted == 150 + 150 + 20 + (2_500 - 2_100)
    lines = list(plan_lines(plan))
    assert lines[-1] == "  omitted           720 more items, which the XCom does not have either"
    assert "  packages          and 80 more" in lines
    assert "  domains           and 1 more" in lines


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("", "expected ApplicationManifest, got text that is not XML: .*"),
        ("<ApplicationManifest", "expected ApplicationManifest, got text that is not XML: .*"),
        ("<a:b/>", "expected ApplicationManifest, got text that is not XML: .*"),
        ("<ServiceManifest />", "expected ApplicationManifest, got XML with the root 'ServiceManifest'"),
        (
            '<!DOCTYPE a [<!ENTITY b "b">]><ApplicationManifest />',
            "expected ApplicationManifest, got XML with a document type definition",
        ),
        (
            "<ApplicationManifest>" + " " * 2**24 + "</ApplicationManifest>",
            "expected ApplicationManifest, got more than 16 MiB",
        ),
    ],
)
def test_other_xml_is_refused(manifest: str, message: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=f"^{message}$"):
        ApplicationManifest.from_xml(manifest)


def test_manifest_with_byte_order_mark_is_read() -> None:
    manifest = ApplicationManifest.from_xml("\ufeff" + NEW)
    assert (manifest.type_name, manifest.version) == ("ShopType", "v1")
    assert manifest.service_manifests == {"WebPkg": "v1"}
    assert SECRET not in repr(replace(manifest, parameters={"Key": SECRET}))


def test_service_manifest_has_three_kinds() -> None:
    manifest = ServiceManifest.from_xml(service_xml("WebPkg", "2.0"))
    assert (manifest.name, manifest.version) == ("WebPkg", "1.0")
    assert manifest.packages == {
        ("code", "Code"): "2.0",
        ("config", "Config"): "1.0",
        ("data", "Data"): "1.0",
    }


def test_value_is_no_reference_to_parameter() -> None:
    """Each reference is replaced once."""
    services = {"Web": "[Web_InstanceCount]", "Api": "[Unknown]"}
    manifest = ApplicationManifest.from_xml(
        application_xml("v0", {"Web_InstanceCount": "1", "Other": "2"}, services)
    )
    found = manifest.services_with({"Web_InstanceCount": "[Other]"})
    assert 'InstanceCount="[Other]"' in found["Web"]
    assert 'InstanceCount="[Unknown]"' in found["Api"]
