"""The calls that read upgrades, applications and their health. No Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.hooks.cluster_reads import ClusterReads
from airflow_provider_sf.hooks.reading import aread_progress, read_answer, read_progress
from airflow_provider_sf.rest import Rejected, ServiceFabricError
from airflow_provider_sf.rest.errors import with_advice
from airflow_provider_sf.rest.plain_text import plain_line
from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, OK, UNKNOWN_CALL, runtime_version
from airflow_provider_sf.rest.release_calls import EVALUATE_APPLICATION_HEALTH
from airflow_provider_sf.upgrades.applications import (
    APPLICATION,
    APPLICATIONS,
    Application,
    ApplicationHealth,
)
from airflow_provider_sf.upgrades.failure_reasons import FailureDetails
from airflow_provider_sf.upgrades.kinds import (
    APPLICATION_HEALTH,
    DEFAULT_KIND,
    get_kind,
    unsupported_call_advice,
)

if TYPE_CHECKING:
    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.releases import ApplicationHealthPolicy
    from airflow_provider_sf.rest.protocol import Call, Response
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.upgrades.cluster_health import ClusterHealth


class UpgradeReads(ClusterReads):
    """Calls that read upgrades and what they change. Role User is enough."""

    def get_upgrade_progress(self, name: str | None = "", *, kind: str = DEFAULT_KIND) -> UpgradeProgress:
        """
        Return the progress of the latest upgrade, from the progress call of the kind.

        The call of the default kind is ``GET /Resources/Applications/{name}/$/GetUpgradeProgress``.

        :param name: the application resource, the application (``fabric:/shop/web``, ``shop/web`` or
            ``shop~web``) or the compose deployment; empty for the kinds of the cluster itself
        :param kind: a name of :data:`airflow_provider_sf.upgrades.kinds.KINDS`
        :raises ValueError: the kind does not exist, or the name is invalid; nothing was sent
        """
        try:
            return read_progress(kind, name or "", *self._send(get_kind(kind).progress, name))
        except Rejected as error:
            if error.code != UNKNOWN_CALL:
                raise
            raise with_advice(error, unsupported_call_advice(kind, self._version())) from error

    async def aget_upgrade_progress(
        self, name: str | None = "", *, kind: str = DEFAULT_KIND
    ) -> UpgradeProgress:
        """Like :meth:`get_upgrade_progress`, without blocking the event loop."""
        return await aread_progress(kind, name or "", *await self.aget_progress_response(name, kind=kind))

    async def aget_progress_response(self, name: str | None, *, kind: str) -> tuple[Cluster, Response]:
        """Return the response to a kind's progress call, and the cluster that reads it."""
        cluster, response = await self._asend(get_kind(kind).progress, name)
        if response.status != OK:
            try:
                read_answer(kind, cluster, response)
            except Rejected as error:
                if error.code != UNKNOWN_CALL:
                    raise
                raise with_advice(error, unsupported_call_advice(kind, await self._aversion())) from error
        return cluster, response

    def get_cluster_version(self) -> str:
        """Return the version of the runtime, such as ``10.1.2338.9590``: ``GET /$/GetClusterVersion``."""
        return self._read(runtime_version, CLUSTER_VERSION)

    async def aget_cluster_version(self) -> str:
        """Like :meth:`get_cluster_version`, without blocking the event loop."""
        return await self._aread(runtime_version, CLUSTER_VERSION)

    def get_application(self, name: str) -> Application:
        """
        Return a classic application: ``GET /Applications/{applicationId}``.

        :raises ValueError: the name is invalid; nothing was sent
        """
        return self._read(Application.from_answer, APPLICATION, name)

    async def aget_application(self, name: str) -> Application:
        """Like :meth:`get_application`, without blocking the event loop."""
        return await self._aread(Application.from_answer, APPLICATION, name)

    def get_application_health(
        self, name: str, *, policy: ApplicationHealthPolicy | None = None
    ) -> ApplicationHealth:
        """
        Return the health of a classic application, with the reasons if it is not healthy.

        The call is ``GET /Applications/{applicationId}/$/GetHealth``, or ``POST`` with a policy.

        :param policy: what counts as healthy; None is the policy of the application manifest
        :raises ValueError: the name is invalid; nothing was sent
        """
        return self._read(ApplicationHealth.from_answer, *_health_request(name, policy))

    async def aget_application_health(
        self, name: str, *, policy: ApplicationHealthPolicy | None = None
    ) -> ApplicationHealth:
        """Like :meth:`get_application_health`, without blocking the event loop."""
        return await self._aread(ApplicationHealth.from_answer, *_health_request(name, policy))

    def get_health(self, name: str, *, kind: str) -> ApplicationHealth | ClusterHealth:
        """Return the health of what an upgrade of this kind changes: the application or the cluster."""
        if get_kind(kind).takes_name:
            return self.get_application_health(name)
        return self.get_cluster_health()

    async def aget_health(self, name: str, *, kind: str) -> ApplicationHealth | ClusterHealth:
        """Like :meth:`get_health`, without blocking the event loop."""
        if get_kind(kind).takes_name:
            return await self.aget_application_health(name)
        return await self.aget_cluster_health()

    def list_applications(self) -> list[Application]:
        """Return all classic applications, page by page: ``GET /Applications``."""
        return self._list(Application.from_answer, APPLICATIONS)

    async def alist_applications(self) -> list[Application]:
        """Like :meth:`list_applications`, without blocking the event loop."""
        return await self._alist(Application.from_answer, APPLICATIONS)

    def get_failure_details(self, name: str, *, kind: str) -> tuple[list[FailureDetails], list[str]]:
        """
        Read more details of a failed upgrade, and return them with a warning for each call that failed.

        The kind names the calls. Each is sent once. A failed call is never an error here, since the result of
        the upgrade is known already.
        """
        details, warnings = [], []
        for call in get_kind(kind).failure_calls:
            try:
                details.append(self._read(FailureDetails.from_answer, call, name))
            except Exception as error:  # noqa: BLE001, PERF203 - a secrets backend may raise anything
                warnings.append(f"{call.path} could not be read: {plain_line(str(error))}")
        return details, warnings

    def _version(self) -> str | None:
        """Return the version of the cluster's runtime; None if it cannot be read."""
        try:
            return self.get_cluster_version()
        except ServiceFabricError:
            return None

    async def _aversion(self) -> str | None:
        try:
            return await self.aget_cluster_version()
        except ServiceFabricError:
            return None


def _health_request(name: str, policy: ApplicationHealthPolicy | None) -> tuple[Call, str, object]:
    if policy is None:
        return APPLICATION_HEALTH, name, None
    return EVALUATE_APPLICATION_HEALTH, name, policy.body()
