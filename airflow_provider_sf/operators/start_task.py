"""Start exactly one upgrade: read, store, send, read again. Not for DAG files."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.exceptions import ChangeRefused
from airflow_provider_sf.messages.formatting import capitalize_first
from airflow_provider_sf.messages.starts import found_line, refusal_message, send_lines
from airflow_provider_sf.operators.masking import hidden_in_errors
from airflow_provider_sf.releases.parameters import sha256_of
from airflow_provider_sf.releases.start_once import (
    LookAgain,
    NothingToDo,
    Refused,
    Seen,
    Send,
    Started,
    StartState,
    Step,
    WaitForOther,
    after_answer,
    next_step,
)
from airflow_provider_sf.releases.start_report import BeforeStart, StartReport
from airflow_provider_sf.rest import ServiceFabricError
from airflow_provider_sf.upgrades.observed_health import ObservedHealth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.operators.task_state import TaskState
    from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
    from airflow_provider_sf.releases.start_once import StartOptions
    from airflow_provider_sf.upgrades.applications import Application


@dataclass(frozen=True, slots=True)
class StartResult:
    """How the start has ended, what the request was, and what was there before it."""

    step: Started | NothingToDo | WaitForOther
    upgrade: ApplicationUpgrade
    first: Seen
    """What the first look of this process has found."""
    state: StartState | None
    is_adopted: bool
    """Whether an earlier try has sent the request."""

    def report(self, *, store_parameters: bool) -> StartReport:
        """Return the XCom ``upgrade_start``."""
        step, upgrade, state = self.step, self.upgrade, self.state
        description = upgrade.body() | {"Parameters": list(upgrade.parameters)}
        return StartReport(
            kind="application",
            name=upgrade.name,
            target_version=upgrade.target_version,
            how=self._how,
            posted_at=state.sent_at if state else None,
            started_at=step.identity.started_at if isinstance(step, Started) else None,
            description_sha256=upgrade.sha256(),
            description=tuple(
                (name, value if isinstance(value, str) else json.dumps(value))
                for name, value in description.items()
            ),
            before=self._before(state, store_parameters=store_parameters),
        )

    @property
    def _how(self) -> str:
        if not isinstance(self.step, Started):
            return "not_necessary"
        return "adopted" if self.is_adopted else "started"

    def _before(self, state: StartState | None, *, store_parameters: bool) -> BeforeStart | None:
        """Return what was there before the start. A later try knows no values of parameters."""
        if state is None:
            return None
        before, current = state.before, self.first.parameters
        is_known = sha256_of(current) == before.parameters_sha256
        return BeforeStart(
            version=before.version,
            parameters=tuple(current) if is_known else (),
            parameters_sha256=before.parameters_sha256,
            values=tuple(current.items()) if is_known and store_parameters else (),
            started_at=before.upgrade.started_at,
            target_version=before.upgrade.target_version,
            health=before.health,
        )


class StartTask:
    """
    Starts the upgrade of a task at most once, however often the task is run.

    :param describe: returns the request for the application as it is now
    :param read: calls a function that reads the cluster, again while the cluster is unreachable
    :param secrets: the values in the request that no error may show
    """

    def __init__(
        self,
        hook: ServiceFabricHook,
        name: str,
        options: StartOptions,
        describe: Callable[[Application], ApplicationUpgrade],
        *,
        task_state: TaskState,
        read: Callable[[Callable[[], Seen]], Seen],
        secrets: Sequence[str],
        log: Any,
    ) -> None:
        self._hook = hook
        self._name = name
        self._options = options
        self._describe = describe
        self._task_state = task_state
        self._read = read
        self._secrets = secrets
        self._log = log
        stored = task_state.get()
        self._state = None if stored is None else StartState.from_dict(stored)

    def run(self, check: Callable[[Seen, ApplicationUpgrade], None]) -> StartResult:
        """
        Start the upgrade, or find that it has started.

        :param check: called before the request is sent; it may raise
        :raises ChangeRefused: nothing was started
        :raises ServiceFabricError: the cluster could not be reached; a later try goes on from here
        """
        first, application = self._look()
        seen, has_sent, reason = first, False, ""
        self._log.info("%s", found_line(seen, self._name))
        while True:
            upgrade = self._describe(application)
            step: Step | None = next_step(upgrade, self._options, self._state, seen)
            if isinstance(step, Send):
                check(seen, upgrade)
                step = self._send(self._with_reasons(step.state), upgrade, seen)
                has_sent = True
            if isinstance(step, Refused):
                raise ChangeRefused(refusal_message(self._name, step.reason, seen))
            if isinstance(step, Started):
                self._keep_started(step)
            if isinstance(step, (Started, NothingToDo, WaitForOther)):
                return StartResult(step, upgrade, first, self._state, is_adopted=not has_sent)
            if isinstance(step, LookAgain):
                reason = self._log_once(step.reason, reason)
                time.sleep(step.seconds)
            seen, application = self._look()

    def _send(
        self, state: StartState, upgrade: ApplicationUpgrade, seen: Seen
    ) -> NothingToDo | Refused | None:
        """Store what is about to be sent, send it, store what the answer says; None to look at the record."""
        self._store(state)
        for line in send_lines(upgrade, seen.parameters):
            self._log.info("%s", line)
        try:
            with hidden_in_errors(self._secrets):
                self._hook.start_application_upgrade(upgrade, timeout=self._options.request_seconds)
        except ServiceFabricError as error:
            return self._after(state, error)
        return self._after(state, None)

    def _after(self, state: StartState, error: ServiceFabricError | None) -> NothingToDo | Refused | None:
        if error is not None:
            self._log.warning("The cluster did not confirm the start: %s", error)
        try:
            after = after_answer(state, self._options, error)
        except ServiceFabricError:
            self._forget()  # nothing was changed
            raise
        if isinstance(after, StartState):
            self._store(after)
            return None
        self._forget()
        return after

    def _keep_started(self, step: Started) -> None:
        if self._state is not None and self._state.started is None:
            self._store(self._state.with_started(step.identity))

    def _store(self, state: StartState) -> None:
        self._task_state.set(state.to_dict())
        self._state = state

    def _forget(self) -> None:
        self._task_state.delete()
        self._state = None

    def _log_once(self, reason: str, logged: str) -> str:
        if reason != logged:
            self._log.info("%s; reading the cluster again", capitalize_first(reason))
        return reason

    def _look(self) -> tuple[Seen, Application]:
        found: list[Application] = []

        def look() -> Seen:
            # In this order: an upgrade that ends between the two reads would leave its parameters unseen, and
            # the request would set them back.
            progress = self._hook.get_upgrade_progress(self._name, kind="application")
            application = self._hook.get_application(self._name)
            found.append(application)
            health = ObservedHealth(_now(), application.health_state)
            return Seen(progress, application.type_version, application.parameters, _now(), health)

        return self._read(look), found[-1]

    def _with_reasons(self, state: StartState) -> StartState:
        """Add why the application is unhealthy before the start; the start does not need that."""
        before, health = state.before, state.before.health
        if health is None or health.state in {"Ok", None} or health.unhealthy_evaluations:
            return state
        try:
            health = ObservedHealth.of(self._hook.get_application_health(self._name), _now())
        except ServiceFabricError as error:
            self._log.info("Could not read why the application is unhealthy: %s", error)
            return state
        return replace(state, before=replace(before, health=health))


def _now() -> datetime:
    return datetime.now(timezone.utc)
