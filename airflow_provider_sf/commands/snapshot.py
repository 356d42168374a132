"""Read the record of the latest upgrade once. No Airflow."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_provider_sf.commands.exit_codes import SUCCESS
from airflow_provider_sf.commands.output import write_json
from airflow_provider_sf.messages.record_lines import snapshot_lines
from airflow_provider_sf.upgrades.kinds import kind_of
from airflow_provider_sf.wait.parameters import check_name

if TYPE_CHECKING:
    import argparse

    from airflow_provider_sf.commands.output import Log
    from airflow_provider_sf.hooks.upgrade_reads import UpgradeReads


def snapshot(options: argparse.Namespace, calls: UpgradeReads, log: Log) -> int:
    """
    Log the progress of the latest upgrade, and write its record as JSON if that is wanted.

    :raises ValueError: an option or the connection is invalid
    :raises ServiceFabricError: the progress could not be read
    """
    kind = kind_of(options.name, options.kind)
    check_name(kind, options.name)
    record = calls.get_upgrade_progress(options.name, kind=kind)
    for line in snapshot_lines(kind, options.name, record):
        log.info("%s", line)
    if options.json:
        write_json(sys.stdout, record.to_dict())
    return SUCCESS
