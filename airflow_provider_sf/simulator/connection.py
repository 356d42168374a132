"""The Airflow connection to a simulated cluster, and the files that the connection names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow_provider_sf.simulator.security import Security

CA, CERTIFICATE, KEY, PFX = "ca.pem", "client.pem", "client.key", "client.pfx"


def write_certificates(security: Security, directory: Path) -> None:
    """Write the files of a client into a directory, readable by its owner only."""
    client = security.entra.certificate if security.has_entra else security.authority.client()
    files = {
        CA: security.ca_bundle,
        CERTIFICATE: client.pem,
        KEY: client.key_pem,
        PFX: client.pfx(),
    }
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = directory / name
        path.touch()
        path.chmod(0o600)
        path.write_bytes(content)


def connection(security: Security, urls: Sequence[str], directory: Path | None) -> str:
    """Return the connection as text for single quotes; ``directory`` contains the client's files."""
    if directory is None and len(urls) == 1:
        return urls[0].replace("http", "service-fabric")
    extra = _extra(security, urls[0], directory.absolute()) if directory else {}
    fields = {"conn_type": "service_fabric", "host": ",".join(urls), "extra": extra}
    return json.dumps(fields).replace("'", r"\u0027")


def _extra(security: Security, url: str, directory: Path) -> dict[str, str]:
    """Return the extra fields for a secured cluster: client identity and server verification."""
    verification = {"ca_bundle": str(directory / CA)}
    if security.has_entra:
        identity = {"tenant_id": security.entra.tenant_id, "client_id": security.entra.client_id}
        secret = {"credential": "client_secret", "client_secret": security.entra.client_secret}
        return {"security": "entra", **secret, **identity, "authority": url, **verification}
    if security.tls == "server":
        return {"security": "none", **verification}
    certificate = {
        "client_certificate": str(directory / CERTIFICATE),
        "private_key": str(directory / KEY),
    }
    return {"security": "certificate", **certificate, **verification}
