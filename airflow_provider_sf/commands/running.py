"""Run a command: where it writes, what it reports if it cannot go on, and its exit code. No Airflow."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.commands.exit_codes import BROKEN, INVALID, exit_code_of
from airflow_provider_sf.commands.output import Log, OutputError
from airflow_provider_sf.commands.signals import Stopped, stoppable
from airflow_provider_sf.messages.stops import stopped_lines
from airflow_provider_sf.rest import ServiceFabricError
from airflow_provider_sf.wait.ends import end_by_error

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from airflow_provider_sf.hooks.upgrade_reads import UpgradeReads

    MakeCalls = Callable[[Callable[[str], object]], Any]
    """Returns the calls of a command. The argument receives the warnings."""


def run(
    command: Callable[[argparse.Namespace, Any, Log], int],
    options: argparse.Namespace,
    make_calls: MakeCalls,
    continuing: str,
) -> int:
    """
    Run a command and return its exit code.

    The log goes to the standard output; if the result is JSON, it goes to the standard error.

    :param continuing: the command line with which a person continues the command
    """
    errors = Log(sys.stderr, os.environ)
    log = errors if options.json else Log(sys.stdout, os.environ)
    calls: UpgradeReads = make_calls(lambda text: log.info("%s", text))
    try:
        with stoppable():
            return command(options, calls, log)
    except Stopped as stopped:
        for line in stopped_lines(str(stopped), continuing):
            errors.info("%s", line)
        return stopped.exit_code
    except ServiceFabricError as error:
        errors.info("error: %s", error)
        return exit_code_of(end_by_error(error))
    except calls.connection_errors as error:  # ValueError is one of them
        errors.info("error: %s", error)
        return INVALID
    except OutputError as error:
        errors.info("error: the output cannot be written: %s", error)
        if sys.stdout is not None:  # Python flushes it once more when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN
