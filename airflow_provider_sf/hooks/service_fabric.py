"""From an Airflow connection to a cluster, and the calls that read it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_sf.auth.certificates import SOON, ends_at, thumbprints
from airflow_provider_sf.auth.settings import day, secured_by
from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.cluster.failover import REFUSALS
from airflow_provider_sf.cluster.per_loop import loop_time
from airflow_provider_sf.hooks.cluster_cache import CachedCluster, cached_cluster, cached_cluster_if_any
from airflow_provider_sf.provider_info import get_provider_info
from airflow_provider_sf.rest import Rejected, ServiceFabricError, Unreachable
from airflow_provider_sf.rest.errors import with_advice
from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, OK, UNKNOWN_CALL, request_for, runtime_version
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.applications import (
    APPLICATION,
    APPLICATIONS,
    Application,
    ApplicationHealth,
    read_page,
)
from airflow_provider_sf.upgrades.failure_reasons import FailureDetails
from airflow_provider_sf.upgrades.kinds import (
    APPLICATION_HEALTH,
    DEFAULT_KIND,
    get_kind,
    unsupported_call_advice,
)
from airflow_provider_sf.wait.defaults import DEFAULT_CONN_ID

_T = TypeVar("_T")

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_sf.rest.protocol import Call, Request, Response

    Read = Callable[[Cluster, Response], _T]
    """Makes of a cluster's response what is wanted of it."""

MOST_LOOK_UP_SECONDS = 30.0


