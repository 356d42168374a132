"""The calls for application types and the image store, on a simulated cluster."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.hooks import package_upload
from airflow_provider_sf.hooks.package_upload import (
    PackageUpload,
    UploadedPackage,
    read_package,
)
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.hooks.upload_progress import UploadProgress
from airflow_provider_sf.releases import ExternalPackage, ImageStorePackage
from airflow_provider_sf.releases.manifests import manifest_hash
from airflow_provider_sf.releases.package_files import ByteRange, missing_ranges
from airflow_provider_sf.rest import Rejected, ResultUnknown, UnexpectedAnswer, Unreachable
from airflow_provider_sf.simulator.commands import ApiRequest
from airflow_provider_sf.simulator.responses import fabric_error, json_response
from airflow_provider_sf.upgrades.image_store import ImageStoreItem
from tests.scripted_gateway import ScriptedGateway, Turn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_sf.simulator import Simulator
    from tests.scripted_cluster import ScriptedCluster

URI = "https://storage.example/shop.sfpkg?sig=secret"
MANIFEST = """\
<ApplicationManifest xmlns="http://schemas.microsoft.com/2011/01/fabric"
    ApplicationTypeName="StoreType" ApplicationTypeVersion="2.0" />
"""
WEB = bytes(range(150))
FILES = {
    "ApplicationManifest.xml": MANIFEST.encode(),
    "WebPkg/ServiceManifest.xml": b'<ServiceManifest Name="WebPkg" Version="2.0" />',
    "WebPkg/Code/web.exe": WEB,
    "WebPkg/Code/empty.txt": b"",
}
PATH = "shop/2.0"
TYPE, READ = "/ApplicationTypes/IdleShopType", "api-version=6.0&timeout=25"
CHUNK = 60


def call(name: str, *arguments: Any, **keywords: Any) -> Any:
    return getattr(ServiceFabricHook(), name)(*arguments, **keywords)


def acall(name: str, *arguments: Any, **keywords: Any) -> Any:
    return asyncio.run(getattr(ServiceFabricHook(), f"a{name}")(*arguments, **keywords))


@pytest.fixture(params=[call, acall], ids=["call", "acall"])
def ask(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder of a package."""
    for path, data in FILES.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return tmp_path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Two files are large, and a repetition follows at once.

    Both are replaced: a test would send many megabytes, and wait for seconds.
    """
    monkeypatch.setattr(package_upload, "FIRST_PAUSE_SECONDS", 1e-6)
    monkeypatch.setattr(package_upload, "CHUNK_BYTES", CHUNK)


def lines(simulator: Simulator) -> list[str]:
    return [line.removesuffix(" HTTP/1.1") for line in simulator.requests]


def stored(simulator: Simulator) -> dict[str, bytes]:
    """Return the files in the image store, by their path in the package."""
    return simulator.state().image_store().folder(PATH)


# Application types.


def test_type_is_read(ask: Any, simulator: Simulator) -> None:
    found = ask("get_application_type", "IdleShopType", "v1")
    assert (found.name, found.version, found.status) == ("IdleShopType", "v1", "Available")
    assert found.default_parameters == {
        "Web_InstanceCount": "-1",
        "Web_LogLevel": "Info",
        "Api_InstanceCount": "1",
    }
    assert lines(simulator) == [
        "GET /ApplicationTypes/IdleShopType?api-version=6.0&timeout=25&ApplicationTypeVersion=v1"
    ]


def test_types_are_listed(ask: Any, simulator: Simulator) -> None:
    found = ask("list_application_types", "IdleShopType")
    assert [item.version for item in found] == ["v0", "v1", "v2"]
    assert ask("list_application_types") == []
    assert lines(simulator)[-1] == "GET /ApplicationTypes?api-version=6.0&timeout=25"


def set_answer(recorder: Any, monkeypatch: pytest.MonkeyPatch, status: int, answer: object) -> None:
    body = json.dumps(answer).encode()
    recorder.answer = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)
    connection = json.dumps({"conn_type": "service_fabric", "host": recorder.url})
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", connection)


def test_unknown_type_has_no_versions(ask: Any, recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    error = {"Error": {"Code": "FABRIC_E_APPLICATION_TYPE_NOT_FOUND", "Message": "It does not exist."}}
    set_answer(recorder, monkeypatch, 404, error)
    assert ask("list_application_types", "ShopType") == []
    assert ask("get_application_type", "ShopType", "v1") is None


def test_other_refusals_are_raised(ask: Any, recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    set_answer(recorder, monkeypatch, 400, {"Error": {"Code": "E_INVALIDARG", "Message": ""}})
    for arguments in (
        ("list_application_types", "ShopType"),
        ("get_application_type", "ShopType", "v1"),
        ("delete_image_store_path", "shop"),
    ):
        with pytest.raises(Rejected, match="E_INVALIDARG"):
            ask(*arguments)


def test_manifests_are_read(ask: Any, simulator: Simulator) -> None:
    assert 'ApplicationTypeVersion="v1"' in ask("get_application_manifest", "IdleShopType", "v1")
    assert 'Name="WebPkg"' in ask("get_service_manifest", "IdleShopType", "v1", "WebPkg")
    assert lines(simulator) == [
        f"GET {TYPE}/$/GetApplicationManifest?{READ}&ApplicationTypeVersion=v1",
        f"GET {TYPE}/$/GetServiceManifest?{READ}&ApplicationTypeVersion=v1&ServiceManifestName=WebPkg",
    ]


def test_type_is_provisioned_and_unprovisioned(ask: Any, simulator: Simulator, clock: Any) -> None:
    ask("provision_application_type", ExternalPackage(URI, "IdleShopType", "2.0"), timeout=60)
    assert ask("get_application_type", "IdleShopType", "2.0").status == "Provisioning"
    clock.now += 20
    assert ask("get_application_type", "IdleShopType", "2.0").status == "Available"
    ask("unprovision_application_type", "IdleShopType", "2.0")
    assert ask("get_application_type", "IdleShopType", "2.0") is None
    assert [line for line in lines(simulator) if not line.startswith("GET")] == [
        "POST /ApplicationTypes/$/Provision?api-version=6.2&timeout=60",
        "POST /ApplicationTypes/IdleShopType/$/Unprovision?api-version=6.0&timeout=300",
    ]
    provision, unprovision = simulator.journal
    assert next(iter(provision.body)) == "Kind"
    assert unprovision.body == {"ApplicationTypeVersion": "2.0", "Async": False}


# The image store.


def test_package_is_uploaded(ask: Any, simulator: Simulator, package: Path) -> None:
    size = sum(map(len, FILES.values()))
    assert ask("upload_application_package", package, PATH) == UploadedPackage(
        PATH, "StoreType", "2.0", manifest_hash(MANIFEST), len(FILES), size
    )
    markers = dict.fromkeys(("_.dir", "WebPkg/_.dir", "WebPkg/Code/_.dir"), b"")
    assert stored(simulator) == FILES | markers
    uploaded = [command.name for command in simulator.journal if command.call == "upload_file"]
    assert uploaded[-3:] == [f"{PATH}/{path}" for path in ("WebPkg/Code/_.dir", "WebPkg/_.dir", "_.dir")]
    ask("provision_application_type", ImageStorePackage(PATH))
    assert ask("get_application_type", "StoreType", "2.0").status == "Provisioning"


def test_content_is_listed_and_deleted(ask: Any, simulator: Simulator, package: Path) -> None:
    ask("upload_application_package", package, PATH)
    assert ask("list_image_store") == [ImageStoreItem("shop", is_folder=True)]
    assert ask("list_image_store", "shop/2.0/WebPkg/Code/web.exe") == [
        ImageStoreItem("shop/2.0/WebPkg/Code/web.exe", is_folder=False, size=150)
    ]
    assert lines(simulator)[-2:] == [
        "GET /ImageStore?api-version=6.0&timeout=25",
        "GET /ImageStore/shop/2.0/WebPkg/Code/web.exe?api-version=6.2&timeout=25",
    ]
    ask("delete_image_store_path", PATH)
    ask("delete_image_store_path", PATH)
    assert lines(simulator)[-1] == "DELETE /ImageStore/shop/2.0?api-version=6.0&timeout=300"
    assert ask("list_image_store") == []


def test_content_of_a_large_folder_has_pages(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Microsoft's documents do not mention them."""
    folder, file = (
        {"StoreRelativePath": "a/b", "FileCount": "1"},
        {"StoreRelativePath": "a/c", "FileSize": "7"},
    )
    pages = (
        {"StoreFolders": [folder], "StoreFiles": [], "ContinuationToken": "a%2Fb c"},
        {"StoreFiles": [file]},
    )
    bodies = [json.dumps(page).encode() for page in pages]
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body) for body in bodies]
    gateway = ScriptedGateway(*(Turn((answer,)) for answer in answers))
    connection = json.dumps({"conn_type": "service_fabric", "host": gateway.url})
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", connection)
    items = ask("list_image_store", "a")
    gateway.close()
    assert items == [ImageStoreItem("a/b", is_folder=True), ImageStoreItem("a/c", is_folder=False, size=7)]
    assert b"GET /ImageStore/a?api-version=6.2&timeout=25&ContinuationToken=a/b%20c " in gateway.received[1]


