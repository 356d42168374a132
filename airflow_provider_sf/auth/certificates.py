"""Certificates and keys from settings: PEM or PFX, files or text. No network, no Airflow."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_sf.auth.this_process import this_process

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

EXPIRY_WARNING = timedelta(days=30)
"""A certificate that expires within this time is a warning."""

PEM = b"-----BEGIN "
_PEM_BLOCK = re.compile(r"(-----BEGIN [A-Z0-9 ]+-----)([A-Za-z0-9+/=\s]+)(-----END [A-Z0-9 ]+-----)\n?")
_ENCODED = re.compile("[A-Za-z0-9+=]{40}")
_PATH = re.compile(r"(?=[./~]|[A-Za-z]:|.*\.[a-z]{2,4}$)[\w./\\~: -]{1,200}")
"""Text that starts or ends like the path of a file."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A client certificate, its issuers, and its key, which is not in the ``repr``."""

    chain: bytes
    """PEM; the certificate itself comes first."""
    key: bytes = field(repr=False)
    """PEM, not encrypted."""

    @property
    def leaf(self) -> x509.Certificate:
        """The certificate itself."""
        from cryptography import x509  # noqa: PLC0415 - only secured clusters need it

        return x509.load_pem_x509_certificates(self.chain)[0]

    @property
    def der(self) -> bytes:
        """The certificate itself, as DER."""
        from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

        return self.leaf.public_bytes(Encoding.DER)

    @property
    def thumbprint(self) -> str:
        """The SHA-1 thumbprint by which Service Fabric names it."""
        return thumbprints(self.der)[0]

    @property
    def expires_at(self) -> datetime:
        """When it expires."""
        return self.leaf.not_valid_after_utc

    @property
    def is_for_clients(self) -> bool:
        """Whether its extended key usage allows client authentication."""
        from cryptography import x509  # noqa: PLC0415
        from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415

        try:
            usage = self.leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except x509.ExtensionNotFound:
            return True
        return ExtendedKeyUsageOID.CLIENT_AUTH in usage or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage


def read_pem(field_name: str, value: str, *, secret: bool = False) -> bytes:
    """
    Return PEM text unchanged, or the content of a file.

    :raises ValueError: the value is neither; the message names the field, and shows no secret
    """
    if PEM.decode() in value:
        return _with_lines(value.replace("\\n", "\n")).encode()
    is_path = _PATH.fullmatch(value) and not _ENCODED.search(value)
    shown = f" {value!r}" if is_path and not secret else ""  # it may be a key in the wrong field
    try:
        return Path(value).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None)
        why = f"{reason} ({this_process()})" if reason else "this is not a path"
        msg = f"extra field {field_name!r} is not PEM text, and the file{shown} cannot be read: {why}"
        raise ValueError(msg) from None


def _with_lines(pem: str) -> str:
    """Restore line ends that a form field has removed."""
    return _PEM_BLOCK.sub(lambda block: "\n".join([block[1], *_pieces(block[2]), block[3], ""]), pem)


def _pieces(base64_text: str) -> list[str]:
    letters = "".join(base64_text.split())
    return [letters[start : start + 64] for start in range(0, len(letters), 64)]


def read_key(value: str) -> bytes:
    """
    Return the content of ``private_key``: PEM text, a PFX in base64, or a file with either.

    :raises ValueError: the value is invalid; the message does not show it
    """
    if PEM.decode() in value or is_file(value):
        return read_pem("private_key", value, secret=True)
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except binascii.Error:
        kinds = "not PEM text, not a PFX in base64, and not an existing file"
        msg = f"extra field 'private_key' is {kinds} ({this_process()})"
        raise ValueError(msg) from None


def is_file(text: str) -> bool:
    """Whether a text is the path of a file; ``Path.is_file`` raises an error that shows a long text."""
    return os.path.isfile(text)  # noqa: PTH113


def client_certificate(certificate: bytes | None, key: bytes, passphrase: str | None) -> ClientCertificate:
    """
    Read a client certificate and its key.

    :param certificate: PEM; None if the key contains it
    :param key: PEM, or a PFX with both
    :raises ValueError: one cannot be read, or they do not match; the message names the field
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only secured clusters need it

    if PEM in key:
        private, found = _key_in_pem(key, passphrase), _certificates_in(certificate or key)
    else:
        private, found = _in_pfx(key, passphrase)
        found = _certificates_in(certificate) if certificate else found
    public = private.public_key()
    matching = [candidate for candidate in found if candidate.public_key() == public]
    if not matching:
        msg = "extra field 'private_key' does not match the certificate in 'client_certificate'"
        raise ValueError(msg)
    leaf = max(matching, key=lambda candidate: candidate.not_valid_after_utc)  # renewed with the same key
    chain = [leaf, *(issuer for issuer in found if issuer != leaf)]
    return ClientCertificate(
        chain=b"".join(link.public_bytes(serialization.Encoding.PEM) for link in chain),
        key=private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _key_in_pem(key: bytes, passphrase: str | None) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        return load_pem_private_key(key, passphrase.encode() if passphrase else None)
    except TypeError:  # a passphrase is missing, or not needed
        fault = (
            "is not encrypted: remove 'private_key_passphrase'"
            if passphrase
            else "is encrypted: set 'private_key_passphrase'"
        )
    except (ValueError, UnsupportedAlgorithm):
        fault = "cannot be read; is the passphrase wrong?" if passphrase else "has no readable key"
        if b"DEK-Info" in key:  # its headers need their line ends
            fault += " If a form removed its line ends, use a file"
    msg = f"extra field 'private_key' {fault}"
    raise ValueError(msg)


def _in_pfx(pfx: bytes, passphrase: str | None) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415

    try:
        private, leaf, more = pkcs12.load_key_and_certificates(
            pfx, passphrase.encode() if passphrase else None
        )
    except ValueError:
        fault = "is the passphrase wrong?" if passphrase else "does it need 'private_key_passphrase'?"
        msg = f"extra field 'private_key' is neither PEM nor a readable PFX; {fault}"
        raise ValueError(msg) from None
    if private is None:
        msg = "extra field 'private_key' is a PFX without a private key; export it together with its key"
        raise ValueError(msg)
    return private, [*([leaf] if leaf else []), *more]


def _certificates_in(pem: bytes) -> list[x509.Certificate]:
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        msg = "extra field 'client_certificate' has no certificate: set it to PEM text or to a PEM file"
        raise ValueError(msg) from None


def thumbprints(der: bytes) -> tuple[str, str]:
    """Return the SHA-1 and the SHA-256 thumbprint of a certificate."""
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(), hashlib.sha256(
        der
    ).hexdigest().upper()


def expires_at(der: bytes) -> datetime:
    """Return when a certificate expires."""
    from cryptography import x509  # noqa: PLC0415

    return x509.load_der_x509_certificate(der).not_valid_after_utc
