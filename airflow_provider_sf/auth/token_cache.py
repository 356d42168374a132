"""
Tokens of Microsoft Entra ID: asked for by one for all, kept until they are about to end. No Airflow.

A token is asked for in a thread, as azure-identity blocks; for an event loop one thread waits at most.
"""

from __future__ import annotations

import asyncio
import copy
import re
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_sf.auth.entra import (
    AAD_METADATA,
    CREDENTIALS,
    application_in,
    credential_of,
    metadata_in,
)
from airflow_provider_sf.rest import Rejected, ServiceFabricError, Unreachable

if TYPE_CHECKING:
    from airflow_provider_sf.auth.entra import Entra, PublicClient

_EARLY_SECONDS = 300.0
"""How long before its end a token is renewed."""

_REFUSAL = re.compile(r"AADSTS(?!90033|90055)\d+")
"""How Entra ID words that it will not; but for the two, a trouble of its own. All else may pass."""


@dataclass(slots=True)
class _Issued:
    """The latest token of a credential for a cluster, and what the latest attempt to get one came to."""

    value: str = ""
    ends_at: float = 0.0
    failure: ServiceFabricError | None = None
    failed_at: float = 0.0
    lock: Lock = field(default_factory=Lock)

    def lasts(self, seconds: float, refused: str) -> bool:
        return self.value not in {"", refused} and self.ends_at - time.time() >= seconds


_issued: dict[tuple[Entra, str], _Issued] = {}
_asking: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Entra, str], asyncio.Lock]] = (
    WeakKeyDictionary()
)


def bearer(entra: Entra, cluster: PublicClient, refused: str = "") -> str:
    """
    Return a token for a cluster, the same one until it is about to end. Blocks; one asks for all who wait.

    :param refused: the token that the cluster has refused, if it has
    :raises Rejected: Entra ID refuses us, or a setting is missing; the message names it
    :raises Unreachable: there was no answer, and no token is left that has not ended
    """
    began, issued = time.monotonic(), _issued.setdefault((entra, cluster.name), _Issued())
    with issued.lock:
        if issued.lasts(_EARLY_SECONDS, refused):
            return issued.value
        if issued.failure is None or issued.failed_at <= began:  # else somebody has just asked in vain
            _renew(issued, entra, cluster)
        if issued.failure is not None and not issued.lasts(0.0, refused):
            raise copy.copy(issued.failure)
        return issued.value


async def abearer(entra: Entra, cluster: PublicClient, refused: str = "") -> str:
    """Do as :func:`bearer` does, without blocking the event loop."""
    key = entra, cluster.name
    issued = _issued.setdefault(key, _Issued())
    if issued.lasts(_EARLY_SECONDS, refused):
        return issued.value
    began = time.monotonic()
    async with _asking.setdefault(asyncio.get_running_loop(), {}).setdefault(key, asyncio.Lock()):
        if issued.failure is not None and issued.failed_at > began and not issued.lasts(0.0, refused):
            raise copy.copy(issued.failure)
        return await asyncio.to_thread(bearer, entra, cluster, refused)


def _renew(issued: _Issued, entra: Entra, cluster: PublicClient) -> None:
    try:
        issued.value, issued.ends_at = _ask_for_token(entra, cluster)
        issued.failure = None
    except ServiceFabricError as error:
        issued.failure, issued.failed_at = error, time.monotonic()


def _ask_for_token(entra: Entra, cluster: PublicClient) -> tuple[str, float]:
    known = entra.cluster_application and entra.tenant_id and entra.authority
    told = {} if known else metadata_in(cluster.ask(AAD_METADATA))
    scope = f"{entra.cluster_application or application_in(told, cluster)}/.default"
    try:
        from azure.core import exceptions  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = "security 'entra' needs azure-identity: pip install 'airflow-provider-sf[azure]'"
        raise Rejected(msg) from error
    try:
        token = credential_of(entra, told, cluster).get_token(scope)
    except (exceptions.AzureError, ValueError) as error:
        raise _meaning(error, entra) from None
    return token.token, float(token.expires_on)


def _meaning(error: Exception, entra: Entra) -> ServiceFabricError:
    """Return what it means that there is no token: a refusal is one in so many words, all else may pass."""
    from azure.identity import CredentialUnavailableError  # noqa: PLC0415 - an extra

    said = " ".join(str(error).split())
    said = said.replace(entra.client_secret, "***") if entra.client_secret else said
    is_final = isinstance(error, (ValueError, CredentialUnavailableError)) or _REFUSAL.search(said)
    fields = ", ".join(("credential", *sum(CREDENTIALS[entra.credential], ())))
    msg = f"Microsoft Entra ID gives no token; check {fields}: {said}"
    return Rejected(msg) if is_final else Unreachable(msg)
