"""The operators for application types and their packages, on a simulated cluster."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.exceptions import ChangeRefused, CreationFailed, ProvisionFailed
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.operators.application_types import ServiceFabricProvisionApplicationTypeOperator
from airflow_provider_sf.operators.create_application import ServiceFabricCreateApplicationOperator
from airflow_provider_sf.operators.packages import ServiceFabricUploadApplicationPackageOperator
from airflow_provider_sf.operators.unprovision import ServiceFabricUnprovisionApplicationTypeOperator
from airflow_provider_sf.operators.upgrade_application import ServiceFabricUpgradeApplicationOperator
from airflow_provider_sf.releases import ExternalPackage
from airflow_provider_sf.releases.manifests import manifest_hash
from airflow_provider_sf.releases.start_report import version_before
from airflow_provider_sf.rest import Rejected
from airflow_provider_sf.simulator.responses import CREATED, NO_CONTENT, fabric_error, json_response

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_sf.simulator import Simulator
    from airflow_provider_sf.simulator.responses import HttpResponse
    from tests.scripted_cluster import ScriptedCluster

TYPE = "IdleShopType"
BAD = fabric_error(400, "E_INVALIDARG", "bad")
APP = "fabric:/idle-shop/web"
URI = "https://storage.example/shop.sfpkg?sig=super-secret-signature&se=2026"
MANIFEST = """\
<ApplicationManifest xmlns="http://schemas.microsoft.com/2011/01/fabric"
    ApplicationTypeName="StoreType" ApplicationTypeVersion="2.0">
  <Parameters><Parameter Name="Count" DefaultValue="5" /></Parameters>
</ApplicationManifest>
"""


@pytest.fixture(autouse=True)
def moving_pauses(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pauses of the task move the clock of the cluster. They are replaced, as they take minutes."""

    def sleep(seconds: float) -> None:
        clock.now += seconds

    times = SimpleNamespace(sleep=sleep, monotonic=lambda: clock.now)
    monkeypatch.setattr("airflow_provider_sf.operators.polling.time", times)


@pytest.fixture
def calls(simulator: Simulator) -> Callable[[], list[str]]:
    """Return the changes that the cluster has accepted, except files."""
    return lambda: [command.call for command in simulator.journal if command.call != "upload_file"]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "ApplicationManifest.xml").write_text(MANIFEST)
    return tmp_path


def upload(package: Path, **keywords: Any) -> ServiceFabricUploadApplicationPackageOperator:
    return ServiceFabricUploadApplicationPackageOperator(task_id="upload", package=str(package), **keywords)


class LoggedProvision(ServiceFabricProvisionApplicationTypeOperator):
    """Logs to the standard library, where caplog sees it: Airflow versions differ."""

    log = logging.getLogger("test")  # type: ignore[assignment]


def provision(version: str = "2.0", **keywords: Any) -> ServiceFabricProvisionApplicationTypeOperator:
    values = {"type_name": TYPE, "package_uri": URI, **keywords}
    return LoggedProvision(task_id="provision", type_version=version, **values)


def unprovision(**keywords: Any) -> ServiceFabricUnprovisionApplicationTypeOperator:
    values = {"type_name": TYPE, **keywords}
    return ServiceFabricUnprovisionApplicationTypeOperator(task_id="unprovision", **values)


def create(**keywords: Any) -> ServiceFabricCreateApplicationOperator:
    values = {"name": "fabric:/store", "type_name": TYPE, "type_version": "v1", **keywords}
    return ServiceFabricCreateApplicationOperator(task_id="create", **values)


def versions(simulator: Simulator) -> list[str]:
    return [version for name, version in simulator.state().types(TYPE) if name == TYPE]


# Upload.


def test_upload_and_provision(package: Path, context: Any, calls: Any) -> None:
    uploaded = upload(package).execute(context)
    assert uploaded.pop("image_store_path").startswith("StoreType/2.0-")
    assert uploaded == {
        "type_name": "StoreType",
        "type_version": "2.0",
        "manifest_sha256": manifest_hash(MANIFEST),
        "files": 1,
        "bytes": len(MANIFEST),
    }
    uploaded = upload(package).execute(context)
    task = provision(
        "2.0",
        type_name="StoreType",
        package_uri=None,
        image_store_path=uploaded["image_store_path"],
        manifest_sha256=uploaded["manifest_sha256"],
    )
    expected = {"type_name": "StoreType", "type_version": "2.0"}
    assert task.execute(context) == {**expected, "how": "provisioned", "manifest_compared": False}
    assert task.execute(context) == {**expected, "how": "existing", "manifest_compared": True}
    assert calls() == ["provision_application_type"]
    assert ServiceFabricHook().list_image_store() == []


