"""The certificate authority of the simulator and its certificates."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12

from airflow_provider_sf.simulator.certificates import (
    CLIENT_AUTH,
    SERVER_AUTH,
    SERVER_CERTIFICATES,
    Authority,
    Certificate,
)

AUTHORITY, OTHER_AUTHORITY = Authority(), Authority()


def common_name(certificate: Certificate) -> str:
    return certificate.parsed.subject.rfc4514_string()


def purposes(certificate: Certificate) -> list[x509.ObjectIdentifier]:
    return list(certificate.parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def days_left(certificate: Certificate) -> float:
    return (certificate.parsed.not_valid_after_utc - datetime.now(timezone.utc)) / timedelta(days=1)


def test_thumbprint_is_a_hash_of_der() -> None:
    server = AUTHORITY.server()
    assert server.der == x509.load_pem_x509_certificate(server.pem).public_bytes(Encoding.DER)
    assert server.thumbprint == hashlib.new("sha1", server.der, usedforsecurity=False).hexdigest().upper()
    assert server.sha256 == hashlib.sha256(server.der).hexdigest().upper()


def test_server_certificate_has_all_local_names() -> None:
    server = AUTHORITY.server()
    names = server.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert common_name(server) == "CN=localhost"
    assert [str(name.value) for name in names] == ["localhost", "127.0.0.1", "::1"]
    assert purposes(server) == [SERVER_AUTH]


@pytest.mark.parametrize(
    ("kind", "name", "issuer", "is_valid"),
    [
        ("good", "CN=localhost", "CN=Simulated authority", True),
        ("expired", "CN=localhost", "CN=Simulated authority", False),
        ("wrong_name", "CN=other.example.com", "CN=Simulated authority", True),
        ("self_signed", "CN=localhost", "CN=localhost", True),
    ],
)
def test_bad_server_certificate_has_one_fault(kind: str, name: str, issuer: str, *, is_valid: bool) -> None:
    server = AUTHORITY.server(kind)
    assert (common_name(server), server.parsed.issuer.rfc4514_string()) == (name, issuer)
    assert (days_left(server) > 0) is is_valid


def test_unknown_server_certificate_is_refused() -> None:
    assert SERVER_CERTIFICATES == ("good", "expired", "wrong_name", "self_signed")
    with pytest.raises(ValueError, match="invalid server_certificate 'bad': choose one of good, expired, "):
        AUTHORITY.server("bad")


@pytest.mark.parametrize("days", [-1.0, 3.0, 90.0])
def test_client_certificate_expires_after_its_days(days: float) -> None:
    assert days_left(AUTHORITY.client(days=days)) == pytest.approx(days, abs=0.01)


def test_client_certificate_has_the_given_purpose() -> None:
    assert (purposes(AUTHORITY.client()), purposes(AUTHORITY.client(purpose=SERVER_AUTH))) == (
        [CLIENT_AUTH],
        [SERVER_AUTH],
    )


@pytest.mark.parametrize(
    ("certificate", "accepted"),
    [
        (AUTHORITY.client(), True),
        (AUTHORITY.client(rsa_key=True), True),
        (AUTHORITY.client(days=-1), False),
        (AUTHORITY.client(purpose=SERVER_AUTH), False),
        (OTHER_AUTHORITY.client(), False),
        (AUTHORITY.server("self_signed"), False),
        (AUTHORITY.certificate, False),
    ],
    ids=["good", "rsa", "expired", "for servers", "other authority", "self-signed", "the authority"],
)
def test_authority_accepts_only_its_valid_clients(certificate: Certificate, *, accepted: bool) -> None:
    assert AUTHORITY.accepts(certificate.der) is accepted


@pytest.mark.parametrize("rsa_key", [False, True])
def test_key_can_be_encrypted(*, rsa_key: bool) -> None:
    client = AUTHORITY.client(rsa_key=rsa_key)
    encrypted = client.encrypted_key_pem("open sesame")
    assert encrypted.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    key = load_pem_private_key(encrypted, b"open sesame")
    assert key.public_key() == client.parsed.public_key()
    assert isinstance(key, rsa.RSAPrivateKey) is rsa_key
    with pytest.raises(ValueError, match="password"):
        load_pem_private_key(encrypted, b"wrong")


@pytest.mark.parametrize("passphrase", [None, "open sesame"])
def test_pfx_has_certificate_and_key(passphrase: str | None) -> None:
    client = AUTHORITY.client()
    key, certificate, others = pkcs12.load_key_and_certificates(
        client.pfx(passphrase), passphrase.encode() if passphrase else None
    )
    assert (certificate, others) == (client.parsed, [])
    assert key is not None
    assert key.public_key() == client.parsed.public_key()
