"""The base of the operators that decide what happens at a pause of their upgrade. Not for DAG files."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_sf.exceptions import ChangeRefused, UpgradeFailed
from airflow_provider_sf.operators.gate_parameters import check_asking_at_pauses, read_users
from airflow_provider_sf.operators.waiting import WaitingOperator, utc_now
from airflow_provider_sf.releases.gate import EACH_PAUSE, GatePolicy
from airflow_provider_sf.releases.gate_state import ANSWERS, LEAVE, ROLL_BACK, START, GateAction
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.parameters import naming_task, read_choice, read_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.operators.gate_questions import GateQuestions
    from airflow_provider_sf.operators.gate_task import GateTask
    from airflow_provider_sf.releases.gate import GateStep
    from airflow_provider_sf.releases.gate_state import PausedUpgrade, Question
    from airflow_provider_sf.releases.policies import ApplicationHealthPolicy
    from airflow_provider_sf.sensors.wait_task import WaitTask
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.identity import History, UpgradeIdentity
    from airflow_provider_sf.wait.state import WaitState


class DecidingOperator(WaitingOperator):
    """
    An operator that starts the next upgrade domain of a paused upgrade, asks a person, or rolls back.

    :param assigned_users: users who may answer: ``[{"id": "...", "name": "..."}]``; None is everybody who may
        run the DAG
    :param answer_timeout: how long a question waits for an answer; None is without limit
    :param default_answer: the answer after that time: ``"continue"``, ``"rollback"`` or ``"leave"``
    :param ask_again_after: how long the answer Wait longer waits; 10 minutes
    :param notifiers: notifiers of Airflow that are called when a person is asked

    The task keeps its state in the XCom ``upgrade_gate``.
    """

    pause_choices: ClassVar[tuple[str, ...]] = ("wait", "fail", "ask")

    health_policy: ApplicationHealthPolicy | None = None
    checks: tuple[Callable[[PausedUpgrade], object], ...] = ()
    upgrade_domain: Any = None
    """The task ends when the upgrade is paused before this upgrade domain."""

    @naming_task
    def __init__(
        self,
        *,
        name: str,
        assigned_users: Sequence[dict[str, str]] | None = None,
        answer_timeout: timedelta | float | None = None,
        default_answer: str = "leave",
        ask_again_after: timedelta | float = timedelta(minutes=10),
        notifiers: Sequence[Callable[[Context], object]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.assigned_users = read_users(assigned_users)
        self.answer_timeout = (
            None if answer_timeout is None else read_seconds("answer_timeout", answer_timeout)
        )
        self.default_answer = read_choice("default_answer", default_answer, tuple(ANSWERS))
        self.ask_again_after = read_seconds("ask_again_after", ask_again_after)
        self.notifiers = tuple(notifiers)
        if self.on_paused == "ask":
            check_asking_at_pauses(waits=self.wait_for_completion, pushes=self.do_xcom_push)

    @property
    def decides(self) -> bool:
        """Whether the task decides at each pause; otherwise the wait goes on, or ends."""
        return self.on_paused == "ask"

    def gate_policy(self) -> GatePolicy:
        """Return what must be true before an upgrade domain starts: the answer of a person."""
        return GatePolicy(
            bake_time=timedelta(0),
            timeout=timedelta(seconds=self.timeout),
            health_check_retry=timedelta(0),
            on_failed_check="ask",
            approve_before=EACH_PAUSE,
            max_domains=None,
        )

    def begin(self, context: Context) -> GateTask:
        """Return the state of this task, which an earlier try may have stored, and push it."""
        gate = self.gate(context)
        gate.keep(gate.state)
        return gate

    def wait(self, context: Context, history: History) -> dict[str, Any]:
        """Wait for the next pause, decide, and so on to the end of the upgrade."""
        if not self.decides:
            return super().wait(context, history)
        written = self.poll_until_ended(context, self._wait_for_pause(history))
        return self._drive(context, self.gate(context), written)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Go on after the trigger has seen a pause or the end; Airflow resumes the task here."""
        if not self.decides:
            return super().execute_complete(context, event)
        written = self._wait_for_pause(None).complete(context, event)
        return self._drive(context, self.gate(context), written)

    def bake_ended(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Decide again after a part of the bake time; Airflow resumes the task here."""
        gate = self.gate(context)
        if (event or {}).get("reason") == "health":
            gate.keep(gate.state.with_changed_health())
        return self._drive(context, gate, self._present(context, gate))

    def rolled_back(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fail after the rollback has ended; Airflow resumes the task here."""
        self._wait_for_rollback(None).complete(context, event)
        return self._fail_after_rollback(self.gate(context))

    def answered(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Follow the answer of a person, if it still fits the cluster; Airflow resumes the task here."""
        gate = self.gate(context)
        return self._follow(context, gate, self.questions(gate).read_answer(event))

    def check_start(self, question: Question) -> None:
        """Refuse the start if a person does not want it."""
        from airflow_provider_sf.messages.gates import start_refusal  # noqa: PLC0415 - keeps DAG parsing fast

        if question.acted and question.answer in {LEAVE, ROLL_BACK}:
            raise ChangeRefused(start_refusal(question))

    def _follow(self, context: Context, gate: GateTask, question: Question) -> dict[str, Any]:
        """Do what a person has answered."""
        from airflow_provider_sf.messages.gates import answer_line  # noqa: PLC0415 - keeps DAG parsing fast

        if question.next_upgrade_domain == START:
            self.check_start(question)
            return self.execute(context)  # type: ignore[no-any-return]  # of the subclass
        if gate.state.rollback_reason:
            return self.roll_back(context, gate)
        if question.acted and question.answer == LEAVE:
            return self._leave_paused(gate, answer_line(question))
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
                break
            else:
                gate.resume()
                written = self._next_pause(context, gate, gate.state.resumed_domain)
        gate.log_times()
        return written

    def _stop(
        self, context: Context, gate: GateTask, step: GateStep, record: UpgradeProgress
    ) -> dict[str, Any]:
        """Roll back, ask a person, or fail and leave the upgrade paused."""
        if step.action is GateAction.ROLLBACK:
            return self.roll_back(context, gate)
        if step.action is GateAction.ASK:
            questions, domain = self.questions(gate), str(gate.state.next_domain)
            if gate.state.has_new_answer(domain):
                return self._follow(context, gate, questions.follow_answer())
            questions.ask(context, domain, step.reason, record)
        return self._leave_paused(gate, step.reason)

    def _leave_paused(self, gate: GateTask, reason: str) -> dict[str, Any]:
        from airflow_provider_sf.messages.gates import pause_failure  # noqa: PLC0415 - keeps DAG parsing fast

        gate.log_times()
        raise UpgradeFailed(pause_failure(gate.state, reason))

    def _bake(self, gate: GateTask, step: GateStep) -> None:
        """Wait for a part of the bake time, in the triggerer or here."""
        from airflow_provider_sf.operators.health_watch import defer_to_health_trigger  # noqa: PLC0415 - keeps DAG parsing fast

        now, state = utc_now(), gate.state
        if self.deferrable:
            limit = (state.arrived_at or now) + timedelta(seconds=self.timeout)
            defer_to_health_trigger(
                self,
                method_name="bake_ended",
                is_healthy=state.healthy_since is not None,
                until=now + timedelta(seconds=step.seconds),
                deadline=max(limit, state.ask_again_at or limit),
                next_domain=state.next_domain,
            )
        time.sleep(min(step.seconds, self.poke_interval))

    def _present(self, context: Context, gate: GateTask) -> dict[str, Any]:
        """Read the upgrade; if it is not paused, or is another one, wait for the next pause or the end."""
        record = gate.progress()
        return record.to_dict() if gate.is_paused(record) else self._next_pause(context, gate, None)

    def _next_pause(self, context: Context, gate: GateTask, resumed_domain: str | None) -> dict[str, Any]:
        """Wait for the next pause or the end."""
        return self.poll_until_ended(context, self._wait_for_pause(None, gate.earlier_wait(), resumed_domain))

    def roll_back(self, context: Context, gate: GateTask) -> dict[str, Any]:
        """Roll the upgrade of this task back, wait until that is done, and fail."""
        from airflow_provider_sf.operators.rollback_task import RollbackTask  # noqa: PLC0415 - keeps DAG parsing fast

        task = RollbackTask(gate.hook, self.kind, self.name, read=self.read, log=self.log)
        if not task.run(gate.state.identity).outcome.finished:
            wait_task = self._wait_for_rollback(gate.state.identity, gate.earlier_wait())
            self.poll_until_ended(context, wait_task)
        return self._fail_after_rollback(gate)

    def _fail_after_rollback(self, gate: GateTask) -> dict[str, Any]:
        from airflow_provider_sf.messages.gates import rollback_failure  # noqa: PLC0415 - keeps DAG parsing fast

        gate.log_times()
        raise UpgradeFailed(rollback_failure(gate.state))

    def _wait_for_pause(
        self, history: History | None, earlier: WaitState | None = None, resumed_domain: str | None = None
    ) -> WaitTask:
        """
        Return a wait that a pause or the end of the upgrade ends.

        :param resumed_domain: the upgrade domain that was just started: a pause before it is about to end
        """
        changes = {
            "on_paused": "fail",
            "resumed_domain": resumed_domain,
            "awaited_domain": self.upgrade_domain,
        }
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

    def gate(self, context: Context) -> GateTask:
        """Return the part of the task that reads and changes the cluster, with the stored state."""
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.operators.gate_task import GateTask  # noqa: PLC0415 - see above

        hook = ServiceFabricHook(self.service_fabric_conn_id)
        gate = GateTask(
            context,
            hook,
            self.name,
            policy=self.gate_policy(),
            checks=self.checks,
            health_policy=self.health_policy,
            read=self.read,
            log=self.log,
        )
        hook.has_answer = gate.state.next_domain is not None  # to an earlier process
        return gate

    def questions(self, gate: GateTask) -> GateQuestions:
        """Return the part of the task that asks a person."""
        from airflow_provider_sf.operators.gate_questions import GateQuestions  # noqa: PLC0415 - keeps DAG parsing fast

        return GateQuestions(
            gate,
            assigned_users=self.assigned_users,
            timeout=None if self.answer_timeout is None else timedelta(seconds=self.answer_timeout),
            default=ANSWERS[self.default_answer],
            ask_again_after=timedelta(seconds=self.ask_again_after),
            notifiers=self.notifiers,
            log=self.log,
            defer=self.defer,
        )
