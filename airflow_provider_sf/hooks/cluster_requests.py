"""From an Airflow connection to a cluster, and requests to it. The base of the hook."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_sf.auth.certificates import EXPIRY_WARNING, expires_at, thumbprints
from airflow_provider_sf.auth.settings import format_minute
from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.hooks.async_connection import AsyncConnection
from airflow_provider_sf.hooks.reading import off_loop_if_large
from airflow_provider_sf.rest.changes import change_request
from airflow_provider_sf.rest.json_values import objects
from airflow_provider_sf.rest.pages import items_of_page
from airflow_provider_sf.rest.plain_text import show_setting
from airflow_provider_sf.rest.protocol import request_for
from airflow_provider_sf.wait.defaults import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_sf.rest.protocol import Call, Request, Response

    PageReader = Callable[..., tuple[list[dict[str, Any]], str]]
    """A function such as :func:`items_of_page`."""

CONN_TYPE = "service_fabric"

CHANGE_TIMEOUT = 300.0
"""How many seconds the cluster may take for a change: it validates a new version before it answers."""

_Read = TypeVar("_Read")


class ClusterRequests(BaseHook):
    """Requests to the cluster of a connection, with and without blocking."""

    conn_name_attr = "service_fabric_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = CONN_TYPE
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

    def _read(
        self,
        read: Callable[[dict[str, Any]], _Read],
        call: Call,
        name: str = "",
        body: object = None,
        **query: str,
    ) -> _Read:
        """Send a request, and read the JSON object of its response."""
        cluster, response = self._send(call, name, body, **query)
        return read(cluster.read(response))

    async def _aread(
        self,
        read: Callable[[dict[str, Any]], _Read],
        call: Call,
        name: str = "",
        body: object = None,
        **query: str,
    ) -> _Read:
        """Like :meth:`_read`, without blocking the event loop."""
        cluster, response = await self._asend(call, name, body, **query)
        return await off_loop_if_large(response, lambda: read(cluster.read(response)))

    def _read_items(self, read: Callable[[dict[str, Any]], _Read], call: Call) -> list[_Read]:
        """Send a request, and read the JSON list of its response."""
        cluster, response = self._send(call)
        return [read(item) for item in objects(cluster.read_list(response))]

    async def _aread_items(self, read: Callable[[dict[str, Any]], _Read], call: Call) -> list[_Read]:
        """Like :meth:`_read_items`, without blocking the event loop."""
        cluster, response = await self._asend(call)
        items = await off_loop_if_large(response, lambda: objects(cluster.read_list(response)))
        return [read(item) for item in items]

    def _list(
        self,
        read: Callable[[dict[str, Any]], _Read],
        call: Call,
        name: str = "",
        *,
        page_of: PageReader = items_of_page,
        **query: str,
    ) -> list[_Read]:
        """Return the items of a list, page by page."""
        page = partial(page_of, used_tokens=set())
        items, token = self._read(page, call, name, **query)
        while token:
            more, token = self._read(page, call, name, **query, ContinuationToken=token)
            items += more
        return [read(item) for item in items]

    async def _alist(
        self,
        read: Callable[[dict[str, Any]], _Read],
        call: Call,
        name: str = "",
        *,
        page_of: PageReader = items_of_page,
        **query: str,
    ) -> list[_Read]:
        """Like :meth:`_list`, without blocking the event loop."""
        page = partial(page_of, used_tokens=set())
        items, token = await self._aread(page, call, name, **query)
        while token:
            more, token = await self._aread(page, call, name, **query, ContinuationToken=token)
            items += more
        return [read(item) for item in items]

    def _send(
        self, call: Call, name: str | None = "", body: object = None, **query: str
    ) -> tuple[Cluster, Response]:
        """Send a request; return its response, and the cluster that reads it."""
        cluster = self.get_conn()
        return cluster, self._check_expiry(cluster.send(self._request(call, name, body, query, cluster)))

    async def _asend(
        self, call: Call, name: str | None = "", body: object = None, **query: str
    ) -> tuple[Cluster, Response]:
        """Like :meth:`_send`, without blocking the event loop."""
        connection = AsyncConnection(self.service_fabric_conn_id, self.get_conn, self._warn)
        cluster, response = await connection.send(partial(self._request, call, name, body, query))
        return cluster, self._check_expiry(response)

    def _request(
        self, call: Call, name: str | None, body: object, query: dict[str, str], cluster: Cluster
    ) -> Request:
        version, timeout = self.api_version or cluster.api_version, cluster.server_timeout
        return request_for(call, name, api_version=version, timeout=timeout, body=body, **query)

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

    def _change(
        self,
        call: Call,
        name: str = "",
        body: object = None,
        *,
        timeout: float,
        headers: tuple[tuple[str, str], ...] = (),
        **query: str,
    ) -> int:
        """
        Send a request that changes the cluster, once; return the HTTP status of the answer.

        :raises ServiceFabricError: see ``Cluster.send`` and ``Cluster.check``
        """
        make = partial(change_request, call, name, timeout=timeout, body=body, headers=headers, **query)
        cluster = self.get_conn()
        response = cluster.send(self._versioned(make, cluster))
        cluster.check(self._check_expiry(response))
        return response.status

    async def _achange(
        self,
        call: Call,
        name: str = "",
        body: object = None,
        *,
        timeout: float,
        headers: tuple[tuple[str, str], ...] = (),
        **query: str,
    ) -> int:
        """Like :meth:`_change`, without blocking the event loop."""
        make = partial(change_request, call, name, timeout=timeout, body=body, headers=headers, **query)
        connection = AsyncConnection(self.service_fabric_conn_id, self.get_conn, self._warn)
        cluster, response = await connection.send(partial(self._versioned, make))
        cluster.check(self._check_expiry(response))
        return response.status

    def _versioned(self, make: Callable[..., Request], cluster: Cluster) -> Request:
        """Return a request with the api-version of the hook or the connection, if they set one."""
        return make(api_version=self.api_version or cluster.api_version)


def _check_type(connection: Connection) -> None:
    """
    Refuse a connection of another type, or of none.

    The id of a connection may come from a template. It must not lead to the host of another service.
    """
    if connection.conn_type != CONN_TYPE:
        found = show_setting(connection.conn_type or "", r"[\w-]{0,30}")
        msg = f"its type is {found}: set it to {CONN_TYPE!r}, or use another connection"
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
