"""
TLS of a cluster, which requests client certificates in the handshake or after a request.

A cluster accepts every client in TLS, and refuses it in HTTP. OpenSSL would abort the handshake if it did
not trust the certificate. Therefore this module makes OpenSSL trust every certificate and checks it later.
"""

from __future__ import annotations

import ssl
from base64 import encodebytes
from select import select
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import BufferedReader

    from airflow_provider_sf.simulator.certificates import Certificate

TLS = ("none", "server", "mutual", "mutual-late")

CERTIFICATE_WAIT_SECONDS = 1.0
"""How long to wait for the certificate after a late request."""

_HANDSHAKE, _CERTIFICATE, _FINISHED = 22, 11, 20  # types of records and messages: RFC 8446, B.1 and B.3
# OpenSSL's X509_CERT_AUX with clientAuth.
_TRUSTED_FOR_CLIENTS = bytes.fromhex("300c300a06082b06010505070302")
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME
NO_CERTIFICATE_COMPRESSION = ssl.Options(1 << 33)
"""
OpenSSL's SSL_OP_NO_RX_CERTIFICATE_COMPRESSION: clients do not compress their certificates.

OpenSSL 3.2 and later can ask for compressed certificates; this module does not decompress what it reads.
Earlier versions ignore the option.
"""


def server_context(certificate: Certificate, tls: str) -> ssl.SSLContext:
    """Return the TLS settings of a gateway with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = SecureConnection
    with NamedTemporaryFile(suffix=".pem") as file:
        file.write(certificate.pem + certificate.key_pem)
        file.flush()
        context.load_cert_chain(file.name)
    if tls != "server":
        context.verify_mode = ssl.CERT_OPTIONAL
        context.post_handshake_auth = tls == "mutual-late"
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
        context.options |= NO_CERTIFICATE_COMPRESSION
    # Only this callback sees a certificate before OpenSSL verifies it.
    context._msg_callback = _on_message  # type: ignore[attr-defined]  # noqa: SLF001
    return context


class SecureConnection(ssl.SSLSocket):
    """A connection of a client."""

    has_finished = False
    """Whether the client has completed the handshake, with or without a certificate."""

    def client_certificate(self, reader: BufferedReader) -> bytes | None:
        """Return the certificate of the client; ``reader`` reads its requests."""
        if self.context.post_handshake_auth and self.has_finished and not self.getpeercert(binary_form=True):
            self._request_certificate(reader)
        return self.getpeercert(binary_form=True) if self.has_finished else None

    def _request_certificate(self, reader: BufferedReader) -> None:
        """Request a certificate within the connection, as HTTP.sys does."""
        try:
            self.verify_client_post_handshake()
        except ssl.SSLError:  # the client did not offer it, or TLS is too old
            return
        self.has_finished = False
        self.do_handshake()  # sends the request without waiting
        self.settimeout(0)
        while not self.has_finished and select([self], [], [], CERTIFICATE_WAIT_SECONDS)[0]:
            try:
                reader.peek()
            except ssl.SSLWantReadError:
                continue
            break  # the client has disconnected, or sent something else
        self.settimeout(None)


def _on_message(  # noqa: PLR0917 - the parameters that ssl passes
    connection: SecureConnection, direction: str, version: int, record: int, kind: int, message: bytes
) -> None:
    """Read a handshake message before OpenSSL processes it."""
    if (direction, record) != ("read", _HANDSHAKE):
        return
    if kind == _CERTIFICATE and (der := _certificate_in(message, version)):
        _trust(der, connection.context)
    if kind == _FINISHED:
        connection.has_finished = True


def _certificate_in(message: bytes, version: int) -> bytes:
    """Return the first certificate of the chain in a message; empty if there is no certificate."""
    # Before it: 4 bytes of header, in TLS 1.3 a context with its length, and two lengths of 3 bytes.
    context = 1 + message[4] if version == ssl.TLSVersion.TLSv1_3 else 0
    start = 4 + context + 3 + 3
    length = int.from_bytes(message[start - 3 : start], "big")
    return message[start : start + length]


def _trust(der: bytes, context: ssl.SSLContext) -> None:
    """Make OpenSSL accept a client's certificate of any issuer and purpose."""
    with NamedTemporaryFile(suffix=".pem") as file:
        body = encodebytes(der + _TRUSTED_FOR_CLIENTS)
        file.write(b"-----BEGIN TRUSTED CERTIFICATE-----\n%b-----END TRUSTED CERTIFICATE-----\n" % body)
        file.flush()
        context.load_verify_locations(file.name)
