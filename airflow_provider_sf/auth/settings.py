"""
How a cluster is secured, read from the extra fields of a connection: whom we trust, and who we are to it.

Files are read here, once, so that what is read is a value: a rotated file makes another one. No Airflow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from airflow_provider_sf.auth.certificates import client_certificate, content, ends_at, key_content
from airflow_provider_sf.auth.entra import CREDENTIALS, Entra
from airflow_provider_sf.auth.server_verification import PUBLIC, ServerVerification

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_sf.auth.certificates import ClientCertificate
    from airflow_provider_sf.rest.protocol import Response

_TRUST = ("ca_bundle", "server_thumbprints", "server_common_name", "verify")
_CERTIFICATE = ("client_certificate", "private_key", "private_key_passphrase")
_ENTRA = ("credential", "tenant_id", "client_id", "client_secret", "authority", "cluster_application")

# What a connection may say for each value of ``security``, besides by what the server is recognised.
MODES: dict[str, tuple[str, ...]] = {
    "none": (),
    "certificate": _CERTIFICATE,
    "entra": (*_ENTRA, *_CERTIFICATE),
    "token": ("token",),
}

FIELDS = ("security", *_TRUST, *_CERTIFICATE, *_ENTRA, "token")

_AS_THEY_ARE = frozenset({"private_key_passphrase", "client_secret"})
"""The fields in which blanks at the ends may be meant."""

_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_THUMBPRINT_DIGITS = {40, 64}


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A ready-made bearer token."""

    value: str


@dataclass(frozen=True, slots=True)
class Security:
    """
    How a cluster is secured. A value: what was in files is part of it, and nothing secret is in its ``repr``.

    ``mode`` is ``none``, ``certificate``, ``entra`` or ``token``; of the others at most one is set.
    """

    mode: str = "none"
    trust: ServerVerification = PUBLIC
    certificate: ClientCertificate | None = None
    entra: Entra | None = None
    token: Token | None = None


UNSECURED = Security()


def advice_on_refusal(security: Security) -> str:
    """Say which setting to change if a cluster refuses to answer (401, 403)."""
    certificate = security.certificate
    if certificate is not None:
        said = f"the certificate with the thumbprint {certificate.thumbprint}"
        if not certificate.is_for_clients:
            return (
                f"{said} is not for clients, its extended key usage lacks clientAuth: set client_certificate"
            )
        if certificate.ends_at <= datetime.now(timezone.utc):
            return f"{said} ended at {day(certificate.ends_at)}: set client_certificate"
        return f"the cluster does not take {said}: let the cluster know it, or set client_certificate"
    if security.entra is not None:
        who = security.entra.client_id or "this identity"
        return f"the cluster does not take the token: give {who} the role User of the cluster's application"
    if security.token is not None:
        return "the cluster does not take the token, perhaps it has ended: set token"
    return "the cluster wants to know who asks: set security to certificate, entra or token"


def secured_by(security: Security, response: Response) -> str:
    """Say how a connection is secured that has just been used, and when the certificates end."""
    if not (response.endpoint or "").startswith("https:"):
        return "not secured: http"
    certificate = security.certificate
    told = {
        "none": "no credentials asked for",
        "certificate": f"client certificate {certificate.thumbprint} until {day(certificate.ends_at)}"
        if certificate
        else "",
        "entra": "a token of Microsoft Entra ID",
        "token": "a ready-made token",
    }
    end = f" until {day(ends_at(response.certificate))}" if response.certificate else ""
    how = "" if security.trust.verify else ", not verified (verify is false)"
    return f"https, {told[security.mode]}; server certificate{end}{how}"


