"""Where a recording agrees with our guesses about upgrade domains, failures and health. No I/O."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from airflow_provider_sf.recordings.evidence import Sighting
from airflow_provider_sf.rest.json_values import objects, text
from airflow_provider_sf.rest.storage_limits import MAX_DEPTH
from airflow_provider_sf.upgrades.applications import APPLICATION
from airflow_provider_sf.upgrades.kinds import APPLICATION_HEALTH
from airflow_provider_sf.upgrades.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sf.recordings.evidence import Evidence, Look

APPLICATION_KIND, CONFIGURATION = "application", "cluster_configuration"
CLASSIC = (APPLICATION_KIND, "cluster")
ROLLING = (*CLASSIC, "compose_deployment")

_MANUAL = "UnmonitoredManual"
_IN_PROGRESS, _PENDING, _COMPLETED = "InProgress", "Pending", "Completed"
_CHECKS = {"WaitDuration", "StableDuration", "Retry"}

_SHALLOW = {"Application", "Services", "Service", "Partitions", "Partition", "Event", "Nodes", "Node"}
"""The kinds of evaluations that the simulator has."""


def preparing_state(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the state of an upgrade that is active and has no start time yet."""
    for look in evidence.looks(*CLASSIC):
        if look.record.started_at is None and look.record.outcome.active:
            yield look.sees(look.has_state("RollingForwardInProgress"))


