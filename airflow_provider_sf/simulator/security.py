"""The security of a simulated cluster: its certificate, and the client checks. No network I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_sf.simulator.certificates import Authority
from airflow_provider_sf.simulator.cluster import AAD_METADATA, EXPLORER_PATH
from airflow_provider_sf.simulator.entra import Entra
from airflow_provider_sf.simulator.responses import Answer
from airflow_provider_sf.simulator.tls import TLS, server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from airflow_provider_sf.simulator.gateway import Question

_FOR_EVERYBODY = frozenset({AAD_METADATA.path, EXPLORER_PATH})

_NO_TOKEN = Answer(401)
_NO_CERTIFICATE = Answer(403, reason="Client certificate required")


class Security:
    """
    The security of a cluster. Its parameters are those of the simulator.

    :raises ValueError: there is no such TLS or server certificate
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
            msg = f"tls {tls!r} is none; choose one of: {', '.join(TLS)}"
            raise ValueError(msg)
        self.tls = "server" if entra and tls == "none" else tls
        self.authority = authority or Authority()
        self.certificate = self.authority.server(server_certificate)
        issuer = self.certificate if server_certificate == "self_signed" else self.authority.certificate
        self.ca_bundle = issuer.pem
        """How a client can verify the server."""
        self.entra = Entra(self.authority, token_seconds=token_seconds, clock=clock)
        self.has_entra = entra

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS settings; None for plain HTTP."""
        return None if self.tls == "none" else server_context(self.certificate, self.tls)

    def answer(self, question: Question) -> Answer | None:
        """Return the answer of Entra ID or a refusal; None if the cluster answers."""
        path = urlsplit(question.target).path
        if path in _FOR_EVERYBODY:
            return None
        answer = (
            self.entra.answer(f"https://{question.host}", path, question.body) if self.has_entra else None
        )
        return answer or self._refusal(question)

    def _refusal(self, question: Question) -> Answer | None:
        """Return the refusal of a client. With a valid certificate it needs no token."""
        asks_certificate = self.tls.startswith("mutual")
        if self.has_entra and (question.authorization or not asks_certificate):
            return None if self.entra.lets_in(question.authorization) else _NO_TOKEN
        if asks_certificate:
            shown = question.certificate()
            return None if shown and self.authority.accepts(shown) else _NO_CERTIFICATE
        return None
