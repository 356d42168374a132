"""An outage makes a reload due: the connection may have been edited because its gateway is gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.rest import ServiceFabricError, Unreachable
from tests.hooks.counted_loads import Hook

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from airflow_provider_sf.hooks.cluster_cache import CachedCluster
    from airflow_provider_sf.simulator import Simulator

CONNECTION = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"


@pytest.fixture(autouse=True)
def fresh_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count the loads of each test from zero: the number belongs to the process."""
    monkeypatch.setattr(Hook, "loads", 0)


def loaded_seconds_ago(shared: CachedCluster, seconds: float) -> None:
    shared._load_started_at = asyncio.get_running_loop().time() - seconds


def run(wait: Coroutine[Any, Any, None]) -> None:
    asyncio.run(wait)


def test_edit_is_used_while_old_gateway_is_gone(
    closed_port: int, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = f"service-fabric://127.0.0.1:{simulator.port}"
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")

    async def wait() -> None:
        hook = Hook()
        async with hook.cached_cluster() as shared:
            with pytest.raises(Unreachable, match="Connection refused"):
                await hook.aget_cluster_version()
            monkeypatch.setenv(CONNECTION, good)
            loaded_seconds_ago(shared, 31.0)
            with pytest.raises(Unreachable, match="Connection refused"):
                await hook.aget_cluster_version()
            assert await hook.aget_cluster_version() == simulator.runtime_version

    run(wait())
    assert Hook.loads == 2


def test_outage_shares_one_reload_in_thirty_seconds(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")

    async def wait() -> None:
        hook = Hook()
        async with hook.cached_cluster() as shared:

            async def poll_in_many_waits() -> set[type]:
                asks = (hook.aget_cluster_version() for _ in range(100))
                return set(map(type, await asyncio.gather(*asks, return_exceptions=True)))

            assert await poll_in_many_waits() == {Unreachable}
            assert await poll_in_many_waits() == {Unreachable}
            assert Hook.loads == 1
            loaded_seconds_ago(shared, 31.0)
            for _ in range(3):
                assert await poll_in_many_waits() == {Unreachable}
            assert Hook.loads == 2

    run(wait())


@pytest.mark.parametrize(("status", "loads"), [(502, 2), (503, 2), (504, 2), (500, 1), (404, 1)])
def test_unavailable_gateways_make_a_reload_due(
    status: int, loads: int, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load balancer may still answer for a cluster that has moved."""
    recorder.answer = f"HTTP/1.1 {status} Status\r\nContent-Length: 0\r\n\r\n".encode()
    monkeypatch.setenv(CONNECTION, recorder.url.replace("http", "service-fabric"))

    async def wait() -> None:
        hook = Hook()
        async with hook.cached_cluster() as shared:
            for _ in range(3):
                with pytest.raises(ServiceFabricError, match=f"HTTP {status}"):
                    await hook.aget_cluster_version()
                if Hook.loads == 1:
                    loaded_seconds_ago(shared, 31.0)

    run(wait())
    assert Hook.loads == loads


def test_outage_of_a_replaced_cluster_counts_no_more(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request to the previous gateway may still be running when the connection has been reloaded."""

    async def wait() -> None:
        hook = Hook()
        async with hook.cached_cluster() as shared:
            await hook.aget_cluster_version()
            previous = shared.cluster
            assert previous is not None
            shared.reload_at = 0.0
            monkeypatch.setenv(CONNECTION, f"service-fabric://localhost:{simulator.port}")
            await hook.aget_cluster_version()
            loaded_seconds_ago(shared, 31.0)
            shared.note_outage(previous)
            await hook.aget_cluster_version()

    run(wait())
    assert Hook.loads == 2


def test_outage_without_cached_cluster_is_only_raised(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION, f"service-fabric://127.0.0.1:{closed_port}")
    with pytest.raises(Unreachable, match="Connection refused"):
        asyncio.run(Hook().aget_cluster_version())
    assert Hook.loads == 1
