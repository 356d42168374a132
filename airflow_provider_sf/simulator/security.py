"""The security of a simulated cluster: its certificate, and the client checks. No network I/O."""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_sf.simulator.certificates import Authority
from airflow_provider_sf.simulator.cluster import AAD_METADATA, EXPLORER_PATH
from airflow_provider_sf.simulator.entra import Entra
from airflow_provider_sf.simulator.responses import HttpResponse
from airflow_provider_sf.simulator.tls import TLS, server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from airflow_provider_sf.simulator.gateway import HttpRequest

_PUBLIC_PATHS = frozenset({AAD_METADATA.path, EXPLORER_PATH})

_NO_TOKEN = HttpResponse(401)
_NO_CERTIFICATE = HttpResponse(403, reason="Client certificate required")


class Security:
    """
    The security of a cluster. Its parameters are those of the simulator.

    :raises ValueError: ``tls`` or ``server_certificate`` is invalid
    """

    def __init__(
        self,
        tls: str,
        *,
        server_certificate: str,
        authority: Authority | None,
        entra: bool,
        token_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        if tls not in TLS:
            msg = f"invalid tls {tls!r}: choose one of {', '.join(TLS)}"
            raise ValueError(msg)
        self.tls = "server" if entra and tls == "none" else tls
        self.authority = authority or Authority()
        self.certificate = self.authority.server(server_certificate)
        issuer = self.certificate if server_certificate == "self_signed" else self.authority.certificate
        self.ca_bundle = issuer.pem
        """The CA bundle with which a client can verify the server."""
        self.entra = Entra(self.authority, token_seconds=token_seconds, clock=clock)
        self.has_entra = entra

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS settings; None for plain HTTP."""
        return None if self.tls == "none" else server_context(self.certificate, self.tls)

    def respond(self, request: HttpRequest) -> HttpResponse | None:
        """Return the response of Entra ID, or a refusal; None if the cluster must respond."""
        path = urlsplit(request.target).path
        if path in _PUBLIC_PATHS:
            return None
        response = (
            self.entra.respond(f"https://{request.host}", path, request.body.decode(errors="replace"))
            if self.has_entra
            else None
        )
        return response or self._refusal(request)

    def thumbprint(self, request: HttpRequest) -> str | None:
        """Return the SHA-1 thumbprint of the client's certificate; None without one."""
        certificate = request.certificate() if self.tls.startswith("mutual") else None
        return sha1(certificate, usedforsecurity=False).hexdigest().upper() if certificate else None

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        """Return the refusal of a client. With a valid certificate it needs no token."""
        requests_certificate = self.tls.startswith("mutual")
        if self.has_entra and (request.authorization or not requests_certificate):
            return None if self.entra.accepts(request.authorization) else _NO_TOKEN
        if requests_certificate:
            certificate = request.certificate()
            return None if certificate and self.authority.accepts(certificate) else _NO_CERTIFICATE
        return None
