"""
Microsoft Entra ID: which tokens a cluster needs, and credentials of the library azure-identity. No Airflow.

A cluster publishes its tenant, its application and its token issuer. A secret is sent only to an issuer of
Microsoft's clouds, or to the one that the connection names.
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

# They log a dozen lines at INFO for each token; errors are in our exceptions.
_VERBOSE_LOGGERS = ("azure.core.pipeline.policies.http_logging_policy", "azure.identity")

_APPLICATION = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|api://[\w./-]+", re.ASCII)

_TIMEOUTS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 30}
_NO_RETRY = {"retry_total": 0}
"""Waits retry by themselves."""


@dataclass(frozen=True, slots=True)
class Entra:
    """The client identity for Entra ID and the application of the cluster. Empty values are discovered."""

    credential: str
    tenant_id: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    certificate: ClientCertificate | None = None
    authority: str = ""
    cluster_application: str = ""


@dataclass(frozen=True, slots=True)
class PublicClient:
    """Unauthenticated access to a cluster; ``http`` makes a session that verifies its server."""

    name: str
    is_verified: bool
    ask: Callable[[Call], dict[str, Any]]
    http: Callable[[], requests.Session]


def read_metadata(answer: dict[str, Any]) -> dict[str, str]:
    """
    Read the answer of GetAadMetadata: ``tenant``, ``cluster``, ``login`` and more.

    :raises Rejected: the cluster does not use Entra ID
    """
    metadata = answer.get("metadata")
    if answer.get("type") != "aad" or not isinstance(metadata, dict):
        msg = "the cluster does not use Microsoft Entra ID: set another 'security' in the connection"
        raise Rejected(msg)
    return {key: value for key, value in metadata.items() if isinstance(value, str)}


def trusted_application(metadata: dict[str, str], cluster: PublicClient) -> str:
    """
    Return the application that the cluster advertises.

    The cluster receives a token for this application. So the server must be verified, and the application
    must not be a URL, which would be another service.

    :raises Rejected: the application is missing, or not trusted
    """
    advertised = _advertised(metadata, "cluster", "cluster_application")
    if not cluster.is_verified or not _APPLICATION.fullmatch(advertised):
        msg = (
            f"the cluster advertises application {advertised!r}, which is not trusted: "
            "set 'cluster_application'"
        )
        raise Rejected(msg)
    return advertised


def make_credential(entra: Entra, metadata: dict[str, str], cluster: PublicClient) -> Any:
    """Return a new credential of azure-identity, without cached tokens. The caller closes it."""
    from azure import identity  # noqa: PLC0415 - an extra

    for name in _VERBOSE_LOGGERS:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
    client: dict[str, Any] = {"client_id": entra.client_id} if entra.client_id else {}
    if entra.credential == "managed_identity":
        return identity.ManagedIdentityCredential(**client, **_TIMEOUTS)
    if entra.credential == "default":
        return identity.DefaultAzureCredential(**_TIMEOUTS)
    tenant = entra.tenant_id or _advertised(metadata, "tenant", "tenant_id")
    where = {"tenant_id": tenant, **client, **_TIMEOUTS, **_NO_RETRY, **_authority(entra, metadata, cluster)}
    if entra.credential == "workload_identity":
        return identity.WorkloadIdentityCredential(**where)
    if entra.certificate is not None:
        pem = entra.certificate.key + entra.certificate.chain
        return identity.CertificateCredential(certificate_data=pem, **where)
    return identity.ClientSecretCredential(client_secret=entra.client_secret, **where)


def _authority(entra: Entra, metadata: dict[str, str], cluster: PublicClient) -> dict[str, Any]:
    """Return the token issuer; the issuer that a connection names is verified like the cluster."""
    authority = entra.authority or metadata.get("login", AUTHORITIES[0]).rstrip("/")
    if authority in AUTHORITIES:
        return {"authority": authority}
    if not entra.authority:
        msg = (
            f"the cluster advertises {authority} as token issuer, which is not one of Microsoft's clouds; "
            "nothing was sent there. Set 'authority' to it if you trust it"
        )
        raise Rejected(msg)
    from azure.core.pipeline.transport import RequestsTransport  # noqa: PLC0415 - an extra

    transport = RequestsTransport(
        session=cluster.http(), session_owner=True, use_env_settings=False, **_TIMEOUTS
    )
    return {"authority": authority, "disable_instance_discovery": True, "transport": transport}


def _advertised(metadata: dict[str, str], key: str, setting: str) -> str:
    if not metadata.get(key):
        msg = f"the cluster does not report its {key}: set {setting!r}"
        raise Rejected(msg)
    return metadata[key]