def test_upload_has_a_path_per_run(package: Path, context: Any, simulator: Simulator, ti: Any) -> None:
    paths = [upload(package).execute(context)["image_store_path"] for _ in range(2)]
    ti.run_id = "another"
    paths.append(upload(package).execute(context)["image_store_path"])
    assert paths[0] == paths[1] != paths[2]
    assert upload(package, image_store_path="shop/x").execute(context)["image_store_path"] == "shop/x"
    assert simulator.journal


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({"parallel": 0}, "parallel must be a whole number from 1 to 32"),
        ({"parallel": True}, "parallel must be"),
        ({"request_timeout": 601}, "request_timeout must be from 1 to 600"),
        ({"image_store_path": "../x"}, "invalid"),
    ],
)
def test_invalid_upload_is_refused_at_once(keywords: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=reason):
        upload(tmp_path, **keywords)
    upload(tmp_path, image_store_path="{{ params.path }}")


# Provision.


def test_package_is_downloaded_by_the_cluster(context: Any, simulator: Simulator, calls: Any) -> None:
    assert provision().execute(context)["how"] == "provisioned"
    assert calls() == ["provision_application_type"]
    assert simulator.journal[0].body["ApplicationPackageDownloadUri"] == URI


@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "unavailable", "timeout_after"])
def test_lost_answer_provisions_once(fault: str, context: Any, simulator: Simulator, calls: Any) -> None:
    simulator.fault_next_write(fault)
    result = provision().execute(context)
    assert result["how"] == ("existing" if fault in {"lost_after", "timeout_after"} else "provisioned")
    assert calls() == ["provision_application_type"]


def test_provision_of_another_task_is_awaited(context: Any, calls: Any, clock: Any) -> None:
    ServiceFabricHook().provision_application_type(ExternalPackage(URI, TYPE, "2.0"))
    clock.now += 5
    assert provision().execute(context)["how"] == "existing"
    assert calls() == ["provision_application_type"]


def test_other_package_with_this_version_is_refused(context: Any, calls: Any) -> None:
    with pytest.raises(ChangeRefused, match="from another package: its application manifest differs"):
        provision("v1", manifest_sha256="0" * 64).execute(context)
    assert provision("v1").execute(context)["manifest_compared"] is False
    assert calls() == []


def test_failed_provision_shows_its_reason(context: Any, calls: Any) -> None:
    with pytest.raises(ProvisionFailed, match="the code package Code was not found"):
        provision("bad-1").execute(context)
    with pytest.raises(ProvisionFailed):
        provision("bad-1").execute(context)
    assert calls() == ["provision_application_type"] * 2


def test_slow_provision_ends_with_the_timeout(context: Any) -> None:
    with pytest.raises(TimeoutError, match=r"is Provisioning: .* after 15s \(timeout\)"):
        provision(timeout=15).execute(context)
    assert provision().execute(context)["how"] == "existing"


def test_refused_package_is_not_retried(context: Any) -> None:
    with pytest.raises(ChangeRefused, match=r"refused to provision.*DIRECTORY_NOT_FOUND"):
        provision(package_uri=None, image_store_path="missing").execute(context)


