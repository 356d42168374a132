"""The responses of the progress calls at a second of a scenario. A pure function; no clock, no state."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.body_values import duration_text
from airflow_provider_sf.simulator.descriptions import INFINITE_SECONDS
from airflow_provider_sf.simulator.domains import (
    NOWHERE,
    current_domain,
    domain_at_failure,
    next_domain,
    upgrade_domains,
)
from airflow_provider_sf.simulator.health import application_evaluations, cluster_evaluations
from airflow_provider_sf.simulator.kind_formats import KIND_FORMATS, KindFormat
from airflow_provider_sf.simulator.responses import FAULTS, json_response
from airflow_provider_sf.simulator.scenarios import SERVICES, UPGRADE_DOMAINS
from airflow_provider_sf.simulator.timeline import snapshot_at
from airflow_provider_sf.upgrades.kinds import get_kind

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.responses import HttpResponse
    from airflow_provider_sf.simulator.scenarios import Scenario
    from airflow_provider_sf.simulator.timeline import Snapshot
    from airflow_provider_sf.upgrades.kinds import Kind

YEAR_1 = "0001-01-01T00:00:00.000Z"
"""How the gateway writes a time that is not set."""

_DOMAINS = frozenset({"upgrade_domains", "current_domain"})
"""Only a kind with one of these fields has health checks between the domains."""

UNREPORTED = "failure_classification"
"""A field that the responses do not have, as those of most runtimes."""


def progress_response(
    scenario: Scenario,
    name: str,
    *,
    kind: str,
    elapsed: float,
    started_at: float,
    speed: float,
    application_type: str = "",
) -> HttpResponse:
    """
    Return the response of a kind's progress call ``elapsed`` seconds after the scenario's start.

    ``speed`` makes the scenario's phases shorter. Times and durations in the response are in real time.
    """
    second = elapsed * speed
    if not scenario.exists:
        return not_found_response(kind, name)
    return fault_at(scenario, second) or json_response(
        progress_body(
            scenario,
            name,
            kind=kind,
            second=second,
            started_at=started_at,
            speed=speed,
            application_type=application_type,
        )
    )


def fault_at(scenario: Scenario, second: float) -> HttpResponse | None:
    """Return the response of the fault at a second of a scenario; None without a fault."""
    for fault in scenario.faults:
        if fault.from_second <= second < fault.to_second:
            return FAULTS[fault.kind]
    return None


def not_found_response(kind: str, name: str) -> HttpResponse:
    """Return the error of a kind's progress call for a name that does not exist."""
    return KIND_FORMATS.get(kind, KindFormat()).not_found_response(name)


def progress_body(
    scenario: Scenario,
    name: str,
    *,
    kind: str,
    second: float,
    started_at: float,
    speed: float,
    application_type: str = "",
) -> dict[str, Any]:
    """Return the body of a kind's progress: the keys of its row, with the types of the real API."""
    row = get_kind(kind)
    snapshot = snapshot_at(scenario, second, started_at=started_at, speed=speed)
    if not _DOMAINS & set(row.keys):
        snapshot = replace(snapshot, check=None)
    kind_format = KIND_FORMATS.get(kind, KindFormat())
    values = _values(row, kind_format, name, snapshot)
    values["type_name"] = application_type or type_name(name)
    body: dict[str, Any] = {}
    for key, field in [*((key, field) for field, key in row.keys.items()), *kind_format.extra_keys.items()]:
        # Without an upgrade the response has no description of it.
        is_description = key.startswith("UpgradeDescription.") or field == "monitoring_policy"
        if field != UNREPORTED and (snapshot.upgraded or not is_description):
            _put(body, key, values[field])
    description = snapshot.phase.upgrade.description
    if "UpgradeDescription" in body and description is not None:
        body["UpgradeDescription"] = description.to_body(values["name"], snapshot.version, snapshot.target)
    return body


def application_name(name: str) -> str:
    """Return the full name of a classic application: ``fabric:/shop/web`` for ``shop~web``."""
    return "fabric:/" + re.sub("^fabric:/", "", name, flags=re.IGNORECASE).replace("~", "/")


def type_name(name: str) -> str:
    """Return the type name of an application: ``GoodShopType`` for ``good-shop~web``."""
    first = application_name(name).split("/")[1]
    return "".join(word.capitalize() for word in re.findall(r"[^\W_]+", first)) + "Type"


def unhealthy_evaluations(
    name: str, snapshot: Snapshot, *, components: str = "services"
) -> list[dict[str, Any]]:
    """Return UnhealthyEvaluations; empty unless a health check is the reason of the failure."""
    if snapshot.failure is None or snapshot.failure.reason != "HealthCheck":
        return []
    if components == "nodes":
        return cluster_evaluations(UPGRADE_DOMAINS[domain_at_failure(snapshot)["DomainName"]][0])
    return application_evaluations(application_name(name))


