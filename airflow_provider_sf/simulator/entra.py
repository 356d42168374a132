"""A tenant of Entra ID with one application that signs in with its credentials. No network I/O."""

from __future__ import annotations

import json
import re
import secrets
from base64 import urlsafe_b64decode
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from airflow_provider_sf.simulator.responses import HttpResponse, json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.simulator.certificates import Authority, Certificate

_ENDPOINT = re.compile(r"/([^/]+)/(v2\.0/\.well-known/openid-configuration|oauth2/v2\.0/token)")

_PADDINGS: dict[str, padding.AsymmetricPadding] = {
    "RS256": padding.PKCS1v15(),
    "PS256": padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH),
}


class Entra:
    """
    The application that may sign in to a cluster, and its tokens.

    :param authority: issues the certificate of the application
    :param token_seconds: how long a token is valid
    :param clock: returns the Unix time
    """

    tenant_id = "7f9a3c52-4b1e-4d0a-9c57-3e8d2b6f1a04"
    cluster_id = "c1b8f0de-52a7-4f6e-8e1d-0a9b7c3d5e21"
    """The application of the cluster."""
    client_id = "2d6e4a90-8f13-47c5-b2a8-6c0f9d1e7b35"
    """The application of the client."""
    client_secret = "simulated~secret"  # noqa: S105 - only the simulator accepts it

    def __init__(self, authority: Authority, *, token_seconds: float, clock: Callable[[], float]) -> None:
        self.token_seconds = token_seconds
        self._authority = authority
        self._clock = clock
        self._expires_at: dict[str, float] = {}
        self._issued: list[str] = []

    @cached_property
    def certificate(self) -> Certificate:
        """The certificate that the application may use instead of the secret."""
        return self._authority.client(rsa_key=True)

    @property
    def bearer_token(self) -> str:
        """A new token for the cluster, without a sign-in."""
        token = secrets.token_urlsafe(24)
        self._expires_at[token] = self._clock() + self.token_seconds
        return token

    @property
    def tokens(self) -> tuple[str, ...]:
        """The issued tokens, oldest first."""
        return tuple(self._issued)

    @property
    def tokens_issued(self) -> int:
        """The number of successful sign-ins."""
        return len(self._issued)

    def revoke_tokens(self) -> None:
        """Revoke all tokens."""
        self._expires_at.clear()

    def accepts(self, authorization: str) -> bool:
        """Whether an Authorization header holds a valid token."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and self._clock() < self._expires_at.get(token, 0.0)

    def metadata(self, url: str) -> dict[str, Any]:
        """Return AadMetadata: how clients of the cluster at a URL sign in."""
        metadata = {
            "login": url,
            "authority": f"{url}/{self.tenant_id}",
            "tenant": self.tenant_id,
            "cluster": self.cluster_id,
            "client": "0f5c7be1-93d4-4a82-a6ef-1b2c8d7e9f60",  # the application for people
            "redirect": f"{url}/Explorer/index.html",
        }
        return {"type": "aad", "metadata": metadata}

    def respond(self, url: str, path: str, body: str) -> HttpResponse | None:
        """Return the response of Entra ID for a URL; None if the path is not one of its paths."""
        found = _ENDPOINT.fullmatch(path)
        if found is None:
            return None
        tenant, endpoint = found.groups()
        if tenant != self.tenant_id:
            return _error(400, "invalid_tenant", f"AADSTS90002: Tenant '{tenant}' not found.")
        return (
            _configuration(f"{url}/{tenant}")
            if "configuration" in endpoint
            else self._token(dict(parse_qsl(body)))
        )

    def _token(self, form: dict[str, str]) -> HttpResponse:
        refusal = self._refusal(form)
        if refusal is not None:
            return refusal
        token = self.bearer_token
        self._issued.append(token)
        seconds = int(self.token_seconds)
        return json_response(
            {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
        )

    def _refusal(self, form: dict[str, str]) -> HttpResponse | None:
        """Return the error of a token request; None if it is valid."""
        grant, client, scope = (form.get(name, "") for name in ("grant_type", "client_id", "scope"))
        if grant != "client_credentials":
            text = f"AADSTS70003: The app requested an unsupported grant type '{grant}'."
            return _error(400, "unsupported_grant_type", text)
        if client != self.client_id:
            text = f"AADSTS700016: Application with identifier '{client}' was not found in the directory."
            return _error(400, "unauthorized_client", text)
        if scope != f"{self.cluster_id}/.default":
            text = f"AADSTS500011: The resource principal named {scope} was not found in the tenant."
            return _error(400, "invalid_resource", text)
        if "client_assertion" in form:
            is_signed = _has_signed(self.certificate, form["client_assertion"])
            text = "AADSTS700027: The certificate that signed the client assertion is not registered."
            return None if is_signed else _error(401, "invalid_client", text)
        text = f"AADSTS7000215: Invalid client secret provided for app '{client}'."
        return (
            None if form.get("client_secret") == self.client_secret else _error(401, "invalid_client", text)
        )


def _configuration(tenant: str) -> HttpResponse:
    """Return the discovery document."""
    return json_response(
        {
            "issuer": f"{tenant}/v2.0",
            "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
            "token_endpoint": f"{tenant}/oauth2/v2.0/token",
        }
    )


def _error(status: int, error: str, description: str) -> HttpResponse:
    """Return an error in the format of Entra ID; its text contains the error code."""
    number = int(description.partition(":")[0].removeprefix("AADSTS"))
    body = {"error": error, "error_description": description, "error_codes": [number]}
    return HttpResponse(status, json.dumps(body).encode())


def _has_signed(certificate: Certificate, assertion: str) -> bool:
    """Whether a JSON Web Token is signed with a certificate's key."""
    signed, _, signature = assertion.rpartition(".")
    key = cast("rsa.RSAPublicKey", certificate.parsed.public_key())
    try:
        algorithm = json.loads(_decoded(signed.partition(".")[0]))["alg"]
        key.verify(_decoded(signature), signed.encode(), _PADDINGS[algorithm], SHA256())
    except (ValueError, KeyError, InvalidSignature):
        return False
    return True


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
