"""
The peers: other ways to poll, each as a context manager.

The HTTP provider's asynchronous hook does not support client certificates: it drops ``cert``, and a trigger
cannot hold an SSL context, since that is not JSON. Here it gets a context that is created once, which is
cheaper than any real use.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp

from airflow_provider_sf.cluster.per_loop import MAX_CONCURRENT_REQUESTS
from benchmarks.answers import target_of
from benchmarks.raw_pool import client_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    import requests

    from benchmarks.stub import Way

    Poll = Callable[[str], Awaitable[object]]

CONN_ID = "http_bench"

_T = TypeVar("_T")


def _tls(way: Way) -> ssl.SSLContext | bool:
    """Return the argument ``ssl`` of aiohttp."""
    return client_context(way) if way.certificate else True


@asynccontextmanager
async def http_sensor(way: Way) -> AsyncIterator[Poll]:
    """Poll like the body of ``HttpSensorTrigger.run``: a session and ``hook.run`` for each poll."""
    from airflow.providers.http.triggers.http import HttpSensorTrigger  # noqa: PLC0415 - may be missing

    options, hooks = {"ssl": _tls(way)}, {}

    async def poll(name: str) -> None:
        if name not in hooks:  # each trigger creates a hook
            hooks[name] = HttpSensorTrigger(http_conn_id=CONN_ID)._get_async_hook()  # noqa: SLF001 - as run() does
        async with aiohttp.ClientSession() as session:
            await hooks[name].run(
                session=session, endpoint=target_of(name), data=None, headers=None, extra_options=options
            )

    yield poll


@asynccontextmanager
async def http_event(way: Way) -> AsyncIterator[Poll]:
    """Poll like ``HttpEventTrigger.run``: a session, a response and a response check for each poll."""
    from airflow.providers.http.triggers.http import HttpEventTrigger  # noqa: PLC0415 - may be missing

    options, triggers = {"ssl": _tls(way)}, {}

    async def poll(name: str) -> bool:
        if name not in triggers:
            trigger = HttpEventTrigger(
                "benchmarks.response_check.has_completed",
                http_conn_id=CONN_ID,
                endpoint=target_of(name),
                extra_options=options,
            )
            triggers[name] = trigger, trigger._get_async_hook()  # noqa: SLF001 - as run() does
        trigger, hook = triggers[name]
        response = await trigger._get_response(hook)  # noqa: SLF001 - as run() does
        return bool(await trigger._run_response_check(response))  # noqa: SLF001 - as run() does

    yield poll


@asynccontextmanager
async def session_per_poll(way: Way) -> AsyncIterator[Poll]:
    """Poll with aiohttp and a session for each poll."""
    tls = _tls(way)

    async def poll(name: str) -> bytes:
        async with (
            aiohttp.ClientSession() as session,
            session.get(way.origin + target_of(name), ssl=tls) as response,
        ):
            return await response.read()

    yield poll


@asynccontextmanager
async def tuned_session(way: Way, limit: int = MAX_CONCURRENT_REQUESTS) -> AsyncIterator[Poll]:
    """Poll with aiohttp and one session: a few connections, no cookies."""
    connector = aiohttp.TCPConnector(limit=limit, ssl=_tls(way))
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def poll(name: str) -> bytes:
            async with session.get(way.origin + target_of(name)) as response:
                return await response.read()

        yield poll


@asynccontextmanager
async def _threads(poll: Callable[[str], object]) -> AsyncIterator[Poll]:
    """Poll in as many threads as there are connections."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(MAX_CONCURRENT_REQUESTS) as executor:
        loop.set_default_executor(executor)
        yield lambda name: asyncio.to_thread(poll, name)


def _per_thread(create: Callable[[], _T]) -> Callable[[], _T]:
    """Return a function that creates one object per thread."""
    local = threading.local()

    def current() -> _T:
        if not hasattr(local, "value"):
            local.value = create()
        value: _T = local.value
        return value

    return current


@asynccontextmanager
async def requests_session_per_thread(way: Way) -> AsyncIterator[Poll]:
    """Poll with requests and a session for each thread."""
    current = _per_thread(partial(_requests_session, way))

    def poll(name: str) -> bytes:
        return current().get(way.origin + target_of(name)).content

    async with _threads(poll) as poll_in_thread:
        yield poll_in_thread


@asynccontextmanager
async def requests_session_per_poll(way: Way) -> AsyncIterator[Poll]:
    """Poll with requests and a session for each poll."""

    def poll(name: str) -> bytes:
        with _requests_session(way) as session:
            return session.get(way.origin + target_of(name)).content

    async with _threads(poll) as poll_in_thread:
        yield poll_in_thread


def _requests_session(way: Way) -> requests.Session:
    import requests  # noqa: PLC0415 - only these peers need it

    session = requests.Session()
    if way.certificate:
        session.verify, session.cert = way.authority, (way.certificate, way.key)
    return session


@asynccontextmanager
async def microsoft_sdk(way: Way) -> AsyncIterator[Poll]:
    """Poll with Microsoft's client, one per thread."""
    current = _per_thread(partial(_microsoft_client, way))

    def poll(name: str) -> object:
        return current().mesh_application.get_upgrade_progress(name)

    async with _threads(poll) as poll_in_thread:
        yield poll_in_thread


def _microsoft_client(way: Way) -> Any:
    from azure.servicefabric import ServiceFabricClientAPIs  # noqa: PLC0415 - may be missing
    from msrest.authentication import Authentication  # noqa: PLC0415 - comes with it

    client = ServiceFabricClientAPIs(Authentication(), base_url=way.origin)
    if way.certificate:
        client.config.connection.cert = (way.certificate, way.key)
        client.config.connection.verify = way.authority
    return client
