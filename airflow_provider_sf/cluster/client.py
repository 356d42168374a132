"""
The client of one cluster: ``send`` over requests, ``asend`` over aiohttp.

Both use the same failover rules and send the same bytes. Neither follows redirects, keeps cookies, or reads
proxies, passwords or certificates from the environment. The transports are imported when a request is sent,
so that a DAG file that imports a sensor loads neither library.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_sf.auth.connection_form import SETTINGS
from airflow_provider_sf.auth.entra import PublicClient
from airflow_provider_sf.auth.settings import (
    UNSECURED,
    Security,
    advice_on_refusal,
    needs_https,
    read_security,
)
from airflow_provider_sf.auth.token_cache import aget_token, get_token
from airflow_provider_sf.cluster.endpoints import explorer_url, gateway_urls
from airflow_provider_sf.cluster.failover import Gateways, try_gateways
from airflow_provider_sf.rest import Rejected, ResultUnknown, UnexpectedAnswer, Unreachable
from airflow_provider_sf.rest.changes import check_accepted
from airflow_provider_sf.rest.errors import with_advice
from airflow_provider_sf.rest.json_values import number
from airflow_provider_sf.rest.plain_text import show_setting
from airflow_provider_sf.rest.protocol import (
    AUTH_FAILURES,
    json_list,
    json_object,
    request_for,
    server_timeout,
    with_token,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from airflow_provider_sf.cluster.aiohttp_transport import SharedSession
    from airflow_provider_sf.cluster.failover import Attempt, AttemptResult
    from airflow_provider_sf.rest.protocol import Request, Response

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """
    The address and the settings of a cluster, as a value: equal settings are one cluster.

    ``endpoints`` are the URLs of its gateways, such as ``http://localhost:19080``; timeouts are seconds.
    ``explorer`` is the URL of Service Fabric Explorer for browsers, None for no link. ``api_version``
    replaces the documented version of each call.
    """

    endpoints: tuple[str, ...]
    connect_timeout: float = CONNECT_TIMEOUT
    read_timeout: float = READ_TIMEOUT
    explorer: str | None = None
    security: Security = UNSECURED
    api_version: str | None = None

    @classmethod
    def at(
        cls,
        host: str | None,
        port: int | None = None,
        extra: Mapping[str, object] | None = None,
        *,
        scheme: str | None = None,
    ) -> Cluster:
        """
        Return the cluster that the fields of a connection describe; read the files that they name.

        :param host: a name, an address, ``host:port``, a URL, or several of these, separated by commas
        :param port: the port if the host names no port; 19080 by default
        :param extra: the extra fields of the connection, see docs/reference/connection.md
        :param scheme: ``http`` or ``https``, if the host names no scheme; by default what the security needs
        :raises ValueError: a field is missing, invalid or unknown, or contradicts another one; the message
            names it
        """
        if not isinstance(extra or {}, dict):
            msg = f"extra must be a JSON object, not {type(extra).__name__}"  # its value may be a secret
            raise ValueError(msg)  # noqa: TRY004 - one error for all invalid fields
        extra = extra or {}
        for name in extra:
            if name not in SETTINGS:
                shown = show_setting(name, "[A-Za-z_]{1,30}")
                msg = f"unknown extra field {shown}: use one of {', '.join(SETTINGS)}"
                raise ValueError(msg)
        security = read_security(extra)
        endpoints = gateway_urls(host, port, scheme, needs_https=needs_https(security))
        return cls(
            endpoints,
            connect_timeout=_positive_seconds(extra, "connect_timeout", CONNECT_TIMEOUT),
            read_timeout=_positive_seconds(extra, "read_timeout", READ_TIMEOUT),
            explorer=explorer_url(extra.get("explorer_url"), endpoints[0]),
            security=security,
            api_version=_api_version(extra.get("api_version")),
        )

    @property
    def endpoint(self) -> str:
        """The gateways, as messages name them."""
        more = len(self.endpoints) - 1
        return self.endpoints[0] + (f" (and {more} more)" if more else "")

    @property
    def timeouts(self) -> tuple[float, float]:
        """Seconds to wait for a connection, and then for an answer."""
        return self.connect_timeout, self.read_timeout

    @property
    def server_timeout(self) -> int:
        """Seconds until the cluster ends a request with its own error."""
        return server_timeout(self.read_timeout)

    @property
    def is_secure(self) -> bool:
        """Whether it uses https."""
        return self.endpoints[0].startswith("https:")

    def explorer_page(self, path: str) -> str | None:
        """Return the URL of a page of Service Fabric Explorer; None for no link."""
        return None if self.explorer is None else f"{self.explorer}#{path}"

    def send(self, request: Request) -> Response:
        """
        Send a request and return the response of the first gateway that answers, with any status.

        :raises Unreachable: there is no complete response: refused, reset, timed out, unknown host
        :raises ResultUnknown: the same for a change, if a gateway may have received a part of the request
        :raises Rejected: the server could not be verified, or the credentials were refused
        :raises UnexpectedAnswer: the response is larger than 4 MiB
        """
        from airflow_provider_sf.cluster.requests_transport import adapter_for, fetch  # noqa: PLC0415 - see above

        attempts, token = self._attempts(request), self._token()
        timeouts = self._timeouts_of(request)
        result: AttemptResult | None = None
        with adapter_for(self.security, is_secure=self.is_secure) as adapter:
            while True:
                try:
                    attempt = attempts.send(result)
                except StopIteration as end:
                    return cast("Response", end.value)
                token = self._token(refused=token) if attempt.with_new_credentials else token
                try:
                    result = fetch(adapter, attempt.endpoint, with_token(request, token), timeouts)
                except (Rejected, ResultUnknown, UnexpectedAnswer, Unreachable) as error:
                    result = error

    async def asend(self, request: Request) -> Response:
        """Like :meth:`send`, without blocking, on the session that this event loop shares."""
        from airflow_provider_sf.cluster.aiohttp_transport import fetch  # noqa: PLC0415 - see above

        attempts, token = self._attempts(request), await self._atoken()
        result: AttemptResult | None = None
        # The slot comes first: after a wait for it, gateways that failed meanwhile are tried last.
        async with self._session_for(request) as session, session.slots:
            while True:
                try:
                    attempt = attempts.send(result)
                except StopIteration as end:
                    return cast("Response", end.value)
                token = await self._atoken(refused=token) if attempt.with_new_credentials else token
                try:
                    result = await fetch(session, attempt.endpoint, with_token(request, token))
                except (Rejected, ResultUnknown, UnexpectedAnswer, Unreachable) as error:
                    result = error

    def session(self) -> SharedSession:
        """
        Return the cluster's session in this event loop, to enter with ``async with``.

        The last user closes it. A wait holds it all the time, so that connections stay open between polls.
        """
        from airflow_provider_sf.cluster.aiohttp_transport import shared_session  # noqa: PLC0415 - see above

        return shared_session(self.endpoints, self.security, self.timeouts)

    def _session_for(self, request: Request) -> SharedSession:
        """Return the session for a request: changes take longer, and take no slots from polls."""
        from airflow_provider_sf.cluster.aiohttp_transport import shared_session  # noqa: PLC0415 - see above

        return shared_session(self.endpoints, self.security, self._timeouts_of(request))

    def _timeouts_of(self, request: Request) -> tuple[float, float]:
        return self.connect_timeout, request.read_timeout or self.read_timeout

    def check(self, response: Response) -> None:
        """
        Raise the error of a response to a change, if the cluster has not accepted the change.

        :raises ServiceFabricError: see :func:`airflow_provider_sf.rest.changes.check_accepted`; if the
            credentials were refused, the message names the setting to change
        """
        with self._advice_on_refusal():
            check_accepted(response)

    def read(self, response: Response) -> dict[str, Any]:
        """
        Return the JSON object of a response.

        :raises ServiceFabricError: see :func:`airflow_provider_sf.rest.protocol.json_object`; if the
            credentials were refused, the message names the setting to change
        """
        with self._advice_on_refusal():
            return json_object(response)

    def read_list(self, response: Response) -> list[Any]:
        """Return the JSON list of a response; see :meth:`read`."""
        with self._advice_on_refusal():
            return json_list(response)

    @contextmanager
    def _advice_on_refusal(self) -> Iterator[None]:
        try:
            yield
        except Rejected as error:
            if error.status not in AUTH_FAILURES:
                raise
            raise with_advice(error, advice_on_refusal(self.security)) from error

    def _attempts(self, request: Request) -> Generator[Attempt, AttemptResult | None, Response]:
        renewable = self.security.entra is not None
        return try_gateways(
            _known, self.endpoints, time.monotonic, renewable=renewable, is_change=request.is_change
        )

    def _token(self, refused: str = "") -> str:
        """Return the bearer token for this cluster; empty if it needs none."""
        if self.security.entra is not None:
            return get_token(self.security.entra, self._public_client(), refused)
        return self.security.token.value if self.security.token else ""

    async def _atoken(self, refused: str = "") -> str:
        if self.security.entra is not None:
            return await aget_token(self.security.entra, self._public_client(), refused)
        return self._token()

    def _public_client(self) -> PublicClient:
        from airflow_provider_sf.cluster.requests_transport import session_for  # noqa: PLC0415 - see above

        public = replace(self, security=Security(trust=self.security.trust))
        return PublicClient(
            name=",".join(self.endpoints),
            is_verified=self.security.trust.verify,
            ask=lambda call: public.read(public.send(request_for(call, timeout=public.server_timeout))),
            http=lambda: session_for(self.security.trust),
        )


_known: dict[tuple[str, ...], Gateways] = {}
"""The state of the gateways of all clusters of this process."""


def _api_version(version: object) -> str | None:
    if version is None or version == "":
        return None
    if not isinstance(version, str) or not re.fullmatch(r"\d+\.\d+(-preview)?", version):
        shown = show_setting(version, r"[\d.]{1,12}(-[a-z]{1,8})?")
        msg = f"extra field 'api_version' must be a version such as '9.1', not {shown}"
        raise ValueError(msg)
    return version


def _positive_seconds(extra: Mapping[str, object], field: str, default: float) -> float:
    value = extra.get(field)
    if value is None or value == "":
        return default
    read = number(value)
    if read is None or read <= 0:
        shown = show_setting(value, r"[-+]?[\d.,]{1,9} ?[a-z]{0,3}")
        msg = f"extra field {field!r} must be a positive number of seconds, not {shown}"
        raise ValueError(msg)
    return read
