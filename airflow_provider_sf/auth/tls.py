"""
Server verification, and the one builder of TLS contexts for both transports.

A server is verified by a CA and the host name, by a CA and another name, or by the thumbprint of its
certificate. Thumbprints and names are checked after the handshake and before a byte of a request is sent.
Nothing is read from the environment.

The context verifies the server itself, in its own socket classes, so that both transports behave alike:
urllib3 can check thumbprints and names, but aiohttp refuses SHA-1 thumbprints and checks no other names.
"""

from __future__ import annotations

import re
import secrets
import ssl
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.auth.certificates import expires_at, thumbprints
from airflow_provider_sf.rest.storage_limits import WORD_BYTES, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.auth.certificates import ClientCertificate
    from airflow_provider_sf.auth.server_verification import ServerVerification


_CERTIFICATES = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----.+?-----END (?:X509 |TRUSTED )?CERTIFICATE-----",
    re.DOTALL,
)


class ServerNotVerified(ssl.SSLCertVerificationError):
    """The server could not be verified; the message explains why and which setting to change."""


class Context(ssl.SSLContext):
    """A TLS context that verifies the server itself and keeps its certificate."""

    trust: ServerVerification
    presented: dict[str | None, bytes]
    """Host -> its latest verified certificate, as DER."""
    has_client_certificate: bool

    def verify_server(self, connection: ssl.SSLSocket | ssl.SSLObject) -> None:
        """
        Verify the server after the handshake.

        :raises ServerNotVerified: thumbprint or name do not match
        """
        der = connection.getpeercert(binary_form=True) or b""
        if self.trust.server_thumbprints:
            _check_thumbprint(der, self.trust.server_thumbprints)
        if self.trust.server_common_names:
            _check_names(connection.getpeercert() or {}, self.trust.server_common_names)
        self.presented[connection.server_hostname] = der

    def certificate_of(self, host: str | None) -> bytes | None:
        """Return the latest certificate of a host, as DER; None before the first handshake."""
        return self.presented.get(host)


class _Socket(ssl.SSLSocket):
    """The socket of requests."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's signature
        super().do_handshake(block)
        assert isinstance(self.context, Context)  # noqa: S101 - for mypy
        self.context.verify_server(self)


class _Object(ssl.SSLObject):
    """The socket of asyncio, which calls ``do_handshake`` until the handshake is complete."""

    def do_handshake(self) -> None:
        super().do_handshake()
        assert isinstance(self.context, Context)  # noqa: S101 - for mypy
        self.context.verify_server(self)


def context_for(trust: ServerVerification, certificate: ClientCertificate | None = None) -> Context:
    """
    Return a new context. Each transport needs its own, since the libraries change contexts.

    :raises ValueError: the CA bundle holds no certificate
    """
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.trust, context.presented = trust, {}
    context.has_client_certificate = certificate is not None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.post_handshake_auth = True  # HTTP.sys of Windows requests the certificate late
    context.sslsocket_class, context.sslobject_class = _Socket, _Object
    is_checked_by_us = bool(trust.server_thumbprints or trust.server_common_names)
    context.check_hostname = trust.verify and not is_checked_by_us
    if not trust.verify or trust.server_thumbprints:
        context.verify_mode = ssl.CERT_NONE
    else:
        _load_authorities(context, trust.ca_bundle)
    if certificate is not None:
        _load(context, certificate)
    return context


def _load_authorities(context: ssl.SSLContext, bundle: bytes) -> None:
    import certifi  # noqa: PLC0415 - comes with requests

    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a bundle may contain the server's own certificate
    if not bundle:
        context.load_verify_locations(certifi.where())
        return
    blocks = _CERTIFICATES.findall(bundle)  # text between them may have any encoding
    try:
        context.load_verify_locations(cadata=b"\n".join(blocks).decode("ascii"))
    except (ssl.SSLError, ValueError):
        msg = "extra field 'ca_bundle' has no readable certificate: set it to PEM text or to a PEM file"
        raise ValueError(msg) from None


def _load(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """
    Load the client certificate into a context.

    OpenSSL reads keys from files only. So the key is written to a file that is encrypted with a random
    passphrase, readable by its owner only, and deleted at once.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only secured clusters need it

    passphrase = secrets.token_hex(32)
    key = serialization.load_pem_private_key(certificate.key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    with tempfile.TemporaryDirectory(prefix="airflow-provider-sf-") as folder:  # of mode 0700
        path = Path(folder, "client.pem")
        path.touch(mode=0o600)
        path.write_bytes(key + certificate.chain)
        context.load_cert_chain(path, password=passphrase)


def _check_thumbprint(der: bytes, wanted: tuple[str, ...]) -> None:
    presented = thumbprints(der)
    if not set(presented) & set(wanted):
        msg = (
            "the server's certificate does not match server_thumbprints: its SHA-1 thumbprint is "
            f"{presented[0]}, its SHA-256 thumbprint {presented[1]}; if it is correct, set "
            "server_thumbprints to one of them"
        )
        raise ServerNotVerified(msg)
    end = expires_at(der)
    if end <= datetime.now(timezone.utc):
        msg = f"the server's certificate expired at {end:%Y-%m-%d %H:%M} UTC: renew it on the cluster"
        raise ServerNotVerified(msg)


def _check_names(certificate: Mapping[str, Any], wanted: tuple[str, ...]) -> None:
    subject = [pair for entry in certificate.get("subject", ()) for pair in entry]
    named = [value for key, value in subject if key == "commonName"]
    also = [str(value) for key, value in certificate.get("subjectAltName", ()) if key == "DNS"]
    if not {name.casefold() for name in (*named, *also)} & {name.casefold() for name in wanted}:
        presented = shorten(", ".join(dict.fromkeys([*named, *also])) or "no name", WORD_BYTES)
        msg = (
            f"the server's certificate matches no name in server_common_name: it is for {presented}; "
            "if that is your cluster, set server_common_name to it"
        )
        raise ServerNotVerified(msg)
