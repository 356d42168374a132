"""The part of an upgrade gate that reads and changes the cluster. Not for DAG files."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.messages.gate_times import times_lines
from airflow_provider_sf.messages.gates import bake_line, check_line, decision_line, pause_line
from airflow_provider_sf.operators.resume_task import start_upgrade_domain
from airflow_provider_sf.operators.task_state import TaskState
from airflow_provider_sf.releases.gate import next_gate_step
from airflow_provider_sf.releases.gate_state import CheckResult, GateAction, GateState, PausedUpgrade
from airflow_provider_sf.rest.plain_text import plain_line
from airflow_provider_sf.upgrades.observed_health import ObservedHealth
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.xcoms import push_xcom

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.releases.gate import GatePolicy, GateStep
    from airflow_provider_sf.releases.policies import ApplicationHealthPolicy
    from airflow_provider_sf.upgrades import UpgradeProgress

KEY = "upgrade_gate"
"""The key in Airflow's task state store, and of the XCom."""

KIND = "application"
MAX_MESSAGE_LENGTH = 1_000


class GateTask:
    """
    One process of a task that decides between upgrade domains.

    :param policy: what must be true before an upgrade domain starts
    :param checks: the checks of the user
    :param health_policy: what counts as healthy; None is the policy of the application manifest
    :param read: calls a function that reads the cluster, again while the cluster is unreachable
    """

    def __init__(
        self,
        context: Context,
        hook: ServiceFabricHook,
        name: str,
        *,
        policy: GatePolicy,
        checks: Sequence[Callable[[PausedUpgrade], object]],
        health_policy: ApplicationHealthPolicy | None,
        read: Callable[[Callable[[], Any]], Any],
        log: Any,
    ) -> None:
        self._context = context
        self._ti: Any = context["ti"]
        self._task_state = TaskState(context, KEY)
        self.hook = hook
        self._name = name
        self._policy = policy
        self._checks = checks
        self._health_policy = health_policy
        self.read = read
        self._log = log
        self.state = self._stored() or GateState(KIND, name, max_tries=self._ti.max_tries)

    def keep(self, state: GateState) -> None:
        """Store the state, for this try and, from Airflow 3.3 on, for the next."""
        self.state = state
        value = state.to_dict()
        self._task_state.set(value)
        push_xcom(self._context, KEY, value)

    def progress(self) -> UpgradeProgress:
        """Read the upgrade."""
        record: UpgradeProgress = self.read(partial(self.hook.get_upgrade_progress, self._name, kind=KIND))
        return record

    def is_paused(self, record: UpgradeProgress) -> bool:
        """Whether the upgrade of this task is paused; it may be another one that is."""
        return record.outcome is Outcome.PAUSED and not self.state.identity.contradicts(record)

    def earlier_wait(self) -> WaitState | None:
        """Return the state of the wait that the last pause has ended: the next wait continues it."""
        value = self._pulled("upgrade_wait")
        return None if value is None else WaitState.from_dict(value).after_pause()

    def decide(self, record: UpgradeProgress) -> GateStep:
        """
        Read the health of a paused upgrade, run the checks if it is time, and return what to do.

        The decision is stored before the task acts on it.
        """
        before, arrived = self.state, self.state.at(record, _now())
        if arrived is not before:
            self._log.info("%s", pause_line(arrived, record))
        version = record.new_version or self.state.target_version
        self.state = replace(arrived, target_version=version, started_at=record.started_at)
        self._look_at_health()
        step = next_gate_step(self._policy, self.state, record, _now())
        if step.action is GateAction.CHECK:
            self._run_checks(record)
            step = next_gate_step(self._policy, self.state, record, _now())
        if step.action is GateAction.BAKE:
            self.keep(self.state)
            if (self.state.healthy_since, self.state.unhealthy_since) != (
                before.healthy_since,
                before.unhealthy_since,
            ):
                self._log.info("%s", bake_line(self.state, step.seconds))
        else:
            self._decide(step)
        return step

    def resume(self) -> None:
        """Start the next upgrade domain; it may have started meanwhile."""
        domain = str(self.state.next_domain)
        self.keep(replace(self.state, resumed_domain=domain))
        start_upgrade_domain(self.hook, self._name, domain, read=self.progress, log=self._log)

    def log_times(self) -> None:
        """Log how long each upgrade domain has waited for this task."""
        for line in times_lines(self.state):
            self._log.info("%s", line)

    def _decide(self, step: GateStep) -> None:
        """Store and log a decision."""
        state = self.state.decided(step.action, step.reason, _now())
        if step.action is GateAction.ROLLBACK:
            state = replace(state, rollback_reason=step.reason)
        self.keep(state)
        self._log.info("%s", decision_line(state, step))

    def _look_at_health(self) -> None:
        read = partial(self.hook.get_application_health, self._name, policy=self._health_policy)
        health, now = self.read(read), _now()
        problems = None
        if not health.is_healthy:
            problems = health.unhealthy_evaluations or (f"its health is {health.aggregated_health_state}",)
        state = replace(self.state, health=ObservedHealth.of(health, now))
        self.state = state.with_health(problems, now)

    def _run_checks(self, record: UpgradeProgress) -> None:
        """Run all checks, so that the log shows everything that is wrong."""
        paused = PausedUpgrade(
            name=self._name,
            target_version=self.state.target_version,
            upgrade_domain=self.state.last_domain,
            next_upgrade_domain=str(self.state.next_domain),
            progress=record,
        )
        results, began_at = [], _now()
        for check in self._checks:
            results.append(result := run_check(check, paused))
            self._log.log(logging.INFO if result.passed else logging.WARNING, "%s", check_line(result))
        seconds = self.state.check_seconds + (_now() - began_at).total_seconds()
        self.state = replace(self.state, checks=tuple(results), check_seconds=seconds)

    def _stored(self) -> GateState | None:
        """Return the state that another process of this task has stored; None after a person cleared it."""
        value = self._task_state.get() if self._task_state.is_available else self._pulled(KEY)
        if value is None:
            return None
        state = GateState.from_dict(value)
        is_same = (state.name, state.max_tries) == (self._name, self._ti.max_tries)
        return state if is_same else None

    def _pulled(self, key: str) -> Any:
        """Return an XCom of this try; Airflow deletes it when the next try starts."""
        return self._ti.xcom_pull(task_ids=self._ti.task_id, key=key, map_indexes=self._ti.map_index)


def run_check(check: Callable[[PausedUpgrade], object], paused: PausedUpgrade) -> CheckResult:
    """
    Run a check. It passes if it returns None or True; a text or an exception says why it failed.

    Any other value fails it, too: a check that is not understood must not let an upgrade go on.
    """
    name = getattr(check, "__name__", None) or type(check).__name__
    try:
        result = check(paused)
    except Exception as error:  # noqa: BLE001 - a broken check is a failed check
        return CheckResult(name, passed=False, message=_cut(f"{type(error).__name__}: {error}"))
    if result is None or result is True:
        return CheckResult(name, passed=True)
    if result is False:
        return CheckResult(name, passed=False, message="it returned False")
    text = result if isinstance(result, str) else f"it returned {result!r}, not None, True, False or a text"
    return CheckResult(name, passed=False, message=_cut(text))


def _cut(text: str) -> str:
    return plain_line(text)[:MAX_MESSAGE_LENGTH]


def _now() -> datetime:
    return datetime.now(timezone.utc)
