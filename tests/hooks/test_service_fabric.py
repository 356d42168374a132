"""From a connection to a record, with both transports."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_sf.cluster.per_loop import MAX_CONCURRENT_REQUESTS, loop_resources
from airflow_provider_sf.hooks import async_connection, cluster_cache
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.rest.protocol import is_about_connection
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.services import ServiceProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.cluster import Cluster

CONNECTION = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"


def get(hook: ServiceFabricHook, name: str | None, **keywords: Any) -> UpgradeProgress:
    return hook.get_upgrade_progress(name, **keywords)


def aget(hook: ServiceFabricHook, name: str | None, **keywords: Any) -> UpgradeProgress:
    return asyncio.run(hook.aget_upgrade_progress(name, **keywords))


@pytest.fixture(params=[get, aget], ids=["get", "aget"])
def read(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def connected(recorder: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The recording server behind the default connection."""
    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "service_fabric", "host": recorder.url}))
    return recorder


def http(status: int, body: bytes, *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


def test_the_founding_page_is_asked_and_read(
    read: Any, connected: Any, sample: Callable[[str], dict[str, Any]]
) -> None:
    page = sample("application_resource/founding_page")
    connected.answer = http(200, json.dumps(page).encode())
    before = datetime.now(timezone.utc)
    progress = read(ServiceFabricHook(), "sampleApplication")
    line = connected.requests[0].split("\r\n")[0]
    assert (
        line
        == "GET /Resources/Applications/sampleApplication/$/GetUpgradeProgress?api-version=7.0&timeout=25 HTTP/1.1"
    )
    assert progress.state == "RollingForward"
    assert progress.percent_completed == 0.0
    assert progress.services == (ServiceProgress("helloWorldService", 0, 3),)
    assert progress.duration_seconds == 2.31669
    assert progress.replica_check_timeout_seconds is None
    assert progress.started_at is None
    assert before <= progress.observed_at <= datetime.now(timezone.utc)
    assert progress.endpoint == connected.url
    assert progress.raw == page


def test_another_api_version_is_sent(read: Any, connected: Any) -> None:
    read(ServiceFabricHook(api_version="9.1"), "shop")
    assert connected.requests[0].split()[1].endswith("?api-version=9.1&timeout=25")


def test_time_limit_follows_the_connection(
    read: Any, connected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"conn_type": "service_fabric", "host": connected.url, "extra": {"read_timeout": 10}}
    monkeypatch.setenv(CONNECTION, json.dumps(fields))
    read(ServiceFabricHook(), "shop")
    assert connected.requests[0].split()[1].endswith("?api-version=7.0&timeout=8")


def test_name_of_a_cluster_may_be_none(read: Any, connected: Any) -> None:
    """As a mapped task passes it on."""
    progress = read(ServiceFabricHook(), None, kind="cluster")
    assert connected.requests[0].split()[1] == "/$/GetUpgradeProgress?api-version=6.0&timeout=25"
    assert progress.name == ""
    assert UpgradeProgress.from_dict(progress.to_dict()) == progress


def test_missing_name_is_refused_before_sending(read: Any, connected: Any) -> None:
    with pytest.raises(ValueError, match=r"^name is empty: set name to the application resource"):
        read(ServiceFabricHook(), None)
    assert connected.connections == 0


def test_timed_out_call_names_what_it_needs(read: Any, connected: Any) -> None:
    """A cluster in Azure does not answer the call for the configuration of a standalone cluster."""
    connected.answer = http(
        504, b'{"Error": {"Code": "FABRIC_E_TIMEOUT", "Message": "Operation timed out."}}', "Retry-After: 7"
    )
    with pytest.raises(Unreachable) as error:
        read(ServiceFabricHook(), "", kind="cluster_configuration")
    assert str(error.value) == (
        f"{connected.url}: HTTP 504 FABRIC_E_TIMEOUT: Operation timed out. (only standalone clusters support this call)"
    )
    assert error.value.retry_after == 7.0
    with pytest.raises(Unreachable, match=r"Operation timed out\.$"):
        read(ServiceFabricHook(), "", kind="cluster")


def test_other_outage_names_no_kind(read: Any, connected: Any) -> None:
    connected.answer = http(503, b'{"Error": {"Code": "FABRIC_E_NOT_READY", "Message": "Wait."}}')
    with pytest.raises(Unreachable, match=r"FABRIC_E_NOT_READY: Wait\.$"):
        read(ServiceFabricHook(), "", kind="cluster_configuration")


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("http://127.0.0.1:{port}/db", "'http'"),
        ("postgres://me:hunter2@127.0.0.1:{port}/db", "'postgres'"),
        ('{{"host": "127.0.0.1", "port": {port}}}', "''"),
        (
            '{{"conn_type": "Hunter2 Hunter2", "host": "127.0.0.1", "port": {port}}}',
            "(text of 15 characters)",
        ),
    ],
)
def test_connection_of_another_type_is_refused(
    uri: str, found: str, connected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id of a connection may come from a template: it must not lead to the host of another service."""
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", uri.format(port=connected.url.rpartition(":")[2]))
    with pytest.raises(ValueError, match="connection 'other'") as refused:
        ServiceFabricHook("other").get_upgrade_progress("shop")
    assert str(refused.value) == (
        f"connection 'other': its type is {found}: set it to 'service_fabric', or use another connection"
    )
    with pytest.raises(Rejected, match="connection 'other': its type is"):
        asyncio.run(ServiceFabricHook("other").aget_upgrade_progress("shop"))
    assert ServiceFabricHook("other").test_connection() == (False, str(refused.value))
    assert connected.connections == 0


def test_cluster_errors_are_typed(read: Any, connected: Any) -> None:
    connected.answer = http(403, b'{"Error": {"Code": "E_ACCESSDENIED", "Message": "Access denied."}}')
    with pytest.raises(Rejected, match="HTTP 403 E_ACCESSDENIED: Access denied") as error:
        read(ServiceFabricHook(), "shop")
    assert error.value.endpoint == connected.url


@pytest.mark.parametrize(("name", "kind"), [("a/b", "application_resource"), ("shop", "mesh")])
def test_invalid_kind_is_refused_before_sending(name: str, kind: str, read: Any, connected: Any) -> None:
    with pytest.raises(ValueError, match=r"a/b|mesh"):
        read(ServiceFabricHook(), name, kind=kind)
    assert connected.connections == 0


def test_a_wrong_connection_is_named_with_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "service_fabric", "host": "ftp://c"}))
    with pytest.raises(ValueError, match="connection 'service_fabric_default': host 'ftp://c'"):
        ServiceFabricHook().get_upgrade_progress("shop")


def test_connection_may_be_uri_or_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION, "service-fabric://cluster.example.com:19081/?read_timeout=7")
    by_uri = ServiceFabricHook().get_conn()
    fields = {
        "conn_type": "service_fabric",
        "host": "cluster.example.com",
        "port": 19081,
        "extra": {"read_timeout": 7},
    }
    monkeypatch.setenv(CONNECTION, json.dumps(fields))
    assert ServiceFabricHook().get_conn() == by_uri
    assert (by_uri.endpoint, by_uri.read_timeout) == ("http://cluster.example.com:19081", 7.0)


def test_missing_connection_is_not_found() -> None:
    with pytest.raises(AirflowNotFoundException, match="no_such"):
        ServiceFabricHook("no_such").get_upgrade_progress("shop")


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize(
    ("edited", "error"),
    [(None, Unreachable), ('{"conn_type": "service_fabric", "host": "ftp://c"}', Rejected)],
)
def test_lost_connection_is_an_error_of_the_cluster(
    edited: str | None, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow says "not defined", too, if its API server does not answer."""
    hook = ServiceFabricHook()
    hook.get_upgrade_progress("good-shop")
    if edited is None:
        monkeypatch.delenv(CONNECTION)
    else:
        monkeypatch.setenv(CONNECTION, edited)
    with pytest.raises(error, match="service_fabric_default"):
        hook.get_upgrade_progress("good-shop")


def test_triggerer_retries_a_missing_connection() -> None:
    with pytest.raises(Unreachable, match="connection 'no_such' could not be read"):
        asyncio.run(ServiceFabricHook("no_such").aget_upgrade_progress("shop"))


def test_triggerer_rejects_an_invalid_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "service_fabric", "host": "ftp://c"}))
    with pytest.raises(Rejected, match="connection 'service_fabric_default': host 'ftp://c'"):
        asyncio.run(ServiceFabricHook().aget_upgrade_progress("shop"))


