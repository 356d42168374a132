"""Secured connections in Airflow: spelling, connection test, expiry warnings and reloads."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.connection import Connection
from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_sf.airflow_versions import INSTALLED, TASK_SDK
from airflow_provider_sf.hooks import cluster_cache, cluster_requests
from airflow_provider_sf.hooks.async_connection import AsyncConnection
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.certificates import Authority
from tests.hooks.counted_loads import Hook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONNECTION = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"
EXPECTED = Authority()


@pytest.fixture(autouse=True)
def fresh_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without checked certificates, and count from zero: both values belong to the process."""
    monkeypatch.setattr(cluster_requests, "_checked_certificates", set())
    monkeypatch.setattr(Hook, "loads", 0)


@pytest.fixture
def mutual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A cluster that requires certificates, and a connection with its certificate in a file."""
    with Simulator(tls="mutual", authority=EXPECTED) as simulator:
        write_certificate(tmp_path, EXPECTED.client(days=90))
        extra: dict[str, object] = {
            "security": "certificate",
            "client_certificate": str(tmp_path / "client.pem"),
            "ca_bundle": EXPECTED.pem.decode(),
        }
        connect(monkeypatch, simulator.url, extra)
        yield simulator


def connect(monkeypatch: pytest.MonkeyPatch, host: str, extra: dict[str, object]) -> None:
    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "service_fabric", "host": host, "extra": extra}))


def write_certificate(folder: Path, certificate: Any) -> None:
    (folder / "client.pem").write_bytes(certificate.pem + certificate.key_pem)


# Spelling.


EXTRA: dict[str, object] = {
    "security": "entra",
    "credential": "client_secret",
    "client_id": "me",
    "client_secret": "hunter2/+=&?# ",
    "tenant_id": "us",
    "server_thumbprints": "A" * 40,
    "api_version": "9.1",
    "read_timeout": 7,
    "explorer_url": "https://sfx.example.com/?a=b",
}


@pytest.mark.parametrize("host", ["c.example.com", "a.example.com,b.example.com:19081"])
def test_json_and_uri_connections_are_equal(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(conn_type="service_fabric", host=host, extra=json.dumps(EXTRA), schema="https")
    seen = []
    for written in (connection.as_json(), connection.get_uri()):
        monkeypatch.setenv(CONNECTION, written)
        seen.append(ServiceFabricHook().get_conn())
    assert seen[0] == seen[1]
    assert seen[0].endpoints == tuple(
        f"https://{gateway if ':' in gateway else f'{gateway}:19080'}" for gateway in host.split(",")
    )
    assert (seen[0].api_version, seen[0].read_timeout) == ("9.1", 7.0)
    assert seen[0].security.entra is not None
    assert seen[0].security.entra.client_secret == EXTRA["client_secret"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"extra": {"security": "token", "token": "a-secret-token"}, "host": "http://c"},
            "security 'token' needs https: write https:// or omit the scheme",
        ),
        ({"schema": "ftp"}, "invalid schema 'ftp': use http or https"),
        ({"schema": "https", "host": "http://c"}, "host 'http://c': its scheme is not https"),
        ({"host": "http://a,https://b"}, "all gateways of a cluster must use the same scheme, http or https"),
        (
            {"extra": {"server_thumbprints": "A" * 40}, "schema": "http"},
            "extra field 'server_thumbprints' needs https",
        ),
        ({"extra": {"verify": False}, "host": "http://c"}, "extra field 'verify' needs https"),
        (
            {"extra": {"server_common_name": "x"}, "host": "http://c"},
            "extra field 'server_common_name' needs https",
        ),
        (
            {"extra": {"ca_bundle": EXPECTED.pem.decode()}, "host": "http://c"},
            "extra field 'ca_bundle' needs https",
        ),
        ({"extra": {"api_version": "newest"}}, "extra field 'api_version' must be a version such as '9.1'"),
        ({"extra": {"secret": "hunter2"}}, "unknown extra field 'secret': use one of security, "),
    ],
)
def test_what_contradicts_is_refused_with_connection_and_field(
    fields: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "service_fabric", "host": "c", **fields}))
    with pytest.raises(ValueError, match=f"^connection 'service_fabric_default': .*{message}") as refused:
        ServiceFabricHook().get_conn()
    assert "hunter2" not in str(refused.value)


def test_the_api_version_of_a_connection_is_sent(recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, recorder.url, {"api_version": "9.1"})
    ServiceFabricHook().get_upgrade_progress("shop")
    ServiceFabricHook(api_version="8.2").get_upgrade_progress("shop")
    assert [request.split()[1].partition("?")[2] for request in recorder.requests] == [
        "api-version=9.1&timeout=25",
        "api-version=8.2&timeout=25",
    ]


# Connection test.


def test_connection_test_reports_security_and_expiry(mutual: Simulator) -> None:
    ok, message = ServiceFabricHook().test_connection()
    assert ok, message
    assert message.startswith(
        f"Service Fabric {mutual.runtime_version} at {mutual.url}; https, client certificate "
    )
    assert message.count(" until 20") == 2


@pytest.mark.usefixtures("mutual")
def test_the_connection_test_tells_which_setting_is_wrong(tmp_path: Path) -> None:
    write_certificate(tmp_path, Authority().client())
    ok, message = ServiceFabricHook().test_connection()
    assert not ok
    assert message.endswith("add it to the cluster, or set client_certificate)")


# Expiry.


@pytest.mark.parametrize(("days", "how"), [(20.5, "expires in 20 days"), (-1.0, "has expired")])
def test_expiring_client_certificate_warns_once(
    days: float, how: str, mutual: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert mutual.requests == []
    certificate = EXPECTED.client(days=days)
    write_certificate(tmp_path, certificate)
    for _ in range(3):
        Hook().get_conn()
    (line,) = (text for text in caplog.messages if " certificate " in text)  # not those of Airflow 2
    assert line.startswith(f"The client certificate {certificate.thumbprint} {how}, at 20")
    assert line.endswith(" UTC: renew it")


def test_expiring_server_certificate_warns_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Simulator(tls="server", server_certificate="expired") as simulator:
        connect(monkeypatch, simulator.url, {"verify": False})
        for _ in range(2):
            Hook().get_cluster_version()
            asyncio.run(Hook().aget_cluster_version())
    (line,) = (text for text in caplog.messages if " certificate " in text)  # not those of Airflow 2
    assert line.startswith(f"The server certificate {simulator.server_thumbprint} has expired, at 20")


# Reloads.


def test_refused_certificate_reloads_the_connection(mutual: Simulator, tmp_path: Path) -> None:
    write_certificate(tmp_path, Authority().client())

    async def wait() -> None:
        hook = Hook()
        async with hook.cached_cluster():
            with pytest.raises(Rejected, match="HTTP 403"):
                await hook.aget_cluster_version()
            write_certificate(tmp_path, EXPECTED.client())
            assert await hook.aget_cluster_version() == mutual.runtime_version

    asyncio.run(wait())
    assert Hook.loads == 3


def test_failed_handshake_reloads_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server has been renewed and the pin edited: the wait goes on, though no reload is due."""

    async def wait() -> None:
        hook = Hook()
        async with hook.cached_cluster():
            with Simulator(tls="server") as before:
                connect(monkeypatch, before.url, {"server_thumbprints": before.server_thumbprint})
                await hook.aget_cluster_version()
            with Simulator(tls="server", port=before.port) as after:
                with pytest.raises(Rejected, match="does not match server_thumbprints"):
                    await hook.aget_cluster_version()
                connect(monkeypatch, before.url, {"server_thumbprints": after.server_thumbprint})
                assert await hook.aget_cluster_version() == after.runtime_version

    asyncio.run(wait())
    assert Hook.loads == 3


