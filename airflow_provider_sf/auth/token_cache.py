"""
The cache of Microsoft Entra ID tokens; one refresh at a time. No Airflow.

The library azure-identity blocks, so an event loop requests its tokens in a thread, one at a time.
"""

from __future__ import annotations

import asyncio
import copy
import re
import time
from contextlib import closing
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_sf.auth.entra import (
    AAD_METADATA,
    CREDENTIALS,
    make_credential,
    read_metadata,
    trusted_application,
)
from airflow_provider_sf.rest import Rejected, ServiceFabricError, Unreachable

if TYPE_CHECKING:
    from airflow_provider_sf.auth.entra import Entra, PublicClient

_EARLY_SECONDS = 300.0
"""A token is renewed this long before it expires."""

_REFUSAL = re.compile(r"AADSTS(?!90033|90055)\d+")
"""Error codes of a final refusal. The two exceptions, and all other errors, are temporary."""


@dataclass(slots=True)
class _CachedToken:
    """The latest token of a credential for a cluster, and the latest failed request."""

    value: str = ""
    expires_at: float = 0.0
    failure: ServiceFabricError | None = None
    failed_at: float = 0.0
    lock: Lock = field(default_factory=Lock)

    def is_valid_for(self, seconds: float, refused: str) -> bool:
        return self.value not in {"", refused} and self.expires_at - time.time() >= seconds


_tokens: dict[tuple[Entra, str], _CachedToken] = {}
_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Entra, str], asyncio.Lock]] = (
    WeakKeyDictionary()
)


def get_token(entra: Entra, cluster: PublicClient, refused: str = "") -> str:
    """
    Return a token for a cluster, the cached one until it is about to expire. Blocks.

    :param refused: the token that the cluster has refused, if any
    :raises Rejected: Entra ID refuses the credential, or a setting is missing; the message names it
    :raises Unreachable: there was no answer, and no valid token is cached
    """
    began, issued = time.monotonic(), _tokens.setdefault((entra, cluster.name), _CachedToken())
    with issued.lock:
        if issued.is_valid_for(_EARLY_SECONDS, refused):
            return issued.value
        if (
            issued.failure is None or issued.failed_at <= began
        ):  # else another caller's refresh has just failed
            _renew(issued, entra, cluster)
        if issued.failure is not None and not issued.is_valid_for(0.0, refused):
            raise copy.copy(issued.failure)
        return issued.value


async def aget_token(entra: Entra, cluster: PublicClient, refused: str = "") -> str:
    """Like :func:`get_token`, without blocking the event loop."""
    key = entra, cluster.name
    issued = _tokens.setdefault(key, _CachedToken())
    if issued.is_valid_for(_EARLY_SECONDS, refused):
        return issued.value
    began = time.monotonic()
    async with _locks.setdefault(asyncio.get_running_loop(), {}).setdefault(key, asyncio.Lock()):
        if issued.failure is not None and issued.failed_at > began and not issued.is_valid_for(0.0, refused):
            raise copy.copy(issued.failure)
        return await asyncio.to_thread(get_token, entra, cluster, refused)


def _renew(issued: _CachedToken, entra: Entra, cluster: PublicClient) -> None:
    try:
        issued.value, issued.expires_at = _request_token(entra, cluster)
        issued.failure = None
    except ServiceFabricError as error:
        issued.failure, issued.failed_at = error, time.monotonic()


def _request_token(entra: Entra, cluster: PublicClient) -> tuple[str, float]:
    known = entra.cluster_application and entra.tenant_id and entra.authority
    metadata = {} if known else read_metadata(cluster.ask(AAD_METADATA))
    scope = f"{entra.cluster_application or trusted_application(metadata, cluster)}/.default"
    try:
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - an extra
        from azure.identity import CredentialUnavailableError  # noqa: PLC0415 - as the one before
    except ImportError as error:
        msg = "security 'entra' needs azure-identity: pip install 'airflow-provider-sf[azure]'"
        raise Rejected(msg) from error
    try:
        with closing(make_credential(entra, metadata, cluster)) as credential:
            token = credential.get_token(scope)
    except (AzureError, OSError, ValueError) as error:  # OSError: a file of the credential
        is_final = isinstance(error, (ValueError, CredentialUnavailableError))
        raise _token_error(error, entra, is_final=is_final) from None
    return token.token, float(token.expires_on)


def _token_error(error: Exception, entra: Entra, *, is_final: bool) -> ServiceFabricError:
    """Return the error for a failed token request: a refusal is final, everything else is temporary."""
    reason = " ".join(str(error).split())
    reason = reason.replace(entra.client_secret, "***") if entra.client_secret else reason
    fields = ", ".join(("credential", *sum(CREDENTIALS[entra.credential], ())))
    msg = f"Microsoft Entra ID issued no token; check {fields}: {reason}"
    return Rejected(msg) if is_final or _REFUSAL.search(reason) else Unreachable(msg)
