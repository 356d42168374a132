"""Airflow provider for Azure Service Fabric. Here: the version, and what Airflow asks about it."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_INTEGRATION = "Azure Service Fabric"


def get_provider_info() -> dict[str, Any]:
    """Describe the package to Airflow, which finds this function by its entry point."""
    return {
        "package-name": "airflow-provider-sf",
        "name": _INTEGRATION,
        "description": "Wait for Azure Service Fabric upgrades, deferred, and know how they ended.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://learn.microsoft.com/azure/service-fabric/",
                "tags": ["azure"],
            }
        ],
        "hooks": [_modules("hooks")],
        "sensors": [_modules("sensors")],
        "operators": [_modules("operators")],
        "triggers": [_modules("triggers")],
        "extra-links": [f"{__name__}.links.service_fabric.ServiceFabricExplorerLink"],
        "connection-types": [
            {
                "connection-type": "service_fabric",
                "hook-class-name": "airflow_provider_sf.hooks.service_fabric.ServiceFabricHook",
                "hook-name": _INTEGRATION,
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "login", "password"],
                    "relabeling": {"host": "Cluster", "port": "HTTP gateway port"},
                    "placeholders": {"host": "mycluster.example.com", "port": "19080"},
                },
                "conn-fields": {
                    "connect_timeout": {
                        "label": "Connect timeout",
                        "description": "Seconds to wait for a connection to the cluster; 5 if empty.",
                        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0},
                    },
                    "read_timeout": {
                        "label": "Read timeout",
                        "description": "Seconds to wait for the cluster's answer; 30 if empty.",
                        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0},
                    },
                    "explorer_url": {
                        "label": "Service Fabric Explorer",
                        "description": "Its URL for a browser; the cluster's own if empty, none for no link.",
                        "schema": {"type": ["string", "null"]},
                    },
                },
            }
        ],
    }


def _modules(package: str) -> dict[str, Any]:
    return {"integration-name": _INTEGRATION, "python-modules": [f"{__name__}.{package}.service_fabric"]}
