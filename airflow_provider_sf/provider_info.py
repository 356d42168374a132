"""The description of this provider for Airflow: classes, connection type, connection form, guides."""

from __future__ import annotations

from typing import Any

_INTEGRATION = "Azure Service Fabric"
_PACKAGE = "airflow_provider_sf"
_REPOSITORY = "https://github.com/airflow-provider-sf/airflow-provider-sf"
_GUIDES = (
    "wait_in_pipelines",
    "release",
    "decide_between_domains",
    "notify",
    "react_to_upgrades",
    "secured_clusters",
    "troubleshoot",
)
_ASSET_URIS = {"schemes": ["servicefabric"], "handler": f"{_PACKAGE}.assets.service_fabric.sanitize_uri"}


def get_provider_info() -> dict[str, Any]:
    """Return the description of this provider. Airflow finds this function by its entry point."""
    from airflow_provider_sf.auth.connection_form import BEHAVIOUR, FIELDS  # noqa: PLC0415 - only for Airflow

    return {
        "package-name": "airflow-provider-sf",
        "name": _INTEGRATION,
        "description": "Start Azure Service Fabric upgrades exactly once; wait without a worker slot.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://learn.microsoft.com/azure/service-fabric/",
                "how-to-guide": [f"/docs/how-to/{page}.md" for page in _GUIDES],
                "logo": f"{_REPOSITORY}/raw/main/docs/_static/logo.svg",
                "tags": ["azure"],
            }
        ],
        "hooks": [_modules("hooks")],
        "sensors": [_modules("sensors")],
        "operators": [_modules("operators")],
        "cli": [f"{_PACKAGE}.commands.airflow_cli.get_commands"],
        "triggers": [_modules("triggers"), _modules("triggers", "upgrade_end")],
        "asset-uris": [_ASSET_URIS],
        "dataset-uris": [_ASSET_URIS],  # the name in Airflow 2
        "notifications": [f"{_PACKAGE}.notifications.service_fabric.ServiceFabricNotifier"],
        "extra-links": [
            f"{_PACKAGE}.links.service_fabric.ServiceFabricExplorerLink",
            f"{_PACKAGE}.links.upgrade_page.ServiceFabricUpgradePageLink",
        ],
        "config": {
            "service_fabric": {
                "description": "The pages of upgrades in Airflow's UI, from Airflow 3.1 on.",
                "options": {
                    "run_tab": _tab("Show the tab Upgrades on every run, of every DAG."),
                    "task_tab": _tab("Show the tab Upgrade on every task, of every DAG."),
                },
            }
        },
        "connection-types": [
            {
                "connection-type": "service_fabric",
                "hook-class-name": "airflow_provider_sf.hooks.service_fabric.ServiceFabricHook",
                "hook-name": _INTEGRATION,
                "ui-field-behaviour": BEHAVIOUR,
                "conn-fields": FIELDS,
            }
        ],
    }


def _tab(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": "boolean",
        "example": None,
        "default": "False",
    }


def _modules(package: str, module: str = "service_fabric") -> dict[str, Any]:
    return {"integration-name": _INTEGRATION, "python-modules": [f"{_PACKAGE}.{package}.{module}"]}
