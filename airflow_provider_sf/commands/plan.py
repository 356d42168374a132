"""Print what an upgrade of a classic application would do. It only reads. No Airflow."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_provider_sf.commands.connection import CommandCalls
from airflow_provider_sf.commands.exit_codes import PLAN_HAS_PROBLEMS, SUCCESS
from airflow_provider_sf.commands.json_files import read_json
from airflow_provider_sf.commands.output import write_json
from airflow_provider_sf.hooks.packages import PackageCalls
from airflow_provider_sf.hooks.plans import PlanCalls
from airflow_provider_sf.messages.plans import plan_lines
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.releases.parameters import merged, read_parameters
from airflow_provider_sf.releases.policies import monitoring_policy_for
from airflow_provider_sf.wait.parameters import check_name

if TYPE_CHECKING:
    import argparse

    from airflow_provider_sf.commands.output import Log


class PlanningCalls(CommandCalls, PackageCalls, PlanCalls):
    """The calls that a plan needs."""


def plan(options: argparse.Namespace, calls: PlanningCalls, log: Log) -> int:
    """
    Log the plan of an upgrade, and write it as JSON if that is wanted; return the exit code.

    :raises ValueError: an option, a file or the connection is invalid
    :raises ServiceFabricError: the application could not be read
    """
    check_name("application", options.name)
    file = options.parameters
    new = {} if file is None else read_parameters(read_json("--parameters", file))
    keeps_current = options.parameters_from == "application"
    application = calls.get_application(options.name)
    upgrade = ApplicationUpgrade(
        name=options.name,
        target_version=options.target_version,
        parameters=merged(application.parameters, new, keeps_current=keeps_current),
        mode=options.mode,
        monitoring_policy=monitoring_policy_for(options.mode, None, None),
    )
    found = calls.plan_application_upgrade(upgrade)
    for line in plan_lines(found):
        log.info("%s", line)
    if options.json:
        write_json(sys.stdout, found.to_dict())
    return PLAN_HAS_PROBLEMS if found.problems else SUCCESS
