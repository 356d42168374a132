"""From an Airflow connection to a cluster, and the calls that read it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_sf import get_provider_info
from airflow_provider_sf.applications import (
    APPLICATION,
    APPLICATIONS,
    Application,
    ApplicationHealth,
    page_of,
)
from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.kinds import APPLICATION_HEALTH, DEFAULT_KIND, advice, kind_named
from airflow_provider_sf.parameters import DEFAULT_CONN_ID
from airflow_provider_sf.reasons import explanation
from airflow_provider_sf.rest import (
    CLUSTER_VERSION,
    UNKNOWN_CALL,
    Rejected,
    ServiceFabricError,
    Unreachable,
    advised,
    json_from,
    request_for,
    version_in,
)
from airflow_provider_sf.upgrades import UpgradeProgress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_sf.rest import Call, Response

MOST_LOOK_UP_SECONDS = 30.0

LOOK_UP_EVERY_SECONDS = 300
"""How long waits of one event loop share what a look-up of their connection has brought."""


class ServiceFabricHook(BaseHook):
    """
    Read a Service Fabric cluster through its REST API.

    :param service_fabric_conn_id: the connection: ``host``, ``port`` (19080 if empty), and as extra fields
        ``connect_timeout`` (seconds, 5 if missing), ``read_timeout`` (seconds, 30 if missing) and
        ``explorer_url`` (the cluster's own if missing)
    :param api_version: sent instead of the api-version that documents the call; rarely needed

    Every call raises ``Unreachable`` (ask again), ``Rejected`` (do not) or ``UnexpectedAnswer`` of
    :mod:`airflow_provider_sf.rest`. A connection that does not exist is ``AirflowNotFoundException``, a wrong
    one ``ValueError``; from the asynchronous calls they come as ``Unreachable`` and ``Rejected``.
    """

    conn_name_attr = "service_fabric_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = "service_fabric"
    hook_name = "Azure Service Fabric"

    def __init__(self, service_fabric_conn_id: str = DEFAULT_CONN_ID, api_version: str | None = None) -> None:
        super().__init__()
        self.service_fabric_conn_id = service_fabric_conn_id
        self.api_version = api_version

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Describe the connection form to Airflow before 3.2, in that version's spelling of the keys."""
        behaviour = get_provider_info()["connection-types"][0]["ui-field-behaviour"]
        return {key.replace("-", "_"): value for key, value in behaviour.items()}

    def get_conn(self) -> Cluster:
        """Look the connection up and return the cluster that it describes."""
        connection = self.get_connection(self.service_fabric_conn_id)
        try:
            return Cluster.at(connection.host, connection.port, connection.extra_dejson)
        except ValueError as error:
            msg = f"connection {self.service_fabric_conn_id!r}: {error}"
            raise ValueError(msg) from error

    def get_upgrade_progress(self, name: str = "", *, kind: str = DEFAULT_KIND) -> UpgradeProgress:
        """
        Return the progress of the latest upgrade, by the kind's progress call.

        For the default kind that is ``GET /Resources/Applications/{name}/$/GetUpgradeProgress``.

        :param name: the application resource, the application (``fabric:/shop/web``, ``shop/web`` or
            ``shop~web``) or the compose deployment; none for the kinds that are the cluster's own
        :param kind: a name of :data:`airflow_provider_sf.kinds.KINDS`
        :raises ValueError: the kind does not exist or cannot have that name; nothing was sent
        """
        request = request_for(kind_named(kind).progress, name, api_version=self.api_version)
        cluster = self.get_conn()
        try:
            return _progress(kind, name, cluster.send(request), cluster.endpoint)
        except Rejected as error:
            if error.code != UNKNOWN_CALL:
                raise
            raise advised(error, advice(kind, _version(cluster))) from error

    async def aget_upgrade_progress(self, name: str = "", *, kind: str = DEFAULT_KIND) -> UpgradeProgress:
        """Do as :meth:`get_upgrade_progress` does, without blocking the event loop."""
        request = request_for(kind_named(kind).progress, name, api_version=self.api_version)
        cluster = await self._ashared_cluster()
        try:
            return _progress(kind, name, await cluster.asend(request), cluster.endpoint)
        except Rejected as error:
            if error.code != UNKNOWN_CALL:
                raise
            raise advised(error, advice(kind, await _aversion(cluster))) from error

    def get_cluster_version(self) -> str:
        """Return the version of the runtime, ``10.1.2338.9590`` or the like: ``GET /$/GetClusterVersion``."""
        return version_in(self._read(CLUSTER_VERSION))

    async def aget_cluster_version(self) -> str:
        """Do as :meth:`get_cluster_version` does, without blocking the event loop."""
        return version_in(await self._aread(CLUSTER_VERSION))

    def get_application(self, name: str) -> Application:
        """
        Return what a classic application is: ``GET /Applications/{applicationId}``.

        :raises ValueError: no application can have that name; nothing was sent
        """
        return Application.from_answer(self._read(APPLICATION, name))

    async def aget_application(self, name: str) -> Application:
        """Do as :meth:`get_application` does, without blocking the event loop."""
        return Application.from_answer(await self._aread(APPLICATION, name))

    def get_application_health(self, name: str) -> ApplicationHealth:
        """
        Return how healthy a classic application is, and why not more.

        The call is ``GET /Applications/{applicationId}/$/GetHealth``.

        :raises ValueError: no application can have that name; nothing was sent
        """
        return ApplicationHealth.from_answer(self._read(APPLICATION_HEALTH, name))

    async def aget_application_health(self, name: str) -> ApplicationHealth:
        """Do as :meth:`get_application_health` does, without blocking the event loop."""
        return ApplicationHealth.from_answer(await self._aread(APPLICATION_HEALTH, name))

    def list_applications(self) -> list[Application]:
        """Return all classic applications, page after page: ``GET /Applications``."""
        asked: set[str] = set()
        applications, token = page_of(self._read(APPLICATIONS), asked)
        while token:
            more, token = page_of(self._read(APPLICATIONS, ContinuationToken=token), asked)
            applications += more
        return applications

    async def alist_applications(self) -> list[Application]:
        """Do as :meth:`list_applications` does, without blocking the event loop."""
        asked: set[str] = set()
        applications, token = page_of(await self._aread(APPLICATIONS), asked)
        while token:
            more, token = page_of(await self._aread(APPLICATIONS, ContinuationToken=token), asked)
            applications += more
        return applications

    def get_explanations(self, name: str, *, kind: str) -> tuple[list[UpgradeProgress], list[str]]:
        """
        Ask what else a cluster says about an upgrade that failed, once, and return what could be read of it.

        Which calls these are, the kind knows. What could not be read is a remark, never an error: how the
        upgrade ended is known by then, and nothing may hide it.
        """
        records, remarks = [], []
        for call in kind_named(kind).explained_by:
            try:
                records.append(explanation(self._read(call, name)))
            except Exception as error:  # noqa: BLE001, PERF203 - a secrets backend may raise anything
                remarks.append(f"{call.path} could not be read: {error}")
        return records, remarks

    def test_connection(self) -> tuple[bool, str]:
        """Ask the cluster for its version; say what it answered, or what is wrong."""
        try:
            version, endpoint = self.get_cluster_version(), self.get_conn().endpoint
        except (AirflowNotFoundException, ServiceFabricError, ValueError) as error:
            return False, str(error)
        return True, f"Service Fabric {version} at {endpoint}"

    def _read(self, call: Call, name: str = "", **query: str) -> dict[str, Any]:
        request = request_for(call, name, **query)
        cluster = self.get_conn()
        return json_from(cluster.send(request), cluster.endpoint)

    async def _aread(self, call: Call, name: str = "", **query: str) -> dict[str, Any]:
        request = request_for(call, name, **query)
        cluster = await self._ashared_cluster()
        return json_from(await cluster.asend(request), cluster.endpoint)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """
        Share with all others in this event loop what the connection needs: one look-up, one bounded session.

        The last one to leave closes it. Calls outside do a look-up and open a session of their own.
        """
        here = _shared.setdefault(asyncio.get_running_loop(), {})
        shared = here.setdefault(self.service_fabric_conn_id, _SharedCluster())
        shared.users += 1
        try:
            yield
        finally:
            shared.users -= 1
            if not shared.users:
                del here[self.service_fabric_conn_id]
                await shared.lease.aclose()

    async def _ashared_cluster(self) -> Cluster:
        shared = _shared.get(asyncio.get_running_loop(), {}).get(self.service_fabric_conn_id)
        if shared is None:
            return await self._aget_conn()
        if shared.cluster is not None and shared.looking_up.locked():
            return shared.cluster
        async with shared.looking_up:
            if shared.cluster is not None and shared.age() < LOOK_UP_EVERY_SECONDS:
                return shared.cluster
            cluster = await (
                self._aget_conn() if shared.cluster is None else self._aget_conn_again(shared.cluster)
            )
            await shared.move_to(cluster)
            return cluster

    async def _aget_conn(self) -> Cluster:
        """
        Look the connection up, all of it in one thread of its own: secrets backends may block.

        From Airflow 3.1 on any trouble between triggerer and API server reads "isn't defined", and the worker
        has just found the connection: so it is worth asking again. What is wrong with it stays wrong.
        """
        from asgiref.sync import sync_to_async  # noqa: PLC0415 - 6 ms that no DAG file needs to pay

        load = sync_to_async(self.get_conn, thread_sensitive=False)
        try:
            return await asyncio.wait_for(load(), MOST_LOOK_UP_SECONDS)
        except (AirflowNotFoundException, asyncio.TimeoutError) as error:
            reason = str(error) or f"no answer within {MOST_LOOK_UP_SECONDS:g} s"
            msg = f"connection {self.service_fabric_conn_id!r} could not be read: {reason}"
            raise Unreachable(msg) from error
        except ValueError as error:
            raise Rejected(str(error)) from error

    async def _aget_conn_again(self, known: Cluster) -> Cluster:
        """Look the connection up once more; a wait that knows its cluster does not end if that fails."""
        try:
            return await self._aget_conn()
        except Exception as error:  # noqa: BLE001 - a secrets backend may raise anything
            self.log.warning("Going on with the connection as it was: %s", error)
            return known


@dataclass(slots=True)
class _SharedCluster:
    """What all waits of one event loop on one connection share."""

    users: int = 0
    cluster: Cluster | None = None
    looked_up_at: float = 0.0
    looking_up: asyncio.Lock = field(default_factory=asyncio.Lock)
    lease: AsyncExitStack = field(default_factory=AsyncExitStack)

    def age(self) -> float:
        return asyncio.get_running_loop().time() - self.looked_up_at

    async def move_to(self, cluster: Cluster) -> None:
        """Hold this cluster's session open; the one before it closes after its last answer."""
        before, self.lease = self.lease, AsyncExitStack()
        await self.lease.enter_async_context(cluster.session())
        self.cluster = cluster
        self.looked_up_at = asyncio.get_running_loop().time()
        await before.aclose()


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _SharedCluster]] = WeakKeyDictionary()


def _version(cluster: Cluster) -> str | None:
    """Return the version of a cluster's runtime, None if it does not say."""
    try:
        return version_in(json_from(cluster.send(request_for(CLUSTER_VERSION))))
    except ServiceFabricError:
        return None


async def _aversion(cluster: Cluster) -> str | None:
    try:
        return version_in(json_from(await cluster.asend(request_for(CLUSTER_VERSION))))
    except ServiceFabricError:
        return None


def _progress(kind: str, name: str, response: Response, endpoint: str) -> UpgradeProgress:
    answer = json_from(response, endpoint)
    now = datetime.now(timezone.utc)
    return UpgradeProgress.from_answer(kind, name, answer, observed_at=now, endpoint=endpoint)
