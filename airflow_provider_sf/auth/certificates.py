"""Certificates and keys, read from what a person gave: PEM or PFX, files or text. No network, no Airflow."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_sf.rest.storage_limits import WORD_BYTES, shorten

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

SOON = timedelta(days=30)
"""How long before its end a certificate is warned of."""

PEM = b"-----BEGIN "
_PEM_BLOCK = re.compile(r"(-----BEGIN [A-Z0-9 ]+-----)([A-Za-z0-9+/=\s]+)(-----END [A-Z0-9 ]+-----)\n?")
_PATH_BYTES = 4_096
_ENCODED = re.compile("[A-Za-z0-9+=]{40}")


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate that says who we are, its issuers, and its key, which is in no ``repr``."""

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
        """The certificate itself, as it goes over the wire."""
        from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

        return self.leaf.public_bytes(Encoding.DER)

    @property
    def thumbprint(self) -> str:
        """The SHA-1 thumbprint by which Service Fabric names it."""
        return thumbprints(self.der)[0]

    @property
    def ends_at(self) -> datetime:
        """When it ends."""
        return self.leaf.not_valid_after_utc

    @property
    def is_for_clients(self) -> bool:
        """Whether its extended key usage, if it has one, lets it say who a client is."""
        from cryptography import x509  # noqa: PLC0415
        from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415

        try:
            usage = self.leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except x509.ExtensionNotFound:
            return True
        return ExtendedKeyUsageOID.CLIENT_AUTH in usage or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage


def content(field_name: str, given: str, *, secret: bool = False) -> bytes:
    """
    Return PEM text as it is, and what is in a file if that is what is given.

    :raises ValueError: neither; the message names the field, and the value only if it is no secret
    """
    if PEM.decode() in given:
        return _with_lines(given.replace("\\n", "\n")).encode()
    if secret or _ENCODED.search(given) or not given.isprintable():
        shown = ""  # a key that was put into the wrong field
    else:
        shown = f" {shorten(given, WORD_BYTES)!r}"
    try:
        return Path(given).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "this is no path"
        msg = f"extra field {field_name!r} is no PEM text, and the file{shown} cannot be read: {why}"
        raise ValueError(msg) from None


def _with_lines(pem: str) -> str:
    """Put back the ends of lines that a field of a form has taken out."""
    return _PEM_BLOCK.sub(lambda block: "\n".join([block[1], *_pieces(block[2]), block[3], ""]), pem)


def _pieces(base64_text: str) -> list[str]:
    letters = "".join(base64_text.split())
    return [letters[start : start + 64] for start in range(0, len(letters), 64)]


def key_content(given: str) -> bytes:
    """
    Return the content of ``private_key``: PEM text, a PFX in base64, or a file with either.

    :raises ValueError: it is none of these; the message does not repeat it
    """
    is_path = len(given) < _PATH_BYTES and PEM.decode() not in given and _is_file(given)
    if not is_path and PEM.decode() not in given:
        try:
            return base64.b64decode("".join(given.split()), validate=True)
        except binascii.Error:
            msg = "extra field 'private_key' is neither PEM text, nor a PFX in base64, nor a file that exists"
            raise ValueError(msg) from None
    return content("private_key", given, secret=True)


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except (OSError, ValueError):
        return False


def client_certificate(certificate: bytes | None, key: bytes, passphrase: str | None) -> ClientCertificate:
    """
    Read a client certificate and its key.

    :param certificate: PEM; None if it is with the key
    :param key: PEM, or a PFX that holds both
    :raises ValueError: one cannot be read, or they do not belong together; the message names the field
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only secured clusters need it

    if PEM in key:
        private, found = _key_in_pem(key, passphrase), _certificates_in(certificate or key)
    else:
        private, found = _in_pfx(key, passphrase)
        found = _certificates_in(certificate) if certificate else found
    public = private.public_key()
    mine = [one for one in found if one.public_key() == public]
    if not mine:
        msg = "extra field 'private_key' does not belong to the certificate in 'client_certificate'"
        raise ValueError(msg)
    leaf = max(mine, key=lambda one: one.not_valid_after_utc)  # renewed with the same key
    chain = [leaf, *(one for one in found if one != leaf)]
    return ClientCertificate(
        chain=b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain),
        key=private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _key_in_pem(key: bytes, passphrase: str | None) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        return load_pem_private_key(key, passphrase.encode() if passphrase else None)
    except TypeError:  # with or without a passphrase, and it is the other way round
        fault = (
            "is not encrypted: leave 'private_key_passphrase' out"
            if passphrase
            else "is encrypted: give 'private_key_passphrase'"
        )
    except (ValueError, UnsupportedAlgorithm):
        fault = "cannot be read; is the passphrase wrong?" if passphrase else "holds no key that can be read"
        if b"DEK-Info" in key:  # headers, which lines alone tell from the key
            fault += " If a form took the ends of its lines, give a file"
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
        msg = f"extra field 'private_key' is no PEM, and as a PFX it cannot be read; {fault}"
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
        msg = "extra field 'client_certificate' holds no certificate; it takes PEM text or a PEM file"
        raise ValueError(msg) from None


def thumbprints(der: bytes) -> tuple[str, str]:
    """Return the SHA-1 and the SHA-256 thumbprint of a certificate."""
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(), hashlib.sha256(
        der
    ).hexdigest().upper()


def ends_at(der: bytes) -> datetime:
    """Return when a certificate ends."""
    from cryptography import x509  # noqa: PLC0415

    return x509.load_der_x509_certificate(der).not_valid_after_utc
