"""What an upgrade waits for: services, nodes, safety checks, a health check. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import (
    MAX_SENTENCE_LENGTH,
    format_duration,
    format_state,
    list_names,
    nodes_in_phases,
    one_line,
    safety_checks,
    services_behind,
)
from airflow_provider_sf.upgrades.failure_reasons import FailureDetails, failure_reasons

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.upgrades.applications import ApplicationHealth
    from airflow_provider_sf.upgrades.cluster_health import ClusterHealth

UNHEALTHY_PHASE = "Retry"
"""The phase in which a health check has found a problem and tries again."""

HEALTH_CHECK_PHASES = frozenset({"WaitDuration", "StableDuration", UNHEALTHY_PHASE})
"""The phases in which a monitored upgrade checks the health of what it has upgraded."""

MAX_PLACE_LENGTH = 160

_MONITORED = "Monitored"
_LONG_SECONDS = 60.0
"""How long an upgrade must be in a domain before that is worth words."""

_MAX_DETAILS_LENGTH, _MAX_REASON_LENGTH, _MAX_REASONS = 500, 400, 4


def describe_place(record: UpgradeProgress, *, with_time: bool = True) -> list[str]:
    """Return the upgrade domain of a rolling upgrade and the phase of its health check, as far as known."""
    parts = []
    if record.place and record.outcome.active:
        time = _time_in_domain(record) if with_time else ""
        parts.append(f"{one_line(record.place, MAX_PLACE_LENGTH)}{time}")
    return [*parts, *_health_check(record)]


def waiting_lines(record: UpgradeProgress) -> list[str]:
    """Say in a line each what the upgrade domain waits for: safety checks, else nodes."""
    return pending_safety_checks(record) or _nodes(record)


def problem_lines(record: UpgradeProgress) -> list[str]:
    """Return the first problem that a health check has found, or nothing."""
    if not _health_check(record):
        return []
    return [one_line(sentence, MAX_SENTENCE_LENGTH) for sentence in record.unhealthy_evaluations[:1]]


def is_long_in_domain(record: UpgradeProgress) -> bool:
    """Whether the upgrade may have been in its domain for long: each domain starts with safety checks."""
    return record.domain_duration_seconds is None or record.domain_duration_seconds >= _LONG_SECONDS


def blocker_lines(record: UpgradeProgress) -> list[str]:
    """Say in a line each what the upgrade waits for, and what Service Fabric says about it."""
    health_check = "".join(_health_check(record))
    labelled = {
        "Services behind": pending_services(record),
        "Failed units": failed_units(record),
        "Nodes in progress": _nodes_in_phases(record),
        "Safety checks": "; ".join(pending_safety_checks(record)),
        "Health check": health_check.removeprefix("health check, "),
    }
    lines = [f"{label}: {text.removesuffix('.')}." for label, text in labelled.items() if text]
    return [*lines, *reason_lines(_reasons_on_record(record)), *details_lines(record)]


def details_lines(record: UpgradeProgress) -> list[str]:
    """Quote the status details, if there are any."""
    if not record.status_details:
        return []
    return [f"Service Fabric says: {one_line(record.status_details, _MAX_DETAILS_LENGTH)}"]


def reason_lines(reasons: Iterable[str]) -> list[str]:
    """Put each reason of a failure on a line."""
    return [f"Why: {one_line(reason, _MAX_REASON_LENGTH).removesuffix('.')}." for reason in reasons]


def health_lines(health: ApplicationHealth | ClusterHealth | None) -> list[str]:
    """Say how healthy the application or the cluster is now, and why; nothing if that is not known."""
    if health is None or not health.aggregated_health_state:
        return []
    reasons = reason_lines(health.unhealthy_evaluations[:_MAX_REASONS])
    return [f"Health now: {one_line(health.aggregated_health_state)}.", *reasons]


def health_problems(record: UpgradeProgress) -> tuple[str, ...]:
    """Return the first problems that a health check has found."""
    return record.unhealthy_evaluations[: _MAX_REASONS - 1]


def pending_safety_checks(record: UpgradeProgress) -> list[str]:
    """List the safety checks that an upgrade waits for."""
    return safety_checks(
        record.domains.pending_safety_checks, dict(record.omitted).get("pending_safety_checks", 0)
    )


def pending_services(record: UpgradeProgress) -> str:
    """List the services with pending replicas, or return an empty text."""
    return services_behind([service for service in record.services if service.behind], record.more_behind)


def failed_units(record: UpgradeProgress) -> str:
    """List the upgrade units that have failed, or return an empty text."""
    return list_names(record.domains.failed, dict(record.omitted).get("upgrade_units_failed", 0))


def _reasons_on_record(record: UpgradeProgress) -> tuple[str, ...]:
    """Return the first reasons of a failure, or of a bad health check, that the record itself has."""
    return failure_reasons([FailureDetails.from_record(record)])[:_MAX_REASONS]


def _nodes(record: UpgradeProgress) -> list[str]:
    nodes = _nodes_in_phases(record)
    return [f"node{'s' if ', ' in nodes else ''} {nodes}"] if nodes else []


def _nodes_in_phases(record: UpgradeProgress) -> str:
    """List the nodes of the domain that is in progress, or return an empty text."""
    current = record.domains.current_domain
    if current is None or not record.outcome.active:
        return ""
    return nodes_in_phases(current.nodes, dict(record.omitted).get("current_nodes", 0))


def _time_in_domain(record: UpgradeProgress) -> str:
    """Return how long the upgrade has been in its domain, and the timeout of a monitored upgrade for it."""
    duration, policy = record.domain_duration_seconds, record.monitoring_policy
    if duration is None or not is_long_in_domain(record) or record.domains.under_way is None:
        return ""
    is_monitored = policy is not None and record.rolling_upgrade_mode == _MONITORED
    limit = policy.domain_timeout_seconds if policy and is_monitored else None
    return f" for {format_duration(duration)}" + (f" (timeout {format_duration(limit)})" if limit else "")


def _health_check(record: UpgradeProgress) -> list[str]:
    """Return the phase of a health check with its time and limit, or nothing."""
    phase, elapsed = record.health_check_phase, record.health_check_elapsed_seconds
    if phase not in HEALTH_CHECK_PHASES or not record.outcome.active:
        return []
    limit = record.monitoring_policy.limit_of(phase) if record.monitoring_policy else None
    time = "" if elapsed is None else f" {format_duration(elapsed)}"
    of_limit = f" of {format_duration(limit)}" if time and limit else ""
    return [f"health check, {format_state(phase)}{time}{of_limit}"]
