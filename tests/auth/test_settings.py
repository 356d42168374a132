"""The security settings of a connection: what is read, and which field an error names."""

from __future__ import annotations

import base64
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.auth.certificates import ClientCertificate
from airflow_provider_sf.auth.connection_form import FIELDS as FORM
from airflow_provider_sf.auth.entra import CREDENTIALS, Entra
from airflow_provider_sf.auth.server_verification import ServerVerification
from airflow_provider_sf.auth.settings import (
    FIELDS,
    MODES,
    UNSECURED,
    Security,
    Token,
    advice_on_refusal,
    describe_security,
    read_security,
)
from airflow_provider_sf.rest.protocol import Response
from airflow_provider_sf.simulator.certificates import SERVER_AUTH, Authority

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY = Authority()
CLIENT, LATE, SERVER = AUTHORITY.client(), AUTHORITY.client(days=-1), AUTHORITY.client(purpose=SERVER_AUTH)
SHA1, SHA256 = CLIENT.thumbprint, CLIENT.sha256
SECRET = "hunter2"
KEY, PEM = CLIENT.key_pem.decode(), CLIENT.pem.decode()
MINE = ClientCertificate(CLIENT.pem, CLIENT.key_pem)


# Valid settings.


@pytest.mark.parametrize(
    "extra", [{}, {"security": "none"}, {"security": None, "token": ""}, {"verify": True}]
)
def test_nothing_said_is_no_security(extra: dict[str, object]) -> None:
    assert read_security(extra) == UNSECURED == Security("none", ServerVerification(b"", (), (), verify=True))