class Hook:
    """Raises an error of the cluster when it is asked to change something."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, *_: Any, **__: Any) -> None:
        raise self.error


@pytest.mark.parametrize("status", [401, 403, None])
def test_refused_credentials_are_raised(status: int | None, context: Any, monkeypatch: Any) -> None:
    """So that retries apply. The calls are replaced: an answer of a cluster always has a status."""
    error = Rejected("no access", status)
    for name in ("provision_application_type", "unprovision_application_type", "create_application"):
        monkeypatch.setattr(ServiceFabricHook, name, Hook(error))
    for task in (provision(), unprovision(type_version="v2"), create()):
        with pytest.raises(Rejected, match="no access"):
            task.execute(context)


def test_version_that_exists_meanwhile_is_read_again(context: Any, simulator: ScriptedCluster) -> None:
    exists = fabric_error(409, "FABRIC_E_APPLICATION_TYPE_ALREADY_EXISTS", "exists")
    simulator.script("/$/Provision", exists)
    with pytest.raises(TimeoutError, match="not provisioned after"):
        provision().execute(context)


def test_errors_hide_the_secret_of_the_address(context: Any, simulator: ScriptedCluster, caplog: Any) -> None:
    for status, code in ((400, "E_INVALIDARG"), (504, "FABRIC_E_TIMEOUT")):
        simulator.script("/$/Provision", fabric_error(status, code, f"could not download {URI}"))
        with caplog.at_level("INFO"), pytest.raises((ChangeRefused, TimeoutError)) as raised:
            provision(timeout=15).execute(context)
        assert "super-secret" not in str(raised.value)
        assert "super-secret" not in str(raised.value.__cause__)
    assert "https://storage.example/shop.sfpkg?..." in caplog.text
    assert "super-secret" not in caplog.text


def test_rendered_address_is_masked(context: Any, masked: list[str]) -> None:
    task = provision(package_uri="https://storage.example/shop.sfpkg?sig={{ secret }}&se=")
    context["secret"] = "s3cr%2Bet"
    task.render_template_fields(context)
    assert masked == ["sig=s3cr%2Bet&se=", "s3cr%2Bet", "s3cr+et"]
    provision(package_uri=None, image_store_path="a").render_template_fields(context)
    provision(package_uri="https://storage.example/shop.sfpkg").render_template_fields(context)
    assert len(masked) == 3


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({"image_store_path": "a"}, "exactly one of image_store_path and package_uri"),
        ({"package_uri": None}, "exactly one of image_store_path and package_uri"),
        ({"package_uri": "https://host/shop.zip"}, ".sfpkg"),
        ({"package_uri": None, "image_store_path": "../x"}, "path must be a relative path"),
        ({"cleanup_policy": "Never"}, "cleanup_policy must be"),
        ({"type_name": "a:b"}, "type_name must"),
        ({"version": ""}, "type_version must"),
        ({"poke_interval": 0}, "poke_interval must be"),
    ],
)
def test_invalid_provision_is_refused_at_once(keywords: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        provision(**keywords)


def test_templates_are_checked_when_they_are_rendered() -> None:
    template = "{{ params.value }}"
    provision(template, type_name=template, package_uri=template)
    unprovision(type_version=template, type_name=template)
    create(name=template, type_name=template, type_version=template, parameters=template)


# Unprovision.


def test_version_is_unprovisioned(context: Any, simulator: Simulator, calls: Any) -> None:
    expected = {"type_name": TYPE, "unprovisioned": ["v2"], "missing": [], "in_use": []}
    assert unprovision(type_version="v2").execute(context) == expected
    assert versions(simulator) == ["v0", "v1"]
    again = {**expected, "unprovisioned": [], "missing": ["v2"]}
    assert unprovision(type_version="v2").execute(context) == again
    assert calls() == ["unprovision_application_type"]


@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "unavailable", "timeout_after"])
def test_lost_answer_unprovisions_once(fault: str, context: Any, simulator: Simulator, calls: Any) -> None:
    simulator.fault_next_write(fault)
    assert unprovision(type_version="v2").execute(context)["unprovisioned"] == ["v2"]
    assert calls() == ["unprovision_application_type"]


def test_version_in_use_is_refused(context: Any, calls: Any) -> None:
    ServiceFabricHook().get_application(APP)
    with pytest.raises(ChangeRefused, match=r"it is in use by fabric:/idle-shop/web\. Nothing was changed"):
        unprovision(type_version="v0").execute(context)
    assert calls() == []


def test_keep_leaves_what_is_needed(context: Any, simulator: Simulator) -> None:
    """v0 is deployed; it and the newest one stay."""
    for name in (APP, "fabric:/idle_failed-shop/web"):
        ServiceFabricHook().get_application(name)
    result = unprovision(keep=1).execute(context)
    assert result == {"type_name": TYPE, "unprovisioned": ["v1"], "missing": [], "in_use": []}
    assert versions(simulator) == ["v0", "v2"]
    assert unprovision(keep=1).execute(context)["unprovisioned"] == []


def test_version_before_the_upgrade_is_kept(context: Any, simulator: Simulator, ti: Any) -> None:
    """Service Fabric does not report it after the upgrade."""
    task = ServiceFabricUpgradeApplicationOperator(
        task_id="upgrade", name="fabric:/idle-shop/web", target_version="v1", wait_for_completion=False
    )
    task.execute(context)
    start = ti.xcoms["upgrade_start"]
    assert version_before(start) == ["v0"]
    assert version_before(str({**start, "before": None})) == []
    assert "v0" not in unprovision(keep=1, upgrade=start).execute(context)["unprovisioned"]
    assert simulator.journal


def test_protected_version_is_kept(context: Any, simulator: Simulator) -> None:
    ServiceFabricHook().get_application(APP)
    assert unprovision(keep=1, protected=["v1"]).execute(context)["unprovisioned"] == []
    assert versions(simulator) == ["v0", "v1", "v2"]


def test_version_used_since_is_kept(context: Any, simulator: ScriptedCluster) -> None:
    """It was free when the list was read."""
    simulator.script("/$/Unprovision", fabric_error(409, "FABRIC_E_APPLICATION_TYPE_IN_USE", "in use"))
    ServiceFabricHook().get_application(APP)
    assert unprovision(keep=1).execute(context)["in_use"] == ["v1"]


def test_application_deleted_meanwhile_is_no_error(context: Any, simulator: ScriptedCluster) -> None:
    ServiceFabricHook().get_application(APP)
    simulator.script("/$/GetUpgradeProgress", NO_CONTENT)
    assert unprovision(keep=1).execute(context)["unprovisioned"] == ["v1"]
    simulator.script("/$/GetUpgradeProgress", BAD)
    with pytest.raises(Rejected, match="bad"):
        unprovision(keep=1).execute(context)


def test_unprovision_waits_for_a_provision(context: Any, calls: Any) -> None:
    with pytest.raises(TimeoutError):
        provision(timeout=5).execute(context)
    assert unprovision(type_version="2.0").execute(context)["unprovisioned"] == ["2.0"]
    with pytest.raises(TimeoutError):
        provision("3.0", timeout=5).execute(context)
    with pytest.raises(TimeoutError, match="is Provisioning after 5s"):
        unprovision(type_version="3.0", timeout=5).execute(context)
    assert calls()[:2] == ["provision_application_type", "unprovision_application_type"]


def test_refused_unprovision_is_not_retried(context: Any, simulator: ScriptedCluster) -> None:
    simulator.script("/$/Unprovision", BAD)
    with pytest.raises(ChangeRefused, match="refused to unprovision"):
        unprovision(type_version="v2").execute(context)


def test_version_gone_meanwhile_is_read_again(context: Any, simulator: ScriptedCluster) -> None:
    simulator.script("/$/Unprovision", fabric_error(404, "FABRIC_E_APPLICATION_TYPE_NOT_FOUND", "gone"))
    with pytest.raises(TimeoutError, match="is Available after"):
        unprovision(type_version="v2").execute(context)


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({}, "exactly one of type_version and keep"),
        ({"type_version": "v1", "keep": 1}, "exactly one of type_version and keep"),
        ({"keep": 0}, "keep must be a whole number from 1 on, not 0"),
        ({"keep": True}, "keep must be"),
        ({"type_version": ""}, "type_version must"),
        ({"type_name": "", "keep": 1}, "type_name must"),
    ],
)
def test_invalid_unprovision_is_refused_at_once(keywords: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        unprovision(**keywords)


# Create.


def test_application_is_created_once(context: Any, calls: Any) -> None:
    expected = {
        "name": "fabric:/store",
        "type_name": TYPE,
        "type_version": "v1",
        "status": "Ready",
        "how": "created",
    }
    task = {"parameters": {"Web_InstanceCount": "3"}, "if_exists": "fail"}
    assert create(**task).execute(context) == expected
    assert create(**task).execute(context) == expected
    assert calls() == ["create_application"]


def test_application_of_another_task_exists(context: Any, calls: Any, store: Any) -> None:
    create(parameters={"Web_InstanceCount": "3"}).execute(context)
    store.values.clear()
    same = {"parameters": {"Web_InstanceCount": "3", "Api_InstanceCount": "1"}}
    assert create(**same).execute(context)["how"] == "existing"
    with pytest.raises(ChangeRefused, match=r"it is the same \(if_exists\)"):
        create(**same, if_exists="fail").execute(context)
    with pytest.raises(ChangeRefused, match="version 'v1' instead of 'v2'; parameters Web_InstanceCount"):
        create(type_version="v2").execute(context)
    assert calls() == ["create_application"]


@pytest.mark.parametrize("fault", ["lost_after", "lost_before", "unavailable", "timeout_after"])
def test_lost_answer_creates_once(fault: str, context: Any, simulator: Simulator, calls: Any) -> None:
    simulator.fault_next_write(fault)
    assert create(if_exists="fail").execute(context)["how"] == "created"
    assert calls() == ["create_application"]


def test_refused_application_is_not_retried(context: Any, store: Any) -> None:
    with pytest.raises(ChangeRefused, match="refused to create application"):
        create(type_version="v9").execute(context)
    assert store.values == {}


def test_application_created_meanwhile_is_compared(
    context: Any, simulator: ScriptedCluster, store: Any
) -> None:
    """The task reads that the application does not exist, just before another task creates it."""
    create().execute(context)
    store.values.clear()
    simulator.script("/Applications/store", NO_CONTENT, None)
    with pytest.raises(ChangeRefused, match="it is the same"):
        create(if_exists="fail").execute(context)
    assert sum("/$/Create" in line for line in simulator.requests) == 2


def test_slow_creation_ends_with_the_timeout(context: Any, simulator: ScriptedCluster) -> None:
    simulator.script("/Applications/$/Create", CREATED)
    with pytest.raises(TimeoutError, match="application 'fabric:/store' is not created after 15s"):
        create(timeout=15).execute(context)


def test_application_is_awaited_until_it_is_ready(context: Any, simulator: ScriptedCluster) -> None:
    new = {"Name": "fabric:/store", "TypeName": TYPE, "TypeVersion": "v1", "Status": "Creating"}
    simulator.script("/Applications/store", None, json_response(new), None)
    assert create().execute(context)["status"] == "Ready"


def failed_application() -> HttpResponse:
    return json_response({"Name": "fabric:/store", "TypeName": TYPE, "TypeVersion": "v1", "Status": "Failed"})


def test_failed_creation_is_red(context: Any, simulator: ScriptedCluster) -> None:
    """Microsoft's page of the status: another request can be accepted to resume a failed application."""
    simulator.script("/Applications/store", None, *[failed_application()] * 3)
    with pytest.raises(CreationFailed, match="'fabric:/store' could not be created: its status is Failed"):
        create().execute(context)
    assert sum("/$/Create" in line for line in simulator.requests) == 1
    with pytest.raises(CreationFailed):
        create().execute(context)
    assert sum("/$/Create" in line for line in simulator.requests) == 2


