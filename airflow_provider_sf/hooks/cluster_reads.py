"""The calls that a release reads first: nodes, health, settings, compose deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.hooks.cluster_requests import ClusterRequests
from airflow_provider_sf.rest import release_calls as calls
from airflow_provider_sf.upgrades.cluster_health import ClusterHealth
from airflow_provider_sf.upgrades.cluster_manifests import manifest_of, setting_of
from airflow_provider_sf.upgrades.compose_deployments import ComposeDeployment
from airflow_provider_sf.upgrades.nodes import Node, RepairTask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.rest.protocol import Call

_SUMMARY = {
    "NodesHealthStateFilter": "1",
    "ApplicationsHealthStateFilter": "1",
    "EventsHealthStateFilter": "1",
    "ExcludeHealthStatistics": "true",
}
"""Without the health of each node and application. The reasons of a bad health still come."""


class ClusterReads(ClusterRequests):
    """Calls that read a cluster before a release. Role User is enough."""

    def get_compose_deployment(self, name: str) -> ComposeDeployment:
        """Return a compose deployment: ``GET /ComposeDeployments/{deploymentName}``."""
        return self._read(ComposeDeployment.from_answer, calls.COMPOSE_DEPLOYMENT, name)

    async def aget_compose_deployment(self, name: str) -> ComposeDeployment:
        """Like :meth:`get_compose_deployment`, without blocking the event loop."""
        return await self._aread(ComposeDeployment.from_answer, calls.COMPOSE_DEPLOYMENT, name)

    def get_cluster_manifest(self) -> str:
        """Return the manifest of the cluster as XML: ``GET /$/GetClusterManifest``."""
        return self._read(manifest_of, calls.CLUSTER_MANIFEST)

    async def aget_cluster_manifest(self) -> str:
        """Like :meth:`get_cluster_manifest`, without blocking the event loop."""
        return await self._aread(manifest_of, calls.CLUSTER_MANIFEST)

    def list_nodes(self) -> list[Node]:
        """Return the nodes of the cluster, page by page: ``GET /Nodes``."""
        return self._list(Node.from_answer, calls.NODES)

    async def alist_nodes(self) -> list[Node]:
        """Like :meth:`list_nodes`, without blocking the event loop."""
        return await self._alist(Node.from_answer, calls.NODES)

    def get_cluster_setting(self, section: str, name: str) -> str | None:
        """
        Return a setting of the cluster from its manifest; None if the default applies.

        For example ``get_cluster_setting("Management", "ImageStoreConnectionString")``.

        :raises UnexpectedAnswer: the manifest is not XML
        """
        return setting_of(self.get_cluster_manifest(), section, name)

    async def aget_cluster_setting(self, section: str, name: str) -> str | None:
        """Like :meth:`get_cluster_setting`, without blocking the event loop."""
        return setting_of(await self.aget_cluster_manifest(), section, name)

    def get_cluster_health(self, *, policy: Mapping[str, object] | None = None) -> ClusterHealth:
        """
        Return the health of the cluster, with the reasons if it is not healthy.

        The call is ``GET /$/GetClusterHealth``, or ``POST`` with a policy.

        :param policy: ClusterHealthPolicy, such as ``{"MaxPercentUnhealthyNodes": 10}``; None is the policy
            of the cluster manifest
        """
        call, body = _health_request(policy)
        return self._read(ClusterHealth.from_answer, call, "", body, **_SUMMARY)

    async def aget_cluster_health(self, *, policy: Mapping[str, object] | None = None) -> ClusterHealth:
        """Like :meth:`get_cluster_health`, without blocking the event loop."""
        call, body = _health_request(policy)
        return await self._aread(ClusterHealth.from_answer, call, "", body, **_SUMMARY)

    def list_repair_tasks(self) -> list[RepairTask]:
        """Return the repair tasks of the cluster, the completed ones too: ``GET /$/GetRepairTaskList``."""
        return self._read_items(RepairTask.from_answer, calls.REPAIR_TASKS)

    async def alist_repair_tasks(self) -> list[RepairTask]:
        """Like :meth:`list_repair_tasks`, without blocking the event loop."""
        return await self._aread_items(RepairTask.from_answer, calls.REPAIR_TASKS)


def _health_request(policy: Mapping[str, object] | None) -> tuple[Call, object]:
    if policy is None:
        return calls.CLUSTER_HEALTH, None
    return calls.EVALUATE_CLUSTER_HEALTH, {"ClusterHealthPolicy": dict(policy)}
