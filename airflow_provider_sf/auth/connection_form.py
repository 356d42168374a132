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
        "How this client authenticates: none, certificate, entra or token. Leave it empty for none.",
        {"type": ["string", "null"], "enum": [*SECURITY_MODES]},
    ),
    "client_certificate": Setting(
        "Client: certificate",
        "PEM text, or the path of a PEM file. For certificate, and for entra with client_certificate.",
        _LINES,
        _CERTIFICATE_MODES,
    ),
    "private_key": Setting(
        "Client: private key",
        "PEM text, a PFX in base64, or the path of either. A PFX also contains the certificate.",
        _SECRET,
        _CERTIFICATE_MODES,
    ),
    "private_key_passphrase": Setting(
        "Client: passphrase",
        "The passphrase of the key or the PFX, if it has one.",
        _SECRET,
        _CERTIFICATE_MODES,
    ),
    "token": Setting("Client: token", "An existing bearer token, for security token.", _SECRET, ("token",)),
    "ca_bundle": Setting(
        "Server: CA bundle",
        "PEM text, or the path of a PEM file. Leave it empty to trust the public CAs.",
        _LINES,
        (ALL_MODES,),
    ),
    "server_thumbprints": Setting(
        "Server: thumbprints",
        "SHA-1 or SHA-256 thumbprints. The server's certificate must match one of them. Replaces the CA.",
        _TEXT,
        (ALL_MODES,),
    ),
    "server_common_name": Setting(
        "Server: common name",
        "Names. The server's certificate must have one of them. Replaces the name in host.",
        _TEXT,
        (ALL_MODES,),
    ),
    "verify": Setting(
        "Server: verify",
        "Keep this on. If it is off (false), any server is accepted.",
        {"type": ["boolean", "null"], "default": True},
        (ALL_MODES,),
    ),
    "credential": Setting(
        "Entra: credential",
        "The kind of client identity, for security entra.",
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
    "tenant_id": Setting(
        "Entra: tenant ID", "Leave it empty to use the tenant that the cluster reports.", _TEXT, ("entra",)
    ),
    "client_id": Setting(
        "Entra: client ID",
        "The ID of the client application, or of the user-assigned identity.",
        _TEXT,
        ("entra",),
    ),
    "client_secret": Setting("Entra: client secret", "For credential client_secret.", _SECRET, ("entra",)),
    "authority": Setting(
        "Entra: authority",
        "The https URL of the token issuer. Leave it empty for Microsoft's.",
        _TEXT,
        ("entra",),
    ),
    "cluster_application": Setting(
        "Entra: cluster application",
        "ID or URI of the cluster's application. Leave it empty to use the one that the cluster reports.",
        _TEXT,
        ("entra",),
    ),
    "api_version": Setting(
        "API version", "Replaces the documented version of each call. Rarely needed.", _TEXT
    ),
    "connect_timeout": Setting(
        "Connect timeout", "Seconds to wait for a connection to a gateway; 5 if empty.", _SECONDS
    ),
    "read_timeout": Setting(
        "Read timeout", "Seconds to wait for a response, after the connect timeout; 30 if empty.", _SECONDS
    ),
    "explorer_url": Setting(
        "Service Fabric Explorer",
        "Its URL for a browser. Leave it empty for the cluster's own; write none for no link.",
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
        "schema": "https if a setting needs it, otherwise http",
    },
}
"""How Airflow shows the standard fields."""