@pytest.mark.parametrize(
    ("extra", "trust"),
    [
        ({"ca_bundle": AUTHORITY.pem.decode()}, ServerVerification(ca_bundle=AUTHORITY.pem)),
        ({"ca_bundle": "# főtanúsítvány\n" + PEM}, ServerVerification(ca_bundle="# főtanúsítvány\n".encode() + CLIENT.pem)),
        ({"server_thumbprints": SHA1}, ServerVerification(server_thumbprints=(SHA1,))),
        (
            {"server_thumbprints": f" {SHA1.lower()} ,{SHA256}"},
            ServerVerification(server_thumbprints=(SHA1, SHA256)),
        ),
        (
            {"server_thumbprints": "\u200e" + " ".join(SHA1[i : i + 2] for i in range(0, 40, 2))},
            ServerVerification(server_thumbprints=(SHA1,)),
        ),
        (
            {"server_thumbprints": ":".join(SHA256[i : i + 2] for i in range(0, 64, 2)) + f"\n{SHA1};"},
            ServerVerification(server_thumbprints=(SHA256, SHA1)),
        ),
        (
            {"server_thumbprints": "\ufeff\u200f" + "-".join(SHA1[i : i + 2] for i in range(0, 40, 2))},
            ServerVerification(server_thumbprints=(SHA1,)),
        ),
        ({"server_common_name": "sf.example.com, other"}, ServerVerification(server_common_names=("sf.example.com", "other"))),
        (
            {"server_common_name": "sf", "ca_bundle": AUTHORITY.pem.decode()},
            ServerVerification(ca_bundle=AUTHORITY.pem, server_common_names=("sf",)),
        ),
        ({"verify": False}, ServerVerification(verify=False)),
        ({"verify": "false"}, ServerVerification(verify=False)),
        ({"verify": "True"}, ServerVerification()),
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_by_what_the_server_is_recognised(extra: dict[str, object], trust: ServerVerification) -> None:
    assert read_security(extra) == Security("none", trust)


@pytest.mark.parametrize(
    "extra",
    [
        {"client_certificate": PEM, "private_key": KEY},
        {"private_key": KEY + PEM},
        {
            "client_certificate": PEM,
            "private_key": CLIENT.encrypted_key_pem(SECRET).decode(),
            "private_key_passphrase": SECRET,
        },
    ],
    ids=map(str, count()),
)
def test_a_client_certificate_says_who_we_are(extra: dict[str, object]) -> None:
    assert read_security({"security": "certificate", **extra}) == Security("certificate", certificate=MINE)


def test_files_are_read_when_the_connection_is(tmp_path: Path) -> None:
    """So a file that was rotated makes another value, and another value another session."""
    both = tmp_path / "client.pem"
    both.write_bytes(CLIENT.pem + CLIENT.key_pem)
    extra = {"security": "certificate", "client_certificate": str(both)}
    before = read_security(extra)
    assert before == Security("certificate", certificate=MINE)
    both.write_bytes(LATE.pem + LATE.key_pem)
    assert read_security(extra) != before
    both.unlink()
    with pytest.raises(
        ValueError,
        match=r"'client_certificate' is not PEM text, and the file '.*client.pem' cannot be read: No such",
    ):
        read_security(extra)


@pytest.mark.parametrize(
    ("extra", "entra"),
    [
        (
            {"credential": "client_secret", "client_id": "me", "client_secret": SECRET},
            Entra("client_secret", client_id="me", client_secret=SECRET),
        ),
        (
            {
                "credential": "client_secret",
                "client_id": "me",
                "client_secret": SECRET,
                "tenant_id": "us",
                "authority": "https://login.example.com/",
                "cluster_application": "api://cluster",
            },
            Entra("client_secret", "us", "me", SECRET, None, "https://login.example.com", "api://cluster"),
        ),
        (
            {"credential": "client_certificate", "client_id": "me", "private_key": KEY + PEM},
            Entra("client_certificate", client_id="me", certificate=MINE),
        ),
        ({"credential": "managed_identity"}, Entra("managed_identity")),
        ({"credential": "managed_identity", "client_id": "me"}, Entra("managed_identity", client_id="me")),
        (
            {"credential": "workload_identity", "tenant_id": "us"},
            Entra("workload_identity", tenant_id="us"),
        ),
        ({"credential": "default"}, Entra("default")),
    ],
    ids=map(str, count()),
)
def test_entra_id_says_who_we_are(extra: dict[str, object], entra: Entra) -> None:
    assert read_security({"security": "entra", **extra}) == Security("entra", entra=entra)


@pytest.mark.parametrize("token", ["a.b.c", "Bearer a.b.c", " a.b.c\n"])
def test_a_ready_made_token_says_who_we_are(token: str) -> None:
    assert read_security({"security": "token", "token": token}) == Security("token", token=Token("a.b.c"))


# Invalid settings.


CERTIFICATE: dict[str, object] = {"security": "certificate"}
ENTRA: dict[str, object] = {"security": "entra", "credential": "client_secret", "client_id": "me"}


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"security": "kerberos"}, "'security' must be one of none, certificate, entra, token, not 'kerberos'"),
        ({"security": SECRET}, r"'security' must be one of .*, not \(text of 7 characters\)$"),
        ({"security": "s" * 13}, r"'security' must be one of .*, not \(text of 13 characters\)$"),
        ({"security": 5}, "'security' must be a string, not int"),
        ({"token": SECRET}, "'token' belongs to security 'token', not to 'none'"),
        ({"private_key": KEY}, "'private_key' belongs to security 'certificate' or 'entra', not to 'none'"),
        ({**CERTIFICATE, "token": SECRET}, "'token' belongs to security 'token', not to 'certificate'"),
        (CERTIFICATE, "'private_key' is missing: security 'certificate' needs it"),
        ({**CERTIFICATE, "client_certificate": PEM}, "'private_key' is missing: the file in 'client_certificate'"),
        ({**CERTIFICATE, "client_certificate": PEM + KEY}, "contains a private key, and Airflow shows this field: use 'private_"),
        ({**CERTIFICATE, "private_key": SECRET}, "'private_key' is not PEM text, not a PFX in base64, and not an existing file"),
        ({**CERTIFICATE, "private_key": KEY}, "'client_certificate' has no certificate"),
        ({"security": "token"}, "'token' is missing: security 'token' needs it"),
        ({"security": "token", "token": f"{SECRET} {SECRET}"}, "'token' is not a bearer token"),
        ({"security": "entra"}, "'credential' must be one of client_secret, client_certificate, .*, not ''"),
        ({**ENTRA, "credential": "password"}, "'credential' must be one of .*, not 'password'"),
        ({**ENTRA, "credential": SECRET}, r"'credential' must be one of .*, not \(text of 7 characters\)$"),
        (ENTRA, "'client_secret' is missing: credential 'client_secret' needs it"),
        ({**ENTRA, "client_secret": SECRET, "private_key": KEY}, "'private_key' does not belong to credential 'client_"),
        ({**ENTRA, "client_secret": SECRET, "authority": "http://x"}, "'authority' must be the https URL of a host"),
        ({"security": "entra", "credential": "default", "client_id": "me"}, "'client_id' does not belong to credential"),
        ({"ca_bundle": "-----BEGIN CERTIFICATE-----\nx"}, "'ca_bundle' has no readable certificate"),
        ({"ca_bundle": base64.b64encode(AUTHORITY.certificate.der).decode()}, "'ca_bundle' is not PEM text, and the file can"),
        ({**CERTIFICATE, "client_certificate": base64.b64encode(CLIENT.pfx()).decode()}, "and the file cannot be read"),
        ({"security": "token", "token": True}, "'token' must be a string, not bool"),
        ({"ca_bundle": "/no/such/file"}, "'ca_bundle' is not PEM text, and the file '/no/such/file' cannot be read: No such file"),
        ({"ca_bundle": "/"}, "'ca_bundle' is not PEM text, and the file '/' cannot be read: Is a directory"),
        ({"server_thumbprints": SHA1[1:]}, r"'server_thumbprints': value 1 \(39 characters\) is not a SHA-1 or SHA-256 thumbprint: "),
        ({"server_thumbprints": f"{SHA1},{SECRET}"}, r"value 2 \(7 characters\) is not a SHA-1 or SHA-256 thumbprint"),
        ({"server_thumbprints": "x" * 40}, "is not a SHA-1 or SHA-256 thumbprint"),
        ({"server_thumbprints": SHA1, "ca_bundle": "x"}, "verifies the server alone: remove 'ca_bundle'"),
        ({"server_thumbprints": SHA1, "server_common_name": "x"}, "alone: remove 'server_common_name'"),
        ({"verify": "maybe"}, "'verify' must be true or false, not 'maybe'"),
        ({"verify": SECRET}, r"'verify' must be true or false, not \(text of 7 characters\)$"),
        ({"ca_bundle": SECRET}, "^extra field 'ca_bundle' is not PEM text, and the file cannot be read: No such"),
        ({"ca_bundle": f"{SECRET}/x+y="}, "^extra field 'ca_bundle' is not PEM text, and the file cannot be read: No such"),
        ({"ca_bundle": "certificates/none.pem"}, "the file 'certificates/none.pem' cannot be read: No such"),
        ({**CERTIFICATE, "client_certificate": SECRET}, "and the file cannot be read: No such"),
        ({"verify": False, "ca_bundle": "x"}, "'verify' is false, which contradicts 'ca_bundle'"),
        ({"verify": False, "server_thumbprints": SHA1}, "'verify' is false, which contradicts 'server_thumbprints'"),
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_invalid_settings_are_named_without_secrets(extra: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        read_security(extra)
    assert "extra field" in str(refused.value)
    assert SECRET not in str(refused.value)
    assert base64.b64encode(CLIENT.pfx()).decode()[:40] not in str(refused.value)
    assert refused.value.__cause__ is None


def test_openssl_errors_appear_at_reading(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    Without a folder for temporary files, OpenSSL cannot load what was read.

    The folder is replaced, because that of the machine exists.
    """
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(
        ValueError, match="'client_certificate': certificate and key cannot be loaded: No such file"
    ):
        read_security({**CERTIFICATE, "private_key": KEY + PEM})


# Tables.


def test_form_offers_every_mode_and_credential() -> None:
    assert set(FIELDS) <= set(FORM)
    assert [*MODES] == FORM["security"]["schema"]["enum"]  # type: ignore[index]
    assert [*CREDENTIALS] == FORM["credential"]["schema"]["enum"]  # type: ignore[index]


def test_every_field_belongs_somewhere() -> None:
    somewhere = {"security", "ca_bundle", "server_thumbprints", "server_common_name", "verify"}
    assert {name for fields in MODES.values() for name in fields} == set(FIELDS) - somewhere


# Texts.


def secured() -> list[Any]:
    entra = Entra("client_secret", client_id="me", client_secret=SECRET, certificate=MINE)
    return [
        Security("entra", entra=entra),
        Security("token", token=Token(SECRET)),
        MINE,
        Security(certificate=MINE),
    ]


@pytest.mark.parametrize("value", secured(), ids=map(str, count()))
def test_no_secret_is_in_a_repr(value: object) -> None:
    assert SECRET not in f"{value!r} {value}"
    assert "PRIVATE" not in f"{value!r} {value}"


@pytest.mark.parametrize(
    ("security", "text"),
    [
        (UNSECURED, "authentication is required: set security to certificate, entra or token"),
        (
            Security("certificate", certificate=MINE),
            f"the cluster refused the certificate with the thumbprint {SHA1}: add it to the cluster, or set client_cert",
        ),
        (
            Security("certificate", certificate=ClientCertificate(SERVER.pem, b"")),
            f"{SERVER.thumbprint} is not a client certificate (its extended key usage lacks clientAuth): set client_certificate",
        ),
        (
            Security("certificate", certificate=ClientCertificate(LATE.pem, b"")),
            f"the certificate with the thumbprint {LATE.thumbprint} expired at ",
        ),
        (Security("entra", entra=Entra("client_secret", client_id="me")), "assign the role User of the cluster's"),
        (Security("entra", entra=Entra("default")), "assign the role User of the cluster's application to this identity"),
        (Security("token", token=Token("x")), "the cluster refused the token, which may have expired: set token"),
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_advice_on_a_refusal_names_the_setting(security: Security, text: str) -> None:
    assert text in advice_on_refusal(security)


@pytest.mark.parametrize(
    ("security", "text"),
    [
        (UNSECURED, "https, no client credentials; server certificate until "),
        (Security("certificate", certificate=MINE), f"https, client certificate {SHA1} until "),
        (
            Security("entra", entra=Entra("default")),
            "https, Microsoft Entra ID token; server certificate until",
        ),
        (
            Security("token", ServerVerification(verify=False), token=Token("x")),
            ", not verified (verify is false)",
        ),
    ],
    ids=map(str, count()),
)
def test_connection_test_describes_the_security(security: Security, text: str) -> None:
    answer = Response(200, b"{}", endpoint="https://c:19080", certificate=SERVER.der)
    assert text in describe_security(security, answer)
    assert (
        describe_security(UNSECURED, Response(200, b"{}", endpoint="http://c:19080")) == "not secured: http"
    )


def test_form_groups_its_fields() -> None:
    """Airflow's form has no headings, so the label of a field begins with its group."""
    groups = [str(field["label"]).partition(":")[0] for field in FORM.values() if ":" in str(field["label"])]
    assert list(dict.fromkeys(groups)) == ["Client", "Server", "Entra"]
    assert groups == sorted(groups, key=["Client", "Server", "Entra"].index)


def test_descriptions_of_the_form_are_short() -> None:
    """Two lines of Airflow's form."""
    assert max(len(str(field["description"])) for field in FORM.values()) <= 100
