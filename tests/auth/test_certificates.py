"""Certificates and keys: PEM or PFX, files or text, with and without a passphrase."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from airflow_provider_sf.auth.certificates import (
    ClientCertificate,
    client_certificate,
    expires_at,
    read_key,
    read_pem,
    thumbprints,
)
from airflow_provider_sf.simulator.certificates import SERVER_AUTH, Authority

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY = Authority()
MINE, OTHER = AUTHORITY.client(days=90), AUTHORITY.client()
SECRET = "hunter2"
TRADITIONAL = MINE.key.private_bytes(
    Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(SECRET.encode())
)
"""The form that OpenSSL wrote before PKCS#8, with headers."""


def same(read: ClientCertificate) -> bool:
    return (read.chain, read.key) == (MINE.pem, MINE.key_pem)


# Sources.


def test_pem_key_and_certificate_may_be_together() -> None:
    assert same(client_certificate(MINE.pem, MINE.key_pem, None))
    assert same(client_certificate(None, MINE.key_pem + MINE.pem, None))
    assert same(client_certificate(None, MINE.pem + MINE.key_pem, None))


def test_an_encrypted_key_is_read_with_its_passphrase() -> None:
    assert same(client_certificate(MINE.pem, MINE.encrypted_key_pem(SECRET), SECRET))
    assert same(client_certificate(MINE.pem, read_key(TRADITIONAL.decode()), SECRET))


@pytest.mark.parametrize("passphrase", [None, SECRET])
def test_pfx_is_read_with_or_without_passphrase(passphrase: str | None) -> None:
    read = client_certificate(None, MINE.pfx(passphrase), passphrase)
    assert (read.thumbprint, read.key) == (MINE.thumbprint, MINE.key_pem)


def test_certificate_beside_a_pfx_wins() -> None:
    assert same(client_certificate(MINE.pem, MINE.pfx(SECRET), SECRET))


def test_certificate_of_the_key_comes_first() -> None:
    read = client_certificate(AUTHORITY.pem + MINE.pem, MINE.key_pem, None)
    assert read.chain == MINE.pem + AUTHORITY.pem


def test_value_may_be_text_or_path(tmp_path: Path) -> None:
    (tmp_path / "client.pem").write_bytes(MINE.pem)
    assert read_pem("client_certificate", MINE.pem.decode()) == MINE.pem
    assert read_pem("client_certificate", str(tmp_path / "client.pem")) == MINE.pem


@pytest.mark.parametrize("between", ["", " ", "\\n"])
def test_missing_line_ends_are_restored(between: str) -> None:
    mangled = MINE.key_pem.decode().strip().replace("\n", between)
    assert same(client_certificate(MINE.pem, read_key(mangled), None))


def test_key_may_be_a_file_or_base64(tmp_path: Path) -> None:
    pem, pfx = tmp_path / "client.key", tmp_path / "client.pfx"
    pem.write_bytes(MINE.key_pem)
    pfx.write_bytes(MINE.pfx())
    assert read_key(str(pem)) == read_key(MINE.key_pem.decode()) == MINE.key_pem
    assert read_key(str(pfx)) == pfx.read_bytes()
    wrapped = base64.encodebytes(MINE.pfx(SECRET)).decode()
    assert client_certificate(None, read_key(wrapped), SECRET).thumbprint == MINE.thumbprint


# Errors.


@pytest.mark.parametrize(
    ("certificate", "key", "passphrase", "message"),
    [
        (MINE.pem, OTHER.key_pem, None, "'private_key' does not match the certificate in 'client_certificate'"),
        (MINE.pem, MINE.encrypted_key_pem(SECRET), None, "'private_key' is encrypted: set 'private_key_passphrase'"),
        (MINE.pem, MINE.encrypted_key_pem(SECRET), "other", "'private_key' cannot be read; is the passphrase wrong"),
        (MINE.pem, MINE.key_pem, SECRET, "'private_key' is not encrypted: remove 'private_key_passphrase'"),
        (MINE.pem, TRADITIONAL.replace(b"\n", b""), SECRET, "If a form removed its line ends, use a file"),
        (MINE.pem, MINE.pem, None, "'private_key' has no readable key"),
        (b"-----BEGIN x", MINE.key_pem, None, "'client_certificate' has no certificate"),
        (None, MINE.key_pem, None, "'client_certificate' has no certificate"),
        (None, MINE.pfx(SECRET), None, "nor a readable PFX; does it need 'private_key_passphrase'"),
        (None, MINE.pfx(SECRET), "other", "nor a readable PFX; is the passphrase wrong"),
        (None, b"something else", None, "is neither PEM nor a readable PFX"),
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_invalid_certificate_names_the_field_only(
    certificate: bytes | None, key: bytes, passphrase: str | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        client_certificate(certificate, key, passphrase)
    assert SECRET not in str(refused.value)


def test_a_pfx_without_a_key_is_refused() -> None:
    pfx = pkcs12.serialize_key_and_certificates(b"mine", None, MINE.parsed, None, NoEncryption())
    with pytest.raises(ValueError, match="a PFX without a private key; export it together with its key"):
        client_certificate(None, pfx, None)


@pytest.mark.parametrize(
    "path", ["/no such file", "ca.pem", "/", "no such file", "x" * 300, "x" * 5000, "\0"]
)
def test_missing_file_is_named_unless_secret(path: str) -> None:
    with pytest.raises(
        ValueError, match=r"'ca_bundle' is not PEM text, and the file.* cannot be read: "
    ) as refused:
        read_pem("ca_bundle", path)
    assert (repr(path) in str(refused.value)) is (path in {"/no such file", "ca.pem", "/"})
    with pytest.raises(
        ValueError, match="'private_key' is not PEM text, not a PFX in base64, and not an existing file"
    ):
        read_key(f"{path}?")


# What they say.


def test_nothing_of_a_key_is_in_a_repr() -> None:
    assert "PRIVATE" not in repr(client_certificate(MINE.pem, MINE.key_pem, None))


def test_certificate_has_thumbprint_and_expiry() -> None:
    read = client_certificate(MINE.pem, MINE.key_pem, None)
    assert (read.der, read.thumbprint) == (MINE.der, MINE.thumbprint)
    assert read.expires_at == expires_at(MINE.der) > datetime.now(timezone.utc) + timedelta(days=30)
    assert thumbprints(MINE.der) == (MINE.thumbprint, MINE.sha256)


def test_extended_key_usage_decides_about_clients() -> None:
    assert ClientCertificate(MINE.pem, b"").is_for_clients
    assert not ClientCertificate(AUTHORITY.client(purpose=SERVER_AUTH).pem, b"").is_for_clients
    assert ClientCertificate(AUTHORITY.pem, b"").is_for_clients  # it says nothing of its use
