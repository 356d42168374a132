"""
Talk to a cluster: ``send`` over requests, ``asend`` over aiohttp.

Both hold the same conversation with its gateways and send the same bytes; neither follows redirects, keeps
cookies, or reads proxies, passwords or certificates from the environment. The transports are imported when
something is sent, so that a DAG file that imports a sensor pays for neither library.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_sf.auth.entra import PublicClient
from airflow_provider_sf.auth.settings import (
    FIELDS,
    UNSECURED,
    Security,
    advice_on_refusal,
    needs_https,
    security_in,
)
from airflow_provider_sf.auth.token_cache import abearer, bearer
from airflow_provider_sf.cluster.endpoints import explorer, origins
from airflow_provider_sf.cluster.failover import REFUSALS, Gateways, conversation
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.rest.errors import with_advice
from airflow_provider_sf.rest.json_values import number
from airflow_provider_sf.rest.protocol import json_object, request_for, with_token

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from airflow_provider_sf.cluster.aiohttp_transport import SharedSession
    from airflow_provider_sf.cluster.failover import Heard, Try
    from airflow_provider_sf.rest.protocol import Request, Response

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0

EXTRA_FIELDS = (*FIELDS, "api_version", "connect_timeout", "read_timeout", "explorer_url")


@dataclass(frozen=True, slots=True)
class Cluster:
    """
    Where a cluster is, how it is secured, how patient we are. A value: equal settings are one cluster.

    ``endpoints`` are the origins of its gateways, without a slash at their ends, such as
    ``http://localhost:19080``; timeouts are seconds; ``explorer`` is under which URL a browser reaches
    Explorer, None if nobody shall; ``api_version`` is sent instead of those that document the calls.
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
        Return the cluster that the fields of a connection describe. Reads the files that they name.

        :param host: a name, an address, ``host:port``, a URL, or several of them with commas between
        :param port: used where the host names none; 19080 if neither does
        :param extra: the fields that docs/connection.md lists
        :param scheme: ``http`` or ``https`` where the host names none; by default what the security needs
        :raises ValueError: a field is missing, wrong, unknown or contradicts another; the message names it
        """
        if not isinstance(extra or {}, dict):
            msg = f"extra must be a JSON object, not {type(extra).__name__}"  # its value may be a secret
            raise ValueError(msg)  # noqa: TRY004 - to the user it is one more wrong field
        given = extra or {}
        for name in given:
            if name not in EXTRA_FIELDS:
                msg = f"unknown extra field {name!r}; known are: {', '.join(EXTRA_FIELDS)}"
                raise ValueError(msg)
        security = security_in(given)
        endpoints = origins(host, port, scheme, needs_https=needs_https(security))
        return cls(
            endpoints,
            connect_timeout=_positive_seconds(given, "connect_timeout", CONNECT_TIMEOUT),
            read_timeout=_positive_seconds(given, "read_timeout", READ_TIMEOUT),
            explorer=explorer(given.get("explorer_url"), endpoints[0]),
            security=security,
            api_version=_api_version(given.get("api_version")),
        )

    @property
    def endpoint(self) -> str:
        """Its gateways, as messages name them."""
        more = len(self.endpoints) - 1
        return self.endpoints[0] + (f" (and {more} more)" if more else "")

    @property
    def patience(self) -> tuple[float, float]:
        """How many seconds to wait for a connection, and for an answer."""
        return self.connect_timeout, self.read_timeout

    @property
    def is_secure(self) -> bool:
        """Whether it speaks https."""
        return self.endpoints[0].startswith("https:")

    def explorer_page(self, path: str) -> str | None:
        """Return the URL of a page of Service Fabric Explorer; None if there is to be no link."""
        return None if self.explorer is None else f"{self.explorer}#{path}"

    def send(self, request: Request) -> Response:
        """
        Send a request and return the answer of the first gateway that gives one, whatever its status.

        :raises Unreachable: no whole answer came: refused, reset, cut off, timed out, no such host
        :raises Rejected: we do not recognise the server, or it or Entra ID does not take our credentials
        :raises UnexpectedAnswer: the answer is larger than 16 MiB
        """
        from airflow_provider_sf.cluster.requests_transport import adapter_for, fetch  # noqa: PLC0415 - see above

        talk, token = self._conversation(), self._token()
        heard: Heard | None = None
        with adapter_for(self.security, is_secure=self.is_secure) as adapter:
            while True:
                try:
                    one = talk.send(heard)
                except StopIteration as end:
                    return cast("Response", end.value)
                token = self._token(refused=token) if one.anew else token
                try:
                    heard = fetch(adapter, one.endpoint, with_token(request, token), self.patience)
                except (Rejected, Unreachable) as error:
                    heard = error

    async def asend(self, request: Request) -> Response:
        """Do as :meth:`send` does, without blocking, on the session that all in this event loop share."""
        from airflow_provider_sf.cluster.aiohttp_transport import fetch  # noqa: PLC0415 - see above

        talk, token = self._conversation(), await self._atoken()
        heard: Heard | None = None
        # The slot comes first: who waited for it asks no gateway that has been found silent meanwhile.
        async with self.session() as session, session.slots:
            while True:
                try:
                    one = talk.send(heard)
                except StopIteration as end:
                    return cast("Response", end.value)
                token = await self._atoken(refused=token) if one.anew else token
                try:
                    heard = await fetch(session, one.endpoint, with_token(request, token))
                except (Rejected, Unreachable) as error:
                    heard = error

    def session(self) -> SharedSession:
        """
        Return this cluster's session of the running event loop, to be entered: the last to leave closes it.

        A wait stays in for its whole life, so that its connections outlive the pauses between polls.
        """
        from airflow_provider_sf.cluster.aiohttp_transport import shared_session  # noqa: PLC0415 - see above

        return shared_session(self.endpoints, self.security, self.patience)

    def read(self, response: Response) -> dict[str, Any]:
        """
        Return the JSON of an answer.

        :raises ServiceFabricError: it is none, see :func:`rest.json_from`; of a refusal the message says
            which setting to change
        """
        try:
            return json_object(response)
        except Rejected as error:
            if error.status not in REFUSALS:
                raise
            raise with_advice(error, advice_on_refusal(self.security)) from error

    def _conversation(self) -> Generator[Try, Heard | None, Response]:
        return conversation(_known, self.endpoints, time.monotonic, renewable=self.security.entra is not None)

    def _token(self, refused: str = "") -> str:
        """Return the bearer token that this cluster wants, empty if it wants none."""
        if self.security.entra is not None:
            return bearer(self.security.entra, self._anonymous(), refused)
        return self.security.token.value if self.security.token else ""

    async def _atoken(self, refused: str = "") -> str:
        if self.security.entra is not None:
            return await abearer(self.security.entra, self._anonymous(), refused)
        return self._token()

    def _anonymous(self) -> PublicClient:
        from airflow_provider_sf.cluster.requests_transport import session_for  # noqa: PLC0415 - see above

        nobody = replace(self, security=Security(trust=self.security.trust))
        return PublicClient(
            name=",".join(self.endpoints),
            is_verified=self.security.trust.verify,
            ask=lambda call: nobody.read(nobody.send(request_for(call))),
            http=lambda: session_for(self.security.trust),
        )


_known: dict[tuple[str, ...], Gateways] = {}
"""What this process knows of the gateways of clusters."""


def _api_version(said: object) -> str | None:
    if said is None or said == "":
        return None
    if not isinstance(said, str) or not re.fullmatch(r"\d+\.\d+(-preview)?", said):
        msg = f"extra field 'api_version' must be a version such as '9.1', not {said!r}"
        raise ValueError(msg)
    return said


def _positive_seconds(given: Mapping[str, object], field: str, default: float) -> float:
    value = given.get(field)
    if value is None or value == "":
        return default
    read = number(value)
    if read is None or read <= 0:
        msg = f"extra field {field!r} must be a positive number of seconds, not {value!r}"
        raise ValueError(msg)
    return read
