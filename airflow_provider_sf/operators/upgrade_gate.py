"""The operator that drives an upgrade domain by domain: bake, check, ask a person, go on or roll back."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.exceptions import ChangeRefused, UpgradeFailed
from airflow_provider_sf.operators.gate_parameters import (
    MODE,
    check_asking,
    check_bake_time,
    check_keywords,
    read_checks,
    read_max_domains,
)
from airflow_provider_sf.operators.upgrade_application import ServiceFabricUpgradeApplicationOperator
from airflow_provider_sf.operators.waiting import utc_now
from airflow_provider_sf.releases.gate import APPROVALS, FAILED_CHECK_ACTIONS, GatePolicy
from airflow_provider_sf.releases.gate_state import ANSWERS, LEAVE, ROLL_BACK, START, GateAction
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.identity import UpgradeIdentity
from airflow_provider_sf.wait.parameters import naming_task, read_choice, read_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.operators.gate_questions import GateQuestions
    from airflow_provider_sf.operators.gate_task import GateTask
    from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
    from airflow_provider_sf.releases.gate import GateStep
    from airflow_provider_sf.releases.gate_state import PausedUpgrade
    from airflow_provider_sf.releases.start_once import Seen
    from airflow_provider_sf.sensors.wait_task import WaitTask
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.identity import History
    from airflow_provider_sf.wait.state import WaitState


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
    :param assigned_users: who may answer: ``[{"id": "...", "name": "..."}]``; None is everybody who may run
        the DAG
    :param answer_timeout: how long a question waits for an answer; None is for ever
    :param default_answer: the answer after that time: ``"continue"``, ``"rollback"`` or ``"leave"``
    :param notifiers: notifiers of Airflow that are called when a person is asked

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
        assigned_users: Sequence[dict[str, str]] | None = None,
        answer_timeout: timedelta | float | None = None,
        default_answer: str = "leave",
        notifiers: Sequence[Callable[[Context], object]] = (),
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
        self.assigned_users = assigned_users
        self.answer_timeout = (
            None if answer_timeout is None else read_seconds("answer_timeout", answer_timeout)
        )
        self.default_answer = read_choice("default_answer", default_answer, tuple(ANSWERS))
        self.notifiers = tuple(notifiers)
        check_bake_time(self.bake_time, self.timeout)
        check_asking(
            approve_before=approve_before,
            max_domains=max_domains,
            on_failed_check=on_failed_check,
            has_started=upgrade is not None,
        )

    def check_description(self) -> None:
        """Check what the upgrade would be, unless something else has started it."""
        if self.upgrade is None:
            super().check_description()

    def execute(self, context: Context) -> dict[str, Any]:
        """Start the upgrade, unless that was done; then drive it to its end."""
        from airflow_provider_sf.releases.start_report import started_identity  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.wait.identity import History  # noqa: PLC0415 - see above

        if self.plan:
            return super().execute(context)
        gate = self._gate(context)
        gate.keep(gate.state)
        if gate.state.rollback_reason:
            return self._roll_back(context, gate)
        if self.upgrade is None:
            return super().execute(context)
        return self.wait(context, History(expected=started_identity(self.upgrade, self.kind, self.name)))

    def check_before_send(
        self, context: Context, hook: ServiceFabricHook, seen: Seen, upgrade: ApplicationUpgrade
    ) -> None:
        """Refuse to start if the application is unhealthy; then ask a person, if the user wants that."""
        super().check_before_send(context, hook, seen, upgrade)
        if self.approve_before != "start":
            return
        gate = self._gate(context)
        before = UpgradeIdentity(seen.progress.started_at, seen.version)
        gate.keep(gate.state.about_start(upgrade.target_version, before))
        if START not in gate.state.approved:
            self._questions(gate).ask(context, START, "the start needs an approval (approve_before)", None)

    def wait(self, context: Context, history: History) -> dict[str, Any]:
        """Wait for the next pause, decide, and so on to the end of the upgrade."""
        written = self.poll_until_ended(context, self._wait_for_pause(history))
        return self._drive(context, self._gate(context), written)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Go on after the trigger has seen a pause or the end; Airflow resumes the task here."""
        written = self._wait_for_pause(None).complete(context, event)
        return self._drive(context, self._gate(context), written)

    def bake_ended(
        self,
        context: Context,
        event: dict[str, Any] | None = None,  # noqa: ARG002 - the cluster is read again
    ) -> dict[str, Any]:
        """Decide again after a part of the bake time; Airflow resumes the task here."""
        gate = self._gate(context)
        return self._drive(context, gate, self._present(context, gate))

    def rolled_back(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fail after the rollback has ended; Airflow resumes the task here."""
        self._wait_for_rollback(None).complete(context, event)
        return self._fail_after_rollback(self._gate(context))

    def answered(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Follow the answer of a person, if it still fits the cluster; Airflow resumes the task here."""
        from airflow_provider_sf.messages.gates import answer_line, pause_failure, start_refusal  # noqa: PLC0415 - keeps DAG parsing fast

        gate = self._gate(context)
        question = self._questions(gate).read_answer(event)
        self.log.info("%s", answer_line(question))
        if question.next_upgrade_domain == START:
            if question.acted and question.answer in {LEAVE, ROLL_BACK}:
                raise ChangeRefused(start_refusal(question))
            return self.execute(context)
        if gate.state.rollback_reason:
            return self._roll_back(context, gate)
        if question.acted and question.answer == LEAVE:
            raise UpgradeFailed(pause_failure(gate.state, answer_line(question)))
        return self._drive(context, gate, self._present(context, gate))

    def _drive(self, context: Context, gate: GateTask, written: dict[str, Any]) -> dict[str, Any]:
        """Decide at each pause until the upgrade has ended; return its record."""
        from airflow_provider_sf.upgrades import UpgradeProgress  # noqa: PLC0415 - keeps DAG parsing fast

        while written["outcome"] == Outcome.PAUSED.value:
            record = UpgradeProgress.from_dict(written)
            step = gate.decide(record)
            if step.action is GateAction.BAKE:
                self._bake(gate, step)
                written = self._present(context, gate)
            elif step.action is not GateAction.RESUME:
                return self._stop(context, gate, step, record)
            elif self.upgrade_domain is not None:
                return written
            else:
                gate.resume(record)
                written = self._next_pause(context, gate, gate.state.resumed_domain)
        return written

    def _stop(
        self, context: Context, gate: GateTask, step: GateStep, record: UpgradeProgress
    ) -> dict[str, Any]:
        """Roll back, ask a person, or fail and leave the upgrade paused."""
        from airflow_provider_sf.messages.gates import pause_failure  # noqa: PLC0415 - keeps DAG parsing fast

        if step.action is GateAction.ROLLBACK:
            return self._roll_back(context, gate)
        if step.action is GateAction.ASK:
            self._questions(gate).ask(context, str(gate.state.next_domain), step.reason, record)
        raise UpgradeFailed(pause_failure(gate.state, step.reason))

    def _bake(self, gate: GateTask, step: GateStep) -> None:
        """Wait for a part of the bake time, in the triggerer or here."""
        from airflow_provider_sf.operators.health_watch import health_trigger  # noqa: PLC0415 - keeps DAG parsing fast

        now, state = utc_now(), gate.state
        if self.deferrable:
            trigger = health_trigger(
                self,
                is_healthy=state.healthy_since is not None,
                until=now + timedelta(seconds=step.seconds),
                deadline=(state.arrived_at or now) + timedelta(seconds=self.timeout),
                next_domain=state.next_domain,
            )
            self.defer(trigger=trigger, method_name="bake_ended")
        time.sleep(min(step.seconds, self.poke_interval))

    def _present(self, context: Context, gate: GateTask) -> dict[str, Any]:
        """Read the upgrade; if it is not paused, or is another one, wait for the next pause or the end."""
        record = gate.progress()
        return record.to_dict() if gate.is_paused(record) else self._next_pause(context, gate, None)

    def _next_pause(self, context: Context, gate: GateTask, resumed_domain: str | None) -> dict[str, Any]:
        """Wait for the next pause or the end."""
        return self.poll_until_ended(context, self._wait_for_pause(None, gate.earlier_wait(), resumed_domain))

    def _roll_back(self, context: Context, gate: GateTask) -> dict[str, Any]:
        """Roll the upgrade of this task back, wait until that is done, and fail."""
        from airflow_provider_sf.operators.rollback_task import RollbackTask  # noqa: PLC0415 - keeps DAG parsing fast

        task = RollbackTask(gate.hook, self.kind, self.name, read=self.read, log=self.log)
        if not task.run(gate.state.identity).outcome.finished:
            wait_task = self._wait_for_rollback(gate.state.identity, gate.earlier_wait())
            self.poll_until_ended(context, wait_task)
        return self._fail_after_rollback(gate)

    def _fail_after_rollback(self, gate: GateTask) -> dict[str, Any]:
        from airflow_provider_sf.messages.gates import rollback_failure  # noqa: PLC0415 - keeps DAG parsing fast

        raise UpgradeFailed(rollback_failure(gate.state))

    def _wait_for_pause(
        self, history: History | None, earlier: WaitState | None = None, resumed_domain: str | None = None
    ) -> WaitTask:
        """
        Return a wait that a pause or the end of the upgrade ends.

        :param resumed_domain: the upgrade domain that was just started: a pause before it is about to end
        """
        changes = {"resumed_domain": resumed_domain, "awaited_domain": self.upgrade_domain}
        return self.make_wait_task(history, earlier=earlier, wants_pause=True, policy_changes=changes)

    def _wait_for_rollback(
        self, expected: UpgradeIdentity | None, earlier: WaitState | None = None
    ) -> WaitTask:
        from airflow_provider_sf.wait.identity import History  # noqa: PLC0415 - keeps DAG parsing fast

        return self.make_wait_task(
            History(expected=expected),
            earlier=earlier,
            until_end=True,
            wants_rollback=True,
            method_name="rolled_back",
        )

    def _gate(self, context: Context) -> GateTask:
        """Return the part of the task that reads and changes the cluster, with the stored state."""
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.operators.gate_task import GateTask  # noqa: PLC0415 - see above

        policy = GatePolicy(
            bake_time=timedelta(seconds=self.bake_time),
            timeout=timedelta(seconds=self.timeout),
            health_check_retry=timedelta(seconds=self.health_check_retry),
            on_failed_check=self.on_failed_check,
            approve_before=self.approve_before,
            max_domains=self.max_domains,
        )
        return GateTask(
            context,
            ServiceFabricHook(self.service_fabric_conn_id),
            self.name,
            policy=policy,
            checks=self.checks,
            health_policy=self.health_policy,
            read=self.read,
            log=self.log,
        )

    def _questions(self, gate: GateTask) -> GateQuestions:
        from airflow_provider_sf.operators.gate_questions import GateQuestions  # noqa: PLC0415 - keeps DAG parsing fast

        return GateQuestions(
            gate,
            assigned_users=self.assigned_users,
            timeout=None if self.answer_timeout is None else timedelta(seconds=self.answer_timeout),
            default=ANSWERS[self.default_answer],
            notifiers=self.notifiers,
            log=self.log,
            defer=self.defer,
        )