def test_failed_reload_is_retried_soon(mutual: Simulator, tmp_path: Path) -> None:
    async def wait() -> tuple[float, float]:
        hook = Hook()
        async with hook.cached_cluster():
            shared = cluster_cache.cached_cluster_if_any(hook.service_fabric_conn_id)
            assert shared is not None
            await hook.aget_cluster_version()
            now = asyncio.get_running_loop().time()
            good, shared.reload_at = shared.reload_at - now, 0.0
            (tmp_path / "client.pem").unlink()
            assert await hook.aget_cluster_version() == mutual.runtime_version
            return good, shared.reload_at - now

    good, failed = asyncio.run(wait())
    assert 200.0 < good <= cluster_cache.RELOAD_SECONDS
    assert 20.0 < failed < 200.0


def test_cancelled_reload_keeps_the_new_cluster(mutual: Simulator, tmp_path: Path) -> None:
    async def wait() -> None:
        hook = Hook()
        async with hook.cached_cluster():
            shared = cluster_cache.cached_cluster_if_any(hook.service_fabric_conn_id)
            assert shared is not None
            await hook.aget_cluster_version()
            closing = asyncio.Event()

            async def hang() -> None:
                closing.set()
                await asyncio.sleep(60)

            shared.lease.push_async_callback(hang)
            before, shared.reload_at = shared.cluster, 0.0
            write_certificate(tmp_path, EXPECTED.client())
            moving = asyncio.create_task(hook.aget_cluster_version())
            await closing.wait()
            moving.cancel()
            await asyncio.gather(moving, return_exceptions=True)
            assert shared.cluster != before
            assert await hook.aget_cluster_version() == mutual.runtime_version

    asyncio.run(wait())
    assert Hook.loads == 2


