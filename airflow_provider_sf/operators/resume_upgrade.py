"""The operator that starts the next upgrade domain of a paused upgrade."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_sf.exceptions import ChangeRefused
from airflow_provider_sf.links.service_fabric import ServiceFabricExplorerLink
from airflow_provider_sf.operators.task_state import TaskState
from airflow_provider_sf.wait import defaults
from airflow_provider_sf.wait.parameters import check_name, naming_task, read_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context, XComArg


KEY = "resumed_upgrade_domain"
"""The key in Airflow's task state store: the domain that an earlier try has started."""


class ServiceFabricResumeUpgradeOperator(BaseOperator):
    """
    Start the next upgrade domain of an upgrade that waits for a person.

    Service Fabric accepts only the name of the next upgrade domain, so a repeated request never skips one.
    The task ends at once; wait for the upgrade with a ``ServiceFabricUpgradeSensor``. See
    https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-resumeapplicationupgrade

    :param name: the application (``fabric:/shop/web``, ``shop/web``, ``shop~web``); templated
    :param upgrade_domain: the domain to start, for example ``"UD2"``; None for the next one; templated.
        Before Airflow 3.3 a retry does not know what the try before it has started: set the domain, or no
        retries
    :param service_fabric_conn_id: the connection to the cluster; it needs the role Admin; templated
    :param unreachable_timeout: reads are retried for this time while the cluster is unreachable; 5 minutes

    XComs: ``return_value`` is ``{"upgrade_domain": "UD2", "resumed": true}``; ``resumed`` is false if the
    domain had started already.

    :raises ChangeRefused: the upgrade is not paused, or the domain is not the next one; not retried
    :raises ServiceFabricError: the cluster could not be reached, or it refused the request; retried
    """

    template_fields: Sequence[str] = ("name", "upgrade_domain", "service_fabric_conn_id")
    operator_extra_links = (ServiceFabricExplorerLink(),)
    ui_color = "#0078d4"
    ui_fgcolor = "#ffffff"
    kind = "application"

    @naming_task
    def __init__(
        self,
        *,
        name: str,
        upgrade_domain: str | XComArg | None = None,
        service_fabric_conn_id: str = defaults.DEFAULT_CONN_ID,
        unreachable_timeout: timedelta | float = defaults.UNREACHABLE_TIMEOUT_SECONDS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.upgrade_domain = upgrade_domain
        self.service_fabric_conn_id = service_fabric_conn_id
        self.unreachable_timeout = read_seconds("unreachable_timeout", unreachable_timeout)
        check_name(self.kind, name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Start the domain, unless it has started already."""
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.messages.resumptions import resumption_line  # noqa: PLC0415 - see above
        from airflow_provider_sf.operators.resume_task import start_upgrade_domain  # noqa: PLC0415 - see above
        from airflow_provider_sf.operators.retrying import read_with_retries  # noqa: PLC0415 - see above
        from airflow_provider_sf.releases.resume import next_resume_step  # noqa: PLC0415 - see above

        hook = ServiceFabricHook(self.service_fabric_conn_id)
        state, max_tries = TaskState(context, KEY), context["ti"].max_tries
        domain = self._expected_domain(context, state)
        get_progress = partial(hook.get_upgrade_progress, self.name, kind=self.kind)
        read = partial(read_with_retries, get_progress, self.unreachable_timeout, self.log)
        record = read()
        step = next_resume_step(record, domain)
        self.log.info("%s", resumption_line(step, record))
        if step.domain is None:
            raise ChangeRefused(resumption_line(step, record))
        if not step.is_done:
            state.set({"domain": step.domain, "max_tries": max_tries})
            start_upgrade_domain(hook, self.name, step.domain, read=read, log=self.log)
        return {"upgrade_domain": step.domain, "resumed": not step.is_done}

    def _expected_domain(self, context: Context, state: TaskState) -> str | None:
        """Return the domain that the user has set, or that an earlier try has requested; else None."""
        if self.upgrade_domain is not None:
            return str(self.upgrade_domain)
        stored = state.get()
        if isinstance(stored, dict) and stored.get("max_tries") == context["ti"].max_tries:
            return str(stored.get("domain"))
        if context["ti"].try_number > 1 and not state.is_available:
            msg = (
                "this retry cannot know whether the try before it has started an upgrade domain: Airflow "
                "keeps that from 3.3 on. Set upgrade_domain, or retries=0"
            )
            raise ChangeRefused(msg)
        return None
