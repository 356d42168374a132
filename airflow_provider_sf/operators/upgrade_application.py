"""The operator that starts exactly one upgrade of a classic application, and waits for it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.exceptions import ChangeRefused
from airflow_provider_sf.operators.deciding import DecidingOperator
from airflow_provider_sf.operators.task_state import START_XCOM, TaskState
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.releases.parameters import merged, read_parameters
from airflow_provider_sf.releases.policies import monitoring_policy_for
from airflow_provider_sf.releases.start_report import restored
from airflow_provider_sf.wait.parameters import (
    check_request_timeout,
    is_rendered_later,
    naming_task,
    read_choice,
    read_seconds,
)
from airflow_provider_sf.xcoms import push_xcom

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.operators.start_task import StartResult
    from airflow_provider_sf.releases.policies import ApplicationHealthPolicy, MonitoringPolicy
    from airflow_provider_sf.releases.start_once import Seen, StartOptions
    from airflow_provider_sf.upgrades.applications import Application

STATE_KEY = "upgrade_start"
"""The key in Airflow's task state store, and of the XCom."""


class ServiceFabricUpgradeApplicationOperator(DecidingOperator):
    """
    Start one upgrade of a classic application, and wait until it has succeeded.

    The task starts the upgrade at most once, also if a worker is killed, an answer is lost, the task is
    retried or cleared. It never starts one while it sees another upgrade in progress, unless ``if_upgrading``
    is ``"supersede"``: Service Fabric would roll the other one back. Two tasks that start at the same moment
    cannot see each other: use ``max_active_runs=1`` or a pool with one slot. Parameters that are not given
    keep their values. See https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-startapplicationupgrade

    :param name: the application (``fabric:/shop/web``, ``shop/web``, ``shop~web``); templated
    :param target_version: the new version of its application type, which must be provisioned; templated
    :param restore: instead of ``target_version`` and ``parameters``: the XCom ``upgrade_start`` of another
        task, to go back to the version and the parameters from before its upgrade; templated
    :param parameters: the parameters to set, as a dict of strings; templated
    :param parameters_from: what the other parameters are: ``"application"`` keeps their present values,
        ``"manifest"`` sets them to the defaults of the new version
    :param sensitive_parameters: the names of parameters that are secrets; their values are masked
    :param mode: ``"Monitored"`` with health checks, ``"UnmonitoredAuto"`` without, or
        ``"UnmonitoredManual"``, which waits for a person before each upgrade domain
    :param monitoring_policy: the health checks and time limits of a monitored upgrade
    :param failure_action: what Service Fabric does after a failed health check: ``"Rollback"`` or
        ``"Manual"``, which waits for a person; None is the one of ``monitoring_policy``, by default Rollback
    :param health_policy: what counts as healthy; None is the policy of the application manifest
    :param force_restart: restart the processes also if only configuration or data has changed
    :param sort_order: the order of the upgrade domains: ``Default``, ``Numeric``, ``Lexicographical``,
        ``ReverseNumeric`` or ``ReverseLexicographical``
    :param instance_close_delay: how long stateless instances finish their requests before they close; None is
        the setting of each service
    :param replica_set_check_timeout: how long a domain waits for its replicas; None is without limit
    :param if_same_version: ``"succeed"`` or ``"fail"`` if version and parameters are deployed already
    :param if_upgrading: if another upgrade is in progress: ``"fail"``, ``"wait"`` until it has ended, or
        ``"supersede"``, which rolls it back first
    :param require_healthy: True: the application must not be in the health state Error before the start; or
        the :class:`ApplicationHealthPolicy` to evaluate
    :param store_parameters: add the values of the parameters before the start to the XCom ``upgrade_start``,
        so that another task can restore them; Airflow stores and shows them in clear, so it cannot be used
        together with ``sensitive_parameters``
    :param rollback_on_kill: roll the upgrade back if this task is killed while its worker runs
    :param request_timeout: how long the cluster may validate the request; 5 minutes, at most 10
    :param plan: only read: log what the upgrade would do and what would stop it, return that as an
        ``UpgradePlan`` and succeed, also if it has ``problems``; values of parameters are not in it

    The parameters of a wait are those of the sensor: ``wait_for_completion``, ``deferrable``,
    ``poke_interval``, ``timeout``, ``start_timeout``, ``stall_timeout``, ``unknown_state_timeout``,
    ``unreachable_timeout``, ``on_paused``, ``on_rollback``, ``live_progress``. With ``on_paused="ask"`` the
    task asks a person at each pause, from Airflow 3.1 on: see :class:`DecidingOperator` for its parameters.

    XComs: those of the sensor, and ``upgrade_start``: what was deployed before, the request, and whether an
    earlier try has started it. With ``on_paused="ask"`` also ``upgrade_gate``: each question and its answer.

    :raises ChangeRefused: nothing was started, and the message says why; not retried
    :raises UpgradeFailed: the upgrade failed, was rolled back or superseded; not retried
    :raises AirflowSensorTimeout: see the sensor; not retried
    :raises ServiceFabricError: the cluster could not be reached; a retry finds what this try has started
    """

    template_fields: Sequence[str] = (
        "name",
        "service_fabric_conn_id",
        "target_version",
        "parameters",
        "restore",
    )
    template_fields_renderers = {"parameters": "json"}  # noqa: RUF012 - Airflow declares it so
    kind = "application"

    _is_running = False
    """Whether this process has seen its upgrade on record."""

    @naming_task
    def __init__(
        self,
        *,
        name: str,
        target_version: str | XComArg | None = None,
        parameters: dict[str, str] | XComArg | None = None,
        restore: dict[str, Any] | XComArg | None = None,
        parameters_from: str = "application",
        sensitive_parameters: Sequence[str] = (),
        mode: str = "Monitored",
        monitoring_policy: MonitoringPolicy | None = None,
        failure_action: str | None = None,
        health_policy: ApplicationHealthPolicy | None = None,
        force_restart: bool = False,
        sort_order: str = "Default",
        instance_close_delay: timedelta | None = None,
        replica_set_check_timeout: timedelta | None = None,
        if_same_version: str = "succeed",
        if_upgrading: str = "fail",
        require_healthy: bool | ApplicationHealthPolicy = False,
        store_parameters: bool = False,
        rollback_on_kill: bool = False,
        request_timeout: timedelta | float = 300.0,
        plan: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.target_version = target_version
        self.parameters = parameters
        self.restore = restore
        self.parameters_from = read_choice("parameters_from", parameters_from, ("application", "manifest"))
        self.sensitive_parameters = tuple(sensitive_parameters)
        self.mode = mode
        self.monitoring_policy = monitoring_policy_for(mode, monitoring_policy, failure_action)
        self.health_policy = health_policy
        self.force_restart = force_restart
        self.sort_order = sort_order
        self.instance_close_delay = instance_close_delay
        self.replica_set_check_timeout = replica_set_check_timeout
        self.if_same_version = read_choice("if_same_version", if_same_version, ("succeed", "fail"))
        self.if_upgrading = read_choice("if_upgrading", if_upgrading, ("fail", "wait", "supersede"))
        self.require_healthy = require_healthy
        self.store_parameters = store_parameters
        self.rollback_on_kill = rollback_on_kill
        self.request_timeout = check_request_timeout(read_seconds("request_timeout", request_timeout))
        self.plan = plan
        self.check_description()

    def check_description(self) -> None:
        """Refuse invalid values at parse time. Values that Airflow renders later are checked in the task."""
        is_later = is_rendered_later(self.parameters)
        parameters = {} if is_later else read_parameters(self.parameters)
        name = "fabric:/a" if is_rendered_later(self.name) else self.name
        is_known = self.restore is None and not is_rendered_later(self.target_version)
        version = str(self.target_version) if is_known else "v"
        self._description(name, version, parameters)
        if self.restore is not None and not self.target_version is self.parameters is None:
            msg = "restore sets version and parameters: remove target_version and parameters, or restore"
            raise ValueError(msg)
        missing = [] if is_later else [key for key in self.sensitive_parameters if key not in parameters]
        if missing:
            msg = f"sensitive_parameters names parameters that are not set: {', '.join(missing)}"
            raise ValueError(msg)
        if self.store_parameters and self.sensitive_parameters:
            msg = (
                "store_parameters would store the values of sensitive_parameters in clear: remove one of them"
            )
            raise ValueError(msg)

    def _do_render_template_fields(self, *arguments: Any, **keywords: Any) -> None:
        """Render the templates; then mask the parameters that are secrets, also in Airflow's own views."""
        super()._do_render_template_fields(*arguments, **keywords)  # a mapped task calls only this method
        if self.sensitive_parameters:
            from airflow_provider_sf.operators.masking import mask_values  # noqa: PLC0415 - keeps DAG parsing fast

            mask_values(self.parameters, self.sensitive_parameters)

    def execute(self, context: Context) -> dict[str, Any]:
        """Start the upgrade, unless that was done; then wait. Or only plan it."""
        if self.plan:
            from airflow_provider_sf.operators.upgrade_dry_run import dry_run  # noqa: PLC0415 - keeps DAG parsing fast

            return dry_run(self, self._describe)
        if self.decides and (gate := self.begin(context)).state.rollback_reason:
            return self.roll_back(context, gate)
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.operators.masking import secret_values  # noqa: PLC0415 - see above
        from airflow_provider_sf.operators.start_task import StartTask  # noqa: PLC0415 - see above
        from airflow_provider_sf.releases.start_once import NothingToDo, Started  # noqa: PLC0415 - see above

        hook = ServiceFabricHook(self.service_fabric_conn_id)
        task_state = TaskState(context, STATE_KEY, xcom=START_XCOM)
        start = StartTask(
            hook,
            self.name,
            self._options(context, keeps_state=task_state.is_available),
            self._describe,
            task_state=task_state,
            read=self.read,
            secrets=secret_values(self.parameters, self.sensitive_parameters),
            log=self.log,
        )
        result = start.run(partial(self.check_before_send, context, hook))
        if isinstance(result.step, Started):
            self._push_start(context, result)
            self._is_running = True
            if self.wait_for_completion:
                return self.wait(context, result.step.history)
        elif isinstance(result.step, NothingToDo):
            self._push_start(context, result)
        else:
            return self.wait_for_other(context, result.step.upgrade)
        return result.first.progress.to_dict()

    def on_kill(self) -> None:
        """Roll the upgrade back, if the user wants that."""
        if self.rollback_on_kill and self._is_running:
            from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - see above

            self.log.warning("The task was killed: rolling the upgrade back (rollback_on_kill)")
            ServiceFabricHook(self.service_fabric_conn_id).rollback_application_upgrade(
                self.name, timeout=30.0
            )

    def _options(self, context: Context, *, keeps_state: bool) -> StartOptions:
        from airflow_provider_sf.releases.start_once import StartOptions  # noqa: PLC0415 - keeps DAG parsing fast

        ti, dag_run = context["ti"], context.get("dag_run")
        return StartOptions(
            if_same_version=self.if_same_version,
            if_upgrading=self.if_upgrading,
            is_retry=ti.try_number > 1,
            keeps_state=keeps_state,
            max_tries=ti.max_tries,
            run_started_at=getattr(dag_run, "start_date", None),
            try_began_at=getattr(ti, "start_date", None),
            request_seconds=self.request_timeout,
        )

    def _describe(self, application: Application) -> ApplicationUpgrade:
        """Return the request for the application as it is now."""
        version, keeps_current = str(self.target_version), self.parameters_from == "application"
        if self.restore is not None:
            version, parameters = restored(self.restore, application.parameters)
        else:
            new = read_parameters(self.parameters)
            parameters = merged(application.parameters, new, keeps_current=keeps_current)
        identity = (application.raw or {}).get("ManagedApplicationIdentity")
        upgrade = self._description(self.name, version, parameters)
        return replace(upgrade, managed_identity=identity if isinstance(identity, dict) else None)

    def _description(self, name: str, version: str, parameters: dict[str, str]) -> ApplicationUpgrade:
        return ApplicationUpgrade(
            name=name,
            target_version=version,
            parameters=parameters,
            mode=self.mode,
            monitoring_policy=self.monitoring_policy,
            health_policy=self.health_policy,
            force_restart=self.force_restart,
            sort_order=self.sort_order,
            instance_close_delay=self.instance_close_delay,
            replica_set_check_timeout=self.replica_set_check_timeout,
        )

    def check_before_send(
        self,
        context: Context,  # noqa: ARG002 - a subclass needs it
        hook: ServiceFabricHook,
        seen: Seen,
        upgrade: ApplicationUpgrade,
    ) -> None:
        """Refuse to start if the application must be healthy and is not."""
        if self.require_healthy is False:
            return
        from airflow_provider_sf.messages.starts import refusal_message  # noqa: PLC0415 - keeps DAG parsing fast

        policy = None if self.require_healthy is True else self.require_healthy
        health = self.read(partial(hook.get_application_health, upgrade.name, policy=policy))
        if health.aggregated_health_state in {"Ok", "Warning"}:
            return
        reasons = "; ".join(health.unhealthy_evaluations) or "no reason is reported"
        state = health.aggregated_health_state or "not known"
        reason = f"its health state is {state} (require_healthy): {reasons}"
        raise ChangeRefused(refusal_message(self.name, reason, seen))

    def _push_start(self, context: Context, result: StartResult) -> None:
        """Log and push how the upgrade was started."""
        from airflow_provider_sf.messages.starts import nothing_to_do_line, started_line  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.releases.start_once import Started  # noqa: PLC0415 - see above

        if isinstance(result.step, Started):
            self.log.info("%s", started_line(result.step.identity, is_adopted=result.is_adopted))
        else:
            self.log.info("%s", nothing_to_do_line(result.upgrade))
        if self.do_xcom_push:
            report = result.report(store_parameters=self.store_parameters)
            push_xcom(context, STATE_KEY, report.to_dict())