class ServiceFabricHook(BaseHook):
    """
    Read a Service Fabric cluster through its REST API.

    :param service_fabric_conn_id: the connection: ``host``, ``port`` (19080 if empty), ``schema``, and the
        extra fields of :mod:`airflow_provider_sf.auth.connection_form`
    :param api_version: sent instead of the api-version that documents the call; rarely needed
    :param warn: receives the warnings, for example about a certificate that expires soon; by default they are
        logged

    Every call raises ``Unreachable`` (ask again), ``Rejected`` (do not) or ``UnexpectedAnswer`` of
    :mod:`airflow_provider_sf.rest`. A connection that does not exist is ``AirflowNotFoundException``, a wrong
    one ``ValueError``; from the asynchronous calls they come as ``Unreachable`` and ``Rejected``.
    """

    conn_name_attr = "service_fabric_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = "service_fabric"
    hook_name = "Azure Service Fabric"

    def __init__(
        self,
        service_fabric_conn_id: str = DEFAULT_CONN_ID,
        api_version: str | None = None,
        *,
        warn: Callable[[str], object] | None = None,
    ) -> None:
        super().__init__()
        self.service_fabric_conn_id = service_fabric_conn_id
        self.api_version = api_version
        self._warn = warn or partial(self.log.warning, "%s")

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
        :param kind: a name of :data:`airflow_provider_sf.upgrades.kinds.KINDS`
        :raises ValueError: the kind does not exist or cannot have that name; nothing was sent
        """
        try:
            return self._talk(partial(read_progress, kind, name), get_kind(kind).progress, name)
        except Rejected as error:
            if error.code != UNKNOWN_CALL:
                raise
            raise with_advice(error, unsupported_call_advice(kind, self._version())) from error

    async def aget_upgrade_progress(self, name: str = "", *, kind: str = DEFAULT_KIND) -> UpgradeProgress:
        """Do as :meth:`get_upgrade_progress` does, without blocking the event loop."""
        return read_progress(kind, name, *await self.aget_progress_response(name, kind=kind))

    async def aget_progress_response(self, name: str, *, kind: str) -> tuple[Cluster, Response]:
        """Return the response to a kind's progress call, and the cluster that reads it."""
        cluster, response = await self._asend(get_kind(kind).progress, name)
        if response.status != OK:
            try:
                cluster.read(response)
            except Rejected as error:
                if error.code != UNKNOWN_CALL:
                    raise
                raise with_advice(error, unsupported_call_advice(kind, await self._aversion())) from error
        return cluster, response

    def get_cluster_version(self) -> str:
        """Return the version of the runtime, ``10.1.2338.9590`` or the like: ``GET /$/GetClusterVersion``."""
        return runtime_version(self._ask(CLUSTER_VERSION)[0])

    async def aget_cluster_version(self) -> str:
        """Do as :meth:`get_cluster_version` does, without blocking the event loop."""
        return runtime_version((await self._aask(CLUSTER_VERSION))[0])

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
        applications, token = read_page(self._ask(APPLICATIONS)[0], asked)
        while token:
            more, token = read_page(self._ask(APPLICATIONS, ContinuationToken=token)[0], asked)
            applications += more
        return applications

    async def alist_applications(self) -> list[Application]:
        """Do as :meth:`list_applications` does, without blocking the event loop."""
        asked: set[str] = set()
        applications, token = read_page((await self._aask(APPLICATIONS))[0], asked)
        while token:
            more, token = read_page((await self._aask(APPLICATIONS, ContinuationToken=token))[0], asked)
            applications += more
        return applications

    def get_failure_details(self, name: str, *, kind: str) -> tuple[list[FailureDetails], list[str]]:
        """
        Ask what else a cluster says about an upgrade that failed, once, and return what could be read of it.

        Which calls these are, the kind knows. What could not be read is a remark, never an error: how the
        upgrade ended is known by then, and nothing may hide it.
        """
        details, warnings = [], []
        for call in get_kind(kind).failure_calls:
            try:
                details.append(FailureDetails.from_answer(self._ask(call, name)[0]))
            except Exception as error:  # noqa: BLE001, PERF203 - a secrets backend may raise anything
                warnings.append(f"{call.path} could not be read: {error}")
        return details, warnings

    def test_connection(self) -> tuple[bool, str]:
        """Ask the cluster for its version; say what it answered and how it is secured, or what is wrong."""
        try:
            cluster, response = self._talk(lambda *told: told, CLUSTER_VERSION)
            version = runtime_version(cluster.read(response))
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

    def connected(self) -> CachedCluster:
        """
        Return what all in this event loop share on the connection, to be entered: one look-up, one session.

        The last one to leave closes it. If nobody is in, a call does a look-up, with a session of its own.
        """
        return cached_cluster(self.service_fabric_conn_id)

    def _ask(self, call: Call, name: str = "", **query: str) -> tuple[dict[str, Any], Response]:
        """Return the JSON of an answer, and the answer."""
        return self._talk(_read, call, name, **query)

    def _talk(self, read: Read[_T], call: Call, name: str = "", **query: str) -> _T:
        cluster = self.get_conn()
        return read(cluster, self._checked(cluster.send(self._request(call, name, query, cluster))))

    async def _aask(self, call: Call, name: str = "", **query: str) -> tuple[dict[str, Any], Response]:
        """Do as :meth:`_ask` does, without blocking the event loop."""
        return _read(*await self._asend(call, name, **query))

    async def _asend(self, call: Call, name: str = "", **query: str) -> tuple[Cluster, Response]:
        """Send a request. If the credentials are refused, reload the connection and try once more."""
        cluster, sent_at = await self._ashared_cluster(), loop_time()
        try:
            response = await cluster.asend(self._request(call, name, query, cluster))
        except Rejected:  # in the TLS handshake, or by Entra ID
            reloaded = await self._ashared_cluster(cluster, sent_at)
            if reloaded == cluster:
                raise
        else:
            is_refused = response.status in REFUSALS
            reloaded = await self._ashared_cluster(cluster, sent_at) if is_refused else cluster
            if reloaded == cluster:
                return cluster, self._checked(response)
        response = await reloaded.asend(self._request(call, name, query, reloaded))
        return reloaded, self._checked(response)

    def _request(self, call: Call, name: str, query: dict[str, str], cluster: Cluster) -> Request:
        return request_for(call, name, api_version=self.api_version or cluster.api_version, **query)

    def _checked(self, response: Response) -> Response:
        if response.certificate:
            self._warn_of_the_end("server", response.certificate)
        return response

    def _warn_of_the_end(self, owner: str, certificate: bytes) -> None:
        """Warn, once in a process, of a certificate in use that ends soon."""
        if certificate in _looked_at:
            return
        _looked_at.add(certificate)
        end, thumbprint = ends_at(certificate), thumbprints(certificate)[0]
        left = end - datetime.now(timezone.utc)
        if left <= SOON:
            how = f"ends in {left.days} days" if left > timedelta(0) else "has ended"
            self._warn(f"The {owner} certificate {thumbprint} {how}, at {day(end)}: renew it")

    async def _ashared_cluster(self, refused: Cluster | None = None, sent_at: float = 0.0) -> Cluster:
        shared = cached_cluster_if_any(self.service_fabric_conn_id)
        if shared is None:
            return await self._aget_conn()
        async with shared:
            if refused is None:
                return await shared.current(self._aload)
            return await shared.reloaded(refused, sent_at, self._aload)

    async def _aload(self, known: Cluster | None) -> Cluster:
        """Look the connection up; a wait that knows its cluster does not end if that fails."""
        if known is None:
            return await self._aget_conn()
        try:
            return await self._aget_conn()
        except Exception as error:  # noqa: BLE001 - a secrets backend may raise anything
            self._warn(f"Could not reload the connection; using the previous settings: {error}")
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


def read_progress(kind: str, name: str, cluster: Cluster, response: Response) -> UpgradeProgress:
    """Return the record that the response to a kind's progress call holds, as of now."""
    answer, now = cluster.read(response), datetime.now(timezone.utc)
    return UpgradeProgress.from_answer(kind, name, answer, observed_at=now, endpoint=response.endpoint)


def _read(cluster: Cluster, response: Response) -> tuple[dict[str, Any], Response]:
    return cluster.read(response), response


_looked_at: set[bytes] = set()
"""The certificates whose end this process has looked at."""
