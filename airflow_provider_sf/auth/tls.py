"""
How a server is recognised, and the one builder of the contexts that both transports use.

A server is recognised by a CA and its name, by a CA and another name that it must have, or by the thumbprint
of its certificate. Thumbprints and names are looked at when the handshake is over and before a byte of a
request is sent. Nothing is read from the environment.
"""

from __future__ import annotations

import re
import secrets
import ssl
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.auth.certificates import ends_at, thumbprints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.auth.certificates import ClientCertificate
    from airflow_provider_sf.auth.server_verification import ServerVerification


_CERTIFICATES = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----.+?-----END (?:X509 |TRUSTED )?CERTIFICATE-----",
    re.DOTALL,
)


class ServerRefused(ssl.SSLCertVerificationError):
    """We do not recognise the server by its certificate; the text says why and which setting to change."""


class Context(ssl.SSLContext):
    """A context that looks at the server's certificate itself, and remembers it."""

    trust: ServerVerification
    shown: dict[str | None, bytes]
    """Host -> the certificate, as DER, that it has shown last, if it was recognised."""

    def recognise(self, connection: ssl.SSLSocket | ssl.SSLObject) -> None:
        """
        Look at who is at the other end.

        :raises ServerRefused: it is not who it should be
        """
        der = connection.getpeercert(binary_form=True) or b""
        if self.trust.server_thumbprints:
            _check_thumbprint(der, self.trust.server_thumbprints)
        if self.trust.server_common_names:
            _check_names(connection.getpeercert() or {}, self.trust.server_common_names)
        self.shown[connection.server_hostname] = der

    def shown_by(self, host: str | None) -> bytes | None:
        """Return the certificate that a host has shown, as DER; None if there was none yet."""
        return self.shown.get(host)


class _Socket(ssl.SSLSocket):
    """What requests talks through."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's signature
        super().do_handshake(block)
        assert isinstance(self.context, Context)  # noqa: S101 - for mypy
        self.context.recognise(self)


class _Object(ssl.SSLObject):
    """What asyncio talks through; it calls this again until the handshake is over."""

    def do_handshake(self) -> None:
        super().do_handshake()
        assert isinstance(self.context, Context)  # noqa: S101 - for mypy
        self.context.recognise(self)


def context_for(trust: ServerVerification, certificate: ClientCertificate | None = None) -> Context:
    """
    Return a new context; a transport must not share it with another, as libraries change contexts.

    :raises ValueError: the CA bundle holds no certificate
    """
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.trust, context.shown = trust, {}
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.post_handshake_auth = True  # Windows' HTTP.sys asks for the certificate after the request
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

    context.verify_flags |= (
        ssl.VERIFY_X509_PARTIAL_CHAIN
    )  # a bundle may name the server itself, or who issued it
    if not bundle:
        context.load_verify_locations(certifi.where())
        return
    blocks = _CERTIFICATES.findall(bundle)  # what stands between them may be in any language
    try:
        context.load_verify_locations(cadata=b"\n".join(blocks).decode("ascii"))
    except (ssl.SSLError, ValueError):
        msg = "extra field 'ca_bundle' holds no certificate that can be read; it takes PEM text or a PEM file"
        raise ValueError(msg) from None


def _load(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """
    Give a context its certificate. OpenSSL takes keys from files only, so the file is of no use to others.

    It is encrypted with a passphrase that nobody knows, only its owner can read it, and it is gone at once.
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
    shown = thumbprints(der)
    if not set(shown) & set(wanted):
        msg = (
            f"the server's certificate is none of server_thumbprints: its SHA-1 thumbprint is {shown[0]}, "
            f"its SHA-256 thumbprint {shown[1]}; if it is yours, put one into server_thumbprints"
        )
        raise ServerRefused(msg)
    end = ends_at(der)
    if end <= datetime.now(timezone.utc):
        msg = f"the server's certificate ended at {end:%Y-%m-%d %H:%M} UTC: renew it on the cluster"
        raise ServerRefused(msg)


def _check_names(certificate: Mapping[str, Any], wanted: tuple[str, ...]) -> None:
    subject = [pair for entry in certificate.get("subject", ()) for pair in entry]
    named = [value for key, value in subject if key == "commonName"]
    also = [str(value) for key, value in certificate.get("subjectAltName", ()) if key == "DNS"]
    if not {name.casefold() for name in (*named, *also)} & {name.casefold() for name in wanted}:
        shown = ", ".join(dict.fromkeys([*named, *also])) or "no name"
        msg = (
            f"the server's certificate has none of the names in server_common_name: it is for {shown}; "
            "if that is your cluster, set server_common_name to it"
        )
        raise ServerRefused(msg)
