"""
Sensors and operators with a typical mistake each. The end-to-end tests must find it.

They replace a part of the provider in the process of one task or of one trigger, never in the process that parses.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.operators.upgrade_application import ServiceFabricUpgradeApplicationOperator
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger
    from typing_extensions import Never


class BlindSensor(ServiceFabricUpgradeSensor):
    """Succeed if the trigger has fired, whatever its event contains."""

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        return dict((event or {})["record"])


class ForgetfulSensor(ServiceFabricUpgradeSensor):
    """Know nothing of the tries before this one."""

    def pre_execute(self, context: Context) -> None:
        super().pre_execute(context)
        context["task_state_store"].delete("expected_upgrade")


class RestartedTrigger(ServiceFabricUpgradeTrigger):
    """Begin again in each triggerer, with nothing of what an earlier one has found."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.live_progress = datetime.now(timezone.utc).isoformat() < self.first_poll_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__name__}", super().serialize()[1]


class RelativeTrigger(RestartedTrigger):
    """Count the timeout from when a triggerer begins, too."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.policy = replace(self.policy, deadline=datetime.now(timezone.utc) + timedelta(seconds=150))


class RestartedSensor(ServiceFabricUpgradeSensor):
    """Defer to another trigger."""

    trigger_class: type[ServiceFabricUpgradeTrigger] = RestartedTrigger

    def defer(
        self,
        *,
        trigger: BaseTrigger,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | float | None = None,
    ) -> Never:
        broken = self.trigger_class(**trigger.serialize()[1])
        super().defer(trigger=broken, method_name=method_name, kwargs=kwargs, timeout=timeout)


class RelativeSensor(RestartedSensor):
    """Defer to the trigger that does not keep its timeout."""

    trigger_class = RelativeTrigger


class ImpatientSensor(ServiceFabricUpgradeSensor):
    """End at the first poll without an answer."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**{**keywords, "unreachable_timeout": 0.001})


class RepeatingOperator(ServiceFabricUpgradeApplicationOperator):
    """Send the request to start the upgrade in each try, without a look at the cluster."""

    def execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - keeps parsing fast
        from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade  # noqa: PLC0415

        if context["ti"].try_number > 1:
            upgrade = ApplicationUpgrade(
                name=self.name,
                target_version="v1",
                parameters={"Web_InstanceCount": "-1"},
                monitoring_policy=self.monitoring_policy,
            )
            ServiceFabricHook(self.service_fabric_conn_id).start_application_upgrade(upgrade)
        return super().execute(context)


_OPERATOR = ServiceFabricUpgradeApplicationOperator
BROKEN: dict[str, tuple[Any, Any]] = {
    "broken_blind": (BlindSensor, _OPERATOR),
    "broken_forgetful": (ForgetfulSensor, _OPERATOR),
    "broken_restarted": (RestartedSensor, _OPERATOR),
    "broken_impatient": (ImpatientSensor, _OPERATOR),
    "broken_repeating": (ServiceFabricUpgradeSensor, RepeatingOperator),
}
"""The DAGs of ``waits.py`` that contain the mistakes."""
