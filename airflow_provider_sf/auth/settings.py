"""
The security settings of a connection: server verification and client identity. No Airflow.

Files are read here once, so settings are values: a rotated file gives other settings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import chain
from typing import TYPE_CHECKING

from airflow_provider_sf.auth.certificates import client_certificate, expires_at, read_key, read_pem
from airflow_provider_sf.auth.connection_form import ALL_MODES, SECURITY_MODES, settings_of
from airflow_provider_sf.auth.entra import CREDENTIALS, Entra
from airflow_provider_sf.auth.server_verification import PUBLIC_CAS, ServerVerification
from airflow_provider_sf.rest.plain_text import show_setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_sf.auth.certificates import ClientCertificate
    from airflow_provider_sf.rest.protocol import Response

_VERIFICATION = settings_of(ALL_MODES)
MODES = {mode: settings_of(mode) for mode in SECURITY_MODES}
"""Settings for each value of ``security``, besides those of server verification."""

FIELDS = ("security", *_VERIFICATION, *dict.fromkeys(chain(*MODES.values())))

_AS_THEY_ARE = frozenset({"private_key_passphrase", "client_secret"})
"""Fields in which leading and trailing blanks are significant."""

_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_THUMBPRINT_DIGITS = {40, 64}

_CHOICE = "[a-z_]{0,12}"
"""What may be a wrong word for a choice. Longer or other text may be a secret in the wrong field."""


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A ready-made bearer token."""

    value: str


@dataclass(frozen=True, slots=True)
class Security:
    """
    How a connection is secured. The content of files is part of the value; its ``repr`` shows no secret.

    ``mode`` is ``none``, ``certificate``, ``entra`` or ``token``; at most one of the last fields is set.
    """

    mode: str = "none"
    trust: ServerVerification = PUBLIC_CAS
    certificate: ClientCertificate | None = None
    entra: Entra | None = None
    token: Token | None = None


UNSECURED = Security()


def advice_on_refusal(security: Security) -> str:
    """Return which setting to change after HTTP 401 or 403."""
    certificate = security.certificate
    if certificate is not None:
        subject = f"the certificate with the thumbprint {certificate.thumbprint}"
        if not certificate.is_for_clients:
            return (
                f"{subject} is not a client certificate (its extended key usage lacks clientAuth): "
                "set client_certificate"
            )
        if certificate.expires_at <= datetime.now(timezone.utc):
            return f"{subject} expired at {format_minute(certificate.expires_at)}: set client_certificate"
        return f"the cluster refused {subject}: add it to the cluster, or set client_certificate"
    if security.entra is not None:
        identity = security.entra.client_id or "this identity"
        return (
            f"the cluster refused the token: assign the role User of the cluster's application to {identity}"
        )
    if security.token is not None:
        return "the cluster refused the token, which may have expired: set token"
    return "authentication is required: set security to certificate, entra or token"


def describe_security(security: Security, response: Response) -> str:
    """Describe how a connection that was just used is secured, and when its certificates expire."""
    if not (response.endpoint or "").startswith("https:"):
        return "not secured: http"
    certificate = security.certificate
    credentials = {
        "none": "no client credentials",
        "certificate": _describe_certificate(certificate) if certificate else "",
        "entra": "Microsoft Entra ID token",
        "token": "bearer token",
    }
    end = f" until {format_minute(expires_at(response.certificate))}" if response.certificate else ""
    how = "" if security.trust.verify else ", not verified (verify is false)"
    return f"https, {credentials[security.mode]}; server certificate{end}{how}"


def _describe_certificate(certificate: ClientCertificate) -> str:
    return f"client certificate {certificate.thumbprint} until {format_minute(certificate.expires_at)}"


