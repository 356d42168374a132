"""The operator that applies the description of an application resource, and waits for its upgrade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.operators.generated_version import GeneratedVersionOperator
from airflow_provider_sf.wait.parameters import is_rendered_later, naming_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import XComArg

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook


class ServiceFabricApplyApplicationResourceOperator(GeneratedVersionOperator):
    """
    Apply the description of an application resource, and wait until its upgrade has succeeded.

    The description is the whole wanted state, so a repeated request changes nothing more. If the resource has
    this description already, the task succeeds at once. See
    https://learn.microsoft.com/rest/api/servicefabric/sfclient-v80-api-meshapplication_createorupdate

    :param name: the application resource, for example ``"shop"``; templated
    :param description: ApplicationResourceDescription as a dict, with the members ``name`` and
        ``properties``; templated
    :param if_upgrading: if another upgrade is in progress: ``"fail"``, or ``"wait"`` until it has ended
    :param request_timeout: how long the cluster may take for the request; 5 minutes, at most 10

    The parameters of a wait and the errors are those of ``ServiceFabricUpgradeApplicationOperator``.
    """

    template_fields: Sequence[str] = ("name", "service_fabric_conn_id", "description")
    template_fields_renderers = {"description": "json"}  # noqa: RUF012 - Airflow declares it so
    kind = "application_resource"
    is_repeatable = True

    @naming_task
    def __init__(self, *, name: str, description: dict[str, Any] | XComArg, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.description = description
        described = description.get("name") if isinstance(description, dict) else name
        if not is_rendered_later(name) and not is_rendered_later(described) and described != name:
            msg = f"description must be that of {name!r}: its member 'name' is {described!r}"
            raise ValueError(msg)

    def send(self, hook: ServiceFabricHook) -> bool:
        """Send the description."""
        if not isinstance(self.description, dict):
            msg = f"description must be a dict, not {type(self.description).__name__}"
            raise ValueError(msg)  # noqa: TRY004 - one error for all invalid values
        return hook.apply_application_resource(self.name, self.description, timeout=self.request_timeout)
