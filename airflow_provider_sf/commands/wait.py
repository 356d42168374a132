"""Wait for an upgrade as the sensor does, and return the exit code. No Airflow."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_sf.commands.exit_codes import exit_code_of
from airflow_provider_sf.commands.json_files import read_json
from airflow_provider_sf.commands.output import write_json
from airflow_provider_sf.commands.signals import pause
from airflow_provider_sf.polling.settings import WaitSettings
from airflow_provider_sf.polling.upgrade_wait import UpgradeWait
from airflow_provider_sf.rest.storage_limits import shorten
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import kind_of
from airflow_provider_sf.wait.parameters import (
    SELECTOR_PARAMETERS,
    check_accept_current_version,
    check_name,
    check_selector_parameters,
    check_stall_timeout,
)
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.selector_input import check_previous, read_selector
from airflow_provider_sf.wait.state import WaitState, xcom_values
from airflow_provider_sf.wait.state_machine import PollAgain

if TYPE_CHECKING:
    import argparse

    from airflow_provider_sf.commands.output import Log
    from airflow_provider_sf.hooks.upgrade_reads import UpgradeReads
    from airflow_provider_sf.wait.matching import UpgradeSelector


def wait(options: argparse.Namespace, calls: UpgradeReads, log: Log) -> int:
    """
    Wait until the expected upgrade has ended; return the exit code.

    :raises ValueError: an option, a file or the connection is invalid
    """
    began_at = _now()
    settings = wait_settings(options, began_at)
    upgrade_wait = UpgradeWait(settings, calls, WaitState(began_at=began_at), log)
    upgrade_wait.log_opening(calls.get_conn().endpoint)
    decision = upgrade_wait.poll()
    while isinstance(decision, PollAgain):
        pause(decision.seconds)
        decision = upgrade_wait.poll()
    result, state = upgrade_wait.results.of(upgrade_wait.state.ended(decision.by, _now()))
    upgrade_wait.log_summary(state)
    log.info("%s", result.message)
    if options.json:
        values = xcom_values(settings.kind, settings.name, state, result.message)
        write_json(sys.stdout, values["upgrade_wait"])
    return exit_code_of(result.end)


def wait_settings(options: argparse.Namespace, began_at: datetime) -> WaitSettings:
    """
    Return what to wait for and how.

    :raises ValueError: an option or a file is invalid
    """
    kind = kind_of(options.name, options.kind)
    check_name(kind, options.name)
    selected_by = [name for name in SELECTOR_PARAMETERS if getattr(options, name) is not None]
    check_selector_parameters(kind, selected_by)
    check_stall_timeout(options.stall_timeout)
    if not options.poll_interval > 0:
        msg = "--poll-interval must be more than 0 s: use 15s"
        raise ValueError(msg)
    policy = Policy(
        poke_interval=options.poll_interval,
        unreachable_timeout=options.unreachable_timeout,
        start_timeout=options.start_timeout,
        unknown_state_timeout=options.unknown_state_timeout,
        stall_timeout=options.stall_timeout,
        on_paused=options.on_paused,
        on_rollback=options.on_rollback,
        wait_for_existence=options.wait_for_existence,
        deadline=began_at + timedelta(seconds=options.timeout),
        selector=_selector(options, kind),
    )
    return WaitSettings(kind=kind, name=options.name, policy=policy, limit=("timeout", options.timeout))


def _selector(options: argparse.Namespace, kind: str) -> UpgradeSelector:
    check_accept_current_version(
        options.target_version, accept_current_version=options.accept_current_version
    )
    previous = None if options.previous is None else read_snapshot(options.previous)
    if previous is not None:
        check_previous(previous, kind, options.name)
    return read_selector(
        previous=previous,
        started_after=options.started_after,
        target_version=options.target_version,
        clock_skew=options.clock_skew,
        accept_current_version=options.accept_current_version,
    )


def read_snapshot(file: str) -> UpgradeProgress:
    """
    Read the record in a file.

    :raises ValueError: the file cannot be read, or contains no record
    """
    value = read_json("--previous", file)
    try:
        return UpgradeProgress.from_dict(value)
    except (TypeError, ValueError) as error:
        reason = shorten(str(error), 200)
        msg = f"--previous {file!r} is not the output of 'sf-wait snapshot': {reason}"
        raise ValueError(msg) from error


def _now() -> datetime:
    return datetime.now(timezone.utc)
