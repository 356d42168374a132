"""The calls with which a release changes a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.hooks.cluster_requests import CHANGE_TIMEOUT, ClusterRequests
from airflow_provider_sf.rest import release_calls as calls
from airflow_provider_sf.rest.plain_text import shorten_repr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
    from airflow_provider_sf.releases.compose_upgrade import ComposeUpgrade
    from airflow_provider_sf.releases.new_application import NewApplication
    from airflow_provider_sf.releases.upgrade_update import UpgradeUpdate

UNCHANGED = 201
"""The HTTP status for an application resource that has this description already."""


class ReleaseCalls(ClusterRequests):
    """
    Calls that drive a release. The connection needs the role Admin for those that change something.

    A change is sent once. If its answer is lost or says nothing, ``ResultUnknown`` is raised: it may have
    been made. ``timeout`` is how many seconds the cluster may take for it, at most 600.
    """

    def start_application_upgrade(
        self, upgrade: ApplicationUpgrade, *, timeout: float = CHANGE_TIMEOUT
    ) -> None:
        """
        Start an upgrade of a classic application: ``POST /Applications/{applicationId}/$/Upgrade``.

        Read the progress first. Service Fabric rolls back a running upgrade if another one is started, and a
        repeated request that differs from the first one counts as another one. ``parameters`` replace all
        present ones.
        """
        self._change(calls.START_APPLICATION_UPGRADE, upgrade.name, upgrade.body(), timeout=timeout)

    async def astart_application_upgrade(
        self, upgrade: ApplicationUpgrade, *, timeout: float = CHANGE_TIMEOUT
    ) -> None:
        """Like :meth:`start_application_upgrade`, without blocking the event loop."""
        await self._achange(calls.START_APPLICATION_UPGRADE, upgrade.name, upgrade.body(), timeout=timeout)

    def update_application_upgrade(self, update: UpgradeUpdate, *, timeout: float = CHANGE_TIMEOUT) -> None:
        """Change settings of a running upgrade: ``POST /Applications/{applicationId}/$/UpdateUpgrade``."""
        self._change(calls.UPDATE_APPLICATION_UPGRADE, update.name, update.body(), timeout=timeout)

    async def aupdate_application_upgrade(
        self, update: UpgradeUpdate, *, timeout: float = CHANGE_TIMEOUT
    ) -> None:
        """Like :meth:`update_application_upgrade`, without blocking the event loop."""
        await self._achange(calls.UPDATE_APPLICATION_UPGRADE, update.name, update.body(), timeout=timeout)

    def resume_application_upgrade(
        self, name: str, upgrade_domain: str, *, timeout: float = CHANGE_TIMEOUT
    ) -> None:
        """
        Start the next upgrade domain of an upgrade that waits for a person.

        The call is ``POST /Applications/{applicationId}/$/MoveToNextUpgradeDomain``. The domain must be the
        next one, so a repeated request does not start another one.
        """
        body = {"UpgradeDomainName": upgrade_domain}
        self._change(calls.RESUME_APPLICATION_UPGRADE, name, body, timeout=timeout)

    async def aresume_application_upgrade(
        self, name: str, upgrade_domain: str, *, timeout: float = CHANGE_TIMEOUT
    ) -> None:
        """Like :meth:`resume_application_upgrade`, without blocking the event loop."""
        body = {"UpgradeDomainName": upgrade_domain}
        await self._achange(calls.RESUME_APPLICATION_UPGRADE, name, body, timeout=timeout)

    def rollback_application_upgrade(self, name: str, *, timeout: float = CHANGE_TIMEOUT) -> None:
        """
        Roll back a running upgrade: ``POST /Applications/{applicationId}/$/RollbackUpgrade``.

        Service Fabric accepts it again while the upgrade rolls back.
        """
        self._change(calls.ROLLBACK_APPLICATION_UPGRADE, name, timeout=timeout)

    async def arollback_application_upgrade(self, name: str, *, timeout: float = CHANGE_TIMEOUT) -> None:
        """Like :meth:`rollback_application_upgrade`, without blocking the event loop."""
        await self._achange(calls.ROLLBACK_APPLICATION_UPGRADE, name, timeout=timeout)

    def create_application(self, application: NewApplication, *, timeout: float = CHANGE_TIMEOUT) -> None:
        """Create a classic application: ``POST /Applications/$/Create``."""
        self._change(calls.CREATE_APPLICATION, "", application.body(), timeout=timeout)

    async def acreate_application(
        self, application: NewApplication, *, timeout: float = CHANGE_TIMEOUT
    ) -> None:
        """Like :meth:`create_application`, without blocking the event loop."""
        await self._achange(calls.CREATE_APPLICATION, "", application.body(), timeout=timeout)

    def start_compose_upgrade(self, upgrade: ComposeUpgrade, *, timeout: float = CHANGE_TIMEOUT) -> None:
        """
        Start an upgrade of a compose deployment.

        The call is ``POST /ComposeDeployments/{deploymentName}/$/Upgrade``.
        """
        self._change(calls.START_COMPOSE_UPGRADE, upgrade.name, upgrade.body(), timeout=timeout)

    async def astart_compose_upgrade(
        self, upgrade: ComposeUpgrade, *, timeout: float = CHANGE_TIMEOUT
    ) -> None:
        """Like :meth:`start_compose_upgrade`, without blocking the event loop."""
        await self._achange(calls.START_COMPOSE_UPGRADE, upgrade.name, upgrade.body(), timeout=timeout)

    def rollback_compose_upgrade(self, name: str, *, timeout: float = CHANGE_TIMEOUT) -> None:
        """
        Roll back a running upgrade of a compose deployment.

        The call is ``POST /ComposeDeployments/{deploymentName}/$/RollbackUpgrade``.
        """
        self._change(calls.ROLLBACK_COMPOSE_UPGRADE, name, timeout=timeout)

    async def arollback_compose_upgrade(self, name: str, *, timeout: float = CHANGE_TIMEOUT) -> None:
        """Like :meth:`rollback_compose_upgrade`, without blocking the event loop."""
        await self._achange(calls.ROLLBACK_COMPOSE_UPGRADE, name, timeout=timeout)

    def apply_application_resource(
        self, name: str, description: Mapping[str, object], *, timeout: float = CHANGE_TIMEOUT
    ) -> bool:
        """
        Create or upgrade an application resource: ``PUT /Resources/Applications/{applicationResourceName}``.

        The description is the whole wanted state, so the request may be repeated. A cluster that is busy
        with another description answers with HTTP 503, which is ``ResultUnknown``.

        Return whether the cluster deploys it now; False if the resource is so already.

        :param description: ApplicationResourceDescription
        :raises ValueError: the description is for another name
        """
        body = _described(name, description)
        return self._change(calls.APPLY_APPLICATION_RESOURCE, name, body, timeout=timeout) != UNCHANGED

    async def aapply_application_resource(
        self, name: str, description: Mapping[str, object], *, timeout: float = CHANGE_TIMEOUT
    ) -> bool:
        """Like :meth:`apply_application_resource`, without blocking the event loop."""
        body = _described(name, description)
        return await self._achange(calls.APPLY_APPLICATION_RESOURCE, name, body, timeout=timeout) != UNCHANGED


def _described(name: str, description: Mapping[str, object]) -> dict[str, object]:
    """Return the description as a body. The cluster would refuse another name without an explanation."""
    if description.get("name") != name:
        msg = f"name must be {shorten_repr(description.get('name'))}, as in the description, not {name!r}"
        raise ValueError(msg)
    return dict(description)
