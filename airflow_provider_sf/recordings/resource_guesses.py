"""Where a recording agrees with our guesses about application resources and deployments. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.recordings.evidence import Sighting
from airflow_provider_sf.rest.json_values import text
from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, OK, UNKNOWN_CALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sf.recordings.evidence import Evidence, Look

RESOURCE, COMPOSE = "application_resource", "compose_deployment"

UPGRADING, ROLLING_BACK = "Deployment upgrading from version: ", "Deployment rolling back from version: "

_RESOURCE_NOT_FOUND = "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND"
_COMPOSE_NOT_FOUND = "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND"
_NOT_FOUND = 404
_SERVER_ERROR = 500

_NO_UPGRADE_CODES = {"FABRIC_E_APPLICATION_NOT_UPGRADING", "FABRIC_E_NOT_READY"}
_FIRST_RUNTIME = 10
_ALL = 100.0

_BACK = ("RollingBack", "UnprovisioningTarget", "CompletedRollback")
_FINISHED_FORWARD = ("UnprovisioningCurrent", "CompletedRollforward")


def never_upgraded(evidence: Evidence) -> Iterator[Sighting]:
    """Look for a resource without an upgrade."""
    for look in evidence.looks(RESOURCE):
        if look.record.started_at is None and not look.has_state("ProvisioningTarget"):
            is_as_guessed = (
                look.has_state("CompletedRollforward") and look.record.rolling_upgrade_mode == "Invalid"
            )
            yield look.sees(is_as_guessed)
    for exchange in evidence.progress_of(RESOURCE):
        if exchange.code in _NO_UPGRADE_CODES:
            yield Sighting(exchange.line, agrees=False)


def not_found(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the answer about a resource that does not exist."""
    for exchange in evidence.progress_of(RESOURCE):
        if exchange.code == _RESOURCE_NOT_FOUND:
            yield Sighting(exchange.line, exchange.status == _SERVER_ERROR)


def rollback_percent(evidence: Evidence) -> Iterator[Sighting]:
    """Look for percent during and after a rollback."""
    for before, after in evidence.steps(RESOURCE):
        earlier, later = before.record.percent_completed, after.record.percent_completed
        if earlier is None or later is None:
            continue
        if before.has_state("RollingBack") and after.has_state("RollingBack") and earlier != later:
            yield after.sees(earlier < later)
        if after.has_state("CompletedRollback"):
            yield after.sees(later == _ALL)


def rollback_mode(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the mode of a rollback that began in the mode Monitored."""
    for upgrade in evidence.upgrades(RESOURCE):
        was_monitored = False
        for look in upgrade:
            if look.has_state(*_BACK) and was_monitored:
                yield look.sees(look.record.rolling_upgrade_mode == "UnmonitoredAuto")
            elif look.record.rolling_upgrade_mode == "Monitored":
                was_monitored = True


def start_while_provisioning(kind: str, evidence: Evidence) -> Iterator[Sighting]:
    """Look for the start time of an upgrade that provisions its target version."""
    for look in evidence.looks(kind):
        if look.has_state("ProvisioningTarget"):
            yield look.sees(look.record.started_at is None)


def paused_state(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the state of a resource that a failure has paused."""
    for look in _manual(evidence):
        if look.record.failed_at is not None and not look.has_state(*_BACK, *_FINISHED_FORWARD):
            yield look.sees(look.has_state("RollingForward"))


def waits_for_domain(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the state of a resource between two domains, or for an upgrade that never had it."""
    for upgrade in evidence.upgrades(RESOURCE):
        waiting = rolling = False
        for look in upgrade:
            if look.record.rolling_upgrade_mode != "UnmonitoredManual" or look.record.failed_at:
                continue
            if look.has_state("RollingForwardPending"):
                waiting = True
                yield look.sees(agrees=True)
            if look.has_state("RollingForward") and 0.0 < (look.record.percent_completed or 0.0) < _ALL:
                rolling = True
            if look.has_state("CompletedRollforward") and rolling and not waiting:
                yield look.sees(agrees=False)


def _manual(evidence: Evidence) -> Iterator[Look]:
    return (
        look for look in evidence.looks(RESOURCE) if look.record.rolling_upgrade_mode == "UnmonitoredManual"
    )


def resource_call_is_enabled(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the answers of a cluster of version 10 or later to the call for resources."""
    versions = [text(answer.get("Version")) or "" for _, answer in evidence.answers(CLUSTER_VERSION.path)]
    majors = [version.partition(".")[0] for version in versions]
    if not any(major.isdecimal() and int(major) >= _FIRST_RUNTIME for major in majors):
        return
    for exchange in evidence.progress_of(RESOURCE):
        if exchange.status == OK or exchange.code in {_RESOURCE_NOT_FOUND, UNKNOWN_CALL}:
            yield Sighting(exchange.line, exchange.code != UNKNOWN_CALL)


def details_name_versions(kind: str, words: str, state: str, evidence: Evidence) -> Iterator[Sighting]:
    """Look for status details in a state. A recording keeps the expected words, and no others."""
    for look in evidence.looks(kind):
        if look.has_state(state):
            yield look.sees((look.record.status_details or "").startswith(words))


def compose_not_found(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the answer about a deployment that does not exist."""
    for exchange in evidence.progress_of(COMPOSE):
        is_missing = exchange.code == _COMPOSE_NOT_FOUND
        if is_missing or exchange.status == _NOT_FOUND:
            yield Sighting(exchange.line, is_missing and exchange.status == _NOT_FOUND)


def compose_never_upgraded(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the members of the answer about a deployment that was never upgraded."""
    for look in evidence.looks(COMPOSE):
        if look.record.upgrade_kind == "Invalid":
            yield look.sees(
                {"RollingUpgradeMode", "UpgradeReplicaSetCheckTimeoutInSeconds"} <= set(look.answer)
            )


def compose_failure_reason(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the failure reason in the answers about upgrades of deployments."""
    for look in evidence.looks(COMPOSE):
        if look.record.upgrade_kind == "Rolling":
            yield look.sees("FailureReason" in look.answer)


def compose_new_version(evidence: Evidence) -> Iterator[Sighting]:
    """Compare the versions of the upgrades of a deployment."""
    for track in evidence.tracks(COMPOSE):
        starts: dict[str, object] = {}
        for look in track:
            version, start = look.record.new_version, look.record.started_at
            if version is None or start is None:
                continue
            if starts and start not in starts.values():
                yield look.sees(version not in starts)
            starts.setdefault(version, start)
