"""The hook: the calls of its bases, over a connection of Airflow. The only Airflow class of this package."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_sf.auth.settings import describe_security
from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.hooks.cluster_cache import CachedCluster, cached_cluster
from airflow_provider_sf.hooks.cluster_requests import CONN_TYPE, check_type
from airflow_provider_sf.hooks.packages import PackageCalls
from airflow_provider_sf.hooks.plans import PlanCalls
from airflow_provider_sf.hooks.releases import ReleaseCalls
from airflow_provider_sf.hooks.upgrade_reads import UpgradeReads
from airflow_provider_sf.provider_info import get_provider_info
from airflow_provider_sf.rest import ServiceFabricError
from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, runtime_version
from airflow_provider_sf.wait.defaults import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import Connection


def _api_errors() -> tuple[type[Exception], ...]:
    """Return what Airflow 3 raises if its API server fails, or refuses, to return a connection."""
    exceptions = import_module("airflow.sdk.exceptions") if find_spec("airflow.sdk") else None
    names = ("AirflowRuntimeError", "AirflowSecretsBackendAccessDenied")  # the second one from Airflow 3.3 on
    return tuple(getattr(exceptions, name) for name in names if hasattr(exceptions, name))


class ServiceFabricHook(ReleaseCalls, UpgradeReads, PackageCalls, PlanCalls, BaseHook):
    """
    Read a Service Fabric cluster through its REST API, and change it for a release.

    :param service_fabric_conn_id: the connection: ``host``, ``port`` (19080 if empty), ``schema``, and the
        extra fields of :mod:`airflow_provider_sf.auth.connection_form`
    :param api_version: replaces the documented api-version of each call; rarely needed
    :param warn: receives the warnings, for example about a certificate that expires soon; by default they are
        logged

    Every call raises ``Unreachable`` (a retry may help), ``Rejected`` (a retry does not help) or
    ``UnexpectedAnswer`` of :mod:`airflow_provider_sf.rest`. A connection that does not exist raises
    ``AirflowNotFoundException``, an invalid one ``ValueError``. Asynchronous calls, and those after an
    answer of the cluster, raise ``Unreachable`` and ``Rejected`` instead of these two.
    """

    conn_name_attr = "service_fabric_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = CONN_TYPE
    hook_name = "Azure Service Fabric"
    connection_errors: ClassVar[tuple[type[Exception], ...]] = (
        AirflowNotFoundException,
        ValueError,
        *_api_errors(),
    )

    def __init__(
        self,
        service_fabric_conn_id: str = DEFAULT_CONN_ID,
        api_version: str | None = None,
        *,
        warn: Callable[[str], object] | None = None,
    ) -> None:
        super().__init__(service_fabric_conn_id, api_version, warn=warn or self._log_warning)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the connection form for Airflow before 3.2, which spells the keys with underscores."""
        behaviour = get_provider_info()["connection-types"][0]["ui-field-behaviour"]
        return {key.replace("-", "_"): value for key, value in behaviour.items()}

    def _load_cluster(self) -> Cluster:
        """Return the cluster of the connection."""
        connection = self.get_connection(self.service_fabric_conn_id)
        try:
            check_type(connection.conn_type)
            return Cluster.at(connection.host, connection.port, _extra(connection), scheme=connection.schema)
        except ValueError as error:
            msg = f"connection {self.service_fabric_conn_id!r}: {error}"
            raise ValueError(msg) from error

    def test_connection(self) -> tuple[bool, str]:
        """Read the version of the cluster; return it and how the connection is secured, or what is wrong."""
        errors: tuple[type[Exception], ...] = (*self.connection_errors, ServiceFabricError)
        try:
            cluster, response = self._send(CLUSTER_VERSION)
            version = runtime_version(cluster.read(response))
        except errors as error:
            return False, str(error)
        security = describe_security(cluster.security, response)
        return True, f"Service Fabric {version} at {response.endpoint}; {security}"

    def cached_cluster(self) -> CachedCluster:
        """
        Return the cluster that this event loop shares for the connection, to enter with ``async with``.

        While it is entered, calls share one connection lookup and one session; the last user closes it. Else
        each call loads the connection and opens its own session.
        """
        return cached_cluster(self.service_fabric_conn_id)

    def _log_warning(self, text: str) -> None:
        self.log.warning("%s", text)


def _extra(connection: Connection) -> dict[str, Any]:
    """Return the extra fields. Airflow ignores invalid JSON, which would leave the connection unsecured."""
    extra: dict[str, Any] = connection.extra_dejson
    if not extra and (connection.extra or "").strip() not in {"", "{}", "null"}:
        msg = "extra is not a JSON object"  # it may be a secret
        raise ValueError(msg)
    return extra
