"""The questions of an upgrade gate to a person, and their answers. Not for DAG files."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.messages.gates import (
    answer_line,
    asked_line,
    late_answer,
    late_start,
    other_option,
    question_body,
    question_subject,
)
from airflow_provider_sf.operators.asking import ask, read_answer
from airflow_provider_sf.releases.gate_state import (
    CONTINUE,
    LEAVE,
    LONGER,
    OPTIONS,
    START,
    GateAction,
    Question,
)
from airflow_provider_sf.upgrades.kinds import explorer_path
from airflow_provider_sf.wait.identity import UpgradeIdentity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.operators.gate_task import GateTask
    from airflow_provider_sf.upgrades import UpgradeProgress


class GateQuestions:
    """
    Asks a person, and reads the answer in a later process of the task.

    :param assigned_users: who may answer; empty is everybody who may run the DAG
    :param timeout: how long a question waits; None is for ever
    :param default: the answer after that time
    :param ask_again_after: how long the answer Wait longer waits
    :param notifiers: called with the context when a person is asked
    :param defer: the method ``defer`` of the task
    """

    def __init__(
        self,
        gate: GateTask,
        *,
        assigned_users: Sequence[dict[str, str]],
        timeout: timedelta | None,
        default: str,
        ask_again_after: timedelta,
        notifiers: Sequence[Callable[[Context], object]],
        log: Any,
        defer: Callable[..., None],
    ) -> None:
        self._gate = gate
        self._assigned_users = assigned_users
        self._timeout = timeout
        self._default = default
        self._ask_again_after = ask_again_after
        self._notifiers = notifiers
        self._log = log
        self._defer = defer

    def ask(self, context: Context, domain: str, reason: str, record: UpgradeProgress | None) -> None:
        """Ask whether the upgrade domain may start, and leave the worker: Airflow resumes in ``answered``."""
        gate, question = self._gate, Question(_now(), domain, reason)
        gate.keep(gate.state.asking(question))
        seconds = self._timeout.total_seconds() if self._timeout else None
        self._log.info("%s", asked_line(question, seconds, self._default))
        for notify in self._notifiers:
            notify(context)
        path = explorer_path(gate.state.kind, gate.state.name, record and record.raw)
        ask(
            context,
            subject=question_subject(gate.state),
            body=question_body(
                question,
                gate.state,
                record,
                page=gate.hook.get_conn().explorer_page(path),
                ask_again_seconds=self._ask_again_after.total_seconds(),
                users=[user["name"] for user in self._assigned_users],
            ),
            options=OPTIONS,
            default=self._default,
            timeout=self._timeout,
            assigned_users=self._assigned_users,
            method_name="answered",
            defer=self._defer,
        )

    def read_answer(self, event: object) -> Question:
        """
        Store the answer of a person, then follow it.

        :raises ValueError: the event is no answer
        :raises Unreachable: a retry follows the stored answer
        """
        gate, answer = self._gate, read_answer(event)
        question = replace(
            gate.state.questions[-1],
            answer=answer.option,
            answered_at=answer.at,
            answered_by=answer.by,
            timed_out=answer.timed_out,
        )
        gate.keep(gate.state.answered(question))
        return self.follow_answer()

    def follow_answer(self) -> Question:
        """
        Compare the cluster with the last question, and store what follows from its answer.

        An answer that is no option is refused, also if the upgrade has moved: then ``acted`` is false.
        """
        gate = self._gate
        record, question = gate.progress(), replace(gate.state.questions[-1], acted=True)
        if refusal := self._refusal(question, record):
            question = replace(question, acted=False, refused_because=refusal)
        gate.keep(gate.state.answered(question))
        self._log.info("%s", answer_line(question))
        if question.acted:
            self._follow(question, record)
        return question

    def _refusal(self, question: Question, record: UpgradeProgress) -> str:
        """Return why the answer is no option, or no longer fits the cluster; empty if it does."""
        if question.answer not in OPTIONS:
            return other_option()
        gate = self._gate
        if question.next_upgrade_domain == START:
            version = gate.read(partial(gate.hook.get_application, gate.state.name)).type_version
            before = UpgradeIdentity(record.started_at, version)
            return "" if before == gate.state.before else late_start(gate.state.before, before)
        is_same = gate.is_paused(record) and not record.going_back
        if is_same and record.domains.next_domain == question.next_upgrade_domain:
            return ""
        return late_answer(question, record)

    def _follow(self, question: Question, record: UpgradeProgress) -> None:
        """Store what the answer means for the next decision."""
        gate, state, now = self._gate, self._gate.state, _now()
        reason = answer_line(question)
        if question.answer == CONTINUE:
            approved = (*state.approved, str(question.next_upgrade_domain))
            gate.keep(replace(state, approved=approved, failure_seen_at=record.failed_at))
        elif question.answer == LONGER:
            gate.keep(state.waiting_longer(now, now + self._ask_again_after))
        elif question.answer == LEAVE:
            gate.keep(state.decided(GateAction.PAUSE, reason, now))
        elif question.next_upgrade_domain != START:
            gate.keep(replace(state.decided(GateAction.ROLLBACK, reason, now), rollback_reason=reason))


def _now() -> datetime:
    return datetime.now(timezone.utc)
