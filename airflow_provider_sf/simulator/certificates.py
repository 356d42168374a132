"""A certificate authority for tests, and its certificates. Never use them to protect data. No network I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from typing import TYPE_CHECKING, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.serialization import KeySerializationEncryption

    PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
OTHER_NAMES = ("other.example.com",)

SERVER_CERTIFICATES = ("good", "expired", "wrong_name", "self_signed")

_NAME = "Simulated authority"
_VALID_DAYS = 90.0
_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its private key as PEM; the key is not encrypted."""

    pem: bytes
    key_pem: bytes

    @property
    def parsed(self) -> x509.Certificate:
        """The parsed certificate."""
        return x509.load_pem_x509_certificate(self.pem)

    @property
    def key(self) -> PrivateKey:
        """The private key."""
        return cast("PrivateKey", load_pem_private_key(self.key_pem, None))

    @property
    def der(self) -> bytes:
        """The certificate as DER."""
        return self.parsed.public_bytes(Encoding.DER)

    @property
    def thumbprint(self) -> str:
        """The SHA-1 hash of the certificate, as Service Fabric writes it."""
        return self.parsed.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - an identifier, not protection

    @property
    def sha256(self) -> str:
        """The SHA-256 hash of the certificate, written like a thumbprint."""
        return self.parsed.fingerprint(hashes.SHA256()).hex().upper()

    def encrypted_key_pem(self, passphrase: str) -> bytes:
        """Return the private key as PEM, encrypted with a passphrase."""
        return _key_pem(self.key, BestAvailableEncryption(passphrase.encode()))

    def pfx(self, passphrase: str | None = None) -> bytes:
        """Return certificate and private key as one file in PFX form, PKCS #12."""
        encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        return pkcs12.serialize_key_and_certificates(b"simulated", self.key, self.parsed, None, encryption)


class Authority:
    """A certificate authority with its own new key. It does not trust other authorities."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        key_usage = _key_usage("key_cert_sign", "crl_sign")
        extensions = [(x509.BasicConstraints(ca=True, path_length=0), True), (key_usage, True)]
        self.certificate = _certificate(_NAME, self._key, self._key, extensions=extensions)

    @property
    def pem(self) -> bytes:
        """Its own certificate, for the CA bundle of a client."""
        return self.certificate.pem

    def server(self, kind: str = "good") -> Certificate:
        """
        Return a certificate for a server on this machine.

        :raises ValueError: the kind is not in ``SERVER_CERTIFICATES``
        """
        if kind not in SERVER_CERTIFICATES:
            msg = f"invalid server_certificate {kind!r}: choose one of {', '.join(SERVER_CERTIFICATES)}"
            raise ValueError(msg)
        names = OTHER_NAMES if kind == "wrong_name" else LOCAL_NAMES
        key = ec.generate_private_key(ec.SECP256R1())
        return _certificate(
            names[0],
            key,
            key if kind == "self_signed" else self._key,
            days=-1.0 if kind == "expired" else _VALID_DAYS,
            extensions=[*_end_entity(SERVER_AUTH), (_alternative_names(names), False)],
        )

    def client(
        self,
        *,
        days: float = _VALID_DAYS,
        purpose: x509.ObjectIdentifier = CLIENT_AUTH,
        rsa_key: bool = False,
    ) -> Certificate:
        """
        Return a certificate for a client.

        :param days: days until it expires; a negative number for an expired certificate
        :param purpose: the extended key usage; a cluster refuses ``SERVER_AUTH``
        :param rsa_key: make an RSA key, which Entra ID requires; this takes longer
        """
        key = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
        return _certificate("client", key, self._key, days=days, extensions=_end_entity(purpose))

    def accepts(self, der: bytes) -> bool:
        """Whether a client certificate is issued by this authority, valid now, and for clients."""
        certificate = x509.load_der_x509_certificate(der)
        try:
            certificate.verify_directly_issued_by(self.certificate.parsed)
        except (ValueError, TypeError, InvalidSignature):
            return False
        now = datetime.now(timezone.utc)
        is_valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        return is_valid and CLIENT_AUTH in _purposes(certificate)


def _certificate(
    subject: str,
    key: PrivateKey,
    signed_by: PrivateKey,
    *,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
    days: float = _VALID_DAYS,
) -> Certificate:
    """Make a certificate: self-signed, or issued by the authority."""
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(subject if key is signed_by else _NAME))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=365))
        .not_valid_after(now + timedelta(days=days))
    )
    for extension, is_critical in [*extensions, *_key_identifiers(key, signed_by)]:
        builder = builder.add_extension(extension, critical=is_critical)
    signed = builder.sign(signed_by, hashes.SHA256())
    return Certificate(signed.public_bytes(Encoding.PEM), _key_pem(key, NoEncryption()))


def _end_entity(purpose: x509.ObjectIdentifier) -> list[tuple[x509.ExtensionType, bool]]:
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage("digital_signature", "key_encipherment"), True),
        (x509.ExtendedKeyUsage([purpose]), False),
    ]


def _key_usage(*usages: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in usages for usage in _USAGES})


def _key_identifiers(key: PrivateKey, signed_by: PrivateKey) -> list[tuple[x509.ExtensionType, bool]]:
    """Return the extensions that the strict verification of Python 3.13 needs."""
    return [
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_by.public_key()), False),
    ]


def _alternative_names(names: Sequence[str]) -> x509.SubjectAlternativeName:
    is_address = [name[-1].isdigit() for name in names]
    return x509.SubjectAlternativeName(
        [
            x509.IPAddress(ip_address(name)) if numeric else x509.DNSName(name)
            for name, numeric in zip(names, is_address, strict=True)
        ]
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _purposes(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    values = (extension.value for extension in certificate.extensions)
    return {purpose for value in values if isinstance(value, x509.ExtendedKeyUsage) for purpose in value}


def _key_pem(key: PrivateKey, encryption: KeySerializationEncryption) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