def test_slow_airflow_is_named_in_the_triggerer(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The cluster was not asked, so the error does not blame it.

    The limit is shortened: the test would take half a minute.
    """
    monkeypatch.setattr(async_connection, "MAX_LOAD_SECONDS", 0.05)
    hanging = threading.Event()

    class Hook(ServiceFabricHook):
        def get_conn(self) -> Cluster:
            hanging.wait(60)
            return super().get_conn()

    async def poll() -> None:
        with pytest.raises(Unreachable) as lost:
            await Hook().aget_upgrade_progress("shop")
        hanging.set()
        assert lost.value.message == (
            "connection 'service_fabric_default' could not be read: Airflow did not return it within 0.05 s"
        )
        assert is_about_connection(lost.value)

    asyncio.run(poll())


@pytest.mark.usefixtures("reload_every_poll")
def test_hanging_reload_delays_no_poll(connected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The second load hangs until its timeout. Another wait polls in the meantime.

    The timeout is shortened to 3 s: the test would take half a minute.
    """
    monkeypatch.setattr(async_connection, "MAX_LOAD_SECONDS", 3.0)
    hanging = threading.Event()

    class Hook(ServiceFabricHook):
        def get_conn(self) -> Cluster:
            if connected.requests:
                hanging.wait(60)
            return super().get_conn()

    async def poll_twice() -> None:
        hook = Hook()
        async with hook.cached_cluster():
            await hook.aget_upgrade_progress("first")
            refreshing = asyncio.create_task(hook.aget_upgrade_progress("refreshing"))
            await asyncio.sleep(0)
            await hook.aget_upgrade_progress("other")
            assert not refreshing.done()
            await refreshing
        hanging.set()

    asyncio.run(poll_twice())
    assert [request.split()[1].split("/")[3] for request in connected.requests] == [
        "first",
        "other",
        "refreshing",
    ]


def test_waits_share_one_look_up_and_one_session(connected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def share() -> None:
        first, second = ServiceFabricHook(), ServiceFabricHook()
        async with first.cached_cluster(), second.cached_cluster():
            await first.aget_upgrade_progress("a")
            monkeypatch.setenv(CONNECTION, "service-fabric://nowhere.invalid")
            await second.aget_upgrade_progress("b")

    asyncio.run(share())
    assert [request.split()[1].split("/")[3] for request in connected.requests] == ["a", "b"]
    assert connected.connections == 1


@pytest.mark.usefixtures("reload_every_poll")
def test_only_valid_edits_are_used(connected: Any, simulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def edit() -> list[str]:
        hook, endpoints = ServiceFabricHook(), []
        async with hook.cached_cluster():
            for host in (f"http://127.0.0.1:{simulator.port}", connected.url, "ftp://broken", None):
                if host is None:
                    monkeypatch.delenv(CONNECTION)
                else:
                    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "service_fabric", "host": host}))
                progress = await hook.aget_upgrade_progress("good-shop")
                endpoints.append(str(progress.endpoint))
        return endpoints

    assert asyncio.run(edit()) == [simulator.url, connected.url, connected.url, connected.url]


