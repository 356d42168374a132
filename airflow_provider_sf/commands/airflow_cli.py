"""
The commands ``airflow service-fabric``, for Airflow 3.2 and newer. Older versions ignore the entry ``cli``.

Airflow imports this module for each of its commands. What a command needs is imported when it runs.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, NoReturn

from airflow.cli.cli_config import ARG_VERBOSE, ActionCommand, Arg, GroupCommand, lazy_load_command
from airflow.utils.cli import suppress_logs_and_warning

from airflow_provider_sf.commands import options as tables

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from airflow.cli.cli_config import CLICommand

_MODULE = "airflow_provider_sf.commands.airflow_cli"


def get_commands() -> list[CLICommand]:
    """Return the commands of this provider. Airflow finds this function by the provider info."""
    return [
        GroupCommand(
            name="service-fabric",
            help="Read and wait for upgrades on Azure Service Fabric",
            subcommands=(
                _command(
                    "status",
                    "Print the progress of the latest upgrade",
                    tables.NAME | tables.JSON | tables.CONN_ID,
                ),
                _command(
                    "wait",
                    "Wait until an upgrade has ended; the exit codes are those of sf-wait",
                    tables.NAME | tables.WAIT | tables.JSON | tables.CONN_ID,
                ),
            ),
        )
    ]


@suppress_logs_and_warning  # Airflow writes its log to the standard output, too
def status(options: argparse.Namespace) -> NoReturn:
    """Print the progress of the latest upgrade."""
    from airflow_provider_sf.commands.snapshot import snapshot  # noqa: PLC0415 - see above

    _run(snapshot, options)


@suppress_logs_and_warning
def wait(options: argparse.Namespace) -> NoReturn:
    """Wait until an upgrade has ended."""
    from airflow_provider_sf.commands import wait as waiting  # noqa: PLC0415 - see above

    _run(waiting.wait, options)


def _command(name: str, summary: str, options: tables.Options) -> ActionCommand:
    return ActionCommand(
        name=name,
        help=summary,
        func=lazy_load_command(f"{_MODULE}.{name}"),
        args=[*(Arg((flag,), **keywords) for flag, keywords in options.items()), ARG_VERBOSE],
    )


def _run(command: Callable[..., int], options: argparse.Namespace) -> NoReturn:
    from airflow_provider_sf.commands.running import run  # noqa: PLC0415 - see above
    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - see above

    # As in `airflow connections test`: without it, the connections in Airflow's database are not found.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    conn_id = options.conn_id
    sys.exit(
        run(
            command,
            options,
            lambda warn: ServiceFabricHook(conn_id, warn=warn),
            shlex.join(["airflow", *sys.argv[1:]]),
        )
    )
