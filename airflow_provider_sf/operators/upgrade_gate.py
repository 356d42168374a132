"""The operator that drives an upgrade domain by domain: bake, check, ask a person, go on or roll back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.operators.gate_parameters import (
    MODE,
    check_asking,
    check_keywords,
    check_shorter,
    read_checks,
    read_max_domains,
)
from airflow_provider_sf.operators.upgrade_application import ServiceFabricUpgradeApplicationOperator
from airflow_provider_sf.releases.gate import APPROVALS, FAILED_CHECK_ACTIONS, GatePolicy
from airflow_provider_sf.releases.gate_state import START
from airflow_provider_sf.wait.identity import UpgradeIdentity
from airflow_provider_sf.wait.parameters import naming_task, read_choice, read_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
    from airflow_provider_sf.releases.gate_state import PausedUpgrade
    from airflow_provider_sf.releases.start_once import Seen


class ServiceFabricUpgradeGateOperator(ServiceFabricUpgradeApplicationOperator):
    """
    Upgrade a classic application domain by domain; Airflow decides before each upgrade domain.

    The upgrade runs in the mode UnmonitoredManual: after each upgrade domain, Service Fabric waits. Then the
    application must be healthy for ``bake_time``, the ``checks`` must pass, and a person must approve if you
    want that. Only then the next upgrade domain starts. Service Fabric upgrades the first domain without
    asking. If Airflow is down, the upgrade stands still between two domains; the task goes on when Airflow is
    back. See
    https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-resumeapplicationupgrade

    :param name: the application (``fabric:/shop/web``, ``shop/web``, ``shop~web``); templated
    :param target_version: the new version of its application type; templated
    :param upgrade: instead of ``target_version``: the XCom ``upgrade_start`` or a record of an upgrade in the
        mode UnmonitoredManual that something else has started; templated
    :param bake_time: how long the application must be healthy after each upgrade domain; 2 minutes
    :param health_check_retry: how long bad health may last before it counts as a failed check; 10 minutes
    :param health_policy: what counts as healthy; None is the policy of the application manifest
    :param checks: functions that run on the worker after the bake time. Each gets a
        :class:`~airflow_provider_sf.releases.PausedUpgrade`. It passes if it returns None or True; it fails
        if it returns False or a text, or raises
    :param on_failed_check: ``"rollback"``, ``"pause"`` (the task fails and the upgrade stays paused) or
        ``"ask"`` a person
    :param approve_before: ask a person before ``"start"``, before the ``"second_domain"`` or before
        ``"each_domain"`` but the first; None asks no person
    :param max_domains: ask a person after this number of upgrade domains
    :param upgrade_domain: do not resume the upgrade: succeed as soon as this upgrade domain is next, and
        health and checks are good. Other tasks can then check more and start it with a
        ``ServiceFabricResumeUpgradeOperator``; templated

    A question is shown under "Required actions" in Airflow, from 3.1 on. The answers are Continue, Wait
    longer, Roll back and Leave it. The other parameters are those of
    :class:`ServiceFabricUpgradeApplicationOperator`. ``timeout`` counts for each upgrade domain, and again
    for the bake time after it; questions do not count. Durations are seconds or a timedelta.

    XComs: those of the upgrade operator, and ``upgrade_gate``: each decision with its checks, each question
    with its answer.

    :raises UpgradeFailed: the upgrade was rolled back, stays paused, or failed; not retried
    :raises ChangeRefused: nothing was started, and the message says why; not retried
    :raises ServiceFabricError: the cluster could not be reached; a retry goes on where this try was
    """

    template_fields: Sequence[str] = (
        *ServiceFabricUpgradeApplicationOperator.template_fields,
        "upgrade",
        "upgrade_domain",
    )

    @naming_task
    def __init__(
        self,
        *,
        name: str,
        upgrade: dict[str, Any] | XComArg | None = None,
        bake_time: timedelta | float = timedelta(minutes=2),
        health_check_retry: timedelta | float = timedelta(minutes=10),
        checks: Sequence[Callable[[PausedUpgrade], object]] = (),
        on_failed_check: str = "rollback",
        approve_before: str | None = None,
        max_domains: int | None = None,
        upgrade_domain: str | XComArg | None = None,
        **kwargs: Any,
    ) -> None:
        self.upgrade = upgrade
        check_keywords(upgrade, kwargs)
        super().__init__(name=name, mode=MODE, on_paused="fail", **kwargs)
        self.bake_time = read_seconds("bake_time", bake_time)
        self.health_check_retry = read_seconds("health_check_retry", health_check_retry)
        self.checks = read_checks(checks)
        self.on_failed_check = read_choice("on_failed_check", on_failed_check, FAILED_CHECK_ACTIONS)
        self.approve_before = (
            None if approve_before is None else read_choice("approve_before", approve_before, APPROVALS)
        )
        self.max_domains = read_max_domains(max_domains)
        self.upgrade_domain = upgrade_domain
        check_shorter("bake_time", self.bake_time, self.timeout)
        check_asking(
            approve_before=approve_before,
            max_domains=max_domains,
            on_failed_check=on_failed_check,
            has_started=upgrade is not None,
        )

    @property
    def decides(self) -> bool:
        """Each pause is decided here."""
        return True

    def check_description(self) -> None:
        """Check what the upgrade would be, unless something else has started it."""
        if self.upgrade is None:
            super().check_description()

    def execute(self, context: Context) -> dict[str, Any]:
        """Start the upgrade, unless that was done; then drive it to its end."""
        from airflow_provider_sf.releases.start_report import started_identity  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.wait.identity import History  # noqa: PLC0415 - see above

        if self.plan or self.upgrade is None:
            return super().execute(context)
        gate = self.begin(context)
        if gate.state.rollback_reason:
            return self.roll_back(context, gate)
        return self.wait(context, History(expected=started_identity(self.upgrade, self.kind, self.name)))

    def check_before_send(
        self, context: Context, hook: ServiceFabricHook, seen: Seen, upgrade: ApplicationUpgrade
    ) -> None:
        """Refuse to start if the application is unhealthy; then ask a person, if the user wants that."""
        super().check_before_send(context, hook, seen, upgrade)
        if self.approve_before != "start":
            return
        gate = self.gate(context)
        if gate.state.has_new_answer(START):
            self.check_start(self.questions(gate).follow_answer())
        before = UpgradeIdentity(seen.progress.started_at, seen.version)
        gate.keep(gate.state.about_start(upgrade.target_version, before))
        if START not in gate.state.approved:
            self.questions(gate).ask(context, START, "the start needs an approval (approve_before)", None)

    def gate_policy(self) -> GatePolicy:
        """Return what must be true before an upgrade domain starts."""
        return GatePolicy(
            bake_time=timedelta(seconds=self.bake_time),
            timeout=timedelta(seconds=self.timeout),
            health_check_retry=timedelta(seconds=self.health_check_retry),
            on_failed_check=self.on_failed_check,
            approve_before=self.approve_before,
            max_domains=self.max_domains,
        )
