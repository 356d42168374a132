"""
Our guesses that a recording can decide, as a table: id, section of the documentation, text, evidence. No I/O.

``docs/explanation/unconfirmed.md`` shows the table.
"""

from __future__ import annotations

from functools import partial

from airflow_provider_sf.recordings import resource_guesses as resource
from airflow_provider_sf.recordings import rolling_guesses as rolling
from airflow_provider_sf.recordings.evidence import Guess
from airflow_provider_sf.recordings.resource_guesses import COMPOSE, RESOURCE, ROLLING_BACK, UPGRADING

RECORDABLE = (
    Guess(
        "manual-rollback-between-domains",
        "upgrades",
        "Between the domains of a manual rollback the state is `RollingBackInProgress`, without a current "
        "domain.",
        rolling.manual_rollback_between_domains,
    ),
    Guess(
        "resumed-keeps-failure",
        "upgrades",
        "A paused upgrade keeps its failure on record when it is resumed, until it ends.",
        rolling.resumed_keeps_failure,
    ),
    Guess(
        "compose-new-version",
        "targets",
        "Compose deployments: each start has a new version.",
        resource.compose_new_version,
    ),
    Guess(
        "resource-never-upgraded",
        "resources",
        "A never upgraded resource is `CompletedRollforward` with the mode `Invalid` and no start time, as"
        " classic applications are.",
        resource.never_upgraded,
    ),
    Guess(
        "resource-not-found",
        "resources",
        "`FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND` has the status 500 if one is missing.",
        resource.not_found,
    ),
    Guess(
        "resource-rollback-percent",
        "resources",
        "Percent and replica counts of a rollback start from the replicas with the old version and end at "
        "100.",
        resource.rollback_percent,
    ),
    Guess(
        "resource-rollback-details",
        "resources",
        "The status details of a rollback are `Deployment rolling back from version: v1 to version: v0.`",
        partial(resource.details_name_versions, RESOURCE, ROLLING_BACK, "RollingBack"),
    ),
    Guess(
        "resource-rollback-mode",
        "resources",
        "The mode becomes `UnmonitoredAuto` when an upgrade rolls back, as it does for classic applications.",
        resource.rollback_mode,
    ),
    Guess(
        "resource-start-while-provisioning",
        "resources",
        "The start time is unset while the target version is provisioned.",
        partial(resource.start_while_provisioning, RESOURCE),
    ),
    Guess(
        "resource-waits-for-domain",
        "resources",
        "In manual mode a resource waits in the state `RollingForwardPending`, as a classic application "
        "does, although its kind has no such state.",
        resource.waits_for_domain,
    ),
    Guess(
        "resource-paused-state",
        "resources",
        "A paused resource differs from one in progress in its mode and failure time only.",
        resource.paused_state,
    ),
    Guess(
        "resource-call-enabled",
        "resources",
        "`/Resources/Applications` is enabled on every 10.x and 11.x cluster.",
        resource.resource_call_is_enabled,
    ),
    Guess(
        "preparing-state",
        "phases",
        "Classic applications and clusters have no word for provisioning and cleaning up, so both are "
        "`RollingForwardInProgress` or `RollingBackInProgress`.",
        rolling.preparing_state,
    ),
    Guess(
        "compose-start-while-provisioning",
        "phases",
        "The start time of a deployment is unset while its target version is provisioned: for 30 seconds, "
        "on a real cluster for a moment.",
        partial(resource.start_while_provisioning, COMPOSE),
    ),
    Guess(
        "rollback-order", "phases", "A rollback goes through the domains backwards.", rolling.rollback_order
    ),
    Guess(
        "rollback-counts-unreached",
        "phases",
        "A rollback counts those domains as completed that the upgrade had not reached.",
        rolling.rollback_counts_unreached,
    ),
    Guess(
        "checked-domain-is-completed",
        "phases",
        "A domain counts as completed while its health is checked.",
        rolling.checked_domain_is_completed,
    ),
    Guess(
        "rollback-checks-no-health",
        "phases",
        "A rollback has no health checks.",
        rolling.rollback_checks_no_health,
    ),
    Guess(
        "nodes-have-one-phase",
        "phases",
        "All nodes of a domain are always in the same phase. In the simulator one of them waits, for one "
        "partition.",
        rolling.nodes_have_one_phase,
    ),
    Guess(
        "failed-keeps-domain",
        "failures",
        "A failed upgrade keeps its domain in progress, and its nodes after their upgrade.",
        rolling.failed_keeps_domain,
    ),
    Guess(
        "interrupted-is-healthy",
        "failures",
        "After a command or a newer start the reason is `Interrupted`, and no part is unhealthy.",
        rolling.interrupted_is_healthy,
    ),
    Guess(
        "evaluations-stay",
        "failures",
        "Unhealthy evaluations stay on record after the rollback.",
        rolling.evaluations_stay,
    ),
    Guess(
        "health-repeats-evaluations",
        "failures",
        "After the rollback the health of the application repeats the unhealthy evaluations.",
        rolling.health_repeats_evaluations,
    ),
    Guess(
        "evaluations-are-shallow",
        "failures",
        "Unhealthy evaluations end at partitions and nodes. Real ones contain replicas, deployed packages "
        "and more.",
        rolling.evaluations_are_shallow,
    ),
    Guess(
        "compose-forward-details",
        "failures",
        "Status details of deployments name the old and the new version, as the published example of an "
        "application resource does.",
        partial(
            resource.details_name_versions,
            COMPOSE,
            UPGRADING,
            "RollingForwardInProgress",
        ),
    ),
    Guess(
        "compose-rollback-details",
        "failures",
        "So do those of a deployment that rolls back.",
        partial(
            resource.details_name_versions,
            COMPOSE,
            ROLLING_BACK,
            "RollingBackInProgress",
        ),
    ),
    Guess(
        "classic-has-no-details",
        "failures",
        "Classic applications and clusters have no status details, except a rollback that another upgrade "
        "follows.",
        rolling.classic_has_no_details,
    ),
    Guess(
        "compose-never-upgraded",
        "fields",
        "A compose deployment sends mode and replica check timeout also if it was never upgraded.",
        resource.compose_never_upgraded,
    ),
    Guess(
        "compose-failure-reason",
        "fields",
        "A compose deployment sends `FailureReason`: the specification has it, the runtime's source does "
        "not.",
        resource.compose_failure_reason,
    ),
    Guess(
        "compose-not-found",
        "fields",
        "A missing compose deployment is `FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND`, 404. The runtime's "
        "source maps the code to it, but the answer of this call is not confirmed.",
        resource.compose_not_found,
    ),
    Guess(
        "configuration-number-increases",
        "fields",
        "`ProgressStatus` increases with the manifest.",
        rolling.configuration_number_increases,
    ),
    Guess(
        "configuration-version-goes-back",
        "fields",
        "`ConfigVersion` goes back with a rollback.",
        rolling.configuration_version_goes_back,
    ),
    Guess(
        "application-version-at-end",
        "fields",
        "An application has its new `TypeVersion` only when the upgrade is completed.",
        rolling.application_version_at_end,
    ),
    Guess(
        "application-ready-at-end",
        "fields",
        "An application is `Ready` again only when the upgrade has ended, also as `Failed`.",
        rolling.application_ready_at_end,
    ),
    Guess(
        "first-domain-needs-no-request",
        "rules",
        "Service Fabric upgrades the first domain without a request.",
        rolling.first_domain_needs_no_request,
    ),
)
