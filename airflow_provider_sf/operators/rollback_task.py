"""Requests a rollback until it is certain. Not for DAG files."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.exceptions import ChangeRefused
from airflow_provider_sf.messages.rollbacks import step_line
from airflow_provider_sf.releases.rollback import RollbackStep, next_rollback_step
from airflow_provider_sf.releases.upgrade_update import UpgradeUpdate
from airflow_provider_sf.rest import Rejected, ResultUnknown, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.identity import UpgradeIdentity

LOOK_AGAIN_SECONDS = 5.0
NOT_UPGRADING = frozenset({"FABRIC_E_APPLICATION_NOT_UPGRADING", "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_UPGRADING"})

MAX_LOOKS = 36
"""Three minutes: the cluster manager processes an upgrade once a minute."""


class RollbackTask:
    """
    Requests the rollback of an upgrade, if that is necessary.

    :param read: calls a function that reads the cluster, again while the cluster is unreachable
    """

    def __init__(
        self,
        hook: ServiceFabricHook,
        kind: str,
        name: str,
        *,
        read: Callable[[Callable[[], UpgradeProgress]], UpgradeProgress],
        log: Any,
    ) -> None:
        self._hook = hook
        self._kind = kind
        self._name = name
        self._read = read
        self._log = log

    def run(self, expected: UpgradeIdentity | None) -> UpgradeProgress:
        """
        Request the rollback until it is accepted; return the record to wait from.

        :param expected: the only upgrade that may be rolled back; None for the upgrade on record
        :raises ChangeRefused: no upgrade is in progress, or another one
        :raises ServiceFabricError: the cluster could not be reached, or it refused the request
        """
        is_accepted, looks = False, 0
        while True:
            record = self._read(partial(self._hook.get_upgrade_progress, self._name, kind=self._kind))
            step = next_rollback_step(record, expected, is_accepted=is_accepted)
            looks += 1
            if step in {RollbackStep.WAIT, RollbackStep.DONE} or looks > MAX_LOOKS:
                self._log.info("%s", step_line(step, record))
                return record
            if step is RollbackStep.REQUEST:
                self._log.info("%s", step_line(step, record))
                is_accepted = self._is_accepted(self._request)
            elif step is RollbackStep.LEAVE_MANUAL_MODE:
                self._log.info("%s", step_line(step, record))
                self._is_accepted(self._leave_manual_mode)
            elif step is not RollbackStep.LOOK_AGAIN:
                raise ChangeRefused(step_line(step, record))
            time.sleep(LOOK_AGAIN_SECONDS)

    def _request(self) -> None:
        if self._kind == "application":
            self._hook.rollback_application_upgrade(self._name)
        else:
            self._hook.rollback_compose_upgrade(self._name)

    def _leave_manual_mode(self) -> None:
        self._hook.update_application_upgrade(UpgradeUpdate(name=self._name, mode="UnmonitoredAuto"))

    def _is_accepted(self, change: Callable[[], None]) -> bool:
        """Send a change; return whether it was certainly accepted. The record shows the rest."""
        try:
            change()
        except (ResultUnknown, Unreachable) as error:
            self._log.warning("The answer to the request was lost; reading the upgrade again: %s", error)
            return False
        except Rejected as error:
            if error.code not in NOT_UPGRADING:
                raise
            self._log.info("The upgrade has ended meanwhile; reading it again: %s", error)
            return False
        return True
