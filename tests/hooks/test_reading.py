"""Large responses are read in a thread, small ones on the event loop."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.hooks.reading import aread_progress, off_loop_if_large
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.protocol import Response

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades import UpgradeProgress

SMALL = 64 * 1024
CLUSTER = Cluster(("http://c:19080",))


def response_of(size: int) -> Response:
    return Response(200, b'{"UpgradeState": "RollingForward"}'.ljust(size), endpoint="http://c:19080")


@pytest.mark.parametrize(("size", "in_thread"), [(100, False), (SMALL, False), (SMALL + 1, True)])
def test_large_response_is_read_in_a_thread(size: int, *, in_thread: bool) -> None:
    thread = asyncio.run(off_loop_if_large(response_of(size), threading.current_thread))
    assert (thread is not threading.main_thread()) is in_thread


@pytest.mark.parametrize("size", [100, SMALL + 1])
def test_record_of_a_response_of_any_size(size: int) -> None:
    async def read() -> UpgradeProgress:
        return await aread_progress("application_resource", "shop", CLUSTER, response_of(size))

    progress = asyncio.run(read())
    assert (progress.name, progress.state, progress.endpoint) == ("shop", "RollingForward", "http://c:19080")


@pytest.mark.parametrize("size", [2, SMALL + 1])
def test_errors_of_a_thread_are_raised(size: int) -> None:
    async def read() -> UpgradeProgress:
        response = Response(200, b"[]".ljust(size))
        return await aread_progress("application_resource", "shop", CLUSTER, response)

    with pytest.raises(UnexpectedAnswer, match="got a JSON list"):
        asyncio.run(read())


def test_every_asynchronous_call_reads_off_the_loop(recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The bodies are larger than the limit.

    No value shows in which thread a body was parsed, so the parser is replaced by one that notes its thread.
    """
    fields = {"conn_type": "service_fabric", "host": recorder.url}
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", json.dumps(fields))
    answer = {"Name": "fabric:/shop", "Version": "10.1", "UpgradeState": "RollingForward"}
    body = json.dumps(answer).encode().ljust(SMALL + 1)
    recorder.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    threads: set[threading.Thread] = set()
    parse = json.JSONDecoder.decode

    def noting(*arguments: Any, **keywords: Any) -> Any:
        threads.add(threading.current_thread())
        return parse(*arguments, **keywords)

    async def read() -> None:
        hook = ServiceFabricHook()
        async with hook.cached_cluster():
            await hook.aget_cluster_version()
            monkeypatch.setattr("json.JSONDecoder.decode", noting)
            await hook.aget_cluster_version()
            await hook.aget_application("fabric:/shop")
            await hook.aget_application_health("fabric:/shop")
            await hook.alist_applications()
            await hook.aget_upgrade_progress("shop")
            monkeypatch.undo()

    asyncio.run(read())
    assert len(recorder.requests) == 6
    assert threads
    assert threading.main_thread() not in threads
