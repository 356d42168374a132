"""The answers of the progress calls at a second of a scenario. A pure function; no clock, no state."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.domains import NOWHERE, current_domain, domain_at_failure, upgrade_domains
from airflow_provider_sf.simulator.health import application_evaluations, cluster_evaluations
from airflow_provider_sf.simulator.kind_formats import DIALECTS, Dialect
from airflow_provider_sf.simulator.responses import fault_at, json_answer
from airflow_provider_sf.simulator.scenarios import SERVICES, UPGRADE_DOMAINS
from airflow_provider_sf.simulator.timeline import moment_at
from airflow_provider_sf.upgrades.kinds import get_kind

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.responses import Answer
    from airflow_provider_sf.simulator.scenarios import Scenario
    from airflow_provider_sf.simulator.timeline import Moment
    from airflow_provider_sf.upgrades.kinds import Kind

YEAR_1 = "0001-01-01T00:00:00.000Z"
"""How the gateway writes a time that is not set."""

_DOMAINS = frozenset({"upgrade_domains", "current_domain"})
"""A kind that upgrades domain by domain with health checks has one of these fields."""


def progress_answer(
    scenario: Scenario, name: str, *, kind: str, elapsed: float, started_at: float, speed: float
) -> Answer:
    """
    Return the answer of a kind's progress call ``elapsed`` seconds after the scenario's start.

    ``speed`` makes the scenario's phases shorter; times and durations in the answer are real ones.
    """
    second = elapsed * speed
    if not scenario.exists:
        return DIALECTS.get(kind, Dialect()).is_missing(name)
    return fault_at(scenario, second) or json_answer(
        progress_body(scenario, name, kind=kind, second=second, started_at=started_at, speed=speed)
    )


def progress_body(
    scenario: Scenario, name: str, *, kind: str, second: float, started_at: float, speed: float
) -> dict[str, Any]:
    """Return the body of a kind's progress: the keys of its row, with the types of the real API."""
    row = get_kind(kind)
    moment = moment_at(scenario, second, started_at=started_at, speed=speed)
    if not _DOMAINS & set(row.keys):
        moment = replace(moment, check=None)
    dialect = DIALECTS.get(kind, Dialect())
    values = _values(row, dialect, name, moment)
    body: dict[str, Any] = {}
    for key, field in [*((key, field) for field, key in row.keys.items()), *dialect.also.items()]:
        # Without an upgrade there is no description.
        if moment.upgraded or not key.startswith("UpgradeDescription."):
            _put(body, key, values[field])
    return body


def application_name(name: str) -> str:
    """Return the full name of a classic application: ``fabric:/shop/web`` for ``shop~web``."""
    return "fabric:/" + re.sub("^fabric:/", "", name, flags=re.IGNORECASE).replace("~", "/")


def type_name(name: str) -> str:
    """Return the type name of an application: ``GoodShopType`` for ``good-shop~web``."""
    first = application_name(name).split("/")[1]
    return "".join(word.capitalize() for word in re.findall(r"[^\W_]+", first)) + "Type"


def unhealthy_evaluations(name: str, moment: Moment, *, parts: str = "services") -> list[dict[str, Any]]:
    """Return UnhealthyEvaluations, if the health check is the reason of the failure."""
    if moment.failure is None or moment.failure.reason != "HealthCheck":
        return []
    if parts == "nodes":
        return cluster_evaluations(UPGRADE_DOMAINS[domain_at_failure(moment)["DomainName"]][0])
    return application_evaluations(application_name(name))


def _values(row: Kind, dialect: Dialect, name: str, moment: Moment) -> dict[str, Any]:
    """Return every field that a row can have, as the real API writes it."""
    values = {
        "name": application_name(name) if "{applicationId}" in row.progress.path else name,
        "type_name": type_name(name),
        **_versions(dialect, moment),
        **_progress(dialect, moment),
        **_times(moment),
        **_health(name, moment, row.components),
        "upgrade_domains": upgrade_domains(moment),
        "current_domain": current_domain(moment),
        "upgrade_units": [],
        "current_unit": NOWHERE,
        "failure_domain": domain_at_failure(moment),
    }
    if moment.upgraded:
        return values
    never = {field: value for field, value in row.never_upgraded.items() if value is not None}
    return {**values, "services": [], "status_details": "", **never}


def _versions(dialect: Dialect, moment: Moment) -> dict[str, Any]:
    upgrade = moment.phase.upgrade
    details = dialect.back if moment.phase.backward else dialect.forward
    return {
        "target_version": dialect.versions.get(moment.version, moment.version),
        "config_version": dialect.config_versions.get(moment.version, moment.version),
        "status_details": details.format(old=upgrade.old, new=upgrade.new),
    }


def _progress(dialect: Dialect, moment: Moment) -> dict[str, Any]:
    state = moment.phase.state
    return {
        "state": "RollingForwardPending" if moment.check else dialect.states.get(state, state),
        "percent_completed": str(_percent(moment.part)),
        "services": _services(moment.part),
        "upgrade_kind": "Rolling",
        "rolling_upgrade_mode": moment.mode,
        "replica_check_timeout_seconds": 4294967295,
    }


def _times(moment: Moment) -> dict[str, str]:
    return {
        "started_at": _timestamp(moment.started_at),
        "duration_seconds": _duration(moment.lasted),
        "failed_at": _timestamp(moment.failure.at if moment.failure else None),
    }


def _health(name: str, moment: Moment, parts: str) -> dict[str, Any]:
    return {
        "health_check_phase": moment.check.phase if moment.check else "Invalid",
        "health_check_elapsed_seconds": _duration(moment.check.lasted if moment.check else 0.0),
        "failure_reason": moment.failure.reason if moment.failure else "None",
        "unhealthy_evaluations": unhealthy_evaluations(name, moment, parts=parts),
    }


def _put(body: dict[str, Any], key: str, value: object) -> None:
    """Set a value under a key or a path of keys: ``UpgradeDescription.UpgradeKind``."""
    *objects, last = key.split(".")
    for inner in objects:
        body = body.setdefault(inner, {})
    body[last] = value


def _services(part: float) -> list[dict[str, str]]:
    """Return the completed replicas of each service: domain by domain, then service by service."""
    services = []
    for place, (name, replicas) in enumerate(SERVICES.items(), start=1):
        ends = [
            (replica % len(UPGRADE_DOMAINS) + place / len(SERVICES)) / len(UPGRADE_DOMAINS)
            for replica in range(replicas)
        ]
        done = sum(end <= part + 1e-9 for end in ends)
        services.append(
            {
                "ServiceName": name,
                "CompletedReplicaCount": str(done),
                "PendingReplicaCount": str(replicas - done),
            }
        )
    return services


def _percent(part: float) -> int:
    done = sum(int(service["CompletedReplicaCount"]) for service in _services(part))
    return 100 * done // sum(SERVICES.values())


def _timestamp(seconds: float | None) -> str:
    """Write a Unix time as the gateway does: milliseconds, always Z."""
    if seconds is None:
        return YEAR_1
    written = datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")


def _duration(seconds: float) -> str:
    """Write a duration as the gateway does: hours, minutes and seconds always, days only if any."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    return f"P{f'{days}D' if days else ''}T{hours}H{minutes}M{rest:.6g}S"
