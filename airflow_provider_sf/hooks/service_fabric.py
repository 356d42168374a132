"""From an Airflow connection to a cluster, and the calls that read it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_sf.auth.certificates import EXPIRY_WARNING, expires_at, thumbprints
from airflow_provider_sf.auth.settings import describe_security, format_minute
from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.hooks.async_connection import AsyncConnection
from airflow_provider_sf.hooks.cluster_cache import CachedCluster, cached_cluster
from airflow_provider_sf.hooks.reading import aread_progress, off_loop_if_large, read_answer, read_progress
from airflow_provider_sf.provider_info import get_provider_info
from airflow_provider_sf.rest import Rejected, ServiceFabricError
from airflow_provider_sf.rest.errors import with_advice
from airflow_provider_sf.rest.plain_text import plain_line, show_setting
from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, OK, UNKNOWN_CALL, request_for, runtime_version
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

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_sf.rest.protocol import Call, Request, Response
    from airflow_provider_sf.upgrades import UpgradeProgress

_Read = TypeVar("_Read")


class ServiceFabricHook(BaseHook):
    """
    Read a Service Fabric cluster through its REST API.

    :param service_fabric_conn_id: the connection: ``host``, ``port`` (19080 if empty), ``schema``, and the
        extra fields of :mod:`airflow_provider_sf.auth.connection_form`
    :param api_version: replaces the documented api-version of each call; rarely needed
    :param warn: receives the warnings, for example about a certificate that expires soon; by default they are
        logged

    Every call raises ``Unreachable`` (a retry may help), ``Rejected`` (a retry does not help) or
    ``UnexpectedAnswer`` of :mod:`airflow_provider_sf.rest`. A connection that does not exist raises
    ``AirflowNotFoundException``, an invalid one ``ValueError``. Asynchronous calls raise ``Unreachable`` and
    ``Rejected`` instead of these two.
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
        """Return the connection form for Airflow before 3.2, which spells the keys with underscores."""
        behaviour = get_provider_info()["connection-types"][0]["ui-field-behaviour"]
        return {key.replace("-", "_"): value for key, value in behaviour.items()}

    def get_conn(self) -> Cluster:
        """Load the connection, read the files that it names, and return its cluster."""
        connection = self.get_connection(self.service_fabric_conn_id)
        try:
            _check_type(connection)
            cluster = Cluster.at(
                connection.host, connection.port, _extra(connection), scheme=connection.schema
            )
        except ValueError as error:
            msg = f"connection {self.service_fabric_conn_id!r}: {error}"
            raise ValueError(msg) from error
        if certificate := cluster.security.certificate:
            self._warn_of_expiry("client", certificate.der)
        return cluster

    def get_upgrade_progress(self, name: str | None = "", *, kind: str = DEFAULT_KIND) -> UpgradeProgress:
        """
        Return the progress of the latest upgrade, from the progress call of the kind.

        The call of the default kind is ``GET /Resources/Applications/{name}/$/GetUpgradeProgress``.

        :param name: the application resource, the application (``fabric:/shop/web``, ``shop/web`` or
            ``shop~web``) or the compose deployment; empty for the kinds of the cluster itself
        :param kind: a name of :data:`airflow_provider_sf.upgrades.kinds.KINDS`
        :raises ValueError: the kind does not exist, or the name is invalid; nothing was sent
        """
        try:
            return read_progress(kind, name or "", *self._send(get_kind(kind).progress, name))
        except Rejected as error:
            if error.code != UNKNOWN_CALL:
                raise
            raise with_advice(error, unsupported_call_advice(kind, self._version())) from error

    async def aget_upgrade_progress(
        self, name: str | None = "", *, kind: str = DEFAULT_KIND
    ) -> UpgradeProgress:
        """Like :meth:`get_upgrade_progress`, without blocking the event loop."""
        return await aread_progress(kind, name or "", *await self.aget_progress_response(name, kind=kind))

    async def aget_progress_response(self, name: str | None, *, kind: str) -> tuple[Cluster, Response]:
        """Return the response to a kind's progress call, and the cluster that reads it."""
        cluster, response = await self._asend(get_kind(kind).progress, name)
        if response.status != OK:
            try:
                read_answer(kind, cluster, response)
            except Rejected as error:
                if error.code != UNKNOWN_CALL:
                    raise
                raise with_advice(error, unsupported_call_advice(kind, await self._aversion())) from error
        return cluster, response

    def get_cluster_version(self) -> str:
        """Return the version of the runtime, such as ``10.1.2338.9590``: ``GET /$/GetClusterVersion``."""
        return self._read(runtime_version, CLUSTER_VERSION)

    async def aget_cluster_version(self) -> str:
        """Like :meth:`get_cluster_version`, without blocking the event loop."""
        return await self._aread(runtime_version, CLUSTER_VERSION)

    def get_application(self, name: str) -> Application:
        """
        Return a classic application: ``GET /Applications/{applicationId}``.

        :raises ValueError: the name is invalid; nothing was sent
        """
        return self._read(Application.from_answer, APPLICATION, name)

    async def aget_application(self, name: str) -> Application:
        """Like :meth:`get_application`, without blocking the event loop."""
        return await self._aread(Application.from_answer, APPLICATION, name)

    def get_application_health(self, name: str) -> ApplicationHealth:
        """
        Return the health of a classic application, with the reasons if it is not healthy.

        The call is ``GET /Applications/{applicationId}/$/GetHealth``.

        :raises ValueError: the name is invalid; nothing was sent
        """
        return self._read(ApplicationHealth.from_answer, APPLICATION_HEALTH, name)

    async def aget_application_health(self, name: str) -> ApplicationHealth:
        """Like :meth:`get_application_health`, without blocking the event loop."""
        return await self._aread(ApplicationHealth.from_answer, APPLICATION_HEALTH, name)

    def list_applications(self) -> list[Application]:
        """Return all classic applications, page by page: ``GET /Applications``."""
        read = partial(read_page, used_tokens=set())
        applications, token = self._read(read, APPLICATIONS)
        while token:
            more, token = self._read(read, APPLICATIONS, ContinuationToken=token)
            applications += more
        return applications

    async def alist_applications(self) -> list[Application]:
        """Like :meth:`list_applications`, without blocking the event loop."""
        read = partial(read_page, used_tokens=set())
        applications, token = await self._aread(read, APPLICATIONS)
        while token:
            more, token = await self._aread(read, APPLICATIONS, ContinuationToken=token)
            applications += more
        return applications

    def get_failure_details(self, name: str, *, kind: str) -> tuple[list[FailureDetails], list[str]]:
        """
        Read more details of a failed upgrade, and return them with a warning for each call that failed.

        The kind names the calls. Each is sent once. A failed call is never an error here, since the result of
        the upgrade is known already.
        """
        details, warnings = [], []
        for call in get_kind(kind).failure_calls:
            try:
                details.append(self._read(FailureDetails.from_answer, call, name))
            except Exception as error:  # noqa: BLE001, PERF203 - a secrets backend may raise anything
                warnings.append(f"{call.path} could not be read: {plain_line(str(error))}")
        return details, warnings

    def test_connection(self) -> tuple[bool, str]:
        """Read the version of the cluster; return it and how the connection is secured, or what is wrong."""
        try:
            cluster, response = self._send(CLUSTER_VERSION)
            version = runtime_version(cluster.read(response))
        except (AirflowNotFoundException, ServiceFabricError, ValueError) as error:
            return False, str(error)
        security = describe_security(cluster.security, response)
        return True, f"Service Fabric {version} at {response.endpoint}; {security}"

    def _version(self) -> str | None:
        """Return the version of the cluster's runtime; None if it cannot be read."""
        try:
            return self.get_cluster_version()
        except ServiceFabricError:
            return None

    async def _aversion(self) -> str | None:
        try:
            return await self.aget_cluster_version()
        except ServiceFabricError:
            return None

    def cached_cluster(self) -> CachedCluster:
        """
        Return the cluster that this event loop shares for the connection, to enter with ``async with``.

        While it is entered, calls share one connection lookup and one session; the last user closes it. Else
        each call loads the connection and opens its own session.
        """
        return cached_cluster(self.service_fabric_conn_id)

    def _read(
        self, read: Callable[[dict[str, Any]], _Read], call: Call, name: str = "", **query: str
    ) -> _Read:
        """Send a request, and read the JSON object of its response."""
        cluster, response = self._send(call, name, **query)
        return read(cluster.read(response))

    async def _aread(
        self, read: Callable[[dict[str, Any]], _Read], call: Call, name: str = "", **query: str
    ) -> _Read:
        """Like :meth:`_read`, without blocking the event loop."""
        cluster, response = await self._asend(call, name, **query)
        return await off_loop_if_large(response, lambda: read(cluster.read(response)))

    def _send(self, call: Call, name: str | None = "", **query: str) -> tuple[Cluster, Response]:
        """Send a request; return its response, and the cluster that reads it."""
        cluster = self.get_conn()
        return cluster, self._check_expiry(cluster.send(self._request(call, name, query, cluster)))

    async def _asend(self, call: Call, name: str | None = "", **query: str) -> tuple[Cluster, Response]:
        """Like :meth:`_send`, without blocking the event loop."""
        connection = AsyncConnection(self.service_fabric_conn_id, self.get_conn, self._warn)
        cluster, response = await connection.send(partial(self._request, call, name, query))
        return cluster, self._check_expiry(response)

    def _request(self, call: Call, name: str | None, query: dict[str, str], cluster: Cluster) -> Request:
        version, timeout = self.api_version or cluster.api_version, cluster.server_timeout
        return request_for(call, name, api_version=version, timeout=timeout, **query)

    def _check_expiry(self, response: Response) -> Response:
        if response.certificate:
            self._warn_of_expiry("server", response.certificate)
        return response

    def _warn_of_expiry(self, owner: str, certificate: bytes) -> None:
        """Warn once per process of a certificate that expires soon."""
        if certificate in _checked_certificates:
            return
        _checked_certificates.add(certificate)
        end, thumbprint = expires_at(certificate), thumbprints(certificate)[0]
        left = end - datetime.now(timezone.utc)
        if left <= EXPIRY_WARNING:
            how = f"expires in {left.days} days" if left > timedelta(0) else "has expired"
            self._warn(f"The {owner} certificate {thumbprint} {how}, at {format_minute(end)}: renew it")


def _check_type(connection: Connection) -> None:
    """
    Refuse a connection of another type, or of none.

    The id of a connection may come from a template. It must not lead to the host of another service.
    """
    if connection.conn_type != ServiceFabricHook.conn_type:
        found = show_setting(connection.conn_type or "", r"[\w-]{0,30}")
        msg = f"its type is {found}: set it to {ServiceFabricHook.conn_type!r}, or use another connection"
        raise ValueError(msg)


def _extra(connection: Connection) -> dict[str, Any]:
    """Return the extra fields. Airflow ignores invalid JSON, which would leave the connection unsecured."""
    extra: dict[str, Any] = connection.extra_dejson
    if not extra and (connection.extra or "").strip() not in {"", "{}", "null"}:
        msg = "extra is not a JSON object"  # it may be a secret
        raise ValueError(msg)
    return extra


_checked_certificates: set[bytes] = set()
"""The certificates that this process has checked."""
