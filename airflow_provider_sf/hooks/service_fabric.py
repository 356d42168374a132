"""From an Airflow connection to a cluster, and the calls that read it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_sf import get_provider_info
from airflow_provider_sf.applications import (
    APPLICATION,
    APPLICATIONS,
    Application,
    ApplicationHealth,
    page_of,
)
from airflow_provider_sf.certificates import SOON, ends_at, thumbprints
from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.gateways import REFUSALS
from airflow_provider_sf.hooks.sharing import joined, shared_by
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
    request_for,
    version_in,
)
from airflow_provider_sf.security import day, secured_by
from airflow_provider_sf.upgrades import UpgradeProgress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_sf.rest import Call, Request, Response

MOST_LOOK_UP_SECONDS = 30.0


class ServiceFabricHook(BaseHook):
    """
    Read a Service Fabric cluster through its REST API.

    :param service_fabric_conn_id: the connection: ``host``, ``port`` (19080 if empty), ``schema``, and the
        extra fields of :mod:`airflow_provider_sf.connection_form`
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
        """Look the connection up, read the files that it names, and return the cluster that it describes."""
        connection = self.get_connection(self.service_fabric_conn_id)
        try:
            cluster = Cluster.at(
                connection.host, connection.port, _extra(connection), scheme=connection.schema
            )
        except ValueError as error:
            msg = f"connection {self.service_fabric_conn_id!r}: {error}"
            raise ValueError(msg) from error
        if certificate := cluster.security.certificate:
            self._warn_of_the_end("client", certificate.der)
        return cluster

    def get_upgrade_progress(self, name: str = "", *, kind: str = DEFAULT_KIND) -> UpgradeProgress:
        """
        Return the progress of the latest upgrade, by the kind's progress call.

        For the default kind that is ``GET /Resources/Applications/{name}/$/GetUpgradeProgress``.

        :param name: the application resource, the application (``fabric:/shop/web``, ``shop/web`` or
            ``shop~web``) or the compose deployment; none for the kinds that are the cluster's own
        :param kind: a name of :data:`airflow_provider_sf.kinds.KINDS`
        :raises ValueError: the kind does not exist or cannot have that name; nothing was sent
        """
        try:
            return _progress(kind, name, *self._ask(kind_named(kind).progress, name))
        except Rejected as error:
            if error.code != UNKNOWN_CALL:
                raise
            raise advised(error, advice(kind, self._version())) from error

    async def aget_upgrade_progress(self, name: str = "", *, kind: str = DEFAULT_KIND) -> UpgradeProgress:
        """Do as :meth:`get_upgrade_progress` does, without blocking the event loop."""
        try:
            return _progress(kind, name, *await self._aask(kind_named(kind).progress, name))
        except Rejected as error:
            if error.code != UNKNOWN_CALL:
                raise
            raise advised(error, advice(kind, await self._aversion())) from error

    def get_cluster_version(self) -> str:
        """Return the version of the runtime, ``10.1.2338.9590`` or the like: ``GET /$/GetClusterVersion``."""
        return version_in(self._ask(CLUSTER_VERSION)[0])

    async def aget_cluster_version(self) -> str:
        """Do as :meth:`get_cluster_version` does, without blocking the event loop."""
        return version_in((await self._aask(CLUSTER_VERSION))[0])

    def get_application(self, name: str) -> Application:
        """
        Return what a classic application is: ``GET /Applications/{applicationId}``.

        :raises ValueError: no application can have that name; nothing was sent
        """
        return Application.from_answer(self._ask(APPLICATION, name)[0])

    async def aget_application(self, name: str) -> Application:
        """Do as :meth:`get_application` does, without blocking the event loop."""
        return Application.from_answer((await self._aask(APPLICATION, name))[0])

    def get_application_health(self, name: str) -> ApplicationHealth:
        """
        Return how healthy a classic application is, and why not more.

        The call is ``GET /Applications/{applicationId}/$/GetHealth``.

        :raises ValueError: no application can have that name; nothing was sent
        """
        return ApplicationHealth.from_answer(self._ask(APPLICATION_HEALTH, name)[0])

    async def aget_application_health(self, name: str) -> ApplicationHealth:
        """Do as :meth:`get_application_health` does, without blocking the event loop."""
        return ApplicationHealth.from_answer((await self._aask(APPLICATION_HEALTH, name))[0])

    def list_applications(self) -> list[Application]:
        """Return all classic applications, page after page: ``GET /Applications``."""
        asked: set[str] = set()
        applications, token = page_of(self._ask(APPLICATIONS)[0], asked)
        while token:
            more, token = page_of(self._ask(APPLICATIONS, ContinuationToken=token)[0], asked)
            applications += more
        return applications

    async def alist_applications(self) -> list[Application]:
        """Do as :meth:`list_applications` does, without blocking the event loop."""
        asked: set[str] = set()
        applications, token = page_of((await self._aask(APPLICATIONS))[0], asked)
        while token:
            more, token = page_of((await self._aask(APPLICATIONS, ContinuationToken=token))[0], asked)
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
                records.append(explanation(self._ask(call, name)[0]))
            except Exception as error:  # noqa: BLE001, PERF203 - a secrets backend may raise anything
                remarks.append(f"{call.path} could not be read: {error}")
        return records, remarks

    def test_connection(self) -> tuple[bool, str]:
        """Ask the cluster for its version; say what it answered and how it is secured, or what is wrong."""
        try:
            cluster = self.get_conn()
            answer, response = self._exchange(cluster, CLUSTER_VERSION)
            version = version_in(answer)
        except (AirflowNotFoundException, ServiceFabricError, ValueError) as error:
            return False, str(error)
        return (
            True,
            f"Service Fabric {version} at {response.endpoint}; {secured_by(cluster.security, response)}",
        )

    def _version(self) -> str | None:
        """Return the version of the cluster's runtime, None if it does not say."""
        try:
            return self.get_cluster_version()
        except ServiceFabricError:
            return None

    async def _aversion(self) -> str | None:
        try:
            return await self.aget_cluster_version()
        except ServiceFabricError:
            return None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """
        Share with all others in this event loop what the connection needs: one look-up, one bounded session.

        The last one to leave closes it. Calls outside do a look-up and open a session of their own.
        """
        async with joined(self.service_fabric_conn_id):
            yield

    def _ask(self, call: Call, name: str = "", **query: str) -> tuple[dict[str, Any], Response]:
        """Return the JSON of an answer, and the answer."""
        return self._exchange(self.get_conn(), call, name, query)

    def _exchange(
        self, cluster: Cluster, call: Call, name: str = "", query: dict[str, str] | None = None
    ) -> tuple[dict[str, Any], Response]:
        response = cluster.send(self._request(cluster, call, name, query or {}))
        return self._read(cluster, response), response

    async def _aask(self, call: Call, name: str = "", **query: str) -> tuple[dict[str, Any], Response]:
        """Do as :meth:`_ask` does; if credentials are refused, look at once whether there are new ones."""
        cluster, sent_at = await self._ashared_cluster(), asyncio.get_running_loop().time()
        try:
            response = await cluster.asend(self._request(cluster, call, name, query))
            return self._read(cluster, response), response
        except Rejected as error:
            if error.status not in {None, *REFUSALS}:  # None: in the handshake, or by Entra ID
                raise
            renewed = await self._ashared_cluster(cluster, sent_at)
            if renewed == cluster:
                raise
        response = await renewed.asend(self._request(renewed, call, name, query))
        return self._read(renewed, response), response

    def _request(self, cluster: Cluster, call: Call, name: str, query: dict[str, str]) -> Request:
        return request_for(call, name, api_version=self.api_version or cluster.api_version, **query)

    def _read(self, cluster: Cluster, response: Response) -> dict[str, Any]:
        if response.certificate:
            self._warn_of_the_end("server", response.certificate)
        return cluster.read(response)

    def _warn_of_the_end(self, whose: str, certificate: bytes) -> None:
        """Warn, once in a process, of a certificate in use that ends soon."""
        if certificate in _looked_at:
            return
        _looked_at.add(certificate)
        end, thumbprint = ends_at(certificate), thumbprints(certificate)[0]
        left = end - datetime.now(timezone.utc)
        if left <= SOON:
            how = f"ends in {left.days} days" if left > timedelta(0) else "has ended"
            self.log.warning("The %s certificate %s %s, at %s: renew it", whose, thumbprint, how, day(end))

    async def _ashared_cluster(self, refused: Cluster | None = None, sent_at: float = 0.0) -> Cluster:
        shared = shared_by(self.service_fabric_conn_id)
        if shared is None:
            return await self._aget_conn()
        if refused is None:
            return await shared.current(self._aload)
        return await shared.instead_of(refused, sent_at, self._aload)

    async def _aload(self, known: Cluster | None) -> Cluster:
        """Look the connection up; a wait that knows its cluster does not end if that fails."""
        if known is None:
            return await self._aget_conn()
        try:
            return await self._aget_conn()
        except Exception as error:  # noqa: BLE001 - a secrets backend may raise anything
            self.log.warning("Going on with the connection as it was: %s", error)
            return known

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


def _extra(connection: Connection) -> dict[str, Any]:
    """Return the extra fields; Airflow takes what is no JSON for none, as if the cluster were unsecured."""
    extra: dict[str, Any] = connection.extra_dejson
    if not extra and (connection.extra or "").strip() not in {"", "{}", "null"}:
        msg = "extra is no JSON object"  # it may be a secret
        raise ValueError(msg)
    return extra


def _progress(kind: str, name: str, answer: dict[str, Any], response: Response) -> UpgradeProgress:
    now = datetime.now(timezone.utc)
    return UpgradeProgress.from_answer(kind, name, answer, observed_at=now, endpoint=response.endpoint)


_looked_at: set[bytes] = set()
"""The certificates whose end this process has looked at."""