def _values(row: Kind, kind_format: KindFormat, name: str, snapshot: Snapshot) -> dict[str, Any]:
    """Return a value for each field that a row can have, as the real API writes it."""
    values = {
        "name": application_name(name) if "{applicationId}" in row.progress.path else name,
        **_versions(row, kind_format, snapshot),
        **_progress(kind_format, snapshot),
        **_times(snapshot),
        **_health(name, snapshot, row.components),
        "upgrade_domains": upgrade_domains(snapshot),
        "current_domain": current_domain(snapshot),
        "upgrade_units": [],
        "current_unit": NOWHERE,
        "next_domain": next_domain(snapshot),
        "failure_domain": domain_at_failure(snapshot),
    }
    if snapshot.upgraded:
        return values
    never_upgraded = {field: value for field, value in row.never_upgraded.items() if value is not None}
    if row.is_multi_phase:
        never_upgraded["target_version"] = 0
    return {**values, "services": [], "status_details": "", **never_upgraded}


def _versions(row: Kind, kind_format: KindFormat, snapshot: Snapshot) -> dict[str, Any]:
    upgrade = snapshot.phase.upgrade
    details = kind_format.back if snapshot.phase.backward else kind_format.forward
    config = snapshot.config if row.is_multi_phase else snapshot.version
    return {
        "target_version": kind_format.versions.get(snapshot.version, snapshot.version),
        "config_version": kind_format.config_versions.get(config, config),
        "status_details": details.format(old=upgrade.old, new=upgrade.new) or snapshot.phase.details,
    }


def _progress(kind_format: KindFormat, snapshot: Snapshot) -> dict[str, Any]:
    state, description = snapshot.phase.state, snapshot.phase.upgrade.description
    monitoring, action = (
        description and description.monitoring,
        "Manual" if snapshot.phase.failure else "Rollback",
    )
    return {
        "state": "RollingForwardPending" if snapshot.check else kind_format.states.get(state, state),
        "percent_completed": str(_percent(snapshot.fraction)),
        "services": _services(snapshot.fraction),
        "upgrade_kind": "Rolling",
        "rolling_upgrade_mode": snapshot.mode,
        "monitoring_policy": monitoring.to_body() if monitoring else {"FailureAction": action},
        "replica_check_timeout_seconds": description.replica_check_timeout
        if description
        else INFINITE_SECONDS,
    }


def _times(snapshot: Snapshot) -> dict[str, str]:
    return {
        "started_at": timestamp(snapshot.started_at),
        "duration_seconds": duration_text(snapshot.duration),
        "domain_duration_seconds": duration_text(snapshot.domain_duration),
        "failed_at": timestamp(snapshot.failure.at if snapshot.failure else None),
    }


def _health(name: str, snapshot: Snapshot, components: str) -> dict[str, Any]:
    return {
        "health_check_phase": snapshot.check.phase if snapshot.check else "Invalid",
        "health_check_elapsed_seconds": duration_text(snapshot.check.duration if snapshot.check else 0.0),
        "failure_reason": snapshot.failure.reason if snapshot.failure else "None",
        "unhealthy_evaluations": unhealthy_evaluations(name, snapshot, components=components),
    }


def _put(body: dict[str, Any], key: str, value: object) -> None:
    """Set a value under a key or a path of keys: ``UpgradeDescription.UpgradeKind``."""
    *objects, last = key.split(".")
    for inner in objects:
        body = body.setdefault(inner, {})
    body[last] = value


def _services(fraction: float) -> list[dict[str, str]]:
    """Return the completed replicas of each service, in the order of the domains, then of the services."""
    services = []
    for place, (name, replicas) in enumerate(SERVICES.items(), start=1):
        ends = [
            (replica % len(UPGRADE_DOMAINS) + place / len(SERVICES)) / len(UPGRADE_DOMAINS)
            for replica in range(replicas)
        ]
        done = sum(end <= fraction + 1e-9 for end in ends)
        services.append(
            {
                "ServiceName": name,
                "CompletedReplicaCount": str(done),
                "PendingReplicaCount": str(replicas - done),
            }
        )
    return services


def _percent(fraction: float) -> int:
    done = sum(int(service["CompletedReplicaCount"]) for service in _services(fraction))
    return 100 * done // sum(SERVICES.values())


def timestamp(seconds: float | None) -> str:
    """ApiRequest a Unix time as the gateway does: milliseconds, always Z."""
    if seconds is None:
        return YEAR_1
    text = datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