def day(moment: datetime) -> str:
    """Word a time to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def security_in(extra: Mapping[str, object]) -> Security:
    """
    Read how a cluster is secured.

    :raises ValueError: a field is missing, wrong, or contradicts another; the message names it and no secret
    """
    given = {name: said for name in FIELDS if (said := _said(name, extra.get(name)))}
    mode = given.get("security", "none")
    if mode not in MODES:
        msg = f"extra field 'security' must be one of {', '.join(MODES)}, not {mode!r}"
        raise ValueError(msg)
    _refuse_strangers(given, mode)
    security = Security(
        mode,
        _trust(given),
        certificate=_certificate(given) if mode == "certificate" else None,
        entra=_entra(given) if mode == "entra" else None,
        token=Token(_token(given)) if mode == "token" else None,
    )
    _try_out(security)
    return security


def needs_https(security: Security) -> str:
    """Say what of a connection makes sense with https only, empty if nothing does."""
    trust = security.trust
    said = {
        f"security {security.mode!r}": security.mode != "none",
        "extra field 'ca_bundle'": trust.ca_bundle,
        "extra field 'server_thumbprints'": trust.server_thumbprints,
        "extra field 'server_common_name'": trust.server_common_names,
        "extra field 'verify'": not trust.verify,
    }
    return next((what for what, is_said in said.items() if is_said), "")


def _try_out(security: Security) -> None:
    """Find out now, and not in the first handshake, what OpenSSL does not take."""
    if not (security.trust.ca_bundle or security.certificate):
        return
    from airflow_provider_sf.auth.tls import context_for  # noqa: PLC0415 - no DAG file needs to read a connection

    try:
        context_for(security.trust, security.certificate)
    except OSError as error:  # OpenSSL's own are of this kind, too
        why = getattr(error, "reason", None) or error.strerror
        msg = f"extra field 'client_certificate': certificate and key cannot be loaded: {why}"
        raise ValueError(msg) from None


def _said(name: str, value: object) -> str:
    """Return the text of a field, empty if nothing was said."""
    if value is None or (isinstance(value, bool) and name == "verify"):
        return "" if value is None else str(value)
    if isinstance(value, str):
        return value if name in _AS_THEY_ARE else value.strip()
    msg = f"extra field {name!r} must be a text, not a {type(value).__name__}"
    raise ValueError(msg)


def _refuse_strangers(given: Iterable[str], mode: str) -> None:
    allowed = {"security", *_TRUST, *MODES[mode]}
    for name in given:
        if name not in allowed:
            where = " or ".join(repr(other) for other, fields in MODES.items() if name in fields)
            msg = f"extra field {name!r} belongs to security {where}, not to {mode!r}"
            raise ValueError(msg)


def _need(given: Mapping[str, str], names: Iterable[str], why: str) -> None:
    for name in names:
        if name not in given:
            msg = f"extra field {name!r} is missing: {why} needs it"
            raise ValueError(msg)


def _trust(given: Mapping[str, str]) -> ServerVerification:
    verify = _truth(given.get("verify", "true"))
    said = [name for name in _TRUST[:3] if name in given]
    if not verify and said:
        msg = f"extra field 'verify' is false, which contradicts {said[0]!r}: leave one of them out"
        raise ValueError(msg)
    if "server_thumbprints" in given and len(said) > 1:
        other = next(name for name in said if name != "server_thumbprints")
        msg = f"extra field 'server_thumbprints' recognises the server alone: leave {other!r} out"
        raise ValueError(msg)
    return ServerVerification(
        ca_bundle=content("ca_bundle", given["ca_bundle"]) if "ca_bundle" in given else b"",
        server_thumbprints=_thumbprints(given.get("server_thumbprints", "")),
        server_common_names=tuple(_listed(given.get("server_common_name", ""))),
        verify=verify,
    )


def _truth(said: str) -> bool:
    if said.lower() not in _TRUTH:
        msg = f"extra field 'verify' must be true or false, not {said!r}"
        raise ValueError(msg)
    return _TRUTH[said.lower()]


def _listed(said: str) -> list[str]:
    return [one for one in re.split(r"[,;\s]+", said) if one]


def _thumbprints(said: str) -> tuple[str, ...]:
    found = []
    for one in re.split(r"[,;]+|\s*\n\s*", said):
        # Windows copies a mark that cannot be seen in front of a thumbprint.
        digits = re.sub(r"[\s:\u200e]", "", one).upper()
        if digits and (len(digits) not in _THUMBPRINT_DIGITS or not re.fullmatch("[0-9A-F]+", digits)):
            msg = f"extra field 'server_thumbprints': {one.strip()!r} is no SHA-1 and no SHA-256 thumbprint"
            raise ValueError(msg)
        found += [digits] if digits else []
    return tuple(found)


def _certificate(given: Mapping[str, str]) -> ClientCertificate:
    """Read certificate and key; either field may hold both, but only the one whose name is masked as text."""
    _need(given, () if "client_certificate" in given else ("private_key",), "security 'certificate'")
    certificate = given.get("client_certificate")
    if certificate and "PRIVATE KEY-" in certificate:
        msg = "extra field 'client_certificate' holds a private key, which Airflow shows: use 'private_key'"
        raise ValueError(msg)
    pem = content("client_certificate", certificate) if certificate else None
    if "private_key" not in given and b"PRIVATE KEY-" not in (pem or b""):
        msg = "extra field 'private_key' is missing: the file in 'client_certificate' does not hold it"
        raise ValueError(msg)
    key = key_content(given["private_key"]) if "private_key" in given else pem or b""
    return client_certificate(pem, key, given.get("private_key_passphrase"))


def _entra(given: Mapping[str, str]) -> Entra:
    credential = given.get("credential", "")
    if credential not in CREDENTIALS:
        msg = f"extra field 'credential' must be one of {', '.join(CREDENTIALS)}, not {credential!r}"
        raise ValueError(msg)
    needs, may_have = CREDENTIALS[credential]
    _need(given, needs, f"credential {credential!r}")
    for name in (*_ENTRA[1:], *_CERTIFICATE):
        if name in given and name not in {*needs, *may_have, "authority", "cluster_application"}:
            msg = f"extra field {name!r} does not belong to credential {credential!r}"
            raise ValueError(msg)
    return Entra(
        credential=credential,
        tenant_id=given.get("tenant_id", ""),
        client_id=given.get("client_id", ""),
        client_secret=given.get("client_secret", ""),
        certificate=_certificate(given) if "private_key" in needs else None,
        authority=_authority(given.get("authority", "")),
        cluster_application=given.get("cluster_application", ""),
    )


def _authority(said: str) -> str:
    """Return the origin of who issues tokens; secrets are sent there."""
    if said and not re.fullmatch(r"https://[\w.-]+(:\d+)?/?", said):
        msg = "extra field 'authority' must be the https URL of a host, such as 'https://login.microsoftonline.com'"
        raise ValueError(msg)
    return said.rstrip("/")


def _token(given: Mapping[str, str]) -> str:
    _need(given, ("token",), "security 'token'")
    token = given["token"].removeprefix("Bearer ").strip()
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        msg = "extra field 'token' is no bearer token: it holds spaces or other characters that none has"
        raise ValueError(msg)
    return token
