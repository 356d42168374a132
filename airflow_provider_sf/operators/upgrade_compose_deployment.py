"""The operator that starts exactly one upgrade of a compose deployment, and waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.operators.generated_version import GeneratedVersionOperator
from airflow_provider_sf.releases.compose_upgrade import ComposeUpgrade, RegistryCredential
from airflow_provider_sf.releases.policies import monitoring_policy_for
from airflow_provider_sf.wait.parameters import is_rendered_later, naming_task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import XComArg

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.releases import ApplicationHealthPolicy, MonitoringPolicy


class ServiceFabricUpgradeComposeDeploymentOperator(GeneratedVersionOperator):
    """
    Start one upgrade of a compose deployment, and wait until it has succeeded.

    See https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-startcomposedeploymentupgrade

    :param name: the compose deployment, for example ``"shop"``; templated
    :param compose_file: the content of the compose file; templated, also from a file ``*.yml`` or ``*.yaml``
    :param registry_user: the user of the image registry; templated
    :param registry_password: its password; masked; templated, for example ``"{{ conn.registry.password }}"``
    :param registry_password_encrypted: whether the password is encrypted with a certificate of the cluster
    :param mode: ``"Monitored"``, ``"UnmonitoredAuto"`` or ``"UnmonitoredManual"``
    :param monitoring_policy: the health checks and time limits of a monitored upgrade
    :param failure_action: ``"Rollback"`` or ``"Manual"``; None is the one of ``monitoring_policy``
    :param health_policy: what counts as healthy
    :param force_restart: restart the processes also if only configuration or data has changed
    :param replica_set_check_timeout: how long a domain waits for its replicas; None is without limit
    :param if_upgrading: if another upgrade is in progress: ``"fail"``, or ``"wait"`` until it has ended
    :param request_timeout: how long the cluster may validate the request; 5 minutes, at most 10

    The parameters of a wait and the errors are those of ``ServiceFabricUpgradeApplicationOperator``.
    """

    template_fields: Sequence[str] = (
        "name",
        "service_fabric_conn_id",
        "compose_file",
        "registry_user",
        "registry_password",
    )
    template_ext: Sequence[str] = (".yml", ".yaml")
    kind = "compose_deployment"

    @naming_task
    def __init__(
        self,
        *,
        name: str,
        compose_file: str | XComArg,
        registry_user: str | XComArg | None = None,
        registry_password: str | XComArg | None = None,
        registry_password_encrypted: bool = False,
        mode: str = "Monitored",
        monitoring_policy: MonitoringPolicy | None = None,
        failure_action: str | None = None,
        health_policy: ApplicationHealthPolicy | None = None,
        force_restart: bool = False,
        replica_set_check_timeout: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.compose_file = compose_file
        self.registry_user = registry_user
        self.registry_password = registry_password
        self.registry_password_encrypted = registry_password_encrypted
        self.mode = mode
        self.monitoring_policy = monitoring_policy_for(mode, monitoring_policy, failure_action)
        self.health_policy = health_policy
        self.force_restart = force_restart
        self.replica_set_check_timeout = replica_set_check_timeout
        if (registry_user is None) != (registry_password is None):
            msg = "registry_user and registry_password belong together: set both, or none of them"
            raise ValueError(msg)
        known_name = "shop" if is_rendered_later(name) else name
        self._upgrade(known_name, "a" if self._is_file_rendered_later() else str(compose_file))

    def _do_render_template_fields(self, *arguments: Any, **keywords: Any) -> None:
        """Render the templates; then mask the password, also in Airflow's own views."""
        super()._do_render_template_fields(*arguments, **keywords)  # a mapped task calls only this method
        if self.registry_password:
            from airflow_provider_sf.operators.masking import mask  # noqa: PLC0415 - keeps DAG parsing fast

            mask(str(self.registry_password))

    def send(self, hook: ServiceFabricHook) -> bool:
        """Send the request."""
        from airflow_provider_sf.operators.masking import hidden_in_errors  # noqa: PLC0415 - keeps DAG parsing fast

        upgrade = self._upgrade(self.name, str(self.compose_file))
        with hidden_in_errors([str(self.registry_password or "")]):
            hook.start_compose_upgrade(upgrade, timeout=self.request_timeout)
        return True

    def _is_file_rendered_later(self) -> bool:
        return is_rendered_later(self.compose_file) or str(self.compose_file).endswith(
            tuple(self.template_ext)
        )

    def _upgrade(self, name: str, compose_file: str) -> ComposeUpgrade:
        credential = None
        if self.registry_user is not None:
            credential = RegistryCredential(
                user_name=str(self.registry_user),
                password=str(self.registry_password),
                is_encrypted=self.registry_password_encrypted,
            )
        return ComposeUpgrade(
            name=name,
            compose_file=compose_file,
            registry_credential=credential,
            mode=self.mode,
            monitoring_policy=self.monitoring_policy,
            health_policy=self.health_policy,
            force_restart=self.force_restart,
            replica_set_check_timeout=self.replica_set_check_timeout,
        )
