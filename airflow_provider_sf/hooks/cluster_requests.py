"""Requests to the cluster of a connection. The base of the hook. No Airflow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow_provider_sf.auth.certificates import EXPIRY_WARNING, expires_at, thumbprints
from airflow_provider_sf.auth.settings import format_minute
from airflow_provider_sf.hooks.async_connection import AsyncConnection, connection_error
from airflow_provider_sf.hooks.reading import off_loop_if_large
from airflow_provider_sf.rest.changes import change_request
from airflow_provider_sf.rest.json_values import objects
from airflow_provider_sf.rest.pages import items_of_page
from airflow_provider_sf.rest.plain_text import show_setting
from airflow_provider_sf.rest.protocol import request_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.rest.protocol import Call, Request, Response

    PageReader = Callable[..., tuple[list[dict[str, Any]], str]]
    """A function such as :func:`items_of_page`."""

CONN_TYPE = "service_fabric"

CHANGE_TIMEOUT = 300.0
"""How many seconds the cluster may take for a change: it validates a new version before it answers."""

_Read = TypeVar("_Read")


class ClusterRequests(ABC):
    """
    Requests to the cluster of a connection, with and without blocking.

    :param service_fabric_conn_id: the name of the connection
    :param api_version: replaces the documented api-version of each call
    :param warn: receives the warnings
    """

    connection_errors: ClassVar[tuple[type[Exception], ...]] = (ValueError,)
    """What :meth:`_load_cluster` raises if the connection does not exist or is invalid."""

    def __init__(
        self,
        service_fabric_conn_id: str,
        api_version: str | None = None,
        *,
        warn: Callable[[str], object],
    ) -> None:
        super().__init__()
        self.service_fabric_conn_id = service_fabric_conn_id
        self.api_version = api_version
        self._warn = warn
        self.has_answer = False
        """
        Whether the cluster has answered, so that the connection is right: errors of Airflow are outages then.

        A later process of a task sets it.
        """

    @abstractmethod
    def _load_cluster(self) -> Cluster:
        """Return the cluster of the connection, as it is now."""

    def get_conn(self) -> Cluster:
        """
        Load the connection, read the files that it names, and return its cluster.

        :raises Exception: one of ``connection_errors``, before a cluster has answered
        :raises Unreachable: later: Airflow may fail to return a connection for some time
        :raises Rejected: later: it is invalid now
        """
        try:
            cluster = self._load_cluster()
        except self.connection_errors as error:
            if not self.has_answer:
                raise
            raise connection_error(self.service_fabric_conn_id, error) from error
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
        return cluster, self._answer_to(self._request(call, name, body, query, cluster), cluster)

    def _answer_to(self, request: Request, cluster: Cluster) -> Response:
        """Send a request, and note that the cluster has answered."""
        response = cluster.send(request)
        self.has_answer = True
        return self._check_expiry(response)

    async def _asend(
        self, call: Call, name: str | None = "", body: object = None, **query: str
    ) -> tuple[Cluster, Response]:
        """Like :meth:`_send`, without blocking the event loop."""
        connection = self._async_connection()
        cluster, response = await connection.send(partial(self._request, call, name, body, query))
        return cluster, self._check_expiry(response)

    def _async_connection(self) -> AsyncConnection:
        return AsyncConnection(self.service_fabric_conn_id, self.get_conn, self._warn, self.connection_errors)

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
        response = self._answer_to(self._versioned(make, cluster), cluster)
        cluster.check(response)
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
        connection = self._async_connection()
        cluster, response = await connection.send(partial(self._versioned, make))
        cluster.check(self._check_expiry(response))
        return response.status

    def _versioned(self, make: Callable[..., Request], cluster: Cluster) -> Request:
        """Return a request with the api-version of the hook or the connection, if they set one."""
        return make(api_version=self.api_version or cluster.api_version)


def check_type(conn_type: str | None) -> None:
    """
    Refuse a connection of another type, or of none.

    The id of a connection may come from a template. It must not lead to the host of another service.
    """
    if conn_type != CONN_TYPE:
        found = show_setting(conn_type or "", r"[\w-]{0,30}")
        msg = f"its type is {found}: set it to {CONN_TYPE!r}, or use another connection"
        raise ValueError(msg)


_checked_certificates: set[bytes] = set()
"""The certificates that this process has checked."""
