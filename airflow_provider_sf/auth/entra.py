"""
Tokens of Microsoft Entra ID, by the library azure-identity: the extra ``azure``. No Airflow.

A cluster tells everybody its tenant and its application. It tells who issues tokens, too, but a secret goes
only to those who issue them for Microsoft's clouds, or to whom the connection names.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest import Rejected
from airflow_provider_sf.rest.protocol import Call

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from airflow_provider_sf.auth.certificates import ClientCertificate

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

_APPLICATION = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|api://[\w./-]+", re.ASCII)

_PATIENCE: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 30}
_ONCE = {"retry_total": 0}
"""Waits ask again by themselves."""


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
class PublicClient:
    """What may be asked of a cluster by anybody, and how: ``http`` makes a session that recognises it."""

    name: str
    is_verified: bool
    ask: Callable[[Call], dict[str, Any]]
    http: Callable[[], requests.Session]


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


def application_in(told: dict[str, str], cluster: PublicClient) -> str:
    """
    Return the application that the cluster says to be.

    Whoever says so gets a token for it, so it is believed of those only whom we recognise, and only if it is
    no address: that would be another service's.

    :raises Rejected: it is not said, or not believed
    """
    said = _told(told, "cluster", "cluster_application")
    if not cluster.is_verified or not _APPLICATION.fullmatch(said):
        msg = f"the cluster says to be application {said!r}, which is not believed: set 'cluster_application'"
        raise Rejected(msg)
    return said


def credential_of(entra: Entra, told: dict[str, str], cluster: PublicClient) -> Any:
    """Return a new credential of azure-identity: a new one keeps no token of before."""
    from azure import identity  # noqa: PLC0415 - an extra

    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
    client: dict[str, Any] = {"client_id": entra.client_id} if entra.client_id else {}
    if entra.credential == "managed_identity":
        return identity.ManagedIdentityCredential(**client, **_PATIENCE)
    if entra.credential == "default":
        return identity.DefaultAzureCredential(**_PATIENCE)
    tenant = entra.tenant_id or _told(told, "tenant", "tenant_id")
    where = {"tenant_id": tenant, **client, **_PATIENCE, **_ONCE, **_authority(entra, told, cluster)}
    if entra.credential == "workload_identity":
        return identity.WorkloadIdentityCredential(**where)
    if entra.certificate is not None:
        pem = entra.certificate.key + entra.certificate.chain
        return identity.CertificateCredential(certificate_data=pem, **where)
    return identity.ClientSecretCredential(client_secret=entra.client_secret, **where)


def _authority(entra: Entra, told: dict[str, str], cluster: PublicClient) -> dict[str, Any]:
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

    transport = RequestsTransport(
        session=cluster.http(), session_owner=False, use_env_settings=False, **_PATIENCE
    )
    return {"authority": authority, "disable_instance_discovery": True, "transport": transport}


def _told(told: dict[str, str], key: str, setting: str) -> str:
    if not told.get(key):
        msg = f"the cluster does not say its {key}: set {setting!r}"
        raise Rejected(msg)
    return told[key]