def rollback_order(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the order of the domains in a rollback."""
    for upgrade in evidence.upgrades(*CLASSIC):
        back = [look for look in upgrade if look.record.going_back and _IN_PROGRESS in look.domain_states]
        for before, after in pairwise(back):
            earlier, later = (look.domain_states.index(_IN_PROGRESS) for look in (before, after))
            if earlier != later:
                yield after.sees(later < earlier)


def rollback_counts_unreached(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the state, at the begin of a rollback, of domains that the upgrade had not reached."""
    for before, after in evidence.steps(*CLASSIC):
        if before.record.going_back or not after.has_state("RollingBackInProgress"):
            continue
        states = zip(before.domain_states, after.domain_states, strict=False)
        unreached = [now for earlier, now in states if earlier == _PENDING]
        if unreached:
            yield after.sees(set(unreached) == {_COMPLETED})


def checked_domain_is_completed(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the state of the domains while the health of one is checked."""
    for look in evidence.looks(*CLASSIC):
        if look.record.health_check_phase in _CHECKS and not look.record.going_back:
            yield look.sees(_IN_PROGRESS not in look.domain_states)


def rollback_checks_no_health(evidence: Evidence) -> Iterator[Sighting]:
    """Look for a health check in a rollback."""
    for look in evidence.looks(*CLASSIC):
        if look.has_state("RollingBackInProgress", "RollingBackPending") and look.record.health_check_phase:
            yield look.sees(look.record.health_check_phase not in _CHECKS)


def nodes_have_one_phase(evidence: Evidence) -> Iterator[Sighting]:
    """Compare the phases of the nodes of a domain."""
    for look in evidence.looks(*ROLLING):
        current = look.record.domains.current_domain
        if current and len(current.nodes) > 1:
            yield look.sees(len({node.phase for node in current.nodes}) == 1)


def first_domain_needs_no_request(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the first time that a manual upgrade waits."""
    for upgrade in evidence.upgrades(*CLASSIC):
        waiting = [
            look
            for look in upgrade
            if look.has_state("RollingForwardPending")
            and look.record.rolling_upgrade_mode == _MANUAL
            and look.record.failed_at is None
        ]
        for look in waiting[:1]:
            yield look.sees(_COMPLETED in look.domain_states)


def manual_rollback_between_domains(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the state of a manual rollback between two domains."""
    for look in evidence.looks(*CLASSIC):
        states = set(look.domain_states)
        is_between = states == {_COMPLETED, _PENDING} and look.record.rolling_upgrade_mode == _MANUAL
        if look.record.going_back and is_between:
            is_nowhere = look.record.domains.current_domain is None
            yield look.sees(look.has_state("RollingBackInProgress") and is_nowhere)


def resumed_keeps_failure(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the failure time after a paused upgrade was resumed."""
    for before, after in evidence.steps(*ROLLING):
        was_paused = before.record.outcome is Outcome.PAUSED and before.record.failed_at is not None
        if was_paused and after.record.outcome is Outcome.IN_PROGRESS:
            yield after.sees(after.record.failed_at is not None)


def failed_keeps_domain(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the domains of a failed upgrade."""
    for look in evidence.looks(*CLASSIC):
        if look.has_state("Failed") and look.domain_states:
            yield look.sees(_IN_PROGRESS in look.domain_states)


def interrupted_is_healthy(evidence: Evidence) -> Iterator[Sighting]:
    """Look for unhealthy parts of an interrupted upgrade."""
    for look in evidence.looks(*ROLLING):
        if look.record.failure_reason == "Interrupted":
            yield look.sees(not look.record.unhealthy_evaluations)


def evaluations_stay(evidence: Evidence) -> Iterator[Sighting]:
    """Look for unhealthy evaluations after a rollback."""
    for look in evidence.looks(*ROLLING):
        if look.record.outcome is Outcome.ROLLED_BACK and look.record.failure_reason == "HealthCheck":
            yield look.sees(look.record.unhealthy_evaluations)


def health_repeats_evaluations(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the health of an application after its rollback."""
    for exchange, answer in evidence.answers(APPLICATION_HEALTH.path):
        look = evidence.look_before(exchange, APPLICATION_KIND)
        if look and look.has_state("RollingBackCompleted") and look.record.unhealthy_evaluations:
            yield Sighting(exchange.line, bool(answer.get("UnhealthyEvaluations")))


def evaluations_are_shallow(evidence: Evidence) -> Iterator[Sighting]:
    """Look for the kinds of health evaluations."""
    for look in evidence.looks(*ROLLING):
        listed = look.answer.get("UnhealthyEvaluations") or look.answer.get("ApplicationUnhealthyEvaluations")
        if kinds := set(_kinds(listed)):
            yield look.sees(kinds <= _SHALLOW)


def _kinds(listed: object, depth: int = MAX_DEPTH) -> Iterator[object]:
    """Yield the kinds of nested evaluations."""
    for item in objects(listed) if depth else []:
        evaluation = item.get("HealthEvaluation")
        if isinstance(evaluation, dict):
            yield text(evaluation.get("Kind"))
            yield from _kinds(evaluation.get("UnhealthyEvaluations"), depth - 1)


def classic_has_no_details(evidence: Evidence) -> Iterator[Sighting]:
    """Look for status details of an upgrade that goes forward."""
    for look in evidence.looks(*CLASSIC):
        if look.record.outcome is Outcome.IN_PROGRESS and "UpgradeStatusDetails" in look.answer:
            yield look.sees(not look.record.status_details)


def configuration_number_increases(evidence: Evidence) -> Iterator[Sighting]:
    """Compare the numbers of two completed configurations."""
    for track in evidence.tracks(CONFIGURATION):
        completed = [look for look in track if look.has_state("RollingForwardCompleted")]
        for before, after in pairwise(completed):
            numbers = [_number(look) for look in (before, after)]
            if before.record.config_version != after.record.config_version:
                yield after.sees(numbers[0] < numbers[1])


def _number(look: Look) -> int:
    number = look.answer.get("ProgressStatus")
    return number if isinstance(number, int) else 0


def configuration_version_goes_back(evidence: Evidence) -> Iterator[Sighting]:
    """Compare the version of a configuration after a rollback with the one before the upgrade."""
    for track in evidence.tracks(CONFIGURATION):
        version: str | None = None
        for look in track:
            if look.has_state("RollingForwardCompleted"):
                version = look.record.config_version
            if look.has_state("RollingBackCompleted") and version is not None:
                yield look.sees(look.record.config_version == version)


def application_version_at_end(evidence: Evidence) -> Iterator[Sighting]:
    """Compare the version of an application with the target of its upgrade."""
    for exchange, answer in evidence.answers(APPLICATION.path):
        look = evidence.look_before(exchange, APPLICATION_KIND)
        if look is None or look.record.started_at is None or look.record.new_version is None:
            continue
        is_new = answer.get("TypeVersion") == look.record.new_version
        if look.record.outcome in {Outcome.IN_PROGRESS, Outcome.SUCCEEDED}:
            yield Sighting(exchange.line, is_new == look.has_state("RollingForwardCompleted"))


def application_ready_at_end(evidence: Evidence) -> Iterator[Sighting]:
    """Compare the status of an application at the end of an upgrade with the one while it runs."""
    while_active: dict[str, set[object]] = {}
    for exchange, answer in evidence.answers(APPLICATION.path):
        look = evidence.look_before(exchange, APPLICATION_KIND)
        if look is None:
            continue
        statuses = while_active.setdefault(exchange.name, set())
        if look.record.outcome.active:
            statuses.add(answer.get("Status"))
        elif look.record.outcome.finished and statuses:
            yield Sighting(exchange.line, answer.get("Status") not in statuses)
