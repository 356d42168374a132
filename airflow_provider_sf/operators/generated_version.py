"""The base of the operators for kinds with versions that Service Fabric generates. Not for DAG files."""

from __future__ import annotations

import time
from abc import abstractmethod
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.exceptions import ChangeRefused
from airflow_provider_sf.operators.task_state import START_XCOM, TaskState
from airflow_provider_sf.operators.waiting import WaitingOperator, utc_now
from airflow_provider_sf.wait.parameters import check_request_timeout, naming_task, read_choice, read_seconds
from airflow_provider_sf.xcoms import push_xcom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.releases.generated_version import NextStep, RequestState
    from airflow_provider_sf.releases.start_state import StartOptions
    from airflow_provider_sf.upgrades import UpgradeProgress

STATE_KEY = "upgrade_start"
"""The key in Airflow's task state store, and of the XCom."""

LOOK_AGAIN_SECONDS = 5.0


class GeneratedVersionOperator(WaitingOperator):
    """
    An operator that starts one upgrade of a kind with generated versions, and waits for it.

    Subclasses define :meth:`send`.
    """

    is_repeatable = False
    """Whether a repeated request changes nothing more."""

    @naming_task
    def __init__(
        self,
        *,
        name: str,
        if_upgrading: str = "fail",
        request_timeout: timedelta | float = 300.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.if_upgrading = read_choice("if_upgrading", if_upgrading, ("fail", "wait"))
        self.request_timeout = check_request_timeout(read_seconds("request_timeout", request_timeout))

    @abstractmethod
    def send(self, hook: ServiceFabricHook) -> bool:
        """Send the request once; return False if nothing has to change."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Start the upgrade, unless that was done; then wait."""
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.releases.generated_version import NextStep  # noqa: PLC0415 - see above
        from airflow_provider_sf.wait.identity import History, UpgradeIdentity  # noqa: PLC0415 - see above

        hook = ServiceFabricHook(self.service_fabric_conn_id)
        step, state, record = self._start(hook, context)
        if step is NextStep.WAIT_FOR_OTHER:
            return self.wait_for_other(context, UpgradeIdentity.from_record(record))
        if self.do_xcom_push and state is not None:
            push_xcom(context, STATE_KEY, self._report(state))
        if step is NextStep.NOTHING_TO_DO or not self.wait_for_completion:
            return record.to_dict()
        before = None if state is None else UpgradeIdentity.from_record(state.before)
        return self.poll_until_ended(
            context, self._wait_task(History(expected=UpgradeIdentity.from_record(record), before=before))
        )

    def _start(
        self, hook: ServiceFabricHook, context: Context
    ) -> tuple[NextStep, RequestState | None, UpgradeProgress]:
        """Read, store, send, and read again until the upgrade is on record, or nothing has to change."""
        from airflow_provider_sf.messages.descriptions import describe_record  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.messages.formatting import upgrade_subject  # noqa: PLC0415 - see above
        from airflow_provider_sf.releases.generated_version import (  # noqa: PLC0415 - see above
            NextStep,
            RequestState,
            next_step,
        )

        task_state, options = TaskState(context, STATE_KEY, xcom=START_XCOM), self._options(context)
        stored, subject = task_state.get(), upgrade_subject(self.kind, self.name)
        state = None if stored is None else RequestState.from_dict(stored)
        while True:
            record = self.read(partial(hook.get_upgrade_progress, self.name, kind=self.kind))
            step = next_step(options, state, record, utc_now(), is_repeatable=self.is_repeatable)
            if step in {NextStep.STARTED, NextStep.WAIT_FOR_OTHER}:
                return step, state, record
            if step is NextStep.NOTHING_TO_DO and state is not None:
                self.log.info("Nothing to do: this is deployed already")
                return step, state, state.before
            if step is NextStep.LOOK_AGAIN:
                time.sleep(LOOK_AGAIN_SECONDS)
            elif step is NextStep.SEND:
                state = self._next_state(state, record, options)
                task_state.set(state.to_dict())
                self.log.info("Starting the upgrade of %s; on record: %s", subject, describe_record(record))
                state = self._send(hook, task_state, state)
            else:
                reason = f"{step.value}. On record: {describe_record(record)}"
                msg = f"Upgrade of {subject} was not started: {reason}"
                raise ChangeRefused(msg)

    def _next_state(
        self, state: RequestState | None, record: UpgradeProgress, options: StartOptions
    ) -> RequestState:
        from airflow_provider_sf.releases.generated_version import RequestState  # noqa: PLC0415 - keeps DAG parsing fast

        now, request = utc_now(), timedelta(seconds=self.request_timeout)
        if state is not None and state.max_tries == options.max_tries:
            return replace(state, sent_at=now, answer_due_at=now + request, sends=state.sends + 1)
        return RequestState(record, options.max_tries, sent_at=now, answer_due_at=now + request)

    def _send(self, hook: ServiceFabricHook, task_state: TaskState, state: RequestState) -> RequestState:
        """Send the request and store its answer; a refusal ends the task."""
        from airflow_provider_sf.rest import Rejected, ResultUnknown, ServiceFabricError  # noqa: PLC0415 - keeps DAG parsing fast

        try:
            is_change = self.send(hook)
        except ResultUnknown as error:
            self.log.warning("The cluster did not confirm the start: %s", error)
            time.sleep(LOOK_AGAIN_SECONDS)
            return state
        except ServiceFabricError as error:
            if state.sends == 1:
                task_state.delete()  # certainly nothing was changed
            if isinstance(error, Rejected):
                msg = f"Upgrade of {self.kind} {self.name!r} was not started: the cluster refused it: {error}"
                raise ChangeRefused(msg) from error
            raise
        state = replace(state, is_accepted=True, is_unchanged=not is_change)
        task_state.set(state.to_dict())
        return state

    def _options(self, context: Context) -> StartOptions:
        from airflow_provider_sf.releases.start_state import StartOptions  # noqa: PLC0415 - keeps DAG parsing fast

        return StartOptions(if_upgrading=self.if_upgrading, max_tries=context["ti"].max_tries)

    def _report(self, state: RequestState) -> dict[str, Any]:
        from airflow_provider_sf.rest.json_values import iso  # noqa: PLC0415 - keeps DAG parsing fast

        before = {"version": state.before.target_version, "started_at": iso(state.before.started_at)}
        return {"kind": self.kind, "name": self.name, "posted_at": iso(state.sent_at), "before": before}
