"""The dry run of an upgrade. It reads, and changes nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.hooks.cluster_requests import ClusterRequests
from airflow_provider_sf.releases.plan_reads import Read, plan_reads
from airflow_provider_sf.rest import Rejected, UnexpectedAnswer

if TYPE_CHECKING:
    from collections.abc import Generator

    from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
    from airflow_provider_sf.releases.upgrade_plan import UpgradePlan


class PlanCalls(ClusterRequests):
    """The dry run of an upgrade. Role User is enough; what it may not read is a problem in the plan."""

    def plan_application_upgrade(self, upgrade: ApplicationUpgrade) -> UpgradePlan:
        """
        Return what an upgrade of a classic application would do, and what would stop it.

        It sends only requests that read: application, progress, type, manifests, nodes, health and the
        manifest of the cluster; at most 50 service manifests of each version. What the connection may not
        read, or the cluster does not support, is in ``not_read`` and ``problems``. Only the names of
        parameters are in the plan. With ``health_policy``, health is evaluated with ``POST
        /Applications/{applicationId}/$/GetHealth``, which changes nothing either.

        :raises Unreachable: a read got no usable answer; a retry may help
        :raises Rejected: the application or its progress may not be read, or does not exist
        """
        reads = plan_reads(upgrade)
        step = _advance(reads, None)
        while isinstance(step, Read):
            try:
                answer = getattr(self, step.method)(*step.arguments, **step.keywords)
            except (Rejected, UnexpectedAnswer) as error:
                answer = error
            step = _advance(reads, answer)
        return step

    async def aplan_application_upgrade(self, upgrade: ApplicationUpgrade) -> UpgradePlan:
        """Like :meth:`plan_application_upgrade`, without blocking the event loop."""
        reads = plan_reads(upgrade)
        step = _advance(reads, None)
        while isinstance(step, Read):
            try:
                answer = await getattr(self, f"a{step.method}")(*step.arguments, **step.keywords)
            except (Rejected, UnexpectedAnswer) as error:
                answer = error
            step = await asyncio.to_thread(_advance, reads, answer)  # manifests may be large
        return step


def _advance(reads: Generator[Read, Any, UpgradePlan], answer: object) -> Read | UpgradePlan:
    """Return the next read, or the plan."""
    try:
        return reads.send(answer)
    except StopIteration as end:
        plan: UpgradePlan = end.value
        return plan