def test_starting_waits_share_one_connection_load(connected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause after a failed load is longer here, so that no second load comes on a busy machine."""
    monkeypatch.setattr(cluster_cache, "FIRST_RETRY_SECONDS", 60.0)

    class Counting(ServiceFabricHook):
        loads = 0

        def get_conn(self) -> Cluster:
            Counting.loads += 1
            return super().get_conn()

    async def many() -> list[Any]:
        hook = Counting()
        asks = (hook.aget_upgrade_progress("shop") for _ in range(1_000))
        return await asyncio.gather(*asks, return_exceptions=True)

    async def wait() -> None:
        async with ServiceFabricHook().cached_cluster() as shared:
            broken = json.dumps({"conn_type": "service_fabric", "host": "ftp://broken"})
            monkeypatch.setenv(CONNECTION, broken)
            failures = await many()
            assert {type(failure) for failure in failures} == {Rejected}
            assert len(set(map(id, failures))) == 1_000
            assert Counting.loads == 1
            assert 0.0 < shared.reload_at - asyncio.get_running_loop().time() <= 60.0
            shared.reload_at = 0.0
            monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "service_fabric", "host": connected.url}))
            assert {type(result) for result in await many()} == {UpgradeProgress}
            assert Counting.loads == 2

    asyncio.run(wait())
    assert connected.connections <= MAX_CONCURRENT_REQUESTS


def test_the_last_wait_leaves_nothing_behind(connected: Any) -> None:
    async def come_and_go() -> None:
        hook = ServiceFabricHook()
        async with hook.cached_cluster():
            await hook.aget_upgrade_progress("shop")
            assert loop_resources()
        assert not loop_resources()

    asyncio.run(come_and_go())
    assert connected.connections == 1


def test_the_connection_test_tells_version_and_address(simulator: Any) -> None:
    assert ServiceFabricHook().test_connection() == (
        True,
        f"Service Fabric 10.1.2338.9590 at {simulator.url}; not secured: http",
    )


def test_the_connection_test_tells_what_is_wrong(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")
    assert ServiceFabricHook().test_connection() == (
        False,
        f"http://127.0.0.1:{closed_port}: Connection refused (check host and port)",
    )
    monkeypatch.setenv(CONNECTION, "service-fabric://")
    ok, message = ServiceFabricHook().test_connection()
    assert not ok
    assert message.startswith("connection 'service_fabric_default': host is empty")


def test_the_connection_test_tells_that_there_is_none() -> None:
    ok, message = ServiceFabricHook("no_such").test_connection()
    assert not ok
    assert "no_such" in message


def test_airflow_before_3_2_reads_hook_form() -> None:
    behaviour = ServiceFabricHook.get_ui_field_behaviour()
    assert set(behaviour) == {"hidden_fields", "relabeling", "placeholders"}
    assert behaviour["placeholders"]["port"] == "19080"