def test_large_file_goes_in_chunks(simulator: Simulator, package: Path) -> None:
    call("upload_application_package", package, PATH, parallel=1)
    ranges = [
        command.query["content-range"]
        for command in simulator.journal
        if command.call == "upload_chunk" and command.name.endswith("web.exe")
    ]
    assert ranges == ["bytes 0-59/150", "bytes 60-119/150", "bytes 120-149/150"]
    assert [command.call for command in simulator.journal].count("commit_upload_session") == 2
    small = [line for line in lines(simulator) if "empty.txt" in line]
    assert small == ["PUT /ImageStore/shop/2.0/WebPkg/Code/empty.txt?api-version=6.0&timeout=300"]


def test_cluster_without_sessions_takes_whole_files(simulator: Simulator, package: Path) -> None:
    simulator.upload_sessions = False
    call("upload_application_package", package, PATH, parallel=1)
    assert stored(simulator).items() >= FILES.items()
    assert sum("UploadChunk" in line for line in lines(simulator)) == 1


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", ["lost_after", "lost_before", "unavailable", "timeout_after"])
@pytest.mark.parametrize("before", [0, 3, 4, 8, 10])
def test_fault_does_not_end_an_upload(
    kind: str, before: int, simulator: Simulator, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whether a chunk, a commit, a file or a marker is affected: the fault is ordered just before that write.

    The method is replaced, because the simulator gives a fault only to the next write.
    """
    respond, counted = simulator.write_faults.respond, iter(range(1000))

    def respond_with_fault(request: Any, change: Callable[[Any], Any]) -> Any:
        if next(counted) == before:
            simulator.fault_next_write(kind)
        return respond(request, change)

    monkeypatch.setattr(simulator.write_faults, "respond", respond_with_fault)
    call("upload_application_package", package, PATH, parallel=1)
    assert stored(simulator).items() >= FILES.items()
    assert f"{PATH}/_.dir" in simulator.state().image_store().files


def test_folder_with_other_files_is_refused(simulator: Simulator, package: Path) -> None:
    """An earlier upload of another package would become a part of this one."""
    call("upload_application_package", package, PATH)
    call("upload_application_package", package, PATH)
    (package / "WebPkg/Code/empty.txt").unlink()
    sent = len(simulator.journal)
    with pytest.raises(Rejected, match=r"'shop/2\.0'.* 1 files .*'WebPkg/Code/empty\.txt'"):
        call("upload_application_package", package, PATH)
    assert len(simulator.journal) == sent


def test_item_without_a_name_is_refused(simulator: ScriptedCluster, package: Path) -> None:
    """Its folder would be listed again and again."""
    simulator.script(
        "/ImageStore/StorePackage",
        json_response({"StoreFiles": [], "StoreFolders": [{"StoreRelativePath": ""}]}),
    )
    with pytest.raises(UnexpectedAnswer, match="item without a name below 'StorePackage'"):
        ServiceFabricHook().upload_application_package(package, "StorePackage")


def test_upload_ends_after_several_tries(simulator: Simulator, package: Path) -> None:
    """No marker is sent, so that the folder is not taken for a package."""
    simulator.fault_next_write("unavailable", times=1000)
    with pytest.raises(ResultUnknown, match="503"):
        call("upload_application_package", package, PATH, parallel=2)
    assert not any("_.dir" in line for line in lines(simulator))


def test_other_image_store_is_refused(recorder: Any, monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    """Its address may contain a key."""
    setting = '<Parameter Name="ImageStoreConnectionString" Value="xstore:AccountKey=secret"/>'
    manifest = f'<ClusterManifest><FabricSettings><Section Name="Management">{setting}</Section></FabricSettings></ClusterManifest>'
    set_answer(recorder, monkeypatch, 200, {"Manifest": manifest})
    with pytest.raises(Rejected, match=r"'xstore'.*package_uri") as raised:
        call("upload_application_package", package, PATH)
    assert "secret" not in str(raised.value)
    assert len(recorder.requests) == 1


def test_upload_has_its_own_path(simulator: Simulator, package: Path) -> None:
    first, second = (call("upload_application_package", package) for _ in range(2))
    assert first.image_store_path.startswith("StoreType/2.0-")
    assert first.image_store_path != second.image_store_path
    assert len(simulator.state().image_store().files) == 2 * (len(FILES) + 3)


def test_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"contains no ApplicationManifest\.xml"):
        read_package(tmp_path)
    with pytest.raises(ValueError, match="does not exist on this worker"):
        read_package(tmp_path / "missing")
    (tmp_path / "ApplicationManifest.xml").mkdir()
    with pytest.raises(ValueError, match=r"contains no ApplicationManifest\.xml"):
        read_package(tmp_path)


def test_link_to_a_folder_is_refused(package: Path) -> None:
    (package / "link").symlink_to(package / "WebPkg")
    with pytest.raises(ValueError, match="'link', a link to a folder"):
        read_package(package)


def test_no_part_of_a_package_is_left_out(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a folder without permission, nor a link to a missing file."""
    with monkeypatch.context() as patch:
        patch.setattr("os.scandir", partial(scan_with_permission, scandir=os.scandir))
        with pytest.raises(PermissionError, match="WebPkg"):
            read_package(package)
    os.mkfifo(package / "pipe")
    with pytest.raises(ValueError, match="'pipe', which is neither a file nor a folder: remove it"):
        read_package(package)
    (package / "pipe").unlink()
    (package / "WebPkg" / "link").symlink_to("nothing")
    with pytest.raises(FileNotFoundError, match="WebPkg/link"):
        read_package(package)


def scan_with_permission(path: str, *, scandir: Callable[[str], Any]) -> Any:
    """List a folder; there is no permission for one of them, as nothing is forbidden to root."""
    if str(path).endswith("WebPkg"):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return scandir(path)


def test_markers_are_no_files_of_a_package(package: Path) -> None:
    (package / "_.dir").touch()
    assert sorted(file.path for file in read_package(package, PATH).files) == sorted(FILES)


def without_web(package: Path) -> None:
    """Leave one large file: the manifest."""
    for path in FILES:
        if path != "ApplicationManifest.xml":
            (package / path).unlink()


def test_missing_ranges_are_sent_again(
    simulator: Simulator, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ranges are scripted as of a cluster that has lost a part of a chunk: the simulator loses none."""
    without_web(package)
    answers = iter([[ByteRange(8, 99)], None, []])
    asked = missing_ranges

    def missing(answer: dict[str, Any], session_id: str, size: int) -> Any:
        scripted = next(answers)
        return asked(answer, session_id, size) if scripted is None else scripted

    monkeypatch.setattr(package_upload, "missing_ranges", missing)
    call("upload_application_package", package, PATH)
    ranges = [command.query.get("content-range") for command in simulator.journal]
    size = len(MANIFEST.encode())
    assert ranges.count(f"bytes 8-67/{size}") == ranges.count(f"bytes 68-99/{size}") == 1
    assert stored(simulator)["ApplicationManifest.xml"] == MANIFEST.encode()


def test_incomplete_file_is_not_committed(
    simulator: Simulator, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ranges are scripted as of a cluster that has lost a part of a chunk: the simulator loses none."""
    without_web(package)
    still = [ByteRange(0, 1)]
    monkeypatch.setattr(package_upload, "missing_ranges", lambda *_: still)
    with pytest.raises(Unreachable, match="still expects 1 ranges"):
        call("upload_application_package", package, PATH)
    assert simulator.journal[-1].call == "delete_upload_session"


def drop_session(simulator: Simulator) -> None:
    """Delete the session of the latest chunk, as a new primary of the image store does."""
    query = f"api-version=6.0&session-id={simulator.journal[-1].query['session-id']}"
    simulator.change(ApiRequest("DELETE", f"/ImageStore/$/DeleteUploadSession?{query}", b""))


@pytest.mark.parametrize("name", ["_session", "_commit"])
def test_lost_session_is_sent_again(
    name: str, simulator: Simulator, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whether the session is lost before its missing ranges are read, or after that.

    The method is replaced to lose it at exactly that moment.
    """
    without_web(package)
    counted, original = iter(range(1000)), getattr(PackageUpload, name)

    def lose_first(self: PackageUpload, *arguments: Any) -> Any:
        if next(counted) == 0:
            drop_session(simulator)
        return original(self, *arguments)

    monkeypatch.setattr(PackageUpload, name, lose_first)
    call("upload_application_package", package, PATH)
    assert stored(simulator)["ApplicationManifest.xml"] == MANIFEST.encode()
    calls = [command.call for command in simulator.journal]
    assert calls.count("upload_chunk") == 6
    assert calls.count("commit_upload_session") == 1


@pytest.mark.parametrize("name", ["GetUploadSession", "CommitUploadSession"])
def test_other_refusal_ends_the_upload(name: str, simulator: ScriptedCluster, package: Path) -> None:
    """The refusal is scripted: it comes at a chosen request."""
    without_web(package)
    simulator.script(f"/$/{name}", fabric_error(403, "E_ACCESSDENIED", "no rights"))
    with pytest.raises(Rejected, match="E_ACCESSDENIED"):
        call("upload_application_package", package, PATH)
    assert [command.call for command in simulator.journal] == ["upload_chunk"] * 3


def test_refused_range_is_sent_if_missing(
    simulator: Simulator, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A cluster may refuse a range that it has already. Only its list of missing ranges counts.

    A damaged header brings such a refusal at a chosen moment.
    """
    without_web(package)
    original, refused = ByteRange.header, iter([False, True])

    def header(part: ByteRange, total: int) -> str:
        return "bytes 9-1/2" if next(refused, False) else original(part, total)

    monkeypatch.setattr(ByteRange, "header", header)
    call("upload_application_package", package, PATH)
    assert stored(simulator)["ApplicationManifest.xml"] == MANIFEST.encode()


def test_chunk_for_another_file_ends_the_upload(
    simulator: Simulator, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The total in the header is changed, as if the session belonged to another file.

    The method is replaced, because the hook sends no such header.
    """
    without_web(package)
    original = ByteRange.header
    monkeypatch.setattr(ByteRange, "header", lambda part, total: original(part, total + part.first))
    with pytest.raises(Rejected, match="SESSION_ID_CONFLICT"):
        call("upload_application_package", package, PATH)
    assert simulator.journal[-1].call == "delete_upload_session"


def test_stopped_upload_sends_nothing(simulator: Simulator, package: Path) -> None:
    local, cluster = read_package(package, PATH), ServiceFabricHook().get_conn()
    upload = PackageUpload(local, cluster, logging.getLogger("test"), api_version=None, timeout=60)
    upload.stop()
    with pytest.raises(Unreachable, match=r"was stopped before shop/2\.0/"):
        upload.run(parallel=1)
    assert simulator.requests == []


# Progress.


def test_progress_is_logged_when_due(caplog: pytest.LogCaptureFixture) -> None:
    """After ten percent or ten seconds, and at the end."""
    times = iter([0.0, 1.0, 2.0, 13.0, 14.0])
    progress = UploadProgress(2, 100, logging.getLogger("test"), lambda: next(times))
    with caplog.at_level(logging.INFO):
        progress.add("a", 9, limit=50)
        progress.add("a", 5, limit=10)
        progress.end_file("a", 10)
        progress.end_file("b", 90)
    percents = [message.split(" %")[0] for message in caplog.messages]
    assert percents == ["Uploaded 10", "Uploaded 10", "Uploaded 100"]


def test_progress_of_empty_files_is_complete(caplog: pytest.LogCaptureFixture) -> None:
    progress = UploadProgress(1, 0, logging.getLogger("test"))
    with caplog.at_level(logging.INFO):
        progress.end_file("a", 0)
    assert caplog.messages == ["Uploaded 100 %: 1 of 1 files, 0.0 of 0.0 MiB"]
