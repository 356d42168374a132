"""The form of a connection: what a person may fill in. Airflow shows it, docs/connection.md prints it."""

from __future__ import annotations

from typing import Any

_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_LINES: dict[str, Any] = {"type": ["string", "null"], "format": "multiline"}
_SECRET: dict[str, Any] = {"type": ["string", "null"], "format": "password"}
_SECONDS: dict[str, Any] = {"type": ["number", "null"], "exclusiveMinimum": 0}

# Extra field -> its label, what to fill in, and the JSON schema of that. Airflow masks those whose names say
# that they are secret: private_key, private_key_passphrase, client_secret, token.
_FIELDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "security": (
        "Security",
        "How the cluster knows who asks: none, certificate, entra or token; none if empty.",
        {"type": ["string", "null"], "enum": ["none", "certificate", "entra", "token"]},
    ),
    "ca_bundle": (
        "CA bundle",
        "PEM text or file of those who issue the server's certificate; the public CAs if empty.",
        _LINES,
    ),
    "server_thumbprints": (
        "Server thumbprints",
        "SHA-1 or SHA-256 thumbprints, any of which the server's certificate may have, instead of a CA.",
        _TEXT,
    ),
    "server_common_name": (
        "Server common name",
        "Names, one of which the server's certificate must have, instead of the name in host.",
        _TEXT,
    ),
    "verify": (
        "Verify the server",
        "true if empty; false talks to anybody who answers.",
        {"type": ["boolean", "null"], "default": True},
    ),
    "client_certificate": (
        "Client certificate",
        "PEM text or file, for security certificate and credential client_certificate.",
        _LINES,
    ),
    "private_key": (
        "Private key",
        "PEM text or file; or a PFX, file or base64, that holds the certificate, too.",
        _SECRET,
    ),
    "private_key_passphrase": ("Passphrase of the private key", "If the key or the PFX has one.", _SECRET),
    "credential": (
        "Entra credential",
        "Who asks Entra ID for tokens, for security entra.",
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
    ),
    "tenant_id": ("Entra tenant", "Its id; what the cluster says if empty.", _TEXT),
    "client_id": ("Entra client id", "The application, or the user-assigned identity, that asks.", _TEXT),
    "client_secret": ("Entra client secret", "For credential client_secret.", _SECRET),
    "authority": ("Entra authority", "The https URL of who issues tokens; Microsoft's if empty.", _TEXT),
    "cluster_application": (
        "Cluster application",
        "The id, or the URI, of the application that the cluster is for Entra ID; what it says if empty.",
        _TEXT,
    ),
    "token": ("Bearer token", "A ready-made one, for security token.", _SECRET),
    "api_version": (
        "API version",
        "Sent instead of the version that documents each call; rarely needed.",
        _TEXT,
    ),
    "connect_timeout": (
        "Connect timeout",
        "Seconds to wait for a connection to a gateway; 5 if empty.",
        _SECONDS,
    ),
    "read_timeout": (
        "Read timeout",
        "Seconds to wait for an answer, after those to connect; 30 if empty.",
        _SECONDS,
    ),
    "explorer_url": (
        "Service Fabric Explorer",
        "Its URL for a browser; the cluster's own if empty, none for no link.",
        _TEXT,
    ),
}

FIELDS = {
    name: {"label": label, "description": description, "schema": schema}
    for name, (label, description, schema) in _FIELDS.items()
}

BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["login", "password"],
    "relabeling": {"host": "Cluster", "port": "HTTP gateway port", "schema": "Scheme"},
    "placeholders": {
        "host": "mycluster.example.com, or several with commas",
        "port": "19080",
        "schema": "https if it is secured, else http",
    },
}
