"""
Tokens of Microsoft Entra ID, by the library azure-identity: the extra ``azure``. No Airflow.

A cluster tells everybody its tenant and its application. It tells who issues tokens, too, but a secret goes
only to those who issue them for Microsoft's clouds, or to whom the connection names.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest import Call, Rejected, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from airflow_provider_sf.certificates import ClientCertificate

AAD_METADATA = Call(
    path="/$/GetAadMetadata",
    api_version="6.0",
    page="https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-getaadmetadata",
)

# Credential -> the fields that it needs, and those that it may have.
CREDENTIALS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "client_secret": (("client_id", "client_secret"), ("tenant_id",)),
    "client_certificate": (
        ("client_id", "private_key"),
        ("tenant_id", "client_certificate", "private_key_passphrase"),
    ),
    "managed_identity": ((), ("client_id",)),
    "workload_identity": ((), ("tenant_id", "client_id")),
    "default": ((), ()),
}

# https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
AUTHORITIES = (
    "https://login.microsoftonline.com",
    "https://login.microsoftonline.us",
    "https://login.partner.microsoftonline.cn",
)

# They tell of each token in a dozen lines at INFO, in the log of the task; what goes wrong is ours to tell.
_TALKATIVE = ("azure.core.pipeline.policies.http_logging_policy", "azure.identity")

_EARLY_SECONDS = 300.0
"""How long before its end a token is renewed."""


@dataclass(frozen=True, slots=True)
class Entra:
    """Who we are for Microsoft Entra ID, and which application the cluster is; empty is to be discovered."""

    credential: str
    tenant_id: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    certificate: ClientCertificate | None = None
    authority: str = ""
    cluster_application: str = ""


@dataclass(frozen=True, slots=True)
class Anonymous:
    """What may be asked of a cluster by anybody, and how: ``http`` makes a session that recognises it."""

    name: str
    ask: Callable[[Call], dict[str, Any]]
    http: Callable[[], requests.Session]


@dataclass(slots=True)
class _Issued:
    """The latest token of a credential for a cluster; by the lock one of many asks for the next."""

    value: str = ""
    ends_at: float = 0.0
    lock: Lock = field(default_factory=Lock)


_issued: dict[tuple[Entra, str], _Issued] = {}


def metadata_in(answer: dict[str, Any]) -> dict[str, str]:
    """
    Read what GetAadMetadata says: ``tenant``, ``cluster``, ``login`` and more.

    :raises Rejected: the cluster does not use Entra ID
    """
    said = answer.get("metadata")
    if answer.get("type") != "aad" or not isinstance(said, dict):
        msg = "the cluster does not use Microsoft Entra ID: choose another 'security' in the connection"
        raise Rejected(msg)
    return {key: value for key, value in said.items() if isinstance(value, str)}


def bearer(entra: Entra, cluster: Anonymous, refused: str = "") -> str:
    """
    Return a token for a cluster, the same one until it is about to end. Blocks; one of many asks for all.

    :param refused: the token that the cluster has refused, if it has
    :raises Rejected: Entra ID refuses us, or a setting is missing; the message names it
    :raises Unreachable: there was no answer
    """
    issued = _issued.setdefault((entra, cluster.name), _Issued())
    with issued.lock:
        if issued.value in {"", refused} or issued.ends_at - time.time() < _EARLY_SECONDS:
            issued.value, issued.ends_at = _ask_for_token(entra, cluster)
        return issued.value


def latest(entra: Entra, cluster: Anonymous) -> str:
    """Return the token at hand, if it does not end soon; else nothing. Does not block."""
    issued = _issued.get((entra, cluster.name))
    return issued.value if issued and issued.ends_at - time.time() >= _EARLY_SECONDS else ""


def _ask_for_token(entra: Entra, cluster: Anonymous) -> tuple[str, float]:
    known = entra.cluster_application and entra.tenant_id and entra.authority
    told = {} if known else metadata_in(cluster.ask(AAD_METADATA))
    scope = f"{entra.cluster_application or _told(told, 'cluster', 'cluster_application')}/.default"
    try:
        from azure.core import exceptions  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = "security 'entra' needs azure-identity: pip install 'airflow-provider-sf[azure]'"
        raise Rejected(msg) from error
    try:
        token = _credential(entra, told, cluster).get_token(scope)
    except (exceptions.AzureError, ValueError) as error:
        silence = exceptions.ServiceRequestError, exceptions.ServiceResponseError
        if any(isinstance(one, silence) for one in _causes(error)):
            msg = f"Microsoft Entra ID does not answer: {_plain(error, entra)}"
            raise Unreachable(msg) from None
        fields = ", ".join(("credential", *sum(CREDENTIALS[entra.credential], ())))
        msg = f"Microsoft Entra ID gives no token; check {fields}: {_plain(error, entra)}"
        raise Rejected(msg) from None
    return token.token, float(token.expires_on)


def _credential(entra: Entra, told: dict[str, str], cluster: Anonymous) -> Any:
    """Return a new credential of azure-identity: a new one keeps no token of before."""
    from azure import identity  # noqa: PLC0415 - an extra

    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
    client: dict[str, Any] = {"client_id": entra.client_id} if entra.client_id else {}
    if entra.credential == "managed_identity":
        return identity.ManagedIdentityCredential(**client)
    if entra.credential == "default":
        return identity.DefaultAzureCredential()
    tenant = entra.tenant_id or _told(told, "tenant", "tenant_id")
    where = {"tenant_id": tenant, **client, **_authority(entra, told, cluster)}
    if entra.credential == "workload_identity":
        return identity.WorkloadIdentityCredential(**where)
    if entra.certificate is not None:
        pem = entra.certificate.key + entra.certificate.chain
        return identity.CertificateCredential(certificate_data=pem, **where)
    return identity.ClientSecretCredential(client_secret=entra.client_secret, **where)


def _authority(entra: Entra, told: dict[str, str], cluster: Anonymous) -> dict[str, Any]:
    """Say who issues the tokens; one of the connection's own is recognised as the cluster is."""
    authority = entra.authority or told.get("login", AUTHORITIES[0]).rstrip("/")
    if authority in AUTHORITIES:
        return {"authority": authority}
    if not entra.authority:
        msg = (
            f"the cluster says that {authority} issues its tokens, which is none of Microsoft's clouds, so "
            "nothing was sent there; put it into 'authority' if you trust it"
        )
        raise Rejected(msg)
    from azure.core.pipeline.transport import RequestsTransport  # noqa: PLC0415 - an extra

    transport = RequestsTransport(session=cluster.http(), session_owner=False, use_env_settings=False)
    return {"authority": authority, "disable_instance_discovery": True, "transport": transport}


def _told(told: dict[str, str], key: str, setting: str) -> str:
    if not told.get(key):
        msg = f"the cluster does not say its {key}: set {setting!r}"
        raise Rejected(msg)
    return told[key]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _plain(error: Exception, entra: Entra) -> str:
    """Return what an error says, without what must not be said."""
    said = " ".join(str(error).split())
    return said.replace(entra.client_secret, "***") if entra.client_secret else said