def format_minute(moment: datetime) -> str:
    """Format a time to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def read_security(extra: Mapping[str, object]) -> Security:
    """
    Read the security settings from the extra fields.

    :raises ValueError: a field is missing or invalid, or contradicts another one; the message names the field
        and shows no secret
    """
    fields = {name: text for name in FIELDS if (text := _text(name, extra.get(name)))}
    mode = fields.get("security", "none")
    if mode not in MODES:
        shown = show_setting(mode, _CHOICE)
        msg = f"extra field 'security' must be one of {', '.join(MODES)}, not {shown}"
        raise ValueError(msg)
    _refuse_other_modes(fields, mode)
    security = Security(
        mode,
        _trust(fields),
        certificate=_certificate(fields) if mode == "certificate" else None,
        entra=_entra(fields) if mode == "entra" else None,
        token=Token(_token(fields)) if mode == "token" else None,
    )
    _check_loadable(security)
    return security


def needs_https(security: Security) -> str:
    """Return the first setting that needs https; empty if no setting does."""
    trust = security.trust
    needs = {
        f"security {security.mode!r}": security.mode != "none",
        "extra field 'ca_bundle'": trust.ca_bundle,
        "extra field 'server_thumbprints'": trust.server_thumbprints,
        "extra field 'server_common_name'": trust.server_common_names,
        "extra field 'verify'": not trust.verify,
    }
    return next((setting for setting, is_set in needs.items() if is_set), "")


def _check_loadable(security: Security) -> None:
    """Load the certificates once, so that OpenSSL refuses them now and not in the first handshake."""
    if not (security.trust.ca_bundle or security.certificate):
        return
    from airflow_provider_sf.auth.tls import context_for  # noqa: PLC0415 - not for DAG files

    try:
        context_for(security.trust, security.certificate)
    except OSError as error:  # ssl.SSLError is an OSError
        why = getattr(error, "reason", None) or error.strerror
        msg = f"extra field 'client_certificate': certificate and key cannot be loaded: {why}"
        raise ValueError(msg) from None


def _text(name: str, value: object) -> str:
    """Return the text of a field; empty if it is not set."""
    if value is None or (isinstance(value, bool) and name == "verify"):
        return "" if value is None else str(value)
    if isinstance(value, str):
        return value if name in _AS_THEY_ARE else value.strip()
    msg = f"extra field {name!r} must be a string, not {type(value).__name__}"
    raise ValueError(msg)


def _refuse_other_modes(fields: Iterable[str], mode: str) -> None:
    allowed = {"security", *_VERIFICATION, *MODES[mode]}
    for name in fields:
        if name not in allowed:
            where = " or ".join(repr(other) for other, names in MODES.items() if name in names)
            msg = f"extra field {name!r} belongs to security {where}, not to {mode!r}"
            raise ValueError(msg)


def _require(fields: Mapping[str, str], names: Iterable[str], why: str) -> None:
    for name in names:
        if name not in fields:
            msg = f"extra field {name!r} is missing: {why} needs it"
            raise ValueError(msg)


def _trust(fields: Mapping[str, str]) -> ServerVerification:
    verify = _boolean(fields.get("verify", "true"))
    verified_by = [name for name in _VERIFICATION[:3] if name in fields]
    if not verify and verified_by:
        msg = f"extra field 'verify' is false, which contradicts {verified_by[0]!r}: remove one of them"
        raise ValueError(msg)
    if "server_thumbprints" in fields and len(verified_by) > 1:
        other = next(name for name in verified_by if name != "server_thumbprints")
        msg = f"extra field 'server_thumbprints' verifies the server alone: remove {other!r}"
        raise ValueError(msg)
    return ServerVerification(
        ca_bundle=read_pem("ca_bundle", fields["ca_bundle"]) if "ca_bundle" in fields else b"",
        server_thumbprints=_thumbprints(fields.get("server_thumbprints", "")),
        server_common_names=tuple(_split(fields.get("server_common_name", ""))),
        verify=verify,
    )


def _boolean(text: str) -> bool:
    if text.lower() not in _TRUTH:
        msg = f"extra field 'verify' must be true or false, not {show_setting(text, '[A-Za-z]{0,6}')}"
        raise ValueError(msg)
    return _TRUTH[text.lower()]


def _split(text: str) -> list[str]:
    return [part for part in re.split(r"[,;\s]+", text) if part]


def _thumbprints(text: str) -> tuple[str, ...]:
    found = []
    for place, part in enumerate(re.split(r"[,;]+|\s*\n\s*", text), 1):
        # Windows copies an invisible mark in front of a thumbprint.
        digits = re.sub(r"[\s:\u200b-\u200f\u202a-\u202e\ufeff-]", "", part).upper()
        if digits and (len(digits) not in _THUMBPRINT_DIGITS or not re.fullmatch("[0-9A-F]+", digits)):
            msg = (  # it may be a key in the wrong field
                f"extra field 'server_thumbprints': value {place} ({len(digits)} characters) is not a SHA-1 "
                "or SHA-256 thumbprint: write its 40 or 64 hexadecimal digits"
            )
            raise ValueError(msg)
        found += [digits] if digits else []
    return tuple(found)


def _certificate(fields: Mapping[str, str]) -> ClientCertificate:
    """Read certificate and key. Both may be in one field; as text only in the field that Airflow masks."""
    _require(fields, () if "client_certificate" in fields else ("private_key",), "security 'certificate'")
    certificate = fields.get("client_certificate")
    if certificate and "PRIVATE KEY-" in certificate:
        msg = (
            "extra field 'client_certificate' contains a private key, and Airflow shows this field: "
            "use 'private_key'"
        )
        raise ValueError(msg)
    pem = read_pem("client_certificate", certificate) if certificate else None
    if "private_key" not in fields and b"PRIVATE KEY-" not in (pem or b""):
        msg = "extra field 'private_key' is missing: the file in 'client_certificate' has no private key"
        raise ValueError(msg)
    key = read_key(fields["private_key"]) if "private_key" in fields else pem or b""
    return client_certificate(pem, key, fields.get("private_key_passphrase"))


def _entra(fields: Mapping[str, str]) -> Entra:
    credential = fields.get("credential", "")
    if credential not in CREDENTIALS:
        shown = show_setting(credential, _CHOICE)
        msg = f"extra field 'credential' must be one of {', '.join(CREDENTIALS)}, not {shown}"
        raise ValueError(msg)
    needs, may_have = CREDENTIALS[credential]
    _require(fields, needs, f"credential {credential!r}")
    allowed = {"credential", "authority", "cluster_application", *needs, *may_have}
    for name in MODES["entra"]:
        if name in fields and name not in allowed:
            msg = f"extra field {name!r} does not belong to credential {credential!r}"
            raise ValueError(msg)
    return Entra(
        credential=credential,
        tenant_id=fields.get("tenant_id", ""),
        client_id=fields.get("client_id", ""),
        client_secret=fields.get("client_secret", ""),
        certificate=_certificate(fields) if "private_key" in needs else None,
        authority=_authority(fields.get("authority", "")),
        cluster_application=fields.get("cluster_application", ""),
    )


def _authority(url: str) -> str:
    """Return the URL of the token issuer; secrets are sent there."""
    if url and not re.fullmatch(r"https://[\w.-]+(:\d+)?/?", url):
        msg = "extra field 'authority' must be the https URL of a host, such as 'https://login.microsoftonline.com'"
        raise ValueError(msg)
    return url.rstrip("/")


def _token(fields: Mapping[str, str]) -> str:
    _require(fields, ("token",), "security 'token'")
    token = fields["token"].removeprefix("Bearer ").strip()
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        msg = "extra field 'token' is not a bearer token: it contains spaces or other invalid characters"
        raise ValueError(msg)
    return token