def test_failed_creation_goes_on(context: Any, simulator: ScriptedCluster) -> None:
    simulator.script("/Applications/store", failed_application(), None)
    assert create().execute(context)["status"] == "Ready"
    assert sum("/$/Create" in line for line in simulator.requests) == 1


def test_unreadable_application_is_an_error(context: Any, simulator: ScriptedCluster) -> None:
    simulator.script("/Applications/store", BAD)
    with pytest.raises(Rejected, match="bad"):
        create().execute(context)


def test_sensitive_parameters_are_masked(context: Any, masked: list[str]) -> None:
    task = create(parameters={"Password": "{{ secret }}"}, sensitive_parameters=["Password"])
    context["secret"] = "hunter22"
    task.render_template_fields(context)
    assert masked == ["hunter22"]
    create().render_template_fields(context)
    assert masked == ["hunter22"]


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({"name": "fabric:/"}, "name"),
        ({"type_name": ""}, "type_name must"),
        ({"parameters": {"Count": 3}}, "must be a string"),
        ({"if_exists": "replace"}, "if_exists must be 'succeed' or 'fail'"),
        ({"sensitive_parameters": ["Password"]}, "not set: Password"),
    ],
)
def test_invalid_creation_is_refused_at_once(keywords: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        create(**keywords)


def test_results_are_json(context: Any, package: Path) -> None:
    results = [upload(package).execute(context), provision().execute(context), create().execute(context)]
    assert json.loads(json.dumps(results)) == results