def test_invalid_extra_is_not_unsecured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        CONNECTION, json.dumps({"conn_type": "service_fabric", "host": "c", "extra": "{hunter2"})
    )
    expected: tuple[type[Exception], str] = (
        ValueError,
        r"'service_fabric_default': extra is not a JSON object$",
    )
    if INSTALLED in {(3, 0), (3, 1)}:  # these cannot cache such a connection, and report it as missing
        expected = AirflowNotFoundException, "`service_fabric_default` isn't defined"
    with pytest.raises(expected[0], match=expected[1]):
        ServiceFabricHook().get_conn()


@pytest.mark.skipif(not TASK_SDK.is_available, reason="Airflow 2 reads its database")
def test_refusal_of_airflow_is_an_outage_later() -> None:
    """Its API server may fail, or refuse the token of the task, after the cluster has answered."""
    errors = set(ServiceFabricHook.connection_errors) - {AirflowNotFoundException, ValueError}
    assert errors
    for error in errors:

        class Broken(ServiceFabricHook):
            def _load_cluster(self, error: type[Exception] = error) -> Any:
                raise error.__new__(error)

        hook = Broken()
        with pytest.raises(error):
            hook.get_conn()
        hook.has_answer = True
        with pytest.raises(Unreachable, match="could not be read"):
            hook.get_conn()


def test_refused_waits_share_one_reload(mutual: Simulator, tmp_path: Path) -> None:
    write_certificate(tmp_path, Authority().client())

    async def many() -> list[Any]:
        hook = Hook()
        async with hook.cached_cluster():
            asks = (hook.aget_cluster_version() for _ in range(200))
            return await asyncio.gather(*asks, return_exceptions=True)

    assert {type(result) for result in asyncio.run(many())} == {Rejected}
    assert Hook.loads == 2
    assert len(mutual.requests) == 200


def test_renewed_connection_is_not_reloaded_again(mutual: Simulator, tmp_path: Path) -> None:
    """Later refusals use the reload that the first refusal caused."""

    async def wait() -> str:
        hook = Hook()
        async with hook.cached_cluster():
            await hook.aget_cluster_version()
            shared = cluster_cache.cached_cluster_if_any(hook.service_fabric_conn_id)
            assert shared is not None
            old = shared.cluster
            assert old is not None
            write_certificate(tmp_path, EXPECTED.client())
            now = asyncio.get_running_loop().time()
            connection = AsyncConnection(
                hook.service_fabric_conn_id, hook.get_conn, hook.log.warning, hook.connection_errors
            )
            new = await shared.reloaded(old, now, connection.load_or_keep)
            assert await shared.reloaded(old, now, connection.load_or_keep) is new is not old
            return await hook.aget_cluster_version()

    assert asyncio.run(wait()) == mutual.runtime_version
    assert Hook.loads == 2
