"""The table of connection settings: Airflow shows it as a form, the parser and the docs read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SECURITY_MODES = ("none", "certificate", "entra", "token")
"""The values of the setting ``security``."""

ALL_MODES = "all"

_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_LINES: dict[str, Any] = {"type": ["string", "null"], "format": "multiline"}
_SECRET: dict[str, Any] = {"type": ["string", "null"], "format": "password"}
_SECONDS: dict[str, Any] = {"type": ["number", "null"], "exclusiveMinimum": 0}

_CERTIFICATE_MODES = ("certificate", "entra")


@dataclass(frozen=True, slots=True)
class Setting:
    """
    One extra field of a connection.

    ``modes`` are the values of ``security`` that it belongs to: empty if it has nothing to do with security.
    """

    label: str
    description: str
    schema: dict[str, Any]
    modes: tuple[str, ...] = ()


# Airflow masks fields by their names: private_key, private_key_passphrase, client_secret, token.
SETTINGS: dict[str, Setting] = {
    "security": Setting(
        "Security",
        "Authentication of the client: none, certificate, entra or token; none if empty.",
        {"type": ["string", "null"], "enum": [*SECURITY_MODES]},
    ),
    "ca_bundle": Setting(
        "CA bundle",
        "PEM text or PEM file with the CA of the server's certificate; the public CAs if empty.",
        _LINES,
        (ALL_MODES,),
    ),
    "server_thumbprints": Setting(
        "Server thumbprints",
        "SHA-1 or SHA-256 thumbprints; the server's certificate must match one of them. Replaces the CA.",
        _TEXT,
        (ALL_MODES,),
    ),
    "server_common_name": Setting(
        "Server common name",
        "Names; the server's certificate must have one of them. Replaces the name in host.",
        _TEXT,
        (ALL_MODES,),
    ),
    "verify": Setting(
        "Verify the server",
        "true if empty; with false any server is accepted.",
        {"type": ["boolean", "null"], "default": True},
        (ALL_MODES,),
    ),
    "client_certificate": Setting(
        "Client certificate",
        "PEM text or PEM file, for security certificate and credential client_certificate.",
        _LINES,
        _CERTIFICATE_MODES,
    ),
    "private_key": Setting(
        "Private key",
        "PEM text or PEM file; or a PFX, as file or base64, that also contains the certificate.",
        _SECRET,
        _CERTIFICATE_MODES,
    ),
    "private_key_passphrase": Setting(
        "Passphrase of the private key", "If the key or the PFX has one.", _SECRET, _CERTIFICATE_MODES
    ),
    "credential": Setting(
        "Entra credential",
        "The kind of client identity for Entra ID, for security entra.",
        {
            "type": ["string", "null"],
            "enum": [
                "client_secret",
                "client_certificate",
                "managed_identity",
                "workload_identity",
                "default",
            ],
        },
        ("entra",),
    ),
    "tenant_id": Setting("Entra tenant", "Its id; discovered from the cluster if empty.", _TEXT, ("entra",)),
    "client_id": Setting(
        "Entra client id",
        "The id of the client application, or of the user-assigned identity.",
        _TEXT,
        ("entra",),
    ),
    "client_secret": Setting("Entra client secret", "For credential client_secret.", _SECRET, ("entra",)),
    "authority": Setting(
        "Entra authority", "The https URL of the token issuer; Microsoft's if empty.", _TEXT, ("entra",)
    ),
    "cluster_application": Setting(
        "Cluster application",
        "The id or the URI of the cluster's application in Entra ID; discovered from the cluster if empty.",
        _TEXT,
        ("entra",),
    ),
    "token": Setting("Bearer token", "An existing token, for security token.", _SECRET, ("token",)),
    "api_version": Setting(
        "API version", "Replaces the documented version of each call; rarely needed.", _TEXT
    ),
    "connect_timeout": Setting(
        "Connect timeout", "Seconds to wait for a connection to a gateway; 5 if empty.", _SECONDS
    ),
    "read_timeout": Setting(
        "Read timeout", "Seconds to wait for a response, after the connect timeout; 30 if empty.", _SECONDS
    ),
    "explorer_url": Setting(
        "Service Fabric Explorer",
        "Its URL for a browser; the cluster's own if empty, none for no link.",
        _TEXT,
    ),
}


def settings_of(mode: str) -> tuple[str, ...]:
    """Return the names of the settings that belong to a value of ``security``."""
    return tuple(name for name, setting in SETTINGS.items() if mode in setting.modes)


FIELDS = {
    name: {"label": setting.label, "description": setting.description, "schema": setting.schema}
    for name, setting in SETTINGS.items()
}
"""The extra fields of the form, as Airflow's provider info describes them."""

BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["login", "password"],
    "relabeling": {"host": "Cluster", "port": "HTTP gateway port", "schema": "Scheme"},
    "placeholders": {
        "host": "mycluster.example.com, or several, separated by commas",
        "port": "19080",
        "schema": "https if it is secured, else http",
    },
}
"""How Airflow shows the standard fields."""
